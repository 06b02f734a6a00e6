"""WebSockets over HTTP/2 (RFC 8441): a transport for a stream, and the answer to a handshake.

`Http2` makes a `StreamTransport` for an extended CONNECT. The WebSocket protocol uses it like any other transport:

    on the stream                            call of the WebSocket protocol
    DATA                                     data_received
    END_STREAM of the client                 eof_received, then the stream is closed
    RST_STREAM, the end of the connection    connection_lost
    the window of the client is used up      pause_writing; resume_writing when all queued bytes were sent

While the WebSocket pauses reading, the client gets no more window, so it has to stop sending.
"""

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from uvicorn._speedups.http2_codes import CANCEL
from uvicorn.protocols.connection import Due
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT

if TYPE_CHECKING:
    from uvicorn._speedups import RequestHead
    from uvicorn._speedups._http2_stream_py import Stream as SessionStream
    from uvicorn.protocols.http.http2 import Http2


class StreamTransport(asyncio.Transport):
    """The transport of a WebSocket over a stream. For `Http2`, it is the owner of the stream, like an `Http2Stream`.

    Args:
        http2: the connection.
        stream: the stream in the session.
        protocol: the WebSocket protocol.
    """

    __slots__ = (
        "_closing",
        "_ended",
        "_http2",
        "_lost",
        "_paused",
        "_protocol",
        "_returned",
        "_uncredited",
        "_unread",
        "stream",
    )

    # `Http2` sets no deadline for this stream: the WebSocket itself checks that the client takes bytes.
    due = Due.SEND
    # There is no exchange, unlike for an HTTP request.
    cycle = None

    def __init__(self, http2: "Http2", stream: "SessionStream", protocol: Any) -> None:
        self._http2 = http2
        self.stream = stream
        self._protocol = protocol
        self._closing = False
        # Whether the stream is closed, whether `connection_lost` was called, and whether the application has returned.
        self._ended = False
        self._lost = False
        self._returned = False
        # The number of bytes for which the client has not got its window back, and the bytes that arrived while reading
        # was paused.
        self._uncredited = 0
        self._paused = False
        self._unread = bytearray()
        stream.owner = self

    def serve(self, head: "RequestHead") -> None:
        """Give the handshake to the WebSocket protocol."""
        protocol = self._protocol
        protocol.connection_made(self)
        task = protocol.handle_upgrade(head, b"", Http2Answer(self, self._http2))
        if task is None:
            self._on_returned(None)
        else:
            task.add_done_callback(self._on_returned)
            self._look_for_end()

    def _on_returned(self, task: Any) -> None:
        """Called when the application has returned, or was not called at all."""
        self._returned = True
        if self._lost:
            self._http2.release(self.stream)

    # The transport

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """The value of the connection. The socket is left out, because one stream must not change its options."""
        return default if name == "socket" else self._http2.transport.get_extra_info(name, default)

    def is_closing(self) -> bool:
        return self._closing

    def can_write_eof(self) -> bool:
        """No: after END_STREAM is sent, nothing more is read."""
        return False

    def get_write_buffer_size(self) -> int:
        """Bytes that wait for a window of the client, or for other streams."""
        return self.stream.queued

    def write(self, data: Any) -> None:
        if not self._closing:
            self._http2.session.send_bytes(self.stream, data, False)
            self.on_sent()

    def on_sent(self) -> None:
        """Called when bytes were given to the session."""
        if self.stream.queued > HIGH_WATER_LIMIT:
            self._protocol.pause_writing()
        self._http2.flush_soon()

    def close(self) -> None:
        """End the stream after the queued bytes."""
        if self._closing:
            return
        stream = self.stream
        session = self._http2.session
        if not stream.framer.head_sent:
            self.abort()
            return
        self._closing = True
        # This does nothing if a complete response has ended the stream already.
        session.send_bytes(stream, b"", True)
        if not stream.queued:
            self._end()
        self._http2.flush_soon()

    def abort(self) -> None:
        self.reset(CANCEL)

    def pause_reading(self) -> None:
        self._paused = True

    def resume_reading(self) -> None:
        if self._paused:
            self._paused = False
            self._http2.soon(self._read_on)

    def _read_on(self) -> None:
        if not self._paused and not self._closing:
            data, self._unread = bytes(self._unread), bytearray()
            self._read(data)
            self._http2.flush_soon()

    def _read(self, data: bytes) -> None:
        """Give bytes to the WebSocket, and their window back to the client unless reading is paused."""
        if data:
            self._protocol.data_received(data)
        self._uncredited += len(data)
        if not self._paused:
            size, self._uncredited = self._uncredited, 0
            self._http2.session.credit_tunnel(self.stream, size)
            self._look_for_end()

    def _look_for_end(self) -> None:
        """Close if the client has ended the stream and all its bytes were read."""
        stream = self.stream
        if not (stream.more_body or stream.body_pending or self._unread or self._closing):
            self._protocol.eof_received()
            self.close()

    def _end(self) -> None:
        """Called when the stream is closed."""
        self._closing = True
        self._unread.clear()
        self.stream.owner = None
        if not self._ended:
            self._ended = True
            self._http2.soon(self._lose)

    def _lose(self) -> None:
        self._lost = True
        protocol, self._protocol = self._protocol, None
        protocol.connection_lost(None)
        if self._returned:
            self._http2.release(self.stream)

    # Called by `Http2`

    def take_body(self, data: bytes) -> None:
        """Called when bytes have arrived, or the end of the stream."""
        if self._paused:
            self._unread += data
        elif not self._closing:
            self._read(data)

    def on_drained(self) -> None:
        """Called when all queued bytes were sent."""
        if self._closing:
            self._end()
        else:
            self._protocol.resume_writing()

    def reset(self, code: int) -> None:
        """Reset the stream with this error code."""
        self._http2.reset(self.stream, code)
        self.lose()
        self._http2.flush_soon()

    def lose(self) -> None:
        """Called when the stream is closed: nothing reaches the client any more."""
        self._end()


class Http2Answer:
    """The answer to a handshake over HTTP/2; see `uvicorn.protocols.wire.Answer`."""

    __slots__ = ("_http2", "_transport")

    def __init__(self, transport: StreamTransport, http2: "Http2") -> None:
        self._transport = transport
        self._http2 = http2

    @property
    def head_sent(self) -> bool:
        return bool(self._transport.stream.framer.head_sent)

    @property
    def framing(self) -> int:
        return int(self._transport.stream.framer.framing)

    def check(self) -> None:
        """Do nothing: `FieldsReader` has checked the rules of an extended CONNECT already."""

    def accept(self, fields: Iterable[tuple[bytes, bytes]]) -> int:
        """Send the status 200. The fields of an HTTP/1.1 upgrade are not used (RFC 8441 section 5)."""
        self.start({"type": "http.response.start", "status": 200, "headers": fields})
        self._http2.session.send_head(self._transport.stream)
        self._transport.on_sent()
        return 200

    def start(self, message: Any) -> None:
        self._http2.session.start(self._transport.stream, message, self._http2.server_state.default_headers)

    def body(self, message: Any) -> None:
        self._http2.session.send(self._transport.stream, message)
        self._transport.on_sent()
