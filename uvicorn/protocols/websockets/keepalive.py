"""Decides when to send a ping, and when the pong is missing (RFC 6455 sections 5.5.2 and 5.5.3)."""

import enum


class Action(enum.Enum):
    """What to do when `Keepalive.delay` is over."""

    PING = enum.auto()  # Send a ping.
    WAIT = enum.auto()  # Nothing.
    FAIL = enum.auto()  # Close: the pong is missing.


class Keepalive:
    """Decides about pings.

    It has no clock: the timer of its owner calls `tick`. So messages cost nothing here, and a pong only sets a flag.

    Args:
        interval: seconds between pings.
        timeout: seconds to wait for a pong; None for no limit.

    Attributes:
        delay: seconds until the next call of `tick`.
    """

    __slots__ = ("_interval", "_since_ping", "_timeout", "_unanswered", "delay")

    def __init__(self, interval: float, timeout: float | None) -> None:
        self._interval = interval
        self._timeout = timeout
        self._since_ping = 0.0
        self._unanswered = False
        self.delay = interval

    def pong(self) -> None:
        """Called when a pong has arrived."""
        self._unanswered = False

    def tick(self, deaf: bool) -> Action:
        """Called after `delay` seconds; returns what to do.

        Args:
            deaf: whether reading is paused, so that a pong could not be seen.
        """
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
