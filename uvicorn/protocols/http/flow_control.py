"""Flow control in both directions, and the limit of concurrency."""

import asyncio
from typing import TYPE_CHECKING

from uvicorn.protocols.utils import build_answer
from uvicorn.waiters import Waiters

if TYPE_CHECKING:
    import logging

    from uvicorn._types import ASGIReceiveCallable, ASGISendCallable, Scope
    from uvicorn.server_state import ServerState

# Reading pauses when more than this many bytes wait for the application.
HIGH_WATER_LIMIT = 65536


class FlowControl:
    """The flow control of one transport.

    Args:
        transport: the transport. Only its `pause_reading` and `resume_reading` are called.

    Attributes:
        read_paused: whether reading is paused.
        write_paused: whether the buffer of the transport is full.
    """

    __slots__ = ("_transport", "_waiters", "read_paused", "write_paused")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._waiters: Waiters | None = None
        self.read_paused = False
        self.write_paused = False

    async def drain(self) -> None:
        """Wait until writing is not paused."""
        while self.write_paused:
            if self._waiters is None:
                self._waiters = Waiters()
            await self._waiters.wait()

    def pause_reading(self) -> None:
        if not self.read_paused:
            self.read_paused = True
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        if self.read_paused:
            self.read_paused = False
            self._transport.resume_reading()

    def pause_writing(self) -> None:
        """Called when the buffer of the transport is full."""
        self.write_paused = True

    def resume_writing(self) -> None:
        """Called when the buffer of the transport has room, or the connection is lost."""
        if self.write_paused:
            self.write_paused = False
            if self._waiters is not None:
                self._waiters.wake()


def exceeds_limit(server_state: "ServerState", limit: int, logger: "logging.Logger") -> bool:
    """Whether `limit_concurrency` is reached. If so, this is counted and logged."""
    if not server_state.is_full(limit):
        return False
    server_state.rejected[503] += 1
    logger.warning("Exceeded concurrency limit.")
    return True


async def service_unavailable(scope: "Scope", receive: "ASGIReceiveCallable", send: "ASGISendCallable") -> None:
    """The ASGI application for requests that exceed `limit_concurrency`: it answers 503."""
    for message in build_answer(503, headers=((b"connection", b"close"),)):
        await send(message)
