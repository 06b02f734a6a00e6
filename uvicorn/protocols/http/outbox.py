"""Parts of a response that share a write: the system call costs more than all else about a part."""

from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uvicorn.protocols.http.connection import Connection

# Seconds after a write in which a part waits for more, and bytes that may wait. Whatever comes later is written at
# once, also where the application has kept the loop from running.
GAP = 0.001
SIZE_MAX = 16384


class Outbox:
    """The parts of one response that follow each other closely, until the loop's next turn."""

    __slots__ = ("_connection", "_parts", "_scheduled", "_size", "_written")

    def __init__(self, connection: "Connection") -> None:
        self._connection = connection
        self._parts: list[bytes] = []
        self._size = 0
        self._scheduled = False
        self._written = 0.0

    def add(self, data: bytes) -> None:
        self._parts.append(data)
        self._size += len(data)
        if self._size > SIZE_MAX or monotonic() - self._written > GAP:
            self.flush()
        elif not self._scheduled:
            self._scheduled = True
            self._connection.loop.call_soon(self._on_turn)

    def flush(self) -> None:
        parts = self._parts
        if parts:
            self._parts = []
            self._size = 0
            self._connection.write(b"".join(parts))
            self._written = monotonic()

    def _on_turn(self) -> None:
        self._scheduled = False
        self.flush()
