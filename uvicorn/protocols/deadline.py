"""One timer for all deadlines of a connection, and few timers of the loop for many connections.

A connection has a `Deadline`, of which one moment and one reason are set at a time: an idle connection, a head that
must arrive, a client that must read. Moving it does not touch the loop's timers. `Timers` collects the deadlines of all
connections of a loop that are due in the same sixteenth of a second."""

import asyncio
from collections.abc import Callable
from contextvars import Context
from time import monotonic
from typing import Any, Generic, TypeVar

NEVER = float("inf")

# Shared timers are due at multiples of the first, in seconds. A deadline that is nearer than the second has an exact
# timer of its own.
PER_SECOND = 16
SHARED_FROM = 1.0

Reason = TypeVar("Reason")


def _ignore(reason: Any) -> None:
    """Do nothing: the callback of a deadline after `close`."""


class Timers:
    """The timers of a loop's connections. Those that are due in the same sixteenth of a second share one of the loop.

    A connection that is closed after one request arms and cancels two timers, a good part of what it costs.

    Args:
        loop: needs `call_later` and `call_soon`.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._groups: dict[int, set[Deadline[Any]]] = {}
        # Timers run in the context of the loop, not in that of the request that armed one first.
        self._context = Context()

    def join(self, deadline: "Deadline[Any]", due: float) -> "set[Deadline[Any]]":
        """Have `deadline.fire` called at `due`, or up to a sixteenth of a second later, unless it leaves the set."""
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
                # A callback has raised. The loop reports it; the other deadlines are served in its next turn.
                self.loop.call_soon(self._fire, moment, context=self._context)
            else:
                del self._groups[moment]


class Deadline(Generic[Reason]):
    """A deadline that is cheap to move many times a second.

    If the deadline moves away, the timer stays as it is; if it then fires too early, it is armed again for the rest.
    The double of a loop has no clock, so with a double each move arms a new timer.

    Args:
        timers: `Timers`, or the double of a loop, of which `call_later` is used alone.
        on_due: called with the reason of the deadline, once it has passed.

    Attributes:
        reason: None if no deadline is set.
        due: in the time of `monotonic`.
        armed_for: a deadline before this needs `arm`.
    """

    __slots__ = ("_group", "_handle", "_lazy", "_on_due", "_timers", "armed_for", "due", "reason")

    def __init__(self, timers: Any, on_due: Callable[[Reason], None]) -> None:
        self._timers = timers
        self._lazy = isinstance(timers, Timers)
        self._on_due = on_due
        # One of these is set while a timer is armed.
        self._group: set[Deadline[Any]] | None = None
        self._handle: asyncio.TimerHandle | None = None
        self.armed_for = NEVER
        self.due = NEVER
        self.reason: Reason | None = None

    @property
    def handle(self) -> "Deadline[Reason] | asyncio.TimerHandle | None":
        """What cancels the timer, None if none is armed."""
        return self._handle if self._group is None else self

    def set(self, reason: Reason, seconds: float) -> None:
        """Have `on_due(reason)` called after `seconds`, and nothing else."""
        self.reason = reason
        self.due = due = monotonic() + seconds
        if due < self.armed_for:
            self.arm(seconds)

    def clear(self) -> None:
        if self._lazy:
            self.reason = None
            self.due = NEVER
        else:
            self.cancel()

    def cancel(self) -> None:
        """Clear the deadline and cancel its timer."""
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
        """Cancel, and drop the callback: a reference cycle would be left to the garbage collector."""
        self.cancel()
        self._on_due = _ignore

    def pass_now(self) -> None:
        """Be due now."""
        reason = self.reason
        self.reason = None
        self.due = NEVER
        if reason is not None:
            self._on_due(reason)

    def arm(self, seconds: float) -> None:
        """Arm a timer for a deadline that is `seconds` away."""
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
        """The timer has run out, perhaps before the deadline."""
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
