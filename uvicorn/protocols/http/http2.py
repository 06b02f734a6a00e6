"""HTTP/2 on one connection: reads requests, starts applications, writes responses (RFC 9113).

`Http2` is the wire. `uvicorn.protocols.http.negotiation` makes it when a client speaks HTTP/2. Then the event loop
calls the methods of an asyncio protocol with the bytes of the client, the connection calls `on_due`, and the server
calls `shutdown`. `Http2Stream` is one request; its exchange calls the methods of `uvicorn.protocols.wire.Stream`.

A `Session` (`uvicorn._speedups`) reads and writes frames, and enforces windows and limits. `Http2` takes its events,
starts applications, and writes the output of the session once for each turn of the loop.

    state    what happens                                                next state
    SERVING  requests are served                                         LEAVING, ENDING, CLOSED
    LEAVING  the server shuts down: a first GOAWAY and a PING were       ENDING, CLOSED
             sent, the answer to the PING is awaited (section 6.8)
    ENDING   open streams are served, and new ones are ignored           CLOSED
    CLOSED   nothing is read: received bytes are dropped
"""

import asyncio
import enum
import logging
from collections.abc import Callable, Iterable
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar

from uvicorn._speedups import RequestHead, RequestRejected, Session
from uvicorn._speedups.flags import BODY_FOLLOWS, COMPLETE, EXPECT_BODY, EXPECT_START, EXPECTS_CONTINUE, HAS_FORWARDED
from uvicorn._speedups.http2_codes import (
    BODY,
    CANCEL,
    CONNECT,
    ENHANCE_YOUR_CALM,
    FAULT,
    INADEQUATE_SECURITY,
    INTERNAL_ERROR,
    PONG,
    QUEUED,
    REFUSED_STREAM,
    REJECTED,
    REQUEST,
    STREAM_ERROR,
)
from uvicorn.protocols.connection import Connection, Due
from uvicorn.protocols.deadline import Deadline
from uvicorn.protocols.exchange import LISTENS, RequestResponseCycle
from uvicorn.protocols.http.flow_control import exceeds_limit, service_unavailable
from uvicorn.protocols.http.service import PASS_SECONDS, Service, get_service
from uvicorn.protocols.http.tunnel import StreamTransport
from uvicorn.protocols.scope import get_http_template
from uvicorn.protocols.utils import build_answer, log_invalid_request
from uvicorn.waiters import Waiters

if TYPE_CHECKING:
    from uvicorn._speedups._http2_stream_py import Stream as SessionStream
    from uvicorn._speedups._request_py import ScopeTemplate
    from uvicorn._types import ASGI3Application
    from uvicorn.config import Config
    from uvicorn.server_state import ServerState

logger = logging.getLogger("uvicorn.error")
access_logger = logging.getLogger("uvicorn.access")

# The receive window of a connection, in bytes for all streams together, after the client has begun to send a body; and
# how many connections may have such a window at the same time. The others keep the initial window of 64 KiB.
CONNECTION_WINDOW = 1 << 20
WIDE_WINDOWS = 64

# Seconds to wait for the answer to the PING of a shutdown, when no stream is open.
PONG_SECONDS = 1.0


class Flow:
    """The flow control of a stream (`uvicorn.protocols.wire.Flow`). There are four objects, which all streams share.

    Attributes:
        read_paused: whether the application has to take the body before the client may send more.
        write_paused: whether bytes of the response wait for the window of the client.
    """

    __slots__ = ("read_paused", "write_paused")

    def __init__(self, read_paused: bool, write_paused: bool) -> None:
        self.read_paused = read_paused
        self.write_paused = write_paused


# The first index is `read_paused`, the second `write_paused`.
_FLOWS = ((Flow(False, False), Flow(False, True)), (Flow(True, False), Flow(True, True)))
_FLOWING = _FLOWS[False][False]


class State(enum.Enum):
    """The states of a connection; the docstring of the module has a table."""

    SERVING = enum.auto()
    LEAVING = enum.auto()
    ENDING = enum.auto()
    CLOSED = enum.auto()


# Enum member access is slow before Python 3.12; these globals avoid it.
_LEAVING, _ENDING, _CLOSED = State.LEAVING, State.ENDING, State.CLOSED
_KEEP_ALIVE = Due.KEEP_ALIVE


class Http2Stream:
    """The stream of one request (`uvicorn.protocols.wire.Stream`).

    Attributes:
        http2: the connection.
        stream: the stream in the session.
        cycle: the exchange; None when the response is complete.
        flow: one of the four shared objects.
        logged: whether the line of the access log was written, or is not wanted.
        due: what the client has to do; None without a deadline.
        due_at: the time of the deadline, of `time.monotonic`.
        sent: how many bytes of this response, and of all responses, had been sent when the deadline was set.
    """

    __slots__ = ("_waiters", "cycle", "due", "due_at", "flow", "http2", "logged", "sent", "stream")

    http2: "Http2"
    stream: "SessionStream"
    cycle: RequestResponseCycle | None
    flow: Any
    logged: bool
    due: Due | None
    due_at: float
    sent: tuple[int, int]
    _waiters: Waiters | None

    @property
    def loop(self) -> Any:
        return self.http2.loop

    @property
    def logger(self) -> logging.Logger:
        return logger

    @property
    def framer(self) -> Any:
        return self.stream.framer

    @property
    def keep_alive(self) -> bool:
        """Whether the connection may persist after the response. One stream alone never closes it."""
        return self.http2.state is State.SERVING

    # Called by the exchange

    async def drain(self) -> None:
        """Wait until writing is not paused."""
        while self.flow.write_paused:
            if self._waiters is None:
                self._waiters = Waiters()
            await self._waiters.wait()

    def send(self, message: Any) -> None:
        """Send a message of the application; see `uvicorn.protocols.wire.Stream`."""
        cycle: Any = self.cycle
        http2 = self.http2
        stream = self.stream
        if not cycle.progress:
            http2.session.start(stream, message, http2.server_state.default_headers)
            cycle.progress = EXPECT_BODY
            if http2.starting is not self:
                http2.send_head_soon(self)
            return
        progress = http2.session.send(stream, message)
        if not self.logged:
            self.log(cycle.scope, stream.framer.status)
        if progress == COMPLETE:
            cycle.progress = COMPLETE
            if cycle.waiters is not None:
                cycle.waiters.wake()
            # A reference cycle would have to wait for the garbage collector.
            self.cycle = None
            if self.due is not None:
                self.unwatch()
        elif progress == QUEUED:
            self.flow = _FLOWS[self.flow.read_paused][True]
        if not http2.in_pass:
            http2.flush_soon()

    def send_interim(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Send an informational response (RFC 9110 section 15.2)."""
        self.http2.session.send_interim(self.stream, status, headers)
        self.http2.flush_soon()

    async def send_file(self, file: int, offset: int, size: int) -> int:
        """Send nothing, and return 0: the file has to be read, because its bytes are sent in frames."""
        return 0

    def takes_trailers(self) -> bool:
        """Whether the client wants trailers: yes, every message of HTTP/2 can have them."""
        return True

    def want_body(self) -> None:
        """Called when the application waits for more of the body, or has taken what was buffered."""
        http2 = self.http2
        cycle: Any = self.cycle
        if http2.session.credit(self.stream) and cycle.more_body and self.due is None:
            http2.watch(self, Due.BODY, http2.config.timeout_request_body)
        if not cycle.more_body:
            self.flow = _FLOWS[False][self.flow.write_paused]
        if http2.output.can_send():
            http2.flush_soon()

    def unwant_body(self) -> None:
        """Called when the application does not wait for the body any longer."""
        if self.due is Due.BODY:
            self.unwatch()

    def break_off(self) -> None:
        """End an incomplete response with a reset, which shows the client that it is incomplete."""
        self.reset(INTERNAL_ERROR)

    def shutdown(self) -> None:
        """Called when the application fails after a complete response. Other streams use the connection: do nothing."""

    def fail(self) -> None:
        """Called when the application has failed: send an error response, or break off a response that has begun."""
        cycle: Any = self.cycle
        if self.stream.framer.head_sent:
            self.break_off()
            return
        if not self.logged:
            self.log(cycle.scope, 500)
        self.answer(500)

    # Called by the connection

    def log(self, scope: Any, status: int) -> None:
        """Write the line of the access log."""
        self.logged = True
        self.http2.server_state.log_access(self.http2.access_logger, scope, status)

    def answer(self, status: int) -> None:
        """Send a response of the server itself."""
        http2 = self.http2
        stream = self.stream
        session = http2.session
        cycle, self.cycle = self.cycle, None
        self.unwatch()
        if status != 500:
            http2.server_state.rejected[status] += 1
        session.take_back(stream)
        start, body = build_answer(status)
        session.start(stream, start, http2.server_state.default_headers)
        session.send(stream, body)
        if cycle is not None:
            cycle.disconnect()
        http2.flush_soon()

    def reset(self, code: int) -> None:
        """Reset the stream with this error code; the response is not complete."""
        self.http2.reset(self.stream, code)
        self.lose()
        self.http2.flush_soon()

    def lose(self) -> None:
        """Called when the stream is closed: nothing reaches the client any more."""
        self.unwatch()
        self.stream.owner = None
        cycle, self.cycle = self.cycle, None
        if cycle is not None:
            cycle.disconnect()
        self.resume()

    def take_body(self, data: bytes) -> None:
        """Called when a part of the body has arrived."""
        cycle = self.cycle
        if self.due is Due.BODY:
            self.unwatch()
        if cycle is not None:
            cycle.on_body(data, self.stream.more_body)

    def on_drained(self) -> None:
        """Called when all queued bytes were sent."""
        self.unwatch()
        self.resume()
        if self.cycle is None:
            self.stream.owner = None

    def resume(self) -> None:
        """Called when the client accepts bytes again."""
        self.flow = _FLOWS[self.flow.read_paused][False]
        if self._waiters is not None:
            self._waiters.wake()

    def unwatch(self) -> None:
        """Remove the deadline."""
        if self.due is not None:
            self.due = None
            self.http2.watched.discard(self)

    def on_due(self) -> None:
        """Called when the deadline of the stream has passed."""
        http2 = self.http2
        stream = self.stream
        cycle: Any = self.cycle
        due = self.due
        self.unwatch()
        if due is Due.SEND:
            sent = (stream.sent, http2.output.sent)
            if sent[0] > self.sent[0] or (stream.send_window > 0 and sent[1] > self.sent[1]):
                # The client takes bytes, but slowly, or other streams were sent first.
                http2.watch(self, Due.SEND, http2.config.timeout_send)
            else:
                self.reset(CANCEL)
        elif stream.framer.head_sent:
            cycle.end()
        else:
            self.answer(408)

    def on_done(self, task: "asyncio.Task[Any]") -> None:
        """Called when the task of the application has ended."""
        self.http2.tasks.discard(task)
        self.http2.release(self.stream)


class Http2(asyncio.Protocol):
    """One HTTP/2 connection: the wire.

    Args:
        config: a loaded config.
        server_state: the data that all connections of the server share.
        app_state: the state of the lifespan; each scope gets a copy.
        _loop: the event loop, or a test double of one.

    Attributes:
        state: see the table of the module.
        session: reads and writes frames.
        output: the output of the session.
        in_pass: whether events are being handled; the output is written afterwards.
        served: whether a request has arrived since the deadline of the idle connection was set.
        starting: the stream whose application is being called for the first time, or None.
        watched: the streams that have a deadline.
    """

    __slots__ = (
        "_eager",
        "_flush_scheduled",
        "_make_task",
        "_new_cycle",
        "_observers",
        "_proxied_app",
        "_queued",
        "_scheduler",
        "_service",
        "_started",
        "_stream_deadline",
        "_wide",
        "access_log",
        "access_logger",
        "app",
        "app_state",
        "config",
        "connection",
        "in_pass",
        "limit_concurrency",
        "loop",
        "output",
        "scope_template",
        "served",
        "server_state",
        "session",
        "starting",
        "state",
        "tasks",
        "timeout_keep_alive",
        "transport",
        "watched",
    )

    session_class: ClassVar[Any] = Session

    def __init__(
        self,
        config: "Config",
        server_state: "ServerState",
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.config = config
        self.server_state = server_state
        self.app_state = app_state
        self.loop: Any = _loop or asyncio.get_event_loop()
        self.access_logger = access_logger
        self.access_log = access_logger.hasHandlers()
        self.tasks = server_state.tasks
        self.limit_concurrency = config.limit_concurrency

        service: Service = get_service(self, _make_service)
        self._service = service
        # Each request reads these. An attribute of the connection is faster than one of the service.
        self.timeout_keep_alive = service.timeout_keep_alive
        self._scheduler = service.scheduler
        self._make_task = service.make_task
        self._new_cycle = service.new_cycle
        self._observers = service.observers
        self._eager = service.is_eager
        self.connection = Connection(self, config, server_state, self._scheduler.timers)
        self.transport: asyncio.Transport = None  # type: ignore[assignment]  # set once the connection is made
        self.session: Any = self.session_class(
            service.limits, config.http2_max_concurrent_streams, config.has_http2_websockets
        )
        self.output: Any = self.session.output
        self.state = State.SERVING

        self.app: ASGI3Application = service.app
        # The application for requests with header fields of a proxy.
        self._proxied_app = self.app
        self.scope_template: ScopeTemplate = None  # type: ignore[assignment]  # set once the connection is made

        self.in_pass = False
        self.served = False
        self.starting: Http2Stream | None = None
        # Whether events are handled, and whether output is written, in the next turn of the loop.
        self._queued = False
        self._flush_scheduled = False
        self._wide = False
        # Streams whose head is sent with the next write.
        self._started: list[Http2Stream] = []
        self.watched: set[Http2Stream] = set()
        self._stream_deadline: Deadline[Due] | None = None

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        connection = self.connection
        connection.made(transport)
        self.transport = connection.transport
        template = get_http_template(self.server_state, self.config, connection)
        self.scope_template = (template[0] | {"http_version": "2", "client": connection.client}, *template[1:])
        middleware = self._service.middleware
        if middleware is not None and self.app is middleware.app:
            self._proxied_app = middleware.for_peer(connection.client, connection.server)
        connection.deadline.set(Due.HEAD, self.config.timeout_request_head)
        connection.trace("HTTP connection made")
        if connection.secure and not is_adequate(transport.get_extra_info("ssl_object")):
            self.session.refuse(INADEQUATE_SECURITY, "HTTP/2 needs TLS 1.2 with a cipher of RFC 9113 section 9.2")
            self._serve()
        else:
            self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self.connection.trace("HTTP connection lost")
        self.connection.lost()
        self.state = _CLOSED
        self._lose_streams()
        if self._wide:
            self.server_state.wide_windows -= 1
        if self._stream_deadline is not None:
            self._stream_deadline.close()

    def data_received(self, data: bytes) -> None:
        if self.state is _CLOSED:
            self.connection.discard(len(data))
            return
        self.session.feed(data, monotonic())
        if not self._queued:
            self._serve()

    def eof_received(self) -> bool | None:
        """Called when the client has closed its direction. It may still read responses."""
        self.connection.eof = True
        for stream in list(self.session.streams.values()):
            if stream.more_body and stream.owner is not None:
                # The rest of this request can never arrive.
                stream.owner.reset(CANCEL)
        self._flush()
        self.await_client()
        # With TLS, closing one direction closes the connection.
        return self.state is not _CLOSED and not self.connection.secure

    def pause_writing(self) -> None:
        self.connection.pause_writing()

    def resume_writing(self) -> None:
        if self.connection.resume_writing():
            self.connection.deadline.clear()
            self._flush()
            self.await_client()

    def shutdown(self) -> None:
        """Called when the server shuts down.

        Requests that the client has sent before it gets the GOAWAY are served, then the connection is closed (RFC 9113
        section 6.8).
        """
        if self.state is State.SERVING:
            self.state = State.LEAVING
            self.session.begin_shutdown()
            self._flush()
            self.await_client()

    @property
    def exchanges(self) -> list[RequestResponseCycle]:
        """The exchanges that are being served."""
        owners = [stream.owner for stream in self.session.streams.values()]
        return [owner.cycle for owner in owners if owner is not None and owner.cycle is not None]

    # Requests

    def _serve(self) -> None:
        """Handle events until none is left, or until it is the turn of other connections."""
        session = self.session
        until = 0.0
        self.in_pass = True
        event = session.next()
        # Each pass of this loop takes one event.
        while event is not None:
            kind, stream, content = event
            if kind == REQUEST:
                self.served = True
                self._start(stream, content)
                if session.has_events():
                    if not until:
                        until = monotonic() + PASS_SECONDS
                    elif monotonic() >= until:
                        self._queue()
                        break
            elif kind == BODY:
                stream.owner.take_body(content)
            else:
                self._take_event(kind, stream, content)
            event = session.next()
        self.in_pass = False
        self._flush()
        self.await_client()

    def _queue(self) -> None:
        self._queued = True
        self._scheduler.soon(self._serve_queued, self._service.context)

    def _serve_queued(self) -> None:
        self._queued = False
        if self.state is not _CLOSED:
            self._serve()

    def _start(self, stream: "SessionStream", head: RequestHead) -> None:
        """Call the application for a request."""
        state = self.server_state
        state.count_request()
        flags = head.flags
        app = self.app
        more_body = False
        # One comparison finds the common case, in which none of these flags is set.
        if flags >= HAS_FORWARDED:
            more_body = flags & BODY_FOLLOWS != 0
            if flags & HAS_FORWARDED:
                app = self._proxied_app
        limit = self.limit_concurrency
        if limit is not None and exceeds_limit(state, limit, logger):
            app = service_unavailable
        owner = self._own(stream)
        # The attributes are set here, because an __init__ costs 1,300 instructions.
        cycle: RequestResponseCycle = self._new_cycle()
        cycle.stream = owner
        cycle.app = app
        cycle.scope = head.build_scope(self.scope_template, self.app_state)
        if self._observers is not None:
            stream.framer.observe(self._observers, cycle.scope)
        cycle.progress = EXPECT_START
        cycle.body = None if more_body else b""
        cycle.more_body = more_body
        cycle.expect_continue = False
        cycle.client = LISTENS
        cycle.waiters = None
        owner.cycle = cycle
        if more_body:
            owner.flow = _FLOWS[True][False]
            if stream.body_pending:
                cycle.on_body(self.session.take_body(stream), stream.more_body)
            cycle.expect_continue = cycle.more_body and flags & EXPECTS_CONTINUE != 0
            if not self._wide:
                self._widen()
        self.starting = owner
        if self._eager:
            task = cycle.start(self._make_task)
        else:
            task = self._make_task(cycle.run_asgi(cycle.app))
        self.starting = None
        if task is None:
            self.session.release(stream)
            return
        self.tasks.add(task)
        task.add_done_callback(owner.on_done)
        if cycle.progress == EXPECT_BODY:
            self._started.append(owner)

    def _connect(self, stream: Any, head: RequestHead) -> None:
        """Give a stream to a WebSocket (RFC 8441)."""
        config = self.config
        state = self.server_state
        limit = self.limit_concurrency
        if self.state is not State.SERVING:
            # A shutdown does not wait for new WebSockets. The client may try again on another connection.
            self.reset(stream, REFUSED_STREAM)
            self.session.release(stream)
        elif limit is not None and state.is_full(limit):
            # Served like other requests, so that it is answered with 503.
            self._start(stream, head)
        else:
            state.count_request()
            self.connection.trace("Upgrading to WebSocket")
            protocol = config.ws_protocol_class(
                config=config, server_state=state, app_state=self.app_state, _loop=self.loop
            )
            StreamTransport(self, stream, protocol).serve(head)

    def reset(self, stream: "SessionStream", code: int) -> None:
        """Reset a stream, and count it. The frame is sent with the next flush."""
        self.session.reset(stream, code)
        self.server_state.resets_sent += 1

    def release(self, stream: "SessionStream") -> None:
        """Called when the application of a stream has returned."""
        self.session.release(stream)
        if not self.session.active and not self.in_pass:
            self.served = True
            self.await_client()

    def _widen(self) -> None:
        """Enlarge the receive window for faster bodies, unless too many connections have a large one."""
        state = self.server_state
        if state.wide_windows < WIDE_WINDOWS:
            self._wide = True
            state.wide_windows += 1
            self.session.widen(CONNECTION_WINDOW)

    def _own(self, stream: "SessionStream") -> Http2Stream:
        """Make the `Http2Stream` for a stream of the session."""
        owner: Http2Stream = _new_stream(Http2Stream)
        owner.http2 = self
        owner.stream = stream
        owner.cycle = None
        owner.flow = _FLOWING
        owner.logged = not self.access_log
        owner.due = None
        owner._waiters = None
        stream.owner = owner
        return owner

    def _take_event(self, kind: int, stream: "SessionStream | None", content: Any) -> None:
        """Handle an event that is not a part of a request."""
        if kind == CONNECT:
            self.served = True
            self._connect(stream, content)
        elif kind == PONG:
            if self.state is _LEAVING:
                self._end()
        elif kind == FAULT:
            self._log_fault("ends the connection", content.code, content.reason)
            self._close()
        elif kind == REJECTED:
            self._reject(stream, content)
        else:
            if kind == STREAM_ERROR:
                self.server_state.resets_sent += 1
                self._log_fault("resets the stream", None, content)
            else:
                self.server_state.resets_received += 1
            if stream is not None and stream.owner is not None:
                stream.owner.lose()

    def _reject(self, stream: Any, rejected: RequestRejected) -> None:
        """Answer a request that is not valid. The application may have been called with its head."""
        log_invalid_request(logger, self.connection.client, rejected)
        owner = stream.owner
        if owner is None:
            self._own(stream).answer(rejected.status)
            self.session.release(stream)
        elif stream.framer.head_sent:
            owner.break_off()
        else:
            owner.answer(rejected.status)

    def _log_fault(self, what: str, code: int | None, reason: str) -> None:
        """Log a violation of the protocol.

        The client and the reason are logged at level debug only, because anyone can send such frames.
        """
        self.server_state.rejected[400] += 1
        logger.warning("Invalid HTTP request received.")
        if logger.isEnabledFor(logging.DEBUG):
            client = self.connection.client
            peer = f"{client[0]}:{client[1]} - " if client else ""
            error = "" if code is None else f" (error code {code})"
            logger.debug("%sAn error of the client %s%s: %s", peer, what, error, reason)

    def _lose_streams(self) -> None:
        for stream in list(self.session.streams.values()):
            if stream.owner is not None:
                stream.owner.lose()

    # Bytes out

    def send_head_soon(self, owner: Http2Stream) -> None:
        """Send the head with the next write, unless a part of the body has been sent with it by then."""
        self._started.append(owner)
        self.flush_soon()

    def soon(self, callback: Callable[[], object]) -> None:
        """Call back in the next turn of the loop."""
        self._scheduler.soon(callback, self._service.context)

    def flush_soon(self) -> None:
        """Write the output in the next turn of the loop. While events are handled, it is written after them."""
        if not self.in_pass and not self._flush_scheduled:
            self._flush_scheduled = True
            self._scheduler.soon(self._flush_scheduled_now, self._service.context)

    def _flush_scheduled_now(self) -> None:
        self._flush_scheduled = False
        self._flush()
        if not self.session.active:
            self.await_client()

    def _flush(self) -> None:
        """Write the output of the session, as far as the windows of the client allow."""
        output = self.output
        transport = self.transport
        if self.connection.flow.write_paused or transport.is_closing():
            return
        if self._started:
            self._send_heads()
        data = self.session.take_output()
        if data:
            transport.write(data)
        if output.has_queues():
            for stream in output.take_drained():
                stream.owner.on_drained()
            self._watch_blocked()
            if output.can_send() and not self.connection.flow.write_paused:
                self.flush_soon()

    def _send_heads(self) -> None:
        started, self._started = self._started, []
        for owner in started:
            cycle = owner.cycle
            if cycle is not None and cycle.progress == EXPECT_BODY:
                self.session.send_head(owner.stream)
                if not owner.logged:
                    owner.log(cycle.scope, owner.stream.framer.status)

    # Deadlines

    def watch(self, owner: Http2Stream, due: Due, seconds: float) -> None:
        """Set the deadline of a stream.

        Args:
            owner: the stream; its `on_due` is called.
            due: what the client has to do.
            seconds: the time that it has.
        """
        owner.due = due
        owner.due_at = monotonic() + seconds
        owner.sent = (owner.stream.sent, self.output.sent)
        self.watched.add(owner)
        deadline = self._stream_deadline
        if deadline is None:
            deadline = self._stream_deadline = Deadline(self._scheduler.timers, self._on_stream_due)
        if deadline.reason is None or owner.due_at < deadline.due:
            deadline.set(due, seconds)

    def _watch_blocked(self) -> None:
        """Set a deadline for streams that wait for a window. Reset them if the client can send no more."""
        for stream in list(self.output.blocked):
            owner = stream.owner
            if self.connection.eof and not self.output.can_send():
                owner.reset(CANCEL)
            elif owner.due is not Due.SEND:
                self.watch(owner, Due.SEND, self.config.timeout_send)

    def _on_stream_due(self, due: Due) -> None:
        now = monotonic()
        real = self._scheduler.real
        for owner in [owner for owner in self.watched if owner.due_at <= now or not real]:
            owner.on_due()
        deadline = self._stream_deadline
        if deadline is not None and deadline.reason is None and self.watched:
            first = min(owner.due_at for owner in self.watched)
            deadline.set(due, max(first - now, 0.0))

    def await_client(self) -> None:
        """Set the deadline for what the client has to do next, or close."""
        connection = self.connection
        deadline = connection.deadline
        session = self.session
        state = self.state
        if state is _CLOSED:
            return
        idle = not session.active
        if idle and (state is _ENDING or connection.eof):
            self._close()
        elif connection.flow.write_paused:
            # The client has to read first. The deadline `Due.SEND` is set while writing is paused.
            return
        elif idle:
            if state is _LEAVING:
                if deadline.reason is not Due.PONG:
                    deadline.set(Due.PONG, PONG_SECONDS)
            elif session.in_head():
                if deadline.reason is not Due.HEAD:
                    deadline.set(Due.HEAD, self.config.timeout_request_head)
            elif self.served:
                # Only requests extend the deadline, not other frames. This is Deadline.set, inlined, which saves 600
                # instructions.
                self.served = False
                deadline.reason = _KEEP_ALIVE
                deadline.due = due = monotonic() + self.timeout_keep_alive
                if due < deadline.armed_for:
                    deadline.arm(self.timeout_keep_alive)
        elif session.in_head():
            if deadline.reason is not Due.HEAD:
                deadline.set(Due.HEAD, self.config.timeout_request_head)
        elif deadline.reason is Due.HEAD:
            deadline.clear()

    def on_due(self, due: Due) -> None:
        """Called when a deadline of the connection has passed."""
        session = self.session
        if due is Due.HEAD and session.in_head():
            session.refuse(ENHANCE_YOUR_CALM, "a field block that came too slowly")
            self._serve()
        elif due is _KEEP_ALIVE or due is Due.HEAD:
            # The deadline is not cleared when a request arrives, so the connection may not be idle any longer.
            if not session.active and self.state is State.SERVING:
                self._end()
                self.await_client()
        elif due is Due.PONG and self.state is _LEAVING:
            self._end()
            self.await_client()

    # The end

    def _end(self) -> None:
        """Serve only the streams that are open, and ignore new ones."""
        self.state = State.ENDING
        self.session.end_shutdown()
        self.flush_soon()

    def _close(self) -> None:
        """Write the output, and close."""
        self._flush()
        self.state = _CLOSED
        self._lose_streams()
        if self.connection.flow.write_paused:
            self.connection.close_once_sent()
        else:
            self.connection.close_gently()


_new_stream = Http2Stream.__new__


def _make_service(http2: Http2) -> Service:
    # The exchanges have the class that HTTP/1.1 uses, because programs replace that class. An HTTP class of another
    # package has no such class.
    get_cycle_class = getattr(http2.config.http_protocol_class, "get_cycle_class", None)
    return Service(http2, RequestResponseCycle if get_cycle_class is None else get_cycle_class())


def is_adequate(ssl_object: Any) -> bool:
    """Whether the TLS of a connection is good enough for HTTP/2 (RFC 9113 section 9.2). True without TLS."""
    if ssl_object is None:
        return True
    version = ssl_object.version()
    if version != "TLSv1.2":
        return bool(version == "TLSv1.3")
    # Appendix A forbids all ciphers except those with ephemeral keys and authenticated encryption.
    name: str = ssl_object.cipher()[0]
    return name.startswith(("ECDHE-", "DHE-")) and any(mode in name for mode in ("GCM", "CCM", "CHACHA20"))
