"""One client's connection, for every protocol that is spoken on it.

A connection owns the transport: the addresses of both ends, flow control in both directions, one deadline, and a close
that loses no byte of the last answer. The protocol on it is a `Wire`: `Http1`, `Http2`, a WebSocket, or the reader of
a PROXY header. The wire makes the connection and calls its methods; `switch` gives the connection to another wire. The
event loop calls the wire, which passes `connection_made`, `pause_writing`, `resume_writing` and `connection_lost` on.
The connection calls the wire only when a deadline has passed (`on_due`).

    state      what happens                                                    next state
    open       the wire reads and writes                                       lingering, closing
    lingering  our direction is closed; bytes of the client are read and       closing
               dropped, because a reset could destroy the last answer (RFC
               9112 section 9.6)
    closing    the transport is closed, but may still have bytes to send       lost
    lost       the transport has gone, and `wire` is None
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

# The most bytes, and seconds, to read and drop in the state "lingering".
LINGER_BYTES = 65536
LINGER_SECONDS = 2.0

# A struct linger with l_onoff=1 and l_linger=0: closing the socket then sends a reset.
_RESET_AT_CLOSE = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)


class Due(Enum):
    """What the client has to do before a deadline (`uvicorn.protocols.deadline`)."""

    HEAD = "send the head of a request"
    KEEP_ALIVE = "send the next request"
    BODY = "send more of the body"
    SEND = "take what was written"
    LINGER = "close"
    PONG = "answer a ping"
    CLOSE = "complete the closing handshake of a WebSocket, and take what was written before"


class Connected:
    """Base of the wires: attributes that subclasses of the public protocol classes read."""

    __slots__ = ()
    # The schemes without and with TLS.
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
        """The scheme of the URLs of this connection."""
        return self.schemes[self.connection.secure]


class Connection:
    """The transport of one client.

    Args:
        wire: the wire that speaks first.
        config: a loaded config.
        server_state: the data that all connections of the server share.
        timers: an object with `call_later`, such as `uvicorn.protocols.deadline.Timers`.

    Attributes:
        server: our own (host, port), or (path, None) on a unix socket.
        client: the peer's (host, port), or None.
        secure: whether the transport is encrypted.
        eof: whether the client has closed its direction.
        lingering: whether we have closed our direction; bytes of the client are dropped.
        transfer: the transfer of a file that is running, or None.
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
        """Called when the transport is open."""
        self.transport = transport  # type: ignore[assignment]  # a server's is a Transport
        self.server_state.connections.add(self.wire)
        self.flow = FlowControl(self.transport)
        self.server = get_local_addr(transport)
        self.client = get_remote_addr(transport)
        self.secure = is_ssl(transport)

    @property
    def tls(self) -> dict[str, Any] | None:
        """The contents of the ASGI extension `tls` for this connection; None without TLS."""
        if self.secure and self._tls is None:
            # Imported here, because only servers with TLS need it.
            from uvicorn.protocols.tls_extension import describe_tls

            self._tls = describe_tls(self.transport)
        return self._tls

    def lost(self) -> None:
        """Called when the transport is closed.

        Drops the wire: a reference cycle would have to wait for the garbage collector.
        """
        self.server_state.connections.discard(self.wire)
        self.deadline.close()
        self.flow.resume_writing()
        self.wire = None  # type: ignore[assignment]  # there is no connection to speak on

    def switch(self, wire: Any) -> None:
        """Give this connection to another wire, which speaks from now on."""
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
        """Log a message at the level TRACE, with the address of the client."""
        # isEnabledFor is slow. Comparing the level first saves this call if a level is set on the logger itself.
        if logger.level <= TRACE_LOG_LEVEL and logger.isEnabledFor(TRACE_LOG_LEVEL):
            prefix = f"{self.client[0]}:{self.client[1]} - " if self.client else ""
            logger.log(TRACE_LOG_LEVEL, "%s%s", prefix, message)

    # Bytes out

    def write(self, data: bytes) -> None:
        """Write bytes, unless the transport is closing."""
        if not self.transport.is_closing():
            self.transport.write(data)

    def pause_writing(self) -> None:
        """Called when the transport has buffered too much."""
        self.flow.pause_writing()
        self.await_send()

    def resume_writing(self) -> bool:
        """Called when the transport has room again.

        Returns:
            Whether the deadline of writing has ended, so that the wire has to set its own deadline again.
        """
        self.flow.resume_writing()
        if self.deadline.reason is not Due.SEND:
            return False
        if self.lingering:
            self.deadline.set(Due.LINGER, LINGER_SECONDS)
        return not self.lingering

    def unsent(self) -> int:
        """The number of bytes that were not sent yet: in the buffer of the transport, and of a file."""
        get_size = getattr(self.transport, "get_write_buffer_size", None)
        size: int = 0 if get_size is None else get_size()
        return size if self.transfer is None else size + self.transfer.left

    def await_send(self) -> None:
        """Set the deadline: the client has `timeout_send` seconds to take a part of the unsent bytes."""
        self._unsent = self.unsent()
        self.deadline.set(Due.SEND, self.config.timeout_send)

    # The end

    def close(self) -> None:
        """Close the transport, which first sends what was written. Later calls do nothing."""
        if not self.transport.is_closing():
            self.transport.close()
        if self.unsent():
            self.await_send()
        else:
            self.deadline.cancel()

    def close_once_sent(self) -> None:
        """Close now if everything was sent, otherwise when the client has taken it."""
        if self.unsent():
            self.await_send()
        else:
            self.close()

    def close_gently(self) -> None:
        """Close so that the last answer arrives (RFC 9112 section 9.6).

        Closes our direction, and reads and drops bytes until the client closes its direction, or a limit is reached.
        """
        transport = self.transport
        can_write_eof = getattr(transport, "can_write_eof", None)
        if self.eof or transport.is_closing() or can_write_eof is None or not can_write_eof():
            self.close()
            return
        self.lingering = True
        try:
            transport.write_eof()
        except OSError:
            # The client has reset the connection, and the event loop has not noticed it yet.
            self.close()
            return
        if self.flow.write_paused:
            self.await_send()
        else:
            self.deadline.set(Due.LINGER, LINGER_SECONDS)
        self.flow.resume_reading()

    def discard(self, size: int) -> None:
        """Drop bytes that came after our last answer; close after too many."""
        self._discarded += size
        if self._discarded > LINGER_BYTES:
            self.close()

    def reset(self) -> None:
        """Reset the connection. After a normal close, the client could take an incomplete body for a complete one."""
        transport = self.transport
        if not hasattr(transport, "abort"):
            self.close()
            return
        sock = transport.get_extra_info("socket")
        if sock is not None:
            # Fails if the socket is closed already, or does not have this option.
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
        transport.abort()
        if sys.platform == "win32" and sock is not None:  # pragma: no cover - coverage is measured on Linux
            # The proactor event loop would call shutdown() first, which sends a FIN.
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
