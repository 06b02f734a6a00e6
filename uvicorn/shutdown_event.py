"""The event that applications wait for to learn that their server shuts down."""

from typing import Any

from uvicorn.waiters import Waiters


class ShutdownEvent:
    """Set when a server shuts down and accepts no more connections. Scopes have it in the extension `uvicorn.shutdown`.

    Each server has one event. Copies of a scope have the same event. In another process, the event is never set.
    """

    __slots__ = ("_is_set", "_waiters")

    def __init__(self) -> None:
        self._is_set = False
        self._waiters = Waiters()

    def is_set(self) -> bool:
        """Whether the server shuts down. May be called from any thread."""
        return self._is_set

    async def wait(self) -> bool:
        """Wait until the server shuts down; return True. Call it in the event loop of the server."""
        if not self._is_set:
            await self._waiters.wait()
        return True

    def set(self) -> None:
        """Called by the server, in its event loop, when it shuts down."""
        self._is_set = True
        self._waiters.wake()

    def __deepcopy__(self, memo: object) -> "ShutdownEvent":
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return (ShutdownEvent, ())
