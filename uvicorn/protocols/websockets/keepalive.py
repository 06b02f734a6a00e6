"""When a ping is due, and when an answer to one is missing (RFC 6455 sections 5.5.2 and 5.5.3)."""

import enum


class Action(enum.Enum):
    PING = enum.auto()
    WAIT = enum.auto()
    FAIL = enum.auto()


class Keepalive:
    """Decides about pings. Only its owner's timer counts seconds, so messages cost nothing, and a pong sets a flag.

    Args:
        interval: seconds between pings.
        timeout: seconds for the answer to one, None for no limit.

    Attributes:
        delay: seconds until `tick` is to be called.
    """

    __slots__ = ("_interval", "_since_ping", "_timeout", "_unanswered", "delay")

    def __init__(self, interval: float, timeout: float | None) -> None:
        self._interval = interval
        self._timeout = timeout
        self._since_ping = 0.0
        self._unanswered = False
        self.delay = interval

    def pong(self) -> None:
        self._unanswered = False

    def tick(self, deaf: bool) -> Action:
        """What is due now that `delay` seconds have passed; `deaf` if we do not read, so that no answer is seen."""
        self._since_ping += self.delay
        if self._unanswered and self._timeout is not None:
            if deaf:
                self._since_ping = 0.0
            elif self._since_ping >= self._timeout:
                return Action.FAIL
            self.delay = self._timeout - self._since_ping
            return Action.WAIT
        if self._since_ping < self._interval:
            self.delay = self._interval - self._since_ping
            return Action.WAIT
        self._since_ping = 0.0
        self._unanswered = True
        self.delay = self._interval if self._timeout is None else min(self._interval, self._timeout)
        return Action.PING
