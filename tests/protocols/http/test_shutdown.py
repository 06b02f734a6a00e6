"""A graceful shutdown of one connection: an idle connection closes, a busy one finishes its response."""

import asyncio
from typing import Any

import pytest

from tests.cases.case import head
from tests.http2 import headers
from tests.protocols.http.connection import GET, HELLO, Http1Connection, Reads, Scopes, body, respond, start
from tests.waiting import turns
from uvicorn._speedups.http2_codes import INTERNAL_ERROR
from uvicorn.protocols.http.http1 import State


async def test_closes_a_connection_without_a_request(connect: Any) -> None:
    connection = connect(respond())
    connection.protocol.shutdown()
    assert connection.transport.closed
    assert connection.wire == b""


async def test_an_idle_connection_is_closed(connect: Any) -> None:
    connection = connect(respond())
    await connection.ask(GET)
    connection.protocol.shutdown()
    assert connection.transport.closed
    assert connection.wire == b""


async def test_a_busy_connection_finishes_and_sends_connection_close(connect: Any) -> None:
    connection = connect(respond()).feed(GET)
    connection.protocol.shutdown()
    assert not connection.transport.closed
    await connection.run()
    assert connection.wire.count(b"connection: close\r\n") == 1
    assert connection.statuses == [200]
    assert connection.transport.closed


async def test_a_client_that_keeps_its_half_open_does_not_delay_the_shutdown(connect: Any) -> None:
    connection = connect(respond(), full=True).feed(GET)
    connection.protocol.shutdown()
    await connection.run()
    assert connection.statuses == [200]
    assert connection.transport.closed
    assert not connection.transport.eof_written


async def test_a_streaming_response_is_finished(connect: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(start())
        await send(body(b"abc", True))
        connection.protocol.shutdown()
        await send(body(b"def"))

    connection: Http1Connection = connect(app)
    await connection.run(GET)
    [response] = connection.responses()
    assert (response.body, response.whole) == (b"abcdef", True)
    assert connection.transport.closed


async def test_the_current_response_of_a_pipeline_is_the_last(connect: Any) -> None:
    """The response that is being made has `connection: close`; the requests after it are not started."""
    app = Scopes()
    connection = connect(app).feed(head(b"GET /1 HTTP/1.1") + head(b"GET /2 HTTP/1.1") + head(b"GET /3 HTTP/1.1"))
    connection.protocol.shutdown()
    await connection.run_all()
    assert [scope["path"] for scope in app.scopes] == ["/1"]
    assert connection.statuses == [200]
    assert connection.wire.count(b"connection: close\r\n") == 1
    assert connection.transport.closed


async def test_reads_a_body_that_is_still_arriving(connect: Any) -> None:
    app = Reads()
    connection: Http1Connection = connect(app).feed(head(b"POST / HTTP/1.1", b"Content-Length: 5"))
    task = connection.loop.start_one()
    await asyncio.sleep(0)
    connection.protocol.shutdown()
    connection.feed(b"hello")
    await asyncio.wait_for(task, 5)
    assert app.events == [{"type": "http.request", "body": b"hello", "more_body": False}]
    assert connection.statuses == [200]
    assert connection.transport.closed


async def test_does_not_wait_for_half_a_request(connect: Any) -> None:
    connection = connect(respond()).feed(b"GET / HTTP/1.1\r\nHost: a.exa")
    connection.protocol.shutdown()
    assert connection.ended


async def test_a_second_shutdown(connect: Any) -> None:
    connection = connect(respond()).feed(GET)
    connection.protocol.shutdown()
    connection.protocol.shutdown()
    await connection.run()
    connection.protocol.shutdown()
    assert connection.statuses == [200]
    assert connection.transport.closed


async def test_a_shutdown_after_the_connection_is_lost(connect: Any) -> None:
    connection = connect(respond())
    connection.lose()
    connection.protocol.shutdown()
    assert connection.wire == b""


async def test_the_server_is_notified_of_its_last_request(connect: Any) -> None:
    reached = []
    connection = connect(respond())
    connection.state.request_limit = 2
    connection.state.on_request_limit = lambda: reached.append(connection.state.total_requests)
    for _ in range(3):
        await connection.ask(GET)
    assert reached == [2]


async def test_a_draining_server_keeps_no_connection(connect: Any) -> None:
    connection = connect(respond())
    connection.state.draining = True
    await connection.run(GET)
    assert connection.wire.count(b"connection: close\r\n") == 1
    assert connection.transport.closed


class Waiting:
    """An application that answers in a later turn of the loop, and then calls the given function."""

    def __init__(self) -> None:
        self.calls = 0
        self.then: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.calls += 1
        await asyncio.sleep(0)
        await respond()(scope, receive, send)
        if self.calls == 1:
            self.then()


async def test_a_request_that_waits_for_the_next_turn_is_the_last(connect: Any) -> None:
    app = Waiting()
    connection: Http1Connection = connect(app, loop=asyncio.get_running_loop())
    states = []

    def shut_down() -> None:
        states.append(connection.protocol.state)
        connection.protocol.shutdown()

    app.then = shut_down
    connection.feed(GET * 3)
    await turns()
    assert states == [State.QUEUED]
    assert connection.statuses == [200, 200]
    assert connection.wire.count(b"connection: close\r\n") == 1
    assert connection.wire.endswith(HELLO)
    assert connection.transport.closed
    assert app.calls == 2


async def test_does_not_serve_a_waiting_request_of_a_lost_connection(connect: Any) -> None:
    app = Waiting()
    connection: Http1Connection = connect(app, loop=asyncio.get_running_loop())

    def lose() -> None:
        connection.lose()

    app.then = lose
    connection.feed(GET * 3)
    await turns()
    assert app.calls == 1
    assert connection.state.tasks == set()


async def test_nothing_is_served_after_the_shutdown_of_an_idle_connection(connect: Any) -> None:
    """A transport may deliver bytes that it read before the shutdown."""
    connection = connect(respond())
    connection.protocol.shutdown()
    assert connection.protocol.is_closed
    connection.feed(GET)
    assert connection.loop.waiting == 0


class Streaming:
    """An application that streams until it gets a disconnect, and then sends the given messages."""

    def __init__(self, *messages: Any, body: bool = False) -> None:
        self.messages = messages
        self.body = body
        self.events: list[Any] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self.body:
            self.events.append(await receive())
        await send(start())
        await send(body(b"one", True))
        while not self.events or self.events[-1]["type"] == "http.request":
            self.events.append(await receive())
        self.events.append(await receive())
        for message in self.messages:
            await send(message)


@pytest.mark.parametrize("messages", [(), (body(b"two", True),), (body(b"two"),)])
@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
async def test_a_stream_that_is_ended_never_looks_complete(
    connect: Any, version: bytes, messages: tuple[Any, ...], caplog: pytest.LogCaptureFixture
) -> None:
    """Middleware completes responses after a disconnect, even if they are too short."""
    app = Streaming(*messages)
    connection: Http1Connection = connect(app, loop=asyncio.get_running_loop(), full=True)
    connection.feed(head(b"GET / HTTP/%b" % version))
    await turns()
    connection.protocol.shutdown()
    [exchange] = connection.protocol.exchanges
    assert exchange.is_streaming
    exchange.end_streaming()
    await turns()
    assert [event["type"] for event in app.events] == ["http.request", "http.disconnect", "http.disconnect"]
    [response] = connection.responses()
    assert response.body == b"one"
    # For this client, a normal end of the connection would mean the end of the body.
    assert connection.transport.aborted if version == b"1.0" else not response.whole
    assert connection.transport.closed
    assert caplog.text == ""


async def test_a_stream_that_waits_for_its_body_is_ended(connect: Any) -> None:
    """The application receives the arrived part of the body before the disconnect."""
    app = Streaming(body=True)
    connection: Http1Connection = connect(app, loop=asyncio.get_running_loop())
    connection.feed(head(b"POST / HTTP/1.1", b"Content-Length: 9") + b"abc")
    await turns()
    [exchange] = connection.protocol.exchanges
    connection.protocol.shutdown()
    connection.feed(b"def")
    exchange.end_streaming()
    await turns()
    assert [event.get("body") for event in app.events] == [b"abc", b"def", None, None]
    assert connection.transport.closed


async def test_a_response_that_has_not_started_is_not_a_stream(connect: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await release.wait()
        await respond()(scope, receive, send)

    release = asyncio.Event()
    connection: Http1Connection = connect(app, loop=asyncio.get_running_loop())
    assert connection.protocol.exchanges == ()
    connection.feed(GET)
    await turns()
    [exchange] = connection.protocol.exchanges
    assert not exchange.is_streaming
    release.set()
    await turns()
    assert not exchange.is_streaming
    assert connection.statuses == [200]
    assert connection.protocol.exchanges == ()


@pytest.mark.parametrize("messages", [(), (body(b"two"),)])
async def test_streams_of_http2_are_ended(
    connect_http2: Any, messages: tuple[Any, ...], caplog: pytest.LogCaptureFixture
) -> None:
    connection = connect_http2(Streaming(*messages))
    assert connection.protocol.exchanges == []
    connection.feed(headers(1), headers(3))
    await turns()
    exchanges = connection.protocol.exchanges
    assert [exchange.is_streaming for exchange in exchanges] == [True, True]
    connection.protocol.shutdown()
    for exchange in exchanges:
        exchange.end_streaming()
    for stream in (1, 3):
        answer = await connection.get(stream)
        assert (answer.body, answer.ended, answer.reset) == (b"one", False, INTERNAL_ERROR)
    assert connection.protocol.exchanges == []
    assert caplog.text == ""
