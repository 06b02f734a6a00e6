"""What the application receives: the body, its end, and the disconnect (ASGI specification, HTTP)."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.cases.case import head
from tests.doubles import FullTransport
from tests.protocols.http.connection import GET, Http1Connection, Reads, body, post, respond, start
from tests.waiting import turns
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.http1 import State

CHUNKED = head(b"POST / HTTP/1.1", b"Transfer-Encoding: chunked")

INTERIM = b"HTTP/1.1 100 Continue\r\n\r\n"
EXPECT = head(b"POST / HTTP/1.1", b"Expect: 100-continue", b"Content-Length: 5")
DISCONNECT = {"type": "http.disconnect"}


def request(data: bytes = b"", more_body: bool = False) -> dict[str, Any]:
    return {"type": "http.request", "body": data, "more_body": more_body}


class Listener:
    """An application that receives when the test asks for it, and then answers."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.steps: asyncio.Queue[bool] = asyncio.Queue()
        self.took: asyncio.Queue[None] = asyncio.Queue()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        while await self.steps.get():
            self.events.append(await receive())
            self.took.put_nowait(None)
        await respond()(scope, receive, send)

    async def receive(self) -> Any:
        """Let the application receive once, and return the event."""
        self.steps.put_nowait(True)
        await asyncio.wait_for(self.took.get(), 5)
        return self.events[-1]

    async def wait(self) -> None:
        """Let the application start to receive something that has not arrived yet."""
        self.steps.put_nowait(True)
        await turns()

    def finish(self) -> None:
        self.steps.put_nowait(False)


@contextlib.asynccontextmanager
async def listening(connect: Any, data: bytes) -> AsyncIterator[tuple[Http1Connection, Listener]]:
    """A connection that has received the bytes, with its application, which answers at the end of the block."""
    app = Listener()
    connection = connect(app).feed(data)
    task = connection.loop.start_one()
    yield connection, app
    app.finish()
    await task


async def test_no_body(connect: Any) -> None:
    async with listening(connect, GET) as (connection, app):
        assert await app.receive() == request()
    assert connection.statuses == [200]


async def test_receives_an_arrived_body_at_once(connect: Any) -> None:
    async with listening(connect, post(b"hello")) as (_, app):
        assert await app.receive() == request(b"hello")


async def test_receives_everything_buffered_in_one_event(connect: Any) -> None:
    app = Listener()
    connection = connect(app)
    data = post(b"x" * 30)
    for position in range(len(data) - 10):
        connection.feed(data[position : position + 1])
    task = connection.loop.start_one()
    assert await app.receive() == request(b"x" * 20, more_body=True)
    connection.feed(data[-10:])
    assert await app.receive() == request(b"x" * 10)
    app.finish()
    await task


async def test_wakes_an_application_that_waits(connect: Any) -> None:
    async with listening(connect, head(b"POST / HTTP/1.1", b"Transfer-Encoding: chunked")) as (connection, app):
        await app.wait()
        assert app.events == []
        connection.feed(b"3\r\nabc\r\n")
        await turns()
        assert app.events == [request(b"abc", more_body=True)]
        await app.wait()
        connection.feed(b"0\r\n\r\n")
        await turns()
        assert app.events[1:] == [request()]


async def test_chunks_are_joined(connect: Any) -> None:
    app = Listener()
    connection = connect(app)
    connection.feed(
        head(b"POST / HTTP/1.1", b"Transfer-Encoding: chunked") + b"3\r\nabc\r\n1;x=y\r\nd\r\n0\r\nT: v\r\n\r\n"
    )
    task = connection.loop.start_one()
    assert await app.receive() == request(b"abcd")
    app.finish()
    await task


async def test_pauses_reading_above_the_high_water_mark(connect: Any) -> None:
    app = Listener()
    connection = connect(app)
    assert HIGH_WATER_LIMIT == 65536
    task = connection.feed(head(b"POST / HTTP/1.1", b"Content-Length: 200000")).loop.start_one()
    connection.feed(b"x" * HIGH_WATER_LIMIT)
    assert connection.transport.reading
    connection.feed(b"x")
    assert not connection.transport.reading
    assert await app.receive() == request(b"x" * (HIGH_WATER_LIMIT + 1), more_body=True)
    assert connection.transport.reading
    connection.feed(b"y" * (200000 - HIGH_WATER_LIMIT - 1))
    assert (await app.receive())["more_body"] is False
    assert connection.transport.reading
    app.finish()
    await task
    assert connection.statuses == [200]


async def test_resumes_reading_after_a_body_that_was_not_received(connect: Any) -> None:
    app = Listener()
    connection = connect(app).feed(post(b"x" * 70000))
    assert not connection.transport.reading
    task = connection.loop.start_one()
    app.finish()
    await task
    assert connection.transport.reading
    connection.transport.clear_buffer()
    app.finish()
    assert (await connection.ask(GET)).status == 200


async def test_receives_a_disconnect_after_the_response(connect: Any) -> None:
    events = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await respond()(scope, receive, send)
        events.append(await receive())
        events.append(await receive())

    await connect(app).run(GET)
    assert events == [DISCONNECT, DISCONNECT]


async def test_a_receive_during_the_response_gets_the_disconnect(connect: Any) -> None:
    """A streaming response waits for the disconnect in one task, while another task sends."""
    events = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()

        async def listen() -> None:
            events.append(await receive())

        listening = asyncio.ensure_future(listen())
        await turns()
        assert events == []
        await respond()(scope, receive, send)
        await listening

    await connect(app).run(GET)
    assert events == [DISCONNECT]


@pytest.mark.parametrize("error", [None, ConnectionResetError()], ids=["eof", "reset"])
async def test_receives_a_disconnect_while_waiting_for_the_body(connect: Any, error: Exception | None) -> None:
    async with listening(connect, head(b"POST / HTTP/1.1", b"Content-Length: 5")) as (connection, app):
        await app.wait()
        connection.lose(error)
        await turns()
        assert app.events == [DISCONNECT]
        assert await app.receive() == DISCONNECT
    assert connection.wire == b""


async def test_receives_a_disconnect_from_before_the_application_ran(connect: Any) -> None:
    app = Listener()
    connection = connect(app).feed(head(b"POST / HTTP/1.1", b"Content-Length: 5") + b"he")
    connection.lose()
    task = connection.loop.start_one()
    assert await app.receive() == DISCONNECT
    app.finish()
    await task
    assert connection.wire == b""


async def test_receives_a_disconnect_after_the_whole_body(connect: Any) -> None:
    async with listening(connect, post(b"hello")) as (connection, app):
        assert await app.receive() == request(b"hello")
        await app.wait()
        assert len(app.events) == 1
        connection.lose()
        await turns()
        assert app.events[1:] == [DISCONNECT]


async def test_receives_a_disconnect_if_the_input_ends_within_the_body(connect: Any) -> None:
    async with listening(connect, head(b"POST / HTTP/1.1", b"Content-Length: 5") + b"he") as (connection, app):
        if not connection.protocol.eof_received() and not connection.transport.closed:
            connection.transport.close()
            connection.lose()
        assert await app.receive() == DISCONNECT


async def test_a_half_closed_client_is_answered(connect: Any) -> None:
    async with listening(connect, post(b"hello")) as (connection, app):
        assert await app.receive() == request(b"hello")
        assert connection.protocol.eof_received()
        assert not connection.transport.closed
    assert connection.statuses == [200]
    assert connection.transport.closed


async def test_continue_is_sent_when_the_application_first_receives(connect: Any) -> None:
    app = Listener()
    connection = connect(app).feed(EXPECT)
    task = await connection.start()
    assert connection.wire == b""
    await app.wait()
    assert connection.wire == INTERIM
    connection.feed(b"hello")
    await turns()
    assert app.events == [request(b"hello")]
    app.finish()
    await task
    assert connection.wire.startswith(INTERIM + b"HTTP/1.1 200 OK\r\n")
    assert connection.statuses == [100, 200]
    assert not connection.ended


async def test_continue_is_sent_once(connect: Any) -> None:
    async with listening(connect, EXPECT) as (connection, app):
        await app.wait()
        for byte in b"hello":
            connection.feed(bytes([byte]))
            await turns()
            await app.wait()
        await turns()
        connection.lose()
    assert connection.wire.count(INTERIM) == 1


async def test_no_continue_once_the_response_has_started(connect: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(start(413, (b"content-length", b"2")))
        await send(body(b"no"))
        await receive()

    connection = await connect(app).run(EXPECT)
    assert connection.statuses == [413]
    # The client may or may not send the body, so the connection cannot be used again.
    assert b"connection: close\r\n" in connection.wire


async def test_no_continue_for_http_10(connect: Any) -> None:
    async with listening(connect, EXPECT.replace(b"1.1", b"1.0")) as (connection, app):
        await app.wait()
        assert connection.wire == b""
        connection.feed(b"hello")
    assert connection.statuses == [200]


async def test_no_continue_after_the_client_has_left(connect: Any) -> None:
    app = Listener()
    connection = connect(app).feed(EXPECT)
    connection.lose()
    task = connection.loop.start_one()
    assert await app.receive() == DISCONNECT
    app.finish()
    await task
    assert connection.wire == b""


async def test_a_disconnect_wakes_two_receivers(connect: Any) -> None:
    """A second receive that starts while the first one waits is woken too."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        first, second = asyncio.ensure_future(receive()), asyncio.ensure_future(receive())
        await turns()
        connection.lose()
        assert await asyncio.wait_for(first, 5) == DISCONNECT
        assert await asyncio.wait_for(second, 5) == DISCONNECT

    connection: Http1Connection = connect(app)
    await connection.run(head(b"POST / HTTP/1.1", b"Content-Length: 5"))


async def test_a_cancelled_receive_loses_nothing(connect: Any) -> None:
    events = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        waiting = asyncio.ensure_future(receive())
        await turns()
        waiting.cancel()
        await turns()
        connection.feed(b"hello")
        events.append(await asyncio.wait_for(receive(), 5))
        await respond()(scope, receive, send)

    connection: Http1Connection = connect(app)
    await connection.run(head(b"POST / HTTP/1.1", b"Content-Length: 5"))
    assert events == [request(b"hello")]


@pytest.mark.parametrize("bad", [b"zz\r\n", b"3\r\nabcd\r\n"], ids=["size", "data"])
async def test_an_invalid_body_is_a_400_before_the_response(connect: Any, bad: bytes) -> None:
    app = Reads()
    connection: Http1Connection = connect(app).feed(CHUNKED + b"3\r\nabc\r\n")
    task = await connection.start()
    connection.feed(bad)
    await asyncio.wait_for(task, 5)
    assert [event["type"] for event in app.events] == ["http.request", "http.disconnect"]
    assert connection.statuses == [400]
    assert connection.ended


async def test_an_invalid_body_cuts_off_a_started_response(connect: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(start())
        await send(body(b"abc", True))
        await receive()
        await send(body(b"def"))

    connection: Http1Connection = connect(app).feed(CHUNKED)
    task = await connection.start()
    connection.feed(b"zz\r\n")
    await asyncio.wait_for(task, 5)
    [response] = connection.responses()
    assert (response.status, response.whole) == (200, False)
    assert connection.transport.closed


async def test_an_invalid_body_after_the_whole_response_ends_the_connection(connect: Any) -> None:
    connection = await connect(respond()).run(CHUNKED)
    connection.feed(b"zz\r\n" + GET)
    assert connection.statuses == [200]
    assert connection.ended
    assert connection.loop.waiting == 0


async def test_no_continue_on_a_transport_that_closes(connect: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()

    connection: Http1Connection = connect(app)
    connection.feed(head(b"POST / HTTP/1.1", b"Expect: 100-continue", b"Content-Length: 5"))
    connection.transport.close()
    task = await connection.start()
    connection.lose()
    await asyncio.wait_for(task, 5)
    assert connection.wire == b""


async def test_a_cancelled_receive_does_not_affect_another(connect: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        first, second = asyncio.ensure_future(receive()), asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
        connection.feed(b"hello")
        assert (await asyncio.wait_for(second, 5))["body"] == b"hello"
        # The receiver is woken and cancelled in the same pass.
        third = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        await respond()(scope, receive, send)
        third.cancel()
        await asyncio.wait([third], timeout=5)
        assert third.done()

    connection: Http1Connection = connect(app)
    await connection.run(head(b"POST / HTTP/1.1", b"Content-Length: 5"))
    assert connection.statuses == [200]


async def test_a_receive_cancelled_just_before_the_body_arrives_loses_nothing(connect: Any) -> None:
    events = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        waiting = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        waiting.cancel()
        connection.feed(b"hello")
        await asyncio.wait([waiting], timeout=5)
        assert waiting.cancelled()
        events.append(await asyncio.wait_for(receive(), 5))
        await respond()(scope, receive, send)

    connection: Http1Connection = connect(app)
    await connection.run(head(b"POST / HTTP/1.1", b"Content-Length: 5"))
    assert [event["body"] for event in events] == [b"hello"]


async def test_no_continue_between_the_start_and_the_body_of_a_response(connect: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(start(200, (b"content-length", b"2")))
        assert (await receive())["body"] == b"hello"
        await send(body(b"ok"))

    connection = connect(app).feed(EXPECT)
    task = await connection.start()
    connection.feed(b"hello")
    await task
    assert connection.statuses == [200]


async def test_no_continue_after_a_refusal(connect: Any) -> None:
    """The server has closed its half of the connection and may write nothing more."""
    events = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        events.append(await receive())

    connection = connect(app, full=True)
    connection.feed(head(b"POST / HTTP/1.1", b"Transfer-Encoding: chunked", b"Expect: 100-continue"))
    await connection.run(b"zz\r\n")
    assert events == [DISCONNECT]
    assert connection.statuses == [400]
    assert connection.transport.eof_written


async def test_a_body_in_several_parts_has_the_type_bytes(connect: Any) -> None:
    events = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        events.append(await receive())
        await respond()(scope, receive, send)

    connection = connect(app)
    for part in (EXPECT, b"he", b"l", b"lo"):
        connection.feed(part)
    await connection.run()
    assert events == [request(b"hello")]
    assert type(events[0]["body"]) is bytes


async def test_an_idle_client_that_ends_its_half_is_closed_at_once(connect: Any) -> None:
    for asks in (False, True):
        connection = connect(respond(), full=True)
        if asks:
            await connection.ask(GET)
        assert not connection.protocol.eof_received()
        assert connection.protocol.is_closed
        assert connection.transport.closed
        assert connection.wire == b""


@pytest.mark.parametrize("asked", [False, True], ids=["first", "second"])
async def test_answers_400_if_the_input_ends_within_a_head(
    connect: Any, asked: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="uvicorn.error")
    connection = connect(respond(), full=True)
    if asked:
        await connection.ask(GET)
    connection.feed(GET[:20])
    assert not connection.protocol.eof_received()
    assert connection.statuses == [400]
    assert connection.transport.closed
    assert caplog.messages[-1].endswith("answered with 400: the connection ended within a request")


async def test_a_half_closed_client_within_its_body_is_refused(connect: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="uvicorn.error")
    connection = connect(respond(), full=True).feed(head(b"POST / HTTP/1.1", b"Content-Length: 5") + b"hell")
    assert not connection.protocol.eof_received()
    await connection.run()
    assert connection.statuses == [400]
    assert connection.transport.closed
    assert caplog.messages[-1].endswith("answered with 400: the connection ended within a request")


async def test_a_client_that_ends_its_half_after_an_early_response_is_closed(connect: Any) -> None:
    connection = await connect(respond(), full=True).run(head(b"POST / HTTP/1.1", b"Content-Length: 5"))
    assert connection.protocol.state is State.DRAINING
    assert not connection.protocol.eof_received()
    assert connection.transport.closed
    assert connection.statuses == [200]
    assert connection.loop.timers == []


@pytest.mark.parametrize("secure", [False, True])
async def test_tls_has_no_half_closed_connections(connect: Any, secure: bool) -> None:
    """`eof_received` returns whether the transport stays open."""
    connection = connect(respond(), transport=FullTransport(sslcontext=secure)).feed(GET)
    assert connection.protocol.eof_received() is not secure
    assert not connection.protocol.is_closed


async def test_serves_nothing_after_the_connection_is_lost(connect: Any) -> None:
    connection = connect(respond())
    await connection.ask(GET)
    connection.lose()
    assert connection.protocol.is_closed
    connection.feed(GET)
    assert connection.loop.waiting == 0


async def test_no_continue_for_a_body_of_length_zero(connect: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert await receive() == request()
        await respond()(scope, receive, send)

    connection = await connect(app).run(head(b"POST / HTTP/1.1", b"Expect: 100-continue", b"Content-Length: 0"))
    assert connection.statuses == [200]
    assert not connection.ended


async def test_pauses_reading_above_64_kib_of_waiting_bytes(connect: Any) -> None:
    connection = connect(respond()).feed(head(b"POST / HTTP/1.1", b"Content-Length: 100000") + b"x" * 65536)
    assert connection.transport.reading
    connection.feed(b"x")
    assert not connection.transport.reading
    await connection.run()
    # The response came before the end of the body. The small rest of the body is read and dropped.
    assert connection.transport.reading
    assert connection.protocol.state is State.DRAINING
    connection.feed(b"x" * (100000 - 65537))
    assert connection.protocol.state is State.IDLE
    assert (await connection.ask(GET)).status == 200


async def test_reads_the_bytes_after_an_invalid_body(connect: Any) -> None:
    """If the server did not read them, a reset could overtake the answer."""
    connection = connect(respond(), full=True).feed(CHUNKED + b"zz\r\n" + GET * 3)
    assert connection.statuses == [400]
    assert connection.transport.eof_written
    assert connection.transport.reading
