from array import array
from collections.abc import Sequence
from typing import Any

import pytest

from uvicorn._speedups import metric_cells as cell

START = {"type": "http.response.start", "status": 200}
LAST = {"type": "http.response.body", "body": b"hello"}


class Recording:
    """A recorder, and the exchanges that it counts."""

    def __init__(self, speedups: Any, bounds: Sequence[float] = (1e9,)) -> None:
        self._speedups = speedups
        self._cells = memoryview(bytearray(8 * cell.CELLS)).cast("d")
        self.observers = [speedups.Recorder(self._cells, array("d", bounds)).record]

    def respond(self, method: str = "GET", status: int = 200, body: bytes = b"hello") -> Any:
        """Send a response and return its framer."""
        framer = self._speedups.ResponseFramer(0)
        framer.observers = self.observers
        framer.begin(0, {"method": method})
        framer.send({**START, "status": status}, b"")
        framer.send({**LAST, "body": body}, b"")
        return framer

    def end_websocket(self, status: int, on_stream: bool = False) -> None:
        outcome = self._speedups.Outcome(on_stream)
        outcome.observe(self.observers, {})
        outcome.status = status
        outcome.report()

    def cells(self) -> dict[int, float]:
        """The cells that are not zero, except for the durations."""
        return {index: value for index, value in enumerate(self._cells) if value and index != cell.DURATION}

    @property
    def duration(self) -> float:
        return self._cells[cell.DURATION]


@pytest.fixture
def recording(speedups: Any) -> Recording:
    return Recording(speedups)


@pytest.mark.parametrize(
    ("method", "status", "row", "column"),
    [
        ("GET", 200, 0, 1),
        ("HEAD", 304, 1, 2),
        ("POST", 404, 2, 3),
        ("CONNECT", 599, 8, 4),
        ("PROPFIND", 200, 9, 1),
        ("GET", 600, 0, 4),
        ("GET", 999, 0, 4),
    ],
)
def test_methods_and_classes(recording: Recording, method: str, status: int, row: int, column: int) -> None:
    sent = recording.respond(method, status).sent
    assert recording.cells().pop(cell.BODY_BYTES, 0) == sent
    assert recording.cells().keys() - {cell.BODY_BYTES} == {cell.REQUESTS + 5 * row + column, cell.BUCKETS}


def test_a_client_that_has_left(speedups: Any, recording: Recording) -> None:
    outcome = speedups.ResponseFramer(0)
    outcome.observers = recording.observers
    outcome.begin(0, {"method": "GET"})
    outcome.abandon()
    assert recording.cells() == {cell.REQUESTS + 3: 1, cell.BUCKETS: 1}


@pytest.mark.parametrize(
    ("bounds", "bucket"), [((1e9,), 0), ((0.0, 1e9), 1), ((0.0, 1e-12, 1e9), 2), ((0.0,), 1), ((0.0, 1e-12), 2)]
)
def test_buckets(speedups: Any, bounds: tuple[float, ...], bucket: int) -> None:
    recording = Recording(speedups, bounds)
    # The clock may be coarse.
    while not recording.respond().duration:
        recording = Recording(speedups, bounds)
    assert recording.cells()[cell.BUCKETS + bucket] == 1


def test_a_duration_is_within_its_bound(speedups: Any) -> None:
    framer = Recording(speedups).respond()
    recording = Recording(speedups, (framer.duration,))
    recording.observers[0](framer)
    assert recording.cells()[cell.BUCKETS] == 1


def test_sums(recording: Recording) -> None:
    durations = [recording.respond().duration, recording.respond(body=b"a" * 1000).duration]
    assert recording.cells()[cell.BODY_BYTES] == 1005
    assert recording.duration == sum(durations)
    assert recording.cells()[cell.REQUESTS + 1] == 2


def test_http2(speedups: Any, recording: Recording) -> None:
    framer = speedups.Http2Framer(speedups.Encoder(), 0)
    framer.observe(recording.observers, {"method": "GET"})
    framer.start(START, [])
    framer.body(LAST)
    assert recording.cells()[cell.HTTP2_STREAMS] == 1


@pytest.mark.parametrize(
    ("on_stream", "status", "expected"),
    [
        (False, 101, {cell.WEBSOCKETS_ACCEPTED: 1}),
        (True, 200, {cell.WEBSOCKETS_ACCEPTED: 1, cell.HTTP2_STREAMS: 1}),
        (False, 403, {cell.WEBSOCKETS_REJECTED: 1}),
    ],
)
def test_websockets(recording: Recording, on_stream: bool, status: int, expected: dict[int, float]) -> None:
    recording.end_websocket(status, on_stream)
    assert recording.cells() == expected
