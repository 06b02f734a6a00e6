"""When a worker leaves a connection to the others: if it is ahead of one that is there to take it."""

from uvicorn.supervisors.scoreboard import ABSENT, Share

# By how many connections a worker may be ahead of the least loaded one: so few that shares are even, and so many that
# workers which are woken together need not wait for each other at every connection.
SLACK = 2
SLACK_SHIFT = 3  # and an eighth of what the least loaded one has

# How long a connection is left to the others, in seconds. On a busy machine it takes some milliseconds until a process
# that has been woken gets to run.
COURTESY_DELAY = 0.02

# A worker that lets this pass so many times is busy, or hangs. It is no longer waited for: at first for a little while,
# then, each time that it is waited for in vain once more, for twice as long, until it has accepted something.
PATIENCE = 3
DISREGARD_MIN = 0.1
DISREGARD_MAX = 1.0


class Stalled:
    """A worker that was waited for in vain.

    Args:
        load: how many connections it had, and has as long as it does not accept.
    """

    def __init__(self, load: int) -> None:
        self.load = load
        self.disregarded_until = 0.0
        self._times = 0
        self._period = DISREGARD_MIN / 2

    def wait_in_vain(self, now: float) -> None:
        """It has let a connection pass once more.

        Args:
            now: the event loop's time.
        """
        self._times += 1
        if self._times >= PATIENCE:
            self._period = min(2 * self._period, DISREGARD_MAX)
            self.disregarded_until = now + self._period


class Courtesy:
    """Decides for one worker.

    Args:
        share: tells how many connections the workers have.
    """

    def __init__(self, share: Share) -> None:
        self._share = share
        self._stalled: dict[int, Stalled] = {}
        self._awaited = (0, 0)  # which worker, and how many connections it had

    def is_due(self, now: float) -> bool:
        """Whether to leave the next connection to the others.

        Args:
            now: the event loop's time.
        """
        loads = self._share.read()
        if self._stalled:
            self._leave_out_stalled(loads, now)
        least = min(loads)
        if loads[self._share.index] - least <= SLACK + (least >> SLACK_SHIFT):
            return False
        self._awaited = loads.index(least), least
        return True

    def _leave_out_stalled(self, loads: list[int], now: float) -> None:
        """Leave out the disregarded workers, and forget what was held against those that have done something since."""
        for index, worker in list(self._stalled.items()):
            if index >= len(loads) or loads[index] != worker.load:
                del self._stalled[index]
            elif now < worker.disregarded_until:
                loads[index] = ABSENT

    def was_in_vain(self, now: float) -> None:
        """Nobody took the connection that we left to the others.

        Args:
            now: the event loop's time.
        """
        index, load = self._awaited
        loads = self._share.read()
        if index < len(loads) and loads[index] == load:  # Else it is at work, and has only not come to this one yet.
            self._stalled.setdefault(index, Stalled(load)).wait_in_vain(now)
