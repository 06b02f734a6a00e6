"""Reads and writes WebSocket frames. This source runs as it is, and compiled as `_websocket_c`.

`WebSocketCodec` is the codec of `--ws builtin` (`uvicorn.protocols.websockets.codec.Codec`): the WebSocket protocol
feeds it bytes, and it returns the messages and other events that are complete (RFC 6455 section 5).

Bytes are unmasked when they arrive. A message in one frame is unmasked straight into the object that the application
gets, so its bytes are copied once, also if it arrives in several reads. A message in several frames, or of which only
little arrives at first, is joined at its end, so its bytes are copied twice.

    state    what the next byte belongs to              next state
    HEADER   the header of a frame                      PAYLOAD, ENDED
    PAYLOAD  the payload of the frame; may be empty     HEADER, ENDED
    ENDED    nothing: the peer has closed, or has broken a rule

Rule of the compiled modules: every pass of a loop over input consumes bytes, changes the state or raises.
"""

import codecs
from typing import Any

from uvicorn._speedups._payload_py import (
    frame,
    new_message,
    read_number,
    take_message,
    text_frame,
    unmask,
    unmask_into,
    unmask_text,
)
from uvicorn._speedups.websocket_events import (
    SENDABLE_CODES,
    CloseCode,
    FrameRejected,
    MessageTooBig,
    PeerClosed,
    Pong,
    failure,
)

HEADER, PAYLOAD, ENDED = range(3)

_UTF8 = codecs.getincrementaldecoder("utf-8")

# Bits and values of the first byte of a frame.
_FIN, _RSV1, _OPCODE, _CONTROL = 0x80, 0x40, 0x0F, 0x08
_TEXT, _BINARY, _CLOSE, _PING = 0x81, 0x82, 0x88, 0x89

# 1 for each valid first byte of a frame: defined opcodes only, and control frames always have FIN (RFC 6455 sections
# 5.2 and 5.5). With permessage-deflate, the first frame of a message may have RSV1 (RFC 7692 section 6).
_ALLOWED = bytes(first in (0x00, 0x01, 0x02, 0x80, 0x81, 0x82, 0x88, 0x89, 0x8A) for first in range(256))
_ALLOWED_DEFLATE = bytes(_ALLOWED[first] or first in (0x41, 0x42, 0xC1, 0xC2) for first in range(256))

# The length of the longest header in bytes: two, eight for the length, four for the mask.
_LONGEST_HEADER = 14

_MAX_CONTROL = 125

# A part is appended to the part before it if that is shorter than this, in bytes. Each part is an object of its own:
# many small ones would take many times the memory of the message.
_SMALL_PART = 4096

# If at least a sixteenth of a message in one frame has arrived, memory for the whole message is allocated at once.
# Separate parts would take twice the memory. The C library returns that much memory to the system after each message,
# which took half of the time for messages of 1 MiB.
_AHEAD = 16

# The last message of this process that was put into a frame, and this frame. A broadcast sends the same object to each
# connection, so all connections share one frame. That saves memory if clients are slow. It also saves 5 us for each
# frame of 64 KiB, or 50 us if its memory has to be allocated.
_last: tuple[Any, bytes] = (None, b"")

# The sizes of messages that are remembered in this way, in bytes. Building a smaller frame takes no longer than
# remembering it. A remembered frame uses memory until another replaces it; for 1 MiB this cost more than it saved.
_REMEMBERED_MIN, _REMEMBERED_MAX = 1 << 10, 1 << 18


def _build_once(message: Any) -> bytes:
    """Make the frame of a message, or return the last frame again if the message is the same object as the last one."""
    global _last
    last = _last
    if last[0] is message:
        return last[1]
    built = text_frame(_TEXT, message) if isinstance(message, str) else frame(_BINARY, message)
    if len(message) <= _REMEMBERED_MAX:
        # A single assignment, because other threads may read `_last`.
        _last = (message, built)
    return built


class WebSocketCodec:
    """The frames of one WebSocket connection, from the accepted handshake on.

    Args:
        max_size: the largest message to accept, in bytes.
        deflate: permessage-deflate if it was negotiated, otherwise None.

    Attributes:
        state: HEADER, PAYLOAD or ENDED.
        replies: frames that `feed` has made: pongs and close frames. The caller sends them and empties the list.
    """

    __slots__ = (
        "allowed",
        "budget",
        "close_sent",
        "compressed",
        "control",
        "decoder",
        "deflate",
        "filled",
        "first",
        "header",
        "mask",
        "max_size",
        "message",
        "parts",
        "remaining",
        "replies",
        "state",
        "text_message",
    )

    def __init__(self, max_size: int, deflate: Any) -> None:
        self.max_size = max_size
        # How many more bytes the current message may have.
        self.budget = max_size
        self.deflate = deflate
        self.allowed = _ALLOWED if deflate is None else _ALLOWED_DEFLATE
        self.state = HEADER
        # The bytes of an incomplete header.
        self.header = b""
        # The current frame: its first byte, its mask, and the number of bytes that are missing.
        self.first = 0
        self.mask = 0
        self.remaining = 0
        # The bytes that have arrived: of a control frame, of a message whose memory was allocated at once (`filled`
        # bytes), and of a message in several parts.
        self.control = b""
        self.message: Any = None
        self.filled = 0
        self.parts: list[Any] | None = None
        self.text_message = False
        self.compressed = False
        self.decoder: codecs.IncrementalDecoder | None = None
        self.close_sent = False
        self.replies: list[bytes] = []

    def feed(self, data: bytes) -> list[Any]:
        """Read bytes of the peer. Returns the complete events; none follows `PeerClosed` or `Failed`."""
        events: list[Any] = []
        if self.state == ENDED:
            return events
        try:
            self._read(data, events)
        except UnicodeDecodeError:
            self._fail(CloseCode.INVALID_DATA, events)
        except FrameRejected as rejected:
            self._fail(rejected.code, events)
        return events

    def text(self, message: str) -> bytes:
        """Make the frame of a text message. Raises UnicodeEncodeError for lone surrogates."""
        if self.deflate is None:
            return text_frame(_TEXT, message) if len(message) < _REMEMBERED_MIN else _build_once(message)
        return frame(_TEXT | _RSV1, self.deflate.compress(message.encode()))

    def binary(self, message: bytes) -> bytes:
        """Make the frame of a binary message."""
        if self.deflate is None:
            return frame(_BINARY, message) if len(message) < _REMEMBERED_MIN else _build_once(message)
        return frame(_BINARY | _RSV1, self.deflate.compress(message))

    def ping(self) -> bytes:
        """Make a ping without payload."""
        return frame(_PING, b"")

    def close(self, code: int, reason: str) -> bytes:
        """Make a close frame. `code` must be one of SENDABLE_CODES, `reason` at most 123 bytes long."""
        self.close_sent = True
        return frame(_CLOSE, code.to_bytes(2, "big") + reason.encode())

    def _fail(self, code: CloseCode, events: list[Any]) -> None:
        self.state = ENDED
        self.message = self.parts = None
        failed = failure(code)
        if not self.close_sent:
            self.replies.append(self.close(failed.code, failed.reason))
        events.append(failed)

    def _read(self, data: bytes, events: list[Any]) -> None:
        """Read all bytes, until the connection ends."""
        pos = 0
        size = len(data)
        known = len(self.header)
        if known:
            header = self.header + data[: _LONGEST_HEADER - known]
            begin = self._take_header(header, 0, len(header))
            if not begin:
                # Together, the bytes are shorter than the longest header, so all of the data is in them.
                self.header = header
                return
            self.header = b""
            pos = begin - known
        # Each pass of this loop reads a header, or the last bytes.
        while self.state != ENDED:
            if self.state == HEADER:
                begin = self._take_header(data, pos, size)
                if not begin:
                    self.header = data[pos:]
                    return
                pos = begin
            stop = pos + self.remaining if self.remaining < size - pos else size
            if stop == pos and self.remaining:
                return
            self.remaining -= stop - pos
            if not self.remaining:
                self.state = HEADER
            self._take_payload(data, pos, stop, events)
            pos = stop
            if self.remaining:
                return

    def _take_header(self, data: bytes, pos: int, size: int) -> int:
        """Read the header at `pos` (RFC 6455 section 5.2).

        A frame is refused here, before its payload arrives and before memory is allocated for it.

        Returns:
            The index of the first byte after the header; 0 if the header is not complete.

        Raises:
            FrameRejected: the frame is not allowed.
            MessageTooBig: the message would be too long.
        """
        buf = data
        if size - pos < 2:
            return 0
        first = buf[pos]
        length = buf[pos + 1] - 0x80
        allowed = self.allowed
        if length < 0 or not allowed[first]:
            raise FrameRejected("no mask, reserved bits or opcode")
        begin = pos + 6
        if first & _CONTROL:
            if length > _MAX_CONTROL:
                raise FrameRejected("control frame too long")
        elif (first & _OPCODE != 0) == (self.parts is not None):
            raise FrameRejected("continuation of nothing, or a new message inside another")
        if length >= 126:
            begin += 2 if length == 126 else 8
            if begin - 4 > size:
                return 0
            # Only the shortest form is valid, and its highest bit is zero.
            shortest = 126 if length == 126 else 1 << 16
            length = -1 if buf[pos + 2] & 0x80 and shortest > 126 else read_number(data, pos + 2, begin - 4)
            if length < shortest:
                raise FrameRejected("malformed length")
        if length > self.budget and not first & _CONTROL:
            self._check_length(first, length)
        if begin > size:
            return 0
        self.first = first
        self.remaining = length
        self.mask = read_number(data, begin - 4, begin)
        self.state = PAYLOAD
        return begin

    def _check_length(self, first: int, length: int) -> None:
        """Raise MessageTooBig for a frame over the limit, unless it is compressed and may become a shorter message."""
        compressed = first & _RSV1 if first & _OPCODE else self.compressed
        if not compressed or length > self.deflate.wire_limit(self.budget):
            raise MessageTooBig

    def _take_payload(self, data: bytes, start: int, stop: int, events: list[Any]) -> None:
        """Read `data[start:stop]`: the end of a payload if `remaining` is 0, otherwise a part before the end."""
        first = self.first
        if first & _CONTROL:
            self.control += unmask(data, start, stop, self.mask)
            if not self.remaining:
                payload, self.control = self.control, b""
                self._on_control(first, payload, events)
        elif self.message is not None:
            self._take_piece(first, data, start, stop, events)
        elif self.parts is not None or first & (_FIN | _RSV1) != _FIN:
            self._take_part(first, data, start, stop, events)
        elif not self.remaining:
            if first == _TEXT:
                text = unmask_text(data, start, stop, self.mask)
                events.append(text if isinstance(text, str) else text.decode())
            else:
                events.append(unmask(data, start, stop, self.mask))
            return
        elif self.remaining < (stop - start) * _AHEAD:
            self._take_piece(first, data, start, stop, events)
        else:
            self._take_part(first, data, start, stop, events)
        if self.remaining:
            # The next byte of the payload has the next byte of the mask.
            turn = 8 * ((stop - start) & 3)
            self.mask = (self.mask << turn | self.mask >> (32 - turn)) & 0xFFFFFFFF

    def _take_piece(self, first: int, data: bytes, start: int, stop: int, events: list[Any]) -> None:
        """Unmask a part of a message in one frame into the memory of the message."""
        text = first == _TEXT
        if self.message is None:
            self.message = new_message(stop - start + self.remaining, text)
            self.filled = 0
        if not unmask_into(self.message, self.filled, data, start, stop, self.mask) and text:
            # The bytes before this part are ASCII. This part is not, so it has to be decoded.
            self.parts = [take_message(self.message, self.filled, True)]
            self.text_message = True
            self.compressed = False
            self.message = None
            self._take_part(first, data, start, stop, events)
            return
        self.filled += stop - start
        if not self.remaining:
            events.append(take_message(self.message, self.filled, text))
            self.message = None

    def _take_part(self, first: int, data: bytes, start: int, stop: int, events: list[Any]) -> None:
        """Read a part of a message that is joined at its end (RFC 6455 section 5.4)."""
        parts = self.parts
        if parts is None:
            parts = self.parts = []
            self.text_message = first & _OPCODE == 0x01
            self.compressed = first & _RSV1 != 0
        last = first & _FIN != 0 and not self.remaining
        part: Any
        if self.compressed:
            part = self.deflate.decompress(unmask(data, start, stop, self.mask), last, self.budget)
        elif self.text_message:
            part = unmask_text(data, start, stop, self.mask)
        else:
            part = unmask(data, start, stop, self.mask)
        self.budget -= len(part)
        # While all parts are ASCII, no decoder is needed.
        if self.text_message and (self.decoder is not None or not isinstance(part, str)):
            part = self._decode(part, last)
        if parts and len(parts[-1]) < _SMALL_PART:
            parts[-1] += part
        else:
            parts.append(part)
        if last:
            events.append(parts[0] if len(parts) == 1 else ("" if self.text_message else b"").join(parts))
            self.parts = None
            self.decoder = None
            self.budget = self.max_size

    def _decode(self, part: Any, last: bool) -> str:
        """Decode a part up to its last complete character."""
        if self.decoder is None:
            self.decoder = _UTF8()
        return self.decoder.decode(part.encode() if isinstance(part, str) else part, last)

    def _on_control(self, first: int, payload: bytes, events: list[Any]) -> None:
        """Handle a control frame (RFC 6455 section 5.5)."""
        if first == _CLOSE:
            self._on_close(payload, events)
        elif first != _PING:
            events.append(Pong.RECEIVED)
        elif not self.close_sent:
            self.replies.append(frame(_PING + 1, payload))

    def _on_close(self, payload: bytes, events: list[Any]) -> None:
        code, reason = int(CloseCode.NO_STATUS_RECEIVED), ""
        if payload:
            code = int.from_bytes(payload[:2], "big")
            if code not in SENDABLE_CODES or len(payload) == 1:
                raise FrameRejected("close code")
            reason = payload[2:].decode()
        self.state = ENDED
        self.parts = None
        if not self.close_sent:
            # The answer has the code and the reason of the peer (RFC 6455 section 5.5.1).
            self.close_sent = True
            self.replies.append(frame(_CLOSE, payload))
        events.append(PeerClosed(code, reason))
