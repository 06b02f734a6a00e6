"""The codecs alone: the same bytes cause the same events and replies on all codecs, however they are split."""

import asyncio
import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocols.websockets.classes import installed
from tests.protocols.websockets.frames import CONT, TEXT, apply_mask, close, deflated, frame
from uvicorn.protocols.websockets.codec import (
    SENDABLE_CODES,
    Codec,
    Event,
    Failed,
    PeerClosed,
    Pong,
    fitting_reason,
    new_fragments,
)
from uvicorn.protocols.websockets.deflate import DeflateParameters, PerMessageDeflate
from uvicorn.protocols.websockets.inbox import Inbox

MAX_SIZE = 200
CLASSES = tuple(installed().values())


def converse(codec_class: type[Codec], pieces: list[bytes], deflate: bool) -> tuple[list[Event], bytes]:
    parameters = DeflateParameters(False, False, 12, 12)
    codec = codec_class(MAX_SIZE, PerMessageDeflate(parameters) if deflate else None)
    events = [event for piece in pieces for event in codec.feed(piece)]
    return events, b"".join(codec.replies)


def split(data: bytes, places: list[int]) -> list[bytes]:
    cuts = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[begin:end] for begin, end in itertools.pairwise(cuts)]


payloads = st.one_of(
    st.binary(max_size=10),
    st.text(max_size=10).map(str.encode),
    st.integers(0, MAX_SIZE + 60).map(bytes),
    st.text(max_size=5).map(str.encode).map(deflated),
    st.sampled_from([b"\xe2", b"\x82\xac", b"\x03\xe8", b"\x03\xe8bye", b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00"]),
)
# The frames are mostly valid, so that the conversations do not end at once.
opcodes = st.sampled_from([0, 0, 1, 1, 1, 2, 2, 8, 9, 10, 3, 15])
frames = st.builds(
    frame,
    opcodes,
    payloads,
    fin=st.sampled_from([True, True, False]),
    rsv=st.sampled_from([0, 0, 0, 0, 4, 4, 2]),
    mask=st.sampled_from([b"\x00\x00\x00\x00", b"\x01\x02\x03\x04", b"\x37\xfa\x21\x3d"]),
)

# 1014 (bad gateway) is registered, but wsproto does not know it.
codes = st.integers(0, 0xFFFF).filter(lambda code: code != 1014)
frames |= st.builds(lambda code, reason: close(code, reason), codes, st.sampled_from([b"", b"bye", b"\xff"]))


@given(st.lists(frames, max_size=6), st.lists(st.integers(0, 10_000), max_size=5), st.booleans())
def test_the_codecs_agree(sent: list[bytes], places: list[int], deflate: bool) -> None:
    data = b"".join(sent)
    whole = converse(CLASSES[0], [data], deflate)
    for codec_class in CLASSES:
        assert converse(codec_class, [data], deflate) == whole
        assert converse(codec_class, split(data, places), deflate) == whole
        assert converse(codec_class, split(data, list(range(len(data)))), deflate) == whole


@given(st.binary(max_size=40), st.booleans())
def test_noise(data: bytes, deflate: bool) -> None:
    for codec_class in CLASSES:
        events, replies = converse(codec_class, [data], deflate)
        assert converse(codec_class, split(data, list(range(len(data)))), deflate) == (events, replies)
        ends = [event for event in events if isinstance(event, Failed | PeerClosed)]
        assert ends == events[len(events) - len(ends) :]
        assert len(ends) <= 1


@given(st.binary(min_size=4, max_size=4), st.binary(max_size=300))
def test_masks(mask: bytes, payload: bytes) -> None:
    for codec_class in CLASSES:
        codec = codec_class(1000, None)
        [event] = codec.feed(frame(2, payload, mask=mask))
        assert event == payload
    assert apply_mask(apply_mask(payload, mask), mask) == payload


@pytest.mark.parametrize("codec_class", CLASSES, ids=installed())
def test_no_event_comes_after_the_end(codec_class: type[Codec]) -> None:
    codec = codec_class(1000, None)
    assert codec.feed(close(1000) + frame(TEXT, b"x")) == [PeerClosed(1000, "")]
    assert codec.feed(frame(TEXT, b"x")) == []
    assert len(codec.replies) == 1


@pytest.mark.parametrize("codec_class", CLASSES, ids=installed())
def test_pongs(codec_class: type[Codec]) -> None:
    codec = codec_class(1000, None)
    assert codec.feed(frame(10, b"any")) == [Pong.RECEIVED]
    assert codec.ping() == b"\x89\x00"


@pytest.mark.parametrize("codec_class", CLASSES, ids=installed())
def test_many_small_fragments_take_little_memory(codec_class: type[Codec]) -> None:
    codec: Any = codec_class(1 << 20, None)
    piece = frame(CONT, b"x", fin=False)
    assert codec.feed(frame(TEXT, b"x", fin=False)) == []
    for _ in range(10):
        assert codec.feed(piece * 1000) == []
    assert codec.feed(frame(CONT)) == ["x" * 10_001]


def test_fragments() -> None:
    text, data = new_fragments(True), new_fragments(False)
    for piece in ("a", "", "\r\n"):
        text.write(piece)
        data.write(piece.encode())
    assert (text.getvalue(), data.getvalue()) == ("a\r\n", b"a\r\n")


def test_reasons() -> None:
    assert fitting_reason("x" * 123) == "x" * 123
    assert fitting_reason("x" * 122 + "ü") == "x" * 122
    assert sorted(SENDABLE_CODES)[:3] == [1000, 1001, 1002]


async def test_inbox() -> None:
    inbox = Inbox(4, 100)
    cancelled, *readers = [asyncio.ensure_future(inbox.waiters.wait()) for _ in range(3)]
    await asyncio.sleep(0)
    cancelled.cancel()
    inbox.put("text")
    await asyncio.wait_for(asyncio.gather(*readers), 5)
    assert cancelled.cancelled()
    assert list(inbox.messages) == ["text"]
    assert inbox.size == 4


def test_ends() -> None:
    assert PeerClosed(1000, "") == PeerClosed(1000, "")
    assert len({PeerClosed(1000, ""), PeerClosed(1000, ""), PeerClosed(1001, ""), Failed(1000, "")}) == 3
    assert PeerClosed(1002, "") != Failed(1002, "")
    assert PeerClosed(1002, "") != PeerClosed(1002, "why")
    assert repr(Failed(1002, "why")) == "Failed(1002, 'why')"
