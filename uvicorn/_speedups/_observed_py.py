"""Calls observers at the ends of exchanges, and counts: one source, run as it is or compiled as `_observed_c`."""

from time import monotonic
from typing import Any

from uvicorn._speedups.metric_cells import (
    BODY_BYTES,
    BUCKETS,
    CLASSES,
    DURATION,
    HTTP2_STREAMS,
    METHOD_INDICES,
    OTHER_METHOD,
    REQUESTS,
    WEBSOCKETS_ACCEPTED,
    WEBSOCKETS_REJECTED,
)


class Ended:
    """What is known of a response, or of a WebSocket, at its end.

    Args:
        status: that which was sent, or `uvicorn.protocols.utils.CLIENT_CLOSED_REQUEST`.
        sent: bytes of the body, -1 if they are not counted.
        duration: in seconds, from the call of the application on.
        headers: those of the application, if an observer asks for them.
    """

    def __init__(self, status: int, sent: int, duration: float, headers: Any) -> None:
        self.status = status
        self.sent = sent
        self.duration = duration
        self.headers = headers


class Observers:
    """Makes exchanges, and calls each observer with the scope of one that ends and the facts of its response.

    Args:
        observers: callables.
        cycle_class: of the exchanges; they have `began`, by the clock, and 0 after their end.
    """

    def __init__(self, observers: list[Any], cycle_class: Any) -> None:
        self.observers = observers
        self.cycle_class = cycle_class
        self.new = cycle_class.__new__

    def make(self) -> Any:
        """An exchange, which begins now."""
        cycle = self.new(self.cycle_class)
        cycle.began = monotonic()
        return cycle

    def notify(self, cycle: Any, answered: int) -> None:
        """Call the observers at the end of an exchange, once.

        Args:
            cycle: the exchange.
            answered: the status that the client was given in place of the application's, or 0.
        """
        began = cycle.began
        if not began:
            return
        cycle.began = 0.0
        framer = cycle.stream.framer
        ended = Ended(framer.status, framer.sent, monotonic() - began, cycle.headers)
        if answered:
            ended.status = answered
            ended.sent = 0
        scope = cycle.scope
        for observer in self.observers:
            observer(scope, ended)


class Recorder:
    """Counts what ends. Each process writes its own cells and no other does, so there is no lock.

    Args:
        cells: those of this process, a writable buffer of doubles.
        bounds: of the buckets of durations, in seconds, ascending: doubles too.
    """

    def __init__(self, cells: Any, bounds: Any) -> None:
        self.cells = cells
        self.bounds = bounds
        self.size = len(bounds)

    def record(self, scope: Any, ended: Any) -> None:
        """Count a response or a WebSocket."""
        status = ended.status
        sent = ended.sent
        if scope["http_version"] == "2":
            self.cells[HTTP2_STREAMS] += 1
        if scope["type"] != "http":
            self.cells[WEBSOCKETS_ACCEPTED if status < 300 else WEBSOCKETS_REJECTED] += 1
            return
        kind = status // 100
        # A status may be any number of three digits.
        if kind > CLASSES:
            kind = CLASSES
        self.cells[REQUESTS + METHOD_INDICES.get(scope["method"], OTHER_METHOD) * CLASSES + kind - 1] += 1
        self.cells[BODY_BYTES] += sent
        duration = ended.duration
        self.cells[DURATION] += duration
        bucket = 0
        while bucket < self.size and duration > self.bounds[bucket]:
            bucket += 1
        self.cells[BUCKETS + bucket] += 1
