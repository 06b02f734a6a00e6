"""WebSockets over HTTP/2 (RFC 8441): a stream as a transport, and the answer to a handshake.

    on the stream                         for the WebSocket
    DATA                                  data_received
    END_STREAM of the client              eof_received, then close
    RST_STREAM, the end of the connection connection_lost
    window of the client is closed        pause_writing, until all that was queued is sent

Reading pauses by its window: credit is given back for what was read while the WebSocket does not pause.
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
    """A stream that became a WebSocket, as its transport; to the connection, the owner of the stream.

    Args:
        http2: the connection.
        stream: the session's part of the stream.
        protocol: of the WebSocket.
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

    # There is no deadline here: the WebSocket watches the client with `get_write_buffer_size`.
    due = Due.SEND
    # A request has an exchange.
    cycle = None

    def __init__(self, http2: "Http2", stream: "SessionStream", protocol: Any) -> None:
        self._http2 = http2
        self.stream = stream
        self._protocol = protocol
        self._closing = False
        # Whether the stream is closed, `connection_lost` of the protocol was called, and its application has returned.
        self._ended = False
        self._lost = False
        self._returned = False
        # Bytes for which the client has no credit yet; those that came while reading was paused.
        self._uncredited = 0
        self._paused = False
        self._unread = bytearray()
        stream.owner = self

    def serve(self, head: "RequestHead") -> None:
        """Give the handshake to the WebSocket."""
        protocol = self._protocol
        protocol.connection_made(self)
        task = protocol.handle_upgrade(head, b"", Http2Answer(self, self._http2))
        if task is None:
            self._on_returned(None)
        else:
            task.add_done_callback(self._on_returned)
            self._look_for_end()

    def _on_returned(self, task: Any) -> None:
        """The application has returned, or was not called."""
        self._returned = True
        if self._lost:
            self._http2.release(self.stream)

    # The transport

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """As the connection's, but without its socket: a stream must not set options of it."""
        return default if name == "socket" else self._http2.transport.get_extra_info(name, default)

    def is_closing(self) -> bool:
        return self._closing

    def can_write_eof(self) -> bool:
        """No: after END_STREAM of ours nothing is read any more."""
        return False

    def get_write_buffer_size(self) -> int:
        """Bytes that wait for a window of the client, or for other streams."""
        return self.stream.queued

    def write(self, data: Any) -> None:
        if not self._closing:
            self._http2.session.send_bytes(self.stream, data, False)
            self.on_sent()

    def on_sent(self) -> None:
        """Something was given to the session."""
        if self.stream.queued > HIGH_WATER_LIMIT:
            self._protocol.pause_writing()
        self._http2.flush_soon()

    def close(self) -> None:
        """End the stream, once all is sent."""
        if self._closing:
            return
        stream = self.stream
        session = self._http2.session
        if not stream.framer.head_sent:
            self.abort()
            return
        self._closing = True
        # A response that is complete has ended it.
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
        """Give the WebSocket what has come, and the client credit for it, unless it is enough."""
        if data:
            self._protocol.data_received(data)
        self._uncredited += len(data)
        if not self._paused:
            size, self._uncredited = self._uncredited, 0
            self._http2.session.credit_tunnel(self.stream, size)
            self._look_for_end()

    def _look_for_end(self) -> None:
        """Close if the client has ended the stream, and all that it sent was read."""
        stream = self.stream
        if not (stream.more_body or stream.body_pending or self._unread or self._closing):
            self._protocol.eof_received()
            self.close()

    def _end(self) -> None:
        """The stream is closed."""
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

    # The owner of the stream

    def take_body(self, data: bytes) -> None:
        """Bytes have come, or the end of the stream."""
        if self._paused:
            self._unread += data
        elif not self._closing:
            self._read(data)

    def on_drained(self) -> None:
        """All that was queued is sent."""
        if self._closing:
            self._end()
        else:
            self._protocol.resume_writing()

    def reset(self, code: int) -> None:
        """Reset the stream."""
        self._http2.reset(self.stream, code)
        self.lose()
        self._http2.flush_soon()

    def lose(self) -> None:
        """The stream is closed: nothing reaches the client any more."""
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
        """Nothing is left to check: the reader of the fields accepts only extended CONNECT with `:protocol`."""

    def accept(self, fields: Iterable[tuple[bytes, bytes]]) -> int:
        """Send a 200, without the fields of an upgrade (RFC 8441 section 5)."""
        self.start({"type": "http.response.start", "status": 200, "headers": fields})
        self._http2.session.send_head(self._transport.stream)
        self._transport.on_sent()
        return 200

    def start(self, message: Any) -> None:
        self._http2.session.start(self._transport.stream, message, self._http2.server_state.default_headers)

    def body(self, message: Any) -> None:
        self._http2.session.send(self._transport.stream, message)
        self._transport.on_sent()
