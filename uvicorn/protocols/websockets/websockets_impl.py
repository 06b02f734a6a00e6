"""`--ws websockets`: the `websockets` library (13 to 17) as a codec."""

import codecs
import enum
import struct
from collections.abc import Generator, Sequence
from typing import Any

from websockets.exceptions import ProtocolError
from websockets.extensions import Extension
from websockets.frames import Close, Frame, Opcode
from websockets.typing import ExtensionName

from uvicorn.protocols.websockets import protocol
from uvicorn.protocols.websockets.codec import (
    FAILURE_REASONS,
    SENDABLE_CODES,
    CloseCode,
    Event,
    Failed,
    PeerClosed,
    Pong,
    new_fragments,
)
from uvicorn.protocols.websockets.deflate import (
    EXTENSION_NAME,
    InflateError,
    MessageTooBig,
    PerMessageDeflate,
    wire_limit,
)

try:
    from websockets.speedups import apply_mask
except ImportError:  # pragma: no cover - the library comes with its extension wherever coverage is measured
    from websockets.utils import apply_mask

_CONT, _TEXT = Opcode.CONT, Opcode.TEXT
_UTF8 = codecs.getincrementaldecoder("utf-8")

_FIN, _RSV1, _CONTROL = 0x80, 0x40, 0x08
# What a frame may begin with: defined opcodes, control frames whole (RFC 6455 sections 5.2 and 5.5), and with
# permessage-deflate RSV1 on the first frame of a message (RFC 7692 section 6).
_FIRST_BYTES = frozenset({0x00, 0x01, 0x02, 0x80, 0x81, 0x82, 0x88, 0x89, 0x8A})
_FIRST_BYTES_DEFLATE = _FIRST_BYTES | {0x41, 0x42, 0xC1, 0xC2}

# A frame that is a message: its first byte -> (whether it is text, whether it is compressed).
_WHOLE = {0x81: (True, False), 0x82: (False, False), 0xC1: (True, True), 0xC2: (False, True)}

_FAILURES: dict[type[Exception], CloseCode] = {
    ProtocolError: CloseCode.PROTOCOL_ERROR,
    MessageTooBig: CloseCode.MESSAGE_TOO_BIG,
    InflateError: CloseCode.INVALID_DATA,
    UnicodeDecodeError: CloseCode.INVALID_DATA,
}

# From here on a view is cheaper than a copy.
_VIEW_FROM = 2048


class _Part(enum.Enum):
    """What of a frame is read next (RFC 6455 section 5.2)."""

    HEADER = enum.auto()
    LENGTH = enum.auto()
    MASK = enum.auto()
    PAYLOAD = enum.auto()


class _Reader:
    """Gives `Frame.parse` the bytes it asks for, and refuses a frame by its header, before its payload is there.

    Attributes:
        budget: bytes that the current message may still grow by.
    """

    __slots__ = ("_buffer", "_compressed", "_first_bytes", "_in_message", "_max_size", "_part", "_position", "budget")

    def __init__(self, max_size: int, deflate: bool) -> None:
        self._max_size = self.budget = max_size
        self._first_bytes = _FIRST_BYTES_DEFLATE if deflate else _FIRST_BYTES
        self._buffer: bytes | bytearray = b""
        self._position = 0
        self._part = _Part.HEADER
        self._in_message = False
        self._compressed = False

    @property
    def empty(self) -> bool:
        return self._position >= len(self._buffer)

    @property
    def between_frames(self) -> bool:
        return self._part is _Part.HEADER and self.empty

    def feed(self, data: bytes) -> None:
        if self.empty:
            self._buffer = data
        else:
            if isinstance(self._buffer, bytearray):
                del self._buffer[: self._position]
            else:
                self._buffer = bytearray(memoryview(self._buffer)[self._position :])
            self._buffer += data
        self._position = 0

    def read_exact(self, size: int) -> Generator[None, None, bytes]:
        """The next `size` bytes. Raises ProtocolError or MessageTooBig, by what the header says."""
        while (end := self._position + size) > len(self._buffer):
            yield
        buffer = self._buffer
        data: Any
        if size >= _VIEW_FROM and type(buffer) is bytes:
            data = memoryview(buffer)[self._position : end]
        else:
            data = buffer[self._position : end]
        self._position = end
        part = self._part
        if part is _Part.HEADER:
            self._check_header(data[0], data[1] & 0x7F)
        elif part is _Part.MASK:
            self._part = _Part.PAYLOAD
        elif part is _Part.PAYLOAD:
            self._part = _Part.HEADER
        else:
            self._check_length(int.from_bytes(data, "big"), size)
        return data  # type: ignore[no-any-return]  # the library does not say that any buffer will do

    def _check_header(self, first: int, length: int) -> None:
        if first not in self._first_bytes:
            raise ProtocolError("reserved bits or opcode")
        if first & _CONTROL:
            if length > 125:
                raise ProtocolError("control frame too long")
            self._part = _Part.MASK
            return
        if bool(first & 0x0F) == self._in_message:
            raise ProtocolError("continuation of nothing, or a new message inside another")
        if not self._in_message:
            self._compressed = bool(first & _RSV1)
        self._in_message = not first & _FIN
        if length < 126:
            self._check_size(length)
        else:
            self._part = _Part.LENGTH

    def _check_length(self, length: int, width: int) -> None:
        # The shortest form is the only one, and the highest bit is zero (RFC 6455 section 5.2).
        if length < (126 if width == 2 else 1 << 16) or length >= 1 << 63:
            raise ProtocolError("malformed length")
        self._check_size(length)

    def _check_size(self, size: int) -> None:
        if size > (wire_limit(self.budget) if self._compressed else self.budget):
            raise MessageTooBig
        self._part = _Part.MASK


class _DeflateExtension(Extension):
    name = ExtensionName(EXTENSION_NAME)

    def __init__(self, deflate: PerMessageDeflate, reader: _Reader) -> None:
        self._deflate = deflate
        self._reader = reader
        self._compressed = False

    def decode(self, frame: Frame, *, max_size: int | None = None) -> Frame:
        if frame.opcode & _CONTROL:
            return frame
        if frame.opcode is not _CONT:
            self._compressed = frame.rsv1
        if not self._compressed:
            return frame
        data = self._deflate.decompress(bytes(frame.data), frame.fin, self._reader.budget)
        return Frame(frame.opcode, data, frame.fin)


def _frame(first: int, payload: bytes | bytearray | memoryview) -> bytes:
    """A server's frame, in a third of the time of the library's."""
    size = len(payload)
    if size < 126:
        return bytes((first, size)) + payload
    if size < 1 << 16:
        return struct.pack("!BBH", first, 126, size) + payload
    return struct.pack("!BBQ", first, 127, size) + payload


class WebsocketsCodec:
    """Drives `Frame.parse` and answers control frames."""

    __slots__ = (
        "_between_messages",
        "_close_sent",
        "_decoder",
        "_deflate",
        "_events",
        "_extensions",
        "_fragments",
        "_max_size",
        "_parser",
        "_reader",
        "replies",
    )

    def __init__(self, max_size: int, deflate: PerMessageDeflate | None) -> None:
        self._max_size = max_size
        self._deflate = deflate
        self._reader = _Reader(max_size, deflate is not None)
        self._extensions: Sequence[Extension] = ()
        if deflate is not None:
            self._extensions = (_DeflateExtension(deflate, self._reader),)
        self._parser: Generator[None, None, None] | None = self._parse()
        self._events: list[Event] = []
        self._fragments: Any = None
        self._decoder: codecs.IncrementalDecoder | None = None
        self._between_messages = True
        self._close_sent = False
        self.replies: list[bytes] = []

    def feed(self, data: bytes) -> list[Event]:
        if self._parser is None:
            return []
        try:
            if self._between_messages:
                data = self._take_whole(data)
            if data:
                self._reader.feed(data)
                next(self._parser)
                self._between_messages = self._fragments is None and self._reader.between_frames
        except StopIteration:
            self._parser = None
        except tuple(_FAILURES) as error:
            self._parser = None
            code = next(code for kind, code in _FAILURES.items() if isinstance(error, kind))
            reason = FAILURE_REASONS[code]
            if not self._close_sent:
                self.replies.append(self.close(code, reason))
            self._events.append(Failed(code, reason))
        events, self._events = self._events, []
        return events

    def text(self, message: str) -> bytes:
        if self._deflate is None:
            return _frame(0x81, message.encode())
        return _frame(0xC1, self._deflate.compress(message.encode()))

    def binary(self, message: bytes | bytearray | memoryview) -> bytes:
        if self._deflate is None:
            return _frame(0x82, message)
        return _frame(0xC2, self._deflate.compress(message))

    def ping(self) -> bytes:
        return _frame(0x89, b"")

    def close(self, code: int, reason: str) -> bytes:
        self._close_sent = True
        return _frame(0x88, Close(code, reason).serialize())

    def _take_whole(self, data: bytes) -> bytes:
        """Take the messages at the beginning of `data` that are a frame each, and have come whole; return what is left.

        They are nearly all there are; the library's parser, which can wait for each part of a frame, takes nine times
        as long.
        """
        position, end = 0, len(data)
        while position + 6 <= end:
            kind = _WHOLE.get(data[position])
            size = data[position + 1] - 0x80
            if kind is None or size < 0:
                break
            begin = position + 6
            if size >= 126:
                if size == 127 or begin + 2 > end:
                    break
                begin += 2
                size = int.from_bytes(data[position + 2 : position + 4], "big")
                if size < 126:
                    break
            text, compressed = kind
            deflate = self._deflate
            if begin + size > end or size > self._max_size or (compressed and deflate is None):
                break
            position = begin + size
            payload = apply_mask(data[begin:position], data[begin - 4 : begin])
            if compressed and deflate is not None:
                payload = deflate.decompress(payload, True, self._max_size)
            self._events.append(payload.decode() if text else payload)
        return data[position:] if position else data

    def _parse(self) -> Generator[None, None, None]:
        """Return behind the peer's close frame."""
        reader = self._reader
        while True:
            while reader.empty:
                yield
            frame = yield from Frame.parse(reader.read_exact, mask=True, extensions=self._extensions)
            opcode = frame.opcode
            if opcode & _CONTROL:
                if opcode is Opcode.PING:
                    if not self._close_sent:
                        self.replies.append(_frame(0x8A, frame.data))
                elif opcode is Opcode.PONG:
                    self._events.append(Pong.RECEIVED)
                else:
                    self._on_close(frame)
                    return
            elif self._fragments is None and frame.fin and opcode is _TEXT:
                # Not str(): PyPy's lets surrogates pass.
                self._events.append(codecs.decode(frame.data, "utf-8"))
            elif self._fragments is None and frame.fin and opcode is Opcode.BINARY:
                self._events.append(bytes(frame.data))
            else:
                self._on_fragment(frame)

    def _on_fragment(self, frame: Frame) -> None:
        """Take a part of a message in several frames (RFC 6455 section 5.4)."""
        if self._fragments is None:
            text = frame.opcode is _TEXT
            self._fragments = new_fragments(text)
            self._decoder = _UTF8() if text else None
        data = bytes(frame.data)
        self._fragments.write(data if self._decoder is None else self._decoder.decode(data, frame.fin))
        if frame.fin:
            self._events.append(self._fragments.getvalue())
            self._fragments = self._decoder = None
        self._reader.budget = self._max_size if frame.fin else self._reader.budget - len(data)

    def _on_close(self, frame: Frame) -> None:
        if len(frame.data) >= 2 and int.from_bytes(frame.data[:2], "big") not in SENDABLE_CODES:
            # The reason, which is looked at next, may be wrong too.
            raise ProtocolError("close code")
        close = Close.parse(frame.data)
        if not self._close_sent:
            # The peer's own code and reason go back (RFC 6455 section 5.5.1).
            self._close_sent = True
            self.replies.append(_frame(0x88, frame.data))
        self._events.append(PeerClosed(int(close.code), close.reason))


class WebSocketProtocol(protocol.WebSocketProtocol):
    """`uvicorn.protocols.websockets.protocol.WebSocketProtocol` over this codec."""

    __slots__ = ()

    codec_class = WebsocketsCodec
