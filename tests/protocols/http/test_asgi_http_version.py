"""ASGI over HTTP 2.4: `send` raises an OSError after the client has left. With version 2.3, `send` does nothing."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest

from tests.doubles import MockTransport
from tests.http2 import headers, reset
from tests.protocols.http.connection import GET, HELLO, Http1Connection, body, respond, send_all, start
from tests.waiting import turns
from uvicorn.protocols.utils import ClientDisconnected, stems_from_disconnect


class Sending:
    """An application that sends one part of a body whenever the test asks for it, and never receives."""

    def __init__(self, translate: Callable[[], None] | None = None) -> None:
        self.go_on = asyncio.Event()
        self.raised: list[BaseException] = []
        self.sent = 0
        self.translate = translate
        self.version = ""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.version = scope["asgi"]["spec_version"]
        await send(start())
        try:
            for _ in range(3):
                await send(body(b"part", True))
                self.sent += 1
                await self.go_on.wait()
        except OSError as exc:
            self.raised.append(exc)
            if self.translate is not None:
                self.translate()
            raise


def raise_another() -> None:
    raise RuntimeError("a framework's name for it")


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Callable[[], list[tuple[int, str]]]:
    """The log records about applications."""
    caplog.set_level(logging.DEBUG, logger="uvicorn.error")
    return lambda: [
        (record.levelno, record.getMessage()) for record in caplog.records if "application" in record.getMessage()
    ]


async def ask(connect: Any, app: Any, **options: Any) -> Http1Connection:
    connection: Http1Connection = connect(app, loop=asyncio.get_running_loop(), **options).feed(GET)
    await turns()
    return connection


def lose(connection: Any) -> None:
    connection.transport.closed = True
    connection.transport.protocol.connection_lost(None)


async def test_version_2_3_is_the_default(connect: Any, logged: Any) -> None:
    app = Sending()
    connection = await ask(connect, app)
    lose(connection)
    app.go_on.set()
    await turns()
    assert (app.version, app.sent, app.raised) == ("2.3", 3, [])
    assert logged() == []


@pytest.mark.parametrize("version", ["2.4", 2.4])
async def test_send_raises_after_the_client_has_left(connect: Any, version: Any, logged: Any) -> None:
    app = Sending()
    connection = await ask(connect, app, asgi_http_version=version)
    assert (app.version, app.sent) == ("2.4", 1)
    lose(connection)
    app.go_on.set()
    await turns()
    assert app.sent == 1
    assert [type(exc) for exc in app.raised] == [ClientDisconnected]
    assert isinstance(app.raised[0], OSError)
    assert logged() == []
    assert connection.state.tasks == set()


async def test_send_of_the_start_raises_too(connect: Any, logged: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        assert await receive() == {"type": "http.disconnect"}
        await respond()(scope, receive, send)

    connection = await ask(connect, app, asgi_http_version="2.4")
    lose(connection)
    await turns()
    assert connection.wire == b""
    assert logged() == []


async def test_a_send_that_waits_raises_when_the_client_leaves(connect: Any) -> None:
    app = Sending()
    app.go_on.set()
    transport = MockTransport()
    connection: Http1Connection = connect(
        app, loop=asyncio.get_running_loop(), transport=transport, asgi_http_version="2.4"
    )
    connection.protocol.pause_writing()
    connection.feed(GET)
    await turns()
    assert (app.sent, connection.wire) == (0, b"")
    lose(connection)
    await turns()
    assert connection.state.tasks == set()
    assert app.sent == 0


async def test_an_exception_raised_from_the_disconnect_is_not_logged_as_an_error(connect: Any, logged: Any) -> None:
    app = Sending(raise_another)
    connection = await ask(connect, app, asgi_http_version="2.4")
    lose(connection)
    app.go_on.set()
    await turns()
    # It is logged at level DEBUG, because a cleanup may be at fault and its developer must be able to find it.
    message = "Exception in ASGI application after its client had gone: GET /\n"
    assert logged() == [(logging.DEBUG, message)]


@pytest.mark.parametrize("gone", [True, False])
async def test_other_errors_are_logged(connect: Any, gone: bool, logged: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await go_on.wait()
        raise OSError("no such file")

    go_on = asyncio.Event()
    connection = await ask(connect, app, asgi_http_version="2.4")
    if gone:
        lose(connection)
    go_on.set()
    await turns()
    assert logged() == [(logging.ERROR, "Exception in ASGI application: GET /\n")]


async def test_a_half_closed_client_gets_its_response(connect: Any) -> None:
    app = Sending()
    connection = await ask(connect, app, asgi_http_version="2.4")
    connection.protocol.eof_received()
    app.go_on.set()
    await turns()
    assert (app.sent, app.raised) == (3, [])
    assert connection.wire.count(b"part") == 3


async def test_a_shutdown_ends_a_stream_that_only_sends(connect: Any, logged: Any) -> None:
    app = Sending()
    connection = await ask(connect, app, asgi_http_version="2.4")
    connection.protocol.shutdown()
    [exchange] = connection.protocol.exchanges
    exchange.end_streaming()
    app.go_on.set()
    await turns()
    assert app.sent == 1
    [response] = connection.responses()
    assert (response.body, response.whole) == (b"part", False)
    assert connection.transport.closed
    assert logged() == []


async def test_a_message_after_a_complete_response_is_an_error(connect: Any, logged: Any) -> None:
    connection = await ask(connect, send_all(respond(), body(b"more")), asgi_http_version="2.4")
    assert connection.wire.endswith(HELLO)
    assert logged() == [(logging.ERROR, "Exception in ASGI application: GET /\n")]


async def test_ignores_a_message_after_a_disconnect_that_follows_the_response(connect: Any, logged: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await respond()(scope, receive, send)
        await receive()
        assert await receive() == {"type": "http.disconnect"}
        await send(body(b"more"))

    connection = await ask(connect, app, asgi_http_version="2.4")
    assert connection.wire.endswith(HELLO)
    assert logged() == []
    assert not connection.transport.closed


async def test_a_replaced_exchange_stays_replaced(http_protocol_cls: Any, connect: Any, monkeypatch: Any) -> None:
    base = http_protocol_cls.get_cycle_class()
    calls = []

    async def run_asgi(self: Any, app: Any) -> None:
        calls.append(type(self))
        await base.run_asgi(self, app)

    replaced = type("Replaced", (base,), {"run_asgi": run_asgi})
    monkeypatch.setattr(http_protocol_cls, "get_cycle_class", classmethod(lambda cls: replaced))
    app = Sending()
    connection = await ask(connect, app, asgi_http_version="2.4")
    assert [issubclass(one, replaced) for one in calls] == [True]
    lose(connection)
    app.go_on.set()
    await turns()
    assert [type(exc) for exc in app.raised] == [ClientDisconnected]


@pytest.mark.parametrize("how", ["reset", "lost", "shutdown"])
async def test_send_raises_over_http2(connect_http2: Any, how: str, logged: Any) -> None:
    app = Sending()
    connection = connect_http2(app, asgi_http_version="2.4").feed(headers(1))
    await turns()
    assert (app.version, app.sent) == ("2.4", 1)
    if how == "reset":
        connection.feed(reset(1))
    elif how == "lost":
        lose(connection)
    else:
        [exchange] = connection.protocol.exchanges
        exchange.end_streaming()
    app.go_on.set()
    await turns()
    assert (app.sent, [type(exc) for exc in app.raised]) == (1, [ClientDisconnected])
    assert logged() == []
    assert (connection.answer(1).reset is not None) == (how == "shutdown")


# Errors that stem from a disconnect


class Group(Exception):
    """Like `ExceptionGroup`, which Python 3.10 lacks."""

    def __init__(self, *exceptions: Any) -> None:
        self.exceptions = exceptions


def chained(exc: BaseException, context: BaseException | None = None, cause: BaseException | None = None) -> Any:
    exc.__context__ = context
    exc.__cause__ = cause
    return exc


def a_circle() -> BaseException:
    one, two = KeyError("one"), KeyError("two")
    # `raise` breaks a cycle of contexts; this code sets the cycle by hand.
    one.__context__ = two
    two.__context__ = one
    return one


@pytest.mark.parametrize(
    ("exc", "expected"),
    [
        (ClientDisconnected(), True),
        (OSError(), False),
        (chained(KeyError(), ClientDisconnected()), True),
        (chained(KeyError(), chained(ValueError(), ClientDisconnected())), True),
        (chained(KeyError(), cause=ClientDisconnected()), True),
        (chained(KeyError(), ClientDisconnected(), ValueError()), False),
        (Group(ClientDisconnected(), chained(KeyError(), ClientDisconnected())), True),
        (Group(ClientDisconnected(), KeyError()), False),
        (Group(Group(ClientDisconnected())), True),
        (Group(), False),
        (Group("text"), False),
        (a_circle(), False),
    ],
)
def test_recognizes_errors_that_stem_from_a_disconnect(exc: BaseException, expected: bool) -> None:
    assert stems_from_disconnect(exc) is expected
