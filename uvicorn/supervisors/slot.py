"""The places of workers, and who takes them."""

import time

from uvicorn.supervisors.process import Process

# A worker that has served for less than this has died right after its start; in seconds.
STABLE_AFTER = 2.0
# The first such death may be an accident. From the second on there are pauses, each twice as long as the one before.
PAUSE_MIN = 0.5
PAUSE_MAX = 30.0
# How long the replacement of a worker that serves may take to start, in seconds.
REPLACEMENT_TIMEOUT = 60.0


class Slot:
    """The place of one worker.

    Attributes:
        process: the worker; None before the first one is started, and while the next one is waited with.
        start_at: when the next one may be started, by `time.monotonic`.
    """

    def __init__(self) -> None:
        self.process: Process | None = None
        self.start_at = 0.0
        self._early_deaths = 0

    @property
    def is_waiting(self) -> bool:
        """Whether something is to be started at `start_at`."""
        return self.process is None or self.process.limit_reached

    def start_later(self, served: float) -> float:
        """Wait before the next start, if workers keep dying right after it.

        Args:
            served: how long the last one has served, in seconds; 0 if it did not come to that.

        Returns:
            How long, in seconds.
        """
        pause = 0.0
        if served >= STABLE_AFTER:
            self._early_deaths = 0
        else:
            self._early_deaths += 1
            if self._early_deaths > 1:
                pause = min(PAUSE_MIN * 2.0 ** (self._early_deaths - 2), PAUSE_MAX)
        self.start_at = time.monotonic() + pause
        return pause


class Replacement:
    """A worker that starts while the one whose place it will take still serves.

    Args:
        slot: the place.
        process: the worker.
    """

    def __init__(self, slot: Slot, process: Process) -> None:
        self.slot = slot
        self.process = process
        self.deadline = time.monotonic() + REPLACEMENT_TIMEOUT
