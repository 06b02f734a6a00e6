"""The import paths that other packages use."""

import contextvars
import importlib
import sys
from typing import Any

import pytest

from tests.cases.case import head
from tests.doubles import MockTransport
from tests.protocols.http.classes import PUBLIC
from tests.protocols.http.connection import GET, Http1Connection, body, respond, start
from uvicorn.config import Config
from uvicorn.importer import import_from_string
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT, FlowControl
from uvicorn.protocols.http.http1 import Http1
from uvicorn.server import ServerState

# The attributes that subclasses read, as the public contract lists them.
ATTRIBUTES = (
    *("config", "app", "loop", "logger", "access_logger", "access_log", "transport", "flow", "server", "client"),
    *(
        "scheme",
        "scope",
        "headers",
        "cycle",
        "ws_protocol_class",
        "timeout_keep_alive_task",
        "server_state",
        "connections",
        "tasks",
    ),
)


@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("uvicorn.protocols.http.auto", ["AutoHTTPProtocol"]),
        ("uvicorn.protocols.http.h11_impl", ["H11Protocol", "RequestResponseCycle"]),
        ("uvicorn.protocols.http.httptools_impl", ["HttpToolsProtocol", "RequestResponseCycle"]),
        ("uvicorn.protocols.http.flow_control", ["FlowControl", "HIGH_WATER_LIMIT", "service_unavailable"]),
    ],
)
def test_names(module: str, names: list[str]) -> None:
    if "httptools" in module:
        pytest.importorskip("httptools")
    for name in names:
        assert hasattr(importlib.import_module(module), name)


def test_constants_of_httptools_impl() -> None:
    pytest.importorskip("httptools")
    from uvicorn.protocols.http.httptools_impl import HEADER_RE, HEADER_VALUE_RE, STATUS_LINE

    assert STATUS_LINE[404] == b"HTTP/1.1 404 Not Found\r\n"
    assert STATUS_LINE[599] == b"HTTP/1.1 599 \r\n"
    assert set(STATUS_LINE) == set(range(100, 600))
    assert HEADER_RE.search(b"x-name_1~") is None
    assert all(HEADER_RE.search(b"x" + bytes([byte])) for byte in b'\0\r\n\t ()<>@,;:\\"/[]?={}\x7f\x80')
    assert HEADER_VALUE_RE.search(b"a value\t\xff") is None
    assert all(HEADER_VALUE_RE.search(b"a" + bytes([byte])) for byte in b"\0\r\n\x0b\x7f")


def test_auto_prefers_httptools() -> None:
    pytest.importorskip("httptools")
    from uvicorn.protocols.http.auto import AutoHTTPProtocol
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

    assert AutoHTTPProtocol is HttpToolsProtocol


def test_auto_without_httptools(monkeypatch: pytest.MonkeyPatch) -> None:
    from uvicorn.protocols.http import auto
    from uvicorn.protocols.http.h11_impl import H11Protocol

    with monkeypatch.context() as without:
        without.setitem(sys.modules, "httptools", None)
        assert importlib.reload(auto).AutoHTTPProtocol is H11Protocol
    importlib.reload(auto)


async def test_attributes(connect: Any) -> None:
    connection: Http1Connection = connect(respond())
    await connection.ask(GET)
    protocol = connection.protocol
    for name in ATTRIBUTES:
        assert hasattr(protocol, name), name
    assert protocol.config is connection.config
    assert protocol.app is connection.config.loaded_app
    assert protocol.loop is connection.loop
    assert protocol.transport is connection.transport
    assert (protocol.server, protocol.client, protocol.scheme) == (("127.0.0.1", 8000), ("127.0.0.1", 12345), "http")
    assert protocol.scope["path"] == "/"
    assert protocol.headers == [(b"host", b"a.example")]
    assert protocol.server_state is connection.state
    assert protocol.connections is connection.state.connections
    assert protocol.tasks is connection.state.tasks
    assert protocol.logger.name == "uvicorn.error"
    assert protocol.access_logger.name == "uvicorn.access"


async def test_public_class_serves(parser: str) -> None:
    connection = Http1Connection(import_from_string(PUBLIC[parser]), respond()).feed(GET)
    assert (connection.wire, connection.loop.waiting) == (b"", 1)
    await connection.run()
    assert connection.statuses == [200]
    connection.lose()
    assert (connection.state.connections, connection.state.tasks) == (set(), set())


async def test_subclasses_may_override(http_protocol_cls: Any) -> None:
    class Counting(http_protocol_cls):  # type: ignore[misc]  # the class comes from a fixture
        received = 0

        def data_received(self, data: bytes) -> None:
            self.received += len(data)
            super().data_received(data)

    connection = Http1Connection(Counting, respond())
    assert (await connection.ask(GET)).status == 200
    assert connection.protocol.received == len(GET)


async def test_reset_contextvars(connect: Any) -> None:
    """Each request starts in an empty context, and no later request sees what it sets."""
    variable: contextvars.ContextVar[int] = contextvars.ContextVar("variable")
    variable.set(1)
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(variable.get(None))
        variable.set(2)
        await respond()(scope, receive, send)

    connection = connect(app, reset_contextvars=True)
    await connection.ask(GET)
    await connection.ask(GET)
    assert seen == [None, None]
    assert variable.get() == 1


async def test_flow_control() -> None:
    class Transport:
        def __init__(self) -> None:
            self.calls: list[str] = []

        def pause_reading(self) -> None:
            self.calls.append("pause")

        def resume_reading(self) -> None:
            self.calls.append("resume")

    transport = Transport()
    flow = FlowControl(transport)  # type: ignore[arg-type]  # a double
    assert HIGH_WATER_LIMIT == 65536
    assert (flow.read_paused, flow.write_paused) == (False, False)
    flow.resume_reading()
    flow.pause_reading()
    flow.pause_reading()
    assert flow.read_paused
    flow.resume_reading()
    assert transport.calls == ["pause", "resume"]
    await flow.drain()
    flow.pause_writing()
    assert flow.write_paused
    flow.resume_writing()
    assert not flow.write_paused
    await flow.drain()


async def test_a_config_that_is_not_loaded_is_loaded(http_protocol_cls: Any) -> None:
    config = Config(respond(), lifespan="off", log_config=None, ws="none")
    assert not config.loaded
    http_protocol_cls(config=config, server_state=ServerState(), app_state={})
    assert config.loaded


async def test_the_base_protocol_has_no_judge() -> None:
    config = Config(respond(), lifespan="off", log_config=None, ws="none")
    with pytest.raises(NotImplementedError):
        Http1(config=config, server_state=ServerState(), app_state={})
    for name in ("get_judge", "get_cycle_class"):
        public = {"get_judge": lambda self: None, "get_cycle_class": classmethod(lambda cls: None)}
        del public[name]
        with pytest.raises(NotImplementedError):
            type("Incomplete", (Http1,), public)(config=config, server_state=ServerState(), app_state={})


async def test_attributes_of_the_cycle(connect: Any) -> None:
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        cycle = connection.protocol.cycle

        def note() -> None:
            seen.append((cycle.response_started, cycle.response_complete, cycle.keep_alive))

        note()
        await send(start(200, (b"content-length", b"0")))
        note()
        await send(body())
        note()

    connection: Http1Connection = connect(app)
    await connection.run(GET)
    assert seen == [(False, False, True), (True, False, True), (True, True, True)]


async def test_attributes_before_the_first_request(connect: Any) -> None:
    protocol = connect(respond(), transport=MockTransport(sslcontext=True)).protocol
    assert (protocol.scheme, protocol.headers, protocol.scope, protocol.cycle) == ("https", [], None, None)
    assert (protocol.is_closed, protocol.keep_alive) == (False, False)
    assert connect(respond()).protocol.scheme == "http"


@pytest.mark.parametrize("proxy_headers", [False, True])
async def test_a_subclass_may_replace_the_application(http_protocol_cls: Any, proxy_headers: bool) -> None:
    class Replacing(http_protocol_cls):  # type: ignore[misc]  # the class comes from a fixture
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.app = respond(b"another")

    connection = Http1Connection(Replacing, respond(), proxy_headers=proxy_headers)
    for fields in ((), (b"X-Forwarded-For: 1.2.3.4",)):
        assert (await connection.ask(head(b"GET / HTTP/1.1", *fields))).body == b"another"
