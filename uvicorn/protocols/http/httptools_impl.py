"""HTTP/1.1 with httptools (llhttp)."""

import re
from typing import Any

import httptools

from uvicorn._speedups import RequestRejected
from uvicorn._speedups._request_py import BODY
from uvicorn._speedups.facts import FORBIDDEN_IN_VALUE, STATUS_LINES, TOKEN_CHARS
from uvicorn.protocols.http.cycle import RequestResponseCycle as RequestResponseCycle
from uvicorn.protocols.http.parser import RequestParser
from uvicorn.protocols.http.protocol import HTTPProtocol

# Used by other projects: the status lines by code, and what must not be in a field name or value.
STATUS_LINE = {status: STATUS_LINES.get(status, b"HTTP/1.1 %d \r\n" % status) for status in range(100, 600)}
HEADER_RE = re.compile(b"[^" + re.escape(TOKEN_CHARS) + b"]")
HEADER_VALUE_RE = FORBIDDEN_IN_VALUE


class HttpToolsParser(RequestParser):
    """Has llhttp check the fields and frame the body."""

    __slots__ = ()

    def __init__(self, builder: Any) -> None:
        super().__init__(builder)
        self._begin()

    def _begin(self) -> None:
        parser = httptools.HttpRequestParser(self.builder)
        # When a connection persists, the builder knows.
        parser.set_dangerous_leniencies(lenient_keep_alive=True)
        self.builder.parse = parser.feed_data

    def recover(self, exc: Exception) -> None:
        if isinstance(exc, httptools.HttpParserUpgrade):
            self._go_on_after_upgrade()
        elif isinstance(exc, httptools.HttpParserCallbackError) and exc.__context__ is not None:
            # It was the builder's.
            raise exc.__context__ from None
        elif isinstance(exc, httptools.HttpParserError):
            raise RequestRejected(400, str(exc)) from None
        else:
            raise exc

    def _go_on_after_upgrade(self) -> None:
        """Use another llhttp object: to one that has seen an upgrade, nothing is HTTP any more.

        For the body, that object is fed a plain head, which the builder ignores.
        """
        self._begin()
        builder = self.builder
        if builder.phase == BODY:
            framing = b"Transfer-Encoding: chunked" if builder.chunked else b"Content-Length: %d" % builder.remaining
            builder.parse(b"POST / HTTP/1.1\r\n%b\r\n\r\n" % framing)


class HttpToolsProtocol(HTTPProtocol):
    """The HTTP connection, parsed by httptools."""

    __slots__ = ()

    def create_parser(self, builder: Any) -> RequestParser:
        return HttpToolsParser(builder)

    @classmethod
    def get_cycle_class(cls) -> Any:
        return RequestResponseCycle
