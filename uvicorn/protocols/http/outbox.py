"""Gathers the parts of one response that are sent in the same turn of the loop.

The first two parts of a turn are written at once: if the application then keeps the loop from running, the client has
them. Later parts of that turn wait for the next one, which takes a callback. After a turn that had nothing to gather,
more parts are written at once before that is tried again: a stream of one part for each turn pays nothing.
"""

from collections.abc import Callable
from time import monotonic

# Seconds after a write in which a part of a response may wait for more, and bytes that may wait. A system call costs
# more than everything else that is done for a part.
OUTBOX_GAP = 0.001
OUTBOX_MAX = 16384

# Parts that are written at once before the next ones are gathered. It grows while there is nothing to gather.
OUTBOX_DIRECT = 2
OUTBOX_GROWTH = 8


class Outbox:
    """The parts of one response.

    Args:
        write: writes bytes to the client.
        call_next_turn: calls a function at the loop's next turn, or earlier if the turn's end is known.

    Attributes:
        left: parts to be written at once before the next ones are gathered.
    """

    __slots__ = ("_call_next_turn", "_direct", "_parts", "_scheduled", "_size", "_write", "_written", "left")

    def __init__(self, write: Callable[[bytes], None], call_next_turn: Callable[[Callable[[], None]], object]) -> None:
        self._write = write
        self._call_next_turn = call_next_turn
        self._parts: list[bytes] = []
        self._size = 0
        self._written = 0.0
        self._scheduled = False
        # Parts to write at once in this turn, and how many of them are left.
        self._direct = self.left = OUTBOX_DIRECT

    def add(self, data: bytes) -> None:
        """Send a part, now or with others."""
        if self.left:
            self._write(data)
            self.left -= 1
            if not self.left:
                self._gather()
            return
        self._parts.append(data)
        self._size += len(data)
        if self._size > OUTBOX_MAX:
            self.flush()
        elif monotonic() - self._written > OUTBOX_GAP:
            # The application has worked for a while since the last write: as at the beginning of a turn.
            self.flush()
            self.left = OUTBOX_DIRECT - 1

    def _gather(self) -> None:
        now = monotonic()
        if not self._scheduled:
            self._scheduled = True
            self._direct *= OUTBOX_GROWTH
            self._call_next_turn(self.end_turn)
        elif now - self._written > OUTBOX_GAP:
            self.left = OUTBOX_DIRECT - 1
        self._written = now

    def flush(self) -> None:
        """Write the parts that wait."""
        parts = self._parts
        if parts:
            self._parts = []
            self._size = 0
            self._direct = OUTBOX_DIRECT
            self._write(b"".join(parts))
            self._written = monotonic()

    def end_turn(self) -> None:
        """The loop's next turn: the application has let the loop run."""
        self._scheduled = False
        self.flush()
        self.left = self._direct
