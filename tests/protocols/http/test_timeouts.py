"""How long the server waits for a client: for the head, the body, the next request, and a client that does not read."""

import asyncio
from typing import Any

import pytest

from tests.cases.case import head
from tests.protocols.http.connection import GET, Http1Connection, Reads, body, post, respond, send_all, start
from tests.waiting import turns

CHUNKED = head(b"POST / HTTP/1.1", b"Transfer-Encoding: chunked")
BAD = b"GET / HTTP/1.1\r\nno colon\r\n\r\n"


async def test_closes_a_silent_client(connect: Any) -> None:
    connection = connect(respond(), timeout_request_head=3)
    connection.loop.run_later(with_delay=2.9)
    assert not connection.ended
    connection.loop.run_later(with_delay=3)
    assert connection.ended


async def test_answers_408_to_a_dripping_head(connect: Any) -> None:
    """The time runs from the first byte to the end of the head, even if bytes keep arriving."""
    connection = connect(respond(), timeout_request_head=3)
    timer = connection.protocol.connection.deadline.handle
    for byte in GET[:-4]:
        connection.feed(bytes([byte]))
    assert connection.protocol.connection.deadline.handle is timer
    connection.loop.run_later(with_delay=3)
    assert connection.statuses == [408]
    assert connection.ended
    assert b"connection: close\r\n" in connection.wire
    assert connection.loop.waiting == 0


async def test_answers_408_to_a_dripping_head_after_a_request(connect: Any) -> None:
    connection = connect(respond(), timeout_request_head=3, timeout_keep_alive=100)
    await connection.ask(GET)
    connection.feed(GET[:10])
    connection.loop.run_later(with_delay=3)
    assert connection.statuses == [408]
    assert connection.ended


async def test_serves_a_head_that_arrives_in_time(connect: Any) -> None:
    connection = connect(respond(), timeout_request_head=3).feed(GET[:10])
    connection.loop.run_later(with_delay=2)
    await connection.run(GET[10:])
    assert connection.statuses == [200]
    assert not connection.ended


async def test_answers_408_if_a_body_stops_arriving(connect: Any) -> None:
    app = Reads()
    connection: Http1Connection = connect(app, timeout_request_body=4)
    task = await connection.start(head(b"POST / HTTP/1.1", b"Content-Length: 5") + b"he")
    connection.loop.run_later(with_delay=4)
    await asyncio.wait_for(task, 5)
    assert [event["type"] for event in app.events] == ["http.request", "http.disconnect"]
    assert connection.statuses == [408]
    assert connection.ended


async def test_cuts_off_a_started_response_if_the_body_stops_arriving(connect: Any) -> None:
    reads = Reads()
    connection: Http1Connection = connect(send_all(start(), body(b"abc", True), reads), timeout_request_body=4)
    task = await connection.start(head(b"POST / HTTP/1.1", b"Content-Length: 5") + b"he")
    connection.loop.run_later(with_delay=4)
    await asyncio.wait_for(task, 5)
    assert reads.events[-1]["type"] == "http.disconnect"
    assert connection.statuses == [200]
    assert not connection.responses()[0].whole
    assert connection.ended


async def test_no_body_deadline_while_the_application_does_not_receive(connect: Any) -> None:
    release = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await release.wait()
        await respond()(scope, receive, send)

    connection: Http1Connection = connect(app, timeout_request_body=4, timeout_request_head=4).feed(post(b"hello"))
    task = await connection.start()
    connection.loop.run_later(with_delay=1000)
    assert not connection.ended
    release.set()
    await asyncio.wait_for(task, 5)
    assert connection.statuses == [200]


async def test_cuts_off_a_client_that_does_not_read(connect: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(start())
        while not (await_closed := connection.transport.closed):
            await send(body(b"x" * 1000, True))
        assert await_closed

    connection: Http1Connection = connect(app, timeout_send=5, full=True)
    connection.feed(GET)
    connection.fill(100_000)
    task = await connection.start()
    connection.loop.run_later(with_delay=5)
    assert connection.transport.aborted
    connection.lose()
    await asyncio.wait_for(task, 5)


async def test_keeps_a_client_that_reads_slowly(connect: Any) -> None:
    connection: Http1Connection = connect(respond(), timeout_send=5, full=True).feed(GET)
    connection.fill(100_000)
    task = await connection.start()
    connection.transport.unsent = 90_000
    connection.loop.run_later(with_delay=5)
    assert not connection.transport.closed
    connection.protocol.resume_writing()
    await asyncio.wait_for(task, 5)
    assert connection.statuses == [200]


async def test_one_timer_at_a_time(connect: Any) -> None:
    """However many requests arrive, the loop holds one timer for the connection."""
    connection = connect(respond())
    for _ in range(50):
        await connection.ask(GET)
    assert len(connection.loop.timers) <= 2


async def test_a_cancelled_receive_has_no_deadline(connect: Any) -> None:
    """An application that has stopped waiting for the body has no deadline for it."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        waiting = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.sleep(0)
        connection.loop.run_later(with_delay=1000)
        await send(start(200, (b"content-length", b"0")))
        await send(body())

    connection: Http1Connection = connect(app, timeout_request_body=1)
    await connection.run(head(b"POST / HTTP/1.1", b"Content-Length: 5"))
    assert connection.statuses == [200]


async def test_the_idle_time_starts_after_the_client_has_read(connect: Any) -> None:
    """The client has to read the answer before the idle time starts."""
    connection = connect(respond(), full=True, timeout_send=5, timeout_keep_alive=1)
    connection.fill_with_writes()
    await connection.run(GET)
    connection.loop.run_later(with_delay=2)
    assert not connection.transport.closed
    connection.transport.unsent = 0
    connection.protocol.resume_writing()
    assert connection.protocol.timeout_keep_alive_task is not None
    connection.loop.run_later(with_delay=1)
    assert connection.transport.closed


async def test_half_a_head_after_a_request_has_its_own_deadline(connect: Any) -> None:
    connection = await connect(respond(), timeout_request_head=3, timeout_keep_alive=100).run(GET + GET[:20])
    assert connection.protocol.timeout_keep_alive_task is None
    connection.loop.run_later(with_delay=3)
    assert connection.statuses == [200, 408]


async def test_empty_lines_do_not_prolong_the_idle_time(connect: Any) -> None:
    connection = connect(respond(), timeout_keep_alive=3)
    await connection.ask(GET)
    before = connection.protocol.timeout_keep_alive_task
    connection.feed(b"\r\n")
    assert connection.protocol.timeout_keep_alive_task is before


async def test_cuts_off_a_rejected_client_that_does_not_read_its_answer(connect: Any) -> None:
    connection = connect(respond(), full=True, timeout_send=5)
    connection.fill_with_writes()
    connection.feed(BAD)
    connection.loop.run_later(with_delay=5)
    assert connection.transport.aborted or connection.transport.closed


async def test_does_not_abort_a_rejected_client_that_reads_late(connect: Any) -> None:
    connection = connect(respond(), full=True, timeout_send=5).feed(BAD)
    connection.transport.unsent = 10
    connection.loop.run_later(with_delay=2)
    assert not connection.transport.aborted
    connection.transport.unsent = 0
    connection.loop.run_later(with_delay=10)
    assert connection.transport.closed


async def test_aborts_a_closing_connection_with_unsent_bytes(connect: Any) -> None:
    """A closing transport waits a limited time for the client to read the remaining bytes."""
    connection = connect(respond(), full=True, timeout_send=5).feed(head(b"GET / HTTP/1.0"))
    connection.transport.unsent = 100
    await connection.run()
    if not connection.transport.closed:
        connection.protocol.eof_received()
    connection.loop.run_later(with_delay=5)
    connection.loop.run_later(with_delay=5)
    assert connection.transport.aborted


async def test_cuts_off_a_client_that_does_not_read_on_a_plain_transport(connect: Any) -> None:
    connection: Http1Connection = connect(send_all(start(), body(b"x", True), body(b"y", True), body()), timeout_send=5)
    connection.feed(GET)
    connection.protocol.pause_writing()
    task = await connection.start()
    connection.loop.run_later(with_delay=5)
    assert connection.transport.closed
    connection.lose()
    await asyncio.wait_for(task, 5)


async def test_unsent_bytes_have_a_deadline(connect: Any) -> None:
    connection = connect(respond(), full=True, timeout_send=5).feed(GET)
    assert connection.protocol.eof_received()
    connection.transport.unsent = 100
    await connection.run()
    assert connection.transport.closed
    assert not connection.transport.aborted
    connection.loop.run_later(with_delay=5)
    assert connection.transport.aborted


async def test_the_deadline_to_send_outlives_a_cancelled_receive(connect: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        waiting = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        connection.protocol.pause_writing()
        waiting.cancel()
        await asyncio.wait([waiting], timeout=5)
        connection.loop.run_later(with_delay=5)

    connection: Http1Connection = connect(app, full=True, timeout_send=5)
    connection.feed(head(b"POST / HTTP/1.1", b"Content-Length: 5"))
    connection.transport.unsent = 100
    await connection.run()
    assert connection.transport.aborted


async def test_an_early_answer_that_is_not_read_while_the_body_ends(connect: Any) -> None:
    connection = connect(respond(), full=True, timeout_send=5)
    connection.fill_with_writes()
    await connection.run(head(b"POST / HTTP/1.1", b"Content-Length: 5"))
    connection.feed(b"hello")
    connection.loop.run_later(with_delay=5)
    assert connection.transport.aborted


async def test_a_body_becomes_invalid_while_the_client_does_not_read(connect: Any) -> None:
    connection: Http1Connection = connect(send_all(), full=True, timeout_send=5).feed(CHUNKED)
    connection.fill(100)
    connection.feed(b"zz\r\n")
    assert connection.statuses == [400]
    connection.loop.run_later(with_delay=5)
    assert connection.transport.aborted
    await connection.run()


async def test_the_body_timeout_restarts_when_the_client_reads(connect: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        event = await receive()
        assert event["type"] == "http.disconnect"

    connection: Http1Connection = connect(app, timeout_request_body=4)
    task = connection.feed(head(b"POST / HTTP/1.1", b"Content-Length: 5")).loop.start_one()
    await asyncio.sleep(0)
    connection.protocol.pause_writing()
    connection.protocol.resume_writing()
    connection.loop.run_later(with_delay=4)
    await asyncio.wait_for(task, 5)
    assert connection.statuses == [408]


async def test_a_refused_client_has_two_seconds_to_close(connect: Any) -> None:
    connection = connect(respond(), full=True).feed(BAD)
    assert connection.loop.timers == [2.0]
    connection.loop.run_later(with_delay=2)
    assert connection.transport.closed


async def test_a_refused_client_has_two_seconds_after_reading_a_long_answer(connect: Any) -> None:
    connection = connect(respond(), full=True, timeout_send=5)
    connection.protocol.pause_writing()
    connection.feed(BAD)
    assert connection.loop.timers == [5]
    connection.protocol.resume_writing()
    assert connection.loop.timers == [2.0]
    connection.loop.run_later(with_delay=2)
    assert connection.transport.closed


async def test_progress_of_a_refused_client_counts_from_the_answer(connect: Any) -> None:
    connection = connect(respond(), full=True, timeout_send=5)
    connection.fill(100)
    connection.transport.unsent = 200
    connection.feed(BAD)
    connection.transport.unsent = 150
    connection.loop.run_later(with_delay=5)
    assert not connection.transport.aborted
    connection.loop.run_later(with_delay=5)
    assert connection.transport.aborted


async def test_cuts_off_a_client_that_stops_reading(connect: Any) -> None:
    connection: Http1Connection = connect(send_all(start()), timeout_send=5, full=True).feed(GET)
    connection.fill(100_000)
    connection.transport.unsent = 90_000
    connection.loop.run_later(with_delay=5)
    assert not connection.transport.closed
    assert connection.loop.timers == [5]
    connection.loop.run_later(with_delay=5)
    assert connection.transport.aborted


async def test_a_closed_connection_has_no_timer(connect: Any) -> None:
    connection = connect(respond(), full=True).feed(head(b"GET / HTTP/1.1", b"Connection: close"))
    connection.protocol.eof_received()
    await connection.run()
    assert connection.transport.closed
    assert connection.loop.timers == []


async def test_one_of_two_receivers_still_waits_for_the_body(connect: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        first, second = asyncio.ensure_future(receive()), asyncio.ensure_future(receive())
        await turns()
        first.cancel()
        await turns()
        connection.loop.run_later(with_delay=4)
        await second

    connection: Http1Connection = connect(app, timeout_request_body=4)
    connection.feed(head(b"POST / HTTP/1.1", b"Content-Length: 5"))
    await asyncio.wait_for(connection.run(), 5)
    assert connection.statuses == [408]


async def test_the_rest_of_a_body_after_an_early_response_has_two_seconds(connect: Any) -> None:
    connection = await connect(respond(), full=True, timeout_send=5).run(head(b"POST / HTTP/1.1", b"Content-Length: 5"))
    assert connection.loop.timers == [2.0]
    # If the client has to read the response first, the two seconds start after that.
    connection.protocol.pause_writing()
    assert connection.loop.timers == [5]
    connection.protocol.resume_writing()
    assert connection.loop.timers == [2.0]
    connection.loop.run_later(with_delay=2)
    assert connection.transport.closed
    assert not connection.transport.aborted
    assert connection.statuses == [200]


async def test_the_next_request_after_a_drained_body_has_the_idle_time(connect: Any) -> None:
    connection = await connect(respond(), timeout_keep_alive=7).run(head(b"POST / HTTP/1.1", b"Content-Length: 5"))
    connection.feed(b"hello")
    assert connection.loop.timers == [7]
    connection.loop.run_later(with_delay=7)
    assert connection.transport.closed


@pytest.mark.parametrize("behind", [b"", GET], ids=["alone", "pipelined"])
async def test_no_deadline_when_the_body_is_complete_and_the_client_reads(connect: Any, behind: bytes) -> None:
    go = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await go.wait()
        await respond()(scope, receive, send)

    connection: Http1Connection = connect(app, timeout_send=5, timeout_request_body=4).feed(post(b"hello") + behind)
    task = await connection.start()
    assert 4 not in connection.loop.timers
    connection.protocol.pause_writing()
    assert connection.loop.timers == [5]
    connection.protocol.resume_writing()
    assert connection.loop.timers == []
    go.set()
    await task
    assert connection.statuses == [200]


async def test_the_deadline_of_a_body_ends_when_a_part_of_it_arrives(connect: Any) -> None:
    """The next deadline is set when the application asks for more."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["more_body"]:
            seen.append(list(connection.loop.timers))
        await respond()(scope, receive, send)

    seen: list[list[float]] = []
    connection: Http1Connection = connect(app, timeout_request_body=4)
    task = await connection.start(head(b"POST / HTTP/1.1", b"Content-Length: 5"))
    assert connection.loop.timers == [4]
    connection.feed(b"he")
    assert connection.loop.timers == []
    await turns()
    assert connection.loop.timers == [4]
    connection.feed(b"llo")
    await task
    assert seen == [[]]
    assert connection.statuses == [200]


async def test_request_bytes_do_not_extend_the_send_timeout(connect: Any) -> None:
    connection = connect(respond(), full=True, timeout_send=5).feed(head(b"POST / HTTP/1.1", b"Content-Length: 5"))
    connection.fill(100)
    connection.feed(b"he")
    assert connection.loop.timers == [5]
    connection.loop.run_later(with_delay=5)
    assert connection.transport.aborted


async def test_a_half_closed_idle_client_has_the_send_timeout(connect: Any) -> None:
    connection = await connect(respond(), full=True, timeout_send=5).run(GET)
    connection.transport.unsent = 100
    connection.protocol.eof_received()
    assert connection.transport.closed
    assert connection.loop.timers == [5]
    connection.loop.run_later(with_delay=5)
    assert connection.transport.aborted


async def test_the_idle_time_starts_with_the_end_of_the_last_response(
    connect: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("http.http1", "deadline"):
        monkeypatch.setattr(f"uvicorn.protocols.{module}.monotonic", lambda: 1000.0)
    connection = connect(respond(), timeout_keep_alive=7)
    await connection.ask(GET)
    assert connection.protocol.connection.deadline.due == 1007


async def test_a_started_response_may_end_after_the_time_for_the_body(connect: Any) -> None:
    """It is the last response on the connection: the server does not wait for the rest of the body."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(start(200, (b"content-length", b"4")))
        await send(body(b"ab", True))
        waiting = asyncio.ensure_future(receive())
        await turns()
        connection.loop.run_later(with_delay=4)
        waiting.cancel()
        await turns()
        await send(body(b"cd"))

    connection: Http1Connection = connect(app, full=True, timeout_request_body=4)
    await connection.run(head(b"POST / HTTP/1.1", b"Content-Length: 5"))
    [response] = connection.responses()
    assert (response.body, response.whole) == (b"abcd", True)
    assert connection.protocol.is_closed
    assert connection.transport.eof_written


async def test_a_connection_that_waits_to_be_closed_serves_nothing(connect: Any) -> None:
    connection = connect(respond(), full=True, timeout_keep_alive=7, timeout_send=5)
    await connection.ask(GET)
    connection.transport.unsent = 100
    connection.loop.run_later(with_delay=7)
    assert not connection.transport.closed
    connection.feed(GET)
    assert connection.protocol.is_closed
    assert connection.loop.waiting == 0
    connection.transport.unsent = 0
    connection.loop.run_later(with_delay=5)
    assert connection.transport.closed
