"""httptools (llhttp) behind the parser seam."""

from typing import Any

import httptools

from uvicorn._speedups._request_py import BODY
from uvicorn.protocols.http.parser import RequestParser, RequestRejected


class HttpToolsParser(RequestParser):
    """Has llhttp call the builder itself."""

    __slots__ = ("_parser",)

    def __init__(self, builder: Any) -> None:
        super().__init__(builder)
        self._parser = httptools.HttpRequestParser(builder)
        # llhttp has its own idea of when a connection persists; the builder's counts.
        self._parser.set_dangerous_leniencies(lenient_keep_alive=True)

    def feed_head(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._resume_body()
        except httptools.HttpParserError as exc:
            # An exception of the builder comes as the context of the parser's own.
            if isinstance(exc, httptools.HttpParserCallbackError) and exc.__context__ is not None:
                raise exc.__context__ from None
            raise RequestRejected(400, str(exc)) from None

    feed_body = feed_head

    def _resume_body(self) -> None:
        """Have the body of a request parsed that asked for an upgrade.

        llhttp takes what follows such a head for the other protocol. A plain head brings it back to where it was;
        the builder, which is past its head, ignores it.
        """
        builder = self._builder
        if builder.phase == BODY:
            framing = b"Transfer-Encoding: chunked" if builder.chunked else b"Content-Length: %d" % builder.remaining
            self._parser.feed_data(b"POST / HTTP/1.1\r\n%b\r\n\r\n" % framing)
