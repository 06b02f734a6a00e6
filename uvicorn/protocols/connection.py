"""One client's connection, whatever is spoken on it.

A wire (HTTP/1.1, HTTP/2, a WebSocket) has a `Connection` and calls it; it may hand it to another wire (`switch`). The
connection owns the transport: the addresses of the peer, flow control in both directions, one deadline, and an end
that loses nothing of what was sent.

    state      what is going on                                              next
    open       the wire reads and writes                                     lingering, closing
    lingering  our half is ended; what comes is read and dropped, so that    closing
               no reset overtakes the last answer (RFC 9112 section 9.6)
    closing    the transport is closed; the client takes what was written    lost
    lost       `wire` is None
"""

import asyncio
import contextlib
import logging
import socket
import struct
import sys
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar

from uvicorn.logging import TRACE_LOG_LEVEL
from uvicorn.protocols.deadline import Deadline
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.utils import get_local_addr, get_remote_addr, is_ssl
from uvicorn.protocols.wire import Wire

if TYPE_CHECKING:
    from uvicorn.config import Config
    from uvicorn.protocols.transfer import Transfer
    from uvicorn.server_state import ServerState

logger = logging.getLogger("uvicorn.error")

# How many bytes, and for how many seconds, we read and drop before a close.
LINGER_BYTES = 65536
LINGER_SECONDS = 2.0

# struct linger: on, zero seconds.
_RESET_AT_CLOSE = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)


class Due(Enum):
    """What the client has to do before the deadline of its connection (`uvicorn.protocols.deadline`)."""

    HEAD = "send the head of a request"
    KEEP_ALIVE = "send the next request"
    BODY = "send more of the body"
    SEND = "take what is sent"
    LINGER = "close"
    PONG = "answer a ping"
    CLOSE = "end the closing handshake of a WebSocket, and take what was sent before it"


class Connected:
    """The attributes of the connection that subclasses of a wire read."""

    __slots__ = ()
    # The scheme in clear text, and the encrypted one.
    schemes: ClassVar[tuple[str, str]]
    connection: "Connection"
    server_state: "ServerState"

    @property
    def connections(self) -> Any:
        """The open connections of the server."""
        return self.server_state.connections

    @property
    def server(self) -> tuple[str, int | None] | None:
        """Our own (host, port), or (path, None) on a unix socket."""
        return self.connection.server

    @property
    def client(self) -> tuple[str, int] | None:
        """The peer's (host, port), or None."""
        return self.connection.client

    @property
    def scheme(self) -> str:
        return self.schemes[self.connection.secure]


class Connection:
    """The transport of one client.

    Args:
        wire: the wire that is spoken first.
        config: a loaded config.
        server_state: shared by all connections of the server.
        timers: an object with `call_later`.

    Attributes:
        server: our own (host, port), or (path, None) on a unix socket.
        client: the peer's (host, port), or None.
        secure: whether the transport is encrypted.
        eof: whether the client has ended its half.
        lingering: whether we have ended our half; what comes is dropped.
        transfer: the file that is being sent, or None.
    """

    __slots__ = (
        "_discarded",
        "_tls",
        "_unsent",
        "client",
        "config",
        "deadline",
        "eof",
        "flow",
        "lingering",
        "secure",
        "server",
        "server_state",
        "transfer",
        "transport",
        "wire",
    )

    def __init__(self, wire: Any, config: "Config", server_state: "ServerState", timers: Any) -> None:
        self.wire: Wire = wire
        self.config = config
        self.server_state = server_state
        self.deadline: Deadline[Due] = Deadline(timers, self._on_due)
        self.transport: asyncio.Transport = None  # type: ignore[assignment]  # set once the connection is made
        self.flow: FlowControl = None  # type: ignore[assignment]  # as the transport
        self.server: tuple[str, int | None] | None = None
        self.client: tuple[str, int] | None = None
        self.secure = False
        self.eof = False
        self.lingering = False
        self.transfer: Transfer | None = None
        self._tls: dict[str, Any] | None = None
        self._discarded = 0
        self._unsent = 0

    def made(self, transport: asyncio.BaseTransport) -> None:
        """The transport is open."""
        self.transport = transport  # type: ignore[assignment]  # a server's is a Transport
        self.server_state.connections.add(self.wire)
        self.flow = FlowControl(self.transport)
        self.server = get_local_addr(transport)
        self.client = get_remote_addr(transport)
        self.secure = is_ssl(transport)

    @property
    def tls(self) -> dict[str, Any] | None:
        """What the TLS extension says of the connection, None in clear text."""
        if self.secure and self._tls is None:
            # Only servers with TLS import it.
            from uvicorn.protocols.tls_extension import describe_tls

            self._tls = describe_tls(self.transport)
        return self._tls

    def lost(self) -> None:
        """The transport is closed. Drops the wire: a cycle of references would be work for the garbage collector."""
        self.server_state.connections.discard(self.wire)
        self.deadline.close()
        self.flow.resume_writing()
        self.wire = None  # type: ignore[assignment]  # there is no connection to speak on

    def switch(self, wire: Any) -> None:
        """Speak another wire from now on, which is given this connection."""
        connections = self.server_state.connections
        connections.add(wire)
        connections.discard(self.wire)
        self.wire = wire
        wire.connection = self
        self.transport.set_protocol(wire)
        if self.flow.write_paused:
            self.await_send()
        else:
            self.deadline.cancel()

    def trace(self, message: str) -> None:
        # isEnabledFor is slow; comparing the level first saves the call if the logger has a level of its own.
        if logger.level <= TRACE_LOG_LEVEL and logger.isEnabledFor(TRACE_LOG_LEVEL):
            prefix = f"{self.client[0]}:{self.client[1]} - " if self.client else ""
            logger.log(TRACE_LOG_LEVEL, "%s%s", prefix, message)

    # Bytes out

    def write(self, data: bytes) -> None:
        """Send bytes, unless the connection is closing."""
        if not self.transport.is_closing():
            self.transport.write(data)

    def pause_writing(self) -> None:
        self.flow.pause_writing()
        self.await_send()

    def resume_writing(self) -> bool:
        """The transport has room again. Returns whether the wire has to set its own deadline."""
        self.flow.resume_writing()
        if self.deadline.reason is not Due.SEND:
            return False
        if self.lingering:
            self.deadline.set(Due.LINGER, LINGER_SECONDS)
        return not self.lingering

    def unsent(self) -> int:
        """Bytes that the transport still buffers, or that are left of a file."""
        get_size = getattr(self.transport, "get_write_buffer_size", None)
        size: int = 0 if get_size is None else get_size()
        return size if self.transfer is None else size + self.transfer.left

    def await_send(self) -> None:
        """Give the client `timeout_send` to take some of what is sent."""
        self._unsent = self.unsent()
        self.deadline.set(Due.SEND, self.config.timeout_send)

    # The end

    def close(self) -> None:
        """Close the transport, once, after what is to be sent."""
        if not self.transport.is_closing():
            self.transport.close()
        if self.unsent():
            self.await_send()
        else:
            self.deadline.cancel()

    def close_once_sent(self) -> None:
        """Close now, or when the client has taken what it is still being sent."""
        if self.unsent():
            self.await_send()
        else:
            self.close()

    def close_gently(self) -> None:
        """Close so that the answer arrives: end our half, and read on (RFC 9112 section 9.6)."""
        transport = self.transport
        can_write_eof = getattr(transport, "can_write_eof", None)
        if self.eof or transport.is_closing() or can_write_eof is None or not can_write_eof():
            self.close()
            return
        self.lingering = True
        try:
            transport.write_eof()
        except OSError:
            # The client has reset the connection, and the loop does not know yet.
            self.close()
            return
        if self.flow.write_paused:
            self.await_send()
        else:
            self.deadline.set(Due.LINGER, LINGER_SECONDS)
        self.flow.resume_reading()

    def discard(self, size: int) -> None:
        """Drop what was read after our last answer."""
        self._discarded += size
        if self._discarded > LINGER_BYTES:
            self.close()

    def reset(self) -> None:
        """Reset the connection. A client could mistake a FIN for the end of a body."""
        transport = self.transport
        if not hasattr(transport, "abort"):
            self.close()
            return
        sock = transport.get_extra_info("socket")
        if sock is not None:
            # The socket may be closed, or have no such option.
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
        transport.abort()
        if sys.platform == "win32" and sock is not None:  # pragma: no cover - coverage is measured on Linux
            # The proactor would call shutdown() first, which sends the FIN.
            getattr(sock, "_sock", sock).close()

    def _on_due(self, due: Due) -> None:
        if due is Due.SEND:
            unsent = self.unsent()
            if unsent >= self._unsent:
                self.wire.on_due(due)
                self.reset()
            elif unsent:
                self.await_send()
            else:
                self.close()
        elif due is Due.LINGER:
            self.close_once_sent()
        else:
            self.wire.on_due(due)
