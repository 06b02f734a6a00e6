"""What a connection does whatever is said on it: bytes out, deadlines, and an end that loses nothing."""

import asyncio
import contextlib
import logging
import socket
import struct
import sys
from enum import Enum
from http import HTTPStatus
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar

from uvicorn._speedups import ResponseFramer
from uvicorn._speedups.facts import HEAD_REQUEST
from uvicorn.logging import TRACE_LOG_LEVEL
from uvicorn.protocols.deadline import Deadline
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.utils import get_local_addr, get_remote_addr, is_ssl

if TYPE_CHECKING:
    from uvicorn.config import Config
    from uvicorn.server_state import ServerState

logger = logging.getLogger("uvicorn.error")

# What is read and dropped before a close, so that no reset overtakes the answer (RFC 9112 section 9.6).
LINGER_BYTES = 65536
LINGER_SECONDS = 2.0

# Seconds after a write in which a part of a response may wait for more, and bytes that may wait: a system call costs
# more than all else about a part.
OUTBOX_GAP = 0.001
OUTBOX_MAX = 16384

# Parts that are written at once before the next ones are gathered. It grows while there is nothing to gather.
OUTBOX_DIRECT = 2
OUTBOX_GROWTH = 8

# struct linger: on, for no time.
_RESET_AT_CLOSE = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)

# In place of the phrase of the status code.
_REASONS = {400: "Invalid HTTP request received."}


class Due(Enum):
    """What the client has to do by a deadline."""

    HEAD = "the head of a request"
    KEEP_ALIVE = "the next request"
    BODY = "the body of a request"
    SEND = "the client to take what is sent"
    LINGER = "the client to close"


class Outbox:
    """Gathers the parts of one response that are sent in the same turn of the loop.

    The first two parts of a turn are written at once: if the application then keeps the loop from running, the client
    has them. Later parts of that turn wait for the next one, which takes a callback. After a turn that had nothing to
    gather, more parts are written at once before that is tried again: a stream of one part for each turn pays nothing.
    """

    __slots__ = ("_connection", "_direct", "_left", "_parts", "_scheduled", "_size", "_written")

    def __init__(self, connection: "Connection") -> None:
        self._connection = connection
        self._parts: list[bytes] = []
        self._size = 0
        self._written = 0.0
        self._scheduled = False
        # Parts to write at once, and how many of them are left.
        self._direct = self._left = OUTBOX_DIRECT

    def add(self, data: bytes) -> None:
        if self._left:
            self._connection.write(data)
            self._left -= 1
            if not self._left:
                self._gather()
            return
        self._parts.append(data)
        self._size += len(data)
        if self._size > OUTBOX_MAX:
            self.flush()
        elif monotonic() - self._written > OUTBOX_GAP:
            # The application has worked since: as at the beginning of a turn.
            self.flush()
            self._left = OUTBOX_DIRECT - 1

    def _gather(self) -> None:
        now = monotonic()
        if not self._scheduled:
            self._scheduled = True
            self._direct *= OUTBOX_GROWTH
            # The end of a first step is told by the runner.
            if self._connection.to_start is None:
                self._connection.loop.call_soon(self.end_turn)
        elif now - self._written > OUTBOX_GAP:
            self._left = OUTBOX_DIRECT - 1
        self._written = now

    def flush(self) -> None:
        parts = self._parts
        if parts:
            self._parts = []
            self._size = 0
            self._direct = OUTBOX_DIRECT
            self._connection.write(b"".join(parts))
            self._written = monotonic()

    def end_turn(self) -> None:
        """The application has let the loop run."""
        self._scheduled = False
        self.flush()
        self._left = self._direct


class Connection(asyncio.Protocol):
    """A connection that can answer for itself and close."""

    __slots__ = (
        "_deadline",
        "_discarded",
        "_eof",
        "_leaving",
        "_lingering",
        "_real_loop",
        "_unsent",
        "_ws_protocol_class",
        "client",
        "config",
        "connections",
        "flow",
        "logger",
        "loop",
        "outbox",
        "scheme",
        "server",
        "server_state",
        "transport",
    )

    # Set by those that call the application.
    to_start: Any

    response_framer_class: ClassVar[Any] = ResponseFramer

    def __init__(self, config: "Config", server_state: "ServerState", loop: asyncio.AbstractEventLoop) -> None:
        self.config = config
        self.server_state = server_state
        self.connections = server_state.connections
        self.loop = loop
        self.logger = logger

        self.transport: asyncio.Transport = None  # type: ignore[assignment]  # set once the connection is made
        self.flow: FlowControl = None  # type: ignore[assignment]  # as the transport
        self.server: tuple[str, int | None] | None = None
        self.client: tuple[str, int] | None = None
        self.scheme = "http"

        timers = server_state.get_timers(loop)
        # A double of a loop does nothing before its owner says so.
        self._real_loop = timers is not loop
        self.outbox: Outbox | None = None
        self._deadline: Deadline[Due] = Deadline(timers, self._on_due)
        self._eof = False
        self._leaving = False
        self._lingering = False
        self._discarded = 0
        self._unsent = 0

    @property
    def ws_protocol_class(self) -> Any:
        """The class of the WebSocket: the config's, unless one was set here."""
        try:
            return self._ws_protocol_class
        except AttributeError:
            # Only now: this may import a library.
            return self.config.ws_protocol_class

    @ws_protocol_class.setter
    def ws_protocol_class(self, value: Any) -> None:
        self._ws_protocol_class = value

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # a server's is a Transport
        self.connections.add(self)
        self.flow = FlowControl(self.transport)
        self.server = get_local_addr(transport)
        self.client = get_remote_addr(transport)
        self.scheme = "https" if is_ssl(transport) else "http"
        self._deadline.set(Due.HEAD, self.config.timeout_request_head)
        if self.logger.isEnabledFor(TRACE_LOG_LEVEL):
            self._trace("HTTP connection made")

    def pause_writing(self) -> None:
        self.flow.pause_writing()
        self._await_send()

    def resume_writing(self) -> None:
        self.flow.resume_writing()
        if self._deadline.reason is Due.SEND:
            self._await_next_event()

    def _await_next_event(self) -> None:
        """Set the deadline for what the client has to do next, where it is its turn."""
        raise NotImplementedError

    def write(self, data: bytes) -> None:
        """Send bytes, unless the connection is closing."""
        if not self.transport.is_closing():
            self.transport.write(data)

    def open_outbox(self, data: bytes) -> None:
        """Send the first part of several."""
        if self._real_loop:
            self.outbox = Outbox(self)
            if data:
                self.outbox.add(data)
        elif data:
            self.write(data)

    def empty_outbox(self) -> None:
        outbox, self.outbox = self.outbox, None
        if outbox is not None:
            outbox.flush()

    def _answer(self, status: int, text: str | None = None, method: str = "") -> None:
        if self.transport.is_closing():
            return
        body = (text or _REASONS.get(status) or HTTPStatus(status).phrase).encode()
        headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(body))]
        framer = self.response_framer_class(HEAD_REQUEST if method == "HEAD" else 0)
        framer.start(
            {"type": "http.response.start", "status": status, "headers": headers}, self.server_state.default_block
        )
        self.transport.write(framer.body({"type": "http.response.body", "body": body}))
        self._close_gently()

    def close(self) -> None:
        """Close the transport, once, behind what is to be sent."""
        self.empty_outbox()
        if not self.transport.is_closing():
            self.transport.close()
        if self._get_unsent():
            self._await_send()
        else:
            self._deadline.cancel()

    def _close_gently(self) -> None:
        """Close so that the answer arrives: end our half, and read on (RFC 9112 section 9.6)."""
        transport = self.transport
        can_write_eof = getattr(transport, "can_write_eof", None)
        if self._eof or self._leaving or can_write_eof is None or not can_write_eof():
            # A server that shuts down does not wait for clients that keep their half open.
            self.close()
            return
        self._linger()
        self._discarded = 0
        try:
            transport.write_eof()
        except OSError:
            # Reset by the client, and the loop has not been told yet.
            self.close()
            return
        self._await_next_event()
        self.flow.resume_reading()

    def _reset(self) -> None:
        """End the connection so that nobody takes what it has got for everything: a FIN may end a body."""
        self.empty_outbox()
        transport = self.transport
        if not hasattr(transport, "abort"):
            self.close()
            return
        sock = transport.get_extra_info("socket")
        if sock is not None:
            # It may be gone, or have no such option.
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
        transport.abort()
        if sys.platform == "win32" and sock is not None:  # pragma: no cover - coverage is measured on Linux
            # The proactor would shut it down first, which is the FIN.
            getattr(sock, "_sock", sock).close()

    def _linger(self) -> None:
        """From now on, drop what is read."""
        self._lingering = True

    def _discard(self, size: int) -> None:
        self._discarded += size
        if self._discarded > LINGER_BYTES:
            # The rest is dropped too.
            self._linger()
            self.close()

    def _get_unsent(self) -> int:
        get_size = getattr(self.transport, "get_write_buffer_size", None)
        return 0 if get_size is None else get_size()

    def _await_send(self) -> None:
        self._unsent = self._get_unsent()
        self._deadline.set(Due.SEND, self.config.timeout_send)

    def _on_due(self, due: Due) -> None:
        if due is Due.SEND:
            unsent = self._get_unsent()
            if unsent < self._unsent:
                if unsent:
                    self._await_send()
                else:
                    self.close()
            else:
                self._reset()
        else:
            self._close_sent()

    def _close_sent(self) -> None:
        """Close, once the client has taken what it was sent."""
        if self._get_unsent():
            self._await_send()
        else:
            self.close()

    def _trace(self, message: str) -> None:
        prefix = f"{self.client[0]}:{self.client[1]} - " if self.client else ""
        self.logger.log(TRACE_LOG_LEVEL, "%s%s", prefix, message)
