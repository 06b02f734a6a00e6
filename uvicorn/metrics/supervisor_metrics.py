"""The metrics of a supervisor: the counts of its workers, and the reasons for which it has replaced workers."""

import math
import socket
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from uvicorn.metrics.cells import SharedCells
from uvicorn.metrics.collector import Collector, Counted
from uvicorn.metrics.server_metrics import MetricsListener

if TYPE_CHECKING:
    from uvicorn.config import Config


class SupervisorMetrics:
    """Opens the address of `--metrics`, and has the cells of the workers.

    Args:
        config: the config of the server.
        is_stopping: returns whether the supervisor is stopping.
    """

    def __init__(self, config: "Config", is_stopping: Callable[[], bool]) -> None:
        self._collector = Collector(config.metrics_buckets, config.timeout_worker_healthcheck)
        self._listener = MetricsListener(config, self._collector, is_stopping)
        self._counted: dict[int, tuple[Counted, SharedCells]] = {}
        if sys.platform == "win32":  # Windows cannot wait for sockets and pipes together, and cannot fork.
            self._listener.responder.start()

    def objects(self) -> list[socket.socket]:
        """The objects that become readable when `step` has something to do."""
        if sys.platform == "win32":
            return []
        return self._listener.responder.objects()

    @property
    def due(self) -> float:
        """The time at which `step` has something to do even if no object is readable, of `time.monotonic`."""
        if sys.platform == "win32":
            return math.inf
        return self._listener.responder.due

    def step(self) -> None:
        """Serve requests, as far as possible without waiting."""
        if sys.platform != "win32":
            self._listener.responder.step()

    def open_cells(self) -> SharedCells:
        """Make the cells for a worker that will be started. Raises OSError."""
        return SharedCells()

    def started(self, pid: int, number: int, cells: SharedCells) -> None:
        """Called when a worker has been started."""
        counted = Counted(cells.cells, number, pid)
        self._collector.add(counted)
        self._counted[pid] = counted, cells

    def ended(self, pid: int) -> None:
        """Called when a worker has ended."""
        counted, cells = self._counted.pop(pid)
        self._collector.remove(counted)
        cells.close()

    def replaced(self, reason: str) -> None:
        """Called when a worker was replaced, or will be."""
        self._collector.restarts[reason] += 1

    def close(self) -> None:
        """Stop serving."""
        self._listener.close()

    def let_go(self) -> None:
        """Called in a forked worker: close everything that belongs to the supervisor."""
        self._listener.let_go()
