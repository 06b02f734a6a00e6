"""One WebSocket: the wire, and the conversation with the application over it.

This module decides which events the application receives, when the connection ends, and which close code each side
gets (ASGI specification, WebSocket; RFC 6455 sections 5.5 and 7). A codec reads and writes the frames; the decisions
are the same for every codec.

The HTTP wires give a connection or a stream to `handle_upgrade`. If the class of `--http` is not one of ours, it gives
the bytes of the request to `data_received`. Afterwards the event loop calls the methods of an asyncio protocol, and the
application calls `receive` and `send`.

    state      what happens                                      object of the state  next state
    HEAD       the head of the request is read                   HeadReader           HANDSHAKE, CLOSED
    HANDSHAKE  the application has not answered yet              Opening              OPEN, DENIAL, CLOSED
    DENIAL     the application sends an HTTP response instead    Denial               CLOSED
    OPEN       both sides send messages                          Session              CLOSING, CLOSED
    CLOSING    our close frame was sent, the peer's is awaited   Session              CLOSED
    CLOSED     nothing more is written; received bytes are dropped
"""

import asyncio
import contextvars
import enum
import logging
import sys
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from uvicorn._speedups import Outcome, RequestHead, RequestRejected
from uvicorn._speedups.buffers import as_bytes
from uvicorn._speedups.tables import STATUS_LINES
from uvicorn.protocols.connection import LINGER_SECONDS, Connected, Connection, Due
from uvicorn.protocols.deadline import Deadline
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT, FlowControl, exceeds_limit
from uvicorn.protocols.scope import build_websocket_scope
from uvicorn.protocols.tasks import get_scheduler
from uvicorn.protocols.utils import (
    ClientDisconnected,
    describe_request,
    get_answer_text,
    get_client_addr,
    get_path_with_query_string,
    log_invalid_request,
)
from uvicorn.protocols.websockets.codec import (
    SENDABLE_CODES,
    CloseCode,
    Codec,
    Failed,
    PeerClosed,
    fitting_reason,
)
from uvicorn.protocols.websockets.deflate import PerMessageDeflate
from uvicorn.protocols.websockets.handshake import (
    HandshakeRejected,
    HeadReader,
    Http1Answer,
    accept_fields,
    read_handshake,
)
from uvicorn.protocols.websockets.inbox import Inbox
from uvicorn.protocols.websockets.keepalive import Action, Keepalive
from uvicorn.protocols.websockets.opening import Denial, Opening, respond
from uvicorn.protocols.websockets.session import Session
from uvicorn.protocols.wire import Answer

if TYPE_CHECKING:
    from uvicorn._types import ASGIReceiveEvent, ASGISendEvent, WebSocketScope
    from uvicorn.config import Config
    from uvicorn.server_state import ServerState

logger = logging.getLogger("uvicorn.error")

_CLOSE_TIMEOUT = 10.0  # seconds


class State(enum.Enum):
    """The states of a WebSocket; the docstring of the module has a table."""

    HEAD = enum.auto()
    HANDSHAKE = enum.auto()
    DENIAL = enum.auto()
    OPEN = enum.auto()
    CLOSING = enum.auto()
    CLOSED = enum.auto()


# These are needed for every message. Before Python 3.12, a global is faster than a member of an enum.
_OPEN = State.OPEN
_CLOSED = State.CLOSED


class Disconnect(NamedTuple):
    """The contents of the event `websocket.disconnect`.

    Attributes:
        code: the close code.
        reason: the reason of the close frame; None if there was no close frame.
        by_app: whether the application ended the conversation itself.
    """

    code: int
    reason: str | None
    by_app: bool


class WebSocketProtocol(Connected, asyncio.Protocol):
    """One WebSocket connection.

    Args:
        config: the config of the server; it is loaded if it was not.
        server_state: the data that all connections of the server share.
        app_state: the state of the lifespan.
        _loop: the event loop; the running loop by default.
    """

    __slots__ = (
        "_close_timeout",
        "_connect_given",
        "_denial",
        "_disconnect",
        "_head",
        "_inbox",
        "_max_size",
        "_opening",
        "_outcome",
        "_session",
        "_state",
        "_timer",
        "app",
        "app_state",
        "config",
        "connection",
        "flow",
        "logger",
        "loop",
        "scope",
        "server_state",
        "tasks",
        "transport",
    )

    schemes = ("ws", "wss")
    codec_class: ClassVar[type[Codec]]

    def __init__(
        self,
        config: "Config",
        server_state: "ServerState",
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        if not config.loaded:
            config.load()
        self.config = config
        self.server_state = server_state
        self.loop: Any = _loop or asyncio.get_running_loop()
        self.logger = logger
        timers = get_scheduler(server_state, self.loop).timers
        self.connection = Connection(self, config, server_state, timers)
        self.transport: asyncio.Transport = None  # type: ignore[assignment]  # set once the connection is made
        self.flow: FlowControl = None  # type: ignore[assignment]  # as the transport
        # The deadline of pings and of closing. The connection has a deadline of its own, for unsent bytes.
        self._timer: Deadline[Due] = Deadline(timers, self.on_due)
        self._close_timeout = _CLOSE_TIMEOUT
        self._state = State.HEAD
        # Typed as Any, because the declared type of applications returns None, and we check what they return.
        self.app: Any = config.loaded_app
        self.app_state = app_state
        self.tasks = server_state.tasks
        self.scope: WebSocketScope = None  # type: ignore[assignment]  # set by handle_upgrade

        self._max_size = min(config.ws_max_size or sys.maxsize, sys.maxsize)
        self._inbox = Inbox(config.ws_max_queue or sys.maxsize, self._max_size)
        # What the client was given; None without observers.
        self._outcome: Outcome | None = None
        self._connect_given = False
        self._disconnect: Disconnect | None = None
        # The object of the state: one each for HEAD, HANDSHAKE and DENIAL, and one for OPEN and CLOSING.
        self._head: HeadReader | None = None
        self._opening: Opening | None = None
        self._denial: Denial | None = None
        self._session: Session | None = None

    # What subclasses read

    @property
    def close_timeout(self) -> float:
        """How many seconds the peer has to answer our close frame, and to take the bytes that we wrote before."""
        return self._close_timeout

    @close_timeout.setter
    def close_timeout(self, seconds: float) -> None:
        # This is a property, because a slot of this name would hide the attribute of a subclass.
        self._close_timeout = seconds

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        connection = self.connection
        if transport is not connection.transport:
            # If they are the same, the connection was HTTP before, and is made already.
            connection.made(transport)
        self.transport = connection.transport
        self.flow = connection.flow
        connection.trace("WebSocket connection made")

    def connection_lost(self, exc: Exception | None) -> None:
        self.connection.trace("WebSocket connection lost")
        self.connection.lost()
        self._timer.close()
        self._state = State.CLOSED
        if self._session is not None:
            self.server_state.websockets -= 1
            self.logger.info("connection closed")
            self._end_conversation(CloseCode.NO_STATUS_RECEIVED)
        else:
            self._end_conversation(CloseCode.ABNORMAL_CLOSURE)
        if self._outcome is not None:
            self._outcome.report()

    def data_received(self, data: bytes) -> None:
        state = self._state
        session = self._session
        if session is not None and state is not _CLOSED:
            end = session.feed(data, state is _OPEN)
            if end is not None:
                self._on_end(end)
        elif state is State.HEAD:
            self._read_head(data)
        elif state is State.HANDSHAKE:
            opening = self._opening
            assert opening is not None
            # A client should send no frames before our answer. They are kept. Reading goes on, so that we notice if
            # the connection is lost.
            opening.early += data
            if len(opening.early) > HIGH_WATER_LIMIT:
                self.flow.pause_reading()
        elif state is State.CLOSED:
            self.connection.discard(len(data))

    def eof_received(self) -> None:
        """Let the transport close: a WebSocket ends when one of the two directions ends."""

    def pause_writing(self) -> None:
        self.connection.pause_writing()

    def resume_writing(self) -> None:
        if self.connection.resume_writing():
            self.connection.deadline.clear()
        if self._session is not None:
            self._session.resume_writing()

    def shutdown(self) -> None:
        """Called when the server shuts down: close the WebSocket. A denial response may be completed."""
        if self._state is State.OPEN:
            self._send_close(CloseCode.SERVICE_RESTART, "")
            self._end_conversation(CloseCode.SERVICE_RESTART)
            self._timer.set(Due.CLOSE, min(self.close_timeout, LINGER_SECONDS))
        elif self._state is State.HANDSHAKE:
            assert self._opening is not None
            self._respond(self._opening.answer, 500)
            self._end_conversation(CloseCode.ABNORMAL_CLOSURE)
            self._close()
        elif self._state is State.HEAD or self._state is State.CLOSING:
            self._close()

    def handle_upgrade(
        self, head: RequestHead, trailing: bytes, answer: Answer | None = None
    ) -> "asyncio.Task[None] | None":
        """Take over a connection whose request asks for a WebSocket.

        Args:
            head: the head of the request.
            trailing: bytes that came after the head.
            answer: how to answer; over HTTP/1.1 by default.

        Returns:
            The task of the application; None if the handshake was refused.
        """
        if answer is None:
            answer = Http1Answer(self.transport, self.server_state, head)
        try:
            answer.check()
            handshake = read_handshake(head, self.config.ws_per_message_deflate)
        except HandshakeRejected as rejected:
            self._respond(answer, rejected.status, rejected.text.encode(), rejected.headers)
            return None
        self._opening = Opening(answer, handshake, trailing)
        self.scope = build_websocket_scope(self.config, self.connection, head, handshake.subprotocols, self.app_state)
        self._state = State.HANDSHAKE
        return self._start_app()

    def _read_head(self, data: bytes) -> None:
        """Read the head of a request that an HTTP class of another package has passed on."""
        if self._head is None:
            self._head = HeadReader(self.config)
        try:
            complete = self._head.feed(data)
        except RequestRejected as rejected:
            self.server_state.rejected[rejected.status] += 1
            log_invalid_request(self.logger, self.client, rejected)
            self._respond(Http1Answer(self.transport, self.server_state, None), rejected.status)
            return
        if complete is not None:
            self._head = None
            self.server_state.count_request()
            limit = self.config.limit_concurrency
            if limit is not None and exceeds_limit(self.server_state, limit, self.logger):
                self._respond(Http1Answer(self.transport, self.server_state, None), 503)
            else:
                self.handle_upgrade(*complete)

    def _start_app(self) -> "asyncio.Task[None]":
        if self.server_state.observers:
            self._outcome = Outcome(self.scope["http_version"] == "2")
            self._outcome.observe(self.server_state.observers, self.scope)
        task: asyncio.Task[None]
        if self.config.reset_contextvars:
            task = contextvars.Context().run(self.loop.create_task, self.run_asgi())
        else:
            task = self.loop.create_task(self.run_asgi())
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)
        return task

    def _accept(self, opening: Opening, message: Any) -> None:
        handshake = opening.handshake
        status = opening.answer.accept(
            accept_fields(handshake, message.get("subprotocol"), message.get("headers") or ())
        )
        deflate = None if handshake.deflate is None else PerMessageDeflate(handshake.deflate)
        codec = self.codec_class(self._max_size, deflate)
        interval, timeout = self.config.ws_ping_interval, self.config.ws_ping_timeout
        keepalive = Keepalive(interval, timeout or None) if interval else None
        session = self._session = Session(codec, self._inbox, keepalive, self.transport, self.flow)
        self._opening = None
        self._state = State.OPEN
        self.server_state.websockets += 1
        self._note_status(status)
        self._log_answer("[accepted]")
        self.logger.info("connection open")
        if keepalive is not None:
            self._timer.set(Due.PONG, keepalive.delay)
        self.flow.resume_reading()
        if opening.early:
            end = session.feed(opening.early, True)
            if end is not None:
                self._on_end(end)

    def _start_denial(self, opening: Opening, message: Any) -> None:
        self._denial = Denial(opening.answer, message)
        self._opening = None
        self._state = State.DENIAL
        self._log_answer(str(self._denial.status))

    def _continue_denial(self, denial: Denial, message: Any) -> None:
        begins = not denial.answer.head_sent
        more_body = message.get("more_body", False)
        denial.body(message, more_body)
        if begins:
            self._log_rejection(denial.status)
        if not more_body:
            self._close()
            self._end_conversation(CloseCode.ABNORMAL_CLOSURE, by_app=True)

    def _respond(
        self, answer: Answer, status: int, text: bytes | None = None, headers: tuple[tuple[bytes, bytes], ...] = ()
    ) -> None:
        respond(answer, status, get_answer_text(status) if text is None else text, headers)
        self._log_rejection(status)
        self._close(gently=True)

    def _on_end(self, end: PeerClosed | Failed) -> None:
        self._end_conversation(end.code, end.reason)
        self._close(gently=isinstance(end, Failed))

    async def run_asgi(self) -> None:
        """Run the application, then close: with code 1000 if it returned, 1011 if it failed."""
        try:
            result = await self.app(self.scope, self.receive, self.send)
        except ClientDisconnected:
            self._on_app_end(CloseCode.NORMAL_CLOSURE)
        except Exception as exc:
            self.logger.error("Exception in ASGI application: %s\n", describe_request(self.scope), exc_info=exc)
            self._on_app_end(CloseCode.INTERNAL_ERROR)
        except BaseException:
            self._on_app_end(CloseCode.INTERNAL_ERROR)
            raise
        else:
            if result is not None:
                self.logger.error("ASGI callable should return None, but returned '%s'.", result)
            elif self._state is State.HANDSHAKE:
                self.logger.error("ASGI callable returned without completing handshake.")
            elif self._state is State.DENIAL:
                self.logger.error("ASGI callable returned without completing response.")
            self._on_app_end(CloseCode.NORMAL_CLOSURE if result is None else CloseCode.INTERNAL_ERROR)

    def _on_app_end(self, code: CloseCode) -> None:
        if self._state is State.HANDSHAKE or self._state is State.DENIAL:
            beginning = self._denial or self._opening
            assert beginning is not None
            if beginning.answer.head_sent:
                # A part of a response was sent. A reset shows the client that the response is incomplete.
                self._reset()
            else:
                self._respond(beginning.answer, 500)
        elif self._state is State.OPEN:
            self._send_close(code, "")
            self._end_conversation(code, "", by_app=True)
        self._end_conversation(CloseCode.ABNORMAL_CLOSURE, by_app=True)

    async def receive(self) -> "ASGIReceiveEvent":
        """The ASGI callable `receive`."""
        if not self._connect_given:
            self._connect_given = True
            return {"type": "websocket.connect"}
        inbox = self._inbox
        while not inbox.messages:
            if self._disconnect is not None or self._state is State.DENIAL:
                code, reason, _ = self._disconnect or (CloseCode.ABNORMAL_CLOSURE, None, True)
                if reason is None:
                    return {"type": "websocket.disconnect", "code": int(code)}
                return {"type": "websocket.disconnect", "code": int(code), "reason": reason}
            # `Waiters.wait` would cost one more coroutine: a tenth of the cost of a message.
            future = inbox.waiters.add()
            try:
                await future
            except asyncio.CancelledError:
                inbox.waiters.discard(future)
                raise
        # The same as a method of the inbox would cost 400 more instructions.
        message = inbox.messages.popleft()
        inbox.size -= len(message)
        if self.flow.read_paused and self._session is not None:
            self._session.resume_reading()
        if isinstance(message, str):
            return {"type": "websocket.receive", "text": message}
        return {"type": "websocket.receive", "bytes": message}

    async def send(self, message: "ASGISendEvent") -> None:
        """The ASGI callable `send`.

        Raises:
            ClientDisconnected: the client has gone.
            RuntimeError: the message is not allowed now, or not valid.
            TypeError: a value has a wrong type.
        """
        if self.flow.write_paused:
            await self.flow.drain()
        kind = message["type"]
        state = self._state
        session = self._session
        if session is not None and state is _OPEN:
            if kind == "websocket.send":
                data: Any = message.get("bytes")
                if data is None:
                    text: Any = message.get("text")
                    self.transport.write(session.codec.text(text if type(text) is str else _as_str(text)))
                else:
                    if type(data) is not bytes:
                        data = as_bytes(data, "'bytes' of 'websocket.send'")
                    self.transport.write(session.codec.binary(data))
            elif kind == "websocket.close":
                self._on_app_close(message)
            else:
                raise RuntimeError(f"Expected ASGI message 'websocket.send' or 'websocket.close', but got '{kind}'.")
        elif self._opening is not None and state is State.HANDSHAKE:
            self._answer_handshake(self._opening, kind, message)
        elif self._denial is not None and state is State.DENIAL:
            if kind != "websocket.http.response.body":
                raise RuntimeError(f"Expected ASGI message 'websocket.http.response.body' but got '{kind}'.")
            self._continue_denial(self._denial, message)
        elif self._disconnect is not None and self._disconnect.by_app:
            raise RuntimeError(f"Unexpected ASGI message '{kind}', after sending 'websocket.close'.")
        else:
            raise ClientDisconnected

    def _answer_handshake(self, opening: Opening, kind: str, message: Any) -> None:
        if kind == "websocket.accept":
            self._accept(opening, message)
        elif kind == "websocket.close":
            self._log_answer("403")
            self._respond(opening.answer, 403, b"")
            self._end_conversation(CloseCode.ABNORMAL_CLOSURE, by_app=True)
        elif kind == "websocket.http.response.start":
            self._start_denial(opening, message)
        else:
            raise RuntimeError(
                "Expected ASGI message 'websocket.accept', 'websocket.close' or 'websocket.http.response.start' "
                f"but got '{kind}'."
            )

    def _on_app_close(self, message: Any) -> None:
        code = message.get("code")
        code = int(CloseCode.NORMAL_CLOSURE) if code is None else code
        if code not in SENDABLE_CODES:
            raise RuntimeError(f"'websocket.close' has an invalid code: {code!r}.")
        reason = message.get("reason") or ""
        self._send_close(code, reason)
        self._end_conversation(code, reason, by_app=True)

    def _send_close(self, code: int, reason: str) -> None:
        """Start the closing handshake (RFC 6455 section 7.1.2)."""
        assert self._session is not None
        self._state = State.CLOSING
        self._timer.set(Due.CLOSE, self.close_timeout)
        self._session.close(code, fitting_reason(reason))

    def _end_conversation(self, code: int, reason: str | None = None, by_app: bool = False) -> None:
        """Let `receive` return `websocket.disconnect` after the unread messages. Only the first call has an effect."""
        if self._disconnect is None:
            self._disconnect = Disconnect(code, reason, by_app)
            self._inbox.waiters.wake()

    def _close(self, gently: bool = False) -> None:
        """Close when the peer has taken the bytes that were written, or after `close_timeout` seconds.

        Args:
            gently: close only our direction first and go on reading; a reset could destroy the last bytes.
        """
        self._state = State.CLOSED
        if not self.transport.is_closing():
            self._timer.set(Due.CLOSE, self.close_timeout)
            if gently:
                self.connection.close_gently()
            else:
                self.connection.close()

    def _reset(self) -> None:
        self._state = State.CLOSED
        self.connection.reset()

    def on_due(self, due: Due) -> None:
        """A deadline has passed."""
        if due is Due.PONG:
            self._on_pong_due()
        elif due is Due.SEND:
            # The connection is reset after this call.
            self._state = State.CLOSED
            self._timer.cancel()
        elif self._state is State.CLOSED or self.connection.unsent():
            self._reset()
        else:
            self._close()

    def _on_pong_due(self) -> None:
        session = self._session
        assert session is not None
        keepalive = session.keepalive
        assert keepalive is not None
        action = keepalive.tick(deaf=self.flow.read_paused)
        if action is Action.FAIL:
            self.transport.write(session.codec.close(CloseCode.INTERNAL_ERROR, "keepalive ping timeout"))
            self._end_conversation(CloseCode.NO_STATUS_RECEIVED)
            self._close(gently=True)
            return
        if action is Action.PING:
            self.transport.write(session.codec.ping())
        self._timer.set(Due.PONG, keepalive.delay)

    def _log_answer(self, answer: str) -> None:
        self.logger.info(
            '%s - "WebSocket %s" %s', get_client_addr(self.scope), get_path_with_query_string(self.scope), answer
        )

    def _note_status(self, status: int) -> None:
        """Keep for observers the status that the client was given."""
        if self._outcome is not None:
            self._outcome.status = status

    def _log_rejection(self, status: int) -> None:
        self._note_status(status)
        line = STATUS_LINES.get(status)
        self.logger.info("connection rejected (%s)", status if line is None else line[9:-2].decode())


def _as_str(text: object) -> str:
    """Return text as a plain str, also if it is a subclass with its own `__str__`."""
    if isinstance(text, str):
        return str.__str__(text)
    if text is None:
        raise RuntimeError("'websocket.send' needs 'text' or 'bytes'.")
    raise TypeError(f"'text' of 'websocket.send' must be a str, got {type(text).__name__}: {text!r}")
