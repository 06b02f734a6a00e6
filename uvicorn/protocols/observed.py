"""Exchanges that call observers at their end, with the duration and the size of the response.

A server whose log and metrics do not need that makes plain exchanges, which cost nothing more.
"""

from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any, Protocol

from uvicorn._speedups.errors import UnexpectedMessage
from uvicorn._speedups.flags import COMPLETE, EXPECT_BODY, EXPECT_START
from uvicorn.protocols.exchange import RequestResponseCycle

# The status of a request whose client has left before it was answered; nginx introduced it.
CLIENT_CLOSED_REQUEST = 499


class Ended(Protocol):
    """What is known of a response at its end.

    Attributes:
        status: that which was sent, or CLIENT_CLOSED_REQUEST.
        sent: bytes of the body, -1 if they are not counted.
        duration: in seconds, from the call of the application on.
        headers: those of the application.
    """

    status: int
    sent: int
    duration: float
    headers: Any


Observer = Callable[[Any, Ended], None]


class EndedWebSocket:
    """What is known of a WebSocket at its end."""

    sent = -1
    headers = ()

    def __init__(self, status: int, duration: float) -> None:
        self.status = status
        self.duration = duration


def observe(cycle_class: Any, observers: Sequence[Observer]) -> Callable[[], RequestResponseCycle]:
    """A maker of exchanges that give each observer the scope and themselves when they end."""
    # If a program has replaced `send`, call that.
    is_ours = cycle_class.send is RequestResponseCycle.send

    class Observed(cycle_class):  # type: ignore[misc]  # the class is that of the user
        __slots__ = ("began", "duration", "headers", "sent", "status")

        # When the application was called, by the clock; 0 once the exchange has ended.
        began: float
        duration: float
        headers: Any
        sent: int
        status: int

        async def send(self, message: Any) -> None:
            progress = self.progress
            stream = self.stream
            if is_ours and progress < COMPLETE and not stream.flow.write_paused:
                try:
                    # The usual case of the exchange's `send`, inlined: a call costs 1,000 instructions.
                    stream.send(message)
                except UnexpectedMessage:
                    await super().send(message)
            else:
                await super().send(message)
            if progress == EXPECT_START:
                if self.progress == EXPECT_BODY:
                    self.status = message["status"]
                    self.headers = message.get("headers", ())
            elif progress == EXPECT_BODY:
                body = message.get("body", b"")
                self.sent += len(body) if type(body) is bytes else memoryview(body).nbytes
            if self.progress == COMPLETE and self.began:
                self._notify(self.status)

        def count_file(self, size: int) -> None:
            self.sent += size

        def disconnect(self, status: int = 0) -> None:
            super().disconnect()
            if self.began:
                self._notify(status or self.status or CLIENT_CLOSED_REQUEST)

        def _notify(self, status: int) -> None:
            """Call the observers; the end comes once."""
            self.duration = monotonic() - self.began
            self.began = 0.0
            self.status = status
            if status == 204 or status == 304 or self.scope["method"] == "HEAD":
                self.sent = 0
            for observer in observers:
                observer(self.scope, self)

    return _maker(Observed)


def _maker(observed: Any) -> Callable[[], RequestResponseCycle]:
    new = observed.__new__

    def make() -> RequestResponseCycle:
        # An __init__ would cost 1,300 instructions.
        cycle = new(observed)
        cycle.began = monotonic()
        cycle.status = cycle.sent = 0
        cycle.headers = ()
        return cycle  # type: ignore[no-any-return]  # of a class that is not known

    return make
