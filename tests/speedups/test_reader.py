"""The reader of requests through its public interface: events, states and refusals.

Each case is read whole, byte by byte, and split once at each position.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.cases.divisions import halves, singly
from tests.fuzz.parsing import HEAD_ATTRIBUTES, UNLIMITED, read
from uvicorn._speedups import request_line
from uvicorn._speedups._request_py import CHUNKS, CLOSED, FIELDS, LENGTH, LINE, TRAILERS
from uvicorn._speedups.errors import SPEAKS_TLS, RequestRejected
from uvicorn._speedups.flags import (
    BODY_FOLLOWS,
    EXPECTS_CONTINUE,
    HAS_FORWARDED,
    HEAD_REQUEST,
    KEEP_ALIVE,
    OLD_VERSION,
    WANTS_UPGRADE,
)

# (request line in bytes, fields, head in bytes, body in bytes).
LIMITS = (20, 3, 100, 5)

GET = b"GET / HTTP/1.1\r\n"
HOST = b"Host: a\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


def new_reader(speedups: Any, limits: tuple[int, int, int, int] = UNLIMITED) -> Any:
    return speedups.RequestReader(lambda lines: None, limits)


def read_all(speedups: Any, data: bytes, limits: tuple[int, int, int, int] = UNLIMITED) -> list[Any]:
    """The events for the data, which must not depend on the splits; the last item may be a rejection.

    Data of the refused message is left out, because a reader drops bytes that arrive in the same read as the fault.
    """

    def read_pieces(pieces: Iterator[bytes] | list[bytes]) -> list[Any]:
        reader = new_reader(speedups, limits)
        events: list[Any] = []
        try:
            for piece in pieces:
                read(reader, piece, events)
        except RequestRejected as rejected:
            assert reader.state == CLOSED
            if events and events[-1][0] == "body":
                del events[-1]
            events.append((rejected.status, rejected.reason))
        return events

    events = read_pieces([data])
    assert read_pieces(singly(data)) == events
    for position, pieces in halves(data):
        assert read_pieces(pieces) == events, position
    return events


def take(reader: Any, data: bytes) -> Any:
    """The next event after a read of the data."""
    if data:
        reader.feed(data)
    return reader.next()


def attributes_of(event: Any) -> dict[str, Any]:
    return dict(zip(HEAD_ATTRIBUTES, event[1], strict=True))


@pytest.mark.parametrize(
    ("line", "method", "path", "raw_path", "query", "version"),
    [
        (b"GET / HTTP/1.1", "GET", "/", b"/", b"", "1.1"),
        (b"GET /a/%41%C3%A9?b=%41?c HTTP/1.0", "GET", "/a/A\xe9", b"/a/%41%C3%A9", b"b=%41?c", "1.0"),
        (b"\r\n\r\nPUT /? HTTP/1.9", "PUT", "/", b"/", b"", "1.1"),
        (b"GETX // HTTP/1.1", "GETX", "//", b"//", b"", "1.1"),
        (b"UNLOCK /a+b HTTP/1.1", "UNLOCK", "/a+b", b"/a+b", b"", "1.1"),
        (b"!#$%&'*+-.^_`|~09AZaz / HTTP/1.1", "!#$%&'*+-.^_`|~09AZaz", "/", b"/", b"", "1.1"),
        (b"OPTIONS * HTTP/1.1", "OPTIONS", "*", b"*", b"", "1.1"),
        (b"CONNECT b:1 HTTP/1.1", "CONNECT", "b:1", b"b:1", b"", "1.1"),
        (b"GET http://b:1/p%20q?r HTTP/1.1", "GET", "/p q", b"/p%20q", b"r", "1.1"),
        (b"GET HTTPS://[::1]?r HTTP/1.1", "GET", "/", b"/", b"r", "1.1"),
        (b"OPTIONS http://b HTTP/1.1", "OPTIONS", "*", b"*", b"", "1.1"),
        (b"OPTIONS http://b?r HTTP/1.1", "OPTIONS", "/", b"/", b"r", "1.1"),
        (b"GET http://b HTTP/1.1", "GET", "/", b"/", b"", "1.1"),
    ],
)
def test_request_line(
    speedups: Any, line: bytes, method: str, path: str, raw_path: bytes, query: bytes, version: str
) -> None:
    for following in (b"", b"\r\n"):
        [event] = read_all(speedups, line + b"\r\n" + HOST + b"\r\n" + following)
        attributes = attributes_of(event)
        assert attributes["method"] == method
        assert (attributes["path"], attributes["raw_path"], attributes["query_string"]) == (path, raw_path, query)
        assert attributes["http_version"] == version
        assert attributes["target"] == line.split(b" ")[1]


@pytest.mark.parametrize(
    ("line", "fields", "headers"),
    [
        (b"GET http://b:1/ HTTP/1.1", b"X: y\r\nhost: a", [(b"x", b"y"), (b"host", b"b:1")]),
        (b"GET http://b/ HTTP/1.0", b"X: y", [(b"host", b"b"), (b"x", b"y")]),
        (b"GET / HTTP/1.0", b"X: y", [(b"x", b"y")]),
        (b"GET / HTTP/1.1", b"HOST:a", [(b"host", b"a")]),
        (b"GET / HTTP/1.1", b"Host: \t a:1 \t ", [(b"host", b"a:1")]),
        (b"GET / HTTP/1.1", b"Host:", [(b"host", b"")]),
        (b"GET / HTTP/1.1", b"Host: \t ", [(b"host", b"")]),
        (b"GET / HTTP/1.1", b"Host: a\r\nX:\ty z\t\xff", [(b"host", b"a"), (b"x", b"y z\t\xff")]),
    ],
)
def test_headers(speedups: Any, line: bytes, fields: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    [event, *_] = read_all(speedups, (line + b"\r\n" + fields + b"\r\n\r\n") * 2)
    assert attributes_of(event)["headers"] == headers


@pytest.mark.parametrize(
    ("line", "fields", "flags", "upgrade"),
    [
        (b"GET / HTTP/1.1", b"", KEEP_ALIVE, b""),
        (b"HEAD / HTTP/1.1", b"Connection: keep-alive", KEEP_ALIVE | HEAD_REQUEST, b""),
        (b"HEAD / HTTP/1.0", b"Connection: keep-alive", OLD_VERSION | HEAD_REQUEST, b""),
        (b"GET / HTTP/1.1", b"Connection: a,\tCLOSE ", 0, b""),
        (b"GET / HTTP/1.1", b"Connection: closed", KEEP_ALIVE, b""),
        (b"CONNECT a:1 HTTP/1.1", b"", 0, b""),
        (b"GET / HTTP/1.1", b"X-Forwarded-For: b", KEEP_ALIVE | HAS_FORWARDED, b""),
        (b"GET / HTTP/1.1", b"x-forwarded-proto: b", KEEP_ALIVE | HAS_FORWARDED, b""),
        (b"GET / HTTP/1.1", b"Connection: Upgrade\r\nUpgrade: H2C", KEEP_ALIVE | WANTS_UPGRADE, b"h2c"),
        (b"GET / HTTP/1.1", b"Upgrade: B\r\nUpgrade: C\r\nConnection: close, upgrade", WANTS_UPGRADE, b"b,c"),
        (b"GET / HTTP/1.1", b"Connection: Upgrade", KEEP_ALIVE, b""),
        (b"GET / HTTP/1.1", b"Upgrade: h2c", KEEP_ALIVE, b""),
        (b"GET / HTTP/1.0", b"Connection: Upgrade\r\nUpgrade: h2c", OLD_VERSION, b""),
        (b"GET / HTTP/1.1", b"Content-Length: 5", KEEP_ALIVE | BODY_FOLLOWS, b""),
        (b"GET / HTTP/1.1", b"Content-Length: 1", KEEP_ALIVE | BODY_FOLLOWS, b""),
        (b"GET / HTTP/1.1", b"Content-Length: 00000000000000000001", KEEP_ALIVE | BODY_FOLLOWS, b""),
        (b"GET / HTTP/1.1", b"Content-Length: 9223372036854775807", KEEP_ALIVE | BODY_FOLLOWS, b""),
        (b"GET / HTTP/1.1", b"Content-Length: 0\r\nExpect: 100-continue", KEEP_ALIVE, b""),
        (b"GET / HTTP/1.1", b"Transfer-Encoding: CHUNKED", KEEP_ALIVE | BODY_FOLLOWS, b""),
        (
            b"GET / HTTP/1.1",
            b"Expect: a, 100-Continue\r\nTransfer-Encoding: chunked",
            KEEP_ALIVE | BODY_FOLLOWS | EXPECTS_CONTINUE,
            b"",
        ),
        (b"GET / HTTP/1.1", b"Expect: 100\r\nContent-Length: 1", KEEP_ALIVE | BODY_FOLLOWS, b""),
        (b"GET / HTTP/1.0", b"Expect: 100-continue\r\nContent-Length: 1", OLD_VERSION | BODY_FOLLOWS, b""),
    ],
)
def test_flags(speedups: Any, line: bytes, fields: bytes, flags: int, upgrade: bytes) -> None:
    [event] = read_all(speedups, line + b"\r\n" + HOST + (fields and fields + b"\r\n") + b"\r\n")
    assert (attributes_of(event)["flags"], attributes_of(event)["upgrade"]) == (flags, upgrade)


NO_FIELD = "malformed field line: it needs a name, a colon and a value, and CRLF at its end"


@pytest.mark.parametrize(
    ("line", "status", "reason"),
    [
        (b" GET / HTTP/1.1\r\n", 400, "the request line does not begin with a method"),
        (b"\x00\r\n", 400, "the request line does not begin with a method"),
        (b"\n", 400, "the request line does not begin with a method"),
        (b"\r\r\n", 400, "the request line does not begin with a method"),
        (b"\r\n\rG", 400, "the request line does not begin with a method"),
        (b"\x16\x03\x01", 400, SPEAKS_TLS),
        (b"GET /\r\n", 400, "malformed request line"),
        (b"GET\r\n", 400, "malformed request line"),
        (b"GET / HTTP/1.1 \r\n", 400, "malformed request line"),
        (b"GET  / HTTP/1.1\r\n", 400, "malformed request line"),
        (b"GET /  HTTP/1.1\r\n", 400, "malformed request line"),
        (b"GET / HTTP/1.1\n", 400, "malformed HTTP version"),
        (b"GET / \r\n", 400, "malformed HTTP version"),
        (b"GET / http/1.1\r\n", 400, "malformed HTTP version"),
        (b"GET / HTTP/1.10\r\n", 400, "malformed HTTP version"),
        (b"GET / HTTP/1\r\n", 400, "malformed HTTP version"),
        (b"GET / HTTP/2.0\r\n", 505, "HTTP version not supported"),
        (b"GET / HTTP/0.9\r\n", 505, "HTTP version not supported"),
        (b"G@T / HTTP/1.1\r\n", 400, "the method is not a token"),
        (b"get / HTTP/1.1\r\n", 501, "unknown method: methods are case-sensitive"),
        (b"GET /\xe9 HTTP/1.1\r\n", 400, "the request target is not ASCII"),
        (b"GET /\x7f HTTP/1.1\r\n", 400, "the request target has a control character or a fragment"),
        (b"GET /a#b HTTP/1.1\r\n", 400, "the request target has a control character or a fragment"),
        (b"GET * HTTP/1.1\r\n", 400, "the target * is only for OPTIONS"),
        (b"OPTIONS ** HTTP/1.1\r\n", 400, "the request target is neither a path nor an http URI"),
        (b"CONNECT a HTTP/1.1\r\n", 400, "the target of CONNECT is not host:port"),
        (b"CONNECT a: HTTP/1.1\r\n", 400, "the target of CONNECT is not host:port"),
        (b"CONNECT a:b HTTP/1.1\r\n", 400, "the target of CONNECT is not host:port"),
        (b"CONNECT /a HTTP/1.1\r\n", 400, "the target of CONNECT is not host:port"),
        (b"GET a HTTP/1.1\r\n", 400, "the request target is neither a path nor an http URI"),
        (b"GET ftp://a/ HTTP/1.1\r\n", 400, "the request target is neither a path nor an http URI"),
        (b"GET http:///a HTTP/1.1\r\n", 400, "malformed authority in the target"),
        (b"GET http://:1/a HTTP/1.1\r\n", 400, "malformed authority in the target"),
        (b"GET http://b@a/ HTTP/1.1\r\n", 400, "malformed authority in the target"),
        (GET + b"\n", 400, NO_FIELD),
        (GET + b"Host: a\n", 400, NO_FIELD),
        (GET + b"\r\r\n", 400, NO_FIELD),
        (GET + b"Host\r\n", 400, NO_FIELD),
        (GET + b"Host : a\r\n", 400, NO_FIELD),
        (GET + b": a\r\n", 400, NO_FIELD),
        (GET + b" Host: a\r\n", 400, NO_FIELD),
        (GET + b"X: a\x00\r\n", 400, "control character in a field value"),
        (GET + b"X: \x7fa\r\n", 400, "control character in a field value"),
        (GET + b"X: a\rb\r\n", 400, "control character in a field value"),
        (GET + b"\r\n", 400, "Host field missing"),
        (GET + HOST + HOST + b"\r\n", 400, "more than one Host field"),
        (b"GET / HTTP/1.0\r\nHost: a@b\r\n\r\n", 400, "malformed Host field"),
        (GET + b"Host: a, b\r\n\r\n", 400, "malformed Host field"),
        (POST + b"Content-Length: 1\r\nContent-Length: 1\r\n", 400, "more than one Content-Length field"),
        (POST + b"Content-Length: 0\r\nContent-Length: 0\r\n", 400, "more than one Content-Length field"),
        (POST + b"Content-Length:\r\n", 400, "malformed Content-Length"),
        (POST + b"Content-Length: +1\r\n", 400, "malformed Content-Length"),
        (POST + b"Content-Length: 9223372036854775808\r\n", 400, "Content-Length too large"),
        (POST + b"Content-Length: 000000000000000000001\r\n", 400, "Content-Length too large"),
        (POST + b"Transfer-Encoding:\r\nTransfer-Encoding: chunked\r\n", 400, "more than one Transfer-Encoding field"),
        (POST + b"Transfer-Encoding:\r\n\r\n", 400, "unsupported Transfer-Encoding"),
        (POST + b"Transfer-Encoding: gzip\r\n\r\n", 501, "unsupported Transfer-Encoding"),
        (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n", 400, "unsupported Transfer-Encoding"),
        (
            POST + b"Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n",
            400,
            "Transfer-Encoding with HTTP/1.0, or together with Content-Length",
        ),
        (
            b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
            400,
            "Transfer-Encoding with HTTP/1.0, or together with Content-Length",
        ),
    ],
)
def test_refuses_malformed_messages(speedups: Any, line: bytes, status: int, reason: str) -> None:
    assert read_all(speedups, line) == [(status, reason)]
    before = GET + HOST + b"X: y\r\n\r\n"
    assert read_all(speedups, before + line)[1:] == [(status, reason)]


@pytest.mark.parametrize(
    "name", [b"Host", b"connection", b"Content-Length", b"Transfer-Encoding", b"upgrade", b"EXPECT"]
)
def test_trailers_decide_nothing(speedups: Any, name: bytes) -> None:
    *events, rejection = read_all(speedups, CHUNKED + b"1\r\na\r\n0\r\nX: y\r\n" + name + b": 1\r\n\r\n")
    assert [event[0] for event in events] == ["request"]
    assert rejection == (400, "a field that is not allowed in trailers")


def test_trailers_are_dropped(speedups: Any) -> None:
    request = CHUNKED + b"1\r\na\r\n0\r\nX-Forwarded-For: b\r\nHost-X: c\r\n\r\n"
    one, *others = read_all(speedups, request + request)
    assert others == [("body", b"a"), ("complete",), one, ("body", b"a"), ("complete",)]
    assert attributes_of(one)["flags"] == KEEP_ALIVE | BODY_FOLLOWS
    assert attributes_of(one)["headers"] == [(b"host", b"a"), (b"transfer-encoding", b"chunked")]


def head_of(size: int) -> bytes:
    """A head of the given number of bytes; its last line is padded."""
    return GET + HOST + b"X: " + b"a" * (size - 32) + b"\r\n\r\n"


def chunked_with(trailers: bytes) -> bytes:
    return b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + trailers + b"\r\n"


@pytest.mark.parametrize(
    ("fits", "exceeds", "rejection"),
    [
        (b"GET /234567 HTTP/1.1\r\n" + HOST + b"\r\n", b"GET /2345678 HTTP/1.1\r\n", (414, "request line too long")),
        (b"\r\n" * 2 + GET + HOST + b"\r\n", b"A" * 21, (414, "request line too long")),
        (b"\r\n" * 10 + GET + HOST + b"\r\n", b"\r\n" * 11, (400, "too many empty lines")),
        (
            GET + HOST + b"X: y\r\n" * 2 + b"\r\n",
            GET + HOST + b"X: y\r\n" * 3 + b"\r\n",
            (431, "too many header fields"),
        ),
        (head_of(100), head_of(101), (431, "request head too large")),
        (head_of(100), head_of(200)[:101], (431, "request head too large")),
        # The empty line exceeds the limit.
        (
            GET + HOST + b"X: " + b"a" * 68 + b"\r\n\r\n",
            GET + b"Host: " + b"a" * 75 + b"\r\n\r\n",
            (431, "request head too large"),
        ),
        (
            POST + b"Content-Length: 5\r\n\r\nhello",
            POST + b"Content-Length: 6\r\n\r\n",
            (413, "request body too large"),
        ),
        (CHUNKED + b"5\r\nhello\r\n0\r\n\r\n", CHUNKED + b"6\r\nworld!", (413, "request body too large")),
        (CHUNKED + b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", CHUNKED + b"2\r\nhe\r\n4\r\nl", None),
        (chunked_with(b"X: y\r\n" * 3), chunked_with(b"X: y\r\n" * 4), (431, "too many header fields")),
        (
            chunked_with(b"X: " + b"a" * 93 + b"\r\n"),
            chunked_with(b"X: " + b"a" * 94 + b"\r\n"),
            (431, "request head too large"),
        ),
    ],
)
def test_limits(speedups: Any, fits: bytes, exceeds: bytes, rejection: tuple[int, str] | None) -> None:
    """Data within the limits is accepted in each request of a connection, because the counts start again."""
    events = read_all(speedups, fits * 3, LIMITS)
    assert len(events) == 3 * len(read_all(speedups, fits, LIMITS))
    assert all(isinstance(event[0], str) for event in events)
    for before in (b"", fits, fits * 2):
        events = read_all(speedups, before + exceeds, LIMITS)
        if rejection:
            assert events[-1] == rejection
        else:
            assert isinstance(events[-1][0], str)


def test_known_lines_count_for_the_limit_of_a_head(speedups: Any) -> None:
    head = head_of(97).removeprefix(GET)
    for target, rejected in ((b"/234", False), (b"/2345", True)):
        events = read_all(speedups, GET + head + b"GET " + target + b" HTTP/1.1\r\n" + head, LIMITS)
        assert (events[-1] == (431, "request head too large")) is rejected


def test_a_body_without_limit(speedups: Any) -> None:
    for limit in (-1, 0):
        limits = (*LIMITS[:3], limit)
        events = read_all(speedups, POST + b"Content-Length: 1\r\n\r\n", limits)
        assert events[-1] == (413, "request body too large") if limit == 0 else events[-1][0] == "request"
        events = read_all(speedups, CHUNKED + b"1\r\na\r\n0\r\n\r\n", limits)
        assert events[-1] == (413, "request body too large") if limit == 0 else events[-1] == ("complete",)
        assert read_all(speedups, CHUNKED + b"0\r\n\r\n", limits)[-1] == ("complete",)


def test_does_not_confuse_a_split_line_with_a_known_line(speedups: Any) -> None:
    _, second = read_all(speedups, GET + HOST + b"b: c\r\n\r\n" + GET + HOST + b"ab: c\r\n\r\n")
    assert attributes_of(second)["headers"] == [(b"host", b"a"), (b"ab", b"c")]


class TestStates:
    """The state that the reader reports after each piece."""

    def steps(self, reader: Any, *steps: tuple[bytes, Any, int, int, bool]) -> None:
        """Feed the data of each step, and compare the result with the other items of the step.

        A step is: the bytes; the event (for a head, its method); the state; the number of remaining bytes; whether
        bytes are unread.
        """
        for number, (data, event, state, remaining, has_unread) in enumerate(steps):
            event = take(reader, data)
            if event is not None and type(event) is not bytes:
                event = event.method
            seen = (event, reader.state, reader.remaining, reader.has_unread())
            assert seen == (event, state, remaining, has_unread), number
            assert reader.more_body is (state in (LENGTH, CHUNKS, TRAILERS)), number
            assert reader.in_message() is (state not in (LINE, CLOSED) or reader.in_head()), number

    def test_before_the_first_byte(self, speedups: Any) -> None:
        reader = new_reader(speedups)
        for _ in range(2):
            assert (reader.state, reader.more_body, reader.remaining) == (LINE, False, 0)
            assert (reader.in_head(), reader.in_message(), reader.has_unread()) == (False, False, False)
            assert reader.next() is None
        assert reader.sent_names() == []
        assert new_reader(speedups).take_rest() == b""
        fed = new_reader(speedups)
        fed.feed(b"G")
        assert fed.has_unread()

    def test_one_byte_more(self, speedups: Any) -> None:
        reader = new_reader(speedups)
        self.steps(
            reader,
            (GET + HOST + b"\r\nG", "GET", LINE, 0, True),
            (b"", None, LINE, 0, False),
            (b"ET / HTTP/1.1\r\n" + HOST + b"\r\n", "GET", LINE, 0, False),
        )

    def test_length(self, speedups: Any) -> None:
        reader = new_reader(speedups)
        self.steps(
            reader,
            (b"\r\n", None, LINE, 0, False),
            (POST + b"Content-Length: 5\r\n", None, FIELDS, 0, False),
            (b"\r\nhe", "POST", LENGTH, 5, True),
            (b"", b"he", LENGTH, 3, False),
            (b"", None, LENGTH, 3, False),
            (b"l", b"l", LENGTH, 2, False),
            (b"loG", b"lo", LINE, 0, True),
            (b"", None, LINE, 0, False),
        )
        assert reader.in_head()
        self.steps(
            reader,
            (b"ET / HTTP/1.1\r\n" + HOST, None, FIELDS, 0, False),
            (b"Connection: close\r\n\r\nabc", "GET", CLOSED, 0, True),
            (b"", None, CLOSED, 0, False),
            (GET + HOST + b"\r\n", None, CLOSED, 0, False),
        )

    def test_chunks(self, speedups: Any) -> None:
        reader = new_reader(speedups)
        self.steps(
            reader,
            (CHUNKED.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n2"), "POST", CHUNKS, -1, True),
            (b"", None, CHUNKS, -1, False),
            (b"\r\nh", b"h", CHUNKS, -1, False),
            (b"e\r\n1\r\nl\r\n0\r\nX", b"el", TRAILERS, -1, False),
            (b"", None, TRAILERS, -1, False),
            (b": y\r\n", None, TRAILERS, -1, False),
            (b"\r\nabc", b"", CLOSED, 0, True),
            (b"", None, CLOSED, 0, False),
        )

    def test_data_of_chunks_with_the_end(self, speedups: Any) -> None:
        self.steps(
            new_reader(speedups),
            (CHUNKED + b"2\r\nhe\r\n0\r\n\r\nG", "POST", CHUNKS, -1, True),
            (b"", b"he", LINE, 0, True),
            (b"", None, LINE, 0, False),
        )

    def test_a_part_of_a_line(self, speedups: Any) -> None:
        """The reader is in a head from the first byte on, except after a complete empty line."""
        reader = new_reader(speedups)
        for data, in_head in ((b"\r", True), (b"\n", False), (b"G", True), (b"ET / HTTP/1.1\r\n", True)):
            reader.feed(data)
            assert reader.next() is None
            assert reader.in_head() is reader.in_message() is in_head

    def test_reads_nothing_after_a_rejection(self, speedups: Any) -> None:
        reader = new_reader(speedups)
        reader.feed(GET + HOST + b"\r\n\x00 more")
        assert reader.next().method == "GET"
        reader.feed(GET)
        with pytest.raises(RequestRejected):
            reader.next()
        self.steps(reader, (b"", None, CLOSED, 0, False), (GET + HOST + b"\r\n", None, CLOSED, 0, False))

    def test_fed_in_pieces_while_nothing_is_read(self, speedups: Any) -> None:
        reader = new_reader(speedups)
        for piece in (GET + HOST, b"\r\n", b"", POST + b"Content-Length: 3", b"\r\n\r\nab", b"c"):
            reader.feed(piece)
            assert reader.has_unread()
        self.steps(reader, (b"", "GET", LINE, 0, True), (b"G", "POST", LENGTH, 3, True), (b"E", b"abc", LINE, 0, True))
        assert reader.take_rest() == b"GE"

    def test_take_rest(self, speedups: Any) -> None:
        reader = new_reader(speedups)
        reader.feed(GET + HOST + b"\r\nab")
        assert reader.next().method == "GET"
        reader.feed(b"cd")
        reader.feed(b"ef")
        assert reader.take_rest() == b"abcdef"
        assert not reader.has_unread()
        assert reader.take_rest() == b""
        reader.feed(b"g")
        assert reader.has_unread()
        assert reader.take_rest() == b"g"
        assert reader.take_rest() == b""
        self.steps(reader, (b"", None, CLOSED, 0, False), (GET + HOST + b"\r\n", None, CLOSED, 0, False))

    def test_whole_pieces_of_a_body_are_not_copied(self, speedups: Any) -> None:
        reader = new_reader(speedups)
        assert take(reader, POST + b"Content-Length: 2000\r\n\r\n").method == "POST"
        piece = b"a" * 1000
        assert take(reader, piece) is piece
        assert take(reader, piece) is piece


def test_sent_names_belong_to_the_last_head(speedups: Any) -> None:
    reader = new_reader(speedups)
    for section, names in (
        (b"hOST: a\r\nx: y\r\nZ: z\r\n", [b"hOST", b"x", b"Z"]),
        (b"hOST: a\r\nX: y\r\n", [b"hOST", b"X"]),
        (b"Host: a\r\n", [b"Host"]),
        (b"Host: a\r\nTransfer-Encoding: chunked\r\n", [b"Host", b"Transfer-Encoding"]),
    ):
        assert take(reader, GET + section + b"\r\n") is not None
        assert reader.sent_names() == names
    assert take(reader, b"0\r\nP: q\r\nR: s\r\nT: u\r\n\r\n") == b""
    assert reader.sent_names() == [b"Host", b"Transfer-Encoding"]


def test_keeps_lines_up_to_one_kibibyte(speedups: Any) -> None:
    for size, kept in ((1024, True), (1025, False)):
        reader = new_reader(speedups)
        head = GET + HOST + b"X: " + b"a" * (size - 5) + b"\r\n\r\n"
        one, two = take(reader, head).headers, take(reader, head).headers
        assert one == two
        assert (one[1] is two[1]) is kept


@pytest.mark.parametrize(
    ("value", "good"),
    [
        (b"", True),
        (b"a:", True),
        (b"a:65535", True),
        (b"a:b", False),
        (b"a:1:2", False),
        (b"AZaz09-._~!$&'()*+;=%4f%Af", True),
        (b"%", False),
        (b"%4", False),
        (b"%4g", False),
        (b"a,b", False),
        (b"a b", False),
        (b"[::1]", True),
        (b"[::1]:8000", True),
        (b"[::1]:x", False),
        (b"[::1", False),
        (b"[::1]a", False),
        (b"[:::1]", False),
        (b"[1.2.3.4]", False),
        (b"[::1.2.3.4]", True),
        (b"[v1.a:b]", True),
        (b"[v.a]", False),
        (b"[]", False),
        (b"a" * 1000, True),
        (b"a" * 1000 + b"/", False),
    ],
)
def test_authority(value: bytes, good: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_line, "GOOD_AUTHORITIES", set())
    assert [request_line.is_authority(value) for _ in range(3)] == [good] * 3


def test_kept_authorities_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: set[bytes] = set()
    monkeypatch.setattr(request_line, "GOOD_AUTHORITIES", kept)
    longest = b"a" * 255 + b":65535"
    for name in (longest, longest + b"6", b"a/b", b"b"):
        request_line.is_authority(name)
    assert kept == {longest, b"b"}
    sizes = set()
    for number in range(3000):
        assert request_line.is_authority(b"a%d" % number)
        assert b"a%d" % number in kept
        sizes.add(len(kept))
    assert max(sizes) == 1024
