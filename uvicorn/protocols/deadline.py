"""One timer for all the deadlines of a connection."""

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Any, Generic, TypeVar

NEVER = float("inf")

Reason = TypeVar("Reason")


def _ignore(reason: Any) -> None:
    pass


class Deadline(Generic[Reason]):
    """A deadline that can be moved many times a second for next to nothing.

    A deadline that moves away leaves the loop's timer alone, which is armed again for what remains when it fires too
    early. A loop that is only a double of one has no clock, so there each move arms anew.

    Args:
        loop: needs `call_later` only.
        on_due: called with the reason of the deadline, once it has passed.

    Attributes:
        reason: None where there is no deadline.
        due: in the time of `monotonic`.
        armed_for: a deadline before this needs `arm`.
        handle: the loop's timer, if one is armed.
    """

    __slots__ = ("_lazy", "_loop", "_on_due", "armed_for", "due", "handle", "reason")

    def __init__(self, loop: Any, on_due: Callable[[Reason], None]) -> None:
        self._loop = loop
        self._lazy = isinstance(loop, asyncio.AbstractEventLoop)
        self._on_due = on_due
        self.handle: asyncio.TimerHandle | None = None
        self.armed_for = NEVER
        self.due = NEVER
        self.reason: Reason | None = None

    def set(self, reason: Reason, seconds: float) -> None:
        """Have `on_due(reason)` called in so many seconds, and nothing else."""
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
        """Clear, and give the loop's timer back."""
        self.reason = None
        self.due = self.armed_for = NEVER
        if self.handle is not None:
            self.handle.cancel()
            self.handle = None

    def close(self) -> None:
        """Cancel, and forget whom to call: both would be garbage to collect."""
        self.cancel()
        self._on_due = _ignore

    def arm(self, seconds: float) -> None:
        if self.handle is not None:
            self.handle.cancel()
        if self._lazy:
            self.armed_for = self.due
        self.handle = self._loop.call_later(seconds, self._fire)

    def _fire(self) -> None:
        self.handle = None
        armed_for, self.armed_for = self.armed_for, NEVER
        reason = self.reason
        if reason is None:
            return
        if self.due > armed_for:
            remaining = self.due - monotonic()
            if remaining > 0:
                self.arm(remaining)
                return
        self.reason = None
        self.due = NEVER
        self._on_due(reason)
