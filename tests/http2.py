"""The client's side of HTTP/2, frame by frame, so that a test can send frames that a client must not send."""

from typing import Any, NamedTuple

import hpack

from uvicorn._speedups import http2_codes as codes

HEAD = 9


class Frame(NamedTuple):
    """One frame that was read.

    Attributes:
        kind: its name, such as "HEADERS".
    """

    kind: str
    flags: int
    stream: int
    payload: bytes

    @property
    def code(self) -> int:
        """The error code of RST_STREAM or GOAWAY."""
        return int.from_bytes(self.payload[4:8] if self.kind == "GOAWAY" else self.payload[:4], "big")

    @property
    def number(self) -> int:
        """The first 32 bits: an increment, or the last stream of GOAWAY."""
        return int.from_bytes(self.payload[:4], "big")

    @property
    def ends(self) -> bool:
        """Whether it ends its stream."""
        return self.kind in ("DATA", "HEADERS") and self.flags & codes.END_STREAM != 0


_NAMES = {
    getattr(codes, name): name
    for name in (
        *("DATA", "HEADERS", "PRIORITY", "RST_STREAM", "SETTINGS", "PUSH_PROMISE", "PING", "GOAWAY", "WINDOW_UPDATE"),
        *("CONTINUATION", "PRIORITY_UPDATE"),
    )
}


# The flags that a server's frames may have, and their length if it is fixed.
_FLAGS = {
    "DATA": codes.END_STREAM,
    "HEADERS": codes.END_STREAM | codes.END_HEADERS,
    "CONTINUATION": codes.END_HEADERS,
    "SETTINGS": codes.ACK,
    "PING": codes.ACK,
}
_SIZES = {"RST_STREAM": 4, "WINDOW_UPDATE": 4, "PING": 8}


def frame(kind: int, flags: int = 0, stream: int = 0, payload: bytes = b"") -> bytes:
    """Encode a frame."""
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def parse_frames(data: bytes) -> list[Frame]:
    """Parse the frames that a server has sent. All of them must be complete."""
    frames = []
    while data:
        size = int.from_bytes(data[:3], "big")
        assert len(data) >= HEAD + size, f"an incomplete frame: {data!r}"
        stream = int.from_bytes(data[5:9], "big")
        frames.append(Frame(_NAMES[data[3]], data[4], stream, data[HEAD : HEAD + size]))
        data = data[HEAD + size :]
    return frames


def _string(data: bytes) -> bytes:
    if len(data) < 127:
        return bytes((len(data),)) + data
    rest, size = b"", len(data) - 127
    while size > 127:
        rest += bytes((size & 127 | 128,))
        size >>= 7
    return b"\x7f" + rest + bytes((size,)) + data


def block(*fields: tuple[bytes, bytes]) -> bytes:
    """Encode a field block without the tables (RFC 7541 section 6.2.2)."""
    return b"".join(b"\0" + _string(name) + _string(value) for name, value in fields)


def pseudo(method: bytes = b"GET", path: bytes = b"/") -> tuple[tuple[bytes, bytes], ...]:
    return ((b":method", method), (b":scheme", b"http"), (b":authority", b"a"), (b":path", path))


def headers(
    stream: int, *fields: tuple[bytes, bytes], method: bytes = b"GET", path: bytes = b"/", end: bool = True
) -> bytes:
    """Encode the HEADERS of a request in one frame."""
    flags = codes.END_HEADERS | (codes.END_STREAM if end else 0)
    return frame(codes.HEADERS, flags, stream, block(*pseudo(method, path), *fields))


def connect(
    stream: int, *fields: tuple[bytes, bytes], path: bytes = b"/ws", protocol: bytes = b"websocket", end: bool = False
) -> bytes:
    """Encode the HEADERS of an extended CONNECT (RFC 8441)."""
    whole = block(*pseudo(b"CONNECT", path), (b":protocol", protocol), *fields)
    return frame(codes.HEADERS, codes.END_HEADERS | (codes.END_STREAM if end else 0), stream, whole)


def data(stream: int, payload: bytes = b"", *, end: bool = False, flags: int = 0) -> bytes:
    return frame(codes.DATA, flags | (codes.END_STREAM if end else 0), stream, payload)


def settings(*pairs: tuple[int, int]) -> bytes:
    return frame(
        codes.SETTINGS, payload=b"".join(name.to_bytes(2, "big") + value.to_bytes(4, "big") for name, value in pairs)
    )


def uint32(kind: int, stream: int, number: int) -> bytes:
    """Encode 32 bits: the code of RST_STREAM, or the increment of WINDOW_UPDATE."""
    return frame(kind, 0, stream, number.to_bytes(4, "big"))


def reset(stream: int, code: int = codes.CANCEL) -> bytes:
    return uint32(codes.RST_STREAM, stream, code)


def window_update(stream: int, increment: int) -> bytes:
    return uint32(codes.WINDOW_UPDATE, stream, increment)


def ping(payload: bytes = b"12345678", flags: int = 0) -> bytes:
    return frame(codes.PING, flags, 0, payload)


# The bytes that every client sends first, and the acknowledgement of the server's settings.
HELLO = codes.PREFACE + settings() + frame(codes.SETTINGS, codes.ACK)


class Answer:
    """What has arrived on one stream.

    Attributes:
        heads: the field sections, including informational responses.
        ended: whether the server has ended the stream.
        reset: the code of its RST_STREAM, or None.
    """

    def __init__(self) -> None:
        self.heads: list[list[tuple[bytes, bytes]]] = []
        self.body = b""
        self.ended = False
        self.reset: int | None = None

    @property
    def status(self) -> int:
        return int(dict(self.heads[-1])[b":status"])

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        return [field for field in self.heads[-1] if field[0] != b":status"]


class Reader:
    """Reads what a server sends on one connection.

    Attributes:
        frames: all frames that have arrived.
        answers: stream id -> its `Answer`.
    """

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.answers: dict[int, Answer] = {}
        self._decoder = hpack.Decoder(max_header_list_size=1 << 20)
        self._block = b""

    def read(self, data: bytes) -> "Reader":
        for each in parse_frames(data):
            assert not each.flags & ~_FLAGS.get(each.kind, 0), f"{each.kind} with flags that nothing defines"
            assert len(each.payload) == _SIZES.get(each.kind, len(each.payload)), f"{each.kind} of a wrong length"
            self.frames.append(each)
            if each.stream and each.kind != "WINDOW_UPDATE":
                self._take(each, self.answers.setdefault(each.stream, Answer()))
        return self

    def _take(self, each: Frame, answer: Answer) -> None:
        assert not answer.ended or each.kind in ("RST_STREAM", "CONTINUATION"), f"{each.kind} after the end"
        assert answer.reset is None, f"{each.kind} after RST_STREAM"
        if each.kind in ("HEADERS", "CONTINUATION"):
            self._block += each.payload
            if each.flags & codes.END_HEADERS:
                fields: Any = self._decoder.decode(self._block, raw=True)
                answer.heads.append([(bytes(name), bytes(value)) for name, value in fields])
                self._block = b""
        elif each.kind == "DATA":
            answer.body += each.payload
        elif each.kind == "RST_STREAM":
            answer.reset = each.code
        answer.ended = answer.ended or each.ends

    def of_kind(self, kind: str) -> list[Frame]:
        return [each for each in self.frames if each.kind == kind]

    @property
    def goaway(self) -> Frame:
        """Return the last GOAWAY."""
        return self.of_kind("GOAWAY")[-1]
