"""The WebSocket codec on each build: payloads, frames in any pieces, and limits; both builds behave alike."""

import importlib
import itertools
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.parsing import BUILDS
from tests.fuzz.run import QUIET
from tests.protocols.websockets.frames import BINARY, CLOSE, CONT, PING, PONG, TEXT, apply_mask, close, deflated, frame
from tests.protocols.websockets.frames import KEY as MASK
from uvicorn import _speedups
from uvicorn._speedups import _payload_py
from uvicorn._speedups._websocket_py import ENDED, HEADER, PAYLOAD
from uvicorn._speedups.websocket_events import Failed, PeerClosed, Pong
from uvicorn.protocols.websockets.deflate import DeflateParameters, PerMessageDeflate

# Sizes around the steps of eight bytes, and around the lengths at which the header becomes longer.
SIZES = [*range(26), 63, 64, 65, 124, 125, 126, 127, 65_535, 65_536, 65_537]


@pytest.fixture
def payload(build: str) -> Any:
    """The module with the payload functions of one build."""
    return importlib.import_module(f"uvicorn._speedups._payload_{'c' if build == 'compiled' else 'py'}")


@pytest.fixture
def codec(speedups: Any) -> Any:
    return speedups.WebSocketCodec(1 << 20, None)


def number_of(mask: bytes) -> int:
    return int.from_bytes(mask, "big")


@pytest.mark.parametrize("size", SIZES)
def test_unmasking(payload: Any, size: int) -> None:
    for offset in (0, 1, 6):
        for content in (b"x" * size, bytes(place & 0x7F for place in range(size)), b"\xff" * size):
            data = b"?" * offset + apply_mask(content, MASK) + b"!"
            arguments = (data, offset, offset + size, number_of(MASK))
            assert payload.unmask(*arguments) == content
            assert payload.unmask_text(*arguments) == (content.decode() if content.isascii() else content)


@pytest.mark.parametrize("size", range(1, 35))
def test_a_high_bit_anywhere_is_seen(payload: Any, size: int) -> None:
    for place in range(size):
        content = b"x" * place + b"\x80" + b"x" * (size - place - 1)
        assert payload.unmask_text(apply_mask(content, MASK), 0, size, number_of(MASK)) == content


@pytest.mark.parametrize("size", SIZES)
def test_frames(payload: Any, size: int) -> None:
    header = frame(BINARY, bytes(size), mask=None)[: -size or None]
    assert payload.frame(0x82, b"x" * size) == header + b"x" * size
    assert payload.text_frame(0x82, "x" * size) == header + b"x" * size


def test_frames_of_text(payload: Any) -> None:
    assert payload.text_frame(0x81, "\u00fc\u20ac\U0001f600") == frame(
        TEXT, "\u00fc\u20ac\U0001f600".encode(), mask=None
    )
    with pytest.raises(UnicodeEncodeError):
        payload.text_frame(0x81, "\ud800")


def test_numbers(payload: Any) -> None:
    assert payload.read_number(b"\x01\x02\x03\x04\x05", 1, 3) == 0x0203
    assert payload.read_number(b"\x7f" + b"\xff" * 7, 0, 8) == (1 << 63) - 1
    assert payload.read_number(b"\xff" * 4, 0, 4) == 0xFFFFFFFF
    assert payload.read_number(b"", 0, 0) == 0


@settings(max_examples=300, **QUIET)
@given(st.binary(max_size=80), st.integers(0, 80), st.integers(0, 80), st.integers(0, 0xFFFFFFFF))
@pytest.mark.skipif(len(BUILDS) < 2, reason="the compiled build is missing")
def test_both_versions_of_each_function(data: bytes, start: int, stop: int, mask: int) -> None:
    start, stop = sorted((min(start, len(data)), min(stop, len(data))))
    compiled = importlib.import_module("uvicorn._speedups._payload_c")
    for name in ("unmask", "unmask_text"):
        arguments = (data, start, stop, mask)
        assert getattr(compiled, name)(*arguments) == getattr(_payload_py, name)(*arguments)
        assert type(getattr(compiled, name)(*arguments)) is type(getattr(_payload_py, name)(*arguments))
    content = _payload_py.unmask(data, start, stop, mask)
    for module, text in itertools.product((compiled, _payload_py), (True, False)):
        message = module.new_message(1 + len(content), text)
        assert module.unmask_into(message, 0, b"a", 0, 1, 0)
        assert module.unmask_into(message, 1, data, start, stop, mask) == content.isascii()
        assert module.take_message(message, 1, text) == ("a" if text else b"a")
        if content.isascii() or not text:
            whole = b"a" + content
            assert module.take_message(message, len(whole), text) == (whole.decode() if text else whole)
    assert compiled.frame(0x81, data) == _payload_py.frame(0x81, data)
    text = data.decode("latin-1")
    assert compiled.text_frame(0x81, text) == _payload_py.text_frame(0x81, text)


@settings(max_examples=100, **QUIET)
@given(st.binary(max_size=40), st.binary(min_size=4, max_size=4))
def test_masks_without_a_library(data: bytes, mask: bytes) -> None:
    assert _payload_py.apply_mask_by_int(data, mask) == apply_mask(data, mask)


def test_uses_the_mask_function_of_a_library_if_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    library = pytest.importorskip("websockets.speedups")
    monkeypatch.setattr(_payload_py, "_apply_mask", None)
    assert _payload_py.unmask(apply_mask(b"Hello", MASK), 0, 5, number_of(MASK)) == b"Hello"
    assert _payload_py._apply_mask is library.apply_mask
    monkeypatch.setattr(_payload_py, "_apply_mask", None)
    monkeypatch.setitem(sys.modules, "websockets.speedups", None)
    assert _payload_py.unmask(apply_mask(b"Hello", MASK), 0, 5, number_of(MASK)) == b"Hello"
    assert _payload_py._apply_mask is _payload_py.apply_mask_by_int


MESSAGES = [
    (frame(TEXT, b"Hello"), ["Hello"]),
    (frame(TEXT), [""]),
    (frame(BINARY), [b""]),
    (frame(TEXT, "\u20ac".encode() * 50), ["\u20ac" * 50]),
    (frame(BINARY, bytes(range(256))), [bytes(range(256))]),
    (frame(TEXT, b"a" * 70_000), ["a" * 70_000]),
    (frame(TEXT, b"a" * 60 + "\u20ac".encode() * 20 + b"b" * 20), ["a" * 60 + "\u20ac" * 20 + "b" * 20]),
    (frame(TEXT, b"a" * 60 + b"\xff"), [Failed(1007, "invalid frame payload data")]),
    (frame(TEXT, b"a", fin=False) + frame(CONT, b"b" * 200, fin=False) + frame(CONT, b"c"), ["a" + "b" * 200 + "c"]),
    (frame(TEXT, b"a", fin=False) + frame(CONT), ["a"]),
    (frame(TEXT, b"", fin=False) + frame(CONT), [""]),
    (frame(BINARY, b"", fin=False) + frame(CONT), [b""]),
    (frame(TEXT, b"\xe2", fin=False) + frame(CONT, b"\x82", fin=False) + frame(CONT, b"\xac!"), ["\u20ac!"]),
    (frame(TEXT, b"a", fin=False) + frame(CONT, b"\xc3", fin=False) + frame(CONT, b"\xbcb"), ["a\u00fcb"]),
    (frame(TEXT, b"\xc3\xbc", fin=False) + frame(CONT, b"plain", fin=False) + frame(CONT), ["\u00fcplain"]),
    (frame(BINARY, b"\xff", fin=False) + frame(PONG, b"x") + frame(CONT, b"\xfe"), [Pong.RECEIVED, b"\xff\xfe"]),
    (frame(TEXT, b"1") + frame(BINARY, b"2") + frame(TEXT, b"3"), ["1", b"2", "3"]),
    (close(1000, b"bye") + frame(TEXT, b"unseen"), [PeerClosed(1000, "bye")]),
    (close(), [PeerClosed(1005, "")]),
    (frame(TEXT, b"a") + frame(TEXT, b"\xff") + frame(TEXT, b"b"), ["a", Failed(1007, "invalid frame payload data")]),
]


@pytest.mark.parametrize(("data", "events"), MESSAGES, ids=range(len(MESSAGES)))
def test_events_do_not_depend_on_the_splits(speedups: Any, data: bytes, events: list[Any]) -> None:
    for step in (len(data), 1, 2, 3, 5, 7, 16, 1000):
        if len(data) // step > 20_000:
            continue
        codec = speedups.WebSocketCodec(1 << 20, None)
        pieces = [data[place : place + step] for place in range(0, len(data), step)]
        assert [event for piece in pieces for event in codec.feed(piece)] == events
    for place in range(1, min(len(data), 20)):
        codec = speedups.WebSocketCodec(1 << 20, None)
        assert codec.feed(data[:place]) + codec.feed(data[place:]) == events


def test_states(codec: Any) -> None:
    data = frame(TEXT, b"Hello")
    assert codec.state == HEADER
    for place in range(5):
        codec.feed(data[place : place + 1])
        assert codec.state == HEADER
    for place in range(5, 10):
        codec.feed(data[place : place + 1])
        assert codec.state == PAYLOAD
    assert codec.feed(b"") == []
    assert codec.feed(data[10:]) == ["Hello"]
    assert codec.state == HEADER
    assert codec.feed(b"") == []
    codec.feed(close(1000))
    assert codec.state == ENDED
    assert codec.feed(data) == []


def test_reports_a_fault_before_the_rest_of_the_frame(speedups: Any) -> None:
    """The codec reports a fault in the header after the header, and invalid text at the first wrong byte."""
    for data, code in (
        (frame(3, b"xxxx")[:2], 1002),
        (frame(TEXT, b"xxxx", mask=None)[:2], 1002),
        (frame(PING, b"x" * 126)[:2], 1002),
        (frame(TEXT, length=1001)[:4], 1009),
        (frame(TEXT, b"x" * 100, width=8)[:10], 1002),
        (frame(TEXT, length=1 << 63, width=8)[:10], 1002),
        (frame(TEXT, b"ab\xffcd" * 100)[:16], 1007),
        (frame(TEXT, b"x", fin=False) + frame(BINARY, b"x")[:2], 1002),
        (frame(CONT, b"x")[:2], 1002),
    ):
        codec = speedups.WebSocketCodec(1000, None)
        [failed] = codec.feed(data)
        assert failed.code == code
        assert failed.reason
        assert len(codec.replies) == 1


def test_control_frames_in_pieces(codec: Any) -> None:
    data = frame(BINARY, b"a", fin=False) + frame(PING, b"ping" * 30) + frame(CONT, b"b")
    events = [event for place in range(len(data)) for event in codec.feed(data[place : place + 1])]
    assert events == [b"ab"]
    assert codec.replies == [frame(PONG, b"ping" * 30, mask=None)]


def test_no_pong_after_our_close_frame(codec: Any) -> None:
    assert codec.close(1001, "away") == frame(CLOSE, b"\x03\xe9away", mask=None)
    assert codec.feed(frame(PING) + close(1001)) == [PeerClosed(1001, "")]
    assert codec.replies == []


@pytest.mark.parametrize("size", [0, 1, 1000])
def test_the_largest_message(speedups: Any, size: int) -> None:
    codec = speedups.WebSocketCodec(size, None)
    whole, cut = frame(BINARY, bytes(size)), frame(BINARY, b"", fin=False) + frame(CONT, bytes(size))
    assert codec.feed(whole + cut) == [bytes(size)] * 2
    assert codec.feed(whole[:-1]) + codec.feed(whole[-1:]) == [bytes(size)]
    # A control frame is not part of a message.
    assert codec.feed(frame(PONG, b"x" * 125)) == [Pong.RECEIVED]
    [failed] = codec.feed(frame(BINARY, bytes(size), fin=False) + frame(CONT, b"x"))
    assert failed == Failed(1009, "message too big")


def test_an_announced_length_takes_no_memory(codec: Any) -> None:
    tracemalloc = pytest.importorskip("tracemalloc", reason="this interpreter does not trace allocations")
    header = frame(BINARY, length=1 << 20)
    tracemalloc.start()
    try:
        assert codec.feed(header) == []
        assert codec.feed(bytes(100)) == []
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10_000


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("fragments", [True, False])
def test_small_parts_take_little_memory(codec: Any, opcode: int, fragments: bool) -> None:
    """However small the parts of a message are, it takes a small multiple of its size."""
    tracemalloc = pytest.importorskip("tracemalloc", reason="this interpreter does not trace allocations")
    size = 60_000
    piece = frame(CONT, b"xy", fin=False) if fragments else apply_mask(b"xy", MASK)
    first = frame(opcode, b"", fin=False) if fragments else frame(opcode, length=size)
    codec.feed(first)
    tracemalloc.start()
    try:
        for number in range(size // 2 - 1):
            codec.feed(piece if fragments or number % 2 == 0 else apply_mask(b"\0\0xy", MASK)[2:])
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 2 * size


def feed_traced(codec: Any, data: bytes) -> tuple[Any, int]:
    """Feed the data in pieces; return the message and the highest number of allocated bytes."""
    tracemalloc = pytest.importorskip("tracemalloc", reason="this interpreter does not trace allocations")
    pieces = [data[place : place + 100_000] for place in range(0, len(data), 100_000)]
    tracemalloc.start()
    try:
        for piece in pieces[:-1]:
            assert codec.feed(piece) == []
        [message] = codec.feed(pieces[-1])
        return message, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_a_message_in_one_frame_is_held_once(codec: Any, build: str, opcode: int) -> None:
    """The pure build copies the message once more, from its buffer to the object for the application."""
    message, peak = feed_traced(codec, frame(opcode, b"x" * (1 << 20)))
    assert len(message) == 1 << 20
    assert peak < (1.2 if build == "compiled" else 2.3) * (1 << 20)


def test_a_message_in_frames_is_held_twice_at_the_most(codec: Any) -> None:
    """Memory holds the parts and the message, but no copy of the frames."""
    size = 1 << 16
    frames = [frame(TEXT if n == 0 else CONT, b"x" * size, fin=n == 15) for n in range(16)]
    message, peak = feed_traced(codec, b"".join(frames))
    assert message == "x" * (1 << 20)
    assert peak < 2.3 * (1 << 20)


@pytest.mark.parametrize("message", ["x" * 1024, b"x" * 1024, "\u00fc" * 1024, bytes(1 << 18)])
def test_builds_one_frame_for_a_message_that_is_sent_to_many_clients(speedups: Any, message: Any) -> None:
    codecs = [speedups.WebSocketCodec(1000, None) for _ in range(3)]
    send = "text" if isinstance(message, str) else "binary"
    first, *others = [getattr(codec, send)(message) for codec in codecs]
    assert all(other is first for other in others)
    # Only the same object reuses the frame; comparing an equal message would cost as much as building its frame.
    equal = message[:35] + message[35:]
    again = getattr(codecs[0], send)(equal)
    assert again == first
    assert again is not first


@pytest.mark.parametrize("size", [0, 1023, (1 << 18) + 1])
def test_frames_of_other_sizes_are_not_kept(codec: Any, size: int) -> None:
    text, binary, kept = "x" * size, bytes(size), bytes(2000)
    frame_kept = codec.binary(kept)
    assert codec.text(text) is not codec.text(text)
    assert codec.binary(binary) is not codec.binary(binary)
    assert codec.text(text)[-size:] == text.encode() or not size
    assert codec.binary(kept) is frame_kept


def test_compressed_messages(speedups: Any) -> None:
    deflate = PerMessageDeflate(DeflateParameters(False, False, 12, 12))
    codec = speedups.WebSocketCodec(1000, deflate)
    packed = deflated("h\u00e9llo".encode() * 20)
    data = frame(TEXT, packed, rsv=4) + frame(BINARY, packed[:3], rsv=4, fin=False) + frame(CONT, packed[3:])
    for step in (len(data), 1, 4):
        pieces = [data[place : place + step] for place in range(0, len(data), step)]
        assert [event for piece in pieces for event in codec.feed(piece)] == [
            "h\u00e9llo" * 20,
            "h\u00e9llo".encode() * 20,
        ]
    assert codec.feed(frame(TEXT, b"not compressed")) == ["not compressed"]
    # The limit applies to the content; its compressed form may be longer.
    assert codec.feed(frame(BINARY, length=1100, rsv=4)) == []
    [failed] = speedups.WebSocketCodec(1000, deflate).feed(frame(BINARY, length=1200, rsv=4))
    assert failed.code == 1009
    assert codec.text("x")[0] == 0xC1
    assert codec.binary(b"x")[0] == 0xC2
    assert codec.ping() == b"\x89\x00"


_frames = st.builds(
    frame,
    st.sampled_from([0, 1, 1, 2, 8, 9, 10, 3]),
    st.one_of(st.binary(max_size=8), st.text(max_size=8).map(str.encode), st.integers(120, 210).map(bytes)),
    fin=st.sampled_from([True, True, False]),
    rsv=st.sampled_from([0] * 9 + [4, 2]),
    mask=st.sampled_from([MASK] * 9 + [bytes(4), None]),
    width=st.sampled_from([None] * 9 + [2, 8]),
)


@settings(max_examples=300, **QUIET)
@given(st.lists(_frames | st.binary(max_size=4), max_size=6), st.lists(st.integers(0, 600), max_size=6), st.booleans())
@pytest.mark.skipif(len(BUILDS) < 2, reason="the compiled build is missing")
def test_both_builds_behave_alike(sent: list[bytes], places: list[int], compressing: bool) -> None:
    """Compare events, replies and states after each call."""
    parameters = DeflateParameters(False, False, 12, 12)
    both = [
        _speedups.load(build).WebSocketCodec(200, PerMessageDeflate(parameters) if compressing else None)
        for build in BUILDS
    ]
    data = b"".join(sent)
    cuts = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    for begin, end in itertools.pairwise(cuts):
        pure, compiled = (codec.feed(data[begin:end]) for codec in both)
        assert pure == compiled
        assert both[0].replies == both[1].replies
        assert both[0].state == both[1].state
