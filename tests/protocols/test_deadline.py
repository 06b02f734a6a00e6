"""One lazily armed timer for all deadlines of a connection."""

import asyncio
import time
from typing import Any

from tests.doubles import MockLoop
from uvicorn.protocols.deadline import Deadline


class Due:
    """Notes what fell due, and lets a test wait for it."""

    def __init__(self, loop: Any) -> None:
        self.reasons: list[str] = []
        self.called = asyncio.Event()
        self.deadline: Deadline[str] = Deadline(loop, self)

    def __call__(self, reason: str) -> None:
        self.reasons.append(reason)
        self.called.set()

    async def wait(self) -> list[str]:
        await asyncio.wait_for(self.called.wait(), 20)
        return self.reasons


async def test_falls_due() -> None:
    due = Due(asyncio.get_running_loop())
    due.deadline.set("a", 0.01)
    assert due.deadline.reason == "a"
    assert due.deadline.handle is not None
    assert await due.wait() == ["a"]
    assert due.deadline.reason is None
    assert due.deadline.handle is None


async def test_moving_away_leaves_the_timer_alone() -> None:
    due = Due(asyncio.get_running_loop())
    started = time.monotonic()
    due.deadline.set("a", 0.01)
    timer = due.deadline.handle
    due.deadline.set("b", 0.1)
    assert due.deadline.handle is timer
    assert await due.wait() == ["b"]
    # The clock of the loop has a coarser grain than ours.
    assert time.monotonic() - started >= 0.09


async def test_a_loop_that_was_busy_past_both() -> None:
    due = Due(asyncio.get_running_loop())
    due.deadline.set("a", 0.01)
    due.deadline.set("b", 0.02)
    time.sleep(0.05)
    await asyncio.sleep(0)
    assert await due.wait() == ["b"]


async def test_moving_nearer_arms_anew() -> None:
    due = Due(asyncio.get_running_loop())
    due.deadline.set("a", 1000)
    timer = due.deadline.handle
    due.deadline.set("b", 0.01)
    assert due.deadline.handle is not timer
    assert timer is not None
    assert timer.cancelled()
    assert await due.wait() == ["b"]


async def test_cleared() -> None:
    loop = asyncio.get_running_loop()
    due = Due(loop)
    due.deadline.set("a", 0.01)
    due.deadline.clear()
    assert due.deadline.reason is None
    # The timer fires, finds nothing to do, and is gone.
    passed = loop.create_future()
    loop.call_later(0.05, passed.set_result, None)
    await passed
    assert due.reasons == []
    assert due.deadline.handle is None
    due.deadline.set("b", 0.01)
    assert await due.wait() == ["b"]


async def test_cancelled() -> None:
    due = Due(asyncio.get_running_loop())
    due.deadline.set("a", 0.01)
    timer = due.deadline.handle
    due.deadline.cancel()
    assert timer is not None
    assert timer.cancelled()
    assert (due.deadline.reason, due.deadline.handle) == (None, None)
    due.deadline.cancel()


async def test_a_double_of_a_loop_has_no_clock() -> None:
    """Each move arms anew, so that whoever runs the double's timers sees what they expect."""
    loop = MockLoop()
    due = Due(loop)
    due.deadline.set("a", 5)
    due.deadline.set("b", 10)
    assert loop.timers == [10]
    loop.run_later(with_delay=9)
    assert due.reasons == []
    loop.run_later(with_delay=10)
    assert due.reasons == ["b"]
    due.deadline.set("c", 1)
    due.deadline.clear()
    assert loop.timers == []
