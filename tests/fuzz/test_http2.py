"""HTTP/2 sessions: whatever the client and the applications do, both builds agree and no window is exceeded."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import http2
from uvicorn import _speedups
from uvicorn._speedups import http2_codes as codes
from uvicorn._speedups.http2_codes import BODY, CONNECT, FAULT, REJECTED, REQUEST

LIMITS = (100, 10, 2000, 40000)
MAX_STREAMS = 5
START = {"type": "http.response.start", "status": 200, "headers": [(b"x-a", b"b")]}

streams = st.sampled_from([0, 1, 2, 3, 5, 7, 9, 11, 13, 1001])
sizes = st.sampled_from([0, 1, 7, 100, 5000, 16384])
windows = st.sampled_from([0, 1, 10, 5000, 65535, 100000, codes.MAX_WINDOW, codes.MAX_WINDOW + 1])
flags = st.integers(0, 255)

# What a client may send.
frames = st.one_of(
    st.builds(
        lambda stream, method, end, length: http2.headers(
            stream, *([] if length is None else [(b"content-length", b"%d" % length)]), method=method, end=end
        ),
        streams,
        st.sampled_from([b"GET", b"HEAD", b"POST"]),
        st.booleans(),
        st.none() | sizes,
    ),
    st.builds(http2.connect, streams, end=st.booleans(), protocol=st.sampled_from([b"websocket", b"x"])),
    st.builds(lambda stream, size, end: http2.data(stream, b"x" * size, end=end), streams, sizes, st.booleans()),
    st.builds(http2.window_update, streams, windows),
    st.builds(http2.reset, streams),
    st.builds(lambda value: http2.settings((codes.INITIAL_WINDOW_SIZE, value)), windows),
    st.builds(lambda value: http2.settings((codes.HEADER_TABLE_SIZE, value)), sizes),
    st.builds(http2.frame, st.integers(0, 17), flags, streams, st.binary(max_size=20)),
    st.builds(lambda urgency: http2.frame(16, 0, 0, b"\0\0\0\x03u=%d, i" % urgency), st.integers(0, 7)),
    st.binary(max_size=12),
)

# What the applications may do; the number chooses one of the open streams.
places = st.integers(0, MAX_STREAMS - 1)
acts = st.one_of(
    st.tuples(st.just("feed"), st.lists(frames, max_size=4).map(b"".join)),
    st.tuples(st.just("respond"), places, sizes, st.booleans()),
    st.tuples(st.just("credit"), places),
    st.tuples(st.just("reset"), places),
    st.tuples(st.just("release"), places),
    st.tuples(st.just("write")),
    st.tuples(st.just("wait"), st.integers(0, 60)),
    st.tuples(st.sampled_from(["begin_shutdown", "end_shutdown"])),
)


class Conversation:
    """A session, and what an observer knows about it."""

    def __init__(self, build: str) -> None:
        self.session = _speedups.load(build).Session(LIMITS, MAX_STREAMS, True)
        self.reader = http2.Reader()
        self.given: list[Any] = []
        # For each tunnel: the bytes that were read and have not been credited; None after the server's last bytes.
        self.tunnels: dict[Any, int | None] = {}
        self.trace: list[Any] = []
        self.now = 0.0

    def act(self, name: str, *arguments: Any) -> None:
        if name == "feed":
            self.session.feed(arguments[0], self.now)
            self._take_events()
        elif name == "wait":
            self.now += arguments[0]
        elif name == "write":
            self._write()
        elif name in ("begin_shutdown", "end_shutdown"):
            getattr(self.session, name)()
        elif self.given:
            self._act_on(name, self.given[arguments[0] % len(self.given)], *arguments[1:])

    def _take_events(self) -> None:
        while (event := self.session.next()) is not None:
            kind, stream, content = event
            self.trace.append(
                (kind, stream and stream.number, content if type(content) is bytes else str(content)[:20])
            )
            if kind in (REQUEST, CONNECT, REJECTED) and stream not in self.given:
                self.given.append(stream)
            if kind == CONNECT:
                self.tunnels[stream] = 0
            elif kind == BODY and self.tunnels.get(stream) is not None:
                self.tunnels[stream] += len(content)
            if kind == REQUEST:
                self.trace[-1] = (kind, stream.number, content.method, content.headers)
            assert kind != FAULT or self.session.state == 3
        assert self.session.active <= MAX_STREAMS

    def _act_on(self, name: str, stream: Any, *arguments: Any) -> None:
        if stream in self.tunnels and name in ("respond", "credit"):
            self._act_on_tunnel(stream, *arguments)
        elif name == "respond":
            size, more_body = arguments
            body = {"type": "http.response.body", "body": b"y" * size, "more_body": more_body}
            if not stream.framer.state:
                self.session.start(stream, START, [])
            elif stream.framer.state == 1:
                self.session.send(stream, body)
        elif name == "credit":
            self.session.credit(stream)
        elif name == "reset":
            self.session.reset(stream, codes.CANCEL)
        else:
            self.session.release(stream)
            self.given.remove(stream)

    def _act_on_tunnel(self, stream: Any, size: int = -1, more: bool = True) -> None:
        read = self.tunnels[stream]
        if read is None:
            return
        if size < 0:
            self.session.credit_tunnel(stream, read)
            self.tunnels[stream] = 0
        elif not stream.framer.state:
            self.session.start(stream, START, [])
            self.session.send_head(stream)
        else:
            self.session.send_bytes(stream, b"z" * size, not more)
            if not more:
                self.tunnels[stream] = None

    def _write(self) -> None:
        before = self.session.output.send_window
        written = self.session.take_output()
        # The reader guarantees that no event follows the end of a stream.
        self.reader.read(written)
        assert self.session.output.send_window >= 0 or self.session.output.send_window == before
        self.trace.append(written)


def _run(build: str, conversation: list[Any]) -> list[Any]:
    peer = Conversation(build)
    peer.act("feed", http2.HELLO)
    for each in conversation:
        peer.act(*each)
    peer.act("write")
    return peer.trace


@given(st.lists(acts, max_size=30))
def test_sessions(conversation: list[Any]) -> None:
    pure = _run("pure", conversation)
    try:
        _speedups.load("compiled")
    except ImportError:
        pytest.skip("the compiled build is missing")
    assert _run("compiled", conversation) == pure


@given(st.binary(max_size=200), st.lists(st.integers(1, 60), max_size=10))
def test_session_noise(noise: bytes, cuts: list[int]) -> None:
    traces = []
    for pieces in (
        [noise],
        [noise[sum(cuts[:i]) : sum(cuts[: i + 1])] for i in range(len(cuts))] + [noise[sum(cuts) :]],
    ):
        peer = Conversation("pure")
        peer.act("feed", http2.HELLO)
        for piece in pieces:
            peer.act("feed", piece)
        traces.append([event for event in peer.trace if event[0] != 1])
    assert traces[0] == traces[1] or FAULT in (traces[0][-1][0], traces[1][-1][0])
