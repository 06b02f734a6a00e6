import sys
from collections.abc import Iterator

import pytest

from uvicorn.supervisors import fair_listeners as module
from uvicorn.supervisors.fair_listeners import (
    ABSENT,
    COURTESY_DELAY,
    DISREGARD_MAX,
    DISREGARD_MIN,
    PATIENCE,
    SLACK,
    Courtesy,
    Scoreboard,
    Share,
)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="not used there")


@pytest.fixture
def scoreboard() -> Iterator[Scoreboard]:
    scoreboard = Scoreboard()
    yield scoreboard
    scoreboard.close()


@pytest.fixture
def shares(scoreboard: Scoreboard) -> list[Share]:
    """The shares of three workers without connections."""
    shares = [scoreboard.take() for _ in range(3)]
    assert None not in shares
    taken = [share for share in shares if share is not None]
    for share in taken:
        share.publish(0)
    return taken


def test_shares_see_each_other(shares: list[Share]) -> None:
    shares[0].publish(3)
    shares[2].publish(5)
    assert shares[1].read() == [ABSENT, 3, 0, 5]
    shares[0].withdraw()
    assert shares[1].read() == [ABSENT, ABSENT, 0, 5]


def test_a_slot_is_returned(scoreboard: Scoreboard, shares: list[Share]) -> None:
    scoreboard.give_back(shares[2])
    assert shares[0].read() == [ABSENT, 0, 0]
    scoreboard.give_back(shares[0])
    again = scoreboard.take()
    assert again is not None
    assert again.index == shares[0].index
    assert again.read() == [ABSENT, ABSENT, 0]


def test_windows_has_no_shares(monkeypatch: pytest.MonkeyPatch, shares: list[Share]) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(NotImplementedError):
        shares[0].__reduce__()


def test_slots_are_limited(monkeypatch: pytest.MonkeyPatch, scoreboard: Scoreboard, shares: list[Share]) -> None:
    monkeypatch.setattr(module, "CELLS", 4)
    assert scoreboard.take() is None


def test_a_worker_that_is_not_ahead_accepts(shares: list[Share]) -> None:
    courtesy = Courtesy(shares[0])
    assert not courtesy.is_due(0.0)
    shares[0].publish(SLACK)
    assert not courtesy.is_due(0.0)


def test_a_worker_that_is_ahead_leaves_connections_to_the_others(shares: list[Share]) -> None:
    courtesy = Courtesy(shares[0])
    shares[0].publish(SLACK + 1)
    assert courtesy.is_due(0.0)
    shares[1].publish(1)
    shares[2].publish(1)
    assert not courtesy.is_due(0.0)


def test_the_slack_grows_with_the_load(shares: list[Share]) -> None:
    courtesy = Courtesy(shares[0])
    shares[1].publish(80)
    shares[2].publish(80)
    shares[0].publish(80 + SLACK + 10)
    assert not courtesy.is_due(0.0)
    shares[0].publish(80 + SLACK + 11)
    assert courtesy.is_due(0.0)


def test_workers_that_do_not_accept_do_not_count(shares: list[Share]) -> None:
    courtesy = Courtesy(shares[0])
    shares[0].publish(100)
    shares[1].withdraw()
    shares[2].withdraw()
    assert not courtesy.is_due(0.0)


def wait_without_success(courtesy: Courtesy, now: float, times: int) -> float:
    for _ in range(times):
        assert courtesy.is_due(now)
        now += COURTESY_DELAY
        courtesy.on_left_waiting(now)
    return now


def test_a_hanging_worker_is_ignored_for_growing_periods(shares: list[Share]) -> None:
    courtesy = Courtesy(shares[0])
    shares[0].publish(10)
    shares[2].publish(10)
    now, period = wait_without_success(courtesy, 0.0, PATIENCE - 1), DISREGARD_MIN
    for _ in range(8):
        now = wait_without_success(courtesy, now, 1)
        assert not courtesy.is_due(now)
        assert not courtesy.is_due(now + 0.99 * period)
        now += period
        period = min(2 * period, DISREGARD_MAX)
    assert period == DISREGARD_MAX


def test_a_worker_that_accepts_again_counts_again(shares: list[Share]) -> None:
    courtesy = Courtesy(shares[0])
    shares[0].publish(10)
    shares[2].publish(10)
    now = wait_without_success(courtesy, 0.0, PATIENCE)
    assert not courtesy.is_due(now)
    shares[1].publish(1)
    assert courtesy.is_due(now)


def test_a_busy_worker_is_not_ignored(shares: list[Share]) -> None:
    courtesy = Courtesy(shares[0])
    shares[0].publish(10)
    shares[2].publish(10)
    assert courtesy.is_due(0.0)
    shares[1].publish(1)
    courtesy.on_left_waiting(0.0)
    assert courtesy.is_due(0.0)


def test_a_worker_that_has_ended_is_forgotten(scoreboard: Scoreboard, shares: list[Share]) -> None:
    courtesy = Courtesy(shares[0])
    shares[0].publish(10)
    shares[1].publish(10)
    wait_without_success(courtesy, 0.0, PATIENCE)
    scoreboard.give_back(shares[2])
    courtesy.on_left_waiting(0.0)
    assert not courtesy.is_due(0.0)
