"""Adds the numbers of all processes, and formats them in the text format of Prometheus (version 0.0.4)."""

import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from threading import Lock

from uvicorn._speedups import metric_cells as cell
from uvicorn.resident_memory import read_rss

PREFIX = "uvicorn"

# The reasons for which workers are replaced.
RESTARTS = ("died", "hung", "lifetime", "memory", "requests", "restart")

Cells = Sequence[float]
Sample = tuple[str, str, float]


class Counted:
    """A process with numbers.

    Args:
        cells: the cells of the process.
        number: the number of the worker. 0 is a server without workers, or the supervisor.
        pid: the id of the process.
    """

    def __init__(self, cells: Cells, number: int, pid: int) -> None:
        self.cells = cells
        self.number = number
        self.pid = pid

    @property
    def lag(self) -> float:
        """The delay of the event loop in seconds: at its last tick, or now if that is longer."""
        due = self.cells[cell.TICK_DUE]
        late = time.monotonic() - due if due else 0.0
        return max(self.cells[cell.LOOP_LAG], late)

    def is_ready(self, patience: float) -> bool:
        """Whether the process serves, and its event loop is blocked for at most `patience` seconds."""
        return self.cells[cell.STATE] == cell.SERVING and self.lag <= patience


class Collector:
    """The processes, and the counters of processes that have ended.

    Args:
        bounds: the upper bounds of the buckets of durations, in seconds.
        patience: the seconds for which an event loop may be blocked.
    """

    def __init__(self, bounds: Sequence[float], patience: float) -> None:
        self.bounds = bounds
        self.patience = patience
        self.started_at = time.time()
        # It starts with zeros, because Prometheus does not count the first value of a series as an increase.
        self.restarts: Counter[str] = Counter(dict.fromkeys(RESTARTS, 0))
        # The sum of the counters of processes that have ended.
        self._ended = [0.0] * cell.CELLS
        self._counted: list[Counted] = []
        # Protects both attributes: while a process is moved from one to the other, no sum must be made.
        self._lock = Lock()

    def add(self, counted: Counted) -> None:
        """Called when a process has been started."""
        with self._lock:
            self._counted.append(counted)

    def remove(self, counted: Counted) -> None:
        """Called when a process has ended: keep its counters."""
        with self._lock:
            self._counted.remove(counted)
            for index in range(cell.GAUGES, cell.CELLS):
                self._ended[index] += counted.cells[index]

    def is_ready(self) -> bool:
        """Whether the server takes requests."""
        with self._lock:
            return any(counted.is_ready(self.patience) for counted in self._counted)

    def is_live(self) -> bool:
        """Whether the event loop of a server without workers is not blocked. A supervisor checks its workers itself."""
        with self._lock:
            return all(counted.number or counted.lag <= self.patience for counted in self._counted)

    def exposition(self) -> str:
        """The text of all metrics."""
        with self._lock:
            lines = [line for family in self._families() for line in family]
        return "\n".join(lines) + "\n"

    def _families(self) -> Iterator[list[str]]:
        totals = self._ended[:]
        for counted in self._counted:
            for index, value in enumerate(counted.cells):
                totals[index] += value
        yield from self._of_requests(totals)
        yield from self._of_connections(totals)
        yield from self._of_processes()

    def _of_requests(self, totals: list[float]) -> Iterator[list[str]]:
        requests = [
            (_labels(method=method, status=status), totals[cell.REQUESTS + row * cell.CLASSES + column])
            for row, method in enumerate((*cell.METHODS, "other"))
            for column, status in enumerate(cell.STATUS_CLASSES)
        ]
        yield _family("requests_total", "counter", "Responses that have ended.", requests)
        yield self._durations(totals)
        yield _single("response_body_bytes_total", "counter", "Bytes of bodies sent.", totals[cell.BODY_BYTES])
        yield _single("requests_in_flight", "gauge", "Requests that applications work on.", totals[cell.IN_FLIGHT])
        reasons = [
            (_labels(reason=reason), totals[cell.REJECTED + index])
            for index, reason in enumerate((*cell.REJECTIONS.values(), "other"))
        ]
        yield _family("requests_rejected_total", "counter", "Requests that the server has refused.", reasons)

    def _durations(self, totals: list[float]) -> list[str]:
        name = f"{PREFIX}_request_duration_seconds"
        lines = _head("request_duration_seconds", "histogram", "From the call of the application to the end.")
        count = 0.0
        for index, bound in enumerate((*map(repr, self.bounds), "+Inf")):
            count += totals[cell.BUCKETS + index]
            lines.append(f"{name}_bucket{_labels(le=bound)} {_number(count)}")
        return [*lines, f"{name}_sum {_number(totals[cell.DURATION])}", f"{name}_count {_number(count)}"]

    def _of_connections(self, totals: list[float]) -> Iterator[list[str]]:
        for name, kind, text, index in (
            ("connections_open", "gauge", "Connections that are open.", cell.CONNECTIONS),
            ("connections_accepted_total", "counter", "Connections accepted.", cell.ACCEPTED),
            ("websockets_open", "gauge", "WebSockets that are open.", cell.WEBSOCKETS),
        ):
            yield _single(name, kind, text, totals[index])
        refusals = [
            (_labels(reason=reason), totals[cell.REFUSED + index])
            for index, reason in enumerate((*cell.REFUSALS, "other"))
        ]
        yield _family("connections_refused_total", "counter", "Connections closed before a request.", refusals)
        answers = [
            (_labels(answer="accepted"), totals[cell.WEBSOCKETS_ACCEPTED]),
            (_labels(answer="rejected"), totals[cell.WEBSOCKETS_REJECTED]),
        ]
        yield _family("websockets_total", "counter", "WebSockets that have ended, by the answer.", answers)
        yield _single("http2_streams_total", "counter", "Streams that have ended.", totals[cell.HTTP2_STREAMS])
        resets = [
            (_labels(by="client"), totals[cell.RESETS_RECEIVED]),
            (_labels(by="server"), totals[cell.RESETS_SENT]),
        ]
        yield _family("http2_resets_total", "counter", "Streams that were reset.", resets)

    def _of_processes(self) -> Iterator[list[str]]:
        states = Counter(counted.cells[cell.STATE] for counted in self._counted)
        workers = [
            (_labels(state=name), states[state])
            for name, state in (("starting", cell.STARTING), ("serving", cell.SERVING), ("stopping", cell.STOPPING))
        ]
        yield _family("workers", "gauge", "Processes that serve requests.", workers)
        restarts = [(_labels(reason=reason), times) for reason, times in sorted(self.restarts.items())]
        yield _family("worker_restarts_total", "counter", "Workers that were replaced.", restarts)
        lags: dict[int, float] = {}
        memory: dict[int, float] = {}
        for counted in self._counted:
            # A worker and its replacement have the same number.
            lags[counted.number] = max(lags.get(counted.number, 0.0), counted.lag)
            memory[counted.number] = memory.get(counted.number, 0.0) + (read_rss(counted.pid) or 0)
        yield _family("event_loop_lag_seconds", "gauge", "By how much the loop is late.", _by_worker(lags))
        memory.setdefault(0, read_rss(os.getpid()) or 0)
        if all(memory.values()):
            yield _family("resident_memory_bytes", "gauge", "Memory; worker 0 is the supervisor.", _by_worker(memory))
        yield _single("start_time_seconds", "gauge", "When the server was started, since 1970.", self.started_at)


def _head(name: str, kind: str, text: str) -> list[str]:
    return [f"# HELP {PREFIX}_{name} {text}", f"# TYPE {PREFIX}_{name} {kind}"]


def _family(name: str, kind: str, text: str, samples: Iterable[tuple[str, float]]) -> list[str]:
    return [*_head(name, kind, text), *(f"{PREFIX}_{name}{labels} {_number(value)}" for labels, value in samples)]


def _single(name: str, kind: str, text: str, value: float) -> list[str]:
    return _family(name, kind, text, [("", value)])


def _by_worker(values: dict[int, float]) -> list[tuple[str, float]]:
    return [(_labels(worker=number), value) for number, value in sorted(values.items())]


def _labels(**labels: object) -> str:
    return "{" + ",".join(f'{name}="{value}"' for name, value in labels.items()) + "}"


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
