"""When a worker is asked for a sign of life, and when it is taken to hang."""

import math

# The share of the time allowed that passes between an answer and the next question; the rest is for the answer.
INTERVAL_SHARE = 0.1


class HealthCheck:
    """The times, by `time.monotonic`, of one worker's health check.

    It begins with the worker's first answer, which is that it is ready: while it starts, an import may hold the GIL.

    Args:
        timeout: within so many seconds, a worker that hangs is found.
    """

    def __init__(self, timeout: float) -> None:
        self._interval = timeout * INTERVAL_SHARE
        self._patience = timeout - self._interval
        self._question_due = math.inf
        self._answer_due = math.inf

    @property
    def due(self) -> float:
        """When there is something to do next."""
        return min(self._question_due, self._answer_due)

    def asked(self, now: float) -> None:
        """The worker has been asked."""
        self._question_due = math.inf
        self._answer_due = now + self._patience

    def answered(self, now: float) -> None:
        """The worker has answered."""
        self._question_due = now + self._interval
        self._answer_due = math.inf

    def end(self) -> None:
        """The worker is not to be asked any more."""
        self._question_due = self._answer_due = math.inf

    def must_ask(self, now: float) -> bool:
        """Whether it is time to ask."""
        return now >= self._question_due

    def hangs(self, now: float) -> bool:
        """Whether the answer is overdue."""
        return now >= self._answer_due
