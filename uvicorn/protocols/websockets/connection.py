"""The transport's side of a WebSocket connection: flow control, keepalive, and how it comes to an end."""

import asyncio
import enum
import logging
from collections import deque
from typing import TYPE_CHECKING

from uvicorn.logging import TRACE_LOG_LEVEL
from uvicorn.protocols.connection import LINGER_BYTES, LINGER_SECONDS
from uvicorn.protocols.deadline import Deadline
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.tasks import get_scheduler
from uvicorn.protocols.utils import get_local_addr, get_remote_addr, is_ssl
from uvicorn.protocols.websockets.codec import Message
from uvicorn.server_state import ServerState

if TYPE_CHECKING:
    from uvicorn.config import Config

logger = logging.getLogger("uvicorn.error")

_CLOSE_TIMEOUT = 10.0


class State(enum.Enum):
    HEAD = enum.auto()  # the head of the request is awaited
    HANDSHAKE = enum.auto()  # the application has not answered
    DENIAL = enum.auto()  # the application is sending a response of its own
    OPEN = enum.auto()
    CLOSING = enum.auto()  # our close frame is sent, the peer's is awaited
    LINGERING = enum.auto()  # nothing more is written, what comes is dropped
    CLOSED = enum.auto()


class Due(enum.Enum):
    KEEPALIVE = enum.auto()
    CLOSE = enum.auto()
    FLUSH = enum.auto()


class Action(enum.Enum):
    PING = enum.auto()
    WAIT = enum.auto()
    FAIL = enum.auto()


class Keepalive:
    """Counts seconds by its owner's timer alone, so that messages cost nothing here, and a pong a flag.

    Args:
        interval: between pings.
        timeout: for the answer to one, None for ever.

    Attributes:
        delay: seconds until `tick` is to be called.
    """

    __slots__ = ("_interval", "_since_ping", "_timeout", "_unanswered", "delay")

    def __init__(self, interval: float, timeout: float | None) -> None:
        self._interval = interval
        self._timeout = timeout
        self._since_ping = 0.0
        self._unanswered = False
        self.delay = interval

    def pong(self) -> None:
        self._unanswered = False

    def tick(self, deaf: bool) -> Action:
        """What is due now that `delay` seconds have passed; `deaf` if we do not read, so that no answer is seen."""
        self._since_ping += self.delay
        if self._unanswered and self._timeout is not None:
            if deaf:
                self._since_ping = 0.0
            elif self._since_ping >= self._timeout:
                return Action.FAIL
            self.delay = self._timeout - self._since_ping
            return Action.WAIT
        if self._since_ping < self._interval:
            self.delay = self._interval - self._since_ping
            return Action.WAIT
        self._since_ping = 0.0
        self._unanswered = True
        self.delay = self._interval if self._timeout is None else min(self._interval, self._timeout)
        return Action.PING


class Inbox:
    """A queue with a high and a low water mark.

    Args:
        max_messages, max_bytes: so many of either (of text: characters) fill it.

    Attributes:
        messages: what is unread; to be looked at only.
    """

    __slots__ = ("_max_bytes", "_max_messages", "_size", "_waiters", "messages")

    def __init__(self, max_messages: int, max_bytes: int) -> None:
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self.messages: deque[Message] = deque()
        self._size = 0
        self._waiters: list[asyncio.Future[None]] = []

    def put(self, message: Message) -> None:
        self.messages.append(message)
        self._size += len(message)
        if self._waiters:
            self.wake()

    def get(self) -> Message:
        message = self.messages.popleft()
        self._size -= len(message)
        return message

    @property
    def full(self) -> bool:
        return len(self.messages) >= self._max_messages or self._size >= self._max_bytes

    @property
    def drained(self) -> bool:
        """Whether reading should go on: a quarter is left, so that it does not flap."""
        return len(self.messages) * 4 <= self._max_messages and self._size * 4 <= self._max_bytes

    def wake(self) -> None:
        """There is a message, or there will never be one."""
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    def waiter(self) -> "asyncio.Future[None]":
        """Done at the next `wake`; messages stay, so that a cancelled reader loses nothing."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._waiters:
            self._waiters = [other for other in self._waiters if not other.done()]
        self._waiters.append(waiter)
        return waiter


class Connection(asyncio.Protocol):
    """A transport, what is known about it, and one timer."""

    __slots__ = (
        "_close_timeout",
        "_discarded",
        "_stall",
        "_state",
        "_timer",
        "client",
        "config",
        "connections",
        "flow",
        "logger",
        "loop",
        "scheme",
        "server",
        "server_state",
        "transport",
    )

    def __init__(self, config: "Config", server_state: ServerState, loop: asyncio.AbstractEventLoop) -> None:
        self.config = config
        self.loop = loop
        self.logger = logger
        self.server_state = server_state
        self.connections = server_state.connections
        self.transport: asyncio.Transport = None  # type: ignore[assignment]  # set by connection_made
        self.flow: FlowControl = None  # type: ignore[assignment]  # as above
        self.server: tuple[str, int | None] | None = None
        self.client: tuple[str, int] | None = None
        self.scheme = "ws"
        self._state = State.HEAD
        self._timer: Deadline[Due] = Deadline(get_scheduler(server_state, loop).timers, self._on_due)
        self._stall: Deadline[int] | None = None
        self._discarded = 0
        self._close_timeout = _CLOSE_TIMEOUT

    @property
    def close_timeout(self) -> float:
        """Seconds for the peer to answer our close frame, or to take what we wrote before we close."""
        return self._close_timeout

    @close_timeout.setter
    def close_timeout(self, seconds: float) -> None:
        # A slot of this name would hide the attribute of a subclass.
        self._close_timeout = seconds

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.connections.add(self)
        self.transport = transport  # type: ignore[assignment]  # a server's is a Transport
        self.flow = FlowControl(self.transport)
        self.server = get_local_addr(transport)
        self.client = get_remote_addr(transport)
        self.scheme = "wss" if is_ssl(transport) else "ws"
        self._trace("made")

    def connection_lost(self, exc: Exception | None) -> None:
        self.connections.discard(self)
        self._trace("lost")
        self._state = State.CLOSED
        self._timer.cancel()
        if self._stall is not None:
            self._stall.cancel()
        self.flow.resume_writing()

    def eof_received(self) -> None:
        """Have the transport close: a WebSocket does not outlive one of its directions."""

    def pause_writing(self) -> None:
        self.flow.pause_writing()
        if self._stall is None:
            self._stall = Deadline(get_scheduler(self.server_state, self.loop).timers, self._on_stall)
        self._stall.set(self._unsent(), self.config.timeout_send)

    def resume_writing(self) -> None:
        if self._stall is not None:
            self._stall.clear()
        self.flow.resume_writing()

    def _linger(self) -> None:
        """Half-close, and close when the peer has had time to read; at once where the transport cannot."""
        if self.transport.is_closing() or not (hasattr(self.transport, "write_eof") and self.transport.can_write_eof()):
            self._close()
            return
        self._state = State.LINGERING
        try:
            self.transport.write_eof()
        except OSError:
            # The peer has reset the connection, and the loop has not been told yet.
            self._close()
        else:
            self._timer.set(Due.CLOSE, LINGER_SECONDS)
            self.flow.resume_reading()

    def _discard(self, size: int) -> None:
        """RFC 9112 section 9.6."""
        self._discarded += size
        if self._discarded > LINGER_BYTES:
            self._close()

    def _close(self) -> None:
        """Close once what was written is sent, or the peer has not taken it in time."""
        self._state = State.CLOSED
        if not self.transport.is_closing():
            self.transport.close()
            self._timer.set(Due.FLUSH, self.close_timeout)

    def _abort(self) -> None:
        if hasattr(self.transport, "abort"):
            self._state = State.CLOSED
            self.transport.abort()
        else:
            self._close()

    def _unsent(self) -> int:
        return self.transport.get_write_buffer_size() if hasattr(self.transport, "get_write_buffer_size") else 0

    def _on_due(self, due: Due) -> None:
        if due is Due.CLOSE and not self._unsent():
            self._close()
        else:
            self._abort()

    def _on_stall(self, unsent: int) -> None:
        """The peer has had `timeout_send` to take some of it."""
        left = self._unsent()
        if left < unsent and self._stall is not None:
            self._stall.set(left, self.config.timeout_send)
        else:
            self._abort()

    def _trace(self, what: str) -> None:
        if self.logger.isEnabledFor(TRACE_LOG_LEVEL):
            prefix = "{}:{} - ".format(*self.client) if self.client else ""
            self.logger.log(TRACE_LOG_LEVEL, "%sWebSocket connection %s", prefix, what)
