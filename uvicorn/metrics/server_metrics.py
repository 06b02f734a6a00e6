"""Writes the numbers of one server process, and opens the address of `--metrics` if there is no supervisor."""

import asyncio
import logging
import os
import time
from array import array
from collections import Counter
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

from uvicorn._speedups import Recorder
from uvicorn._speedups import metric_cells as cell
from uvicorn.config.config import exit_with_startup_failure
from uvicorn.metrics.cells import new_cells
from uvicorn.metrics.collector import Collector, Counted
from uvicorn.metrics.responder import Answer, Responder
from uvicorn.net.bind import bind_to

if TYPE_CHECKING:
    from uvicorn.config import Config
    from uvicorn.server_state import ServerState

# Seconds between the times at which numbers are copied from the state of the server.
TICK = 1.0

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

logger = logging.getLogger("uvicorn.error")


class ServerMetrics:
    """Writes the numbers of a server into the cells of its process.

    Responses are counted when they end. The other numbers are copied from the state of the server once a second.

    Args:
        config: the config of the server.
        server_state: the state of the server, before its first connection.
        cells: the cells of this process.
    """

    def __init__(self, config: "Config", server_state: "ServerState", cells: Any) -> None:
        self.cells = cells
        self._state = server_state
        self._timer: asyncio.TimerHandle | None = None
        cells[cell.STATE] = cell.STARTING
        server_state.observers.append(Recorder(cells, array("d", config.metrics_buckets)).record)
        server_state.on_ready = self._on_ready

    def _on_ready(self, ready: bool) -> None:
        self.cells[cell.STATE] = cell.SERVING if ready else cell.STOPPING

    def start(self) -> None:
        """Start to copy numbers once a second, in the running loop."""
        loop = asyncio.get_running_loop()
        due = time.monotonic() + TICK
        self.cells[cell.TICK_DUE] = due
        self._timer = loop.call_later(TICK, self._tick, loop, due)

    def _tick(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        now = time.monotonic()
        # A loop can be too early, by the resolution of its clock.
        self.cells[cell.LOOP_LAG] = max(0.0, now - due)
        self._write()
        self.cells[cell.TICK_DUE] = now + TICK
        self._timer = loop.call_later(TICK, self._tick, loop, now + TICK)

    def _write(self) -> None:
        cells, state = self.cells, self._state
        cells[cell.CONNECTIONS] = len(state.connections)
        cells[cell.WEBSOCKETS] = state.websockets
        cells[cell.IN_FLIGHT] = max(0, len(state.tasks) - state.websockets)
        cells[cell.ACCEPTED] = state.connections.accepted
        cells[cell.RESETS_SENT] = state.resets_sent
        cells[cell.RESETS_RECEIVED] = state.resets_received
        _write_counter(cells, cell.REJECTED, state.rejected, cell.REJECTIONS)
        _write_counter(cells, cell.REFUSED, state.connections.refused, cell.REFUSALS)

    def stop(self) -> None:
        """Copy the numbers for the last time."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._write()
        self.cells[cell.TICK_DUE] = self.cells[cell.LOOP_LAG] = 0.0
        self.cells[cell.STATE] = cell.STOPPING


def _write_counter(cells: Any, start: int, counter: Counter[Any], keys: Collection[Any]) -> None:
    """Write the counts of `keys` from the cell `start` on, and after them the sum of all others."""
    counts = [counter[key] for key in keys]
    for index, count in enumerate([*counts, counter.total() - sum(counts)], start):
        cells[index] = count


class MetricsListener:
    """Opens the address of `--metrics`, and answers its requests.

    Args:
        config: the config of the server.
        collector: has the numbers of all processes.
        is_stopping: returns whether the server as a whole is stopping.
    """

    def __init__(self, config: "Config", collector: Collector, is_stopping: Callable[[], bool] = lambda: False) -> None:
        assert config.metrics is not None
        self._collector = collector
        self._is_stopping = is_stopping
        self._bind = bind_to(config.metrics, config.uds_mode, flag="--metrics")
        try:
            self._bind.open()
        except OSError as exc:
            exit_with_startup_failure(f"--metrics {config.metrics}: {exc}")
        self.responder = Responder(self._bind.sockets, self._answer)
        where, args = self._bind.describe(False)
        logger.info(f"Metrics and health on {where}", *args)

    def _answer(self, path: str) -> Answer:
        if path == "/metrics":
            return Answer("200 OK", self._collector.exposition(), CONTENT_TYPE)
        if path == "/readyz":
            ready = not self._is_stopping() and self._collector.is_ready()
            return Answer("200 OK", "ready\n") if ready else Answer("503 Service Unavailable", "not ready\n")
        if path == "/livez":
            live = self._collector.is_live()
            return Answer("200 OK", "live\n") if live else Answer("503 Service Unavailable", "the loop is blocked\n")
        return Answer("404 Not Found", "There are /metrics, /readyz and /livez.\n")

    def close(self) -> None:
        """Stop serving, and close the address."""
        self.responder.close()
        self._bind.close()

    def let_go(self) -> None:
        """Called in a forked child: close everything that belongs to the supervisor."""
        self.responder.let_go()
        for sock in self._bind.sockets:
            sock.close()


class OneProcess(ServerMetrics):
    """The metrics of a server without a supervisor. A thread serves them, because the event loop may be blocked."""

    def __init__(self, config: "Config", server_state: "ServerState") -> None:
        super().__init__(config, server_state, new_cells())
        collector = Collector(config.metrics_buckets, config.timeout_worker_healthcheck)
        collector.add(Counted(self.cells, 0, os.getpid()))
        self._listener = MetricsListener(config, collector)
        self._listener.responder.start()

    def stop(self) -> None:
        super().stop()
        self._listener.close()
