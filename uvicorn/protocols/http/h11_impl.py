"""`--http h11`: HTTP/1.1 with h11 as the judge, which checks the grammar of field lines."""

from collections.abc import Callable
from typing import Any

import h11

from uvicorn._speedups import RequestRejected
from uvicorn.protocols.exchange import RequestResponseCycle as RequestResponseCycle
from uvicorn.protocols.http import upgrade
from uvicorn.protocols.http.hooks import Hooks, hook
from uvicorn.protocols.http.http1 import Http1

# HTTP/1.0, because HTTP/1.1 would require a Host field.
_REQUEST_LINE = b"GET / HTTP/1.0\r\n"


def judge(lines: bytes) -> None:
    """Let h11 check field lines, as the fields of a request without a body. Raises RequestRejected."""
    head = b"%b%b\r\n" % (_REQUEST_LINE, lines)
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=len(head))
    connection.receive_data(head)
    try:
        connection.next_event()
    except h11.RemoteProtocolError as exc:
        raise RequestRejected(400, str(exc)) from None


class H11Protocol(Http1):
    """An HTTP/1.1 connection with h11 as the judge. `uvicorn.protocols.http.http1.Http1` has the arguments."""

    __slots__ = ()

    @classmethod
    def get_cycle_class(cls) -> Any:
        """The class of the exchanges, which programs replace in this module."""
        return RequestResponseCycle

    @hook
    def handle_events(self) -> None:
        """Handle the bytes that were read. Called after each read of the transport."""
        self.read_events()

    def call_upgrade_hook(self, hooks: Hooks) -> None:
        """Call `handle_websocket_upgrade` with an event of h11, if it is overridden."""
        head = self.upgrade
        event: h11.Request | None = None
        if hooks.upgrades and head is not None:
            event = h11.Request(
                method=head.method, target=head.target, headers=head.headers, http_version=head.http_version
            )
        self.handle_websocket_upgrade(event)

    @hook
    def handle_websocket_upgrade(self, event: h11.Request | None) -> None:  # type: ignore[override]  # the signature of uvicorn
        """Give the connection to the WebSocket class."""
        upgrade.switch(self)

    def get_judge(self) -> Callable[[bytes], None]:
        """The function that checks the grammar of field lines."""
        return judge

    def request_limits(self) -> tuple[int, int, int, int]:
        """The limits of the base class. If `h11_max_incomplete_event_size` is given, it is the limit of the head."""
        line, fields, head, body = super().request_limits()
        return line, fields, self.config.h11_max_incomplete_event_size or head, body
