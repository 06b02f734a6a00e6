"""Counts exchanges when they end. This source runs as it is, and compiled as `_recorder_c`.

`uvicorn.metrics.server_metrics` adds `Recorder.record` to the observers of a server.
"""

from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    # Imported under another name, because `Outcome` is a C type in the compiled build.
    from uvicorn._speedups._response_py import Outcome as ResponseOutcome


class Recorder:
    """Counts exchanges in the cells of this process. No other process writes them, so there is no lock.

    Args:
        cells: a writable buffer of doubles. `uvicorn._speedups.metric_cells` has their indices.
        bounds: the upper bounds of the buckets of durations: seconds, ascending, a buffer of doubles.
    """

    def __init__(self, cells: Any, bounds: Any) -> None:
        self.cells = cells
        self.bounds = bounds
        self.size = len(bounds)

    def record(self, outcome: "ResponseOutcome") -> None:
        """Count a response or a WebSocket that has ended."""
        status = outcome.status
        if outcome.on_stream:
            self.cells[HTTP2_STREAMS] += 1
        if outcome.sent < 0:
            self.cells[WEBSOCKETS_ACCEPTED if status < 300 else WEBSOCKETS_REJECTED] += 1
            return
        kind = status // 100
        # Applications may send any status of three digits.
        if kind > CLASSES:
            kind = CLASSES
        scope = outcome.scope
        row = METHOD_INDICES.get(scope["method"], OTHER_METHOD)
        self.cells[REQUESTS + row * CLASSES + kind - 1] += 1
        self.cells[BODY_BYTES] += outcome.sent
        duration = outcome.duration
        self.cells[DURATION] += duration
        bucket = 0
        while bucket < self.size and duration > self.bounds[bucket]:
            bucket += 1
        self.cells[BUCKETS + bucket] += 1
