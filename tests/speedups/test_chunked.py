"""The chunked transfer coding (RFC 9112 section 7.1)."""

from typing import Any

import pytest

from uvicorn._speedups._chunked_py import DATA, DATA_END, LAST, SIZE
from uvicorn._speedups.errors import RequestRejected
from uvicorn._speedups.tables import MAX_CHUNK_EXTENSIONS


def decode(leaves: Any, *pieces: bytes) -> tuple[bytes, int, int]:
    """The data, the state and the bytes of the last piece that were taken."""
    chunks = leaves.ChunkedBody()
    taken = 0
    body = b""
    for piece in pieces:
        taken = chunks.decode(piece, 0)
        body += chunks.take()
    return body, chunks.state, taken


@pytest.mark.parametrize(
    "coded",
    [
        b"5\r\nhello\r\n0\r\n",
        b"05\r\nhello\r\n000\r\n",
        b"2\r\nhe\r\n3\r\nllo\r\n0\r\n",
        b'5;a;b=c ; d\t= "e;\\"\r\nhello\r\n0;last\r\n'.replace(b'\\"\r', b'\\""\r'),
    ],
)
def test_data(leaves: Any, coded: bytes) -> None:
    assert decode(leaves, coded + b"X: y\r\n\r\n") == (b"hello", LAST, len(coded))
    assert decode(leaves, *(coded[i : i + 1] for i in range(len(coded)))) == (b"hello", LAST, 1)


@pytest.mark.parametrize(
    ("coded", "state"), [(b"5", SIZE), (b"5\r\nhe", DATA), (b"5\r\nhello", DATA_END), (b"5\r\nhello\r", DATA_END)]
)
def test_unfinished(leaves: Any, coded: bytes, state: int) -> None:
    assert decode(leaves, coded)[1:] == (state, len(coded))


def test_starts_where_it_is_told(leaves: Any) -> None:
    chunks = leaves.ChunkedBody()
    assert chunks.decode(b"POST5\r\nhello", 4) == 12
    assert chunks.take() == b"hello"
    assert chunks.take() == b""


@pytest.mark.parametrize(
    "line",
    [b"", b"x", b"-5", b"0x5", b" 5", b"5 ", b"5,", b"5;", b"5;=", b'5;a="', b"5;a=", b"5;a=\x01", b"5\r", b"5_0"],
)
def test_malformed(leaves: Any, line: bytes) -> None:
    with pytest.raises(RequestRejected, match="malformed chunk size or extension") as caught:
        decode(leaves, line + b"\r\nhello\r\n")
    assert caught.value.status == 400


@pytest.mark.parametrize("line", [b"5\n", b"8000000000000000\r\n", b"11111111111111111\r\n"])
def test_size(leaves: Any, line: bytes) -> None:
    with pytest.raises(RequestRejected):
        decode(leaves, line)
    assert decode(leaves, b"7fffffffffffffff\r\nx") == (b"x", DATA, 19)


@pytest.mark.parametrize("end", [b"x", b"\n", b"\rx", b"\r\r"])
def test_end_of_data(leaves: Any, end: bytes) -> None:
    with pytest.raises(RequestRejected, match="chunk data longer than its size"):
        decode(leaves, b"5\r\nhello" + end)


def test_extensions_are_limited_over_the_body(leaves: Any) -> None:
    chunk = b"1;%b\r\nx\r\n" % (b"a" * 1000)
    with pytest.raises(RequestRejected, match="chunk extensions too large"):
        decode(leaves, chunk * 17)
    assert decode(leaves, chunk * 16)[0] == b"x" * 16


def test_a_line_without_end(leaves: Any) -> None:
    with pytest.raises(RequestRejected, match="chunk extensions too large"):
        decode(leaves, *([b"1;" + b"a" * 1000] * (MAX_CHUNK_EXTENSIONS // 1000 + 1)))


def test_zeros_in_front(leaves: Any) -> None:
    with pytest.raises(RequestRejected, match="chunk extensions too large"):
        decode(leaves, b"0" * (MAX_CHUNK_EXTENSIONS + 100) + b"1\r\n")


def test_many_chunks_of_a_read_are_one_piece(leaves: Any) -> None:
    assert decode(leaves, b"1\r\na\r\n" * 1000 + b"2\r\nb") == (b"a" * 1000 + b"b", DATA, 6004)
