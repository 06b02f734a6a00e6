import pytest

from uvicorn.supervisors import multiprocess as module
from uvicorn.supervisors.multiprocess import PAUSE_MAX, PAUSE_MIN, STABLE_AFTER, Slot


def test_pauses_grow_while_workers_die_early() -> None:
    slot = Slot()
    assert [slot.start_later(served=0.0) for _ in range(4)] == [0.0, PAUSE_MIN, 2 * PAUSE_MIN, 4 * PAUSE_MIN]
    for _ in range(20):
        pause = slot.start_later(served=STABLE_AFTER / 2)
    assert pause == PAUSE_MAX


def test_a_worker_that_has_served_for_a_while_is_replaced_at_once() -> None:
    slot = Slot()
    for _ in range(3):
        slot.start_later(served=0.0)
    assert slot.start_later(served=STABLE_AFTER) == 0.0
    assert slot.start_later(served=0.0) == 0.0
    assert slot.start_later(served=0.0) == PAUSE_MIN


def test_the_time_of_the_next_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.time, "monotonic", lambda: 50.0)
    slot = Slot()
    assert slot.is_waiting
    assert slot.start_at == 0.0
    slot.start_later(served=0.0)
    slot.start_later(served=0.0)
    assert slot.start_at == 50.0 + PAUSE_MIN
