"""The event loop of uvloop, an optional library."""

import asyncio
from collections.abc import Callable

import uvloop


def uvloop_loop_factory(use_subprocess: bool = False) -> Callable[[], asyncio.AbstractEventLoop]:
    """Return a callable that makes a uvloop loop, also in a child process."""
    return uvloop.new_event_loop
