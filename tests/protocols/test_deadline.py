"""One timer for all deadlines of a connection, started only when needed, and timers that many connections share."""

import asyncio
import contextvars
import time
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.doubles import MockLoop
from uvicorn.protocols import deadline
from uvicorn.protocols.deadline import Deadline, Timers


class CallRecorder:
    """Records the reasons with which a deadline calls it, and lets a test wait for them."""

    def __init__(self, timers: Any) -> None:
        self.reasons: list[str] = []
        self.called = asyncio.Event()
        self.deadline: Deadline[str] = Deadline(timers, self)

    def __call__(self, reason: str) -> None:
        self.reasons.append(reason)
        self.called.set()

    async def wait(self) -> list[str]:
        await asyncio.wait_for(self.called.wait(), 20)
        return self.reasons


def test_no_deadline_passes() -> None:
    due = CallRecorder(MockLoop())
    due.deadline.pass_now()
    due.deadline.set("a", 1)
    due.deadline.pass_now()
    due.deadline.pass_now()
    assert due.reasons == ["a"]


async def test_calls_back_when_due() -> None:
    due = CallRecorder(Timers(asyncio.get_running_loop()))
    due.deadline.set("a", 0.01)
    assert due.deadline.reason == "a"
    assert due.deadline.handle is not None
    assert await due.wait() == ["a"]
    assert due.deadline.reason is None
    assert due.deadline.handle is None


async def test_moving_away_leaves_the_timer_alone() -> None:
    due = CallRecorder(Timers(asyncio.get_running_loop()))
    started = time.monotonic()
    due.deadline.set("a", 0.01)
    timer = due.deadline.handle
    due.deadline.set("b", 0.1)
    assert due.deadline.handle is timer
    assert await due.wait() == ["b"]
    # The clock of the loop is coarser than the clock of this test.
    assert time.monotonic() - started >= 0.09


async def test_a_loop_that_was_busy_past_both_deadlines() -> None:
    due = CallRecorder(Timers(asyncio.get_running_loop()))
    due.deadline.set("a", 0.01)
    due.deadline.set("b", 0.02)
    time.sleep(0.05)
    await asyncio.sleep(0)
    assert await due.wait() == ["b"]


async def test_moving_nearer_arms_a_new_timer() -> None:
    due = CallRecorder(Timers(asyncio.get_running_loop()))
    due.deadline.set("a", 0.5)
    timer = due.deadline.handle
    due.deadline.set("b", 0.01)
    assert due.deadline.handle is not timer
    assert isinstance(timer, asyncio.TimerHandle)
    assert timer.cancelled()
    assert await due.wait() == ["b"]


async def test_a_cleared_deadline() -> None:
    loop = asyncio.get_running_loop()
    due = CallRecorder(Timers(loop))
    due.deadline.set("a", 0.01)
    due.deadline.clear()
    assert due.deadline.reason is None
    # The timer fires, finds nothing to do, and is removed.
    passed = loop.create_future()
    loop.call_later(0.05, passed.set_result, None)
    await passed
    assert due.reasons == []
    assert due.deadline.handle is None
    due.deadline.set("b", 0.01)
    assert await due.wait() == ["b"]


async def test_a_cancelled_deadline() -> None:
    due = CallRecorder(Timers(asyncio.get_running_loop()))
    due.deadline.set("a", 0.01)
    timer = due.deadline.handle
    due.deadline.cancel()
    assert isinstance(timer, asyncio.TimerHandle)
    assert timer.cancelled()
    assert (due.deadline.reason, due.deadline.handle) == (None, None)
    due.deadline.cancel()


async def test_a_double_of_a_loop_has_no_clock() -> None:
    """Each move arms a new timer, because tests run the timers of the double themselves."""
    loop = MockLoop()
    due = CallRecorder(loop)
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


class CountingLoop:
    """Passes timers on to the running loop and records their delays."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.delays: list[float] = []

    def call_later(self, seconds: float, *arguments: Any, **context: Any) -> asyncio.TimerHandle:
        self.delays.append(seconds)
        return self.loop.call_later(seconds, *arguments, **context)

    def call_soon(self, *arguments: Any, **context: Any) -> asyncio.Handle:
        return self.loop.call_soon(*arguments, **context)


@pytest.fixture
def frozen_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop the clock, so that consecutive calls happen at the same moment, and share all timers."""
    monkeypatch.setattr(deadline, "monotonic", lambda: 100.0)
    monkeypatch.setattr(deadline, "SHARED_FROM", 0.0)


@pytest.mark.usefixtures("frozen_clock")
async def test_timers_of_the_same_moment_share_one_timer_of_the_loop() -> None:
    loop: Any = CountingLoop()
    timers = Timers(loop)
    fired: list[str] = []
    done = asyncio.Event()
    for name in ("a", "b", "c"):
        one: Deadline[str] = Deadline(timers, fired.append)
        one.set(name, 0.05)
    one.cancel()
    last: Deadline[str] = Deadline(timers, lambda reason: done.set())
    last.set("last", 0.06)
    assert loop.delays == [1 / deadline.PER_SECOND]
    await asyncio.wait_for(done.wait(), 20)
    assert sorted(fired) == ["a", "b"]


async def test_rounds_up_a_long_timer_and_not_a_short_one() -> None:
    loop: Any = CountingLoop()
    timers = Timers(loop)
    for seconds in (0.5, 1.0):
        one: Deadline[str] = Deadline(timers, print)
        one.set("a", seconds)
        one.cancel()
    assert loop.delays[0] == 0.5
    assert 1.0 < loop.delays[1] <= 1.0 + 1 / deadline.PER_SECOND


@pytest.mark.usefixtures("frozen_clock")
async def test_a_timer_that_raises_does_not_stop_the_others() -> None:
    loop = asyncio.get_running_loop()
    calls: list[Any] = []
    loop.set_exception_handler(lambda loop, context: calls.append(context["exception"]))
    timers = Timers(loop)
    fired: list[int] = []

    def fail(reason: str) -> None:
        fired.append(1)
        raise ValueError("of one timer")

    for _ in range(3):
        one: Deadline[str] = Deadline(timers, fail)
        one.set("a", 0.01)
    while len(calls) < 3:
        await asyncio.sleep(0.01)
    assert len(fired) == 3
    assert [str(error) for error in calls] == ["of one timer"] * 3


@pytest.mark.usefixtures("frozen_clock")
async def test_a_shared_timer_does_not_run_in_the_context_of_a_request() -> None:
    request: contextvars.ContextVar[str] = contextvars.ContextVar("request")
    request.set("the first of its moment")
    seen = asyncio.get_running_loop().create_future()
    one: Deadline[str] = Deadline(
        Timers(asyncio.get_running_loop()), lambda reason: seen.set_result(request.get("none"))
    )
    one.set("a", 0.01)
    assert await asyncio.wait_for(seen, 20) == "none"


class FakeLoop:
    """A loop whose clock is moved by the test."""

    def __init__(self) -> None:
        self.now = 0.0
        self._handles: list[list[Any]] = []

    def monotonic(self) -> float:
        return self.now

    def call_later(self, seconds: float, callback: Any, *arguments: Any, context: Any = None) -> Any:
        handle = [self.now + seconds, partial(callback, *arguments)]
        self._handles.append(handle)
        return SimpleNamespace(cancel=lambda: self._handles.remove(handle) if handle in self._handles else None)

    def advance(self, seconds: float) -> None:
        until = self.now + seconds
        while due := [handle for handle in self._handles if handle[0] <= until]:
            first = min(due, key=lambda handle: handle[0])
            self._handles.remove(first)
            self.now = max(self.now, first[0])
            first[1]()
        self.now = until


# The times are multiples of 1/64 of a second, so that their sums are exact.
_seconds = st.integers(0, 256).map(lambda number: number / 64)
_moves = st.one_of(
    st.tuples(st.just("set"), _seconds),
    st.tuples(st.just("advance"), _seconds),
    st.tuples(st.sampled_from(["clear", "cancel"]), st.just(0.0)),
)


@pytest.mark.parametrize("shared", [False, True])
@given(moves=st.lists(_moves, max_size=12))
def test_called_once_and_in_time(shared: bool, moves: list[tuple[str, float]]) -> None:
    """The last deadline is reported once, never early and at most slightly late, whatever is set, moved or cleared."""
    loop: Any = FakeLoop()
    calls: list[tuple[str, float]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deadline, "monotonic", loop.monotonic)
        timers = Timers(loop)
        waiting: Deadline[str] = Deadline(timers if shared else loop, lambda reason: calls.append((reason, loop.now)))
        last: tuple[str, float] | None = None
        for number, (move, seconds) in enumerate([*moves, ("advance", 1000.0)]):
            if move == "set":
                last = (f"{number}", loop.now + seconds)
                waiting.set(last[0], seconds)
            elif move != "advance":
                last = None
                waiting.clear() if move == "clear" else waiting.cancel()
            else:
                loop.advance(seconds)
                grain = 1 / 16 if shared else 0.0
                if calls:
                    assert last is not None
                    assert calls == [(last[0], calls[0][1])]
                    assert 0 <= calls[0][1] - last[1] <= grain
                    last = None
                    calls.clear()
                elif last is not None:
                    assert loop.now < last[1] + grain
            assert waiting.reason == (None if last is None else last[0])
        # The loop keeps no timers for moments that have passed.
        assert timers._groups == {}
        assert loop._handles == []


@pytest.mark.parametrize("shared", [False, True])
def test_nothing_is_called_after_close(shared: bool) -> None:
    loop: Any = FakeLoop()
    waiting: Deadline[str] = Deadline(Timers(loop) if shared else loop, lambda reason: pytest.fail(reason))
    waiting.set("a", 2.0)
    waiting.close()
    assert waiting.handle is None
    loop.advance(1000.0)


def test_a_short_deadline_that_was_moved_is_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    loop: Any = FakeLoop()
    monkeypatch.setattr(deadline, "monotonic", loop.monotonic)
    loop.advance(1000.0)
    calls: list[tuple[str, float]] = []
    waiting: Deadline[str] = Deadline(Timers(loop), lambda reason: calls.append((reason, loop.now)))
    waiting.set("a", 0.25)
    waiting.set("b", 0.515625)
    loop.advance(10.0)
    assert calls == [("b", 1000.515625)]


@pytest.mark.parametrize("seconds", [0.5, 5.0])
def test_there_is_a_handle_while_a_timer_is_armed(seconds: float) -> None:
    loop: Any = FakeLoop()
    waiting: Deadline[str] = Deadline(Timers(loop), lambda reason: None)
    assert waiting.handle is None
    waiting.set("a", seconds)
    assert waiting.handle is not None
    waiting.cancel()
    assert waiting.handle is None
