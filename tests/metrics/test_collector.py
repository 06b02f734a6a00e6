import json
import os
import re
import time
from typing import Any

import pytest

from tests.processes import ROOT
from uvicorn._speedups import metric_cells as cell
from uvicorn.metrics import collector as module
from uvicorn.metrics.cells import SharedCells, new_cells
from uvicorn.metrics.collector import Collector, Counted

# No process has this id.
NO_PID = 2**22 + 1


def counted(number: int = 0, pid: int | None = None, **values: float) -> Counted:
    cells = new_cells()
    for name, value in values.items():
        cells[getattr(cell, name)] = value
    return Counted(cells, number, os.getpid() if pid is None else pid)


def samples(collector: Collector) -> dict[str, float]:
    found = {}
    for line in collector.exposition().splitlines():
        if not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            assert name not in found
            found[name] = float(value)
    return found


def test_sums_include_ended_processes() -> None:
    collector = Collector((0.1, 1.0), 5.0)
    first = counted(1, REQUESTS=3, BUCKETS=2, DURATION=1.5, CONNECTIONS=4, ACCEPTED=7)
    second = counted(2, REQUESTS=4, CONNECTIONS=1)
    second.cells[cell.BUCKETS + 2] = 5  # type: ignore[index]
    collector.add(first)
    collector.add(second)
    before = samples(collector)
    assert before['uvicorn_requests_total{method="GET",status="1xx"}'] == 7
    assert before["uvicorn_connections_open"] == 5
    assert before['uvicorn_request_duration_seconds_bucket{le="0.1"}'] == 2
    assert before['uvicorn_request_duration_seconds_bucket{le="1.0"}'] == 2
    assert before['uvicorn_request_duration_seconds_bucket{le="+Inf"}'] == 7
    assert before["uvicorn_request_duration_seconds_count"] == 7
    assert before["uvicorn_request_duration_seconds_sum"] == 1.5
    collector.remove(first)
    after = samples(collector)
    assert after["uvicorn_connections_open"] == 1
    for name, value in before.items():
        if re.search(r"_(total|sum|count)\b|_bucket", name):
            assert after[name] == value, name


def test_a_worker_and_its_replacement_share_a_series() -> None:
    collector = Collector((0.1,), 5.0)
    collector.add(counted(1, LOOP_LAG=0.5))
    collector.add(counted(1, LOOP_LAG=0.25))
    found = samples(collector)
    assert found['uvicorn_event_loop_lag_seconds{worker="1"}'] == 0.5
    if os.path.exists("/proc/self/statm"):
        memory = found['uvicorn_resident_memory_bytes{worker="1"}']
        assert memory == pytest.approx(2 * found['uvicorn_resident_memory_bytes{worker="0"}'], rel=0.5)


def test_omits_the_memory_if_it_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    collector = Collector((0.1,), 5.0)
    collector.add(counted(1, NO_PID))
    assert "resident_memory" not in collector.exposition()


def test_states_and_readiness() -> None:
    collector = Collector((0.1,), 5.0)
    assert not collector.is_ready()
    starting, serving = counted(1), counted(2, STATE=cell.SERVING)
    collector.add(starting)
    assert not collector.is_ready()
    collector.add(serving)
    assert collector.is_ready()
    found = samples(collector)
    assert [found[f'uvicorn_workers{{state="{state}"}}'] for state in ("starting", "serving", "stopping")] == [1, 1, 0]
    serving.cells[cell.STATE] = cell.STOPPING  # type: ignore[index]
    assert not collector.is_ready()


def test_a_loop_that_is_blocked() -> None:
    collector = Collector((0.1,), 5.0)
    blocked = counted(0, STATE=cell.SERVING, TICK_DUE=time.monotonic() - 6.0)
    collector.add(blocked)
    assert 6.0 <= blocked.lag < 100.0
    assert not collector.is_ready()
    assert not collector.is_live()
    blocked.number = 1
    assert collector.is_live()
    blocked.cells[cell.TICK_DUE] = time.monotonic() + 1.0  # type: ignore[index]
    assert blocked.lag == 0.0
    assert collector.is_ready()


def test_every_reason_of_a_restart_starts_at_zero() -> None:
    collector = Collector((0.1,), 5.0)
    collector.restarts["died"] += 2
    found = samples(collector)
    restarts = {name: value for name, value in found.items() if "restarts" in name}
    assert set(restarts.values()) == {0, 2}
    assert restarts['uvicorn_worker_restarts_total{reason="died"}'] == 2


def test_cells_do_not_overlap() -> None:
    singles = [value for name, value in vars(cell).items() if name.isupper() and isinstance(value, int)]
    assert cell.REJECTED + len(cell.REJECTIONS) + 1 == cell.REFUSED
    assert cell.REFUSED + len(cell.REFUSALS) + 1 == cell.REQUESTS
    assert cell.REQUESTS + (len(cell.METHODS) + 1) * len(cell.STATUS_CLASSES) == cell.BUCKETS
    assert max(singles) == cell.CELLS == cell.BUCKETS + cell.BUCKETS_MAX + 1


def test_shared_cells_reach_a_child_that_is_spawned() -> None:
    import multiprocessing

    shared = SharedCells()
    spawn = multiprocessing.get_context("spawn")
    process = spawn.Process(target=_write, args=(shared,))
    process.start()
    process.join()
    assert process.exitcode == 0
    assert shared.cells[3] == 4.5
    shared.close()


def _write(received: Any) -> None:
    received.cells[3] = 4.5


def test_the_page_and_the_dashboard_name_existing_metrics() -> None:
    collector = Collector((0.1,), 5.0)
    families = set(re.findall(r"^# TYPE (\w+)", collector.exposition(), re.MULTILINE))
    families.add("uvicorn_resident_memory_bytes")  # only Linux has these
    page = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`(uvicorn_\w+)`", page)) == families
    dashboard = json.loads((ROOT / "docs" / "grafana-dashboard.json").read_text(encoding="utf-8"))
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    named = {name.removesuffix("_bucket") for text in expressions for name in re.findall(r"uvicorn_\w+", text)}
    assert named == families
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


def test_the_page_names_every_reason() -> None:
    page = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    for reason in (*module.RESTARTS, *cell.REJECTIONS.values(), *cell.REFUSALS):
        assert f"`{reason}`" in page
