"""Deadlines of connections, with few timers of the event loop.

A connection has one `Deadline` for everything that the client has to do in time. It has one time and one reason: for
example, the next request has to arrive. Moving the deadline does not touch the timer of the loop. `Timers` serves all
connections of a loop: deadlines in the same sixteenth of a second share one timer of the loop.
"""

import asyncio
from collections.abc import Callable
from contextvars import Context
from time import monotonic
from typing import Any, Generic, TypeVar

NEVER = float("inf")

# Shared timers fire at most 16 times a second. A deadline less than SHARED_FROM seconds away has its own, exact timer.
PER_SECOND = 16
SHARED_FROM = 1.0

Reason = TypeVar("Reason")


def _ignore(reason: Any) -> None:
    """Does nothing. It replaces the callback of a deadline in `close`."""


class Timers:
    """Timers that the connections of one event loop share.

    Without it, a connection that is closed after one request would start and cancel two timers of the loop, which is a
    large part of its cost.

    Args:
        loop: an object with `call_later` and `call_soon`.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._groups: dict[int, set[Deadline[Any]]] = {}
        # Timers run in the context of the loop, not in that of the request that armed one first.
        self._context = Context()

    def join(self, deadline: "Deadline[Any]", due: float) -> "set[Deadline[Any]]":
        """Call `deadline.fire` at `due`, or up to a sixteenth of a second later.

        Args:
            deadline: the deadline.
            due: a time of `time.monotonic`.

        Returns:
            The set of deadlines that fire together. To cancel, discard the deadline from it.
        """
        moment = int(due * PER_SECOND) + 1
        group = self._groups.get(moment)
        if group is None:
            group = self._groups[moment] = set()
            self.loop.call_later(moment / PER_SECOND - monotonic(), self._fire, moment, context=self._context)
        group.add(deadline)
        return group

    def _fire(self, moment: int) -> None:
        group = self._groups[moment]
        try:
            while group:
                group.pop().fire()
        finally:
            if group:
                # A callback has raised an exception, which the loop logs. The others are called in the next turn.
                self.loop.call_soon(self._fire, moment, context=self._context)
            else:
                del self._groups[moment]


class Deadline(Generic[Reason]):
    """A deadline that is cheap to move many times a second.

    If the deadline moves to a later time, the timer stays. When it fires too early, it is started again for the
    remaining time. A test double of a loop has no clock, so there each move starts a new timer.

    Args:
        timers: `Timers`, or a test double of a loop, of which only `call_later` is used.
        on_due: called with the reason when the deadline has passed.

    Attributes:
        reason: None if no deadline is set.
        due: the time of the deadline, of `time.monotonic`.
        armed_for: the deadline for which the timer was started. An earlier one needs `arm`.
    """

    __slots__ = ("_group", "_handle", "_lazy", "_on_due", "_timers", "armed_for", "due", "reason")

    def __init__(self, timers: Any, on_due: Callable[[Reason], None]) -> None:
        self._timers = timers
        self._lazy = isinstance(timers, Timers)
        self._on_due = on_due
        # While a timer runs, one of these is set.
        self._group: set[Deadline[Any]] | None = None
        self._handle: asyncio.TimerHandle | None = None
        self.armed_for = NEVER
        self.due = NEVER
        self.reason: Reason | None = None

    @property
    def handle(self) -> "Deadline[Reason] | asyncio.TimerHandle | None":
        """An object whose `cancel` stops the timer; None if no timer runs."""
        return self._handle if self._group is None else self

    def set(self, reason: Reason, seconds: float) -> None:
        """Call `on_due(reason)` after this many seconds. Replaces an earlier deadline."""
        self.reason = reason
        self.due = due = monotonic() + seconds
        if due < self.armed_for:
            self.arm(seconds)

    def clear(self) -> None:
        """Remove the deadline. The timer may run on: the next deadline can use it."""
        if self._lazy:
            self.reason = None
            self.due = NEVER
        else:
            self.cancel()

    def cancel(self) -> None:
        """Remove the deadline, and cancel the timer."""
        self.reason = None
        self.due = NEVER
        self._disarm()

    def _disarm(self) -> None:
        self.armed_for = NEVER
        if self._group is not None:
            self._group.discard(self)
            self._group = None
        elif self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def close(self) -> None:
        """Cancel, and drop the callback: a reference cycle would have to wait for the garbage collector."""
        self.cancel()
        self._on_due = _ignore

    def pass_now(self) -> None:
        """Call back now, and remove the deadline."""
        reason = self.reason
        self.reason = None
        self.due = NEVER
        if reason is not None:
            self._on_due(reason)

    def arm(self, seconds: float) -> None:
        """Start a timer for this many seconds."""
        self._disarm()
        if not self._lazy:
            self._handle = self._timers.call_later(seconds, self.fire)
            return
        self.armed_for = self.due
        if seconds < SHARED_FROM:
            self._handle = self._timers.loop.call_later(seconds, self.fire)
        else:
            self._group = self._timers.join(self, self.due)

    def fire(self) -> None:
        """Called by the timer, which may be earlier than the deadline."""
        armed_for, self.armed_for = self.armed_for, NEVER
        self._group = self._handle = None
        reason = self.reason
        if reason is None:
            return
        if self.due > armed_for:
            remaining = self.due - monotonic()
            if remaining > 0:
                self.arm(remaining)
                return
        self.pass_now()
