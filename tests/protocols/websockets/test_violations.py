"""Violations by a client, and the close code for each (RFC 6455 sections 5, 7 and 8, RFC 7692 sections 6 to 8)."""

import zlib
from typing import Any

import pytest

from tests.protocols.websockets.connection import DEFLATE, request
from tests.protocols.websockets.frames import BINARY, CLOSE, CONT, PING, PONG, TEXT, ServerFrame, close, deflated, frame
from uvicorn.protocols.connection import LINGER_BYTES

REASONS = {1002: "protocol error", 1007: "invalid frame payload data", 1009: "message too big"}

VIOLATIONS = [
    *(pytest.param(1002, frame(opcode, b"x"), id=f"opcode-{opcode}") for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)),
    *(pytest.param(1002, frame(TEXT, b"x", rsv=rsv), id=f"rsv-{rsv}") for rsv in range(1, 8)),
    *(pytest.param(1002, frame(PING, rsv=rsv), id=f"ping-rsv-{rsv}") for rsv in (1, 2, 4)),
    pytest.param(1002, frame(TEXT, b"x", mask=None), id="unmasked"),
    pytest.param(1002, frame(TEXT, b"", mask=None), id="unmasked-empty"),
    pytest.param(1002, frame(BINARY, b"x" * 200, mask=None), id="unmasked-length-in-2-bytes"),
    pytest.param(1002, frame(BINARY, b"x" * 65536, mask=None), id="unmasked-length-in-8-bytes"),
    pytest.param(1002, frame(PING, mask=None), id="unmasked-ping"),
    pytest.param(1002, frame(TEXT, b"x", width=2), id="length-in-2-bytes"),
    pytest.param(1002, frame(TEXT, b"x" * 125, width=2), id="length-125-in-2-bytes"),
    pytest.param(1002, frame(TEXT, b"x" * 65535, width=8), id="length-in-8-bytes"),
    pytest.param(1002, frame(BINARY, length=1 << 63, width=8), id="length-2^63"),
    pytest.param(1002, frame(BINARY, length=(1 << 64) - 1, width=8), id="length-2^64-1"),
    pytest.param(1002, frame(PING, b"x" * 126), id="long-ping"),
    pytest.param(1002, frame(PONG, b"x" * 126), id="long-pong"),
    pytest.param(1002, frame(CLOSE, b"\x03\xe8" + b"x" * 124), id="long-close"),
    *(pytest.param(1002, frame(code, fin=False), id=f"fragmented-{code}") for code in (CLOSE, PING, PONG)),
    pytest.param(1002, frame(CONT, b"x"), id="continuation-of-nothing"),
    pytest.param(1002, frame(CONT, b"x", fin=False), id="continuation-of-nothing-goes-on"),
    pytest.param(1002, frame(CONT, length=(16 << 20) + 1), id="continuation-of-nothing-that-is-too-long"),
    pytest.param(1002, frame(TEXT, b"x") + frame(CONT, b"y"), id="continuation-after-the-end"),
    pytest.param(1002, frame(TEXT, b"x", fin=False) + frame(TEXT, b"y"), id="message-in-message"),
    pytest.param(1002, frame(TEXT, b"x", fin=False) + frame(BINARY, b"y", fin=False), id="binary-in-text"),
    pytest.param(1002, frame(TEXT, b"x", fin=False) + frame(CONT, b"y", rsv=4), id="rsv1-in-continuation"),
    pytest.param(1002, frame(CLOSE, b"x"), id="close-of-one-byte"),
    *(
        pytest.param(1002, close(code), id=f"close-{code}")
        for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2999, 5000, 65535)
    ),
    pytest.param(1007, close(1000, b"\xff"), id="close-reason"),
    pytest.param(1002, close(0, b"\xff"), id="close-code-and-reason"),
    pytest.param(1007, frame(TEXT, b"\xff"), id="utf8"),
    pytest.param(1007, frame(TEXT, b"ok\xed\xa0\x80ok"), id="utf8-surrogate"),
    pytest.param(1007, frame(TEXT, b"\xf4\x90\x80\x80"), id="utf8-beyond-unicode"),
    pytest.param(1007, frame(TEXT, b"\xc0\xaf"), id="utf8-overlong"),
    pytest.param(1007, frame(TEXT, b"\xe2\x82"), id="utf8-cut-off"),
    pytest.param(1007, frame(TEXT, b"\xe2", fin=False) + frame(CONT, b"\x28", fin=False), id="utf8-at-the-border"),
    pytest.param(1007, frame(TEXT, b"\xe2", fin=False) + frame(CONT, b"\x82"), id="utf8-cut-off-in-the-last"),
    pytest.param(1007, frame(TEXT, b"\xe2", fin=False) + frame(CONT), id="utf8-cut-off-by-nothing"),
    pytest.param(1009, frame(BINARY, length=(16 << 20) + 1), id="too-long"),
    pytest.param(1009, frame(BINARY, length=(1 << 63) - 1, width=8), id="length-2^63-1"),
    pytest.param(1009, frame(BINARY, b"x", fin=False) + frame(CONT, length=16 << 20), id="too-long-by-one-fragment"),
]


@pytest.mark.parametrize(("code", "data"), VIOLATIONS)
async def test_violation(connect: Any, code: int, data: bytes) -> None:
    for pieces in ([data], [data[:1], data[1:]], [data[: len(data) // 2], data[len(data) // 2 :]]):
        connection = await connect().open()
        for piece in (frame(PING, b"1"), *pieces, frame(PING, b"2"), close(1000)):
            if not connection.transport.closed:
                connection.feed(piece)
        assert connection.frames() == [
            ServerFrame(PONG, b"1"),
            ServerFrame(CLOSE, code.to_bytes(2, "big") + REASONS[code].encode()),
        ]
        assert connection.transport.closed
        event = await connection.receive()
        while event["type"] == "websocket.receive":
            event = await connection.receive()
        assert event == {"type": "websocket.disconnect", "code": code, "reason": REASONS[code]}


@pytest.mark.parametrize("size", [0, 1, 200, 65536])
async def test_the_application_receives_nothing_of_an_unmasked_frame(connect: Any, size: int) -> None:
    connection = await connect().open(then=frame(BINARY, b"x" * size, mask=None))
    assert await connection.disconnect() == (1002, REASONS[1002])


async def test_messages_before_a_violation_are_received(connect: Any) -> None:
    connection = await connect().open(then=frame(TEXT, b"good") + frame(TEXT, b"\xff") + frame(TEXT, b"unseen"))
    assert (await connection.receive())["text"] == "good"
    assert await connection.disconnect() == (1007, REASONS[1007])


async def test_a_refused_client_has_time_to_read(connect: Any) -> None:
    connection = await connect(full=True).open(then=frame(BINARY, length=(16 << 20) + 1))
    assert connection.transport.eof_written
    connection.feed(b"x" * LINGER_BYTES)
    assert not connection.transport.closed
    assert sorted(connection.loop.timers) == [2.0, 10.0]
    connection.loop.run_later(with_delay=2)
    assert connection.transport.closed
    assert not connection.transport.aborted


async def test_a_refused_client_that_does_not_read_is_cut_off(connect: Any) -> None:
    connection = await connect(full=True).open(then=frame(TEXT, b"\xff"))
    connection.transport.unsent = 1
    connection.loop.run_later(with_delay=2)
    assert not connection.transport.closed
    connection.loop.run_later(with_delay=10)
    assert connection.transport.aborted


async def test_a_refused_client_that_reads_late_has_time_to_read(connect: Any) -> None:
    connection = await connect(full=True).open()
    connection.protocol.pause_writing()
    connection.feed(frame(TEXT, b"\xff"))
    assert sorted(connection.loop.timers) == [10.0, 60.0]
    connection.protocol.resume_writing()
    assert sorted(connection.loop.timers) == [2.0, 10.0]
    connection.loop.run_later(with_delay=2)
    assert connection.transport.closed
    assert not connection.transport.aborted


@pytest.mark.parametrize("refused", ["handshake", "frame"])
async def test_cuts_off_a_refused_client_that_keeps_sending(connect: Any, refused: str) -> None:
    """Both the time and the number of bytes that the client may still send are limited."""
    connection = connect(full=True)
    if refused == "frame":
        await connection.open()
        connection.feed(frame(TEXT, b"x", mask=None))
    else:
        connection.feed(request(sec_websocket_version=b"12"))
    assert connection.transport.eof_written
    answered = connection.wire
    fed = 0
    while not connection.transport.closed and fed < 1_000_000:
        connection.feed(b"x" * 1000)
        fed += 1000
    assert connection.transport.closed
    assert LINGER_BYTES < fed <= LINGER_BYTES + 1000
    assert connection.wire == answered


async def test_a_refused_client_that_leaves(connect: Any) -> None:
    connection = await connect(full=True).open(then=b"\xff\xff")
    connection.protocol.eof_received()
    connection.lose()
    assert connection.loop.timers == []
    assert connection.state.connections == set()


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("offer", [None, DEFLATE])
async def test_the_largest_message(connect: Any, opcode: int, offer: bytes | None) -> None:
    connection = await connect(ws_max_size=10).open(request(offer) if offer else None)
    whole = [frame(opcode, b"x" * 10), frame(opcode, b"x" * 4, fin=False) + frame(CONT, b"x" * 6)]
    if offer:
        data = deflated(b"x" * 10)
        whole += [frame(opcode, data, rsv=4), frame(opcode, data[:2], rsv=4, fin=False) + frame(CONT, data[2:])]
    for data in whole:
        connection.feed(data + frame(PING, b"y" * 125))
        event = await connection.receive()
        assert len(event.get("text") or event["bytes"]) == 10


@pytest.mark.parametrize(
    "data",
    [
        frame(TEXT, b"x" * 11),
        frame(TEXT, b"x" * 10, fin=False) + frame(CONT, b"x"),
        frame(TEXT, "ü".encode() * 6),
        frame(TEXT, b"x" * 126),
        frame(TEXT, b"x" * 65536),
    ],
)
async def test_a_message_one_byte_over_the_limit_is_refused(connect: Any, data: bytes) -> None:
    connection = await connect(ws_max_size=10).open(then=data)
    assert await connection.disconnect() == (1009, REASONS[1009])


@pytest.mark.parametrize("limit", [None, 1 << 70])
async def test_a_very_large_limit(connect: Any, limit: int | None) -> None:
    connection = await connect(ws_max_size=limit).open(request(DEFLATE))
    connection.feed(frame(BINARY, deflated(bytes(17 << 20)), rsv=4))
    assert len((await connection.receive())["bytes"]) == 17 << 20


@pytest.mark.parametrize("limit", [None, 0])
@pytest.mark.parametrize("offer", [None, DEFLATE])
async def test_no_limit(connect: Any, limit: Any, offer: bytes | None) -> None:
    connection = await connect(ws_max_size=limit).open(request(offer) if offer else None)
    message = bytes(17 << 20)
    connection.feed(frame(BINARY, deflated(message), rsv=4) if offer else frame(BINARY, message))
    connection.feed(frame(BINARY, message[:9], fin=False) + frame(CONT, message[9:]))
    for _ in range(2):
        assert (await connection.receive())["bytes"] == message
    connection.feed(frame(BINARY, length=(1 << 63) - 1, width=8) + b"x" * 1000)
    assert connection.transport.reading
    assert connection.wire == b""


@pytest.mark.parametrize(("length", "codes"), [(1000 + 125 + 64, []), (1000 + 125 + 65, [1009])])
async def test_refuses_a_compressed_frame_by_its_length(connect: Any, length: int, codes: list[int]) -> None:
    """A fixed code has at most nine bits per byte, and blocks add a few bytes. A longer frame is too big for the limit.

    The size of a shorter frame is checked while it is inflated.
    """
    connection = await connect(ws_max_size=1000).open(request(DEFLATE), then=frame(BINARY, length=length, rsv=4))
    assert [item.code for item in connection.frames()] == codes


def _stream(message: bytes) -> bytes:
    compressor = zlib.compressobj(9, wbits=-15)
    return compressor.compress(message) + compressor.flush()


BOMB = deflated(bytes(1 << 20))


@pytest.mark.parametrize(
    "frames",
    [
        [frame(BINARY, BOMB, rsv=4)],
        [frame(BINARY, BOMB[:500], rsv=4, fin=False), frame(CONT, BOMB[500:], fin=False), frame(CONT)],
        # The first frame reaches the limit exactly, and the next frame exceeds it.
        [frame(BINARY, deflated(bytes(1000)), rsv=4, fin=False), frame(CONT, BOMB)],
        [frame(TEXT, b"", rsv=4, fin=False), frame(CONT, BOMB)],
        [frame(BINARY, deflated(bytes(1001)), rsv=4)],
        [frame(BINARY, length=2000, rsv=4)],
        [frame(BINARY, _stream(bytes(900)) + BOMB, rsv=4)],
    ],
    ids=["whole", "fragments", "after-the-limit", "after-nothing", "by-one", "by-its-length", "after-a-stream"],
)
async def test_bombs(connect: Any, frames: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    inflated = 0

    class Counting:
        def __init__(self, **options: Any) -> None:
            self.inner = zlib_decompressobj(**options)

        def decompress(self, data: bytes, limit: int) -> bytes:
            nonlocal inflated
            output: bytes = self.inner.decompress(data, limit)
            inflated += len(output)
            return output

        def __getattr__(self, name: str) -> Any:
            return getattr(self.inner, name)

    zlib_decompressobj = zlib.decompressobj
    monkeypatch.setattr(zlib, "decompressobj", Counting)
    connection = await connect(ws_max_size=1000).open(request(DEFLATE))
    for data in frames:
        if not connection.transport.closed:
            connection.feed(data)
    assert [item.code for item in connection.frames()] == [1009]
    assert await connection.disconnect() == (1009, REASONS[1009])
    assert inflated <= 1001


@pytest.mark.parametrize(
    ("code", "data"),
    [
        (1007, frame(TEXT, b"\xff\xff\xff\xff", rsv=4)),
        (1007, frame(TEXT, deflated(b"\xff"), rsv=4)),
        # A stored block without its length: the bytes that the receiver appends (RFC 7692) form an invalid length.
        (1007, frame(TEXT, b"\x00\x01", rsv=4)),
        (1007, frame(TEXT, deflated(b"x") + b"\xff\xff" * 2000, rsv=4)),
        (1002, frame(PING, b"", rsv=4)),
        (1002, frame(TEXT, b"", rsv=4, fin=False) + frame(CONT, b"", rsv=4)),
        (1002, frame(TEXT, b"", rsv=6)),
        (1002, frame(TEXT, b"", rsv=2)),
        (1007, frame(TEXT, b"\x03\x00" * 100, rsv=4)),
    ],
)
async def test_compressed_violations(connect: Any, code: int, data: bytes) -> None:
    connection = await connect().open(request(DEFLATE), then=data)
    assert [item.code for item in connection.frames()] == [code]
    assert await connection.disconnect() == (code, REASONS[code])


async def test_a_deflate_stream_that_ends_within_a_message(connect: Any) -> None:
    # RFC 7692 section 7.2.3.4: a block with BFINAL set, followed by an empty block.
    connection = await connect().open(request(DEFLATE))
    data = bytes.fromhex("f348cdc9c9070000")
    for _ in range(3):
        connection.feed(frame(TEXT, data, rsv=4))
        assert (await connection.receive())["text"] == "Hello"


async def test_the_compressed_form_of_a_message_may_be_longer_than_the_message(connect: Any) -> None:
    connection = await connect(ws_max_size=1000).open(request(DEFLATE))
    stored = b"".join(b"\x00\x01\x00\xfe\xff" + bytes([65 + n]) for n in range(20))
    connection.feed(frame(TEXT, stored + b"\x00", rsv=4))
    assert (await connection.receive())["text"] == "ABCDEFGHIJKLMNOPQRST"
