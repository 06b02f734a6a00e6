"""The chunked transfer coding (RFC 9112 section 7.1)."""

import itertools
from typing import Any

import pytest

from tests.cases.divisions import halves
from uvicorn._speedups._chunked_py import DATA, DATA_END, LAST, SIZE
from uvicorn._speedups.errors import RequestRejected
from uvicorn._speedups.tables import MAX_CHUNK_EXTENSIONS


def decode(speedups: Any, *pieces: bytes) -> tuple[bytes, int, int]:
    """The decoded data, the state of the decoder, and the number of bytes that it took from the last piece."""
    chunks = speedups.ChunkedBody()
    taken = 0
    body = b""
    for piece in pieces:
        taken = chunks.decode(piece, 0)
        body += chunks.take()
    return body, chunks.state, taken


def refused(speedups: Any, *pieces: bytes) -> str:
    """The reason of the refusal; "" if the data is accepted."""
    try:
        decode(speedups, *pieces)
    except RequestRejected as rejected:
        return rejected.reason if rejected.status == 400 else str(rejected.status)
    return ""


@pytest.mark.parametrize(
    "coded",
    [
        b"5\r\nhello\r\n0\r\n",
        b"05\r\nhello\r\n000\r\n",
        b"2\r\nhe\r\n3\r\nllo\r\n0\r\n",
        b'5;a;b=c ; d\t= "e;\\"\r\nhello\r\n0;last\r\n'.replace(b'\\"\r', b'\\""\r'),
    ],
)
def test_data(speedups: Any, coded: bytes) -> None:
    assert decode(speedups, coded + b"X: y\r\n\r\n") == (b"hello", LAST, len(coded))
    assert decode(speedups, *(coded[i : i + 1] for i in range(len(coded)))) == (b"hello", LAST, 1)


def test_data_in_three_reads(speedups: Any) -> None:
    """Split at every two positions: a read may end within a line and in another state than it began in."""
    coded = b"3\r\nabc\r\n1;a\r\nd\r\n0\r\n"
    for first, second in itertools.combinations(range(1, len(coded)), 2):
        taken = len(coded) - second
        assert decode(speedups, coded[:first], coded[first:second], coded[second:]) == (b"abcd", LAST, taken)


@pytest.mark.parametrize(
    ("coded", "state"), [(b"5", SIZE), (b"5\r\nhe", DATA), (b"5\r\nhello", DATA_END), (b"5\r\nhello\r", DATA_END)]
)
def test_does_not_end_an_unfinished_body(speedups: Any, coded: bytes, state: int) -> None:
    assert decode(speedups, coded)[1:] == (state, len(coded))


def test_starts_at_the_given_place(speedups: Any) -> None:
    chunks = speedups.ChunkedBody()
    assert chunks.decode(b"POST5\r\nhello", 4) == 12
    assert chunks.take() == b"hello"
    assert chunks.take() == b""


@pytest.mark.parametrize(
    "line",
    [b"", b"x", b"-5", b"0x5", b" 5", b"5 ", b"5,", b"5;", b"5;=", b'5;a="', b"5;a=", b"5;a=\x01", b"5\r", b"5_0"],
)
def test_refuses_malformed_sizes_and_extensions(speedups: Any, line: bytes) -> None:
    with pytest.raises(RequestRejected, match="malformed chunk size or extension") as caught:
        decode(speedups, line + b"\r\nhello\r\n")
    assert caught.value.status == 400


def test_size(speedups: Any) -> None:
    for end in (b"\n", *(b"%c\n" % byte for byte in range(256) if byte != 13)):
        assert refused(speedups, b"5" + end) == "malformed chunk size or extension"
    for line in (b"8000000000000000\r\n", b"11111111111111111\r\n", b"1" * 1000 + b"\r\n"):
        assert refused(speedups, line) == "chunk size too large"
    for digits in (b"F", b"1f", b"fffffffffffffff", b"1000000000000000", b"00000000000000001"):
        assert decode(speedups, digits + b"\r\nx")[0] == b"x"
        assert decode(speedups, digits, b"\r", b"\nx")[0] == b"x"
    coded = b"1F\r\n" + b"a" * 31 + b"\r\n0\r\n"
    for position, pieces in halves(coded):
        assert decode(speedups, *pieces) == (b"a" * 31, LAST, len(coded) - position)
    assert decode(speedups, b"7fffffffffffffff\r\nx") == (b"x", DATA, 19)


@pytest.mark.parametrize("data", [b"hello", b"hell\n", b"hell\r"])
def test_end_of_data(speedups: Any, data: bytes) -> None:
    ends = {pair for byte in range(256) for pair in (b"%c\n" % byte, b"\r%c" % byte)} - {b"\r\n"}
    for end in (b"x", b"\n", *ends):
        assert refused(speedups, b"5\r\n" + data + end) == "chunk data longer than its size"


def test_extensions_are_limited_over_the_body(speedups: Any) -> None:
    """Leading zeros of a size count like extensions, because they carry no data either."""
    most = MAX_CHUNK_EXTENSIONS + 64
    for chunks in ([b"1;" + b"a" * (most - 2) + b"\r\nx\r\n"], [b"1;a\r\nx\r\n"] * (most // 2 - 1) + [b"01\r\nx\r\n"]):
        coded = b"".join(chunks)
        assert refused(speedups, coded + b"1\r\nx\r\n01\r\nx\r\n") == ""
        assert refused(speedups, *chunks, b"001\r\n") == "chunk extensions too large"
        assert refused(speedups, coded + b"1;a\r\n") == "chunk extensions too large"
    assert refused(speedups, b"0" * most + b"1\r\n") == ""
    assert refused(speedups, b"0" * most + b"01\r\n") == "chunk extensions too large"


def test_a_line_without_end_is_limited(speedups: Any) -> None:
    line = b"1;" + b"a" * (MAX_CHUNK_EXTENSIONS - 2)
    for piece in (line, b"0" * MAX_CHUNK_EXTENSIONS):
        assert refused(speedups, piece) == refused(speedups, piece[:5], piece[5:]) == ""
        assert refused(speedups, piece + b"0") == "chunk extensions too large"
        assert refused(speedups, *[piece[:1000]] * 17) == "chunk extensions too large"
    assert decode(speedups, line, b"\r\nx\r\n0\r\n") == (b"x", LAST, 8)


def test_joins_the_chunks_of_one_read(speedups: Any) -> None:
    assert decode(speedups, b"1\r\na\r\n" * 1000 + b"2\r\nb") == (b"a" * 1000 + b"b", DATA, 6004)
