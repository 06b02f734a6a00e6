"""How a WebSocket ends: by the client, the application or the network (RFC 6455 section 7)."""

import asyncio
from typing import Any

import pytest

from tests.protocols.websockets.connection import settle
from tests.protocols.websockets.frames import CLOSE, PING, TEXT, close, frame
from uvicorn.protocols.utils import ClientDisconnected


@pytest.mark.parametrize(
    ("code", "reason"), [(None, ""), (1000, ""), (1001, "bye"), (3000, "ü" * 61), (4999, ""), (1012, "")]
)
async def test_the_client_closes(connect: Any, code: int | None, reason: str) -> None:
    connection = await connect().open()
    data = close(code, reason.encode())
    connection.feed(frame(TEXT, b"last") + data + frame(TEXT, b"too late"))
    assert (await connection.receive())["text"] == "last"
    assert await connection.disconnect() == (code or 1005, reason)
    [answer] = connection.frames()
    assert (answer.code, answer.payload[2:].decode()) == (code, reason)
    assert connection.transport.closed
    connection.lose()
    assert await connection.disconnect() == (code or 1005, reason)
    with pytest.raises(ClientDisconnected):
        await connection.send("send", text="too late")
    with pytest.raises(ClientDisconnected):
        await connection.send("close")


@pytest.mark.parametrize(
    ("message", "code", "reason"),
    [({}, 1000, ""), ({"code": 4000, "reason": "why"}, 4000, "why"), ({"code": None, "reason": None}, 1000, "")],
)
async def test_the_application_closes(connect: Any, message: Any, code: int, reason: str) -> None:
    connection = await connect().open(then=frame(TEXT, b"unread"))
    await connection.send("close", **message)
    [ours] = connection.frames()
    assert (ours.opcode, ours.code, ours.reason) == (CLOSE, code, reason)
    assert (await connection.receive())["text"] == "unread"
    assert await connection.disconnect() == (code, reason)
    for kind in ("send", "close", "accept"):
        with pytest.raises(RuntimeError) as caught:
            await connection.send(kind)
        assert str(caught.value) == f"Unexpected ASGI message 'websocket.{kind}', after sending 'websocket.close'."
    assert not connection.transport.closed
    # The server now answers only a close frame, and then it closes the connection.
    connection.feed(frame(TEXT, b"too late") + frame(PING) + close(code))
    assert connection.transport.closed
    connection.feed(frame(PING))
    assert connection.frames() == []
    assert await connection.disconnect() == (code, reason)
    connection.lose()
    with pytest.raises(RuntimeError, match=r"after sending 'websocket\.close'"):
        await connection.send("send", text="")


async def test_a_long_reason_is_cut_between_characters(connect: Any) -> None:
    connection = await connect().open()
    await connection.send("close", code=1000, reason="ü" * 100)
    assert connection.frames()[0].reason == "ü" * 61
    assert await connection.disconnect() == (1000, "ü" * 100)


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, -1, "1000", 65536])
async def test_refuses_an_invalid_close_code(connect: Any, code: Any) -> None:
    connection = await connect().open()
    with pytest.raises(RuntimeError) as caught:
        await connection.send("close", code=code)
    assert str(caught.value) == f"'websocket.close' has an invalid code: {code!r}."
    assert connection.wire == b""


async def test_closes_if_the_client_does_not_answer(connect: Any) -> None:
    connection = await connect().open()
    await connection.send("close")
    assert connection.loop.timers == [10.0]
    connection.loop.run_later(with_delay=10)
    assert connection.transport.closed


@pytest.mark.parametrize("where", ["the instance", "a subclass", "an instance of a subclass"])
async def test_the_time_for_the_answer_can_be_set(connect: Any, ws_protocol_cls: Any, where: str) -> None:
    hasty = type("Hasty", (ws_protocol_cls,), {"close_timeout": 3.0})
    connection = connect(ws_protocol_cls if where == "the instance" else hasty)
    assert connection.protocol.close_timeout == (10.0 if where == "the instance" else 3.0)
    if where != "a subclass":
        connection.protocol.close_timeout = 5.0
    await connection.open()
    await connection.send("close")
    assert connection.loop.timers == [3.0 if where == "a subclass" else 5.0]
    connection.feed(close(1000))
    assert connection.transport.closed
    assert connection.loop.timers == [3.0 if where == "a subclass" else 5.0]


async def test_aborts_if_the_client_neither_answers_nor_reads(connect: Any) -> None:
    connection = await connect(full=True).open()
    await connection.send("close")
    connection.transport.unsent = 1
    connection.loop.run_later(with_delay=10)
    assert connection.transport.aborted


async def test_aborts_if_the_client_does_not_read_the_answer(connect: Any) -> None:
    connection = await connect(full=True).open(then=close(1000))
    assert connection.transport.closed
    connection.loop.run_later(with_delay=10)
    assert connection.transport.aborted


async def test_closes_if_the_client_answers_with_garbage(connect: Any) -> None:
    connection = await connect().open()
    await connection.send("close", code=1001)
    connection.transport.clear_buffer()
    connection.feed(b"\xff" * 10)
    assert connection.wire == b""
    assert connection.transport.closed
    assert await connection.disconnect() == (1001, "")


@pytest.mark.parametrize("error", [None, ConnectionResetError()])
async def test_a_lost_connection_is_a_disconnect_with_1005(connect: Any, error: Any) -> None:
    connection = await connect().open(then=frame(TEXT, b"last"))
    waiting = [asyncio.ensure_future(connection.receive()) for _ in range(2)]
    await settle()
    connection.protocol.eof_received()
    connection.lose(error)
    events = sorted([await one for one in waiting], key=lambda event: event["type"], reverse=True)
    assert events == [{"type": "websocket.receive", "text": "last"}, {"type": "websocket.disconnect", "code": 1005}]
    with pytest.raises(ClientDisconnected) as caught:
        await connection.send("send", text="")
    assert isinstance(caught.value, OSError)
    assert connection.loop.timers == []


@pytest.mark.parametrize("kind", ["accept", "close", "send", "http.response.start"])
async def test_a_connection_lost_before_accept_is_a_disconnect_with_1006(connect: Any, kind: str) -> None:
    connection = await connect().ask()
    connection.lose()
    assert await connection.receive() == {"type": "websocket.disconnect", "code": 1006}
    with pytest.raises(ClientDisconnected):
        await connection.send(kind)
