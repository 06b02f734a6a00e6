"""The limits as options, counted on the bytes that arrive (RFC 9110 5.4, 15.5.14 and 15.5.15, RFC 6585 section 5)."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.cases.case import head
from tests.protocols.http.connection import GET, Http1Connection, Reads, post, respond

CHUNKED = head(b"POST / HTTP/1.1", b"Transfer-Encoding: chunked")


def in_pieces(data: bytes, size: int) -> Iterator[bytes]:
    for position in range(0, len(data), size):
        yield data[position : position + size]


async def outcome(connection: Http1Connection, data: bytes, size: int) -> list[int]:
    """The status codes for the data, sent in pieces."""
    for piece in in_pieces(data, size):
        if connection.ended:
            break
        await connection.run_all(piece)
    return connection.statuses


@pytest.fixture(params=[1, 7, 100_000], ids=["bytes", "sevens", "whole"])
def size(request: pytest.FixtureRequest) -> int:
    """The number of bytes that arrive at once."""
    value: int = request.param
    return value


@pytest.mark.parametrize(("length", "status"), [(100, 200), (101, 414), (1000, 414)])
async def test_request_line(connect: Any, size: int, length: int, status: int) -> None:
    line = b"GET /" + b"a" * (length - len("GET / HTTP/1.1")) + b" HTTP/1.1"
    assert len(line) == length
    assert await outcome(connect(respond(), limit_request_line=100), head(line), size) == [status]


async def test_request_line_without_an_end(connect: Any, size: int) -> None:
    assert await outcome(connect(respond(), limit_request_line=100), b"GET /" + b"a" * 1000, size) == [414]


@pytest.mark.parametrize(("count", "status"), [(10, 200), (11, 431)])
async def test_fields(connect: Any, size: int, count: int, status: int) -> None:
    data = head(b"GET / HTTP/1.1", *[b"X: y"] * (count - 1))
    assert await outcome(connect(respond(), limit_request_fields=10), data, size) == [status]


async def test_fields_are_counted_for_each_request(connect: Any) -> None:
    connection = connect(respond(), limit_request_fields=10)
    data = head(b"GET / HTTP/1.1", *[b"X: y"] * 9)
    assert await outcome(connection, data * 3, 100_000) == [200] * 3


@pytest.mark.parametrize(("length", "status"), [(1000, 200), (1001, 431), (5000, 431)])
async def test_head(connect: Any, size: int, length: int, status: int) -> None:
    data = head(b"GET / HTTP/1.1", b"X: " + b"y" * (length - len(head(b"GET / HTTP/1.1", b"X: "))))
    assert len(data) == length
    assert await outcome(connect(respond(), limit_request_head=1000), data, size) == [status]


async def test_head_without_an_end(connect: Any, size: int) -> None:
    data = b"GET / HTTP/1.1\r\nHost: a.example\r\nX: " + b"y" * 5000
    assert await outcome(connect(respond(), limit_request_head=1000), data, size) == [431]


async def test_a_request_line_larger_than_the_limit_of_the_head(connect: Any, size: int) -> None:
    data = head(b"GET /" + b"a" * 100 + b" HTTP/1.1")
    assert await outcome(connect(respond(), limit_request_head=50), data, size) == [431]


async def test_many_small_fields_are_a_large_head(connect: Any, size: int) -> None:
    data = head(b"GET / HTTP/1.1", *[b"X: y"] * 200)
    assert await outcome(connect(respond(), limit_request_head=1000), data, size) == [431]


@pytest.mark.parametrize("trailer", [b"X: y\r\n" * 20, b"X: " + b"y" * 5000 + b"\r\n"], ids=["many", "large"])
async def test_trailers(connect: Any, size: int, trailer: bytes) -> None:
    connection = connect(Reads(), limit_request_fields=10, limit_request_head=1000).feed(CHUNKED)
    task = connection.loop.start_one()
    for piece in in_pieces(b"3\r\nabc\r\n0\r\n" + trailer + b"\r\n", size):
        connection.feed(piece)
    await task
    assert connection.statuses == [431]
    assert connection.ended


async def status_of(connection: Http1Connection, data: bytes, size: int) -> int:
    """The status code of one request, whose application starts after the whole request has arrived."""
    for piece in in_pieces(data, size):
        connection.feed(piece)
    await connection.run_all()
    [status] = connection.statuses
    return status


@pytest.mark.parametrize(("length", "status"), [(1000, 200), (1001, 431)])
async def test_trailer_section(connect: Any, size: int, length: int, status: int) -> None:
    trailers = b"X: " + b"y" * (length - len(b"X: \r\n\r\n")) + b"\r\n\r\n"
    connection = connect(Reads(), limit_request_head=1000)
    assert await status_of(connection, CHUNKED + b"3\r\nabc\r\n0\r\n" + trailers, size) == status


@pytest.mark.parametrize(("count", "status"), [(10, 200), (11, 431)])
async def test_trailer_fields_are_counted_separately(connect: Any, size: int, count: int, status: int) -> None:
    data = head(b"POST / HTTP/1.1", b"Transfer-Encoding: chunked", *[b"X: y"] * 8)
    data += b"0\r\n" + b"X: y\r\n" * count + b"\r\n"
    assert await status_of(connect(Reads(), limit_request_fields=10), data, size) == status


async def test_a_trailer_section_is_measured_separately(connect: Any, size: int) -> None:
    data = head(b"POST / HTTP/1.1", b"Transfer-Encoding: chunked", b"X: " + b"y" * 800)
    data += b"0\r\nX: " + b"y" * 900 + b"\r\n\r\n"
    assert await status_of(connect(Reads(), limit_request_head=1000), data, size) == 200


@pytest.mark.parametrize(("length", "status"), [(10, 200), (11, 413)])
async def test_body_by_length(connect: Any, size: int, length: int, status: int) -> None:
    connection = connect(respond(), limit_request_body=10)
    assert await outcome(connection, post(b"x" * length), size) == [status]


async def test_refuses_a_body_before_it_arrives(connect: Any) -> None:
    connection = connect(respond(), limit_request_body=10).feed(head(b"POST / HTTP/1.1", b"Content-Length: 11"))
    assert connection.statuses == [413]
    assert connection.loop.waiting == 0


async def test_refuses_a_body_without_asking_for_it(connect: Any) -> None:
    connection = connect(respond(), limit_request_body=10)
    connection.feed(head(b"POST / HTTP/1.1", b"Content-Length: 11", b"Expect: 100-continue"))
    assert connection.statuses == [413]


@pytest.mark.parametrize(("count", "status"), [(10, 200), (11, 413)])
async def test_body_in_chunks(connect: Any, size: int, count: int, status: int) -> None:
    app = Reads()
    connection = connect(app, limit_request_body=10).feed(CHUNKED)
    task = connection.loop.start_one()
    for piece in in_pieces(b"1\r\nx\r\n" * count + b"0\r\n\r\n", size):
        if not connection.ended:
            connection.feed(piece)
    await task
    assert connection.statuses == [status]
    assert app.size <= 10
    assert (app.events[-1]["type"] == "http.disconnect") == (status == 413)


async def test_no_body_limit_by_default(connect: Any) -> None:
    connection = connect(Reads()).feed(head(b"POST / HTTP/1.1", b"Content-Length: 5000000"))
    task = connection.loop.start_one()
    for _ in range(50):
        connection.feed(b"x" * 100_000)
    await task
    assert connection.responses()[0].body == b"5000000"


async def test_h11_max_incomplete_event_size(connect: Any, parser: str) -> None:
    connection = connect(respond(), h11_max_incomplete_event_size=1000)
    statuses = await outcome(connection, GET[:-2] + b"X: " + b"y" * 3000 + b"\r\n\r\n", 100)
    # The option only applies to h11; with httptools, the head has another, larger limit.
    assert statuses == ([431] if parser == "h11" else [200]) or (parser == "h11" and statuses == [400])


# The bytes that the chunk lines of one body may have besides its sizes. The zero of the last chunk is one of them.
EXTENSIONS = 16 * 1024
IN_ALL = EXTENSIONS + 64 - 1


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ([b"1" + b";".ljust(IN_ALL, b"a")], 200),
        ([b"1" + b";".ljust(IN_ALL + 1, b"a")], 400),
        ([b"1" + b";".ljust(1000, b"a"), b"1" + b";".ljust(IN_ALL - 1000, b"a")], 200),
        ([b"1" + b";".ljust(1000, b"a"), b"1" + b";".ljust(IN_ALL - 999, b"a")], 400),
        ([b"0" * IN_ALL + b"1"], 200),
        ([b"0" * (IN_ALL + 1) + b"1"], 400),
    ],
    ids=["whole", "too much", "in two", "too much in two", "zeros", "too many zeros"],
)
async def test_chunk_extensions(connect: Any, lines: list[bytes], status: int) -> None:
    coded = b"".join(line + b"\r\nx\r\n" for line in lines) + b"0\r\n\r\n"
    assert await outcome(connect(respond()), CHUNKED + coded, 100_000) == [status]


@pytest.mark.parametrize(("length", "statuses"), [(EXTENSIONS, []), (EXTENSIONS + 1, [400])])
async def test_the_line_of_a_chunk_without_an_end(connect: Any, length: int, statuses: list[int]) -> None:
    connection = connect(respond()).feed(CHUNKED).feed(b"1;" + b"a" * (length - 2))
    assert connection.statuses == statuses


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (GET, 200),
        (post(b""), 200),
        (post(b"x"), 413),
        (CHUNKED + b"0\r\n\r\n", 200),
        (CHUNKED + b"1\r\nx\r\n0\r\n\r\n", 413),
    ],
    ids=["none", "length 0", "length 1", "no chunk", "a chunk"],
)
async def test_no_body_at_all(connect: Any, data: bytes, status: int) -> None:
    assert await outcome(connect(respond(), limit_request_body=0), data, 100_000) == [status]
