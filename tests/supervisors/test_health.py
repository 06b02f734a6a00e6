import math

from uvicorn.supervisors.process import HealthCheck


def test_a_worker_that_starts_is_not_asked() -> None:
    health = HealthCheck(5.0)
    assert health.due == math.inf
    assert not health.must_ask(1e9)
    assert not health.hangs(1e9)


def test_a_hang_is_found_within_the_timeout() -> None:
    health = HealthCheck(5.0)
    health.answered(100.0)
    assert not health.must_ask(100.4)
    assert health.must_ask(health.due)
    asked = health.due
    health.asked(asked)
    assert not health.must_ask(asked + 1)
    assert not health.hangs(104.9)
    assert health.due == 105.0
    assert health.hangs(105.0)


def test_an_answer_restarts_the_timeout() -> None:
    health = HealthCheck(5.0)
    health.answered(100.0)
    health.asked(100.5)
    health.answered(104.0)
    assert not health.hangs(105.0)
    assert health.must_ask(104.5)


def test_the_health_check_ends() -> None:
    health = HealthCheck(5.0)
    health.answered(100.0)
    health.asked(101.0)
    health.end()
    assert health.due == math.inf
    assert not health.hangs(1e9)
