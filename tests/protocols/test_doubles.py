"""Protocol classes on the smallest doubles of a loop and a transport that other projects drive them with."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tests.cases.case import head
from tests.cases.outcome import parse_responses
from tests.protocols.http.classes import PUBLIC
from tests.protocols.http.connection import GET, HELLO, post, respond
from tests.protocols.websockets.connection import request as handshake
from tests.protocols.websockets.frames import close, frame
from tests.waiting import turns
from uvicorn import _speedups
from uvicorn.config import Config
from uvicorn.importer import import_from_string
from uvicorn.server_state import ServerState


class Strict:
    """An object of which nothing else may be asked, not even whether it has it."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{type(self).__name__} was asked for {name!r}")


class Task(Strict):
    def __init__(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self.coroutine = coroutine
        self.callbacks: list[Callable[[Any], object]] = []

    def add_done_callback(self, callback: Callable[[Any], object]) -> None:
        self.callbacks.append(callback)


class Handle(Strict):
    def __init__(self, callback: Callable[..., object]) -> None:
        self.callback: Callable[..., object] | None = callback

    def cancel(self) -> None:
        self.callback = None


class Loop(Strict):
    def __init__(self) -> None:
        self.tasks: list[Task] = []
        self.timers: dict[float, Handle] = {}

    def create_task(self, coroutine: Coroutine[Any, Any, None], /) -> Task:
        self.tasks.append(Task(coroutine))
        return self.tasks[-1]

    def call_later(self, delay: float, callback: Callable[..., object], /) -> Handle:
        handle = self.timers[delay] = Handle(callback)
        return handle

    def start(self) -> "asyncio.Task[None]":
        task = self.tasks.pop(0)

        async def run() -> None:
            await task.coroutine
            for callback in task.callbacks:
                callback(task)

        return asyncio.ensure_future(run())

    async def run(self) -> None:
        while self.tasks:
            await asyncio.wait_for(self.start(), 5)

    def fire(self, delay: float) -> None:
        callback = self.timers.pop(delay).callback
        assert callback is not None
        callback()


class Transport:
    """Anything else that is asked of it is missing: there may be only a look whether it is there."""

    def __init__(self, protocol: Any) -> None:
        self.protocol = protocol
        self.written = b""
        self.closed = self.paused = False

    def get_extra_info(self, name: str) -> Any:
        return {"sockname": ("127.0.0.1", 8000), "peername": ("127.0.0.1", 9)}.get(name)

    def write(self, data: bytes) -> None:
        assert not self.closed, "written after close"
        self.written += data

    def close(self) -> None:
        assert not self.closed, "closed twice"
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        assert not self.paused
        self.paused = True

    def resume_reading(self) -> None:
        assert self.paused
        self.paused = False

    def set_protocol(self, protocol: Any) -> None:
        self.protocol = protocol


class Driver:
    """A protocol of a public class on the doubles."""

    def __init__(self, protocol_class: Any, app: Any, **options: Any) -> None:
        config = Config(
            app, **{"lifespan": "off", "log_config": None, "ws": "none", "timeout_keep_alive": 3, **options}
        )
        self.state = ServerState()
        self.loop = Loop()
        protocol = protocol_class(config=config, server_state=self.state, app_state={}, _loop=self.loop)
        self.transport = Transport(protocol)
        protocol.connection_made(self.transport)

    @property
    def protocol(self) -> Any:
        return self.transport.protocol

    async def ask(self, data: bytes) -> list[tuple[int, bytes]]:
        self.protocol.data_received(data)
        await self.loop.run()
        return self.answers()

    def answers(self) -> list[tuple[int, bytes]]:
        written, self.transport.written = self.transport.written, b""
        return [(answer.status, answer.body) for answer in parse_responses(written, [], ended=self.transport.closed)]


@pytest.fixture
def http_class(parser: str, build: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The public class itself, on one build."""
    cls = import_from_string(PUBLIC[parser])
    speedups = _speedups.load(build)
    monkeypatch.setattr(cls, "request_reader_class", speedups.RequestReader)
    monkeypatch.setattr(cls, "response_framer_class", speedups.ResponseFramer)
    return cls


async def echo(scope: Any, receive: Any, send: Any) -> None:
    body = b""
    while True:
        event = await receive()
        body += event["body"]
        if not event["more_body"]:
            break
    await respond(body)(scope, receive, send)


async def test_requests(http_class: Any) -> None:
    driver = Driver(http_class, echo)
    assert await driver.ask(GET) == [(200, b"")]
    assert await driver.ask(post(b"hello")) == [(200, b"hello")]
    chunked = head(b"POST / HTTP/1.1", b"Transfer-Encoding: chunked")
    assert await driver.ask(chunked + b"2\r\nhi\r\n0\r\n\r\n") == [(200, b"hi")]
    assert await driver.ask(GET + post(b"2") + GET) == [(200, b""), (200, b"2"), (200, b"")]
    assert await driver.ask(head(b"GET / HTTP/1.1", b"Connection: close")) == [(200, b"")]
    assert driver.transport.closed
    driver.protocol.connection_lost(None)
    assert (driver.state.connections, driver.state.tasks) == (set(), set())


async def test_the_application_waits_for_its_owner(http_class: Any) -> None:
    driver = Driver(http_class, respond())
    driver.protocol.data_received(GET)
    assert driver.transport.written == b""
    assert len(driver.state.tasks) == len(driver.loop.tasks) == 1
    await driver.loop.run()
    assert driver.answers() == [(200, HELLO)]
    assert driver.state.tasks == set()


async def test_body_in_pieces(http_class: Any) -> None:
    """Reading pauses while the application is behind."""
    driver = Driver(http_class, echo)
    request = head(b"POST / HTTP/1.1", b"Content-Length: 100000", b"Expect: 100-continue")
    driver.protocol.data_received(request)
    task = driver.loop.start()
    await asyncio.sleep(0)
    assert driver.answers() == [(100, b"")]
    driver.protocol.data_received(b"a" * 50000)
    driver.protocol.data_received(b"b" * 50000)
    assert driver.transport.paused
    await asyncio.wait_for(task, 5)
    assert not driver.transport.paused
    assert driver.answers() == [(200, b"a" * 50000 + b"b" * 50000)]


async def test_paused_writing(http_class: Any) -> None:
    driver = Driver(http_class, respond())
    driver.protocol.pause_writing()
    driver.protocol.data_received(GET)
    task = driver.loop.start()
    await asyncio.sleep(0)
    assert driver.transport.written == b""
    driver.protocol.resume_writing()
    await asyncio.wait_for(task, 5)
    assert driver.answers() == [(200, HELLO)]


async def test_stream(http_class: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200})
        for part in (b"a", b"b", b""):
            await send({"type": "http.response.body", "body": part, "more_body": part != b""})

    driver = Driver(http_class, app)
    assert await driver.ask(GET + GET) == [(200, b"ab")] * 2


async def test_idle_timeout(http_class: Any) -> None:
    driver = Driver(http_class, respond())
    assert driver.protocol.timeout_keep_alive_task is None
    driver.protocol.data_received(GET[:5])
    assert driver.protocol.timeout_keep_alive_task is None
    driver.protocol.data_received(GET[5:])
    assert driver.protocol.timeout_keep_alive_task is None
    await driver.loop.run()
    handle = driver.protocol.timeout_keep_alive_task
    assert handle is driver.loop.timers[3]
    await driver.ask(GET)
    assert handle.callback is None
    driver.protocol.data_received(GET[:5])
    assert driver.protocol.timeout_keep_alive_task is None
    await driver.ask(GET[5:])
    assert not driver.transport.closed
    driver.loop.fire(3)
    assert driver.transport.closed
    assert driver.protocol.timeout_keep_alive_task is None
    driver.protocol.connection_lost(None)


@pytest.mark.parametrize("before", [b"", GET])
async def test_bad_request(http_class: Any, before: bytes) -> None:
    driver = Driver(http_class, respond())
    expected = [(200, HELLO)] if before else []
    assert await driver.ask(before + b"GET  / HTTP/1.1\r\n\r\n") == [
        *expected,
        (400, b"Invalid HTTP request received."),
    ]
    assert driver.transport.closed
    driver.protocol.data_received(GET)
    driver.protocol.eof_received()
    driver.protocol.connection_lost(None)


@pytest.mark.parametrize("started", [False, True])
async def test_failing_application(http_class: Any, started: bool) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if started:
            await send({"type": "http.response.start", "status": 200})
            await send({"type": "http.response.body", "body": b"a", "more_body": True})
        raise ZeroDivisionError

    driver = Driver(http_class, app)
    driver.protocol.data_received(GET + GET)
    await driver.loop.run()
    if not started:
        assert driver.answers() == [(500, b"Internal Server Error")]
    assert driver.transport.closed
    driver.protocol.connection_lost(None)


@pytest.mark.parametrize("moment", ["new", "idle", "serving", "closing"])
async def test_shutdown(http_class: Any, moment: str) -> None:
    driver = Driver(http_class, respond())
    if moment != "new":
        await driver.ask(GET if moment == "idle" else b"")
    if moment == "serving":
        driver.protocol.data_received(GET)
    if moment == "closing":
        await driver.ask(head(b"GET / HTTP/1.1", b"Connection: close"))
    driver.protocol.shutdown()
    await driver.loop.run()
    assert driver.transport.closed
    if moment == "serving":
        assert b"\r\nconnection: close\r\n" in driver.transport.written
    driver.protocol.connection_lost(None)


@pytest.mark.parametrize("moment", ["before", "during", "after"])
async def test_lost_connection(http_class: Any, moment: str) -> None:
    events = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        events.append(await receive())
        await respond()(scope, receive, send)

    driver = Driver(http_class, app)
    driver.protocol.data_received(GET)
    task = driver.loop.start() if moment != "before" else None
    await asyncio.sleep(0)
    driver.transport.closed = True
    driver.protocol.connection_lost(None if moment == "after" else ConnectionResetError())
    await asyncio.wait_for(task or driver.loop.start(), 5)
    assert driver.transport.written == b""


@pytest.mark.parametrize("ending", ["client", "application", "error", "shutdown", "lost"])
async def test_websocket(http_class: Any, ws_protocol_cls: Any, ending: str) -> None:
    events = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        events.append(await receive())
        await send({"type": "websocket.accept"})
        events.append(await receive())
        await send({"type": "websocket.send", "text": "hello"})
        if ending == "application":
            await send({"type": "websocket.close"})
        if ending == "error":
            raise ZeroDivisionError
        events.append(await receive())

    driver = Driver(http_class, app, ws=ws_protocol_cls)
    http = driver.protocol
    driver.protocol.data_received(handshake())
    assert driver.protocol is not http
    task = driver.loop.start()
    await turns()
    assert driver.transport.written.startswith(b"HTTP/1.1 101 ")
    driver.protocol.data_received(frame(1, b"hi"))
    await turns()
    assert driver.transport.written.endswith(b"\x81\x05hello") or ending in ("application", "error")
    if ending == "shutdown":
        driver.protocol.shutdown()
    if ending != "lost":
        driver.protocol.data_received(close())
    else:
        driver.transport.closed = True
    driver.protocol.connection_lost(None)
    await asyncio.wait_for(task, 5)
    assert driver.transport.closed
    assert [event["type"] for event in events[:2]] == ["websocket.connect", "websocket.receive"]
    assert (driver.state.connections, driver.state.tasks) == (set(), set())


async def test_websocket_refused(http_class: Any, ws_protocol_cls: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.close"})

    driver = Driver(http_class, app, ws=ws_protocol_cls)
    assert await driver.ask(handshake()) == [(403, b"")]
    assert driver.transport.closed
    driver.protocol.connection_lost(None)


async def test_websocket_class_alone(ws_protocol_cls: Any) -> None:
    """As programs construct it: it reads the handshake itself."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await receive()

    driver = Driver(ws_protocol_cls, app)
    driver.protocol.data_received(handshake())
    task = driver.loop.start()
    await asyncio.sleep(0)
    driver.protocol.data_received(close())
    await asyncio.wait_for(task, 5)
    assert driver.transport.closed
    assert await Driver(ws_protocol_cls, app).ask(GET) != []
