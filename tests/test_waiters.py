"""Waiting for something to happen."""

import asyncio

from tests.waiting import turns
from uvicorn.waiters import Waiters


async def test_all_waiters_are_woken_once() -> None:
    waiters = Waiters()
    assert not waiters
    waiting = [asyncio.ensure_future(waiters.wait()) for _ in range(3)]
    await asyncio.sleep(0)
    assert waiters
    waiters.wake()
    # The woken waiters have not run yet.
    assert not waiters
    assert not any(task.done() for task in waiting)
    await asyncio.wait_for(asyncio.gather(*waiting), 20)


async def test_a_later_wait_does_not_see_an_earlier_wake() -> None:
    waiters = Waiters()
    waiters.wake()
    waiting = asyncio.ensure_future(waiters.wait())
    await turns(3)
    assert not waiting.done()
    waiters.wake()
    await asyncio.wait_for(waiting, 20)


async def test_a_cancelled_waiter_is_forgotten() -> None:
    waiters = Waiters()
    cancelled, waiting = [asyncio.ensure_future(waiters.wait()) for _ in range(2)]
    await asyncio.sleep(0)
    # This waiter is woken, but cancelled before it runs.
    cancelled.cancel()
    waiters.wake()
    await asyncio.wait_for(waiting, 20)
    assert cancelled.cancelled()
    alone = asyncio.ensure_future(waiters.wait())
    await asyncio.sleep(0)
    assert waiters
    alone.cancel()
    await asyncio.wait([alone], timeout=20)
    assert not waiters
