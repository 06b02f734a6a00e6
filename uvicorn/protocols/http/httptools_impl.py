"""`--http httptools`: HTTP/1.1 with httptools (llhttp) as the judge, which checks the grammar of field lines."""

import re
from collections.abc import Callable
from typing import Any

import httptools

from uvicorn._speedups import RequestRejected
from uvicorn._speedups.tables import FORBIDDEN_IN_VALUE, STATUS_LINES, TOKEN_CHARS
from uvicorn.protocols.exchange import RequestResponseCycle as RequestResponseCycle
from uvicorn.protocols.http.http1 import Http1

# Other projects import these: the status lines, and the bytes that are forbidden in a field name or value.
STATUS_LINE = {status: STATUS_LINES.get(status, b"HTTP/1.1 %d \r\n" % status) for status in range(100, 600)}
HEADER_RE = re.compile(b"[^" + re.escape(TOKEN_CHARS) + b"]")
HEADER_VALUE_RE = FORBIDDEN_IN_VALUE


class LlhttpJudge:
    """Lets llhttp check field lines, as the fields of a request without a body.

    `RequestReader` never passes fields that frame a message, such as Content-Length. So after each call the parser is
    at the start of a message, and all connections can share one.
    """

    __slots__ = ("_parser",)

    def __init__(self) -> None:
        self._parser: httptools.HttpRequestParser | None = None

    def __call__(self, lines: bytes) -> None:
        parser = self._parser
        if parser is None:
            parser = self._parser = httptools.HttpRequestParser(object())
            # Without this, bytes after a request with `Proxy-Connection: close` would be an error.
            parser.set_dangerous_leniencies(lenient_keep_alive=True)
        try:
            parser.feed_data(b"GET / HTTP/1.1\r\n%b\r\n" % lines)
        except httptools.HttpParserError as exc:
            self._parser = None
            raise RequestRejected(400, str(exc)) from None


judge = LlhttpJudge()


class HttpToolsProtocol(Http1):
    """An HTTP/1.1 connection with llhttp as the judge. `uvicorn.protocols.http.http1.Http1` has the arguments."""

    __slots__ = ()

    @classmethod
    def get_cycle_class(cls) -> Any:
        """The class of the exchanges, which programs replace in this module."""
        return RequestResponseCycle

    def get_judge(self) -> Callable[[bytes], None]:
        """The function that checks the grammar of field lines."""
        return judge
