"""When a worker leaves a connection to the others: if it is ahead of one that is there to take it."""

from uvicorn.supervisors.scoreboard import ABSENT, Share

# By how many connections a worker may be ahead of the least loaded one: so few that shares are even, and so many that
# workers which are woken together need not wait for each other at every connection.
SLACK = 2
SLACK_SHIFT = 3  # and an eighth of what the least loaded one has

# How long a connection is left to the others, in seconds. On a busy machine it takes some milliseconds until a process
# that has been woken gets to run.
COURTESY_DELAY = 0.02

# A worker that lets this pass is busy, or hangs. It is no longer waited for, at first for as long again, then for twice
# as long each time, until it has accepted something.
DISREGARD_MIN = COURTESY_DELAY
DISREGARD_MAX = 1.0


class Courtesy:
    """Decides for one worker.

    Args:
        share: tells how many connections the workers have.
    """

    def __init__(self, share: Share) -> None:
        self._share = share
        # Of workers that we waited for in vain: how many connections they had then, until when they are disregarded,
        # and for how long that is.
        self._disregarded: dict[int, tuple[int, float, float]] = {}
        self._awaited = (0, 0)  # which worker, and how many connections it had

    def is_due(self, now: float) -> bool:
        """Whether to leave the next connection to the others.

        Args:
            now: the event loop's time.
        """
        loads = self._share.read()
        if self._disregarded:
            self._forget(loads, now)
        least = min(loads)
        if loads[self._share.index] - least <= SLACK + (least >> SLACK_SHIFT):
            return False
        self._awaited = loads.index(least), least
        return True

    def _forget(self, loads: list[int], now: float) -> None:
        """Leave out the disregarded workers, and regard those again that have done something since."""
        for index, (load, until, _) in list(self._disregarded.items()):
            if index >= len(loads) or loads[index] != load:
                del self._disregarded[index]
            elif now < until:
                loads[index] = ABSENT

    def was_in_vain(self, now: float) -> None:
        """Nobody took the connection that we left to the others.

        Args:
            now: the event loop's time.
        """
        index, load = self._awaited
        loads = self._share.read()
        if index < len(loads) and loads[index] == load:  # Else it is at work, and has only not come to this one yet.
            _, _, period = self._disregarded.get(index, (0, 0.0, DISREGARD_MIN / 2))
            period = min(2 * period, DISREGARD_MAX)
            self._disregarded[index] = load, now + period, period
