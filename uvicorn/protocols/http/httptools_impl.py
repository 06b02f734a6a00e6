"""HTTP/1.1 with httptools (llhttp) as the judge of field lines."""

import re
from collections.abc import Callable
from typing import Any

import httptools

from uvicorn._speedups import RequestRejected
from uvicorn._speedups.tables import FORBIDDEN_IN_VALUE, STATUS_LINES, TOKEN_CHARS
from uvicorn.protocols.exchange import RequestResponseCycle as RequestResponseCycle
from uvicorn.protocols.http.http1 import Http1

# Used by other projects: the status lines by code, and what must not be in a field name or value.
STATUS_LINE = {status: STATUS_LINES.get(status, b"HTTP/1.1 %d \r\n" % status) for status in range(100, 600)}
HEADER_RE = re.compile(b"[^" + re.escape(TOKEN_CHARS) + b"]")
HEADER_VALUE_RE = FORBIDDEN_IN_VALUE


class LlhttpJudge:
    """Has llhttp check field lines, as those of a request without a body.

    The fields that frame a message are not among them, so a parser is at the start of a message after each call, and
    one serves all connections.
    """

    __slots__ = ("_parser",)

    def __init__(self) -> None:
        self._parser: httptools.HttpRequestParser | None = None

    def __call__(self, lines: bytes) -> None:
        parser = self._parser
        if parser is None:
            parser = self._parser = httptools.HttpRequestParser(object())
            # Of a `Proxy-Connection: close`.
            parser.set_dangerous_leniencies(lenient_keep_alive=True)
        try:
            parser.feed_data(b"GET / HTTP/1.1\r\n%b\r\n" % lines)
        except httptools.HttpParserError as exc:
            self._parser = None
            raise RequestRejected(400, str(exc)) from None


judge = LlhttpJudge()


class HttpToolsProtocol(Http1):
    """The HTTP connection, with llhttp as the judge."""

    __slots__ = ()

    @classmethod
    def get_cycle_class(cls) -> Any:
        """The class of the exchanges, which programs replace in this module."""
        return RequestResponseCycle

    def get_judge(self) -> Callable[[bytes], None]:
        """What is asked whether field lines follow the grammar."""
        return judge
