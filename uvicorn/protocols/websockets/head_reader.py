"""The request head of a connection that no HTTP protocol has read before."""

from typing import TYPE_CHECKING

from uvicorn._speedups import RequestBuilder, RequestHead
from uvicorn.protocols.http.h11_parser import H11Parser

if TYPE_CHECKING:
    from uvicorn.config import Config


class HeadReader:
    """Reads one head with the parser that is always installed, by the rules and limits of every other request.

    A foreign HTTP protocol hands a WebSocket over as the bytes of its request.

    Args:
        config: for its limits.
    """

    def __init__(self, config: "Config") -> None:
        limit_line, limit_fields = config.limit_request_line, config.limit_request_fields
        limit_head = config.limit_request_head
        builder = RequestBuilder(self, (limit_line, limit_fields, limit_head, -1))
        self._parser = H11Parser(builder, limit_line + limit_head, limit_fields)
        self._head: RequestHead | None = None

    def feed(self, data: bytes) -> tuple[RequestHead, bytes] | None:
        """The head and the bytes behind it, as soon as it is complete. Raises RequestRejected."""
        self._parser.feed(data)
        return None if self._head is None else (self._head, self._parser.take_rest())

    # What a parser tells: see uvicorn.protocols.http.parser.RequestSink

    def on_request(self, head: RequestHead) -> None:
        self._head = head
        self._parser.hold(True)

    def on_body(self, data: bytes) -> None:
        """A handshake has no body: it will be rejected for having announced one."""

    def on_complete(self) -> None:
        """As `on_body`."""
