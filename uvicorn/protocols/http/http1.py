"""HTTP/1.1 on one connection: reads requests, starts applications in order, writes responses (RFC 9112).

`Http1` has three callers. The event loop calls the methods of an asyncio protocol with the bytes of the client. The
exchange of the current request calls the methods of `uvicorn.protocols.wire.Stream`. The connection calls `on_due`, and
the server calls `shutdown`.

`RequestReader` decides where requests begin and end. `Http1` asks it for the next event only when it can handle the
event. Requests after the current one stay unread bytes until the response is complete. So a bad request, an upgrade or
a close takes effect only after the responses before it.

    state     what happens                                              next state
    IDLE      no request is served; a part of a head may be read        STARTING, CLOSED
    STARTING  the application is called, and may answer in this call    SERVING, and the same as SERVING
    SERVING   the application has not completed the response            IDLE, QUEUED, DRAINING, CLOSED
    QUEUED    unread bytes wait for the next turn of the loop           STARTING, IDLE, CLOSED
    DRAINING  the response is complete; the rest of the request body    IDLE, QUEUED, CLOSED
              is read and dropped
    CLOSED    nothing is read: received bytes are dropped, or another
              wire has the connection
"""

import asyncio
import enum
import logging
from collections.abc import Callable, Iterable
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar

from uvicorn._speedups import RequestHead, RequestReader, RequestRejected, ResponseFramer
from uvicorn._speedups.flags import (
    BODY_FOLLOWS,
    CLOSE,
    CLOSES,
    COMPLETE,
    EXPECT_BODY,
    EXPECT_START,
    EXPECTS_CONTINUE,
    HAS_FORWARDED,
    HEAD_REQUEST,
    KEEP_ALIVE,
    LENGTH,
    PERSISTS,
    UNREAD,
    WANTS_UPGRADE,
)
from uvicorn.protocols.connection import LINGER_BYTES, LINGER_SECONDS, Connected, Connection, Due
from uvicorn.protocols.exchange import LISTENS, RequestResponseCycle
from uvicorn.protocols.http import upgrade
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT, FlowControl, exceeds_limit, service_unavailable
from uvicorn.protocols.http.hooks import Hookable, Hooks, Message, switch, take_body, take_request
from uvicorn.protocols.http.outbox import Outbox
from uvicorn.protocols.http.service import PASS_SECONDS, Service, get_service, request_limits
from uvicorn.protocols.scope import get_http_template
from uvicorn.protocols.transfer import Transfer, can_transfer
from uvicorn.protocols.utils import build_answer, get_answer_text, log_invalid_request

if TYPE_CHECKING:
    from uvicorn._types import ASGI3Application, HTTPScope
    from uvicorn.config import Config
    from uvicorn.protocols.deadline import Deadline
    from uvicorn.server_state import ServerState

logger = logging.getLogger("uvicorn.error")
access_logger = logging.getLogger("uvicorn.access")


class State(enum.Enum):
    """The states of a connection; the docstring of the module has a table."""

    IDLE = enum.auto()
    STARTING = enum.auto()
    SERVING = enum.auto()
    QUEUED = enum.auto()
    DRAINING = enum.auto()
    CLOSED = enum.auto()


# Enum member access is slow before Python 3.12; these globals avoid it.
_IDLE = State.IDLE
_STARTING = State.STARTING
_KEEP_ALIVE = Due.KEEP_ALIVE


class Http1Service(Service):
    """What the HTTP/1.1 connections of one class share.

    Attributes:
        hooks: which hooks to call; None if there are none, so that they cost nothing.
        judge: the function that checks the grammar of field lines.
        limits: the limits of `RequestReader`.
    """

    def __init__(self, http: "Http1") -> None:
        super().__init__(http, http.get_cycle_class())
        hooks = Hooks(http)
        self.hooks = hooks if hooks.requests or hooks.responses or hooks.events or hooks.by_instance else None
        self.judge = http.get_judge()
        self.limits = http.request_limits()


class Http1(Hookable, Connected, asyncio.Protocol):
    """One HTTP/1.1 connection. It is the wire, and also the stream of the current request.

    Args:
        config: the config of the server; it is loaded if it was not.
        server_state: the data that all connections of the server share.
        app_state: the state of the lifespan; each scope gets a copy.
        _loop: the event loop. A test double needs only `create_task` and `call_later`.

    Attributes:
        state: see the table of the module.
        reader: reads the requests.
        cycle: the exchange of the current request, or None.
        leaving: whether the connection closes after the current response.
        message: the request whose hooks are being called, or None.
        upgrade: the head of a WebSocket handshake, until the connection is given to the WebSocket; otherwise None.
    """

    __slots__ = (
        "_eager",
        "_hooks",
        "_make_task",
        "_new_cycle",
        "_proxied_app",
        "_scheduler",
        "_service",
        "_ws_protocol_class",
        "access_log",
        "app",
        "app_state",
        "config",
        "connection",
        "cycle",
        "flow",
        "framer",
        "leaving",
        "limit_concurrency",
        "loop",
        "message",
        "outbox",
        "reader",
        "scope",
        "server_state",
        "state",
        "tasks",
        "timeout_keep_alive",
        "transport",
        "upgrade",
    )

    schemes = ("http", "https")
    logger = logger
    access_logger = access_logger
    request_reader_class: ClassVar[Any] = RequestReader
    response_framer_class: ClassVar[Any] = ResponseFramer

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
        self.app_state = app_state
        self.loop: Any = _loop or asyncio.get_event_loop()
        self.access_log = access_logger.hasHandlers()
        self.tasks = server_state.tasks
        self.limit_concurrency = config.limit_concurrency

        service: Http1Service = get_service(self, Http1Service)
        self._service = service
        # Each request reads these. An attribute of the connection is faster than one of the service.
        self.timeout_keep_alive = service.timeout_keep_alive
        self._scheduler = service.scheduler
        self._make_task = service.make_task
        self._new_cycle = service.new_cycle
        self._hooks = service.hooks
        self._eager = False
        self.app: ASGI3Application = config.loaded_app
        # The application for requests with header fields of a proxy.
        self._proxied_app = self.app
        self.connection = Connection(self, config, server_state, self._scheduler.timers)
        self.transport: asyncio.Transport = None  # type: ignore[assignment]  # set once the connection is made
        self.flow: FlowControl = None  # type: ignore[assignment]  # as the transport
        self.state = _IDLE
        self.leaving = False
        self.reader: Any = self.request_reader_class(service.judge, service.limits)
        self.message: Message | None = None
        self.upgrade: RequestHead | None = None

        # `scope` is that of the request that was read last, `cycle` that of the current request.
        self.scope: HTTPScope | None = None
        self.cycle: RequestResponseCycle | None = None
        self.framer: Any = self.response_framer_class(0)
        self.framer.observers = service.observers
        # Set while a response of several parts is being sent.
        self.outbox: Outbox | None = None

    @classmethod
    def get_cycle_class(cls) -> Any:
        """The class of the exchanges. It is looked up in the public module, where programs replace it."""
        raise NotImplementedError

    def get_judge(self) -> Callable[[bytes], None]:
        """The function that checks whether field lines follow the grammar."""
        raise NotImplementedError

    def request_limits(self) -> tuple[int, int, int, int]:
        """The limits for `RequestReader`."""
        return request_limits(self.config)

    # What subclasses read

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """The header fields of the request that was read last."""
        return [] if self.scope is None else self.scope["headers"]  # type: ignore[return-value]  # ours is a list

    @property
    def keep_alive(self) -> bool:
        """Whether the connection may persist after the current response."""
        return bool(self.framer.keep_alive)

    @property
    def timeout_keep_alive_task(self) -> "Deadline[Due] | asyncio.TimerHandle | None":
        """The timer that closes an idle connection; None if the connection is not idle."""
        deadline = self.connection.deadline
        return deadline.handle if self.state is _IDLE and deadline.reason is _KEEP_ALIVE else None

    @property
    def ws_protocol_class(self) -> Any:
        """The WebSocket class: the one that was assigned to this attribute, otherwise that of the config."""
        try:
            return self._ws_protocol_class
        except AttributeError:
            # Looked up as late as possible, because it may import a library.
            return self.config.ws_protocol_class

    @ws_protocol_class.setter
    def ws_protocol_class(self, value: Any) -> None:
        self._ws_protocol_class = value

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        connection = self.connection
        connection.made(transport)
        self.transport = connection.transport
        self.flow = connection.flow
        template = get_http_template(self.server_state, self.config, connection)
        self.reader.set_template(template, connection.client, self.app_state)
        service = self._service
        if service.middleware is not None and self.app is service.middleware:
            self._proxied_app = service.middleware.for_peer(connection.client, connection.server)
            self.app = service.app
        # A subclass may have assigned another application to `self.app`.
        self._eager = service.is_eager if self.app is service.app else service.starts_at_once(self.app)
        connection.deadline.set(Due.HEAD, self.config.timeout_request_head)
        connection.trace("HTTP connection made")

    def connection_lost(self, exc: Exception | None) -> None:
        if self.connection.wire is self:
            self.connection.trace("HTTP connection lost")
            self.connection.lost()
        self.state = State.CLOSED
        if self.cycle is not None:
            self.cycle.disconnect()

    def data_received(self, data: bytes) -> None:
        """Read bytes and serve requests.

        Returns when a request has to wait: for its application, for more bytes, or for the next turn of the loop.

        Args:
            data: the bytes of the client. With b"", the unread bytes are served.
        """
        if self.state is not _IDLE or (self._hooks is not None and data):
            self._receive(data)
            return
        reader = self.reader
        until = 0.0
        try:
            flags = reader.read(data)
            # Each pass of this loop serves one request.
            while flags >= 0:
                if self._hooks is not None:
                    cycle = take_request(self, self._hooks, flags)
                else:
                    cycle = self.take_request(flags, reader.build_scope())
                if cycle is None:
                    switch(self, self._hooks)
                    return
                if flags >= UNREAD or not data:
                    until = until or monotonic() + PASS_SECONDS
                    if flags & UNREAD and cycle.more_body:
                        self._read_body()
                    if not data and self.connection.eof:
                        cycle.end()
                    if self.state is not _STARTING:
                        self._pace_reading()
                        return
                if not self._eager:
                    task = self._make_task(cycle.run_asgi(cycle.app))
                else:
                    task = cycle.start(self._make_task)
                if task is not None:
                    self._end_first_step(cycle, task)
                flow = self.flow
                if self.state is not _IDLE:
                    if flags & UNREAD or flow.read_paused:
                        self._pace_reading()
                    return
                if flags < UNREAD or not reader.has_unread():
                    if flow.write_paused or flow.read_paused or self.connection.eof:
                        self._go_idle()
                        return
                    # Deadline.set, inlined: it saves 600 instructions.
                    deadline = self.connection.deadline
                    deadline.reason = _KEEP_ALIVE
                    deadline.due = due = monotonic() + self.timeout_keep_alive
                    if due < deadline.armed_for:
                        deadline.arm(self.timeout_keep_alive)
                    return
                if monotonic() >= until:
                    self._queue()
                    return
                flags = reader.read_head()
            self._await_request()
        except RequestRejected as rejected:
            self._refuse(rejected)

    def _serve_unread(self) -> None:
        """Serve the unread bytes. This does not call `data_received` of a subclass, which may count bytes."""
        Http1.data_received(self, b"")

    def _receive(self, data: bytes) -> None:
        """Take bytes if a request is being served already, or if the class has hooks."""
        if self.state is State.CLOSED:
            self.connection.discard(len(data))
            return
        self.reader.feed(data)
        hooks = self._hooks
        if hooks is not None and hooks.by_instance:
            self._find_own_hooks(hooks)
        if hooks is not None and hooks.events:
            self.handle_events()  # type: ignore[attr-defined]  # only H11Protocol has this hook
        else:
            self.read_events()

    def _find_own_hooks(self, hooks: Hooks) -> None:
        """Look for hooks that were assigned to this instance."""
        own = set(vars(self))
        self._hooks = Hooks(self, own)
        self._hooks.by_instance = False

    def read_events(self) -> None:
        """Read events from the unread bytes, as far as they can be handled now."""
        state = self.state
        reader = self.reader
        if state is _IDLE:
            self._serve_unread()
        elif state is State.DRAINING:
            self._drain_body()
        elif self.cycle is not None and reader.more_body:
            if not self.flow.read_paused:
                self._read_body()
        else:
            # These bytes are requests that have to wait for the current one.
            self.flow.pause_reading()

    def eof_received(self) -> bool | None:
        """Called when the client has closed its direction. It may still read the response (RFC 9112 section 9.6)."""
        self.connection.eof = True
        state = self.state
        cycle = self.cycle
        if state is _IDLE:
            self._await_request()
        elif state is State.DRAINING:
            self._close()
        elif cycle is not None:
            if cycle.more_body and not self.reader.has_unread():
                self._refuse(RequestRejected(400, "the connection ended within a request"))
            else:
                cycle.end()
        # With TLS, closing one direction closes the connection.
        return self.state is not State.CLOSED and not self.connection.secure

    def pause_writing(self) -> None:
        self.connection.pause_writing()

    def resume_writing(self) -> None:
        if self.connection.resume_writing():
            self._await_client()

    def shutdown(self) -> None:
        """Called when the server shuts down: close now, or after the current response."""
        if self.cycle is not None or self.state is State.QUEUED:
            self.leaving = True
            self.framer.keep_alive = False
        else:
            self._close()

    @property
    def exchanges(self) -> tuple[RequestResponseCycle, ...]:
        """The exchange of the current request, if there is one."""
        return () if self.cycle is None else (self.cycle,)

    # Requests

    def _queue(self) -> None:
        self.state = State.QUEUED
        self._scheduler.soon(self._serve_queued, self._service.context)

    def _serve_queued(self) -> None:
        if self.state is State.QUEUED:
            self.state = _IDLE
            self._serve_unread()

    def take_request(self, flags: int, scope: Any) -> RequestResponseCycle | None:
        """Make the exchange for the request that was read last.

        Args:
            flags: the flags of the head (`uvicorn._speedups.flags`).
            scope: the scope for the application.

        Returns:
            The exchange, or None if the connection becomes a WebSocket.
        """
        state = self.server_state
        # This is ServerState.count_request, inlined. A call costs 300 instructions.
        state.total_requests += 1
        if state.request_limit is not None and state.request_limit == state.total_requests:
            state.on_limit()
        app = self.app
        if self.limit_concurrency is not None and exceeds_limit(state, self.limit_concurrency, self.logger):
            app = service_unavailable
            flags &= ~WANTS_UPGRADE
        body: bytes | None = b""
        more_body = expect_continue = False
        if flags >= HAS_FORWARDED:
            if flags & HAS_FORWARDED:
                app = self._get_proxied(app)
            if flags & BODY_FOLLOWS:
                body = None
                more_body = True
                expect_continue = flags & EXPECTS_CONTINUE != 0
            if flags >= WANTS_UPGRADE:
                head = self.reader.get_head() if self.message is None else self.message.head
                if upgrade.is_accepted(head, more_body, self.ws_protocol_class, self.logger):
                    self.upgrade = head
                    return None
        if state.draining or self.leaving:
            flags &= ~KEEP_ALIVE
        self.scope = scope
        self.framer.begin(flags, scope)
        # The attributes are set here, because an __init__ costs 1,300 instructions.
        cycle: RequestResponseCycle = self._new_cycle()
        cycle.stream = self
        cycle.app = app
        cycle.scope = scope
        cycle.progress = EXPECT_START
        cycle.body = body
        cycle.more_body = more_body
        cycle.expect_continue = expect_continue
        cycle.client = LISTENS
        cycle.waiters = None
        self.cycle = cycle
        self.state = _STARTING
        return cycle

    def _get_proxied(self, app: "ASGI3Application") -> "ASGI3Application":
        return self._proxied_app if app is self._service.app else app

    def _read_body(self) -> None:
        """Give the unread bytes of the body to the exchange."""
        reader = self.reader
        cycle: Any = self.cycle
        try:
            data = reader.next()
            if data is None:
                return
            if self._hooks is None or not self._hooks.requests:
                cycle.on_body(data, reader.more_body)
            else:
                take_body(self, data, reader.more_body)
        except RequestRejected as rejected:
            self._refuse(rejected)
            return
        if self.connection.deadline.reason is Due.BODY:
            self.connection.deadline.clear()
        self._pace_reading()

    def _pace_reading(self) -> None:
        """Pause reading if requests have to wait, or if the application has not taken the body; otherwise resume."""
        cycle = self.cycle
        if self.is_closed:
            return
        if self.reader.has_unread() or (
            cycle is not None and cycle.body is not None and len(cycle.body) > HIGH_WATER_LIMIT
        ):
            self.flow.pause_reading()
        else:
            self.flow.resume_reading()

    def _drain_body(self) -> None:
        """Drop the unread bytes of a body. The response was complete before the end of the request."""
        # This state is entered only if the rest of the body has a known length, so `next` cannot raise.
        self.reader.next()
        if not self.reader.more_body:
            if self.connection.deadline.reason is Due.LINGER:
                # The deadline was for the body only.
                self.connection.deadline.clear()
            self._go_on()

    def _go_on(self) -> None:
        """Called when a request is complete: serve the next one, or become idle."""
        if self.reader.has_unread():
            self._queue()
        else:
            self.state = _IDLE
            self._go_idle()

    def _go_idle(self) -> None:
        """Wait for another request. There are no unread bytes."""
        flow = self.flow
        if self.connection.eof:
            self._close()
            return
        if flow.write_paused:
            self._await_client()
        else:
            self.connection.deadline.set(_KEEP_ALIVE, self.timeout_keep_alive)
        flow.resume_reading()

    def _await_request(self) -> None:
        """Wait for the rest of a request. All bytes were read, and they are not a complete head."""
        if self.connection.eof:
            if self.reader.in_head():
                self._refuse(RequestRejected(400, "the connection ended within a request"))
            else:
                self._close()
            return
        self._await_client()
        self.flow.resume_reading()

    def _await_client(self) -> None:
        """Set the deadline for what the client has to do next."""
        deadline = self.connection.deadline
        cycle = self.cycle
        if self.flow.write_paused:
            # The client has to read first. The deadline `Due.SEND` is set while writing is paused.
            return
        if self.state is _IDLE:
            if self.reader.in_head():
                if deadline.reason is not Due.HEAD:
                    deadline.set(Due.HEAD, self.config.timeout_request_head)
            elif deadline.reason is not Due.HEAD and deadline.reason is not _KEEP_ALIVE:
                # Empty lines are not a request, so they do not extend the deadline.
                deadline.set(_KEEP_ALIVE, self.timeout_keep_alive)
        elif self.state is State.DRAINING:
            deadline.set(Due.LINGER, LINGER_SECONDS)
        elif cycle is not None and cycle.waiters and cycle.more_body:
            deadline.set(Due.BODY, self.config.timeout_request_body)
        else:
            deadline.clear()

    # The stream of the current request

    async def drain(self) -> None:
        """Wait until writing is not paused."""
        await self.flow.drain()

    def send(self, message: Any) -> None:
        """Send a message of the application; see `uvicorn.protocols.wire.Stream`."""
        framer = self.framer
        cycle: Any = self.cycle
        outbox = self.outbox
        if outbox is None:
            if cycle.more_body and not framer.head_sent:
                self._announce_end(cycle, message)
            data = framer.send(message, self.server_state.default_block)
            if data is None:
                cycle.progress = EXPECT_BODY
                if self.state is not _STARTING:
                    self._send_head_soon(cycle)
                return
        else:
            data = framer.send(message, self.server_state.default_block)
            if not framer.end():
                # This part is neither the first nor the last.
                if outbox.left > 1:
                    # This is Outbox.add, inlined. Without its two calls, an event costs a tenth less.
                    if data and not self.transport.is_closing():
                        outbox.left -= 1
                        self.transport.write(data)
                elif data:
                    outbox.add(data)
                return
        transport = self.transport
        is_closing = transport.is_closing()
        end = framer.end()
        if outbox is not None:
            if data:
                outbox.add(data)
            self._empty_outbox()
        else:
            if not end and self._scheduler.real:
                outbox = self.outbox = Outbox(self.connection.write, self._call_next_turn)
                if data:
                    outbox.add(data)
            elif data and not is_closing:
                transport.write(data)
            if self.access_log and framer.begun:
                self.server_state.log_access(self.access_logger, cycle.scope, framer.status)
        if end:
            cycle.progress = COMPLETE
            if cycle.waiters is not None:
                cycle.waiters.wake()
            if self._hooks is not None and self._hooks.responses:
                self.on_response_complete()
            self.cycle = None
            if end == CLOSES or cycle.more_body or is_closing:
                self._end_early(end == PERSISTS)
            elif self.state is _STARTING:
                self.state = _IDLE
            else:
                self._go_on()

    def _end_first_step(self, cycle: RequestResponseCycle, task: "asyncio.Task[None]") -> None:
        """Called when the application waits for something before its response is complete."""
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        if self.state is _STARTING:
            self.state = State.SERVING
        self._send_head(cycle)
        if self.outbox is not None:
            self.outbox.end_turn()

    def _send_head_soon(self, cycle: RequestResponseCycle) -> None:
        """Send the head in the next turn of the loop, unless a part of the body has been sent with it by then."""
        # `self.loop` may be a test double without `call_soon`.
        loop = asyncio._get_running_loop()
        if loop is None:
            # No loop runs: a test runs the coroutine of the application itself.
            self._send_head(cycle)
        else:
            loop.call_soon(self._send_head, cycle)

    def _send_head(self, cycle: RequestResponseCycle) -> None:
        """Send the head alone, if the response has started and no part of its body was sent."""
        if cycle is self.cycle and cycle.progress == EXPECT_BODY and not self.framer.head_sent:
            self._write_head()

    def _write_head(self) -> None:
        cycle: Any = self.cycle
        self.connection.write(self.framer.head())
        if self.access_log:
            self.server_state.log_access(self.access_logger, cycle.scope, self.framer.status)

    def _call_next_turn(self, callback: Callable[[], None]) -> None:
        """Call back in the next turn of the loop. In the state STARTING, `_end_first_step` does that work."""
        if self.state is not _STARTING:
            self.loop.call_soon(callback)

    def _empty_outbox(self) -> None:
        outbox, self.outbox = self.outbox, None
        if outbox is not None:
            outbox.flush()

    def _end_early(self, persists: bool) -> None:
        """End a response that is the last one, or that was complete before the body of the request.

        Args:
            persists: whether the response allows another request on the connection.
        """
        if self.transport.is_closing():
            self.state = State.CLOSED
            return
        if not persists or self._is_body_long():
            self._close_gently()
            return
        # The rest of the body is short. Read and drop it, and keep the connection.
        self.state = State.DRAINING
        self._await_client()
        self.flow.resume_reading()
        self._drain_body()

    def _announce_end(self, cycle: RequestResponseCycle, message: Any) -> None:
        """Let the head say `connection: close` if the response comes before the end of the request body."""
        if cycle.expect_continue:
            if dict(message).get("type") == "http.response.start":
                # The client may now not send the body. Then we could not know where the next request begins.
                self.framer.keep_alive = False
        elif cycle.progress == EXPECT_BODY and not dict(message).get("more_body") and self._is_body_long():
            self.framer.keep_alive = False

    def _is_body_long(self) -> bool:
        """Whether the rest of the body may be longer than we are willing to drop (RFC 9112 section 9.3)."""
        return not 0 <= self.reader.remaining <= LINGER_BYTES

    def send_interim(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Send an informational response (RFC 9110 section 15.2)."""
        self.connection.write(self.framer.interim(status, headers))

    async def send_file(self, file: int, offset: int, size: int) -> int:
        """Send bytes of a file with `sendfile`. Only for a body with Content-Length, on a connection without TLS."""
        framer = self.framer
        if framer.framing != LENGTH or not can_transfer(self.connection):
            return 0
        if not framer.head_sent:
            self._write_head()
        self._empty_outbox()
        transfer = Transfer(self.connection, self.resume_writing, file, offset, size)
        try:
            await transfer.run()
        finally:
            framer.skip(size - transfer.left)
        return size - transfer.left

    def takes_trailers(self) -> bool:
        """Whether the client wants trailers: it says so in the field TE (RFC 9110 section 10.1.4)."""
        options = [value for name, value in self.headers if name == b"te"]
        return b"trailers" in [option.strip(b" \t") for option in b",".join(options).lower().split(b",")]

    def want_body(self) -> None:
        """Called when the application waits for more of the body, or has taken what was buffered."""
        cycle: Any = self.cycle
        reader = self.reader
        if cycle.more_body and reader.has_unread():
            self._read_body()
        self._pace_reading()
        deadline = self.connection.deadline
        if cycle.more_body and cycle.body is None and deadline.reason not in (Due.SEND, Due.BODY):
            deadline.set(Due.BODY, self.config.timeout_request_body)

    def unwant_body(self) -> None:
        """Called when the application does not wait for the body any longer."""
        if self.connection.deadline.reason is Due.BODY:
            self.connection.deadline.clear()

    def fail(self) -> None:
        """Called when the application has failed: send an error response, or break off a response that has begun."""
        cycle: Any = self.cycle
        if self.framer.head_sent:
            self.break_off()
            return
        if self.access_log:
            self.server_state.log_access(self.access_logger, cycle.scope, 500)
        self.answer(500)
        if self._hooks is not None and self._hooks.responses:
            self.on_response_complete()

    # The end

    def _refuse(self, rejected: RequestRejected) -> None:
        """Answer a request that is not valid, and read nothing more."""
        if self.is_closed:
            # A hook has answered already.
            return
        if self.transport.is_closing():
            # A hook or the application has closed the connection.
            self._close()
            return
        log_invalid_request(self.logger, self.connection.client, rejected)
        if rejected.status == 400:
            self.send_400_response(get_answer_text(400).decode())
        else:
            self.answer(rejected.status)

    @property
    def is_closed(self) -> bool:
        """Whether the connection reads nothing more."""
        return self.state is State.CLOSED

    def answer(self, status: int, text: str | None = None) -> None:
        """Send a response of the server itself, and close. If a response has begun, break it off instead.

        Args:
            status: the status code.
            text: the body; by default the phrase of the status.
        """
        cycle = self.cycle
        framer = self.framer
        if cycle is not None and framer.head_sent:
            self.break_off()
            return
        if status != 500:
            self.server_state.rejected[status] += 1
        request = cycle or self.message
        is_head = request is not None and request.scope["method"] == "HEAD"
        if not self.transport.is_closing():
            start, body = build_answer(status, text.encode() if text else None)
            framer.begin(HEAD_REQUEST if is_head else 0, None)
            framer.start(start, self.server_state.default_block)
            self.transport.write(framer.body(body))
        if cycle is not None:
            cycle.disconnect()
        self._close_gently()

    def break_off(self) -> None:
        """End an incomplete response in a way that shows the client that it is incomplete."""
        cycle: Any = self.cycle
        cycle.disconnect()
        self.state = State.CLOSED
        self._empty_outbox()
        if self.framer.framing == CLOSE:
            # The end of this body is the end of the connection, so a normal close would look like a complete body.
            self.connection.reset()
        else:
            self.connection.close()

    def _close(self) -> None:
        self.state = State.CLOSED
        self._empty_outbox()
        self.connection.close()

    def _close_gently(self) -> None:
        self.state = State.CLOSED
        if self.leaving:
            # A server that shuts down does not wait for clients that keep their direction open.
            self.connection.close()
        else:
            self.connection.close_gently()

    def on_due(self, due: Due) -> None:
        """Called when a deadline of the connection has passed."""
        cycle = self.cycle
        if due is _KEEP_ALIVE:
            # The deadline is not cleared when a request arrives, so the connection may not be idle any longer.
            if self.state is _IDLE:
                self.timeout_keep_alive_handler()
        elif due is Due.HEAD:
            if self.state is _IDLE:
                self.answer(408)
        elif due is Due.BODY and cycle is not None:
            if self.framer.head_sent:
                self.framer.keep_alive = False
                cycle.end()
            else:
                self.answer(408)

    def close_idle(self) -> None:
        """Close the idle connection when the client has taken the last response."""
        self.state = State.CLOSED
        self.connection.close_once_sent()

    def leave(self) -> bytes:
        """Stop reading, because another wire gets the connection. Returns the unread bytes."""
        self.state = State.CLOSED
        rest: bytes = self.reader.take_rest()
        return rest
