"""Waits until something happens: a connection is lost, a body part arrives, the server shuts down."""

import asyncio


class Waiters:
    """The coroutines that wait for one thing. Nothing is remembered: a wait ends with the next `wake`."""

    __slots__ = ("_futures",)

    def __init__(self) -> None:
        self._futures: list[asyncio.Future[None]] = []

    def __bool__(self) -> bool:
        return bool(self._futures)

    async def wait(self) -> None:
        """Return at the next `wake`."""
        future = self.add()
        try:
            await future
        except asyncio.CancelledError:
            self.discard(future)
            raise

    def add(self) -> "asyncio.Future[None]":
        """A future of the next `wake`. A coroutine that is cancelled while it awaits the future has to discard it."""
        future = asyncio.get_running_loop().create_future()
        self._futures.append(future)
        return future

    def discard(self, future: "asyncio.Future[None]") -> None:
        """Forget a future that is not awaited any more; it may have been woken."""
        if future in self._futures:
            self._futures.remove(future)

    def wake(self) -> None:
        futures = self._futures
        if not futures:
            return
        self._futures = []
        for future in futures:
            if not future.done():
                future.set_result(None)
