"""HTTP/1.1 with httptools."""

from typing import Any

from uvicorn.protocols.http.cycle import RequestResponseCycle
from uvicorn.protocols.http.httptools_parser import HttpToolsParser
from uvicorn.protocols.http.parser import RequestParser
from uvicorn.protocols.http.protocol import HTTPProtocol

__all__ = ["HttpToolsProtocol", "RequestResponseCycle"]


class HttpToolsProtocol(HTTPProtocol):
    """The HTTP connection, parsed by httptools."""

    __slots__ = ()

    def create_parser(self, builder: Any) -> RequestParser:
        return HttpToolsParser(builder)
