"""`--loop auto`: uses uvloop if it is installed, otherwise asyncio."""

import asyncio
from collections.abc import Callable


def auto_loop_factory(use_subprocess: bool = False) -> Callable[[], asyncio.AbstractEventLoop]:
    """Return a callable that makes a uvloop loop if uvloop is installed, else an asyncio loop.

    Args:
        use_subprocess: as for `asyncio_loop_factory`.
    """
    try:
        from uvicorn.loops.uvloop import uvloop_loop_factory
    except ImportError:
        from uvicorn.loops.asyncio import asyncio_loop_factory

        return asyncio_loop_factory(use_subprocess)
    return uvloop_loop_factory(use_subprocess)
