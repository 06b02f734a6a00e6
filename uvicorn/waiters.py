"""Lets coroutines wait for an event, such as the end of a connection or the arrival of a body part."""

import asyncio


class Waiters:
    """The coroutines that wait for one event. There is no state: each wait ends with the next call of `wake`."""

    __slots__ = ("_futures",)

    def __init__(self) -> None:
        self._futures: list[asyncio.Future[None]] = []

    def __bool__(self) -> bool:
        return bool(self._futures)

    async def wait(self) -> None:
        """Wait for the next call of `wake`."""
        future = self.add()
        try:
            await future
        except asyncio.CancelledError:
            self.discard(future)
            raise

    def add(self) -> "asyncio.Future[None]":
        """Make a future that the next `wake` completes.

        A coroutine that is cancelled while it awaits the future has to discard it.
        """
        future = asyncio.get_running_loop().create_future()
        self._futures.append(future)
        return future

    def discard(self, future: "asyncio.Future[None]") -> None:
        """Forget a future that is no longer awaited. It may be completed already."""
        if future in self._futures:
            self._futures.remove(future)

    def wake(self) -> None:
        """Wake all coroutines that wait. Call it in the thread of their event loop."""
        futures = self._futures
        if not futures:
            return
        self._futures = []
        for future in futures:
            if not future.done():
                future.set_result(None)
