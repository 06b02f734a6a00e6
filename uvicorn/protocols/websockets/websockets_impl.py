"""`--ws websockets`: reads frames itself; the library `websockets` (13 to 17) does masks and close frames."""

import codecs
import struct
from typing import Any

from websockets.exceptions import ProtocolError
from websockets.frames import Close

from uvicorn._speedups.websocket_events import FrameRejected
from uvicorn.protocols.websockets import protocol
from uvicorn.protocols.websockets.codec import (
    SENDABLE_CODES,
    CloseCode,
    Event,
    PeerClosed,
    Pong,
    failure,
    new_fragments,
)
from uvicorn.protocols.websockets.deflate import MessageTooBig, PerMessageDeflate, wire_limit

try:
    from websockets.speedups import apply_mask
except ImportError:  # pragma: no cover - coverage is measured with the C extension of the library
    from websockets.utils import apply_mask

_UTF8 = codecs.getincrementaldecoder("utf-8")

_FIN, _RSV1, _OPCODE, _CONTROL = 0x80, 0x40, 0x0F, 0x08
_CLOSE, _PING, _PONG = 0x88, 0x89, 0x8A
# The valid first bytes of a frame: defined opcodes only, and control frames always have FIN (RFC 6455 sections 5.2 and
# 5.5). With permessage-deflate, the first frame of a message may have RSV1 (RFC 7692 section 6).
_FIRST_BYTES = frozenset({0x00, 0x01, 0x02, 0x80, 0x81, 0x82, 0x88, 0x89, 0x8A})
_FIRST_BYTES_DEFLATE = _FIRST_BYTES | {0x41, 0x42, 0xC1, 0xC2}

# The first bytes of frames that are whole messages -> whether the message is text.
_WHOLE = {0x81: True, 0x82: False}
_WHOLE_DEFLATE = {**_WHOLE, 0xC1: True, 0xC2: False}


def _frame(first: int, payload: bytes) -> bytes:
    """Make a frame of a server. The function of the library takes three times as long."""
    size = len(payload)
    if size < 126:
        return bytes((first, size)) + payload
    if size < 1 << 16:
        return struct.pack("!BBH", first, 126, size) + payload
    return struct.pack("!BBQ", first, 127, size) + payload


class WebsocketsCodec:
    """A `uvicorn.protocols.websockets.codec.Codec`.

    A frame is read when all of it has arrived. A frame that is not allowed is refused when its header has arrived.
    """

    __slots__ = (
        "_budget",
        "_close_sent",
        "_compressed",
        "_decoder",
        "_deflate",
        "_ended",
        "_events",
        "_first_bytes",
        "_fragments",
        "_max_size",
        "_rest",
        "_whole",
        "replies",
    )

    def __init__(self, max_size: int, deflate: PerMessageDeflate | None) -> None:
        self._max_size = max_size
        # How many more bytes the current message may have.
        self._budget = max_size
        self._deflate = deflate
        self._first_bytes = _FIRST_BYTES if deflate is None else _FIRST_BYTES_DEFLATE
        self._whole = _WHOLE if deflate is None else _WHOLE_DEFLATE
        self._rest = bytearray()
        self._events: list[Event] = []
        self._fragments: Any = None
        self._decoder: codecs.IncrementalDecoder | None = None
        self._compressed = False
        self._close_sent = False
        self._ended = False
        self.replies: list[bytes] = []

    def feed(self, data: bytes) -> list[Event]:
        if self._ended:
            return []
        try:
            if self._rest:
                self._rest += data
                del self._rest[: self._take_frames(self._rest)]
            elif (position := self._take_frames(data)) < len(data):
                self._rest += memoryview(data)[position:]
        except UnicodeDecodeError:
            self._fail(CloseCode.INVALID_DATA)
        except (FrameRejected, ProtocolError) as rejected:
            # ProtocolError comes from the library: a malformed close frame.
            self._fail(rejected.code if isinstance(rejected, FrameRejected) else CloseCode.PROTOCOL_ERROR)
        events, self._events = self._events, []
        return events

    def text(self, message: str) -> bytes:
        if self._deflate is None:
            return _frame(0x81, message.encode())
        return _frame(0xC1, self._deflate.compress(message.encode()))

    def binary(self, message: bytes) -> bytes:
        if self._deflate is None:
            return _frame(0x82, message)
        return _frame(0xC2, self._deflate.compress(message))

    def ping(self) -> bytes:
        return _frame(_PING, b"")

    def close(self, code: int, reason: str) -> bytes:
        self._close_sent = True
        return _frame(_CLOSE, Close(code, reason).serialize())

    def _fail(self, code: CloseCode) -> None:
        self._ended = True
        failed = failure(code)
        if not self._close_sent:
            self.replies.append(self.close(failed.code, failed.reason))
        self._events.append(failed)

    def _take_frames(self, data: bytes | bytearray) -> int:
        """Read the complete frames (RFC 6455 section 5.2). Returns the position of the first unread byte."""
        position, end = 0, len(data)
        while position + 2 <= end:
            first, size = data[position], data[position + 1] - 0x80
            text = self._whole.get(first)
            if text is None or size < 0 or self._fragments is not None:
                self._check_header(first, size)
            begin = position + 6
            if size >= 126:
                shortest, begin = (126, begin + 2) if size == 126 else (1 << 16, begin + 8)
                if begin - 4 > end:
                    break
                size = int.from_bytes(data[position + 2 : begin - 4], "big")
                # The shortest encoding must be used, and the highest bit must be zero.
                if size < shortest or size >= 1 << 63:
                    raise FrameRejected("malformed length")
            if size > self._budget:
                self._check_size(first, size)
            if begin + size > end:
                break
            position = begin + size
            payload = apply_mask(data[begin:position], data[begin - 4 : begin])
            if text is None:
                self._on_frame(first, payload)
                if self._ended:
                    break
            else:
                if self._deflate is not None and first & _RSV1:
                    payload = self._deflate.decompress(payload, True, self._max_size)
                self._events.append(payload.decode() if text else payload)
        return position

    def _check_header(self, first: int, length: int) -> None:
        if length < 0 or first not in self._first_bytes:
            raise FrameRejected("no mask, reserved bits or opcode")
        if first & _CONTROL:
            if length > 125:
                raise FrameRejected("control frame too long")
        elif bool(first & _OPCODE) == (self._fragments is not None):
            raise FrameRejected("continuation of nothing, or a new message inside another")

    def _check_size(self, first: int, size: int) -> None:
        if first & _CONTROL:
            return
        compressed = first & _RSV1 if first & _OPCODE else self._compressed
        if not compressed or size > wire_limit(self._budget):
            raise MessageTooBig

    def _on_frame(self, first: int, payload: bytes) -> None:
        if first == _PING:
            if not self._close_sent:
                self.replies.append(_frame(_PONG, payload))
        elif first == _PONG:
            self._events.append(Pong.RECEIVED)
        elif first == _CLOSE:
            self._on_close(payload)
        else:
            self._on_fragment(first, payload)

    def _on_fragment(self, first: int, payload: bytes) -> None:
        """Read a frame of a fragmented message (RFC 6455 section 5.4)."""
        if self._fragments is None:
            text = first & _OPCODE == 0x01
            self._fragments = new_fragments(text)
            self._decoder = _UTF8() if text else None
            self._compressed = bool(first & _RSV1)
        last = bool(first & _FIN)
        if self._compressed and self._deflate is not None:
            payload = self._deflate.decompress(payload, last, self._budget)
        self._fragments.write(payload if self._decoder is None else self._decoder.decode(payload, last))
        self._budget -= len(payload)
        if last:
            self._events.append(self._fragments.getvalue())
            self._fragments = self._decoder = None
            self._budget = self._max_size

    def _on_close(self, payload: bytes) -> None:
        if len(payload) >= 2 and int.from_bytes(payload[:2], "big") not in SENDABLE_CODES:
            # Checked before the library parses the reason, which may be invalid too: the code has precedence.
            raise FrameRejected("close code")
        close = Close.parse(payload)
        self._ended = True
        if not self._close_sent:
            # The answer has the code and the reason of the peer (RFC 6455 section 5.5.1).
            self.replies.append(_frame(_CLOSE, payload))
        self._events.append(PeerClosed(int(close.code), close.reason))


class WebSocketProtocol(protocol.WebSocketProtocol):
    """`uvicorn.protocols.websockets.protocol.WebSocketProtocol` over this codec."""

    __slots__ = ()

    codec_class = WebsocketsCodec
