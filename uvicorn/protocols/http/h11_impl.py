"""HTTP/1.1 with h11."""

from typing import Any

from uvicorn.protocols.http.cycle import RequestResponseCycle
from uvicorn.protocols.http.h11_parser import H11Parser
from uvicorn.protocols.http.parser import RequestParser
from uvicorn.protocols.http.protocol import HTTPProtocol

__all__ = ["H11Protocol", "RequestResponseCycle"]


class H11Protocol(HTTPProtocol):
    """The HTTP connection, parsed by h11."""

    __slots__ = ()

    def create_parser(self, builder: Any) -> RequestParser:
        config = self.config
        # Without a wish of the user's the limits of the head alone decide, as with the other parser.
        max_incomplete = config.h11_max_incomplete_event_size or config.limit_request_head
        return H11Parser(builder, max_incomplete, config.limit_request_fields)
