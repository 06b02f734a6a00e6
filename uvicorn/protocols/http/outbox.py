"""Joins parts of one response that the application sends in the same turn of the event loop.

An application may send many small parts in one turn. One write for all of them costs less than one write for each.
The first two parts of a turn are written at once: the client gets them even if the application then blocks the loop.
The parts after them wait until the loop calls back at its next turn. This callback costs time too. So if a turn had
nothing to join, eight times as many parts are written at once before the next attempt. A stream that sends one part in
each turn therefore pays almost nothing.
"""

from collections.abc import Callable
from time import monotonic

# A part waits for others only if the last write was less than this many seconds ago, and only while no more than this
# many bytes wait. A write is a system call, which costs more than everything else that is done for a part.
OUTBOX_GAP = 0.001
OUTBOX_MAX = 16384

# How many parts are written at once before later ones are joined, and by what factor that number grows after a turn in
# which there was nothing to join.
OUTBOX_DIRECT = 2
OUTBOX_GROWTH = 8


class Outbox:
    """Joins the parts of one response.

    Args:
        write: a function that writes bytes to the client.
        call_next_turn: a function that calls its argument in the next turn of the loop, or earlier if the end of this
            turn is known.

    Attributes:
        left: how many more parts are written at once before later ones are joined.
    """

    __slots__ = ("_call_next_turn", "_direct", "_parts", "_scheduled", "_size", "_write", "_written", "left")

    def __init__(self, write: Callable[[bytes], None], call_next_turn: Callable[[Callable[[], None]], object]) -> None:
        self._write = write
        self._call_next_turn = call_next_turn
        self._parts: list[bytes] = []
        self._size = 0
        self._written = 0.0
        self._scheduled = False
        # `_direct` is the number of parts to write at once, `left` the rest of it.
        self._direct = self.left = OUTBOX_DIRECT

    def add(self, data: bytes) -> None:
        """Write a part, at once or joined with others."""
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
            # The application has worked for a while since the last write. Treat this part like the first of a turn.
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
        """Write the parts that wait, as one."""
        parts = self._parts
        if parts:
            self._parts = []
            self._size = 0
            self._direct = OUTBOX_DIRECT
            self._write(b"".join(parts))
            self._written = monotonic()

    def end_turn(self) -> None:
        """Called in the next turn of the loop: write what waits, and start to count again."""
        self._scheduled = False
        self.flush()
        self.left = self._direct
