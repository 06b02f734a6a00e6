"""Counts responses: one source, run as it is or compiled as `_metrics_c`.

Each process writes its own cells and no other does, so there is no lock.
"""

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


class Recorder:
    """Counts what ends.

    Args:
        cells: those of this process, a writable buffer of doubles.
        bounds: of the buckets of durations, in seconds, ascending: doubles too.
    """

    def __init__(self, cells: Any, bounds: Any) -> None:
        self.cells = cells
        self.bounds = bounds
        self.size = len(bounds)

    def record(self, scope: Any, ended: Any) -> None:
        """Count a response, or a WebSocket, of which `uvicorn.protocols.observed.Ended` tells."""
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
