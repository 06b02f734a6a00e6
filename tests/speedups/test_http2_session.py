"""HTTP/2 sessions: frames in, events and frames out, on both builds."""

from typing import Any

import hpack
import pytest

from tests import http2
from tests.http2 import HELLO, Reader, block, data, frame, headers, ping, pseudo, reset, settings, window_update
from uvicorn._speedups import http2_codes as codes
from uvicorn._speedups.flags import COMPLETE
from uvicorn._speedups.http2_codes import BODY, FAULT, PONG, REJECTED, REQUEST, RESET, STREAM_ERROR

LIMITS = (65536, 256, 131072, -1)
START = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]}


def body(part: bytes = b"", more_body: bool = False) -> dict[str, Any]:
    return {"type": "http.response.body", "body": part, "more_body": more_body}


class Peer:
    """A session and its client."""

    def __init__(self, speedups: Any, *, limits: tuple[int, int, int, int] = LIMITS, max_streams: int = 100) -> None:
        self.session = speedups.Session(limits, max_streams)
        self.reader = Reader()
        self.now = 0.0
        self.events: list[Any] = []

    def feed(self, *data: bytes) -> "list[Any]":
        """The events for the bytes."""
        self.session.feed(b"".join(data), self.now)
        return self.collect()

    def collect(self) -> list[Any]:
        events = []
        while (event := self.session.next()) is not None:
            events.append(event)
        self.events += events
        return events

    def start(self, *data: bytes) -> list[Any]:
        """Like `feed`, after the bytes with which each client begins; the answers to those bytes are discarded."""
        assert self.feed(HELLO) == []
        self.read()
        self.reader.frames.clear()
        return self.feed(*data)

    def read(self) -> list[http2.Frame]:
        """The frames that the session sends now."""
        before = len(self.reader.frames)
        self.reader.read(self.session.take_output())
        return self.reader.frames[before:]

    @property
    def answers(self) -> dict[int, http2.Answer]:
        """Stream -> the response so far, including everything that the session sends now."""
        self.read()
        return self.reader.answers

    def send(self, stream: Any, *messages: Any) -> int:
        state = 0
        for message in messages:
            if stream.framer.state:
                state = self.session.send(stream, message)
            else:
                self.session.start(stream, message, [(b"server", b"uvicorn")])
        return state

    def fault(self, *data: bytes) -> int:
        """The error code with which the bytes end the connection."""
        kind, stream, fault = self.feed(*data)[-1]
        assert (kind, stream) == (FAULT, None)
        assert fault.reason
        assert self.feed(headers(99)) == [], "the session must read nothing after a fault"
        self.read()
        assert self.reader.goaway.code == fault.code
        assert self.reader.goaway.payload[8:] == fault.reason.encode()
        return int(fault.code)

    def stream_error(self, *data: bytes) -> int:
        """The error code with which the bytes end the last stream that they name."""
        kind, _, reason = self.feed(*data)[-1]
        assert kind == STREAM_ERROR
        assert reason
        return self.read()[-1].code


@pytest.fixture
def peer(speedups: Any) -> Peer:
    return Peer(speedups)


# The start of the connection


def test_sends_its_settings_first(peer: Peer) -> None:
    [first] = peer.read()
    assert first.kind == "SETTINGS"
    assert not first.flags
    pairs = [
        (int.from_bytes(first.payload[i : i + 2], "big"), int.from_bytes(first.payload[i + 2 : i + 6], "big"))
        for i in range(0, len(first.payload), 6)
    ]
    assert dict(pairs) == {
        codes.MAX_CONCURRENT_STREAMS: 100,
        codes.MAX_HEADER_LIST_SIZE: 131072,
        codes.NO_RFC7540_PRIORITIES: 1,
    }


def test_acknowledges_settings(peer: Peer) -> None:
    peer.read()
    assert peer.feed(HELLO) == []
    assert peer.read() == [("SETTINGS", codes.ACK, 0, b"")]


@pytest.mark.parametrize("wrong", [b"GET / HTTP/1.1\r\n", codes.PREFACE[:-1] + b"x", b"\0" * 24])
def test_refuses_a_wrong_preface(peer: Peer, wrong: bytes) -> None:
    assert peer.fault(wrong) == codes.PROTOCOL_ERROR


def test_refuses_a_wrong_preface_in_pieces(peer: Peer) -> None:
    assert peer.feed(codes.PREFACE[:10]) == []
    assert peer.feed(b"xxx") == []
    assert peer.fault(b"xxxxxxxxxxx") == codes.PROTOCOL_ERROR


@pytest.mark.parametrize("first", [ping(), headers(1), frame(codes.SETTINGS, codes.ACK)])
def test_the_first_frame_is_settings(peer: Peer, first: bytes) -> None:
    assert peer.fault(codes.PREFACE, first) == codes.PROTOCOL_ERROR


def test_byte_by_byte(speedups: Any) -> None:
    whole = Peer(speedups)
    stream = HELLO + headers(1, end=False) + data(1, b"abc") + data(1, b"", end=True) + ping() + headers(3)
    expected = [(kind, each.number) for kind, each, _ in whole.feed(stream)]
    dripped = Peer(speedups)
    events = [event for i in range(len(stream)) for event in dripped.feed(stream[i : i + 1])]
    assert [(kind, each.number) for kind, each, _ in events][:3] == [(REQUEST, 1), (BODY, 1), (BODY, 1)]
    assert [(kind, each.number) for kind, each, _ in events][-1] == expected[-1] == (REQUEST, 3)
    assert dripped.read() == whole.read()


def test_reads_a_stream_split_at_any_byte(speedups: Any) -> None:
    stream = headers(1, end=False) + data(1, b"abc") + data(1, b"d", end=True) + ping() + headers(3)
    for place in range(1, len(stream)):
        divided = Peer(speedups)
        divided.start(stream[:place])
        divided.feed(stream[place:])
        bodies = [content for kind, _, content in divided.events if kind == BODY]
        assert b"".join(bodies) == b"abcd"
        assert [each.number for kind, each, _ in divided.events if kind == REQUEST] == [1, 3]
        assert divided.read() == [("PING", codes.ACK, 0, b"12345678")]


# Frames


@pytest.mark.parametrize(
    ("code", "wrong"),
    [
        (codes.FRAME_SIZE_ERROR, frame(codes.DATA, 0, 1, b"x" * 16385)),
        (codes.FRAME_SIZE_ERROR, frame(codes.PING, 0, 0, b"1234567")),
        (codes.FRAME_SIZE_ERROR, frame(codes.PING, 0, 0, b"123456789")),
        (codes.FRAME_SIZE_ERROR, frame(codes.SETTINGS, 0, 0, b"12345")),
        (codes.FRAME_SIZE_ERROR, frame(codes.SETTINGS, codes.ACK, 0, b"123456")),
        (codes.FRAME_SIZE_ERROR, frame(codes.RST_STREAM, 0, 1, b"123")),
        (codes.FRAME_SIZE_ERROR, frame(codes.WINDOW_UPDATE, 0, 0, b"12345")),
        (codes.FRAME_SIZE_ERROR, frame(codes.PRIORITY, 0, 1, b"1234")),
        (codes.FRAME_SIZE_ERROR, frame(codes.PRIORITY_UPDATE, 0, 0, b"123")),
        (codes.FRAME_SIZE_ERROR, frame(codes.GOAWAY, 0, 0, b"1234567")),
        (codes.FRAME_SIZE_ERROR, frame(codes.HEADERS, codes.HAS_PRIORITY, 1, b"1234")),
        (codes.PROTOCOL_ERROR, frame(codes.PING, 0, 1, b"12345678")),
        (codes.PROTOCOL_ERROR, frame(codes.SETTINGS, 0, 1)),
        (codes.PROTOCOL_ERROR, frame(codes.GOAWAY, 0, 1, b"12345678")),
        (codes.PROTOCOL_ERROR, frame(codes.DATA, 0, 0, b"x")),
        (codes.PROTOCOL_ERROR, frame(codes.DATA, 0, 1, b"x")),
        (codes.PROTOCOL_ERROR, frame(codes.DATA, 0, 2, b"x")),
        (codes.PROTOCOL_ERROR, frame(codes.HEADERS, codes.END_HEADERS, 0, block(*pseudo()))),
        (codes.PROTOCOL_ERROR, frame(codes.HEADERS, codes.END_HEADERS, 2, block(*pseudo()))),
        (codes.PROTOCOL_ERROR, frame(codes.HEADERS, codes.PADDED, 1)),
        (codes.PROTOCOL_ERROR, frame(codes.HEADERS, codes.PADDED, 1, b"\x03ab")),
        (codes.PROTOCOL_ERROR, frame(codes.HEADERS, codes.HAS_PRIORITY, 5, b"\0\0\0\x05\x10")),
        (codes.PROTOCOL_ERROR, frame(codes.HEADERS, codes.HAS_PRIORITY, 5, b"\x80\0\0\x05\x10")),
        (codes.PROTOCOL_ERROR, frame(codes.PRIORITY, 0, 0, b"12345")),
        (codes.PROTOCOL_ERROR, frame(codes.PRIORITY, 0, 5, b"\0\0\0\x05\x10")),
        (codes.PROTOCOL_ERROR, frame(codes.PRIORITY_UPDATE, 0, 1, b"\0\0\0\x01")),
        (codes.PROTOCOL_ERROR, frame(codes.PRIORITY_UPDATE, 0, 0, b"\0\0\0\0")),
        (codes.PROTOCOL_ERROR, frame(codes.PRIORITY_UPDATE, 0, 0, b"\0\0\0\x02")),
        (codes.PROTOCOL_ERROR, frame(codes.RST_STREAM, 0, 0, b"1234")),
        (codes.PROTOCOL_ERROR, reset(1)),
        (codes.PROTOCOL_ERROR, reset(2)),
        (codes.PROTOCOL_ERROR, window_update(0, 0)),
        (codes.PROTOCOL_ERROR, window_update(1, 5)),
        (codes.PROTOCOL_ERROR, window_update(2, 5)),
        (codes.FLOW_CONTROL_ERROR, window_update(0, codes.MAX_WINDOW)),
        (codes.PROTOCOL_ERROR, frame(codes.PUSH_PROMISE, 0, 1, b"1234")),
        (codes.PROTOCOL_ERROR, frame(codes.CONTINUATION, codes.END_HEADERS, 1)),
        (codes.PROTOCOL_ERROR, settings((codes.ENABLE_PUSH, 2))),
        (codes.PROTOCOL_ERROR, settings((codes.ENABLE_CONNECT_PROTOCOL, 2))),
        (codes.PROTOCOL_ERROR, settings((codes.NO_RFC7540_PRIORITIES, 2))),
        (codes.PROTOCOL_ERROR, settings((codes.MAX_FRAME_SIZE, 16383))),
        (codes.PROTOCOL_ERROR, settings((codes.MAX_FRAME_SIZE, 16777216))),
        (codes.FLOW_CONTROL_ERROR, settings((codes.INITIAL_WINDOW_SIZE, codes.MAX_WINDOW + 1))),
        (codes.COMPRESSION_ERROR, frame(codes.HEADERS, codes.END_HEADERS, 1, b"\xff\xff\xff\xff\xff\xff")),
    ],
)
def test_a_frame_that_ends_the_connection(peer: Peer, code: int, wrong: bytes) -> None:
    peer.start()
    assert peer.fault(wrong) == code


def test_the_number_of_a_stream_has_31_bits(peer: Peer) -> None:
    wire = bytearray(headers(1))
    wire[5] |= 0x80
    [(kind, stream, _)] = peer.start(bytes(wire))
    assert (kind, stream.number) == (REQUEST, 1)


def test_frames_without_effect_are_ignored(peer: Peer) -> None:
    assert not peer.start(
        frame(0x77, 0xFF, 1, b"?"),
        frame(0x77, 0, 0),
        frame(codes.PRIORITY, 0, 7, b"\0\0\0\x01\x10"),
        frame(codes.GOAWAY, 0, 0, b"\0" * 8),
        settings((0x7777, 5), (codes.MAX_CONCURRENT_STREAMS, 7), (codes.MAX_FRAME_SIZE, 20000), (codes.ENABLE_PUSH, 0)),
        frame(codes.SETTINGS, codes.ACK),
    )
    assert [each.kind for each in peer.read()] == ["SETTINGS"]


def test_answers_a_ping(peer: Peer) -> None:
    assert not peer.start(ping(b"abcdefgh"), ping(b"answered", codes.ACK))
    assert peer.read() == [("PING", codes.ACK, 0, b"abcdefgh")]


def test_padding_and_deprecated_priority_are_skipped(peer: Peer) -> None:
    padded = b"\x04" + b"\0\0\0\x07\x10" + block(*pseudo()) + b"\0" * 4
    flags = codes.PADDED | codes.HAS_PRIORITY | codes.END_HEADERS
    [(_, stream, head), (kind, other, content)] = peer.start(
        frame(codes.HEADERS, flags, 1, padded), data(1, b"\x02abc\0\0", end=True, flags=codes.PADDED)
    )
    assert head.path == "/"
    assert (kind, other, content) == (BODY, stream, b"abc")


def test_accepts_frames_with_only_padding(peer: Peer) -> None:
    peer.start(frame(codes.HEADERS, codes.PADDED, 1, b"\x02\0\0"))
    [(kind, stream, _)] = peer.feed(frame(codes.CONTINUATION, codes.END_HEADERS, 1, block(*pseudo())))
    assert (kind, stream.number) == (REQUEST, 1)
    assert peer.feed(data(1, b"\x02\0\0", end=True, flags=codes.PADDED)) == [(BODY, stream, b"")]


@pytest.mark.parametrize("payload", [b"", b"\x01", b"\x05abcd"])
def test_refuses_more_padding_than_bytes(peer: Peer, payload: bytes) -> None:
    peer.start(headers(1, end=False))
    assert peer.fault(data(1, payload, flags=codes.PADDED)) == codes.PROTOCOL_ERROR


# Requests


def test_a_request(peer: Peer) -> None:
    [(kind, stream, head)] = peer.start(headers(1, (b"x-a", b"b"), method=b"HEAD", path=b"/p?q=1"))
    assert kind == REQUEST
    assert (head.method, head.path, head.query_string, head.http_version) == ("HEAD", "/p", b"q=1", "2")
    assert head.headers == [(b"host", b"a"), (b"x-a", b"b")]
    assert not stream.more_body
    assert peer.session.active == 1
    assert list(peer.session.streams) == [1]


def test_reads_a_field_block_in_several_frames(peer: Peer) -> None:
    whole = block(*pseudo(), (b"x-a", b"b" * 300))
    assert not peer.start(frame(codes.HEADERS, codes.END_STREAM, 1, whole[:10]))
    assert peer.session.in_head()
    assert not peer.feed(frame(codes.CONTINUATION, 0, 1, whole[10:20]))
    [(kind, stream, head)] = peer.feed(frame(codes.CONTINUATION, codes.END_HEADERS, 1, whole[20:]))
    assert (kind, stream.more_body) == (REQUEST, False)
    assert head.headers[-1] == (b"x-a", b"b" * 300)
    assert not peer.session.in_head()


def test_counts_the_frames_of_each_field_block_separately(peer: Peer) -> None:
    peer.start()
    whole = block(*pseudo())
    for number in (1, 3, 5):
        peer.feed(frame(codes.HEADERS, codes.END_STREAM, number, whole))
        for _ in range(10):
            peer.feed(frame(codes.CONTINUATION, 0, number, b""))
        [(kind, stream, _)] = peer.feed(frame(codes.CONTINUATION, codes.END_HEADERS, number, b""))
        assert (kind, stream.number) == (REQUEST, number)


@pytest.mark.parametrize("flags", [codes.END_HEADERS, codes.END_HEADERS | codes.END_STREAM])
@pytest.mark.parametrize("before", ["a closed stream", "an ended stream", "a refused stream"])
def test_unused_field_blocks_keep_the_table_in_step(speedups: Any, before: str, flags: int) -> None:
    """The client's later blocks refer to what an earlier one has added to the table (RFC 7541 section 4)."""
    peer = Peer(speedups, max_streams=1)
    [(_, stream, _)] = peer.start(headers(1))
    if before == "a closed stream":
        peer.session.reset(stream, codes.CANCEL)
    encoder = hpack.Encoder()
    late = encoder.encode([*(pseudo() if before == "a refused stream" else ()), (b"x-late", b"value")])
    peer.feed(frame(codes.HEADERS, flags, 3 if before == "a refused stream" else 1, late))
    peer.session.reset(stream, codes.CANCEL)
    peer.session.release(stream)
    again = encoder.encode([*pseudo(), (b"x-late", b"value")])
    assert b"value" not in again
    [(kind, _, head)] = peer.feed(frame(codes.HEADERS, codes.END_HEADERS, 5, again))
    assert kind == REQUEST
    assert head.headers[-1] == (b"x-late", b"value")


@pytest.mark.parametrize("between", [ping(), headers(1), data(1), frame(codes.CONTINUATION, 0, 3)])
def test_refuses_other_frames_within_a_field_block(peer: Peer, between: bytes) -> None:
    peer.start(frame(codes.HEADERS, 0, 1, block(*pseudo())))
    assert peer.fault(between) == codes.PROTOCOL_ERROR


def test_a_part_of_a_head_is_distinguished_from_a_part_of_a_body(peer: Peer) -> None:
    peer.start(headers(1)[:3])
    assert not peer.session.in_head()
    peer.feed(headers(1)[3:12])
    assert peer.session.in_head()
    peer.feed(headers(1)[12:], data(1)[:5])
    assert not peer.session.in_head()


def test_four_bytes_show_that_a_head_begins(peer: Peer) -> None:
    peer.start(headers(1)[:4])
    assert peer.session.in_head()


@pytest.mark.parametrize("idle", [window_update(4, 5), reset(4), data(4, b"x")])
def test_streams_with_even_numbers_are_always_idle(peer: Peer, idle: bytes) -> None:
    peer.start(headers(5))
    assert peer.fault(idle) == codes.PROTOCOL_ERROR


@pytest.mark.parametrize(
    "setting",
    [
        (codes.MAX_FRAME_SIZE, 16384),
        (codes.MAX_FRAME_SIZE, 16777215),
        (codes.ENABLE_PUSH, 1),
        (codes.INITIAL_WINDOW_SIZE, codes.MAX_WINDOW),
    ],
)
def test_the_limits_of_settings_are_accepted(peer: Peer, setting: tuple[int, int]) -> None:
    assert not peer.start(headers(1), settings(setting))[1:]
    assert peer.read() == [("SETTINGS", codes.ACK, 0, b"")]


def test_windows_may_reach_their_upper_limit(peer: Peer) -> None:
    most = codes.MAX_WINDOW - 65535
    assert not peer.start(headers(1), window_update(0, most), window_update(1, most))[1:]
    assert peer.read() == []


def test_each_setting_of_a_frame_takes_effect(peer: Peer) -> None:
    [(_, stream, _)] = peer.start(headers(1), settings((0x7777, 5), (codes.INITIAL_WINDOW_SIZE, 5)))
    peer.send(stream, START, body(b"0123456789"))
    assert peer.answers[1].body == b"01234"


def test_stream_numbers_must_increase(peer: Peer) -> None:
    peer.start(headers(5))
    assert peer.fault(headers(3)) == codes.STREAM_CLOSED


@pytest.mark.parametrize("field", [(b"connection", b"close"), (b"X-Upper", b"1"), (b":path", b"/"), (b"te", b"gzip")])
def test_a_malformed_request_ends_its_stream(peer: Peer, field: tuple[bytes, bytes]) -> None:
    peer.start()
    assert peer.stream_error(headers(1, field)) == codes.PROTOCOL_ERROR
    assert peer.session.active == 0
    [(kind, stream, _)] = peer.feed(headers(3))
    assert (kind, stream.number) == (REQUEST, 3)


def test_a_head_that_is_too_large_is_answered(speedups: Any) -> None:
    peer = Peer(speedups, limits=(65536, 256, 300, -1))
    [(kind, stream, rejected)] = peer.start(headers(1, (b"x-a", b"b" * 400), end=False))
    assert (kind, rejected.status) == (REJECTED, 431)
    peer.send(stream, START, body(b"no"))
    peer.session.release(stream)
    assert [each.kind for each in peer.read()] == ["HEADERS", "DATA", "RST_STREAM"]
    assert peer.reader.answers[1].reset == codes.NO_ERROR
    assert peer.session.active == 0


def test_priorities_of_requests(peer: Peer) -> None:
    update = frame(codes.PRIORITY_UPDATE, 0, 0, b"\0\0\0\x05u=0")
    late = frame(codes.PRIORITY_UPDATE, 0, 0, b"\0\0\0\x01u=1")
    closed = frame(codes.PRIORITY_UPDATE, 0, 0, b"\0\0\0\x03u=1")
    events = peer.start(headers(1), headers(3), reset(3), late, closed, update, headers(5, (b"priority", b"u=6")))
    first, last = events[0][1], events[-1][1]
    big = body(b"x" * 70000)
    for stream in (first, last):
        peer.send(stream, START, big)
    peer.read()
    assert [each.stream for each in peer.reader.of_kind("DATA")][:2] == [5, 5]


# Bodies of requests


def test_a_body(peer: Peer) -> None:
    [(_, stream, _)] = peer.start(headers(1, (b"content-length", b"6"), method=b"POST", end=False))
    assert stream.more_body
    assert peer.feed(data(1, b"abc")) == [(BODY, stream, b"abc")]
    assert peer.feed(data(1, b"d"), data(1, b"ef"), data(1, end=True)) == [(BODY, stream, b"def")]
    assert not stream.more_body


def test_the_empty_end_of_a_body(peer: Peer) -> None:
    [(_, stream, _)] = peer.start(headers(1, end=False))
    assert peer.feed(data(1, end=True)) == [(BODY, stream, b"")]


def test_a_body_can_be_read_before_its_event(peer: Peer) -> None:
    peer.start()
    peer.session.feed(headers(1, end=False) + data(1, b"abc") + headers(3), 0.0)
    kind, stream, _ = peer.session.next()
    assert stream.body_pending
    assert peer.session.take_body(stream) == b"abc"
    assert not stream.body_pending
    assert peer.session.has_events()
    [(kind, other, _)] = peer.collect()
    assert (kind, other.number) == (REQUEST, 3)
    assert not peer.session.has_events()


def test_trailers_end_a_body(peer: Peer) -> None:
    [(_, stream, _)] = peer.start(headers(1, end=False))
    trailers = frame(codes.HEADERS, codes.END_HEADERS | codes.END_STREAM, 1, block((b"x-sum", b"1")))
    assert peer.feed(data(1, b"abc"), trailers) == [(BODY, stream, b"abc")]
    assert not stream.more_body


@pytest.mark.parametrize(
    ("flags", "field", "code"),
    [
        (codes.END_HEADERS, (b"x-sum", b"1"), codes.PROTOCOL_ERROR),
        (codes.END_HEADERS | codes.END_STREAM, (b":path", b"/"), codes.PROTOCOL_ERROR),
    ],
)
def test_refuses_wrong_trailers(peer: Peer, flags: int, field: tuple[bytes, bytes], code: int) -> None:
    peer.start(headers(1, end=False))
    assert peer.stream_error(frame(codes.HEADERS, flags, 1, block(field))) == code


@pytest.mark.parametrize("late", [data(1, b"x"), headers(1)])
def test_refuses_frames_after_the_end_of_a_stream(peer: Peer, late: bytes) -> None:
    peer.start(headers(1))
    assert peer.stream_error(late) == codes.STREAM_CLOSED


@pytest.mark.parametrize(
    "wrong",
    [
        headers(1, (b"content-length", b"3")),
        headers(1, (b"content-length", b"3"), end=False) + data(1, b"abcd"),
        headers(1, (b"content-length", b"3"), end=False) + data(1, b"abc") + data(1, b"d"),
        headers(1, (b"content-length", b"3"), end=False) + data(1, b"ab", end=True),
        headers(1, (b"content-length", b"3"), end=False)
        + frame(codes.HEADERS, codes.END_HEADERS | codes.END_STREAM, 1, block((b"x", b"1"))),
    ],
)
def test_a_body_is_as_long_as_its_content_length(peer: Peer, wrong: bytes) -> None:
    peer.start()
    assert peer.stream_error(wrong) == codes.PROTOCOL_ERROR


@pytest.mark.parametrize(
    "sent",
    [
        headers(1, (b"content-length", b"11"), end=False),
        headers(1, end=False) + data(1, b"x" * 6) + data(1, b"x" * 5) + data(1, b"y" * 7, end=True),
    ],
)
def test_rejects_a_body_over_its_limit(speedups: Any, sent: bytes) -> None:
    peer = Peer(speedups, limits=(65536, 256, 131072, 10))
    events = peer.start(sent)
    kind, stream, rejected = events[-1]
    assert (kind, rejected.status) == (REJECTED, 413)
    assert [each for each, _, _ in events].count(REJECTED) == 1
    assert peer.feed(data(1, b"more")) == [] or not stream.more_body


def test_a_body_as_long_as_its_limit(speedups: Any) -> None:
    peer = Peer(speedups, limits=(65536, 256, 131072, 10))
    [(kind, _, _), (_, _, content)] = peer.start(headers(1, end=False), data(1, b"x" * 10, end=True))
    assert (kind, content) == (REQUEST, b"x" * 10)


def test_a_limit_of_zero_allows_no_body(speedups: Any) -> None:
    peer = Peer(speedups, limits=(65536, 256, 131072, 0))
    [_, (kind, _, rejected)] = peer.start(headers(1, end=False), data(1, b"x"))
    assert (kind, rejected.status) == (REJECTED, 413)


def test_gives_no_event_for_a_stream_that_is_reset_in_its_first_read(peer: Peer) -> None:
    [(kind, stream, _)] = peer.start(headers(1, end=False), data(1, b"abc"), headers(3), reset(1))
    assert (kind, stream.number) == (REQUEST, 3)
    assert peer.session.active == 1


def test_a_reset_of_the_client_ends_a_stream(peer: Peer) -> None:
    [(_, stream, _)] = peer.start(headers(1, end=False))
    assert peer.feed(reset(1)) == [(RESET, stream, None)]
    assert peer.session.active == 1, "the application still runs"
    peer.session.release(stream)
    assert peer.session.active == 0
    assert peer.send(stream, START, body(b"late")) == COMPLETE
    assert peer.read() == []


def test_refuses_data_for_a_stream_that_the_client_has_reset(peer: Peer) -> None:
    peer.start(headers(1), reset(1))
    assert not peer.feed(window_update(1, 5), reset(1))
    assert peer.stream_error(data(1, b"x")) == codes.STREAM_CLOSED
    assert peer.fault(window_update(3, 1)) == codes.PROTOCOL_ERROR


def test_ignores_frames_for_a_stream_that_the_server_has_reset(peer: Peer) -> None:
    [(_, stream, _)] = peer.start(headers(1, end=False))
    peer.session.reset(stream, codes.INTERNAL_ERROR)
    peer.session.reset(stream, codes.INTERNAL_ERROR)
    [sent] = peer.read()
    assert (sent.kind, sent.code) == ("RST_STREAM", codes.INTERNAL_ERROR)
    assert not peer.feed(data(1, b"x"), headers(1), window_update(1, 5), reset(1))
    assert peer.session.state != 3


@pytest.mark.parametrize(
    "wrong",
    [
        headers(1) + data(1, b"x"),
        headers(1, (b"content-length", b"1"), end=False) + data(1, b"xy"),
        headers(1) + window_update(1, 0),
        headers(1) + reset(1) + data(1, b"x"),
    ],
)
def test_answers_an_error_of_a_stream_once(peer: Peer, wrong: bytes) -> None:
    peer.start(wrong)
    assert [(each.stream, each.kind) for each in peer.read() if each.kind == "RST_STREAM"] == [(1, "RST_STREAM")]
    assert not peer.session.streams
    assert not peer.feed(data(1, b"late"), headers(1), window_update(1, 5))
    assert peer.read() == []


def test_late_data_counts_as_no_progress(peer: Peer) -> None:
    [(_, stream, _)] = peer.start(headers(1, end=False))
    peer.session.reset(stream, codes.CANCEL)
    for _ in range(990):
        assert not peer.feed(data(1, b"x"))
        peer.read()
    assert peer.fault(data(1, b"x") * 20) == codes.ENHANCE_YOUR_CALM


def test_remembers_only_the_last_streams_that_the_server_has_reset(peer: Peer) -> None:
    peer.start()
    for number in range(1, 2 * 257, 2):
        [(_, stream, _)] = peer.feed(headers(number, end=False))
        peer.session.reset(stream, codes.INTERNAL_ERROR)
        peer.session.release(stream)
    assert not peer.feed(data(3, b"x"))
    peer.read()
    peer.reader = Reader()
    assert peer.stream_error(data(1, b"x")) == codes.STREAM_CLOSED


# Limits


def test_more_streams_than_allowed_are_refused(speedups: Any) -> None:
    peer = Peer(speedups, max_streams=2)
    events = peer.start(headers(1), headers(3), headers(5), headers(7, (b"x-late", b"1")))
    assert [kind for kind, _, _ in events] == [REQUEST, REQUEST]
    refused = codes.REFUSED_STREAM.to_bytes(4, "big")
    assert peer.read() == [("RST_STREAM", 0, 5, refused), ("RST_STREAM", 0, 7, refused)]
    peer.send(events[0][1], START, body())
    peer.session.release(events[0][1])
    [(kind, _, _)] = peer.feed(headers(9))
    assert kind == REQUEST


def test_refuses_too_many_resets(peer: Peer) -> None:
    peer.start()
    for number in range(1, 2 * 1000, 2):
        peer.feed(headers(number), reset(number))
    assert peer.fault(headers(2001), reset(2001)) == codes.ENHANCE_YOUR_CALM


def test_refused_streams_count_as_resets(speedups: Any) -> None:
    peer = Peer(speedups, max_streams=1)
    peer.start(headers(1))
    for number in range(3, 3 + 2 * 1000, 2):
        assert not peer.feed(headers(number))
        peer.read()
    assert peer.fault(headers(2003)) == codes.ENHANCE_YOUR_CALM


def test_data_for_closed_streams_counts_as_resets(peer: Peer) -> None:
    peer.start()
    for number in range(1, 2 * 500, 2):
        peer.feed(headers(number), reset(number), data(number, b"x"))
        peer.read()
    assert peer.fault(headers(1001), reset(1001), data(1001, b"x")) == codes.ENHANCE_YOUR_CALM


def test_the_budget_of_resets_grows_with_time(peer: Peer) -> None:
    peer.start()
    for number in range(1, 2 * 1500, 2):
        peer.now += 1 / 30
        peer.feed(headers(number), reset(number))
    assert peer.events[-1:] != [FAULT]
    assert peer.session.state != 3


def test_counts_resets_that_the_client_causes(peer: Peer) -> None:
    peer.start()
    for number in range(1, 2 * 1000, 2):
        peer.feed(headers(number), window_update(number, 0))
        for _, stream, _ in [event for event in peer.events if event[0] == REQUEST]:
            peer.session.release(stream)
        peer.events.clear()
        peer.read()
        peer.reader = Reader()
    assert peer.fault(headers(2001), window_update(2001, 0)) == codes.ENHANCE_YOUR_CALM


@pytest.mark.parametrize(
    "idle",
    [
        ping(),
        ping(flags=codes.ACK),
        settings(),
        frame(codes.SETTINGS, codes.ACK),
        frame(codes.PRIORITY, 0, 1, b"\0\0\0\x03\x10"),
        frame(codes.PRIORITY_UPDATE, 0, 0, b"\0\0\0\x01u=1"),
        frame(codes.GOAWAY, 0, 0, b"\0" * 8),
        frame(0x99, 0, 0),
        window_update(0, 1),
        window_update(1, 1),
        data(1),
    ],
)
def test_refuses_too_many_frames_without_progress(peer: Peer, idle: bytes) -> None:
    peer.start(headers(1, end=False))
    for _ in range(990):
        assert not peer.feed(idle)
        peer.read()
    assert peer.fault(idle * 20) == codes.ENHANCE_YOUR_CALM


def test_resets_of_a_closed_stream_count_as_no_progress(peer: Peer) -> None:
    peer.start(headers(1), reset(1))
    for _ in range(100):
        peer.feed(reset(1) * 9)
    assert peer.fault(reset(1) * 120) == codes.ENHANCE_YOUR_CALM


def test_the_budget_of_frames_without_progress(peer: Peer) -> None:
    """The budget is 1,000 frames, and the first SETTINGS use one."""
    peer.start()
    for _ in range(999):
        assert not peer.feed(ping())
        peer.read()
    assert peer.fault(ping()) == codes.ENHANCE_YOUR_CALM


def test_data_adds_four_frames_to_the_budget(peer: Peer) -> None:
    peer.start(headers(1, end=False), ping() * 500)
    peer.feed(data(1, b"x") * 3)
    for _ in range(500 + 3 * 4):
        assert not peer.feed(ping())
        peer.read()
    assert peer.fault(ping()) == codes.ENHANCE_YOUR_CALM


def test_requests_and_data_earn_frames(peer: Peer) -> None:
    [(_, stream, _)] = peer.start(headers(1, end=False))
    for number in range(3, 600, 2):
        peer.feed(headers(number), reset(number), ping() * 9)
        peer.read()
    for _ in range(1000):
        peer.feed(data(1, b"x"), ping() * 3)
        peer.read()
    for _ in range(10):
        peer.send(stream, *([] if stream.framer.state else [START]), body(b"x", True))
        peer.feed(window_update(0, 1), window_update(1, 1))
        peer.read()
    assert peer.session.state != 3


def test_a_frame_of_a_response_adds_four_to_the_budget(peer: Peer) -> None:
    [(_, stream, _), *_] = peer.start(headers(1), ping() * 500)
    peer.send(stream, START, body(b"x" * 16384))
    for _ in range(500 + 4):
        assert not peer.feed(ping())
        peer.read()
    assert peer.fault(ping()) == codes.ENHANCE_YOUR_CALM


def test_the_budget_of_frames_grows_with_time(peer: Peer) -> None:
    peer.start()
    for _ in range(100):
        peer.now += 1
        assert not peer.feed(ping() * 30)
        peer.read()


def test_refuses_too_many_unread_answers(peer: Peer) -> None:
    peer.start()
    # The clock moves far enough that the other budget is never exceeded.
    for _ in range(3800):
        peer.now += 1
        peer.feed(ping())
    assert peer.events == []
    assert peer.fault(ping() * 200) == codes.ENHANCE_YOUR_CALM


def test_refuses_a_field_block_that_is_too_long(peer: Peer) -> None:
    peer.start(frame(codes.HEADERS, 0, 1, b"x" * 16384))
    for _ in range(7):
        assert not peer.feed(frame(codes.CONTINUATION, 0, 1, b"x" * 16384))
    assert peer.fault(frame(codes.CONTINUATION, 0, 1, b"x")) == codes.ENHANCE_YOUR_CALM


def test_refuses_a_field_block_in_too_many_frames(peer: Peer) -> None:
    peer.start(frame(codes.HEADERS, 0, 1, b""))
    for _ in range(16):
        assert not peer.feed(frame(codes.CONTINUATION, 0, 1, b""))
    assert peer.fault(frame(codes.CONTINUATION, 0, 1, b"")) == codes.ENHANCE_YOUR_CALM


# The windows of the client


def test_refuses_more_data_than_the_window_of_the_stream(peer: Peer) -> None:
    peer.start(headers(1, end=False), headers(3, end=False))
    peer.session.widen(1 << 20)
    for _ in range(3):
        peer.feed(data(1, b"x" * 16384))
    peer.feed(data(1, b"x" * 16383))
    peer.read()
    assert peer.stream_error(data(1, b"x")) == codes.FLOW_CONTROL_ERROR


def test_refuses_more_data_than_the_window_of_the_connection(peer: Peer) -> None:
    peer.start(headers(1, end=False), headers(3, end=False))
    for number in (1, 3, 1, 3):
        peer.feed(data(number, b"x" * (16383 if number == 3 else 16384)))
    peer.feed(data(1, b"x"))
    assert peer.fault(data(3, b"x")) == codes.FLOW_CONTROL_ERROR


def test_the_connection_can_be_widened(peer: Peer) -> None:
    peer.start()
    peer.session.widen(1 << 20)
    peer.session.widen(1 << 20)
    assert peer.read() == [("WINDOW_UPDATE", 0, 0, ((1 << 20) - 65535).to_bytes(4, "big"))]


def test_received_bytes_reopen_the_windows(peer: Peer) -> None:
    [(_, stream, _)] = peer.start(headers(1, end=False))
    peer.feed(data(1, b"x" * 16384) * 2)
    assert not peer.session.credit(stream)
    assert {(each.stream, each.number) for each in peer.read()} == {(0, 32768), (1, 32768)}
    peer.feed(data(1, b"x" * 100))
    assert not peer.session.credit(stream)
    assert peer.read() == []


def test_an_application_that_waits_gets_a_larger_window(peer: Peer) -> None:
    [(_, stream, _)] = peer.start(headers(1, end=False))
    assert peer.session.credit(stream)
    assert peer.read() == [("WINDOW_UPDATE", 0, 1, (262144 - 65535).to_bytes(4, "big"))]
    assert peer.session.credit(stream)
    assert peer.read() == []


def test_a_stream_that_has_ended_gets_no_window(peer: Peer) -> None:
    [(_, stream, _), _] = peer.start(headers(1, end=False), data(1, b"x" * 16384) * 3, data(1, end=True))
    assert not peer.session.credit(stream)
    assert [each.stream for each in peer.read()] == [0]
    peer.feed(reset(1))
    assert peer.session.credit(stream)
    assert peer.read() == []


UNUSED = {
    "after the end": lambda number: [headers(number), data(number, b"x" * 16384)],
    "for a closed stream": lambda number: [headers(number), reset(number), data(number, b"x" * 16384)],
    "longer than its length": lambda number: [
        headers(number, (b"content-length", b"1"), end=False),
        data(number, b"x" * 16384),
    ],
    "over the limit": lambda number: [headers(number, end=False), data(number, b"x" * 8192), data(number, b"x" * 8192)],
    "not taken": lambda number: [headers(number, end=False), data(number, b"x" * 16384), reset(number)],
    "padding": lambda number: [
        headers(number, end=False),
        *[data(number, b"\xff" + bytes(255), flags=codes.PADDED)] * 64,
    ],
}


@pytest.mark.parametrize("why", UNUSED)
def test_returns_the_window_of_unused_data_once(speedups: Any, why: str) -> None:
    peer = Peer(speedups, limits=(65536, 256, 131072, 10) if why == "over the limit" else LIMITS)
    peer.start()
    for number in range(1, 17, 2):
        for each in UNUSED[why](number):
            for kind, stream, _ in peer.feed(each):
                if kind == RESET:
                    peer.session.release(stream)
    frames = peer.read()
    # The session returns the last bytes only when they are half a window.
    connection = sum(each.number for each in frames if each.kind == "WINDOW_UPDATE" and not each.stream)
    assert 8 * 16384 - 32768 < connection <= 8 * 16384


def test_returns_data_over_the_window_of_a_stream_to_the_connection(peer: Peer) -> None:
    peer.start(headers(1, end=False))
    peer.session.widen(1 << 17)
    peer.read()
    peer.feed(*[data(1, b"x" * 16384)] * 4)
    given_back = sum(each.number for each in peer.read() if each.kind == "WINDOW_UPDATE")
    assert given_back == 4 * 16384


def test_returns_a_window_when_half_of_it_is_used(peer: Peer) -> None:
    [(_, stream, _)] = peer.start(headers(1, end=False))
    peer.feed(data(1, b"x" * 16384), data(1, b"x" * 16000))
    peer.session.credit(stream)
    assert peer.read() == []
    peer.feed(data(1, b"x" * 384))
    peer.session.credit(stream)
    assert {(each.stream, each.number) for each in peer.read()} == {(0, 32768), (1, 32768)}


def test_padding_reopens_the_windows_at_once(peer: Peer) -> None:
    peer.start(headers(1, end=False))
    for _ in range(180):
        peer.feed(data(1, b"\xff" + b"x" * 100 + bytes(255), flags=codes.PADDED))
    frames = peer.read()
    for stream in (0, 1):
        # The byte that holds the length of the padding counts as padding.
        given_back = sum(each.number for each in frames if each.stream == stream)
        assert 180 * 256 - 32768 < given_back <= 180 * 256


def test_returns_the_window_of_an_unread_body_at_the_end(peer: Peer) -> None:
    [(_, stream, _)] = peer.start(headers(1, end=False))
    peer.feed(data(1, b"x" * 16384) * 2)
    peer.session.reset(stream, codes.CANCEL)
    assert peer.read()[-1] == ("WINDOW_UPDATE", 0, 0, (32768).to_bytes(4, "big"))


# Responses


def answer(peer: Peer, *parts: dict[str, Any], number: int = 1, more: tuple[bytes, ...] = ()) -> Any:
    stream = peer.start(headers(number), *more)[0][1]
    peer.send(stream, START, *parts)
    peer.session.send_head(stream)
    return stream


def test_a_response(peer: Peer) -> None:
    answer(peer, body(b"Hello"))
    frames = peer.read()
    assert [(each.kind, each.flags, each.stream) for each in frames] == [
        ("HEADERS", codes.END_HEADERS, 1),
        ("DATA", codes.END_STREAM, 1),
    ]
    got = peer.reader.answers[1]
    assert (got.status, got.body) == (200, b"Hello")
    assert got.headers == [(b"server", b"uvicorn"), (b"content-type", b"text/plain")]
    assert not peer.session.streams


def test_a_response_without_a_body_is_one_frame(peer: Peer) -> None:
    answer(peer, body())
    [only] = peer.read()
    assert only.ends


def test_the_head_can_be_sent_alone(peer: Peer) -> None:
    stream = answer(peer)
    peer.session.send_head(stream)
    assert [each.kind for each in peer.read()] == ["HEADERS"]
    peer.send(stream, body(b"", True), body(b"a", True), body())
    assert [each.payload for each in peer.read()] == [b"a", b""]
    assert peer.reader.answers[1].ended


def test_a_head_of_several_frames(peer: Peer) -> None:
    [(_, stream, _)] = peer.start(headers(1))
    fields = [(b"x-%d" % i, b"0123456789abcdef" * 100) for i in range(32)]
    peer.send(stream, {**START, "headers": fields}, body())
    frames = peer.read()
    assert [each.kind for each in frames[:3]] == ["HEADERS", "CONTINUATION", "CONTINUATION"]
    assert [bool(each.flags & codes.END_HEADERS) for each in frames] == [False] * (len(frames) - 1) + [True]
    assert peer.reader.answers[1].headers[1:] == fields


def test_a_head_is_not_sent_for_a_stream_that_was_reset(peer: Peer) -> None:
    [(_, stream, _)] = peer.start(headers(1))
    peer.send(stream, START)
    peer.feed(reset(1))
    peer.session.send_head(stream)
    peer.session.send_interim(stream, 100, ())
    assert peer.read() == []


def test_a_continue(peer: Peer) -> None:
    [(_, stream, _)] = peer.start(headers(1, end=False))
    peer.session.send_interim(stream, 100, ())
    peer.send(stream, START, body(b"x", True))
    assert [dict(head)[b":status"] for head in peer.answers[1].heads] == [b"100", b"200"]


def test_a_new_head_replaces_a_head_that_was_not_sent(peer: Peer) -> None:
    [(_, stream, _)] = peer.start(headers(1))
    peer.send(stream, {**START, "headers": [(b"x-secret", b"1")]})
    peer.session.take_back(stream)
    peer.send(stream, {**START, "status": 500}, body())
    assert peer.answers[1].status == 500
    assert b"x-secret" not in dict(peer.reader.answers[1].headers)


def test_an_error_of_the_application_sends_nothing(peer: Peer) -> None:
    [(_, stream, _)] = peer.start(headers(1))
    for wrong in ({**START, "status": 20}, {**START, "headers": [(b"a b", b"1")]}, body(b"x")):
        with pytest.raises(RuntimeError):
            peer.send(stream, wrong)
    assert peer.read() == []
    peer.send(stream, {**START, "headers": [(b"content-length", b"3")]})
    for wrong in (body(b"abcd"), body(b"ab"), START):
        with pytest.raises(RuntimeError):
            peer.send(stream, wrong)
    peer.send(stream, body(b"abc"))
    assert peer.answers[1].body == b"abc"


def test_a_response_before_the_end_of_the_body(peer: Peer) -> None:
    [(_, stream, _)] = peer.start(headers(1, end=False))
    peer.send(stream, START, body(b"enough"))
    assert [(each.kind, each.code) for each in peer.read()][-1] == ("RST_STREAM", codes.NO_ERROR)
    assert not peer.feed(data(1, b"x" * 100), data(1, end=True))


def test_large_data_is_cut_into_frames(peer: Peer) -> None:
    answer(peer, body(b"x" * 40000))
    assert [len(each.payload) for each in peer.read() if each.kind == "DATA"] == [16384, 16384, 7232]
    assert peer.reader.answers[1].body == b"x" * 40000


def test_the_table_size_of_the_client(peer: Peer) -> None:
    peer.start(settings((codes.HEADER_TABLE_SIZE, 0)))
    for number in (1, 3):
        [(_, stream, _)] = peer.feed(headers(number))
        peer.send(stream, {**START, "headers": [(b"x-a", b"always the same")]}, body())
    first, second = (each.payload for each in peer.read() if each.kind == "HEADERS")
    assert first[0] == 0x20, "the block must begin with an update to size 0 (RFC 7541 section 4.2)"
    assert len(second) == len(first) - 1
    assert peer.reader.answers[3].headers[-1] == (b"x-a", b"always the same")


# The windows of the server


def test_a_response_waits_for_the_window_of_the_stream(peer: Peer) -> None:
    peer.start(settings((codes.INITIAL_WINDOW_SIZE, 3)))
    [(_, stream, _)] = peer.feed(headers(1))
    peer.send(stream, START, body(b"abcdefg"))
    assert peer.answers[1].body == b"abc"
    assert (stream.queued, stream.sent, stream.send_window) == (4, 3, 0)
    assert not peer.session.output.can_send()
    peer.feed(window_update(1, 2))
    assert peer.session.output.can_send()
    assert peer.answers[1].body == b"abcde"
    peer.feed(settings((codes.INITIAL_WINDOW_SIZE, 50)))
    assert peer.answers[1].body == b"abcdefg"
    assert peer.reader.answers[1].ended
    assert peer.session.output.take_drained() == [stream]
    assert peer.session.output.take_drained() == []


def test_a_window_can_become_negative(peer: Peer) -> None:
    stream = answer(peer, body(b"x" * 10, True))
    peer.feed(settings((codes.INITIAL_WINDOW_SIZE, 5)))
    assert stream.send_window == -5
    peer.read()
    peer.send(stream, body(b"y"))
    peer.feed(window_update(1, 5))
    assert peer.answers[1].body == b"x" * 10
    peer.feed(window_update(1, 1))
    assert peer.answers[1].body == b"x" * 10 + b"y"


def test_the_end_needs_no_window(peer: Peer) -> None:
    peer.start(settings((codes.INITIAL_WINDOW_SIZE, 3)))
    [(_, stream, _)] = peer.feed(headers(1))
    peer.send(stream, START, body(b"abc", True), body())
    assert peer.answers[1].ended


def test_the_end_waits_for_the_queued_data(peer: Peer) -> None:
    peer.start(settings((codes.INITIAL_WINDOW_SIZE, 3)))
    [(_, stream, _)] = peer.feed(headers(1))
    peer.send(stream, START, body(b"abcd", True), body(b"ef", True), body())
    assert not peer.answers[1].ended
    peer.feed(window_update(1, 100))
    assert peer.answers[1].body == b"abcdef"
    assert peer.reader.answers[1].ended


def test_trailers_wait_for_the_queued_data(peer: Peer) -> None:
    peer.start(settings((codes.INITIAL_WINDOW_SIZE, 3)))
    [(_, stream, _)] = peer.feed(headers(1))
    peer.send(stream, {**START, "trailers": True}, body(b"abcd"))
    stream.framer.add_trailers([(b"x-sum", b"4")], True)
    stream.framer.end_trailers()
    peer.send(stream, body())
    assert (peer.answers[1].body, peer.reader.answers[1].ended) == (b"abc", False)
    peer.feed(window_update(1, 100))
    assert peer.answers[1].body == b"abcd"
    assert peer.reader.answers[1].heads[1:] == [[(b"x-sum", b"4")]]
    assert peer.reader.answers[1].ended
    assert not peer.session.streams
    assert peer.session.active == 1, "the application has not returned"


def test_the_end_follows_queued_data(peer: Peer) -> None:
    peer.start(settings((codes.INITIAL_WINDOW_SIZE, 0)))
    [(_, stream, _)] = peer.feed(headers(1))
    peer.send(stream, START, body(b"abcd", True))
    peer.feed(window_update(1, 4))
    assert not peer.answers[1].ended
    peer.send(stream, body())
    assert peer.answers[1].ended


def test_responses_share_the_window_of_the_connection(peer: Peer) -> None:
    first, second = (event[1] for event in peer.start(headers(1), headers(3)))
    peer.feed(settings((codes.INITIAL_WINDOW_SIZE, 1 << 20)))
    peer.send(first, START, body(b"x" * 65000))
    peer.send(second, START, body(b"y" * 1000))
    assert len(peer.answers[3].body) == 535
    peer.feed(window_update(0, 1000))
    assert peer.answers[3].body == b"y" * 1000


def test_the_size_of_one_write_is_bounded(peer: Peer) -> None:
    peer.start(settings((codes.INITIAL_WINDOW_SIZE, codes.MAX_WINDOW)), window_update(0, 1 << 28))
    [(_, stream, _)] = peer.feed(headers(1))
    peer.send(stream, START, body(b"x" * 1000000))
    sizes = []
    while not peer.reader.answers.get(1, http2.Answer()).ended:
        sizes.append(sum(len(each.payload) for each in peer.read()))
    assert max(sizes) < 300000
    assert len(sizes) == 4
    assert peer.reader.answers[1].body == b"x" * 1000000


def test_the_window_of_a_stream_has_an_upper_limit(peer: Peer) -> None:
    peer.start(headers(1), headers(3))
    assert peer.stream_error(window_update(1, codes.MAX_WINDOW)) == codes.FLOW_CONTROL_ERROR
    assert peer.stream_error(window_update(3, 0)) == codes.PROTOCOL_ERROR


def test_settings_cannot_raise_a_window_above_its_upper_limit(peer: Peer) -> None:
    peer.start(headers(1), window_update(1, 100000))
    assert peer.fault(settings((codes.INITIAL_WINDOW_SIZE, codes.MAX_WINDOW))) == codes.FLOW_CONTROL_ERROR


def test_a_stream_that_is_reset_leaves_the_queue(peer: Peer) -> None:
    peer.start(settings((codes.INITIAL_WINDOW_SIZE, 3)))
    [(_, stream, _)] = peer.feed(headers(1))
    peer.send(stream, START, body(b"abcd"))
    assert peer.session.output.blocked == [stream]
    peer.feed(reset(1))
    assert peer.session.output.blocked == []
    assert stream.queued == 0


# The order of the written frames (RFC 9218)


def order(peer: Peer, *priorities: bytes, size: int = 40000) -> list[int]:
    """The streams in the order of their DATA frames.

    Each stream has a whole response before the window of the connection opens.
    """
    peer.start(settings((codes.INITIAL_WINDOW_SIZE, 1 << 20)))
    filler = peer.feed(headers(1))[0][1]
    peer.send(filler, START, body(b"x" * 65535))
    peer.read()
    streams = []
    for number, priority in enumerate(priorities, 1):
        streams += peer.feed(headers(2 * number + 1, *([(b"priority", priority)] if priority else [])))
    for _, stream, _ in streams:
        peer.send(stream, START, body(b"x" * size))
    peer.read()
    peer.feed(window_update(0, 1 << 24))
    return [each.stream for each in peer.read() if each.kind == "DATA"]


@pytest.mark.parametrize(
    ("priorities", "streams"),
    [
        ((b"u=5", b"", b"u=1"), [7, 7, 7, 5, 5, 5, 3, 3, 3]),
        ((b"u=1", b"u=5", b"u=1"), [3, 3, 3, 7, 7, 7, 5, 5, 5]),
        # Responses of the same urgency are sent one after the other, unless they are incremental.
        ((b"", b"", b""), [3, 3, 3, 5, 5, 5, 7, 7, 7]),
        ((b"i", b"i", b"u=3, i"), [3, 5, 7, 3, 5, 7, 3, 5, 7]),
        ((b"", b"i", b""), [3, 5, 3, 5, 3, 7, 5, 7, 7]),
    ],
)
def test_urgent_responses_come_first_and_incremental_responses_alternate(
    peer: Peer, priorities: tuple[bytes, ...], streams: list[int]
) -> None:
    assert order(peer, *priorities) == streams


def test_a_stream_without_window_does_not_stop_the_others(peer: Peer) -> None:
    peer.start(settings((codes.INITIAL_WINDOW_SIZE, 10)))
    first, second = (event[1] for event in peer.feed(headers(1, (b"priority", b"u=0")), headers(3)))
    peer.send(first, START, body(b"x" * 100))
    peer.feed(window_update(3, 1000))
    peer.send(second, START, body(b"y" * 100))
    assert peer.answers[3].body == b"y" * 100


def test_the_most_urgent_priority_is_zero(peer: Peer) -> None:
    assert order(peer, b"u=1", b"u=0") == [5, 5, 5, 3, 3, 3]


def test_the_priority_of_an_open_stream_can_change(peer: Peer) -> None:
    peer.start(settings((codes.INITIAL_WINDOW_SIZE, 0)))
    streams = peer.feed(headers(1), headers(3))
    for _, stream, _ in streams:
        peer.send(stream, START, body(b"x" * 100))
    peer.feed(frame(codes.PRIORITY_UPDATE, 0, 0, b"\0\0\0\x03u=0"))
    peer.read()
    peer.feed(settings((codes.INITIAL_WINDOW_SIZE, 100)))
    assert [each.stream for each in peer.read() if each.kind == "DATA"] == [3, 1]


def test_early_priorities_are_bounded(speedups: Any) -> None:
    peer = Peer(speedups, max_streams=3)
    update = [frame(codes.PRIORITY_UPDATE, 0, 0, n.to_bytes(4, "big") + b"u=0") for n in (5, 7, 9, 11)]
    peer.start(*update)
    assert order(Peer(speedups), b"") == [3, 3, 3]
    events = peer.feed(settings((codes.INITIAL_WINDOW_SIZE, 0)), headers(9), headers(11))
    for _, stream, _ in reversed(events):
        peer.send(stream, START, body(b"x"))
    peer.feed(settings((codes.INITIAL_WINDOW_SIZE, 9)))
    assert [each.stream for each in peer.read() if each.kind == "DATA"] == [9, 11]


# The end


def test_a_shutdown_in_two_phases(peer: Peer) -> None:
    [(_, stream, _)] = peer.start(headers(1))
    peer.session.begin_shutdown()
    probe, goaway = peer.read()
    assert (goaway.kind, goaway.number, goaway.code) == ("GOAWAY", codes.MAX_STREAM_ID, codes.NO_ERROR)
    [(kind, other, _)] = peer.feed(headers(3))
    assert (kind, other.number) == (REQUEST, 3)
    assert peer.feed(ping(probe.payload, codes.ACK)) == [(PONG, None, None)]
    peer.session.end_shutdown()
    peer.session.end_shutdown()
    [goaway] = peer.read()
    assert (goaway.number, goaway.code) == (3, codes.NO_ERROR)
    assert peer.session.ending
    assert not peer.feed(headers(5, (b"x-a", b"b"), end=False), data(5, b"x")), (
        "a request after the shutdown must not be served"
    )
    peer.send(stream, START, body(b"done"))
    assert peer.answers[1].body == b"done"


def test_a_fault_after_a_shutdown_names_no_later_stream(peer: Peer) -> None:
    peer.start(headers(1))
    peer.session.end_shutdown()
    peer.read()
    assert peer.fault(headers(3), ping(b"")) == codes.FRAME_SIZE_ERROR
    assert peer.reader.goaway.number == 1


def test_a_fault_names_the_last_stream_that_was_read(peer: Peer) -> None:
    peer.start(headers(1), headers(5))
    assert peer.fault(ping(b"")) == codes.FRAME_SIZE_ERROR
    assert peer.reader.goaway.number == 5


def test_the_server_can_end_the_connection(peer: Peer) -> None:
    peer.start(headers(1))
    peer.session.refuse(codes.INADEQUATE_SECURITY, "because")
    peer.session.refuse(codes.INADEQUATE_SECURITY, "because")
    [(kind, _, fault)] = peer.collect()
    assert (kind, fault.reason) == (FAULT, "because")
    assert [each.code for each in peer.read()] == [codes.INADEQUATE_SECURITY]


def test_a_request_before_a_fault_in_the_same_read_is_not_served(peer: Peer) -> None:
    [(kind, _, _)] = peer.start(headers(1), ping(b""))
    assert kind == FAULT


def test_gives_the_events_of_streams_that_were_reset_before_a_fault(peer: Peer) -> None:
    [(_, stream, _)] = peer.start(headers(1))
    events = peer.feed(reset(1), ping(b""))
    assert [(kind, each) for kind, each, _ in events] == [(RESET, stream), (FAULT, None)]


def test_a_stream_that_is_released_has_no_more_events(peer: Peer) -> None:
    [(_, stream, _)] = peer.start(headers(1))
    peer.session.release(stream)
    assert not peer.feed(reset(1))
    assert peer.session.active == 0
