"""A boolean that any thread or signal handler sets, and that event loops wait for without polling."""

import asyncio
import contextlib


class ExitFlag:
    """Something that has been asked for: to exit, or to exit at once."""

    def __init__(self) -> None:
        self.value = False
        self._waiters: list[asyncio.Future[None]] = []

    def set(self, value: bool) -> None:
        """Give the flag its value; may be called from a signal handler and from any thread."""
        self.value = value
        if value:
            for waiter in list(self._waiters):
                # RuntimeError: that loop has been closed since, and nobody waits in it any more.
                with contextlib.suppress(RuntimeError):
                    waiter.get_loop().call_soon_threadsafe(_resolve, waiter)

    async def wait(self) -> None:
        """Return as soon as the flag is set."""
        waiter = asyncio.get_running_loop().create_future()
        # Entered before the value is looked at, or a `set` between the two would wake nobody.
        self._waiters.append(waiter)
        try:
            if not self.value:
                await waiter
        finally:
            self._waiters.remove(waiter)

    async def wait_for(self, seconds: float) -> None:
        """Return as soon as the flag is set, or after `seconds`."""
        loop = asyncio.get_running_loop()
        waiter = loop.create_future()
        self._waiters.append(waiter)
        timer = loop.call_later(seconds, _resolve, waiter)
        try:
            if not self.value:
                await waiter
        finally:
            timer.cancel()
            self._waiters.remove(waiter)


def _resolve(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
