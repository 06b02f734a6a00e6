"""Starts the applications of a connection, in order, and at once where that can be."""

import asyncio
import contextvars
import sys
from asyncio import Task
from functools import partial
from inspect import CO_COROUTINE
from time import monotonic
from typing import TYPE_CHECKING, Any, cast

from uvicorn.protocols.http.connection import Connection
from uvicorn.protocols.http.cycle import RequestResponseCycle

if TYPE_CHECKING:
    from collections import deque

    from uvicorn._types import ASGI3Application
    from uvicorn.config import Config
    from uvicorn.server_state import ServerState

# Seconds of work on the requests of one connection; then the loop, and with it the other connections, has a turn.
PASS_SECONDS = 0.002

_PYTHON_312 = sys.version_info >= (3, 12)


def is_coroutine_function(app: Any) -> bool:
    """Whether calling it only makes a coroutine, which can be done outside of its task."""
    code = getattr(app, "__code__", None) or getattr(type(app).__call__, "__code__", None)
    return code is not None and code.co_flags & CO_COROUTINE != 0


class Runner(Connection):
    """A connection that calls the application.

    Attributes:
        to_start: the request whose application is to be called, until the end of its first step if that runs at once.
    """

    __slots__ = ("_context", "_eager", "_new_task", "_proxied_app", "_starting", "app", "tasks", "to_start")

    # The requests that wait, from when one of them did.
    _pipeline: "deque[RequestResponseCycle] | None"

    def __init__(self, config: "Config", server_state: "ServerState", loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(config, server_state, loop)
        self.app = cast("ASGI3Application", config.loaded_app)
        # For requests by way of a proxy.
        self._proxied_app = self.app
        self.tasks = server_state.tasks
        self.to_start: RequestResponseCycle | None = None
        # Whether a pass that starts applications runs, or is scheduled.
        self._starting = False
        self._context: contextvars.Context | None = None
        # A task that begins at once saves a turn of the loop.
        self._new_task: Any = None
        if _PYTHON_312 and self._real_loop and not config.reset_contextvars and loop.get_task_factory() is None:
            self._new_task = server_state.task_makers.get(loop)
            if self._new_task is None:
                self._new_task = server_state.task_makers[loop] = partial(Task, loop=loop, eager_start=True)
        self._eager = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        middleware = self.config.proxy_headers_middleware
        if middleware is not None and self.app is middleware:
            self._proxied_app = middleware.for_peer(self.client)
            self.app = middleware.app
        self._eager = self._new_task is not None and is_coroutine_function(self.app)

    def _get_proxied(self, app: "ASGI3Application") -> "ASGI3Application":
        middleware = self.config.proxy_headers_middleware
        return self._proxied_app if middleware is not None and app is middleware.app else app

    def _start(self) -> None:
        self._starting = True
        end = 0.0
        while self.to_start is not None:
            if self._pipeline is not None:
                # A request may wait behind this one, so the time counts.
                now = monotonic()
                if not end:
                    end = now + PASS_SECONDS
                elif now >= end:
                    self.loop.call_soon(self._start)
                    return
            cycle = self.to_start
            task = cycle.start(self._new_task) if self._eager else self._create_task(cycle)
            if self.to_start is cycle:
                self.to_start = None
            if task is not None:
                self._keep(task, cycle)
        self._starting = False

    def _serve(self, cycle: RequestResponseCycle) -> None:
        self.to_start = cycle
        if self._eof:
            cycle.end()
        if not self._real_loop:
            self._start()
        elif not self._starting:
            self._starting = True
            self.loop.call_soon(self._start, context=self._context)

    def _create_task(self, cycle: RequestResponseCycle) -> "Task[Any]":
        if self._new_task is not None:
            return cast("Task[Any]", self._new_task(cycle.run_asgi(cycle.app)))
        if not self.config.reset_contextvars:
            return self.loop.create_task(cycle.run_asgi(cycle.app))
        return contextvars.Context().run(self.loop.create_task, cycle.run_asgi(cycle.app))

    def _keep(self, task: "Task[Any]", cycle: RequestResponseCycle) -> None:
        """Know a task that goes on after its first step."""
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        cycle.send_head()
        if self.outbox is not None:
            self.outbox.end_turn()
