"""Persistence and pipelining of one connection (RFC 9112 section 9)."""

import asyncio
import sys
from typing import Any

import pytest

from tests.cases.case import head
from tests.protocols.http.connection import GET, Http1Connection, Reads, body, get, post, respond, send_all, start
from uvicorn.protocols.connection import LINGER_BYTES
from uvicorn.protocols.http import http1
from uvicorn.protocols.http.http1 import State

CHUNKED = head(b"POST / HTTP/1.1", b"Transfer-Encoding: chunked")
BAD = b"GET / HTTP/1.1\r\nno colon\r\n\r\n"


class Echo:
    """An application that answers with the path, and records the paths of its calls."""

    def __init__(self) -> None:
        self.paths: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.paths.append(scope["path"])
        await respond(scope["path"].encode())(scope, receive, send)


async def test_serves_many_requests_on_one_connection(connect: Any) -> None:
    app = Echo()
    connection = connect(app)
    for number in range(5):
        response = await connection.ask(get(f"/{number}"))
        assert response.body == b"/%d" % number
    assert not connection.ended
    assert connection.state.total_requests == 5


async def test_the_connection_and_its_tasks_are_registered(connect: Any) -> None:
    connection = connect(respond())
    assert connection.state.connections == {connection.protocol}
    connection.feed(GET)
    assert len(connection.state.tasks) == 1
    await connection.run()
    assert connection.state.tasks == set()
    connection.lose()
    assert connection.state.connections == set()


async def test_the_timer_runs_while_the_connection_is_idle(connect: Any) -> None:
    connection = connect(respond(), timeout_keep_alive=7).feed(GET)
    assert connection.protocol.timeout_keep_alive_task is None
    await connection.run()
    assert connection.protocol.timeout_keep_alive_task is not None
    connection.feed(GET)
    assert connection.protocol.timeout_keep_alive_task is None
    await connection.run()
    assert connection.protocol.timeout_keep_alive_task is not None
    assert not connection.transport.closed


async def test_an_idle_connection_is_closed_after_its_timeout(connect: Any) -> None:
    connection = connect(respond(), timeout_keep_alive=7)
    await connection.ask(GET)
    connection.loop.run_later(with_delay=6)
    assert not connection.transport.closed
    connection.loop.run_later(with_delay=7)
    assert connection.transport.closed
    assert connection.wire == b""


async def test_a_busy_connection_is_not_closed(connect: Any) -> None:
    connection = connect(respond(), timeout_keep_alive=7)
    await connection.ask(GET)
    connection.feed(GET)
    connection.loop.run_later(with_delay=20)
    assert not connection.transport.closed
    await connection.run()
    assert connection.statuses == [200]


async def test_the_timer_of_a_lost_connection_is_cancelled(connect: Any) -> None:
    connection = connect(respond())
    await connection.ask(GET)
    connection.lose()
    connection.loop.run_later(with_delay=1000)
    assert connection.loop.timers == []


async def test_pipelined_requests_are_served_in_order(connect: Any) -> None:
    app = Echo()
    connection = connect(app).feed(get("/1") + get("/2") + get("/3"))
    assert connection.loop.waiting == 1
    await connection.run_all()
    assert app.paths == ["/1", "/2", "/3"]
    assert [response.body for response in connection.responses()] == [b"/1", b"/2", b"/3"]
    assert not connection.ended


async def test_pipelined_bodies_go_to_their_requests(connect: Any) -> None:
    bodies = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        bodies.append((await receive())["body"])
        await respond()(scope, receive, send)

    connection = connect(app)
    chunked = head(b"POST / HTTP/1.1", b"Transfer-Encoding: chunked")
    connection.feed(post(b"one") + chunked + b"3\r\ntwo\r\n0\r\n\r\n" + GET + post(b"four"))
    await connection.run_all()
    assert bodies == [b"one", b"two", b"", b"four"]


async def test_pauses_reading_while_requests_wait(connect: Any) -> None:
    connection = connect(respond()).feed(GET * 100)
    assert not connection.transport.reading
    await connection.run_all()
    assert connection.statuses == [200] * 100
    assert connection.transport.reading


async def test_pauses_reading_when_a_second_request_waits(connect: Any) -> None:
    connection = connect(respond()).feed(GET)
    assert connection.transport.reading
    connection.feed(GET)
    assert not connection.transport.reading
    assert connection.state.total_requests == 1
    await connection.run_all()
    assert connection.statuses == [200, 200]
    assert connection.transport.reading


@pytest.mark.parametrize("asks", [1, 2, 3])
async def test_waiting_requests_see_the_end_of_the_input(connect: Any, asks: int) -> None:
    """An application that receives again gets a disconnect, and its response is dropped; the others are answered."""
    events = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        events.append((await receive())["type"])
        if scope["path"] == f"/{asks}":
            events.append((await receive())["type"])
        await respond()(scope, receive, send)

    connection = connect(app, full=True).feed(get("/1") + get("/2") + get("/3"))
    connection.protocol.eof_received()
    for _ in range(asks):
        await asyncio.wait_for(connection.run(), 10)
    assert events == ["http.request"] * asks + ["http.disconnect"]
    assert connection.statuses == [200] * (asks - 1)
    assert connection.ended


async def test_nothing_is_read_after_a_refusal(connect: Any) -> None:
    """The request before the refused one is served, and its wait for a disconnect does not resume reading."""
    connection: Any = None
    reading = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        waiting = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        reading.append(connection.transport.reading)
        waiting.cancel()
        await respond()(scope, receive, send)

    connection = connect(app, full=True)
    await connection.run(get("/1") + b"\x00\r\n\r\n")
    assert reading == [False]
    assert connection.statuses == [200, 400]


async def test_bytes_after_a_refusal_are_dropped_up_to_64_kib(connect: Any) -> None:
    app = Echo()
    connection = connect(app, full=True).feed(b"\x00\r\n\r\n")
    assert connection.statuses == [400]
    written = connection.wire
    connection.feed(get("/canary") + bytes(LINGER_BYTES - len(get("/canary"))))
    assert connection.transport.reading
    assert not connection.transport.closed
    connection.feed(b"x")
    assert connection.transport.closed
    connection.feed(get("/canary"))
    assert connection.wire == written
    assert (app.paths, connection.loop.waiting) == ([], 0)


async def test_refuses_waiting_garbage_after_the_requests_before_it(connect: Any) -> None:
    """A transport may deliver bytes that it read before it was paused."""
    app = Echo()
    connection = connect(app, full=True).feed(get("/1") + b"\x00\r\n\r\n")
    assert not connection.transport.reading
    connection.feed(bytes(LINGER_BYTES))
    assert (connection.wire, connection.ended) == (b"", False)
    await connection.run()
    # The server reads the bytes that the client still sends; otherwise a reset could overtake the answer.
    assert connection.transport.reading
    connection.feed(get("/canary"))
    assert (app.paths, connection.loop.waiting, connection.statuses) == (["/1"], 0, [200, 400])
    assert connection.ended


async def test_answers_a_good_request_before_it_refuses_garbage(connect: Any) -> None:
    app = Echo()
    connection = await connect(app).run_all(get("/1") + get("/2") + b"\x00\r\n\r\n" + get("/canary"))
    assert app.paths == ["/1", "/2"]
    assert connection.statuses == [200, 200, 400]
    assert connection.responses()[1].body == b"/2"


async def test_serves_nothing_after_close(connect: Any) -> None:
    app = Echo()
    connection = await connect(app).run_all(get("/1") + get("/2", b"Connection: close") + get("/3"))
    assert app.paths == ["/1", "/2"]
    assert connection.transport.closed


async def test_serves_nothing_after_the_application_closes(connect: Any) -> None:
    paths = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        paths.append(scope["path"])
        await respond(headers=[(b"connection", b"close")])(scope, receive, send)

    connection = connect(app)
    await connection.run_all(get("/1") + get("/2") + get("/3"))
    assert paths == ["/1"]
    assert connection.statuses == [200]
    assert connection.ended


async def test_bytes_after_close_are_ignored(connect: Any) -> None:
    app = Echo()
    connection = await connect(app).run(get("/1", b"Connection: close"))
    assert connection.transport.closed
    connection.feed(get("/2"))
    assert connection.loop.waiting == 0
    assert app.paths == ["/1"]


async def test_a_disconnect_reaches_the_request_that_is_served(connect: Any) -> None:
    events = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while True:
            event = await receive()
            events.append((scope["path"], event["type"]))
            if event["type"] == "http.disconnect":
                return

    connection: Http1Connection = connect(app).feed(get("/1") + get("/2"))
    task = await connection.start()
    assert events == [("/1", "http.request")]
    connection.lose()
    await asyncio.wait_for(task, 5)
    assert events == [("/1", "http.request"), ("/1", "http.disconnect")]
    # The waiting requests are not started, because their client has left.
    assert connection.loop.waiting == 0
    assert connection.wire == b""


async def test_never_reads_the_rest_of_a_body_as_a_request(connect: Any) -> None:
    """The server never reads the rest of the body as a request, whether the connection stays open or not."""
    app = Echo()
    connection = connect(app, full=True)
    await connection.run(head(b"POST /1 HTTP/1.1", b"Content-Length: 80") + b"GET /evil HTTP/1.1\r\n")
    assert connection.statuses == [200]
    rest = head(b"GET /evil HTTP/1.1")
    connection.feed(rest + b"x" * (60 - len(rest)))
    assert app.paths == ["/1"]
    if not connection.ended:
        await connection.run(get("/2"))
        assert app.paths == ["/1", "/2"]


async def test_an_early_response_to_a_large_body_ends_the_connection(connect: Any) -> None:
    connection = await connect(respond(), full=True).run(head(b"POST /1 HTTP/1.1", b"Content-Length: 10000000"))
    assert connection.statuses == [200]
    fed = 0
    while not connection.transport.closed and fed < 10_000_000:
        connection.feed(b"x" * 1000)
        fed += 1000
    assert connection.transport.closed
    assert fed <= 70_000


CLOSE = (b"connection", b"close")
LARGE = {"length": b"Content-Length: %d" % (LINGER_BYTES + 101), "chunked": b"Transfer-Encoding: chunked"}


@pytest.mark.parametrize("field", LARGE.values(), ids=LARGE)
async def test_an_early_response_to_a_large_body_announces_the_close(connect: Any, field: bytes) -> None:
    """The client learns from the head that the server closes, and has time to read it (RFC 9112 9.3 and 9.6)."""
    connection = await connect(respond(), full=True).run(head(b"POST / HTTP/1.1", field) + b"64\r\n" + b"x" * 96)
    [response] = connection.responses()
    assert CLOSE in response.headers
    assert response.body == b"Hello, world"
    assert connection.transport.eof_written
    assert not connection.transport.closed
    wire = connection.wire
    connection.feed(b"x" * LINGER_BYTES)
    assert not connection.transport.closed
    connection.feed(b"x")
    assert connection.transport.closed
    assert connection.wire == wire


@pytest.mark.parametrize("field", LARGE.values(), ids=LARGE)
async def test_a_client_that_stops_sending_a_large_body_is_closed(connect: Any, field: bytes) -> None:
    connection = await connect(respond(), full=True).run(head(b"POST / HTTP/1.1", field))
    assert connection.transport.eof_written
    connection.loop.run_later(with_delay=2)
    assert connection.transport.closed
    assert not connection.transport.aborted


async def test_keeps_the_connection_if_a_small_rest_of_the_body_is_missing(connect: Any) -> None:
    """Reading the small rest costs less than a new connection."""
    connection = connect(respond(), full=True)
    await connection.run(head(b"POST / HTTP/1.1", b"Content-Length: %d" % (LINGER_BYTES + 100)) + b"x" * 100)
    [response] = connection.responses()
    assert CLOSE not in response.headers
    assert not connection.ended
    await connection.run(b"x" * LINGER_BYTES + get("/2"))
    assert connection.statuses == [200, 200]


async def test_the_rest_of_a_body_and_the_next_request_have_separate_times(connect: Any) -> None:
    connection = await connect(respond(), full=True).run(head(b"POST / HTTP/1.1", b"Content-Length: 100"))
    assert connection.loop.timers == [2.0]
    connection.feed(b"x" * 100 + get("/2"))
    connection.loop.run_later(with_delay=2)
    assert not connection.ended
    await connection.run()
    assert connection.statuses == [200, 200]


async def test_the_time_for_the_rest_of_a_body_starts_after_the_client_has_read(
    connect: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = connect(respond(), full=True, timeout_send=7)
    write = connection.transport.write

    def fill(data: bytes) -> None:
        write(data)
        connection.protocol.pause_writing()

    monkeypatch.setattr(connection.transport, "write", fill)
    await connection.run(head(b"POST / HTTP/1.1", b"Content-Length: 100"))
    assert connection.loop.timers == [7.0]
    connection.feed(b"x" * 50)
    connection.protocol.resume_writing()
    assert connection.loop.timers == [2.0]
    connection.feed(b"x" * 50)
    assert connection.loop.timers == [5.0]


async def test_keeps_the_connection_if_the_whole_large_body_has_arrived(connect: Any) -> None:
    connection = await connect(respond(), full=True).run(post(b"x" * 2 * LINGER_BYTES))
    [response] = connection.responses()
    assert CLOSE not in response.headers
    await connection.run(head(b"POST / HTTP/1.1", b"Transfer-Encoding: chunked") + b"5\r\nhello\r\n0\r\n\r\n")
    assert connection.statuses == [200, 200]
    assert not connection.ended


@pytest.mark.parametrize("field", LARGE.values(), ids=LARGE)
async def test_streams_a_response_while_a_large_body_arrives(connect: Any, field: bytes) -> None:
    """The head does not announce a close: only at the end it is known whether the application has read the body."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(start(200, (b"content-length", b"4")))
        await send(body(b"ab", more_body=True))
        while (await receive())["more_body"]:
            pass
        await send(body(b"cd"))

    connection = connect(app, full=True).feed(head(b"POST / HTTP/1.1", field))
    task = connection.loop.start_one()
    await asyncio.sleep(0)
    rest = b"x" * (LINGER_BYTES + 101)
    connection.feed(b"%x\r\n%b\r\n0\r\n\r\n" % (len(rest), rest) if b"chunked" in field else rest)
    await task
    [response] = connection.responses()
    assert response.body == b"abcd"
    assert CLOSE not in response.headers
    assert not connection.ended


@pytest.mark.parametrize("field", LARGE.values(), ids=LARGE)
async def test_closes_after_a_streamed_response_without_the_rest_of_a_large_body(connect: Any, field: bytes) -> None:
    connection = connect(send_all(start(), body(b"ab", more_body=True), body(b"cd")), full=True)
    await connection.run(head(b"POST / HTTP/1.1", field))
    assert connection.responses()[0].body == b"abcd"
    assert connection.transport.eof_written
    assert not connection.transport.closed


async def test_an_invalid_body_message_raises_in_the_application(connect: Any) -> None:
    raised: list[type[BaseException]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(start())
        for message in (None, [("type", "http.response.start")]):
            try:
                await send(message)
            except Exception as error:
                raised.append(type(error))
        await send(body(b"good"))

    connection = await connect(app, full=True).run(head(b"POST / HTTP/1.1", b"Content-Length: 10000000"))
    assert raised == [TypeError, TypeError]
    assert connection.responses()[0].body == b"good"


@pytest.mark.parametrize("count", [1, 3])
async def test_receives_one_upload_after_the_other(connect: Any, count: int) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await Reads()(scope, receive, send)

    connection: Http1Connection = connect(app)
    for _ in range(count):
        task = await connection.start(post(b"x" * 100_000)[:-50_000])
        connection.feed(b"x" * 50_000)
        await asyncio.wait_for(task, 5)
    assert [response.body for response in connection.responses()] == [b"100000"] * count


async def test_pipelined_requests_of_a_half_closed_client_are_answered(connect: Any) -> None:
    connection = connect(respond()).feed(GET * 3)
    assert connection.protocol.eof_received()
    await connection.run_all()
    assert connection.statuses == [200, 200, 200]
    assert connection.transport.closed


async def test_refuses_garbage_after_waiting_requests(connect: Any) -> None:
    connection = await connect(respond()).run_all(GET * 40 + BAD + GET)
    assert connection.statuses == [200] * 40 + [400]
    assert connection.ended


async def test_drops_bytes_after_waiting_garbage(connect: Any) -> None:
    connection = await connect(respond()).feed(GET + BAD).run_all(GET)
    assert connection.statuses == [200, 400]


async def test_a_pipelined_request_with_a_broken_body_is_not_served(connect: Any) -> None:
    app = Echo()
    connection = connect(app)
    await connection.run_all(head(b"GET /1 HTTP/1.1") + CHUNKED.replace(b"POST /", b"POST /2") + b"3\r\nabc\r\nzz\r\n")
    assert app.paths == ["/1"]
    assert connection.statuses == [200, 400]


async def test_completes_half_a_head_after_pipelined_requests(connect: Any) -> None:
    connection = connect(respond()).feed(GET * 3 + GET[:20])
    assert not connection.transport.reading
    await connection.run_all()
    assert connection.transport.reading
    await connection.run(GET[20:])
    assert connection.statuses == [200] * 4


async def test_serves_requests_that_arrive_while_others_wait(connect: Any) -> None:
    """A transport may deliver bytes that it read before it was paused."""
    connection = connect(respond()).feed(GET * 40)
    assert not connection.transport.reading
    await connection.run_all(GET * 40)
    assert connection.statuses == [200] * 80


@pytest.mark.skipif(sys.version_info < (3, 12), reason="each application runs in its own turn")
@pytest.mark.parametrize("request_bytes", [GET, post(b"hello"), GET * 3], ids=["plain", "body", "pipelined"])
async def test_a_connection_is_idle_as_soon_as_the_application_returns(
    connect: Any, request_bytes: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    # With this limit everything runs in one pass, however slow the machine is.
    monkeypatch.setattr(http1, "PASS_SECONDS", 1000.0)
    connection = connect(respond(), loop=asyncio.get_running_loop()).feed(request_bytes)
    assert connection.protocol.state is State.IDLE
    assert connection.protocol.timeout_keep_alive_task is not None
    assert connection.transport.reading
    assert connection.state.tasks == set()
    connection.lose()


async def test_drops_the_rest_of_a_body_that_arrived_while_reading_was_paused(connect: Any) -> None:
    connection = connect(respond(), full=True).feed(head(b"POST / HTTP/1.1", b"Content-Length: 100000") + b"x" * 65537)
    assert not connection.transport.reading
    await connection.run(b"x" * (100000 - 65537) + GET)
    await connection.run()
    assert connection.statuses == [200, 200]
    assert connection.transport.reading
