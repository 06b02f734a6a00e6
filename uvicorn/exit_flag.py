"""A wish to exit, which any thread or signal handler sets, and event loops wait for without polling."""

import asyncio
import contextlib


class ExitFlag:
    def __init__(self) -> None:
        self.value = False
        self._waiters: list[asyncio.Future[None]] = []

    def set(self, value: bool) -> None:
        self.value = value
        if value:
            for waiter in list(self._waiters):
                # RuntimeError: that loop has been closed since.
                with contextlib.suppress(RuntimeError):
                    waiter.get_loop().call_soon_threadsafe(_resolve, waiter)

    async def wait(self, seconds: float | None = None) -> None:
        """Return as soon as the flag is set, or after so many seconds."""
        loop = asyncio.get_running_loop()
        waiter = loop.create_future()
        # Entered before the value is looked at, or a `set` between the two would wake nobody.
        self._waiters.append(waiter)
        timer = None if seconds is None else loop.call_later(seconds, _resolve, waiter)
        try:
            if not self.value:
                await waiter
        finally:
            if timer is not None:
                timer.cancel()
            self._waiters.remove(waiter)


def _resolve(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
