from array import array
from typing import Any, NamedTuple

import pytest

from uvicorn._speedups import metric_cells as cell


class Ended(NamedTuple):
    status: int = 200
    sent: int = 5
    duration: float = 0.1


def counted(speedups: Any, *ended: tuple[dict[str, Any], Ended]) -> dict[int, float]:
    """The cells that are not zero."""
    cells = memoryview(bytearray(8 * cell.CELLS)).cast("d")
    recorder = speedups.Recorder(cells, array("d", [0.1, 1.0]))
    for scope, response in ended:
        recorder.record(scope, speedups.Ended(*response, ()))
    return {index: value for index, value in enumerate(cells) if value}


def scope(**different: Any) -> dict[str, Any]:
    return {"type": "http", "method": "GET", "http_version": "1.1", **different}


@pytest.mark.parametrize(
    ("method", "status", "row", "column"),
    [
        ("GET", 200, 0, 1),
        ("HEAD", 304, 1, 2),
        ("POST", 499, 2, 3),
        ("CONNECT", 599, 8, 4),
        ("PROPFIND", 200, 9, 1),
        ("GET", 600, 0, 4),
        ("GET", 999, 0, 4),
        ("GET", 101, 0, 0),
    ],
)
def test_methods_and_classes(speedups: Any, method: str, status: int, row: int, column: int) -> None:
    cells = counted(speedups, (scope(method=method), Ended(status)))
    assert cells == {
        cell.REQUESTS + 5 * row + column: 1,
        cell.BODY_BYTES: 5,
        cell.DURATION: 0.1,
        cell.BUCKETS: 1,
    }


@pytest.mark.parametrize(("duration", "bucket"), [(0.0, 0), (0.1, 0), (0.10001, 1), (1.0, 1), (1.5, 2), (1e9, 2)])
def test_buckets(speedups: Any, duration: float, bucket: int) -> None:
    assert counted(speedups, (scope(), Ended(duration=duration)))[cell.BUCKETS + bucket] == 1


def test_sums(speedups: Any) -> None:
    cells = counted(speedups, (scope(), Ended()), (scope(), Ended(sent=2**40, duration=0.5)))
    assert cells[cell.BODY_BYTES] == 2**40 + 5
    assert cells[cell.DURATION] == 0.6
    assert cells[cell.REQUESTS + 1] == 2


def test_http2(speedups: Any) -> None:
    assert counted(speedups, (scope(http_version="2"), Ended()))[cell.HTTP2_STREAMS] == 1


@pytest.mark.parametrize(
    ("version", "status", "expected"),
    [
        ("1.1", 101, {cell.WEBSOCKETS_ACCEPTED: 1}),
        ("2", 200, {cell.WEBSOCKETS_ACCEPTED: 1, cell.HTTP2_STREAMS: 1}),
        ("1.1", 403, {cell.WEBSOCKETS_REJECTED: 1}),
    ],
)
def test_websockets(speedups: Any, version: str, status: int, expected: dict[int, float]) -> None:
    websocket = {"type": "websocket", "http_version": version}
    assert counted(speedups, (websocket, Ended(status, sent=-1))) == expected
