"""The seam between a connection and the library that parses it, and the parsers that idle connections hand on.

What a request is, and what it may not be, is decided by the request builder and the chunked decoder of
`uvicorn._speedups`: the library checks the grammar of fields, and frames what has a length.
"""

from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar

from uvicorn._speedups import ChunkedDecoder
from uvicorn._speedups._chunked_py import TRAILERS

if TYPE_CHECKING:
    from uvicorn.config import Config
    from uvicorn.protocols.http.protocol import HTTPProtocol

# Parsers that may rest with idle connections, and how many of those are asked for theirs.
RESTING_MAX = 256
_ASKED_MAX = 8


def request_limits(config: "Config") -> tuple[int, int, int, int]:
    limit_body = config.limit_request_body
    return (
        config.limit_request_line,
        config.limit_request_fields,
        config.limit_request_head,
        -1 if limit_body is None else limit_body,
    )


class RequestParser:
    """Has a library parse what the request builder gives it."""

    __slots__ = ("_decoder", "_rest", "_rest_start", "builder")

    chunked_decoder_class: ClassVar[Any] = ChunkedDecoder

    def __init__(self, builder: Any) -> None:
        self.builder = builder
        self._decoder: Any = None
        # Kept whole: thousands of requests in a read are not copied for each.
        self._rest = b""
        self._rest_start = 0

    def is_fresh(self) -> bool:
        """Whether it is as a new one."""
        return self.builder.is_fresh() and not self._rest and self._decoder is None

    def take_rest(self) -> bytes:
        rest, self._rest = self._rest[self._rest_start :], b""
        return rest

    def feed(self, data: bytes, pos: int = 0, exc: Exception | None = None) -> None:
        """Parse `data[pos:]`, unless the next request is held back; what is left is kept for the next call.

        Args:
            data: empty to go on with what was kept.
            pos: where that begins which `builder.feed(data, 0)` has left.
            exc: what it has raised instead.

        Raises:
            RequestRejected: nothing may be fed after it.
        """
        builder = self.builder
        if exc is not None:
            self.recover(exc)
            pos = builder.position
        elif self._rest:
            if data:
                data, pos = self.take_rest() + data, 0
            else:
                data, pos, self._rest = self._rest, self._rest_start, b""
        size = len(data)
        # Each pass takes at least one byte, or it returns or raises.
        while pos < size:
            try:
                pos = size - builder.feed(data, pos)
            except Exception as raised:
                self.recover(raised)
                pos = builder.position
                continue
            if pos == size:
                return
            if not builder.in_message():
                self._rest, self._rest_start = data, pos
                return
            pos = self._feed_chunked(data, pos)

    def _feed_chunked(self, data: bytes, pos: int) -> int:
        builder = self.builder
        if self._decoder is None:
            self._decoder = self.chunked_decoder_class(builder)
        if self._decoder.state != TRAILERS:
            pos = self._decoder.feed(data, pos)
            if self._decoder.state == TRAILERS:
                builder.begin_trailers()
                # The library sees a body without data.
                self._parse(b"0\r\n")
            return pos
        end: int = builder.take_trailers(data, pos)
        self._parse(data[pos:end])
        if not builder.in_message():
            self._decoder = None
        return end

    def _parse(self, data: bytes) -> None:
        try:
            self.builder.parse(data)
        except Exception as exc:
            self.recover(exc)

    def recover(self, exc: Exception) -> None:
        """Make the library's exception a RequestRejected, or go on."""
        raise exc


class ParserPool:
    """Hands parsers on from connections that are idle, once many have one, to those that have something to parse."""

    __slots__ = ("_holders",)

    def __init__(self) -> None:
        # Who got or was asked for its parser first, comes first.
        self._holders: dict[HTTPProtocol, None] = {}

    def take(self, connection: "HTTPProtocol") -> "RequestParser":
        holders = self._holders
        parser = None
        if len(holders) >= RESTING_MAX:
            for holder in tuple(islice(holders, _ASKED_MAX)):
                del holders[holder]
                parser = holder.give_parser()
                if parser is not None:
                    parser.builder.attach(connection.get_sink())
                    break
                holders[holder] = None
        holders[connection] = None
        return connection.make_parser() if parser is None else parser

    def forget(self, connection: "HTTPProtocol") -> None:
        self._holders.pop(connection, None)
