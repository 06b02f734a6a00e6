"""Waiting for a condition, or for turns of an event loop."""

import asyncio
import contextlib
import time
from collections.abc import Callable

from tests.processes import PATIENCE

INTERVAL = 0.005  # seconds


def eventually(condition: Callable[[], object], timeout: float = PATIENCE) -> None:
    """Wait in a thread until `condition` is true. An OSError counts as false."""
    deadline = time.monotonic() + timeout
    while True:
        with contextlib.suppress(OSError):
            if condition():
                return
        assert time.monotonic() < deadline, f"not within {timeout} s"
        time.sleep(INTERVAL)


async def until(condition: Callable[[], object], timeout: float = PATIENCE) -> None:
    """Wait in an event loop until `condition` is true."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout} s"
        await asyncio.sleep(INTERVAL)


async def turns(number: int = 10) -> None:
    """Let the loop run some turns, so that each task that can continue does so."""
    for _ in range(number):
        await asyncio.sleep(0)
