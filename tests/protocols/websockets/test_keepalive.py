"""Keepalive pings, and the end of a client that does not answer them."""

from typing import Any

import pytest

from tests.protocols.websockets.frames import CLOSE, PING, PONG, TEXT, ServerFrame, frame
from uvicorn.protocols.websockets.keepalive import Action, Keepalive


async def test_pings_a_client_that_answers(connect: Any) -> None:
    connection = await connect(ws_ping_interval=20, ws_ping_timeout=20).open()
    for _ in range(3):
        assert connection.loop.timers == [20.0]
        connection.loop.run_later(with_delay=20)
        assert connection.frames() == [ServerFrame(PING, b"")]
        connection.feed(frame(PONG))
    assert not connection.transport.closed


async def test_closes_without_a_pong(connect: Any) -> None:
    connection = await connect(ws_ping_interval=20, ws_ping_timeout=20).open()
    connection.loop.run_later(with_delay=20)
    connection.transport.clear_buffer()
    connection.feed(frame(TEXT, b"not a pong"))
    connection.loop.run_later(with_delay=20)
    assert connection.frames() == [ServerFrame(CLOSE, b"\x03\xf3keepalive ping timeout")]
    assert connection.transport.closed
    assert (await connection.receive())["text"] == "not a pong"
    assert await connection.disconnect() == (1005, None)


async def test_a_client_without_a_pong_has_time_to_read_the_close_frame(connect: Any) -> None:
    connection = await connect(full=True, ws_ping_interval=20, ws_ping_timeout=5).open()
    connection.loop.run_later(with_delay=20)
    connection.loop.run_later(with_delay=5)
    assert [item.opcode for item in connection.frames()] == [PING, CLOSE]
    assert connection.transport.eof_written
    assert not connection.transport.closed
    assert sorted(connection.loop.timers) == [2.0, 10.0]


async def test_messages_do_not_change_the_timer(connect: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = await connect().open()
    armed: list[Any] = []
    monkeypatch.setattr(connection.loop, "call_later", lambda *arguments: armed.append(arguments))
    for _ in range(10):
        connection.feed(frame(TEXT, b"x") + frame(PONG) + frame(PING))
        await connection.receive()
        await connection.send("send", text="x")
    assert armed == []


@pytest.mark.parametrize("interval", [None, 0])
async def test_no_pings_without_an_interval(connect: Any, interval: Any) -> None:
    connection = await connect(ws_ping_interval=interval).open(then=frame(PONG))
    assert connection.loop.timers == []


@pytest.mark.parametrize("timeout", [None, 0])
async def test_waits_for_a_pong_without_a_limit(connect: Any, timeout: Any) -> None:
    connection = await connect(ws_ping_timeout=timeout).open()
    for _ in range(10):
        connection.loop.run_later(with_delay=20)
    assert connection.frames() == [ServerFrame(PING, b"")] * 10
    assert not connection.transport.closed


async def test_an_unread_pong_is_not_a_missing_one(connect: Any) -> None:
    connection = await connect(ws_max_queue=1).open()
    connection.loop.run_later(with_delay=20)
    connection.feed(frame(TEXT, b"x"))
    for _ in range(5):
        connection.loop.run_later(with_delay=20)
    assert not connection.transport.closed
    await connection.receive()
    connection.loop.run_later(with_delay=20)
    assert connection.transport.closed


async def test_the_timer_ends_with_the_connection(connect: Any) -> None:
    connection = await connect().open()
    connection.lose()
    assert connection.loop.timers == []


def test_an_interval_longer_than_the_timeout() -> None:
    keepalive = Keepalive(20, 5)
    assert keepalive.delay == 20
    assert (keepalive.tick(False), keepalive.delay) == (Action.PING, 5)
    keepalive.pong()
    assert (keepalive.tick(False), keepalive.delay) == (Action.WAIT, 15)
    assert (keepalive.tick(False), keepalive.delay) == (Action.PING, 5)
    assert keepalive.tick(False) is Action.FAIL


def test_a_timeout_longer_than_the_interval() -> None:
    keepalive = Keepalive(5, 12)
    assert (keepalive.tick(False), keepalive.delay) == (Action.PING, 5)
    assert (keepalive.tick(False), keepalive.delay) == (Action.WAIT, 7)
    keepalive.pong()
    assert (keepalive.tick(False), keepalive.delay) == (Action.PING, 5)
    keepalive.pong()
    assert (keepalive.tick(False), keepalive.delay) == (Action.PING, 5)
    keepalive.tick(False)
    assert keepalive.tick(False) is Action.FAIL


def test_pings_again_without_a_timeout() -> None:
    keepalive = Keepalive(5, None)
    for _ in range(10):
        assert (keepalive.tick(False), keepalive.delay) == (Action.PING, 5)


def test_a_server_that_does_not_read_waits_for_the_whole_timeout_again() -> None:
    keepalive = Keepalive(20, 5)
    assert (keepalive.tick(False), keepalive.delay) == (Action.PING, 5)
    for _ in range(3):
        assert (keepalive.tick(True), keepalive.delay) == (Action.WAIT, 5)
    assert keepalive.tick(False) is Action.FAIL
