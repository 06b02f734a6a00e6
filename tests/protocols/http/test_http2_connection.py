"""HTTP/2: the connection, its flow control, its deadlines and its end."""

import asyncio
import logging
from typing import Any

import pytest

from tests.doubles import FullTransport, TlsObject
from tests.http2 import HELLO, data, frame, headers, ping, reset, settings, window_update
from tests.protocols.http.connection import body, respond, send_all, start
from tests.protocols.http.http2 import Http2Connection, until
from uvicorn._speedups import http2_codes as codes
from uvicorn.protocols.http.http2 import is_adequate

NO_WINDOW = settings((codes.INITIAL_WINDOW_SIZE, 0))


class Waits:
    """An application that answers when the test sets its event, and records what it received."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.events: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.events.append((await receive())["type"])
        await self.go.wait()
        look = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        if look.done():
            self.events.append(look.result()["type"])
        else:
            look.cancel()
        await respond(b"done")(scope, receive, send)


# Flow control


async def test_send_waits_for_the_windows(connect_http2: Any) -> None:
    sent: list[int] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(start())
        for number in range(3):
            await send(body(b"x" * 10, True))
            sent.append(number)
        await send(body())

    connection = connect_http2(app).feed(NO_WINDOW, headers(1))
    await until(lambda: sent)
    for _ in range(5):
        await asyncio.sleep(0)
    assert sent == [0]
    connection.feed(window_update(1, 9))
    for _ in range(5):
        await asyncio.sleep(0)
    assert sent == [0]
    connection.feed(window_update(1, 1))
    await until(lambda: len(sent) == 2)
    connection.feed(window_update(1, 100))
    assert (await connection.get(1)).body == b"x" * 30


async def test_a_slow_stream_does_not_stop_the_others(connect_http2: Any) -> None:
    connection = connect_http2(send_all(start(), body(b"x" * 100)))
    connection.feed(NO_WINDOW, headers(1), headers(3), window_update(3, 1000))
    assert (await connection.get(3)).body == b"x" * 100
    assert (await connection.fetch(headers(5), window_update(5, 1000), stream=5)).ended
    assert not connection.answer(1).ended


async def test_a_reset_ends_a_waiting_send(connect_http2: Any) -> None:
    ended: list[bool] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(start())
        await send(body(b"x", True))
        await send(body(b"y"))
        ended.append(True)

    connection = connect_http2(app).feed(NO_WINDOW, headers(1))
    await until(lambda: connection.protocol.watched)
    connection.feed(reset(1))
    await until(lambda: ended)
    assert not connection.protocol.watched


async def test_several_senders_wait_for_one_stream(connect_http2: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(start())
        await send(body(b"a", True))
        await asyncio.gather(send(body(b"b", True)), send(body(b"c", True)))
        await send(body())

    connection = connect_http2(app).feed(NO_WINDOW, headers(1))
    await until(lambda: connection.protocol.watched)
    connection.feed(window_update(1, 100))
    assert (await connection.get(1)).body == b"abc"


async def test_ignores_a_body_that_arrives_while_the_response_waits(connect_http2: Any) -> None:
    connection = connect_http2(send_all(start(), body(b"x" * 10)))
    connection.feed(NO_WINDOW, headers(1, method=b"POST", end=False))
    await until(lambda: not connection.state.tasks)
    connection.feed(data(1, b"abc"), window_update(1, 100))
    assert (await connection.get(1)).body == b"x" * 10
    assert connection.answer(1).reset == codes.NO_ERROR


async def test_a_cancelled_receive_does_not_affect_a_waiting_response(connect_http2: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(start())
        await send(body(b"x" * 10, True))
        look = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        look.cancel()
        await send(body())

    connection = connect_http2(app).feed(NO_WINDOW, headers(1, method=b"POST", end=False))
    await until(lambda: connection.protocol.watched)
    for _ in range(5):
        await asyncio.sleep(0)
    assert connection.protocol.watched
    connection.feed(window_update(1, 100))
    assert (await connection.get(1)).body == b"x" * 10


async def test_an_answer_of_the_server_waits_for_the_window(connect_http2: Any) -> None:
    connection = connect_http2(respond(), limit_request_body=1)
    connection.feed(NO_WINDOW, headers(1, (b"content-length", b"2"), end=False))
    assert connection.answer(1).status == 413
    assert not connection.answer(1).ended
    connection.feed(window_update(1, 100))
    assert connection.answer(1).ended


async def test_a_large_response_takes_several_writes(connect_http2: Any) -> None:
    connection = connect_http2(send_all(start(), body(b"x" * 1_000_000)))
    connection.feed(settings((codes.INITIAL_WINDOW_SIZE, 1 << 24)), window_update(0, 1 << 24), headers(1))
    await until(lambda: sum(map(len, connection.transport.writes)) > 1_000_000)
    assert max(map(len, connection.transport.writes)) < 300_000
    assert connection.answer(1).ended


async def test_nothing_is_written_while_the_transport_is_full(connect_http2: Any) -> None:
    connection = connect_http2(respond())
    connection.protocol.pause_writing()
    connection.feed(headers(1), ping())
    await asyncio.sleep(0)
    assert connection.take() == b""
    connection.protocol.resume_writing()
    assert connection.read().of_kind("PING")
    assert (await connection.get(1)).ended


async def test_nothing_is_written_to_a_transport_that_is_closing(connect_http2: Any) -> None:
    connection = connect_http2(respond())
    connection.transport.closed = True
    connection.feed(headers(1))
    await until(lambda: connection.state.total_requests == 1 and not connection.state.tasks)
    await asyncio.sleep(0)
    assert connection.take() == b""


async def test_cuts_off_a_client_that_does_not_read(connect_http2: Any) -> None:
    connection = connect_http2(respond(), double=True)
    connection.fill(100)
    connection.feed(ping())
    connection.loop.run_later(60)
    assert connection.transport.aborted


async def test_a_lingering_connection_closes_after_its_transport_was_full(connect_http2: Any) -> None:
    connection = connect_http2(respond(), double=True).feed(ping(b""))
    assert connection.ended
    connection.protocol.pause_writing()
    connection.protocol.resume_writing()
    assert not connection.transport.closed
    connection.loop.run_later(2)
    assert connection.transport.closed


# Deadlines


async def test_cuts_off_a_client_whose_window_never_opens(connect_http2: Any) -> None:
    connection = connect_http2(send_all(start(), body(b"x" * 10)), double=True, timeout_send=7)
    connection.feed(NO_WINDOW, headers(1))
    await connection.loop.run_one()
    assert 7 in connection.loop.timers
    connection.loop.run_later(7)
    assert connection.answer(1).reset == codes.CANCEL
    assert not connection.protocol.watched


async def test_keeps_a_client_whose_window_opens_slowly(connect_http2: Any) -> None:
    connection = connect_http2(send_all(start(), body(b"x" * 10)), double=True, timeout_send=7)
    connection.feed(NO_WINDOW, headers(1))
    await connection.loop.run_one()
    for _ in range(9):
        connection.feed(window_update(1, 1))
        connection.loop.run_later(7)
    assert connection.answer(1).reset is None
    connection.feed(window_update(1, 1))
    assert connection.answer(1).body == b"x" * 10
    connection.loop.run_later(7)
    assert connection.answer(1).ended


async def test_a_response_that_waits_for_others_is_not_stalled(connect_http2: Any) -> None:
    connection = connect_http2(send_all(start(), body(b"x" * 100_000)), double=True, timeout_send=7)
    connection.feed(settings((codes.INITIAL_WINDOW_SIZE, 1 << 20)), headers(1), headers(3))
    await connection.loop.run_one()
    await connection.loop.run_one()
    assert not connection.answer(3).body
    connection.feed(window_update(0, 10))
    connection.loop.run_later(7)
    assert connection.answer(3).reset is None
    connection.loop.run_later(7)
    assert connection.answer(3).reset == codes.CANCEL


async def test_keeps_the_deadlines_of_the_other_streams(connect_http2: Any) -> None:
    connection = connect_http2(send_all(start(), body(b"x" * 10)), double=True, timeout_send=7, timeout_request_body=5)
    connection.feed(NO_WINDOW, headers(1), headers(3))
    await connection.loop.run_one()
    await connection.loop.run_one()
    assert len(connection.protocol.watched) == 2
    connection.feed(window_update(1, 10))
    assert len(connection.protocol.watched) == 1
    connection.loop.run_later(7)
    assert connection.answer(3).reset == codes.CANCEL


async def test_deadlines_on_a_real_clock(connect_http2: Any) -> None:
    connection = connect_http2(send_all(start(), body(b"x" * 10)), timeout_send=0.05).feed(NO_WINDOW, headers(1))
    await asyncio.sleep(0.02)
    connection.feed(headers(3))
    await asyncio.wait_for(_ended(connection, 3), 5)
    assert connection.answer(1).reset == connection.answer(3).reset == codes.CANCEL


async def _ended(connection: Http2Connection, stream: int) -> None:
    while connection.answer(stream).reset is None:
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("started", [False, True])
async def test_times_out_a_body_that_does_not_arrive(connect_http2: Any, started: bool) -> None:
    events: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if started:
            await send(start())
            await send(body(b"x", True))
        for _ in range(2):
            events.append(await receive())
        if started:
            await send(body(b"y"))

    connection = connect_http2(app, double=True, timeout_request_body=9).feed(headers(1, method=b"POST", end=False))
    task = connection.loop.start_one()
    await until(lambda: connection.protocol.watched)
    connection.feed(data(1, b"abc"))
    await until(lambda: events)
    await until(lambda: connection.protocol.watched)
    connection.loop.run_later(9)
    await task
    assert [event["type"] for event in events] == ["http.request", "http.disconnect"]
    if started:
        assert connection.answer(1).body == b"x"
        assert connection.answer(1).reset == codes.INTERNAL_ERROR
    else:
        assert connection.answer(1).status == 408


async def test_an_idle_connection_is_closed(connect_http2: Any) -> None:
    connection = connect_http2(respond(), double=True).feed(headers(1))
    await connection.loop.run_one()
    assert connection.answer(1).ended
    connection.feed(ping())
    assert connection.loop.timers == [5]
    connection.loop.run_later(5)
    assert (connection.read().goaway.code, connection.reader.goaway.number) == (codes.NO_ERROR, 1)
    assert connection.ended


async def test_a_busy_connection_is_not_closed(connect_http2: Any) -> None:
    connection = connect_http2(respond(), double=True).feed(headers(1))
    await connection.loop.run_one()
    connection.feed(headers(3))
    connection.loop.run_later(5)
    assert not connection.ended
    await connection.loop.run_one()
    assert connection.answer(3).ended


@pytest.mark.parametrize("sent", [b"", codes.PREFACE[:9], HELLO, HELLO + ping()])
async def test_closes_a_connection_without_a_request(connect_http2: Any, sent: bytes) -> None:
    connection = connect_http2(respond(), double=True, hello=False, timeout_request_head=11)
    if sent:
        connection.feed(sent)
    assert connection.loop.timers == [11]
    connection.loop.run_later(11)
    assert connection.ended


@pytest.mark.parametrize("busy", [False, True])
@pytest.mark.parametrize("served", [False, True])
async def test_times_out_a_head_that_arrives_slowly(connect_http2: Any, busy: bool, served: bool) -> None:
    app = Waits()
    connection = connect_http2(app, double=True, timeout_request_head=11)
    tasks = []
    if served:
        connection.feed(headers(1))
        app.go.set()
        await connection.loop.run_one()
        app.go.clear()
    if busy:
        connection.feed(headers(3))
        tasks.append(connection.loop.start_one())
        await asyncio.sleep(0)
    connection.feed(frame(codes.HEADERS, 0, 5, b""))
    connection.feed(frame(codes.CONTINUATION, 0, 5, b""))
    assert connection.loop.timers == [11]
    connection.loop.run_later(11)
    assert connection.read().goaway.code == codes.ENHANCE_YOUR_CALM
    assert connection.ended
    app.go.set()
    for task in tasks:
        await task


async def test_a_complete_head_ends_its_deadline(connect_http2: Any) -> None:
    app = Waits()
    connection = connect_http2(app, double=True, timeout_request_head=11).feed(headers(1))
    task = connection.loop.start_one()
    await asyncio.sleep(0)
    connection.feed(headers(3)[:20])
    assert connection.loop.timers == [11]
    connection.feed(headers(3)[20:])
    assert connection.loop.timers == []
    app.go.set()
    await task
    await connection.loop.run_one()


# The end


async def test_a_protocol_error_ends_the_connection(connect_http2: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "uvicorn.error")
    app = Waits()
    connection = connect_http2(app).feed(headers(1))
    await until(lambda: app.events)
    connection.feed(ping(b""))
    assert connection.read().goaway.code == codes.FRAME_SIZE_ERROR
    assert connection.transport.eof_written
    assert "Invalid HTTP request received." in caplog.text
    assert "ends the connection (error code 6): PING does not have 8 bytes" in caplog.text
    connection.feed(headers(3))
    connection.feed(b"x" * 70000)
    assert connection.transport.closed
    app.go.set()
    await until(lambda: not connection.state.tasks)
    assert app.events == ["http.request", "http.disconnect"]


async def test_closes_after_a_protocol_error_while_the_transport_is_full(connect_http2: Any) -> None:
    connection = connect_http2(respond(), double=True)
    connection.fill(5)
    connection.feed(ping(b""))
    assert not connection.ended
    connection.loop.run_later(60)
    assert connection.transport.closed


async def test_a_lost_connection_disconnects_its_applications(connect_http2: Any) -> None:
    app = Waits()
    connection = connect_http2(app).feed(headers(1), NO_WINDOW, headers(3))
    await until(lambda: len(app.events) == 2)
    assert connection.state.connections == {connection.protocol}
    connection.protocol.connection_lost(None)
    assert not connection.state.connections
    app.go.set()
    await until(lambda: not connection.state.tasks)
    assert app.events.count("http.disconnect") == 2


async def test_a_lost_connection_has_no_timers(connect_http2: Any) -> None:
    connection = connect_http2(send_all(start(), body(b"x" * 10)), double=True).feed(NO_WINDOW, headers(1))
    await connection.loop.run_one()
    connection.protocol.connection_lost(None)
    assert connection.loop.timers == []


async def test_answers_complete_requests_after_the_end_of_input(connect_http2: Any) -> None:
    app = Waits()
    connection = connect_http2(app).feed(headers(1), headers(3, method=b"POST", end=False))
    await until(lambda: app.events)
    assert connection.protocol.eof_received()
    assert connection.answer(3).reset == codes.CANCEL
    app.go.set()
    assert (await connection.get(1)).body == b"done"
    await until(lambda: connection.transport.closed)


async def test_an_idle_connection_closes_at_the_end_of_input(connect_http2: Any) -> None:
    connection = connect_http2(respond())
    assert not connection.protocol.eof_received()
    assert connection.transport.closed


async def test_resets_a_response_without_a_window_at_the_end_of_input(connect_http2: Any) -> None:
    connection = connect_http2(send_all(start(), body(b"x" * 10))).feed(NO_WINDOW, headers(1))
    await until(lambda: not connection.state.tasks)
    connection.protocol.eof_received()
    assert connection.answer(1).reset == codes.CANCEL
    assert connection.transport.closed


async def test_a_shutdown_answers_requests_that_were_under_way(connect_http2: Any) -> None:
    connection = connect_http2(respond())
    connection.protocol.shutdown()
    connection.protocol.shutdown()
    probe, goaway = connection.read().frames
    assert (goaway.kind, goaway.number) == ("GOAWAY", codes.MAX_STREAM_ID)
    # This request was under way when the client received the GOAWAY.
    assert (await connection.fetch(headers(1), ping(probe.payload, codes.ACK))).status == 200
    await until(lambda: connection.ended)
    assert connection.read().goaway.number == 1


async def test_a_shutdown_waits_for_running_requests(connect_http2: Any) -> None:
    app = Waits()
    connection = connect_http2(app).feed(headers(1))
    await until(lambda: app.events)
    connection.protocol.shutdown()
    [probe] = connection.read().of_kind("PING")
    [stream] = connection.protocol.session.streams.values()
    assert not stream.owner.keep_alive
    assert stream.owner.loop is connection.loop
    connection.feed(ping(probe.payload, codes.ACK))
    connection.feed(ping(probe.payload, codes.ACK))
    connection.feed(headers(3))
    assert not connection.ended
    app.go.set()
    assert (await connection.get(1)).body == b"done"
    await until(lambda: connection.ended)
    assert not connection.answer(3).heads


async def test_a_shutdown_does_not_wait_for_a_client_that_does_not_answer(connect_http2: Any) -> None:
    connection = connect_http2(respond(), double=True)
    connection.protocol.shutdown()
    connection.feed(ping())
    connection.feed(headers(1))
    connection.loop.run_later(1)
    await connection.loop.run_one()
    assert connection.answer(1).ended
    assert connection.ended


async def test_a_shutdown_after_the_end_sends_nothing(connect_http2: Any) -> None:
    connection = connect_http2(respond()).feed(ping(b""))
    connection.take()
    connection.protocol.shutdown()
    assert connection.take() == b""


async def test_a_shutdown_waits_for_a_full_transport(connect_http2: Any) -> None:
    connection = connect_http2(respond())
    connection.protocol.pause_writing()
    connection.protocol.shutdown()
    assert connection.take() == b""
    connection.protocol.resume_writing()
    assert connection.read().goaway.number == codes.MAX_STREAM_ID


async def test_a_ping_answer_without_a_shutdown_does_not_close(connect_http2: Any) -> None:
    connection = connect_http2(respond()).feed(ping(b"shutdown", codes.ACK), headers(1))
    assert (await connection.get(1)).status == 200
    assert not connection.ended


async def test_the_connection_is_traced(connect_http2: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(5, "uvicorn.error")
    connection = connect_http2(respond())
    connection.protocol.connection_lost(None)
    assert [record.getMessage() for record in caplog.records if "HTTP" in record.getMessage()] == [
        "127.0.0.1:12345 - HTTP connection made",
        "127.0.0.1:12345 - HTTP connection lost",
    ]


# TLS


@pytest.mark.parametrize(
    ("tls", "adequate"),
    [
        (None, True),
        (TlsObject("TLSv1.3", "TLS_AES_128_GCM_SHA256"), True),
        (TlsObject("TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256"), True),
        (TlsObject("TLSv1.2", "DHE-RSA-CHACHA20-POLY1305"), True),
        (TlsObject("TLSv1.2", "ECDHE-ECDSA-AES256-CCM8"), True),
        (TlsObject("TLSv1.2", "ECDHE-RSA-AES128-SHA256"), False),
        (TlsObject("TLSv1.2", "AES128-GCM-SHA256"), False),
        (TlsObject("TLSv1.1", "ECDHE-RSA-AES128-GCM-SHA256"), False),
    ],
)
def test_which_tls_is_adequate(tls: Any, adequate: bool) -> None:
    assert is_adequate(tls) is adequate


@pytest.mark.parametrize("cipher", ["AES128-SHA", "ECDHE-RSA-AES128-GCM-SHA256"])
async def test_refuses_inadequate_tls(connect_http2: Any, cipher: str) -> None:
    transport = FullTransport(sslcontext=True)
    transport._extra["ssl_object"] = TlsObject("TLSv1.2", cipher)
    connection = connect_http2(respond(), hello=False, transport=transport)
    if cipher == "AES128-SHA":
        assert connection.read().goaway.code == codes.INADEQUATE_SECURITY
        assert connection.ended
    else:
        connection.feed(HELLO, headers(1))
        assert (await connection.get(1)).status == 200
        assert not connection.protocol.eof_received()
