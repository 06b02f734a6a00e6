"""Exchanges that call observers at their end, with the duration and the size of the response.

A server whose log and metrics do not need that makes plain exchanges, which cost nothing more.
"""

from collections.abc import Callable, Sequence
from typing import Any

from uvicorn._speedups import Ended, Observers
from uvicorn._speedups.errors import UnexpectedMessage
from uvicorn._speedups.flags import COMPLETE
from uvicorn.protocols.exchange import RequestResponseCycle
from uvicorn.protocols.utils import CLIENT_CLOSED_REQUEST

Observer = Callable[[Any, Ended], None]


def observe(cycle_class: Any, observers: Sequence[Observer], keeps_headers: bool) -> Callable[[], Any]:
    """A maker of exchanges that call each observer at their end.

    Args:
        cycle_class: what is observed.
        observers: get the scope, and what is known of the response.
        keeps_headers: whether they ask for the headers of the response.
    """
    # If a program has replaced `send`, call that.
    is_ours = cycle_class.send is RequestResponseCycle.send

    class Observed(cycle_class):  # type: ignore[misc]  # the class is that of the user
        __slots__ = ("began",)
        headers: Any = ()

        async def send(self, message: Any) -> None:
            if is_ours and self.progress < COMPLETE and not self.stream.flow.write_paused:
                try:
                    # The usual case of the exchange's `send`, inlined: a call costs 1,000 instructions.
                    self.stream.send(message)
                except UnexpectedMessage:
                    await super().send(message)
            else:
                await super().send(message)
            if self.progress == COMPLETE:
                notify(self, 0)

        def disconnect(self, status: int = 0) -> None:
            super().disconnect()
            notify(self, status or (0 if self.stream.framer.status else CLIENT_CLOSED_REQUEST))

    made = Observers(list(observers), _keeping_headers(Observed) if keeps_headers else Observed)
    notify = made.notify
    make: Callable[[], Any] = made.make
    return make


def _keeping_headers(observed: Any) -> Any:
    """A class of exchanges that keep the headers of the application."""

    class Keeping(observed):  # type: ignore[misc]  # it is made above
        __slots__ = ("kept",)

        @property
        def headers(self) -> Any:
            return getattr(self, "kept", ())

        async def send(self, message: Any) -> None:
            if message["type"] == "http.response.start":
                self.kept = message.get("headers", ())
            await super().send(message)

    return Keeping
