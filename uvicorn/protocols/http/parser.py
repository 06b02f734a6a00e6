"""The seam between a connection and the library that parses it.

A parser takes bytes and calls a sink; it knows nothing of applications. What a request is, and what it may not be, is
decided by the request builder and the chunked decoder of `uvicorn._speedups`, the same for every library: the adapters
only bring fields, and bodies, to them.
"""

from typing import Any, Protocol

from uvicorn._speedups import ChunkedDecoder, RequestHead, RequestRejected
from uvicorn._speedups._chunked_py import TRAILERS
from uvicorn._speedups._request_py import ENDED, FIELDS, LINE

__all__ = ["RequestHead", "RequestParser", "RequestRejected", "RequestSink"]


class RequestSink(Protocol):
    """What a parser tells: the requests of one connection, in order."""

    def on_request(self, head: RequestHead) -> None:
        """A head is complete. `head.framing` says whether a body follows."""

    def on_body(self, data: bytes) -> None:
        """A part of the body of the last request."""

    def on_complete(self) -> None:
        """The body of the last request is complete."""

    def wants_more(self) -> bool:
        """Whether the next request shall be parsed yet."""


class RequestParser:
    """Gives a library one head, and one piece of a body, at a time, so that it stops behind each message.

    Args:
        builder: the request builder, of either half, with its sink.
    """

    __slots__ = ("_builder", "_decoder", "_rest", "_sink")

    chunked_decoder_class: Any = ChunkedDecoder

    def __init__(self, builder: Any) -> None:
        self._builder = builder
        self._sink: RequestSink = builder.sink
        self._decoder: Any = None
        self._rest = b""

    def in_message(self) -> bool:
        """Whether a request has begun that is not complete yet."""
        return bool(self._builder.in_message())

    def in_head(self) -> bool:
        """Whether a head has begun that is not complete yet."""
        return bool(self._builder.in_head())

    def take_rest(self) -> bytes:
        """Give up the bytes that were kept: they belong to another protocol."""
        rest, self._rest = self._rest, b""
        return rest

    def feed(self, data: bytes) -> None:
        """Parse, as far as the sink wants more; what is left is kept for the next call.

        Args:
            data: bytes as they arrived; may be empty, to go on with what was kept.

        Raises:
            RequestRejected: the bytes are no request, or one that is not allowed. Nothing may be fed after it.
        """
        if self._rest:
            data, self._rest = self._rest + data, b""
        builder = self._builder
        pos = 0
        size = len(data)
        while pos < size:
            phase = builder.phase
            if phase == LINE:
                if not self._sink.wants_more():
                    self._rest = data[pos:]
                    return
                pos = builder.take_line(data, pos)
                if builder.phase == LINE:
                    continue
                start = builder.start
                if builder.prefix:
                    self.feed_head(builder.prefix)
                    builder.prefix = b""
                end = builder.take_fields(data, start, pos)
                self.feed_head(data if end - start == size else data[start:end])
            elif phase == FIELDS:
                end = builder.take_fields(data, pos, pos)
                self.feed_head(data[pos:end])
            elif phase == ENDED:
                return
            elif builder.chunked:
                end = self._feed_chunked(data, pos)
            else:
                end = builder.take_body(data, pos)
                self.feed_body(data[pos:end])
            if builder.too_large:
                raise RequestRejected(431, "request head too large")
            pos = end

    def _feed_chunked(self, data: bytes, pos: int) -> int:
        builder = self._builder
        if self._decoder is None:
            self._decoder = self.chunked_decoder_class(builder)
        if self._decoder.state != TRAILERS:
            pos = self._decoder.feed(data, pos)
            if self._decoder.state == TRAILERS:
                builder.begin_trailers()
                # The library, which has seen the head, sees a body without data.
                self.feed_body(b"0\r\n")
            return pos
        end: int = builder.take_trailers(data, pos)
        self.feed_trailers(data[pos:end])
        if not builder.in_message():
            self._decoder = None
        return end

    # What an adapter does with the library

    def feed_head(self, data: bytes) -> None:
        """Have a part of the head parsed: builder.on_header for each field, then builder.on_headers_complete."""
        raise NotImplementedError

    def feed_body(self, data: bytes) -> None:
        """Have a part of the body parsed: builder.on_body, and builder.on_message_complete at its end."""
        raise NotImplementedError

    def feed_trailers(self, data: bytes) -> None:
        """Have a part of the trailer section parsed: builder.on_header, then builder.on_message_complete."""
        self.feed_body(data)
