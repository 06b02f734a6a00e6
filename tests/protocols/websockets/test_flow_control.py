"""Reading pauses while the application is behind, and writing waits while the client is behind."""

import asyncio
import gc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocols.websockets.connection import settle
from tests.protocols.websockets.frames import BINARY, PING, PONG, TEXT, close, frame
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.inbox import Inbox


async def test_reading_pauses_at_the_high_water_mark(connect: Any) -> None:
    connection = await connect(ws_max_queue=8).open()
    for number in range(8):
        assert connection.transport.reading
        connection.feed(frame(TEXT, b"%d" % number))
    assert not connection.transport.reading
    for number in range(8):
        assert (await connection.receive())["text"] == str(number)
        # The low-water mark is a quarter of the high-water mark.
        assert connection.transport.reading == (number >= 5)


@pytest.mark.parametrize("limit", [1, 2])
async def test_pauses_and_resumes_with_short_queues(connect: Any, limit: int) -> None:
    connection = await connect(ws_max_queue=limit).open()
    for _ in range(3):
        connection.feed(frame(TEXT, b"x") * limit)
        assert not connection.transport.reading
        for _ in range(limit):
            await connection.receive()
        assert connection.transport.reading


async def test_the_default_limit_is_32_messages(connect: Any) -> None:
    connection = await connect().open(then=frame(TEXT, b"x") * 31)
    assert connection.transport.reading
    connection.feed(frame(TEXT, b"x"))
    assert not connection.transport.reading


@pytest.mark.parametrize("limit", [None, 0])
async def test_does_not_pause_reading_without_a_limit(connect: Any, limit: int | None) -> None:
    connection = await connect(ws_max_queue=limit).open(then=frame(TEXT, b"x") * 1000)
    assert connection.transport.reading
    for _ in range(1000):
        await connection.receive()


async def test_a_queue_without_a_limit_of_messages_has_one_of_bytes(connect: Any) -> None:
    connection = await connect(ws_max_queue=None, ws_max_size=1000).open(then=frame(TEXT, b"x" * 10) * 99)
    assert connection.transport.reading
    connection.feed(frame(TEXT, b"x" * 10))
    assert not connection.transport.reading


async def test_a_cancelled_receive_loses_nothing(connect: Any) -> None:
    connection = await connect().open()
    early, late = [asyncio.ensure_future(connection.script.receive()) for _ in range(2)]
    await settle()
    early.cancel()
    await settle()
    connection.feed(frame(TEXT, b"x"))
    # The receive is woken, and cancelled before it runs.
    late.cancel()
    await settle()
    assert early.cancelled()
    assert late.cancelled()
    assert (await connection.receive())["text"] == "x"


async def test_cancelled_receives_keep_nothing(connect: Any) -> None:
    """An application that only checks for a disconnect cancels `receive` again and again."""
    connection = await connect().open()

    def count_futures() -> int:
        gc.collect()
        return sum(type(item) is asyncio.Future for item in gc.get_objects())

    before = count_futures()
    for _ in range(10):
        waiting = asyncio.ensure_future(connection.script.receive())
        await settle()
        waiting.cancel()
        await settle()
    assert count_futures() < before + 5


async def test_keeps_reading_while_the_application_waits(connect: Any) -> None:
    connection = await connect(ws_max_queue=2).open()
    for _ in range(10):
        waiting = asyncio.ensure_future(connection.receive())
        await settle()
        connection.feed(frame(TEXT, b"x"))
        await waiting
        assert connection.transport.reading


async def test_large_messages_fill_the_queue_sooner(connect: Any) -> None:
    connection = await connect(ws_max_size=1000).open(then=frame(BINARY, b"x" * 1000))
    assert not connection.transport.reading
    await connection.receive()
    assert connection.transport.reading


async def test_keeps_reading_for_the_closing_handshake(connect: Any) -> None:
    connection = await connect(ws_max_queue=1).open(then=frame(TEXT, b"x"))
    await connection.send("close")
    assert connection.transport.reading
    connection.feed(frame(TEXT, b"x") * 10 + close(1000))
    assert connection.transport.closed


@pytest.mark.parametrize("bad", [b"\xff\xff", frame(TEXT, b"x", mask=None)])
async def test_keeps_reading_after_a_failure(connect: Any, bad: bytes) -> None:
    """The server must read what the client has sent; otherwise a reset overtakes the server's close frame."""
    connection = await connect(full=True, ws_max_queue=1).open(then=frame(TEXT, b"x") + bad)
    assert [item.code for item in connection.frames()] == [1002]
    assert connection.transport.eof_written
    assert connection.transport.reading


async def test_keeps_reading_for_the_answer_to_our_close_frame(connect: Any) -> None:
    """If the application does not close the WebSocket itself, it can still receive its unread messages."""
    connection = await connect(ws_max_queue=1).open(then=frame(TEXT, b"x"))
    await connection.finish()
    connection.feed(frame(TEXT, b"y"))
    assert connection.transport.reading
    connection.feed(close(1000))
    assert connection.transport.closed


async def test_send_waits_while_writing_is_paused(connect: Any) -> None:
    connection = await connect().open()
    connection.protocol.pause_writing()
    sending = asyncio.ensure_future(connection.send("send", text="x"))
    await settle()
    assert not sending.done()
    connection.protocol.resume_writing()
    await sending
    assert [item.payload for item in connection.frames()] == [b"x"]


async def test_a_waiting_send_raises_when_the_client_leaves(connect: Any) -> None:
    connection = await connect().open()
    connection.protocol.pause_writing()
    sending = asyncio.ensure_future(connection.send("send", text="x"))
    await settle()
    connection.lose()
    with pytest.raises(ClientDisconnected):
        await sending


async def test_receive_works_while_writing_is_paused(connect: Any) -> None:
    connection = await connect(ws_max_queue=1).open()
    connection.protocol.pause_writing()
    for _ in range(3):
        connection.feed(frame(TEXT, b"x"))
        await connection.receive()
        assert connection.transport.reading


async def test_pauses_reading_until_the_client_reads_its_pongs(connect: Any) -> None:
    connection = await connect(ws_max_queue=4).open()
    connection.protocol.pause_writing()
    connection.feed(frame(PING) + frame(TEXT, b"x"))
    assert not connection.transport.reading
    await connection.receive()
    assert not connection.transport.reading
    connection.protocol.resume_writing()
    assert connection.transport.reading
    assert [item.opcode for item in connection.frames()] == [PONG]


async def test_reading_pongs_does_not_resume_reading_while_the_queue_is_full(connect: Any) -> None:
    connection = await connect(ws_max_queue=4).open()
    connection.protocol.pause_writing()
    connection.feed(frame(PING) + frame(TEXT, b"x") * 4)
    connection.protocol.resume_writing()
    assert not connection.transport.reading
    for _ in range(3):
        await connection.receive()
    assert connection.transport.reading


async def test_cuts_off_a_client_that_does_not_read(connect: Any) -> None:
    connection = await connect(full=True, timeout_send=7, ws_ping_interval=None).open()
    connection.transport.unsent = 1000
    connection.protocol.pause_writing()
    assert connection.loop.timers == [7.0]
    connection.transport.unsent = 999
    connection.loop.run_later(with_delay=7)
    assert not connection.transport.closed
    connection.loop.run_later(with_delay=7)
    assert connection.transport.aborted
    connection.lose()
    assert await connection.disconnect() == (1005, None)


async def test_nothing_is_written_after_a_client_was_cut_off(connect: Any) -> None:
    connection = await connect(timeout_send=7).open()
    connection.protocol.pause_writing()
    connection.loop.run_later(with_delay=7)
    assert connection.transport.closed
    assert connection.loop.timers == []
    connection.feed(frame(PING) + frame(TEXT, b"x"))
    connection.loop.run_later(with_delay=1000)
    connection.lose()
    assert connection.wire == b""
    assert await connection.disconnect() == (1005, None)


async def test_the_send_timeout_ends_when_the_client_reads(connect: Any) -> None:
    connection = await connect(timeout_send=7, ws_ping_interval=None).open()
    connection.protocol.resume_writing()
    connection.protocol.pause_writing()
    connection.protocol.resume_writing()
    assert connection.loop.timers == []
    connection.protocol.pause_writing()
    connection.loop.run_later(with_delay=7)
    assert connection.transport.closed


@given(
    limits=st.tuples(st.integers(1, 9), st.integers(1, 40)),
    moves=st.lists(st.one_of(st.binary(max_size=12), st.none()), max_size=30),
)
def test_water_marks(limits: tuple[int, int], moves: list[bytes | None]) -> None:
    """The inbox is full at either limit, and drained at a quarter of both.

    Each move is a message that arrives (bytes), or a message that the application receives (None).
    """
    inbox = Inbox(*limits)
    unread: list[bytes] = []
    for move in moves:
        full = False
        if move is not None:
            full = inbox.put(move)
            unread.append(move)
        elif unread:
            taken = inbox.messages.popleft()
            inbox.size -= len(taken)
            assert taken == unread.pop(0)
        filled = [(len(unread), limits[0]), (sum(map(len, unread)), limits[1])]
        assert full == (move is not None and any(amount >= limit for amount, limit in filled))
        assert inbox.drained == all(amount <= limit / 4 for amount, limit in filled)


def test_a_quarter_of_either_limit_is_drained() -> None:
    for messages, drained in (([b"", b""], True), ([b"", b"", b""], False), ([b"abcde"], True), ([b"abcdef"], False)):
        inbox = Inbox(8, 20)
        for message in messages:
            assert not inbox.put(message)
        assert inbox.drained == drained


async def test_no_timer_outlives_a_client_that_did_not_read(connect: Any) -> None:
    connection = await connect().open()
    connection.protocol.pause_writing()
    connection.lose()
    assert connection.loop.timers == []
