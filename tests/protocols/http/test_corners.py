"""What seldom happens on a connection, or happens twice, or at the wrong moment."""

import asyncio
from typing import Any

import pytest

from tests.cases.case import head
from tests.doubles import MockTransport
from tests.protocols.http.connection import GET, Connection, body, post, respond, send_all, start
from tests.protocols.http.test_upgrade import HANDSHAKE, Seamed
from uvicorn.config import Config
from uvicorn.protocols.http.http1 import Http1
from uvicorn.server import ServerState

CHUNKED = head(b"POST / HTTP/1.1", b"Transfer-Encoding: chunked")
BAD = b"GET / HTTP/1.1\r\nno colon\r\n\r\n"


async def test_a_config_that_is_not_loaded_is_loaded(http_protocol_cls: Any) -> None:
    config = Config(respond(), lifespan="off", log_config=None, ws="none")
    assert not config.loaded
    http_protocol_cls(config=config, server_state=ServerState(), app_state={})
    assert config.loaded


async def test_the_protocol_alone_has_no_judge() -> None:
    config = Config(respond(), lifespan="off", log_config=None, ws="none")
    with pytest.raises(NotImplementedError):
        Http1(config=config, server_state=ServerState(), app_state={})


async def test_the_server_is_told_of_its_last_request(connect: Any) -> None:
    told = []
    connection = connect(respond())
    connection.state.request_limit = 2
    connection.state.on_request_limit = lambda: told.append(connection.state.total_requests)
    for _ in range(3):
        await connection.ask(GET)
    assert told == [2]


async def test_a_draining_server_keeps_no_connection(connect: Any) -> None:
    connection = connect(respond())
    connection.state.draining = True
    connection.feed(GET)
    await connection.run()
    assert connection.wire.count(b"connection: close\r\n") == 1
    assert connection.transport.closed


async def test_pipelined_requests_of_a_half_closed_client_are_answered(connect: Any) -> None:
    connection = connect(respond())
    connection.feed(GET * 3)
    assert connection.protocol.eof_received()
    for _ in range(3):
        await connection.run()
    assert connection.statuses == [200, 200, 200]
    assert connection.transport.closed


async def test_garbage_behind_requests_that_were_held_back(connect: Any) -> None:
    connection = connect(respond())
    connection.feed(GET * 40 + BAD + GET)
    while connection.loop.waiting:
        await connection.run()
    assert connection.statuses == [200] * 40 + [400]
    assert connection.ended


async def test_bytes_behind_garbage_that_waits_are_dropped(connect: Any) -> None:
    connection = connect(respond())
    connection.feed(GET + BAD)
    connection.feed(GET)
    while connection.loop.waiting:
        await connection.run()
    assert connection.statuses == [200, 400]


async def test_a_pipelined_request_with_a_broken_body_is_not_served(connect: Any) -> None:
    paths = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        paths.append(scope["path"])
        await respond()(scope, receive, send)

    connection = connect(app)
    connection.feed(head(b"GET /1 HTTP/1.1") + CHUNKED.replace(b"POST /", b"POST /2") + b"3\r\nabc\r\nzz\r\n")
    while connection.loop.waiting:
        await connection.run()
    assert paths == ["/1"]
    assert connection.statuses == [200, 400]


@pytest.mark.parametrize("bad", [b"zz\r\n", b"3\r\nabcd\r\n"], ids=["size", "data"])
async def test_a_body_that_breaks_while_the_application_reads(connect: Any, bad: bytes) -> None:
    events = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while not events or events[-1]["type"] != "http.disconnect":
            events.append(await receive())
        await respond()(scope, receive, send)

    connection: Connection = connect(app)
    connection.feed(CHUNKED + b"3\r\nabc\r\n")
    task = connection.loop.start_one()
    for _ in range(5):
        await asyncio.sleep(0)
    connection.feed(bad)
    await asyncio.wait_for(task, 5)
    assert [event["type"] for event in events] == ["http.request", "http.disconnect"]
    assert connection.statuses == [400]
    assert connection.ended


async def test_a_body_that_breaks_once_the_response_has_begun(connect: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(start())
        await send(body(b"abc", True))
        await receive()
        await send(body(b"def"))

    connection: Connection = connect(app)
    connection.feed(CHUNKED)
    task = connection.loop.start_one()
    for _ in range(5):
        await asyncio.sleep(0)
    connection.feed(b"zz\r\n")
    await asyncio.wait_for(task, 5)
    [response] = connection.responses()
    assert (response.status, response.whole) == (200, False)
    assert connection.transport.closed


async def test_a_body_that_breaks_after_the_whole_response(connect: Any) -> None:
    connection = connect(respond())
    connection.feed(CHUNKED)
    await connection.run()
    connection.feed(b"zz\r\n" + GET)
    assert connection.statuses == [200]
    assert connection.ended
    assert connection.loop.waiting == 0


async def test_a_stream_to_an_old_client_that_breaks_is_reset(connect: Any) -> None:
    """The end of the connection would be the end of the body."""
    connection = connect(send_all(start(), body(b"abc", True)), full=True)
    connection.feed(head(b"GET / HTTP/1.0"))
    await connection.run()
    assert connection.transport.aborted


async def test_a_stream_to_an_old_client_that_breaks_on_a_plain_transport(connect: Any) -> None:
    connection = connect(send_all(start(), body(b"abc", True)))
    connection.feed(head(b"GET / HTTP/1.0"))
    await connection.run()
    assert connection.transport.closed


async def test_a_transport_that_somebody_else_closes(connect: Any) -> None:
    """A subclass, or the loop, may have closed it: nothing is written, and it is not closed again."""
    for request in (GET, GET * 2, head(b"GET / HTTP/1.0"), CHUNKED):
        connection = connect(respond())
        connection.feed(request)
        connection.transport.close()
        await connection.run()
        assert connection.wire == b""
    connection = connect(send_all())
    connection.feed(GET)
    connection.transport.close()
    await connection.run()
    assert connection.wire == b""
    connection = connect(respond())
    connection.transport.close()
    connection.feed(BAD)
    connection.protocol.shutdown()
    assert connection.wire == b""


async def test_continue_on_a_transport_that_closes(connect: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()

    connection: Connection = connect(app)
    connection.feed(head(b"POST / HTTP/1.1", b"Expect: 100-continue", b"Content-Length: 5"))
    connection.transport.close()
    task = connection.loop.start_one()
    for _ in range(5):
        await asyncio.sleep(0)
    connection.lose()
    await asyncio.wait_for(task, 5)
    assert connection.wire == b""


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
async def test_an_application_that_ends_the_process(connect: Any, error: type[BaseException]) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise error

    connection = connect(app)
    connection.feed(GET)
    with pytest.raises(error):
        await connection.run()
    assert connection.statuses == [500]


async def test_what_a_cycle_tells(connect: Any) -> None:
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

    connection: Connection = connect(app)
    connection.feed(GET)
    await connection.run()
    assert seen == [(False, False, True), (True, False, True), (True, True, True)]


async def test_one_of_two_receivers_is_cancelled(connect: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        first, second = asyncio.ensure_future(receive()), asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
        connection.feed(b"hello")
        assert (await asyncio.wait_for(second, 5))["body"] == b"hello"
        # Woken and cancelled in the same pass.
        third = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        await respond()(scope, receive, send)
        third.cancel()
        await asyncio.wait([third], timeout=5)
        assert third.done()

    connection: Connection = connect(app)
    connection.feed(head(b"POST / HTTP/1.1", b"Content-Length: 5"))
    await connection.run()
    assert connection.statuses == [200]


async def test_a_cancelled_receive_is_no_deadline(connect: Any) -> None:
    """Whoever stops waiting for the body may take its time."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        waiting = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.sleep(0)
        connection.loop.run_later(with_delay=1000)
        await send(start(200, (b"content-length", b"0")))
        await send(body())

    connection: Connection = connect(app, timeout_request_body=1)
    connection.feed(head(b"POST / HTTP/1.1", b"Content-Length: 5"))
    await connection.run()
    assert connection.statuses == [200]


async def test_more_bytes_while_an_upgrade_waits(connect: Any) -> None:
    Seamed.made = []
    connection = connect(respond(), ws=Seamed)
    connection.feed(GET + HANDSHAKE)
    connection.feed(b"frames")
    assert Seamed.made == []
    await connection.run()
    [taker] = Seamed.made
    assert isinstance(taker, Seamed)
    assert taker.trailing + taker.received == b"frames"


async def test_the_transport_is_full_when_the_response_is_complete(connect: Any) -> None:
    """The client has to take the answer before it is told to be idle."""
    connection = connect(respond(), full=True, timeout_send=5, timeout_keep_alive=1)
    original = connection.transport.write

    def write(data: bytes) -> None:
        original(data)
        connection.transport.unsent += len(data)
        connection.protocol.pause_writing()

    connection.transport.write = write
    connection.feed(GET)
    await connection.run()
    connection.loop.run_later(with_delay=2)
    assert not connection.transport.closed
    connection.transport.unsent = 0
    connection.protocol.resume_writing()
    assert connection.protocol.timeout_keep_alive_task is not None
    connection.loop.run_later(with_delay=1)
    assert connection.transport.closed


async def test_half_a_head_behind_a_request_has_its_own_deadline(connect: Any) -> None:
    connection = connect(respond(), timeout_request_head=3, timeout_keep_alive=100)
    connection.feed(GET + GET[:20])
    await connection.run()
    assert connection.protocol.timeout_keep_alive_task is None
    connection.loop.run_later(with_delay=3)
    assert connection.statuses == [200, 408]


async def test_half_a_head_behind_a_pipeline(connect: Any) -> None:
    connection = connect(respond())
    connection.feed(GET * 3 + GET[:20])
    for _ in range(3):
        await connection.run()
    connection.feed(GET[20:])
    await connection.run()
    assert connection.statuses == [200] * 4


async def test_empty_lines_do_not_prolong_the_idle_time(connect: Any) -> None:
    connection = connect(respond(), timeout_keep_alive=3)
    await connection.ask(GET)
    before = connection.protocol.timeout_keep_alive_task
    connection.feed(b"\r\n")
    assert connection.protocol.timeout_keep_alive_task is before


async def test_a_rejected_client_whose_answer_does_not_leave(connect: Any) -> None:
    connection = connect(respond(), full=True, timeout_send=5)
    original = connection.transport.write

    def write(data: bytes) -> None:
        original(data)
        connection.transport.unsent += len(data)
        connection.protocol.pause_writing()

    connection.transport.write = write
    connection.feed(BAD)
    connection.loop.run_later(with_delay=5)
    assert connection.transport.aborted or connection.transport.closed


async def test_a_rejected_client_that_takes_its_answer_late(connect: Any) -> None:
    connection = connect(respond(), full=True, timeout_send=5)
    connection.feed(BAD)
    connection.transport.unsent = 10
    connection.loop.run_later(with_delay=2)
    assert not connection.transport.aborted
    connection.transport.unsent = 0
    connection.loop.run_later(with_delay=10)
    assert connection.transport.closed


async def test_closing_with_bytes_left_to_send(connect: Any) -> None:
    """A closing transport waits for the client to take what is left, but not for ever."""
    connection = connect(respond(), full=True, timeout_send=5)
    connection.feed(head(b"GET / HTTP/1.0"))
    connection.transport.unsent = 100
    await connection.run()
    if not connection.transport.closed:
        connection.protocol.eof_received()
    connection.loop.run_later(with_delay=5)
    connection.loop.run_later(with_delay=5)
    assert connection.transport.aborted


async def test_a_peer_that_takes_nothing_on_a_plain_transport(connect: Any) -> None:
    connection: Connection = connect(send_all(start(), body(b"x", True), body(b"y", True), body()), timeout_send=5)
    connection.feed(GET)
    connection.protocol.pause_writing()
    task = connection.loop.start_one()
    for _ in range(5):
        await asyncio.sleep(0)
    connection.loop.run_later(with_delay=5)
    assert connection.transport.closed
    connection.lose()
    await asyncio.wait_for(task, 5)


async def test_no_trace_without_an_address(connect: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(5, logger="uvicorn.error"):
        connection = connect(respond(), log_level="trace", transport=MockTransport(sockname=None, peername=None))
        connection.transport.closed = True
        connection.lose()
    lines = [record.getMessage() for record in caplog.records if record.name == "uvicorn.error"]
    assert lines == ["HTTP connection made", "HTTP connection lost"]


async def test_resume_without_pause(connect: Any) -> None:
    connection = connect(respond())
    connection.protocol.resume_writing()
    assert (await connection.ask(post(b"x"))).status == 200


async def test_two_senders_wait(connect: Any) -> None:
    """Both go on when the transport has room; one that was cancelled meanwhile does no harm."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(start())
        connection.protocol.pause_writing()
        senders = [asyncio.ensure_future(send(body(b"x", True))) for _ in range(3)]
        await asyncio.sleep(0)
        senders[1].cancel()
        connection.protocol.resume_writing()
        await asyncio.wait(senders, timeout=5)
        assert [sender.cancelled() for sender in senders] == [False, True, False]
        await send(body())

    connection: Connection = connect(app)
    connection.feed(GET)
    await connection.run()
    assert connection.responses()[0].body == b"xx"


async def test_bytes_arrive_while_requests_are_held_back(connect: Any) -> None:
    """A transport may deliver what it had read before it was paused."""
    connection = connect(respond())
    connection.feed(GET * 40)
    assert not connection.transport.reading
    connection.feed(GET * 40)
    while connection.loop.waiting:
        await connection.run()
    assert connection.statuses == [200] * 80


async def test_an_exception_after_the_client_left(connect: Any, caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise ValueError("too late")

    connection = connect(app)
    connection.feed(GET)
    connection.transport.closed = True
    connection.lose()
    await connection.run()
    assert connection.wire == b""
    assert "too late" in caplog.text


async def test_a_receiver_cancelled_just_before_the_body_arrives(connect: Any) -> None:
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

    connection: Connection = connect(app)
    connection.feed(head(b"POST / HTTP/1.1", b"Content-Length: 5"))
    await connection.run()
    assert [event["body"] for event in events] == [b"hello"]


async def test_the_body_goes_on_after_the_response_broke(connect: Any) -> None:
    connection = connect(send_all(start(), body(b"abc", True)))
    connection.feed(head(b"POST / HTTP/1.1", b"Content-Length: 5") + b"he")
    await connection.run()
    assert connection.transport.closed
    connection.feed(b"llo" + GET)
    assert connection.loop.waiting == 0
    assert not connection.responses()[0].whole


async def test_what_is_left_to_send_has_a_deadline(connect: Any) -> None:
    connection = connect(respond(), full=True, timeout_send=5)
    connection.feed(GET)
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

    connection: Connection = connect(app, full=True, timeout_send=5)
    connection.feed(head(b"POST / HTTP/1.1", b"Content-Length: 5"))
    connection.transport.unsent = 100
    await connection.run()
    assert connection.transport.aborted


async def test_an_early_answer_that_is_not_taken_while_the_body_ends(connect: Any) -> None:
    connection = connect(respond(), full=True, timeout_send=5)
    original = connection.transport.write

    def write(data: bytes) -> None:
        original(data)
        connection.transport.unsent += len(data)
        connection.protocol.pause_writing()

    connection.transport.write = write
    connection.feed(head(b"POST / HTTP/1.1", b"Content-Length: 5"))
    await connection.run()
    connection.feed(b"hello")
    connection.loop.run_later(with_delay=5)
    assert connection.transport.aborted


async def test_a_body_breaks_while_the_client_takes_nothing(connect: Any) -> None:
    connection: Connection = connect(send_all(), full=True, timeout_send=5)
    connection.feed(CHUNKED)
    connection.transport.unsent = 100
    connection.protocol.pause_writing()
    connection.feed(b"zz\r\n")
    assert connection.statuses == [400]
    connection.loop.run_later(with_delay=5)
    assert connection.transport.aborted
    await connection.run()


async def test_the_body_is_awaited_again_once_the_client_takes_what_was_sent(connect: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        event = await receive()
        assert event["type"] == "http.disconnect"

    connection: Connection = connect(app, timeout_request_body=4)
    connection.feed(head(b"POST / HTTP/1.1", b"Content-Length: 5"))
    task = connection.loop.start_one()
    await asyncio.sleep(0)
    connection.protocol.pause_writing()
    connection.protocol.resume_writing()
    connection.loop.run_later(with_delay=4)
    await asyncio.wait_for(task, 5)
    assert connection.statuses == [408]


async def test_thousands_of_hosts(connect: Any) -> None:
    """What is remembered of clients is bounded."""
    connection = connect(respond())
    for number in range(1100):
        connection.feed(head(host=b"host-%d.example" % number))
        await connection.run()
    assert connection.statuses == [200] * 1100
    connection.transport.clear_buffer()
    connection.feed(head(host=b"host-<.example"))
    assert connection.statuses == [400]


async def test_thousands_of_header_names(connect: Any) -> None:
    """What is remembered of applications is bounded too, and stays right."""
    number = 0

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await respond(headers=[(b"X-Name-%d" % number, b"v")])(scope, receive, send)

    connection: Connection = connect(app)
    for number in range(1100):
        response = await connection.ask(GET)
        assert response.headers[1] == (b"x-name-%d" % number, b"v")
