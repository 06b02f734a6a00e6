"""The seam between a connection and the library that parses it.

A parser takes bytes and calls a sink; it knows nothing of applications. What a request is, and what it may not be, is
decided by the request builder and the chunked decoder of `uvicorn._speedups`, the same for every library: the library
checks the grammar of fields, and frames what has a length.
"""

from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from uvicorn._speedups import ChunkedDecoder, RequestHead, RequestRejected
from uvicorn._speedups._chunked_py import TRAILERS

if TYPE_CHECKING:
    from uvicorn.config import Config

__all__ = ["RequestHead", "RequestParser", "RequestRejected", "RequestSink", "request_limits"]


def request_limits(config: "Config") -> tuple[int, int, int, int]:
    """The limits of a configuration, in the order in which the request builder takes them."""
    limit_body = config.limit_request_body
    return (
        config.limit_request_line,
        config.limit_request_fields,
        config.limit_request_head,
        -1 if limit_body is None else limit_body,
    )


class RequestSink(Protocol):
    """What a parser tells: the requests of one connection, in order."""

    def on_request(self, head: RequestHead, facts: int) -> None:
        """A head is complete. The facts, bits of `uvicorn._speedups.facts`, say whether a body follows."""

    def on_body(self, data: bytes) -> None:
        """A part of the body of the last request."""

    def on_complete(self) -> None:
        """The body of the last request is complete."""


class RequestParser:
    """Has a library parse what the request builder gives it.

    Args:
        builder: the request builder, of either half, with its sink.
    """

    __slots__ = ("_decoder", "_rest", "_rest_start", "builder")

    chunked_decoder_class: ClassVar[Any] = ChunkedDecoder

    def __init__(self, builder: Any) -> None:
        self.builder = builder
        self._decoder: Any = None
        # What is kept for the next call: a read with thousands of requests stays whole, and is not copied for each.
        self._rest = b""
        self._rest_start = 0

    def is_fresh(self) -> bool:
        """Whether it is as a new one: nothing of a request has come since the last one was complete."""
        return self.builder.is_fresh() and not self._rest and self._decoder is None

    def in_message(self) -> bool:
        """Whether a request has begun that is not complete yet."""
        return bool(self.builder.in_message())

    def may_exceed(self, size: int) -> bool:
        """Whether more than `size` bytes may still come of the body that is being received: of a chunked one, yes."""
        builder = self.builder
        return bool(builder.chunked or builder.remaining > size)

    def hold(self, held: bool) -> None:
        """Keep what follows the request at hand unparsed, or no longer."""
        self.builder.hold = held

    def take_rest(self) -> bytes:
        """Give up the bytes that were kept: they belong to another protocol."""
        rest, self._rest = self._rest[self._rest_start :], b""
        return rest

    def feed(self, data: bytes) -> None:
        """Parse, unless the next request is held back; what is left is kept for the next call.

        Args:
            data: bytes as they arrived; may be empty, to go on with what was kept.

        Raises:
            RequestRejected: the bytes are no request, or one that is not allowed. Nothing may be fed after it.
        """
        self.go_on(data, 0)

    def go_on(self, data: bytes, pos: int, exc: Exception | None = None) -> None:
        """Parse `data[pos:]`: what `builder.feed(data, 0)` has left, for those who call it themselves.

        Args:
            data: as for `feed`.
            pos: where what was left begins.
            exc: what it raised instead, no RequestRejected.

        Raises:
            RequestRejected: as from `feed`.
        """
        builder = self.builder
        if exc is not None:
            self.recover(exc)
            pos = builder.position
        elif self._rest:
            # It was held back, and the builder has taken nothing of what came behind it.
            if data:
                data, pos = self.take_rest() + data, 0
            else:
                data, pos, self._rest = self._rest, self._rest_start, b""
        size = len(data)
        while True:
            try:
                pos = size - builder.feed(data, pos)
            except RequestRejected:
                raise
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
                # The library, which has seen the head, sees a body without data.
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
        except RequestRejected:
            raise
        except Exception as exc:
            self.recover(exc)

    def recover(self, exc: Exception) -> None:
        """Make the library's exception a RequestRejected, or do what it asks for."""
        raise exc
