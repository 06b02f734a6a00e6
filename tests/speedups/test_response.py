"""The framing of responses: what each field that decides about the message may say (RFC 9112 section 6)."""

from typing import Any

import pytest

from uvicorn._speedups.facts import KEEP_ALIVE


def start(leaves: Any, *headers: tuple[bytes, bytes], status: int = 200) -> Any:
    framer = leaves.ResponseFramer(KEEP_ALIVE)
    framer.send({"type": "http.response.start", "status": status, "headers": headers}, b"server: s\r\n")
    return framer


@pytest.mark.parametrize("value", [b"0", b"5", b"000000000000000005", b"9" * 18])
def test_lengths(leaves: Any, value: bytes) -> None:
    framer = start(leaves, (b"content-length", value))
    data = framer.send({"type": "http.response.body", "body": b"", "more_body": True}, b"")
    assert b"\r\ncontent-length: %b\r\n" % value in data


@pytest.mark.parametrize("value", [b"5", b" 5 ", b"\t5", b" " * 20 + b"5"])
def test_white_space_around_a_length(leaves: Any, value: bytes) -> None:
    framer = start(leaves, (b"content-length", value))
    data = framer.send({"type": "http.response.body", "body": b"x" * 5}, b"")
    assert b"\r\ncontent-length: 5\r\n" in data


@pytest.mark.parametrize(
    "value", [b"", b" ", b"-1", b"+1", b"1 1", b"0x1", b"1,1", b"9" * 19, b"0" * 18 + b"5", b"\xb2"]
)
def test_lengths_that_not_every_client_would_take(leaves: Any, value: bytes) -> None:
    with pytest.raises(RuntimeError, match="Invalid HTTP header value"):
        start(leaves, (b"content-length", value))
