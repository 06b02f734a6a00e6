"""The negotiation of permessage-deflate, and compression in both directions."""

import contextlib
import os
import zlib
from typing import Any

import pytest

from tests.protocols.websockets.connection import DEFLATE, request
from tests.protocols.websockets.frames import BINARY, CONT, deflated, frame
from uvicorn.protocols.websockets.deflate import (
    DeflateParameters,
    InflateError,
    MessageTooBig,
    PerMessageDeflate,
    negotiate,
    parse_extensions,
)

_decompressobj = zlib.decompressobj

PLAIN = DeflateParameters(False, False, 12, None)


@pytest.mark.parametrize(
    ("value", "offers"),
    [
        ("", []),
        (" , ,", []),
        ("a", [("a", [])]),
        ("a,b", [("a", []), ("b", [])]),
        (', a ,\t, b;c ; d=e;f = "g", h', [("a", []), ("b", [("c", None), ("d", "e"), ("f", "g")]), ("h", [])]),
        (r'a; b="\c\d"', [("a", [("b", "cd")])]),
    ],
)
def test_extensions(value: str, offers: list[object]) -> None:
    assert parse_extensions(value) == offers


@pytest.mark.parametrize(
    "value",
    [
        "a b",
        "a;",
        "a; ",
        "a;;b",
        "a;b=",
        'a;b="',
        'a;b=""',
        'a;b="c d"',
        'a;b="c" d',
        "a=b",
        "ü",
        ";a",
        "a;,b",
        "a\x00",
    ],
)
def test_malformed_extensions(value: str) -> None:
    with pytest.raises(ValueError, match="malformed"):
        parse_extensions(value)


@pytest.mark.parametrize("filler", [",", " ", "a,", "a;b,", ";", "a;b;", '"', 'a;b="', "\\", "= "])
def test_doubling_the_field_doubles_the_work(filler: str) -> None:
    # A pattern that backtracks would take hours for this field.
    for value in (filler * 30_000, "a;b" + filler * 30_000):
        with contextlib.suppress(ValueError):
            assert len(parse_extensions(value)) <= 30_001


@pytest.mark.parametrize(
    ("offer", "accepted", "response"),
    [
        ("permessage-deflate", PLAIN, "server_max_window_bits=12"),
        (
            "permessage-deflate; client_max_window_bits",
            DeflateParameters(False, False, 12, 12),
            "server_max_window_bits=12; client_max_window_bits=12",
        ),
        (
            "permessage-deflate; client_max_window_bits=10; server_max_window_bits=9",
            DeflateParameters(False, False, 9, 10),
            "server_max_window_bits=9; client_max_window_bits=10",
        ),
        (
            'permessage-deflate; client_max_window_bits="15"; server_max_window_bits=15',
            DeflateParameters(False, False, 12, 12),
            "server_max_window_bits=12; client_max_window_bits=12",
        ),
        (
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
            DeflateParameters(True, True, 12, None),
            "server_max_window_bits=12; server_no_context_takeover; client_no_context_takeover",
        ),
        ("permessage-deflate; server_max_window_bits=8, permessage-deflate", PLAIN, "server_max_window_bits=12"),
        ("x-webkit-deflate-frame, permessage-deflate; unknown, permessage-deflate", PLAIN, "server_max_window_bits=12"),
    ],
)
def test_negotiation(offer: str, accepted: DeflateParameters, response: str) -> None:
    assert negotiate(parse_extensions(offer)) == accepted
    assert accepted.response.decode() == f"permessage-deflate; {response}"


@pytest.mark.parametrize(
    "parameters",
    [
        "server_max_window_bits",
        "server_max_window_bits=8",
        "server_max_window_bits=7",
        "server_max_window_bits=16",
        "server_max_window_bits=012",
        "server_max_window_bits=x",
        "client_max_window_bits=7",
        "client_max_window_bits=16",
        "server_no_context_takeover=1",
        "client_no_context_takeover=true",
        "client_max_window_bits; client_max_window_bits",
        "other",
    ],
)
def test_declined(parameters: str) -> None:
    assert negotiate(parse_extensions(f"permessage-deflate; {parameters}")) is None
    assert negotiate([]) is None


MESSAGES = (b"", b"", b"x", b"Hello" * 10000, bytes(range(256)) * 40, b"")


@pytest.mark.parametrize("takeover", [False, True])
@pytest.mark.parametrize("bits", [9, 12])
def test_messages_that_the_server_compresses(takeover: bool, bits: int) -> None:
    ours = PerMessageDeflate(DeflateParameters(not takeover, False, bits, None))
    theirs = zlib.decompressobj(wbits=-bits)
    for message in MESSAGES:
        if not takeover:
            theirs = zlib.decompressobj(wbits=-bits)
        assert theirs.decompress(ours.compress(message) + b"\x00\x00\xff\xff") == message


@pytest.mark.parametrize("takeover", [False, True])
@pytest.mark.parametrize("bits", [9, 12, 15, None])
@pytest.mark.parametrize("pieces", [1, 2, 5])
def test_messages_that_the_server_decompresses(takeover: bool, bits: int | None, pieces: int) -> None:
    ours = PerMessageDeflate(DeflateParameters(False, not takeover, 12, bits))
    theirs = zlib.compressobj(wbits=-(bits or 15))
    for message in MESSAGES:
        if not takeover:
            theirs = zlib.compressobj(wbits=-(bits or 15))
        data = (theirs.compress(message) + theirs.flush(zlib.Z_SYNC_FLUSH))[:-4]
        size = len(data) // pieces + 1
        parts = [data[position : position + size] for position in range(0, size * pieces, size)]
        output = [ours.decompress(part, number == pieces, 1 << 20) for number, part in enumerate(parts, 1)]
        assert b"".join(output) == message


def test_nothing_is_allocated_before_it_is_needed() -> None:
    deflate = PerMessageDeflate(PLAIN)
    assert deflate._compressor is None
    assert deflate._decompressor is None
    deflate.decompress(deflated(b"x"), True, 10)
    assert deflate._compressor is None


def test_a_message_that_ends_at_its_limit() -> None:
    for size in (0, 1, 3000):
        deflate = PerMessageDeflate(PLAIN)
        data = deflated(bytes(size))
        assert deflate.decompress(data, True, size) == bytes(size)
        with pytest.raises(MessageTooBig):
            deflate.decompress(deflated(bytes(size + 1)), True, size)


def _packed(message: bytes) -> bytes:
    compressor = zlib.compressobj(9, wbits=-15)
    return (compressor.compress(message) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]


# Sizes around the size of one inflated piece. zlib may have taken all input there and still hold some output.
EDGES = [size + step for size in (1 << 18, 1 << 19, (1 << 18) + (1 << 16)) for step in range(-3, 4)]


@pytest.mark.parametrize("filler", [b"\0", b"ab", bytes(range(256)) * 9], ids=["zeros", "pairs", "bytes"])
def test_large_messages_are_measured_first(filler: bytes) -> None:
    for size in [*EDGES, 3_000_001]:
        message = (filler * (size // len(filler) + 1))[:size]
        packed = _packed(message)
        for limit in (size, size + 1, 1 << 40):
            assert PerMessageDeflate(PLAIN).decompress(packed, True, limit) == message
        for limit in (size - 1, size - 2, size // 2, 1 << 18):
            if limit < size:
                with pytest.raises(MessageTooBig):
                    PerMessageDeflate(PLAIN).decompress(packed, True, limit)


def test_measuring_a_message_keeps_the_window() -> None:
    message = os.urandom(200) * 5000
    sender = zlib.compressobj(9, wbits=-15)
    receiver = PerMessageDeflate(PLAIN)
    for _ in range(3):
        packed = (sender.compress(message) + sender.flush(zlib.Z_SYNC_FLUSH))[:-4]
        assert receiver.decompress(packed, True, len(message)) == message


class Uncopied:
    """A decompressor as on a Python whose zlib cannot copy decompressors."""

    def __init__(self, **options: int) -> None:
        self._decompressor = _decompressobj(**options)
        self.decompress = self._decompressor.decompress

    eof = property(lambda self: self._decompressor.eof)
    unconsumed_tail = property(lambda self: self._decompressor.unconsumed_tail)


def test_messages_that_cannot_be_measured_are_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zlib, "decompressobj", Uncopied)
    message = bytes(1 << 20)
    assert PerMessageDeflate(PLAIN).decompress(_packed(message), True, len(message)) == message
    with pytest.raises(MessageTooBig):
        PerMessageDeflate(PLAIN).decompress(_packed(message), True, len(message) - 1)


def test_a_stream_that_ends_at_the_end_of_a_piece() -> None:
    for size in EDGES:
        compressor = zlib.compressobj(9, wbits=-15)
        packed = compressor.compress(bytes(size)) + compressor.flush()
        assert PerMessageDeflate(PLAIN).decompress(packed + _packed(b"more"), True, 1 << 20) == bytes(size) + b"more"


def test_a_bomb_is_refused_before_it_grows() -> None:
    """If the inflated message is over the limit, the memory is at most ten times the received bytes."""
    tracemalloc = pytest.importorskip("tracemalloc", reason="this interpreter does not trace allocations")
    packed = _packed(bytes(256 << 20))
    deflate = PerMessageDeflate(PLAIN)
    tracemalloc.start()
    try:
        with pytest.raises(MessageTooBig):
            deflate.decompress(packed, True, 16 << 20)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak <= 10 * len(packed)


def test_large_garbage() -> None:
    packed = _packed(bytes(1 << 20))
    with pytest.raises(InflateError):
        PerMessageDeflate(PLAIN).decompress(packed + b"\xff" * 100, True, 1 << 30)


def test_garbage() -> None:
    with pytest.raises(InflateError):
        PerMessageDeflate(PLAIN).decompress(b"\xff" * 10, True, 10)


def test_a_message_of_many_streams() -> None:
    for streams in (1, 4):
        assert PerMessageDeflate(PLAIN).decompress(b"\x03\x00" * streams, False, 10) == b""
    for streams in (5, 1000):
        with pytest.raises(InflateError):
            PerMessageDeflate(PLAIN).decompress(b"\x03\x00" * streams, False, 10)


def _with_fixed_codes(payload: bytes) -> bytes:
    """Encode bytes from 144 on, which have codes of nine bits in the fixed Huffman table (RFC 1951 section 3.2.6)."""
    literals = [format(0b110010000 + byte - 144, "09b") for byte in payload]
    # A block with fixed codes and its end, then the empty block of a flush without its last bytes.
    bits = "".join(["010", *literals, "0000000", "000"])
    octets = [bits[start : start + 8] for start in range(0, len(bits), 8)]
    return bytes(int(octet[::-1], 2) for octet in octets)


@pytest.mark.parametrize("fragmented", [False, True])
@pytest.mark.parametrize("size", [1000, 100_000])
async def test_a_message_at_the_limit_whose_compressed_form_is_longer(
    connect: Any, size: int, fragmented: bool
) -> None:
    payload = b"\xff" * size
    packed = _with_fixed_codes(payload)
    assert len(packed) > size * 9 // 8
    connection = await connect(ws_max_size=size).open(request(DEFLATE))
    if fragmented:
        connection.feed(frame(BINARY, packed[:1], rsv=4, fin=False) + frame(CONT, packed[1:]))
    else:
        connection.feed(frame(BINARY, packed, rsv=4))
    assert (await connection.receive())["bytes"] == payload
