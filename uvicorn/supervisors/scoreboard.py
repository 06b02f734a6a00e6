"""How many connections each worker has, in memory that all of them share, so that they can share evenly."""

import mmap
import sys
import tempfile
from typing import Any

# The first cell counts the cells that may be in use behind it; each of those is one worker's.
CELLS = 4096
CELL_SIZE = 4
SIZE = CELLS * CELL_SIZE
# In the cell of a worker that does not accept.
ABSENT = 0x7FFFFFFF


class Scoreboard:
    """Made by the supervisor; its shares are pickled to the workers. Each writes only its own, so there is no lock."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as we do
        self._file.truncate(SIZE)
        self._cells = _map(self._file.fileno())
        self._taken: set[int] = set()

    def take(self) -> "Share | None":
        """A share for one more worker, absent until that worker publishes; None where all are taken."""
        index = next((index for index in range(1, CELLS) if index not in self._taken), None)
        if index is None:
            return None
        self._taken.add(index)
        self._cells[index] = ABSENT
        self._cells[0] = max(self._taken)
        return Share(self._file.fileno(), index)

    def give_back(self, share: "Share") -> None:
        """Forget a worker that has ended, however it ended."""
        self._cells[share.index] = ABSENT
        self._taken.discard(share.index)
        self._cells[0] = max(self._taken, default=0)

    def close(self) -> None:
        """Free the memory."""
        self._file.close()


class Share:
    """One worker's place on the scoreboard.

    Args:
        fd: of the shared memory.
        index: which cell is ours.
    """

    def __init__(self, fd: int, index: int) -> None:
        self._fd = fd
        self.index = index
        self._cells: memoryview[int] | None = None

    def __getstate__(self) -> dict[str, Any]:
        if sys.platform != "win32":
            from multiprocessing.reduction import DupFd

            return {"fd": DupFd(self._fd), "index": self.index}
        raise NotImplementedError("file descriptors cannot be given to other processes")

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._fd = state["fd"].detach()
        self.index = state["index"]
        self._cells = None

    @property
    def cells(self) -> "memoryview[int]":
        if self._cells is None:
            self._cells = _map(self._fd)
        return self._cells

    def publish(self, connections: int) -> None:
        """Let the others know.

        Args:
            connections: how many we have.
        """
        self.cells[self.index] = connections

    def withdraw(self) -> None:
        """Let the others know that we no longer accept."""
        self.cells[self.index] = ABSENT

    def read(self) -> list[int]:
        """How many connections the workers have, each at its index; `ABSENT` where there is no worker that accepts."""
        cells = self.cells
        return [ABSENT, *cells[1 : cells[0] + 1]]


def _map(fd: int) -> "memoryview[int]":
    return memoryview(mmap.mmap(fd, SIZE)).cast("i")
