"""`--ws wsproto`: the `wsproto` library as a codec."""

from typing import Any

from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, TextMessage
from wsproto.events import Event as WSProtoEvent
from wsproto.events import Pong as PongEvent
from wsproto.extensions import Extension
from wsproto.frame_protocol import CloseReason, FrameDecoder, FrameProtocol, Opcode, RsvBits

from uvicorn.protocols.websockets.codec import CloseCode, Event, PeerClosed, Pong, failure, new_fragments
from uvicorn.protocols.websockets.deflate import (
    EXTENSION_NAME,
    InflateError,
    MessageTooBig,
    PerMessageDeflate,
    wire_limit,
)
from uvicorn.protocols.websockets.protocol import WebSocketProtocol

_NO_RSV = RsvBits(False, False, False)
_RSV1 = RsvBits(True, False, False)


class _MessageLimits(Extension):
    """Limits the size of messages, and compresses and decompresses them.

    The library has no limits. As an extension, this class sees the header of each frame before its payload.
    """

    name = EXTENSION_NAME

    def __init__(self, max_size: int, deflate: PerMessageDeflate | None) -> None:
        self._max_size = self._budget = max_size
        self._deflate = deflate
        self._compressed = False
        self._in_message = False
        self._in_control = False

    def enabled(self) -> bool:
        return True

    def offer(self) -> bool:
        raise AssertionError("only clients offer")

    def frame_inbound_header(
        self, proto: FrameDecoder | FrameProtocol, opcode: Opcode, rsv: RsvBits, payload_length: int
    ) -> CloseReason | RsvBits:
        self._in_control = opcode.iscontrol()
        begins = opcode is Opcode.TEXT or opcode is Opcode.BINARY
        if rsv.rsv2 or rsv.rsv3 or (rsv.rsv1 and not (begins and self._deflate is not None)):
            return CloseReason.PROTOCOL_ERROR
        if self._in_control:
            return _NO_RSV
        if begins == self._in_message:
            return CloseReason.PROTOCOL_ERROR
        if begins:
            self._compressed = rsv.rsv1
        if payload_length > (wire_limit(self._budget) if self._compressed else self._budget):
            return CloseReason.MESSAGE_TOO_BIG
        return rsv

    def frame_inbound_payload_data(self, proto: FrameDecoder | FrameProtocol, data: bytes) -> bytes | CloseReason:
        if self._in_control:
            return data
        return self._inflate(data, False) if self._compressed else self._spend(data)

    def frame_inbound_complete(self, proto: FrameDecoder | FrameProtocol, fin: bool) -> bytes | CloseReason | None:
        if self._in_control:
            return None
        self._in_message = not fin
        if not fin:
            return None
        result = self._inflate(b"", True) if self._compressed else None
        self._budget = self._max_size
        return result

    def frame_outbound(
        self, proto: FrameDecoder | FrameProtocol, opcode: Opcode, rsv: RsvBits, data: bytes, fin: bool
    ) -> tuple[RsvBits, bytes]:
        if self._deflate is None or opcode.iscontrol():
            return rsv, data
        return _RSV1, self._deflate.compress(data)

    def _inflate(self, data: bytes, last: bool) -> bytes | CloseReason:
        assert self._deflate is not None
        try:
            return self._spend(self._deflate.decompress(data, last, self._budget))
        except MessageTooBig:
            return CloseReason.MESSAGE_TOO_BIG
        except InflateError:
            return CloseReason.INVALID_FRAME_PAYLOAD_DATA

    def _spend(self, data: bytes) -> bytes:
        self._budget -= len(data)
        return data


class WSProtoCodec:
    """Drives a `wsproto.connection.Connection`."""

    __slots__ = ("_connection", "_ended", "_fragments", "replies")

    def __init__(self, max_size: int, deflate: PerMessageDeflate | None) -> None:
        self._connection = Connection(ConnectionType.SERVER, [_MessageLimits(max_size, deflate)])
        self._fragments: Any = None
        self._ended = False
        self.replies: list[bytes] = []

    def feed(self, data: bytes) -> list[Event]:
        events: list[Event] = []
        if self._ended:
            return events
        self._connection.receive_data(data)
        for event in self._connection.events():
            if isinstance(event, TextMessage | BytesMessage):
                self._on_data(event, events)
            elif isinstance(event, Ping):
                if self._connection.state is ConnectionState.OPEN:
                    self.replies.append(self._send(event.response()))
            elif isinstance(event, PongEvent):
                events.append(Pong.RECEIVED)
            else:
                assert isinstance(event, CloseConnection)
                self._ended = True
                events.append(self._on_close(event))
                break
        return events

    def text(self, message: str) -> bytes:
        return self._send(TextMessage(message))

    def binary(self, message: bytes) -> bytes:
        return self._send(BytesMessage(message))

    def ping(self) -> bytes:
        return self._send(Ping())

    def close(self, code: int, reason: str) -> bytes:
        return self._send(CloseConnection(code, reason))

    def _send(self, event: WSProtoEvent) -> bytes:
        return bytes(self._connection.send(event))

    def _on_data(self, event: TextMessage | BytesMessage, events: list[Event]) -> None:
        text = isinstance(event, TextMessage)
        piece: Any = event.data
        if self._fragments is None:
            if event.message_finished:
                events.append(piece if text else bytes(piece))
                return
            self._fragments = new_fragments(text)
        self._fragments.write(piece)
        if event.message_finished:
            events.append(self._fragments.getvalue())
            self._fragments = None

    def _on_close(self, event: CloseConnection) -> Event:
        state = self._connection.state
        if state is ConnectionState.REMOTE_CLOSING:
            self.replies.append(self._send(event.response()))
        elif state is not ConnectionState.CLOSED:
            # The library reports a violation of the protocol by the same event as a close frame.
            failed = failure(CloseCode(event.code))
            if state is ConnectionState.OPEN:
                self.replies.append(self.close(failed.code, failed.reason))
            return failed
        return PeerClosed(int(event.code), event.reason or "")


class WSProtocol(WebSocketProtocol):
    """`uvicorn.protocols.websockets.protocol.WebSocketProtocol` over this codec."""

    __slots__ = ()

    codec_class = WSProtoCodec
