"""The event loops of the standard library."""

import asyncio
import sys
from collections.abc import Callable


def asyncio_loop_factory(use_subprocess: bool = False) -> Callable[[], asyncio.AbstractEventLoop]:
    """Return a callable that makes an asyncio loop.

    Args:
        use_subprocess: the server runs in a child process. On Windows, the proactor loop cannot watch an inherited
            socket.
    """
    if sys.platform == "win32" and not use_subprocess:
        return asyncio.ProactorEventLoop
    return asyncio.SelectorEventLoop
