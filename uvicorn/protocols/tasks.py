"""What the protocols need from an event loop: tasks for applications, timers, and callbacks in the next turn.

Other programs test the protocol classes with test doubles of a loop. Such a double has only `create_task` and
`call_later`, and runs a task when its owner says so. `Scheduler` hides the difference.
"""

import asyncio
import contextvars
import sys
from asyncio import Task
from collections.abc import Callable
from functools import partial
from inspect import CO_COROUTINE
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.deadline import Timers

if TYPE_CHECKING:
    from uvicorn.server_state import ServerState

_PYTHON_312 = sys.version_info >= (3, 12)


def is_coroutine_function(app: Any) -> bool:
    """Whether a call only makes a coroutine, so that the call need not happen inside the task."""
    code = getattr(app, "__code__", None) or getattr(type(app).__call__, "__code__", None)
    return code is not None and code.co_flags & CO_COROUTINE != 0


class Scheduler:
    """One event loop, as the protocols see it.

    Args:
        loop: an event loop, or a test double that has `create_task` and `call_later`.

    Attributes:
        timers: an object with `call_later`. The connections of a real loop share timers.
        real: whether the loop is an event loop, not a test double.
    """

    __slots__ = ("_eager", "loop", "real", "timers")

    def __init__(self, loop: Any) -> None:
        self.loop = loop
        self.real = isinstance(loop, asyncio.AbstractEventLoop)
        self.timers: Any = Timers(loop) if self.real else loop
        self._eager: Callable[[Any], Task[Any]] | None = None
        if _PYTHON_312 and self.real:
            self._eager = partial(Task, loop=loop, eager_start=True)

    def soon(self, callback: Callable[[], object], context: contextvars.Context | None) -> None:
        """Call back in the next turn of the loop. A test double has no turns: call at once."""
        if self.real:
            self.loop.call_soon(callback, context=context)
        else:
            callback()

    def get_task_maker(self, reset_contextvars: bool) -> Callable[[Any], "Task[Any]"]:
        """Return the function that makes a task from a coroutine."""
        if reset_contextvars:
            return self._create_in_new_context
        # A task that begins at once saves a turn of the loop.
        if self._eager is not None and self.loop.get_task_factory() is None:
            return self._eager
        create: Callable[[Any], Task[Any]] = self.loop.create_task
        return create

    def is_eager(self, make_task: Callable[[Any], "Task[Any]"]) -> bool:
        """Whether `make_task` runs the beginning of the task before it returns."""
        return make_task is self._eager

    def _create_in_new_context(self, coroutine: Any) -> "Task[Any]":
        task: Task[Any] = contextvars.Context().run(self.loop.create_task, coroutine)
        return task


def get_scheduler(server_state: "ServerState", loop: Any) -> Scheduler:
    """The scheduler that all connections of a server on this loop share."""
    scheduler: Scheduler | None = server_state.schedulers.get(loop)
    if scheduler is None:
        scheduler = server_state.schedulers[loop] = Scheduler(loop)
    return scheduler
