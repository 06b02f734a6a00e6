"""What the application receives and sends while the WebSocket is open (ASGI specification, WebSocket)."""

import asyncio
import enum
import zlib
from typing import Any

import pytest

from tests.protocols.http.test_send import BYTES_LIKE
from tests.protocols.websockets.connection import DEFLATE, request, settle
from tests.protocols.websockets.frames import BINARY, CLOSE, CONT, PING, PONG, TEXT, ServerFrame, close, deflated, frame


def inflated(payload: bytes) -> bytes:
    return zlib.decompressobj(wbits=-12).decompress(payload + b"\x00\x00\xff\xff")


async def test_text_and_binary(connect: Any) -> None:
    connection = await connect().open()
    connection.feed(frame(TEXT, "Grüße".encode()) + frame(BINARY, b"\x00\xff") + frame(TEXT) + frame(BINARY))
    assert [await connection.receive() for _ in range(4)] == [
        {"type": "websocket.receive", "text": "Grüße"},
        {"type": "websocket.receive", "bytes": b"\x00\xff"},
        {"type": "websocket.receive", "text": ""},
        {"type": "websocket.receive", "bytes": b""},
    ]


@pytest.mark.parametrize("data", [frame(BINARY, b"ab"), frame(BINARY, b"a", fin=False) + frame(CONT, b"b")])
async def test_binary_messages_have_the_type_bytes(connect: Any, data: bytes) -> None:
    """A type that only equals bytes, such as bytearray, could not be a key."""
    connection = await connect().open(then=data)
    received = (await connection.receive())["bytes"]
    assert (type(received), received) == (bytes, b"ab")


async def test_sending(connect: Any) -> None:
    connection = await connect().open()
    await connection.send("send", text="Grüße")
    await connection.send("send", text="", bytes=None)
    await connection.send("send", bytes=b"\xff" * 126)
    await connection.send("send", bytes=bytearray(b"\xfe" * 65536), text=None)
    await connection.send("send", bytes=memoryview(b"view"))
    assert len(connection.transport.writes) == 5
    assert connection.frames() == [
        ServerFrame(TEXT, "Grüße".encode()),
        ServerFrame(TEXT, b""),
        ServerFrame(BINARY, b"\xff" * 126),
        ServerFrame(BINARY, b"\xfe" * 65536),
        ServerFrame(BINARY, b"view"),
    ]


@pytest.mark.parametrize("size", [0, 125, 126, 32767, 32768, 65535, 65536])
async def test_lengths_are_sent_in_their_shortest_form(connect: Any, size: int) -> None:
    connection = await connect().open()
    await connection.send("send", bytes=b"\xff" * size)
    assert connection.frames() == [ServerFrame(BINARY, b"\xff" * size)]


@pytest.mark.parametrize("offer", [None, DEFLATE])
@pytest.mark.parametrize("kind", BYTES_LIKE)
async def test_sending_any_type_of_bytes(connect: Any, kind: str, offer: bytes | None) -> None:
    data = bytes(range(256)) * 2
    connection = await connect().open(request(offer) if offer else None)
    await connection.send("send", bytes=BYTES_LIKE[kind](data))
    [sent] = connection.frames()
    assert (sent.opcode, inflated(sent.payload) if offer else sent.payload) == (BINARY, data)


class Shout(str):
    """A subclass of str with another `__str__` and `encode`."""

    def __str__(self) -> str:
        return self.upper()

    def encode(self, *arguments: Any) -> bytes:
        return self.upper().encode(*arguments)


@pytest.mark.parametrize("offer", [None, DEFLATE])
@pytest.mark.parametrize("text", [Shout("Grüße"), enum.Enum("Word", {"GREET": "Grüße"}, type=str).GREET])  # type: ignore[attr-defined]
async def test_sending_a_subclass_of_str(connect: Any, text: str, offer: bytes | None) -> None:
    connection = await connect().open(request(offer) if offer else None)
    await connection.send("send", text=text)
    [sent] = connection.frames()
    assert (sent.opcode, inflated(sent.payload) if offer else sent.payload) == (TEXT, "Grüße".encode())


async def test_sends_the_bytes_if_a_message_has_bytes_and_text(connect: Any) -> None:
    connection = await connect().open()
    await connection.send("send", text="text", bytes=b"bytes")
    await connection.send("send", text="text", bytes=b"")
    assert connection.frames() == [ServerFrame(BINARY, b"bytes"), ServerFrame(BINARY, b"")]


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ({"text": b"x"}, "'text' of 'websocket.send' must be a str, got bytes: b'x'"),
        ({"text": 1}, "'text' of 'websocket.send' must be a str, got int: 1"),
        ({"bytes": "x"}, "'bytes' of 'websocket.send' must be bytes, got str: 'x'"),
        ({"bytes": 1}, "'bytes' of 'websocket.send' must be bytes, got int: 1"),
        ({"bytes": [1, 2]}, "'bytes' of 'websocket.send' must be bytes, got list: [1, 2]"),
    ],
)
async def test_a_message_of_the_wrong_type(connect: Any, message: Any, error: str) -> None:
    connection = await connect().open()
    with pytest.raises(TypeError) as caught:
        await connection.send("send", **message)
    assert str(caught.value) == error
    assert connection.wire == b""


async def test_the_receiver_waits(connect: Any) -> None:
    connection = await connect().open()
    waiting = asyncio.ensure_future(connection.receive())
    await settle()
    assert not waiting.done()
    connection.feed(frame(TEXT, b"hi"))
    assert (await waiting)["text"] == "hi"


async def test_a_cancelled_receiver_loses_nothing(connect: Any) -> None:
    connection = await connect().open()
    for _ in range(3):
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(connection.script.receive(), 0.001)
    waiting = asyncio.ensure_future(connection.script.receive())
    await settle()
    connection.feed(frame(TEXT, b"hi"))
    waiting.cancel()
    await settle()
    assert waiting.cancelled()
    assert (await connection.receive())["text"] == "hi"


async def test_two_receivers(connect: Any) -> None:
    connection = await connect().open()
    waiting = [asyncio.ensure_future(connection.receive()) for _ in range(2)]
    await settle()
    connection.feed(frame(TEXT, b"1"))
    await settle()
    connection.feed(frame(TEXT, b"2"))
    assert sorted([(await one)["text"] for one in waiting]) == ["1", "2"]


async def test_a_fragmented_message(connect: Any) -> None:
    connection = await connect().open()
    euro = "€".encode()
    connection.feed(frame(TEXT, euro[:1], fin=False) + frame(PING, b"?") + frame(CONT, euro[1:2], fin=False))
    connection.feed(frame(PONG) + frame(CONT, fin=False) + frame(CONT, euro[2:]))
    connection.feed(frame(BINARY, fin=False) + frame(CONT, b"a", fin=False) + frame(CONT, b"b"))
    assert (await connection.receive())["text"] == "€"
    assert (await connection.receive())["bytes"] == b"ab"
    assert connection.frames() == [ServerFrame(PONG, b"?")]


async def test_pings_are_answered_in_one_write(connect: Any) -> None:
    connection = await connect().open(then=frame(PING, b"1") + frame(TEXT, b"-") + frame(PING, b"2" * 125))
    assert len(connection.transport.writes) == 1
    assert connection.frames() == [ServerFrame(PONG, b"1"), ServerFrame(PONG, b"2" * 125)]


async def test_byte_by_byte(connect: Any) -> None:
    connection = await connect().open(request(DEFLATE))
    long = bytes(range(256)) * 300
    data = frame(TEXT, b"hi") + frame(BINARY, long) + frame(TEXT, deflated(b"deflated"), rsv=4) + frame(PING) + close()
    for position in range(len(data)):
        connection.feed(data[position : position + 1])
    assert [await connection.receive() for _ in range(4)] == [
        {"type": "websocket.receive", "text": "hi"},
        {"type": "websocket.receive", "bytes": long},
        {"type": "websocket.receive", "text": "deflated"},
        {"type": "websocket.disconnect", "code": 1005, "reason": ""},
    ]
    assert connection.frames() == [ServerFrame(PONG, b""), ServerFrame(CLOSE, b"")]


async def test_large_frames_in_pieces(connect: Any) -> None:
    connection = await connect().open()
    message = bytes(range(256)) * 4096
    data = frame(BINARY, message) * 2
    for position in range(0, len(data), 65536):
        connection.feed(data[position : position + 65536])
    for _ in range(2):
        assert (await connection.receive())["bytes"] == message


@pytest.mark.parametrize("offer", [DEFLATE, DEFLATE + b"; server_no_context_takeover; client_no_context_takeover"])
async def test_compressed_both_ways(connect: Any, offer: bytes) -> None:
    connection = await connect().open(request(offer))
    for _ in range(2):
        connection.feed(frame(TEXT, deflated(b"Hello" * 1000, bits=12), rsv=4))
        assert (await connection.receive())["text"] == "Hello" * 1000
    for _ in range(2):
        await connection.send("send", text="Hello" * 1000)
    first, second = connection.frames()
    await connection.send("send", bytes=b"Hello")
    [binary] = connection.frames()
    assert (binary.opcode, binary.rsv) == (BINARY, 4)
    assert (first.opcode, first.rsv, first.fin) == (TEXT, 4, True)
    assert len(first.payload) < 100
    assert (first.payload == second.payload) == (b"takeover" in offer)


async def test_an_uncompressed_message_with_deflate_on(connect: Any) -> None:
    connection = await connect().open(request(DEFLATE))
    connection.feed(frame(TEXT, b"pla", fin=False) + frame(CONT, b"in") + frame(PING))
    assert (await connection.receive())["text"] == "plain"
    assert connection.frames() == [ServerFrame(PONG, b"")]


async def test_a_compressed_message_in_fragments(connect: Any) -> None:
    connection = await connect().open(request(DEFLATE))
    data = deflated(bytes(range(256)) * 100)
    assert len(data) > 30
    connection.feed(frame(BINARY, data[:10], fin=False, rsv=4) + frame(PING) + frame(CONT, data[10:20], fin=False))
    connection.feed(frame(CONT, data[20:], fin=False) + frame(CONT))
    assert (await connection.receive())["bytes"] == bytes(range(256)) * 100


async def test_out_of_order_before_accept(connect: Any) -> None:
    connection = await connect().ask()
    with pytest.raises(RuntimeError) as caught:
        await connection.send("send", text="early")
    assert str(caught.value) == (
        "Expected ASGI message 'websocket.accept', 'websocket.close' or 'websocket.http.response.start' "
        "but got 'websocket.send'."
    )


async def test_out_of_order_after_accept(connect: Any) -> None:
    connection = await connect().open()
    with pytest.raises(RuntimeError) as caught:
        await connection.send("accept")
    assert str(caught.value) == (
        "Expected ASGI message 'websocket.send' or 'websocket.close', but got 'websocket.accept'."
    )


@pytest.mark.parametrize("message", [{}, {"text": None}, {"bytes": None}])
async def test_a_message_without_content(connect: Any, message: Any) -> None:
    connection = await connect().open()
    with pytest.raises(RuntimeError, match="needs 'text' or 'bytes'"):
        await connection.send("send", **message)


async def test_text_that_is_not_unicode(connect: Any) -> None:
    connection = await connect().open()
    with pytest.raises(UnicodeEncodeError):
        await connection.send("send", text="\ud800")
    await connection.send("send", text="on")
    assert connection.frames() == [ServerFrame(TEXT, b"on")]
