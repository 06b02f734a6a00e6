"""The WebSocket conversation: valid and invalid frames in random pieces, over all codecs."""

import asyncio
import contextlib
from collections.abc import Iterable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.cases.conversation import Pipe
from tests.fuzz.grammar import mutated
from tests.fuzz.parsing import cut
from tests.processes import run_async
from tests.protocols.http.classes import protocol_class
from tests.protocols.websockets import classes
from tests.protocols.websockets.connection import DEFLATE, request
from tests.protocols.websockets.frames import BINARY, CLOSE, CONT, PING, PONG, TEXT, close, deflated, frame, read_frames
from uvicorn.config import Config
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.codec import Codec, Failed, PeerClosed
from uvicorn.protocols.websockets.deflate import PerMessageDeflate, negotiate, parse_extensions, wire_limit
from uvicorn.server_state import ServerState

MAX_SIZE = 400
CODECS = classes.installed()
# Enough bytes to complete any frame of an allowed size.
PADDING = bytes(wire_limit(MAX_SIZE) + 20)
# The close codes for a peer that broke the protocol.
FAILURES = (1002, 1007, 1009)
# 1014 (Bad Gateway) was registered with IANA after the library's list was made; the library rejects it.
UNKNOWN_TO_WSPROTO = 1014
FAILED = {"type": "failed"}
_OPCODES = [TEXT, BINARY, CONT, PING, PONG, CLOSE, 3, 11]
_payloads = st.one_of(
    st.sampled_from(
        [b"", b"hello", "h\u00e9".encode(), b"\xff\xfe", b"\xc3", b"\xa9", b"\x03\xe8", b"\x03\xe8bye", b"\x03\xed"]
    ),
    st.sampled_from([b"x" * 125, b"x" * 126, b"x" * 400, b"x" * 401, deflated(b"x" * 300), deflated(b"x" * 5000)]),
    st.binary(max_size=8),
)
_frames = st.builds(
    lambda opcode, payload, fin, rsv, mask, width: frame(opcode, payload, fin=fin, rsv=rsv, mask=mask, width=width),
    st.sampled_from(_OPCODES[:2] * 4 + _OPCODES),
    _payloads,
    st.sampled_from([True, True, True, False]),
    st.sampled_from([0] * 12 + [4, 4, 4, 2, 1]),
    st.sampled_from([b"\x37\xfa\x21\x3d"] * 12 + [b"\0\0\0\0", None]),
    st.sampled_from([None] * 12 + [2, 8]),
)
_messages = st.one_of(
    _frames,
    st.builds(lambda text: frame(TEXT, text.encode()), st.text(max_size=20)),
    st.builds(lambda parts: _fragmented(parts), st.lists(st.binary(max_size=5), min_size=2, max_size=4)),
    st.builds(lambda data: frame(BINARY, deflated(data), rsv=4), st.binary(max_size=500)),
)
streams = st.builds(
    lambda messages, end: b"".join(messages) + end,
    st.lists(_messages, min_size=1, max_size=5),
    st.sampled_from([b"", close(1000), close(None), close(3000, b"why"), close(1005), close(1000, b"\xff")]),
)
cuts = st.one_of(st.just(range(3000)), st.lists(st.integers(0, 600), max_size=6))


def _fragmented(parts: list[bytes]) -> bytes:
    """A message of several frames, with a ping between them."""
    first, *middle, last = parts
    frames = [frame(BINARY, first, fin=False), *(frame(CONT, part, fin=False) for part in middle)]
    return b"".join([*frames, frame(PING, b"?"), frame(CONT, last)])


def _codecs(deflate: bool) -> list[Codec]:
    parameters = negotiate(parse_extensions("permessage-deflate")) if deflate else None
    return [kind(MAX_SIZE, None if parameters is None else PerMessageDeflate(parameters)) for kind in CODECS.values()]


def _feed(codec: Codec, pieces: Iterable[bytes]) -> tuple[list[object], list[tuple[int, bytes]]]:
    """The events, and the frames that the codec wants to send."""
    events = [event for piece in pieces for event in codec.feed(piece)]
    return events, [(reply.opcode, reply.payload) for reply in read_frames(b"".join(codec.replies))]


def _outcomes(data: bytes, positions: Iterable[int], deflate: bool) -> list[tuple[list[Any], list[Any]]]:
    """What each codec returns for the data, whole and split."""
    outcomes = []
    for pieces in ([data], cut(data, positions)):
        for codec in _codecs(deflate):
            events, replies = _feed(codec, pieces)
            outcomes.append((events, replies))
            ends = [event for event in events if isinstance(event, PeerClosed | Failed)]
            assert len(ends) <= 1
            assert ends == events[len(events) - len(ends) :], "an event comes after the end"
            assert all(len(event) <= MAX_SIZE for event in events if isinstance(event, str | bytes))
            if ends and isinstance(ends[0], Failed):
                # If a frame has two faults, each library reports the fault that it checks first.
                assert ends[0].code in FAILURES
                assert replies.pop() == (CLOSE, ends[0].code.to_bytes(2, "big") + ends[0].reason.encode())
                events[-1] = "failed"
    return outcomes


@given(mutated(streams), cuts, st.booleans())
def test_codecs(data: bytes, positions: Iterable[int], deflate: bool) -> None:
    check_codecs(data, positions, deflate)


def check_codecs(data: bytes, positions: Iterable[int], deflate: bool) -> None:
    """Compare the codecs over the bytes, whole and split."""
    first, *others = _outcomes(data, positions, deflate)
    if any(other != first for other in others):
        # One library finds the fault at the start of a frame, the other waits for the whole frame; this completes it.
        first, *others = _outcomes(data + PADDING, positions, deflate)
    if any(isinstance(event, PeerClosed) and event.code == UNKNOWN_TO_WSPROTO for event in first[0]):
        return
    assert all(other == first for other in others), "\n".join(map(str, [first, *others]))


async def _converse(codec: str, deflate: bool, pieces: Iterable[bytes]) -> tuple[list[Any], ...]:
    """Return what an echoing application saw and what the client saw; the server must keep nothing."""
    seen: list[dict[str, Any]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert (await receive())["type"] == "websocket.connect"
        await send({"type": "websocket.accept"})
        while (event := await receive())["type"] == "websocket.receive":
            seen.append(event)
            # Messages from before the end may still be read, but not answered.
            with contextlib.suppress(ClientDisconnected):
                await send({"type": "websocket.send", "bytes": event.get("bytes"), "text": event.get("text")})
        seen.append(event)

    config = Config(
        app,
        ws=classes.codec_protocol(codec),
        lifespan="off",
        log_config=None,
        ws_max_size=MAX_SIZE,
        proxy_headers=False,
    )
    config.load()
    state, transport = ServerState(), Pipe()
    transport.protocol = protocol_class("h11", "pure")(config=config, server_state=state, app_state={})
    transport.protocol.connection_made(transport)
    transport.protocol.data_received(request(*([DEFLATE] if deflate else [])))
    await _settle()
    head, _, rest = transport.buffer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 ")
    assert not rest
    transport.clear_buffer()
    for piece in pieces:
        if transport.closed or not transport.reading:
            break
        transport.protocol.data_received(piece)
        await asyncio.sleep(0)
    await _settle()
    frames = [(item.opcode, item.payload) for item in read_frames(transport.buffer)]
    if not transport.closed:
        transport.abort()
    await _settle()
    assert not state.connections
    assert not state.tasks
    assert [event["type"] for event in seen].count("websocket.disconnect") == 1
    closes = [index for index, (opcode, _) in enumerate(frames) if opcode == CLOSE]
    assert closes in ([], [len(frames) - 1]), "something was sent after the close frame"
    if seen[-1]["code"] in FAILURES and frames[-1:] == [
        (CLOSE, seen[-1]["code"].to_bytes(2, "big") + seen[-1]["reason"].encode())
    ]:
        # One run may have answered messages before the fault arrived; the other received everything in one read.
        return [*seen[:-1], FAILED], []
    return seen, frames


async def _settle() -> None:
    for _ in range(30):
        await asyncio.sleep(0)


@given(mutated(streams), cuts, st.booleans())
def test_conversation(data: bytes, positions: Iterable[int], deflate: bool) -> None:
    async def on_each(data: bytes) -> list[tuple[list[Any], ...]]:
        return [await _converse(codec, deflate, cut(data, positions)) for codec in CODECS]

    first, *others = run_async(on_each(data))
    if any(events[-1].get("code") == UNKNOWN_TO_WSPROTO for events, _ in [first, *others]):
        return
    if any(events != first[0] for events, _ in others):
        # One run may have answered more messages, as above.
        first, *others = run_async(on_each(data + PADDING))
    for other in others:
        assert other[0] == first[0]
        if first[0][-1] is not FAILED:
            assert other == first
