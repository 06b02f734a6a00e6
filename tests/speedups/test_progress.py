"""Each pass of a loop over input takes a byte or raises, whatever the parser beside it does."""

from types import SimpleNamespace
from typing import Any

import pytest

from uvicorn._speedups import RequestRejected

HEAD = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n"


class Sink:
    def __init__(self) -> None:
        self.heads: list[Any] = []

    def on_request(self, head: Any, facts: int) -> None:
        self.heads.append(head)

    def on_body(self, data: bytes, more_body: bool) -> None:
        raise AssertionError("the parser has told of no end")


def test_a_parser_that_tells_no_end_of_a_body(leaves: SimpleNamespace) -> None:
    """A request is refused rather than fed forever."""
    sink = Sink()
    builder = leaves.RequestBuilder(sink, (65536, 256, 131072, -1))

    def parse(data: bytes) -> None:
        if data == HEAD:
            builder.on_headers_complete()
        else:
            builder.on_body(data)

    builder.parse = parse
    assert builder.feed(HEAD + b"hello", 0) == 0
    with pytest.raises(RequestRejected):
        builder.feed(b"G", 0)
    assert len(sink.heads) == 1
