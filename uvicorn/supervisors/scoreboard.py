"""How many connections each worker has, in shared memory, so that they can share evenly."""

import mmap
import sys
import tempfile
from typing import Any

# One is each worker's; the first says how many may be in use behind it.
CELLS = 4096
CELL_SIZE = 4
SIZE = CELLS * CELL_SIZE
# In the cell of a worker that does not accept.
ABSENT = 0x7FFFFFFF

# By how many connections a worker may be ahead of the least loaded one: few enough for even shares, but so many that
# workers woken together need not wait for each other each time.
SLACK = 2
SLACK_SHIFT = 3  # and an eighth of what the least loaded one has

# How long a connection is left to the others, in seconds. On a busy machine, a process takes some milliseconds to wake.
COURTESY_DELAY = 0.02

# A worker that lets this pass so many times is busy, or hangs. It is then disregarded for some seconds, each time for
# twice as long, until it has accepted something.
PATIENCE = 3
DISREGARD_MIN = 0.1
DISREGARD_MAX = 1.0


class Scoreboard:
    """The supervisor's; its shares are pickled to the workers. Each writes only its own, so there is no lock."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as we do
        self._file.truncate(SIZE)
        self._cells = _map(self._file.fileno())
        self._taken: set[int] = set()

    def take(self) -> "Share | None":
        """A share for one more worker; None where all are taken."""
        index = next((index for index in range(1, CELLS) if index not in self._taken), None)
        if index is None:
            return None
        self._taken.add(index)
        self._cells[index] = ABSENT
        self._cells[0] = max(self._taken)
        return Share(self._file.fileno(), index)

    def give_back(self, share: "Share") -> None:
        self._cells[share.index] = ABSENT
        self._taken.discard(share.index)
        self._cells[0] = max(self._taken, default=0)

    def close(self) -> None:
        self._file.close()


class Share:
    """One worker's place on the scoreboard: the cell `index` of the shared memory."""

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
        """Let the others know how many we have."""
        self.cells[self.index] = connections

    def withdraw(self) -> None:
        """Let the others know that we no longer accept."""
        self.cells[self.index] = ABSENT

    def read(self) -> list[int]:
        """How many the workers have, each at its index; `ABSENT` where none accepts."""
        cells = self.cells
        return [ABSENT, *cells[1 : cells[0] + 1]]


def _map(fd: int) -> "memoryview[int]":
    return memoryview(mmap.mmap(fd, SIZE)).cast("i")


class Stalled:
    """A worker that was waited for in vain, and has `load` connections until it accepts."""

    def __init__(self, load: int) -> None:
        self.load = load
        self.disregarded_until = 0.0
        self._times = 0
        self._period = DISREGARD_MIN / 2

    def wait_in_vain(self, now: float) -> None:
        """It has let a connection pass once more."""
        self._times += 1
        if self._times >= PATIENCE:
            self._period = min(2 * self._period, DISREGARD_MAX)
            self.disregarded_until = now + self._period


class Courtesy:
    """Decides for one worker when to leave a connection to the others; times are the event loop's."""

    def __init__(self, share: Share) -> None:
        self._share = share
        self._stalled: dict[int, Stalled] = {}
        self._awaited = (0, 0)  # which worker, and how many connections it had

    def is_due(self, now: float) -> bool:
        """Whether to leave the next connection to the others."""
        loads = self._share.read()
        if self._stalled:
            self._leave_out_stalled(loads, now)
        least = min(loads)
        if loads[self._share.index] - least <= SLACK + (least >> SLACK_SHIFT):
            return False
        self._awaited = loads.index(least), least
        return True

    def _leave_out_stalled(self, loads: list[int], now: float) -> None:
        """Leave out who is disregarded, and forgive who has done something since."""
        for index, worker in list(self._stalled.items()):
            if index >= len(loads) or loads[index] != worker.load:
                del self._stalled[index]
            elif now < worker.disregarded_until:
                loads[index] = ABSENT

    def was_in_vain(self, now: float) -> None:
        """Nobody took the connection that we left to the others."""
        index, load = self._awaited
        loads = self._share.read()
        if index < len(loads) and loads[index] == load:  # Else it is at work.
            self._stalled.setdefault(index, Stalled(load)).wait_in_vain(now)
