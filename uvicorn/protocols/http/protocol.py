"""The one HTTP/1.1 connection: requests in, the pipeline, applications started, upgrades (RFC 9112)."""

import asyncio
import contextvars
import logging
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar

from uvicorn._speedups import RequestBuilder, RequestHead, RequestRejected
from uvicorn._speedups._response_py import CLOSE, COMPLETE
from uvicorn._speedups.facts import BODY_FOLLOWS, EXPECTS_CONTINUE, HAS_FORWARDED, KEEP_ALIVE, WANTS_UPGRADE
from uvicorn.logging import TRACE_LOG_LEVEL
from uvicorn.protocols.http import upgrade
from uvicorn.protocols.http.connection import LINGER_BYTES, LINGER_SECONDS, Due
from uvicorn.protocols.http.cycle import LISTENS, RequestResponseCycle
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT, service_unavailable
from uvicorn.protocols.http.hooks import INVALID_REQUEST, Events, Hookable, Message, find_hooks, tell_response_complete
from uvicorn.protocols.http.parser import RequestParser, request_limits
from uvicorn.protocols.http.runner import Runner
from uvicorn.protocols.utils import log_invalid_request

if TYPE_CHECKING:
    from uvicorn._speedups._request_py import ScopeTemplate
    from uvicorn._types import HTTPScope
    from uvicorn.config import Config
    from uvicorn.protocols.deadline import Timer
    from uvicorn.server_state import ServerState

access_logger = logging.getLogger("uvicorn.access")

# Requests that may wait behind the one being served.
PIPELINE_LIMIT = 16

# An attribute of an enumeration takes its time.
_KEEP_ALIVE = Due.KEEP_ALIVE


class HTTPProtocol(Hookable, Runner):
    """One HTTP/1.1 connection.

    Args:
        config: loaded.
        server_state: shared by all connections of the server.
        app_state: the lifespan state, copied into each scope.
        _loop: the event loop; needs `create_task` and `call_later` only.
    """

    __slots__ = (
        "_answered",
        "_feed",
        "_held",
        "_hooks",
        "_in_head",
        "_message",
        "_new_cycle",
        "_new_framer",
        "_parser",
        "_parsers",
        "_pipeline",
        "_rejected",
        "_response_hook",
        "_scope_template",
        "_upgrade",
        "access_log",
        "access_logger",
        "app_state",
        "cycle",
        "limit_concurrency",
        "scope",
        "timeout_keep_alive",
    )

    request_builder_class: ClassVar[Any] = RequestBuilder

    def __init__(
        self,
        config: "Config",
        server_state: "ServerState",
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        if not config.loaded:
            config.load()
        super().__init__(config, server_state, _loop or asyncio.get_event_loop())
        self.access_logger = access_logger
        self.access_log = self.access_logger.hasHandlers()
        self.limit_concurrency = config.limit_concurrency
        self.timeout_keep_alive = float(config.timeout_keep_alive)
        self.app_state = app_state

        # The request that was parsed last, and the one being served.
        self.scope: HTTPScope | None = None
        self.cycle: RequestResponseCycle | None = None

        # Looked up once: each is needed for each request.
        hooks = self._hooks = server_state.hooks.get(type(self)) or find_hooks(self)
        self._new_cycle = hooks.cycle_class
        self._response_hook = hooks.responses
        self._new_framer = self.response_framer_class
        # Of an idle connection, the pool may hand these on.
        self._parsers = server_state.get_parser_pool((type(self), config))
        self._parser: RequestParser = None  # type: ignore[assignment]  # where it is used there is one
        self._in_head: Any = None
        self._feed: Any = None
        self._pipeline: deque[RequestResponseCycle] | None = None
        self._held = False
        self._rejected: RequestRejected | None = None
        self._scope_template: ScopeTemplate = None  # type: ignore[assignment]  # set once the connection is made
        self._upgrade: RequestHead | None = None
        # While hooks are called: the request that they tell of, and what ended a response.
        self._message: Message | None = None
        self._answered: tuple[RequestResponseCycle, bool] | None = None

    @classmethod
    def get_cycle_class(cls) -> Any:
        """The class of the cycles, by the name that programs replace it under."""
        return RequestResponseCycle

    def make_parser(self) -> RequestParser:
        sink = self.get_sink() if self._hooks.requests else self
        return self.create_parser(self.request_builder_class(sink, request_limits(self.config)))

    def create_parser(self, builder: Any) -> RequestParser:
        raise NotImplementedError

    @property
    def timeout_keep_alive_task(self) -> "Timer | asyncio.TimerHandle | None":
        """The timer that closes the connection, None unless it is idle."""
        return self._deadline.handle if self.cycle is None and self._deadline.reason is Due.KEEP_ALIVE else None

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._scope_template = self.server_state.get_scope_template(self.config, self.server, self.scheme)
        if self._hooks.run_asgi:
            self._eager = False

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()
        if self.logger.isEnabledFor(TRACE_LOG_LEVEL):
            self._trace("HTTP connection lost")
        self._pipeline = self.to_start = None
        if self.cycle is not None:
            self.cycle.disconnect()
            self.flow.resume_writing()
            if self.cycle.framer.state == COMPLETE:
                self.cycle = None

    def _leave(self) -> None:
        """Have nobody know the connection any more: it would be garbage to collect."""
        self.connections.discard(self)
        self._parsers.forget(self)
        self._deadline.close()
        parser, self._parser = self._parser, None  # type: ignore[assignment]  # as in __init__
        self._feed = self._in_head = None
        if parser is not None:
            parser.builder.release()

    def eof_received(self) -> bool | None:
        """The client sends no more; it may still read (RFC 9112 section 9.6)."""
        self._eof = True
        self._open_pipeline()
        if self._lingering:
            return None
        if self._feed is not None and self._upgrade is None and self._parser.builder.in_message():
            self._on_rejected(RequestRejected(400, "the connection ended within a request"))
        cycle = self.cycle
        if cycle is None:
            return None
        cycle.end()
        # TLS has no half-closed connections.
        return self.scheme == "http" and not self.transport.is_closing()

    def data_received(self, data: bytes) -> None:
        feed = self._feed
        if feed is None:
            if self._lingering or self._rejected is not None:
                self._discard(len(data))
                return
            if self._hooks.by_instance:
                self._find_own_hooks()
            self._parser = self._parsers.take(self)
            self._in_head = self._parser.builder.in_head
            feed = self._feed = self._parser.builder.feed
            if self._hooks.events:
                feed = self._feed = Events(self, feed)
        raised = None
        try:
            left = feed(data, 0)
            if left:
                self._parser.feed(data, len(data) - left)
        except RequestRejected as exc:
            self._on_rejected(exc)
        except Exception as exc:
            raised = exc
        if raised is not None:
            # Not in its handler, where it would become the context of what the library raises next.
            self._go_on(data, raised)
            raised = None
        cycle = self.to_start
        if cycle is not None:
            if self._pipeline is None and self._eager:
                # As _start does.
                task = cycle.start(self._new_task)
                self.to_start = None
                if task is not None:
                    self._keep(task, cycle)
            elif not self._starting:
                self._start()
        elif self._upgrade is not None:
            self._hand_over()
        elif self.cycle is None and self._deadline.reason is not Due.HEAD and not self._lingering:
            self._await_next_event()

    def give_parser(self) -> RequestParser | None:
        """Give the parser up, unless something of a request has come."""
        if self.cycle is not None or self._pipeline is not None or not self._parser.is_fresh():
            return None
        parser, self._parser = self._parser, None  # type: ignore[assignment]  # as in __init__
        self._in_head = self._feed = self.scope = None
        return parser

    def _linger(self) -> None:
        super()._linger()
        self._feed = None

    def _hold(self, held: bool) -> None:
        self._held = held
        self._parser.builder.hold = held
        if held:
            self.flow.pause_reading()

    def _go_on(self, data: bytes = b"", exc: Exception | None = None) -> None:
        try:
            self._parser.feed(data, 0, exc)
        except RequestRejected as rejected:
            self._on_rejected(rejected)

    # The parser's side

    def on_request(self, head: RequestHead, facts: int) -> None:
        state = self.server_state
        state.total_requests += 1
        if state.request_limit is not None and state.request_limit == state.total_requests:
            state.on_limit()
        app = self.app
        limit = self.limit_concurrency
        if limit is not None and state.is_full(limit):
            app = service_unavailable
            self.logger.warning("Exceeded concurrency limit.")
            facts &= ~WANTS_UPGRADE
        more_body = False
        if facts >= HAS_FORWARDED:
            if facts & HAS_FORWARDED:
                app = self._get_proxied(app)
            more_body = facts & BODY_FOLLOWS != 0
            if facts >= WANTS_UPGRADE and upgrade.is_accepted(head, more_body, self.ws_protocol_class, self.logger):
                self._upgrade = head
                self._open_pipeline()
                self._hold(True)
                return
        if state.draining:
            facts &= ~KEEP_ALIVE
        scope = head.build_scope(self._scope_template, self.client, self.app_state)
        self.scope = scope  # type: ignore[assignment]  # the builder fills exactly its keys
        # An __init__ would cost 1,300 instructions.
        cycle = self._new_cycle()
        cycle.connection = self
        cycle.app = app
        cycle.scope = scope
        cycle.framer = self._new_framer(facts)
        cycle.body = b""
        cycle.body_pending = not more_body
        cycle.more_body = more_body
        cycle.expect_continue = more_body and facts & EXPECTS_CONTINUE != 0
        cycle.client = LISTENS
        cycle.disconnected = False
        cycle.waiters = None
        if self.cycle is None:
            self.cycle = self.to_start = cycle
        else:
            pipeline = self._open_pipeline()
            pipeline.append(cycle)
            if len(pipeline) >= PIPELINE_LIMIT:
                self._hold(True)

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """The headers of the request that was parsed last."""
        return [] if self.scope is None else self.scope["headers"]  # type: ignore[return-value]  # ours is a list

    def on_content(self, data: bytes, more_body: bool) -> None:
        cycle = self._last_cycle()
        cycle.on_body(data, more_body)
        self.on_body_unwanted()
        if not more_body and cycle is self.cycle and cycle.framer.state == COMPLETE:
            self._next()

    def _last_cycle(self) -> RequestResponseCycle:
        cycle = self._pipeline[-1] if self._pipeline else self.cycle
        assert cycle is not None
        return cycle

    def _open_pipeline(self) -> deque[RequestResponseCycle]:
        """The requests that wait (RFC 9112 section 9.3.2), from when anything is to follow a response."""
        if self._pipeline is None:
            self._pipeline = deque()
            # Not that of the request before.
            self._context = contextvars.copy_context()
        return self._pipeline

    # The cycle's side

    def on_body_awaited(self) -> None:
        self.read_on()
        if self._deadline.reason not in (Due.SEND, Due.BODY):
            self._deadline.set(Due.BODY, self.config.timeout_request_body)

    def read_on(self) -> None:
        """A disconnect is noticed only while reading."""
        if (
            self.flow.read_paused
            and self._rejected is None
            and not self._held
            and len(self._last_cycle().body) <= HIGH_WATER_LIMIT
        ):
            self.flow.resume_reading()

    def on_body_unwanted(self) -> None:
        if self._deadline.reason is Due.BODY:
            self._deadline.clear()

    def is_body_long(self) -> bool:
        """Whether more of a body may come than the connection is worth (RFC 9112 section 9.3)."""
        builder = self._parser.builder
        return bool(builder.chunked or builder.remaining > LINGER_BYTES)

    def on_answered(self, cycle: RequestResponseCycle, persists: bool) -> None:
        if self._response_hook and self._answered is None:
            tell_response_complete(self, cycle, persists)
            return
        if persists and not cycle.more_body:
            if self._pipeline is None:
                self.cycle = None
                flow = self.flow
                if flow.read_paused or flow.write_paused or self._in_head():
                    self._idle()
                else:
                    # Deadline.set, by hand.
                    deadline = self._deadline
                    deadline.reason = _KEEP_ALIVE
                    deadline.due = due = monotonic() + self.timeout_keep_alive
                    if due < deadline.armed_for:
                        deadline.arm(self.timeout_keep_alive)
            elif not self.transport.is_closing():
                self._next()
        elif self.transport.is_closing():
            pass
        elif not persists or self.is_body_long():
            self._close_gently()
        else:
            # The rest is little.
            self._deadline.set(Due.LINGER, LINGER_SECONDS)
            self.flow.resume_reading()

    def on_response_missing(self, cycle: RequestResponseCycle) -> None:
        cycle.disconnect()
        if self.access_log:
            self.server_state.log_access(self.access_logger, cycle.scope, 500)
        self._answer(500, "Internal Server Error", cycle.scope["method"])
        if self._response_hook:
            self.on_response_complete()

    def on_response_broken(self, cycle: RequestResponseCycle) -> None:
        """The client must be able to tell."""
        cycle.disconnect()
        if cycle.framer.framing == CLOSE:
            # A FIN would be the end of the body.
            self._reset()
        else:
            self.close()

    def _next(self) -> None:
        if self._pipeline:
            self.cycle = cycle = self._pipeline.popleft()
            if self._held and self._rejected is None and self._upgrade is None:
                self._hold(False)
                self._go_on()
            self.read_on()
            self._serve(cycle)
            return
        self.cycle = None
        if self._rejected is not None:
            self._refuse(self._rejected)
        elif self._eof:
            self.close()
        elif self._upgrade is not None:
            self._hand_over()
        else:
            self._pipeline = None
            self._idle()

    def _on_rejected(self, rejected: RequestRejected) -> None:
        if self._rejected is None:
            log_invalid_request(self.logger, self.client, rejected)
            self._reject(rejected)

    def _reject(self, rejected: RequestRejected) -> None:
        """Answer once the requests before have been, and read no further."""
        self._rejected = rejected
        self._feed = None
        pipeline = self._open_pipeline()
        if pipeline and pipeline[-1].more_body:
            rejected.method = pipeline.pop().scope["method"]
        cycle = self.cycle
        if cycle is None:
            self._refuse(rejected)
        elif not cycle.more_body:
            self.flow.pause_reading()
        elif cycle.framer.state == COMPLETE:
            self._close_gently()
        elif cycle.framer.head_sent:
            self.on_response_broken(cycle)
        else:
            self.to_start = None
            cycle.disconnect()
            rejected.method = cycle.scope["method"]
            self._refuse(rejected)

    def _refuse(self, rejected: RequestRejected) -> None:
        if rejected.status == 400 and rejected.text is None:
            self.send_400_response(INVALID_REQUEST)
        else:
            self._answer(rejected.status, rejected.text, rejected.method)

    def _hand_over(self) -> None:
        if self.cycle is None:
            upgrade.begin(self)

    def shutdown(self) -> None:
        """Close when the request being served, if there is one, has its response."""
        cycle = self.cycle
        if cycle is None or self._lingering or cycle.framer.state == COMPLETE:
            self.close()
        else:
            self._leaving = True
            cycle.framer.keep_alive = False

    def _idle(self) -> None:
        if self.flow.write_paused:
            self._await_next_event()
            return
        if self._in_head():
            self._deadline.set(Due.HEAD, self.config.timeout_request_head)
            self.flow.resume_reading()
            return
        self._deadline.set(_KEEP_ALIVE, self.timeout_keep_alive)
        if self.flow.read_paused:
            self.flow.resume_reading()

    def _await_next_event(self) -> None:
        cycle = self.cycle
        if self.flow.write_paused:
            # The client has to read first.
            if self._deadline.reason is not Due.SEND:
                self._await_send()
            if cycle is None:
                self.flow.resume_reading()
        elif self._lingering or (cycle is not None and cycle.framer.state == COMPLETE):
            self._deadline.set(Due.LINGER, LINGER_SECONDS)
        elif cycle is None:
            if self._in_head is not None and self._in_head():
                self._deadline.set(Due.HEAD, self.config.timeout_request_head)
            elif self._deadline.reason is not Due.KEEP_ALIVE:
                # Empty lines are no request, and prolong nothing.
                self._deadline.set(Due.KEEP_ALIVE, self.timeout_keep_alive)
            self.flow.resume_reading()
        elif cycle.waiters is not None and cycle.more_body:
            self._deadline.set(Due.BODY, self.config.timeout_request_body)
        else:
            self._deadline.clear()

    def _on_due(self, due: Due) -> None:
        cycle = self.cycle
        if due in (Due.HEAD, Due.KEEP_ALIVE) and cycle is not None:
            # The request has come, which has left the deadline alone.
            return
        if due is Due.HEAD:
            self._rejected = RequestRejected(408, "the head of the request took too long")
            self._feed = None
            self._answer(408)
        elif due is Due.KEEP_ALIVE:
            self.timeout_keep_alive_handler()
        elif due is Due.BODY and cycle is not None:
            if cycle.framer.head_sent:
                cycle.framer.keep_alive = False
                cycle.end()
            else:
                cycle.disconnect()
                self._answer(408, method=cycle.scope["method"])
        else:
            super()._on_due(due)
