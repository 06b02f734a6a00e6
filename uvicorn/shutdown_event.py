"""The event that applications wait for to learn that their server shuts down."""

from typing import Any

from uvicorn.waiters import Waiters


class ShutdownEvent:
    """Set when a server no longer accepts connections, in order to end; the extension `uvicorn.shutdown` offers it.

    There is one for each server, whatever copies a scope. A copy in another process is never set.
    """

    __slots__ = ("_is_set", "_waiters")

    def __init__(self) -> None:
        self._is_set = False
        self._waiters = Waiters()

    def is_set(self) -> bool:
        """Whether the server shuts down; any thread may ask."""
        return self._is_set

    async def wait(self) -> bool:
        """Return True once the server shuts down. To be awaited in the event loop of the server."""
        if not self._is_set:
            await self._waiters.wait()
        return True

    def set(self) -> None:
        """The server shuts down. To be called in its event loop."""
        self._is_set = True
        self._waiters.wake()

    def __deepcopy__(self, memo: object) -> "ShutdownEvent":
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return (ShutdownEvent, ())
