"""HTTP/1.1 with h11."""

import re
from typing import Any

import h11

from uvicorn._speedups import RequestHead, RequestRejected
from uvicorn._speedups._request_py import BODY, FIELDS
from uvicorn.protocols.http import upgrade
from uvicorn.protocols.http.cycle import RequestResponseCycle as RequestResponseCycle
from uvicorn.protocols.http.hooks import Events, hook
from uvicorn.protocols.http.parser import RequestParser
from uvicorn.protocols.http.protocol import HTTPProtocol

# What h11 lets pass in fields: line ends that are not CRLF, folded lines (RFC 9112 sections 2.2 and 5.2), and control
# characters (RFC 9110 section 5.5). A CR at the very end may still be followed by its LF.
_BAD_IN_FIELDS = re.compile(rb"(?<!\r)\n|\r(?!\n|\Z)|\n[ \t]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class H11Parser(RequestParser):
    """Gives h11 whole heads and trailer sections, and an h11 connection one request only.

    Args:
        max_incomplete_event_size: bytes of a head that may be held before it is complete.
        limit_fields: that the builder will take; h11 is not given more, as it needs a microsecond a byte.
    """

    __slots__ = ("_connection", "_fields", "_limit_lines", "_lines", "_max_incomplete")

    def __init__(self, builder: Any, max_incomplete_event_size: int, limit_fields: int) -> None:
        super().__init__(builder)
        builder.parse = self._take
        self._max_incomplete = max_incomplete_event_size
        self._connection: h11.Connection | None = None
        self._fields = bytearray()
        # The request line, or that of the last chunk, and the empty line at the end.
        self._limit_lines = limit_fields + 2
        self._lines = 0

    def _take(self, data: bytes) -> None:
        builder = self.builder
        if builder.phase == BODY:
            self._feed_h11(data)
            return
        if not self._fields_complete(data):
            return
        fields = bytes(self._fields)
        self._fields = bytearray()
        self._lines = 0
        if builder.phase == FIELDS:
            self._connection = h11.Connection(h11.SERVER, max_incomplete_event_size=len(fields))
        self._feed_h11(fields)

    def _fields_complete(self, data: bytes) -> bool:
        fields = self._fields
        seen = max(0, len(fields) - 2)
        fields += data
        if _BAD_IN_FIELDS.search(fields, seen):
            raise RequestRejected(400, "bare CR or LF, folded line or control character in a field")
        self._lines += data.count(b"\n")
        if self._lines > self._limit_lines:
            raise RequestRejected(431, "too many header fields")
        if fields.endswith(b"\r\n\r\n"):
            return True
        if len(fields) > self._max_incomplete:
            raise RequestRejected(431, "request head larger than h11_max_incomplete_event_size")
        return False

    def _feed_h11(self, data: bytes) -> None:
        builder = self.builder
        connection = self._connection
        assert connection is not None
        connection.receive_data(data)
        # Each pass takes an event, of which h11 makes no more than it has bytes, or it returns or raises.
        while True:
            try:
                event = connection.next_event()
            except h11.RemoteProtocolError as exc:
                if exc.error_status_hint == 501:
                    # The builder knows better what is wrong with the coding.
                    builder.on_headers_complete()
                raise RequestRejected(400, str(exc)) from None
            if isinstance(event, h11.Request):
                builder.on_headers_complete()
            elif isinstance(event, h11.Data):
                builder.on_body(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                self._connection = None
                builder.on_chunk_header()
                builder.on_message_complete()
                return
            else:
                return


class H11Protocol(HTTPProtocol):
    """The HTTP connection, parsed by h11."""

    __slots__ = ()

    def create_parser(self, builder: Any) -> RequestParser:
        config = self.config
        # The line of the last chunk comes before the trailers, and does not count with them.
        max_incomplete = config.h11_max_incomplete_event_size or config.limit_request_head + len(b"0\r\n")
        return H11Parser(builder, max_incomplete, config.limit_request_fields)

    @classmethod
    def get_cycle_class(cls) -> Any:
        return RequestResponseCycle

    @hook
    def handle_events(self) -> None:
        """Read what has come. Called after each read of the transport."""
        events = self._feed
        if isinstance(events, Events):
            events.handle()

    def _call_upgrade_hook(self, head: RequestHead) -> None:
        event: h11.Request | None = None
        if self._hooks.upgrades:
            event = h11.Request(
                method=head.method, target=head.target, headers=head.headers, http_version=head.http_version
            )
        self.handle_websocket_upgrade(event)

    @hook
    def handle_websocket_upgrade(self, event: h11.Request | None) -> None:  # type: ignore[override]  # as h11 tells it
        """Give the connection to the WebSocket class."""
        upgrade.hand_over(self)
