"""Functions that the standard library of some supported Python versions does not have."""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

if sys.version_info < (3, 12):

    def asyncio_run(
        main: Coroutine[Any, Any, T],
        *,
        debug: bool | None = None,
        loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
    ) -> T:
        """Run a coroutine in a new event loop, as `asyncio.run` of Python 3.12 does."""
        if asyncio._get_running_loop() is not None:
            main.close()
            raise RuntimeError("asyncio.run() cannot be called from a running event loop")
        if sys.version_info >= (3, 11):
            with asyncio.Runner(debug=debug, loop_factory=loop_factory) as runner:
                return runner.run(main)
        loop = asyncio.new_event_loop() if loop_factory is None else loop_factory()
        try:
            asyncio.set_event_loop(loop)
            if debug is not None:
                loop.set_debug(debug)
            return loop.run_until_complete(main)
        finally:
            try:
                asyncio.runners._cancel_all_tasks(loop)  # type: ignore[attr-defined]  # of Python 3.10 only
                loop.run_until_complete(loop.shutdown_asyncgens())
                loop.run_until_complete(loop.shutdown_default_executor())
            finally:
                asyncio.set_event_loop(None)
                loop.close()

else:
    asyncio_run = asyncio.run
