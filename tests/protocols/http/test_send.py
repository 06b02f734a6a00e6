"""What the application sends, byte for byte (RFC 9112 sections 4, 6 and 7), and which messages are refused."""

import asyncio
import mmap
from array import array
from collections.abc import Callable
from typing import Any

import pytest

from tests.cases.case import head
from tests.protocols.http.connection import GET, HELLO, Http1Connection, body, post, respond, send_all, start

CHUNKED = head(b"POST / HTTP/1.1", b"Transfer-Encoding: chunked")
BAD = b"GET / HTTP/1.1\r\nno colon\r\n\r\n"

HEAD_REQUEST = head(b"HEAD / HTTP/1.1")
OLD = head(b"GET / HTTP/1.0")
CLOSE = head(b"GET / HTTP/1.1", b"Connection: close")


async def wire(connect: Any, app: Any, request: bytes = GET, **options: Any) -> tuple[bytes, Http1Connection]:
    """The bytes on the wire for the application's messages, and the connection."""
    connection = connect(app, **options)
    await connection.run(request)
    return connection.wire, connection


async def test_head_and_first_body_part_in_one_write(connect: Any) -> None:
    sent, connection = await wire(connect, respond())
    assert sent == (
        b"HTTP/1.1 200 OK\r\nserver: uvicorn\r\ncontent-type: text/plain\r\ncontent-length: 12\r\n\r\nHello, world"
    )
    assert len(connection.transport.writes) == 1
    assert not connection.ended


async def test_default_headers_come_first_and_names_are_lower_cased(connect: Any) -> None:
    sent, connection = await wire(connect, send_all(start(200, (b"X-One", b"A"), (b"CONTENT-Length", b"0")), body()))
    assert sent == b"HTTP/1.1 200 OK\r\nserver: uvicorn\r\nx-one: A\r\ncontent-length: 0\r\n\r\n"
    connection.state.default_headers = [(b"date", b"now"), (b"server", b"other"), (b"x-own", b"1")]
    connection.transport.clear_buffer()
    await connection.run(GET)
    assert connection.wire.startswith(b"HTTP/1.1 200 OK\r\ndate: now\r\nserver: other\r\nx-own: 1\r\nx-one: A\r\n")


async def test_a_default_connection_close_closes(connect: Any) -> None:
    """With `--header "connection: close"`, the field is sent once and the server closes."""
    connection = connect(respond(headers=[(b"Connection", b"x")]))
    connection.state.default_headers = [(b"server", b"own"), (b"connection", b"Close")]
    await connection.run(GET)
    assert connection.wire.lower().count(b"connection:") == 1
    assert b"\r\nconnection: x, close\r\n" in connection.wire
    assert connection.ended


async def test_no_default_headers(connect: Any) -> None:
    connection = connect(send_all(start(200, (b"content-length", b"0")), body()))
    connection.state.default_headers = []
    await connection.run(GET)
    assert connection.wire == b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"


OK = b"HTTP/1.1 200 OK\r\nserver: uvicorn\r\n"
UNMODIFIED = b"HTTP/1.1 304 Not Modified\r\nserver: uvicorn\r\n"
CODED = b"transfer-encoding: chunked\r\n\r\n"
LAST = b"connection: close\r\n\r\n"
STREAM = [start(), body(b"abc", True), body(b"def")]
CODED_BY_APPLICATION = [start(200, (b"Transfer-Encoding", b"chunked")), body(b"abc")]
NO_DETAILS = [{"type": "http.response.start", "status": 200}, {"type": "http.response.body"}]


def sized(length: bytes, *parts: dict[str, Any], status: int = 200) -> list[dict[str, Any]]:
    return [start(status, (b"content-length", length)), *parts]


# The request, the messages of the application, and the bytes on the wire.
WIRES: dict[str, tuple[bytes, list[dict[str, Any]], bytes]] = {
    "parts": (GET, STREAM, OK + CODED + b"3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n"),
    "empty part": (
        GET,
        [start(), body(b"", True), body(b"x" * 26, True), body()],
        OK + CODED + b"1a\r\n" + b"x" * 26 + b"\r\n0\r\n\r\n",
    ),
    "one part": (GET, [start(), body(b"abc")], OK + CODED + b"3\r\nabc\r\n0\r\n\r\n"),
    "no part": (GET, [start(), body()], OK + CODED + b"0\r\n\r\n"),
    "headers, body and more_body missing": (GET, NO_DETAILS, OK + CODED + b"0\r\n\r\n"),
    "coded by the application": (GET, CODED_BY_APPLICATION, OK + CODED + b"3\r\nabc\r\n0\r\n\r\n"),
    "length": (
        GET,
        sized(b"6", body(b"abc", True), body(b"def", True), body()),
        OK + b"content-length: 6\r\n\r\nabcdef",
    ),
    "length with white space": (GET, sized(b" 5 ", body(b"abcde")), OK + b"content-length: 5\r\n\r\nabcde"),
    "length twice": (
        GET,
        [start(200, (b"content-length", b"3"), (b"Content-Length", b"3")), body(b"abc")],
        OK + b"content-length: 3\r\n\r\nabc",
    ),
    "304": (GET, sized(b"12", body(), status=304), UNMODIFIED + b"content-length: 12\r\n\r\n"),
    "304 with a body": (
        GET,
        sized(b"2", body(b"abc", True), body(b"def"), status=304),
        UNMODIFIED + b"content-length: 2\r\n\r\n",
    ),
    "HEAD": (HEAD_REQUEST, STREAM, OK + b"\r\n"),
    "HEAD, coded by the application": (HEAD_REQUEST, CODED_BY_APPLICATION, OK + CODED),
    "HTTP/1.0": (OLD, STREAM, OK + LAST + b"abcdef"),
    "HTTP/1.0, length": (OLD, sized(b"3", body(b"abc")), OK + b"content-length: 3\r\n" + LAST + b"abc"),
    "HTTP/1.0, coded by the application": (OLD, CODED_BY_APPLICATION, OK + LAST + b"abc"),
    "HTTP/1.0, HEAD": (HEAD_REQUEST.replace(b"1.1", b"1.0"), CODED_BY_APPLICATION, OK + LAST),
}


@pytest.mark.parametrize("name", WIRES)
async def test_framing(connect: Any, name: str) -> None:
    request, messages, expected = WIRES[name]
    sent, connection = await wire(connect, send_all(*messages), request)
    assert sent == expected
    assert connection.transport.closed == (b"HTTP/1.0" in request)


class Bytes(bytes):
    """A subclass of bytes whose conversion gives other bytes than it holds."""

    def __bytes__(self) -> bytes:
        return b"converted"


def mapped(data: bytes) -> mmap.mmap:
    memory = mmap.mmap(-1, len(data))
    memory.write(data)
    return memory


BYTES_LIKE: dict[str, Callable[[bytes], Any]] = {
    "subclass": Bytes,
    "bytearray": bytearray,
    "memoryview": memoryview,
    "items of two bytes": lambda data: memoryview(data).cast("H"),
    "two dimensions": lambda data: memoryview(data).cast("B", (2, len(data) // 2)),
    "every second item": lambda data: memoryview(b"".join(b"%c." % item for item in data))[::2],
    "array": lambda data: array("H", data),
    "mmap": mapped,
}


@pytest.mark.parametrize("kind", BYTES_LIKE)
async def test_bytes_like_bodies(connect: Any, kind: str) -> None:
    make = BYTES_LIKE[kind]
    parts = [body(make(b"abcd"), True), body(make(b"efgh"))]
    sent, _ = await wire(connect, send_all(start(200, (b"content-length", b"8")), *parts))
    assert sent.endswith(b"\r\n\r\nabcdefgh")
    sent, _ = await wire(connect, send_all(start(), *parts))
    assert sent.endswith(b"\r\n\r\n4\r\nabcd\r\n4\r\nefgh\r\n0\r\n\r\n")


FIELDS = ((b"x", b"1"), (b"content-length", b"0"))


@pytest.mark.parametrize(
    "make",
    [lambda: list(map(list, FIELDS)), lambda: FIELDS, lambda: iter(FIELDS), lambda: dict(FIELDS).items()],
    ids=["lists", "tuples", "iterator", "items"],
)
async def test_headers_are_any_iterable_of_pairs(connect: Any, make: Any) -> None:
    message = {"type": "http.response.start", "status": 200, "headers": make()}
    sent, _ = await wire(connect, send_all(message, body()))
    assert sent.endswith(b"x: 1\r\ncontent-length: 0\r\n\r\n")


@pytest.mark.parametrize("kind", BYTES_LIKE)
async def test_names_and_values_may_be_bytes_like(connect: Any, kind: str) -> None:
    make = BYTES_LIKE[kind]
    fields = [(make(b"Content-Type"), make(b"text")), (make(b"content-length"), make(b"0000")), (make(b"X-Ab"), b"1")]
    sent, _ = await wire(connect, send_all({"type": "http.response.start", "status": 200, "headers": fields}, body()))
    assert sent.endswith(b"content-type: text\r\ncontent-length: 0000\r\nx-ab: 1\r\n\r\n")


async def test_answers_500_to_a_forbidden_character_in_a_bytes_like_value(connect: Any) -> None:
    _, connection = await wire(connect, send_all(start(200, (b"x", Bytes(b"a\r\nb"))), body()))
    assert connection.statuses == [500]


@pytest.mark.parametrize("headers", [None, 1, [b"x"], [(b"x", b"y", b"z")], [b"x: y"]], ids=str)
async def test_answers_500_to_headers_that_are_not_pairs(
    connect: Any, headers: Any, caplog: pytest.LogCaptureFixture
) -> None:
    _, connection = await wire(
        connect, send_all({"type": "http.response.start", "status": 200, "headers": headers}, body())
    )
    assert connection.statuses == [500]
    assert "Exception in ASGI application" in caplog.text


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (200, b"HTTP/1.1 200 OK\r\n"),
        (404, b"HTTP/1.1 404 Not Found\r\n"),
        (418, b"HTTP/1.1 418 I'm a Teapot\r\n"),
        (299, b"HTTP/1.1 299 \r\n"),
        (599, b"HTTP/1.1 599 \r\n"),
        (999, b"HTTP/1.1 999 \r\n"),
    ],
)
async def test_status_lines(connect: Any, status: int, line: bytes) -> None:
    sent, _ = await wire(connect, respond(status=status))
    assert sent.lower().startswith(line.lower())


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("status", [204, 304])
async def test_no_body_and_no_chunks(connect: Any, status: int, method: str) -> None:
    request = GET if method == "GET" else HEAD_REQUEST
    sent, connection = await wire(connect, send_all(start(status), body()), request)
    assert sent.split(b" ", 2)[1] == b"%d" % status
    assert sent.endswith(b"\r\nserver: uvicorn\r\n\r\n")
    assert not connection.ended


FRAMING_FIELDS = [
    [(b"transfer-encoding", b"chunked")],
    [(b"transfer-encoding", b"gzip, chunked")],
    [(b"content-length", b"4")],
    [(b"content-length", b"4"), (b"content-length", b"5")],
    [(b"content-length", b"4"), (b"transfer-encoding", b"chunked")],
]


@pytest.mark.parametrize("parts", [[body()], [body(b"null")], [body(b"nu", True), body(b"ll")]], ids=len)
@pytest.mark.parametrize("fields", [[], *FRAMING_FIELDS], ids=str)
async def test_204_has_no_body_and_no_framing_fields(connect: Any, fields: Any, parts: Any) -> None:
    sent, connection = await wire(connect, send_all(start(204, *fields), *parts))
    assert sent == b"HTTP/1.1 204 No Content\r\nserver: uvicorn\r\n\r\n"
    assert not connection.ended


LENGTH_AND_CODING = [(b"Content-Length", b"3"), (b"x", b"1"), (b"transfer-encoding", b"Chunked")]


@pytest.mark.parametrize("fields", [LENGTH_AND_CODING, LENGTH_AND_CODING[::-1]], ids=["length first", "coding first"])
async def test_chunked_overrides_a_length(connect: Any, fields: Any) -> None:
    app = send_all(start(200, *fields), body(b"abcdef"))
    sent, connection = await wire(connect, app)
    assert sent == (
        b"HTTP/1.1 200 OK\r\nserver: uvicorn\r\nx: 1\r\ntransfer-encoding: chunked\r\n\r\n6\r\nabcdef\r\n0\r\n\r\n"
    )
    assert not connection.ended
    sent, _ = await wire(connect, app, OLD)
    assert sent == b"HTTP/1.1 200 OK\r\nserver: uvicorn\r\nx: 1\r\nconnection: close\r\n\r\nabcdef"
    sent, _ = await wire(connect, app, HEAD_REQUEST)
    assert sent == b"HTTP/1.1 200 OK\r\nserver: uvicorn\r\nx: 1\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("coding", [b"identity", b"Identity ", b"", b" , identity,"])
async def test_identity_is_not_a_coding(connect: Any, coding: bytes) -> None:
    fields = [(b"transfer-encoding", coding), (b"content-length", b"3")]
    sent, _ = await wire(connect, send_all(start(200, *fields), body(b"abc")))
    assert sent == b"HTTP/1.1 200 OK\r\nserver: uvicorn\r\ncontent-length: 3\r\n\r\nabc"
    sent, _ = await wire(connect, send_all(start(200, (b"transfer-encoding", coding)), body(b"abc")))
    assert sent.endswith(b"\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")


async def test_a_response_to_head_has_the_length_and_no_body(connect: Any) -> None:
    sent, connection = await wire(connect, respond(), HEAD_REQUEST)
    assert sent.endswith(b"content-length: 12\r\n\r\n")
    assert not connection.ended
    # The next response starts directly after the response to HEAD.
    await connection.run(GET)
    assert connection.wire.endswith(HELLO)
    assert [response.body for response in connection.responses("HEAD")] == [b"", HELLO]


@pytest.mark.parametrize("request_closes", [False, True])
@pytest.mark.parametrize(
    "fields",
    [
        [(b"connection", b"close")],
        [(b"Connection", b"Close")],
        [(b"connection", b"close"), (b"connection", b"close")],
        [(b"connection", b"foo, close")],
        [(b"connection", b"close, foo")],
    ],
    ids=["lower", "upper", "twice", "last", "first"],
)
async def test_sends_close_once_if_the_response_has_it(connect: Any, request_closes: bool, fields: Any) -> None:
    sent, connection = await wire(connect, respond(headers=fields), CLOSE if request_closes else GET)
    tokens = [value for name, value in connection.responses()[0].headers if name == b"connection"]
    assert b",".join(tokens).lower().count(b"close") == 1
    assert connection.ended
    assert sent.endswith(HELLO)


async def test_sends_close_if_the_request_has_it(connect: Any) -> None:
    sent, connection = await wire(connect, respond(), CLOSE)
    assert sent.count(b"connection: close\r\n") == 1
    assert connection.transport.closed


@pytest.mark.parametrize("request_closes", [False, True])
@pytest.mark.parametrize(
    ("fields", "alone", "with_close"),
    [
        ([b"foo"], [b"foo"], [b"foo, close"]),
        ([b"foo", b" bar ,, Baz"], [b"foo, bar, Baz"], [b"foo, bar, Baz, close"]),
        ([b"keep-alive"], [b"keep-alive"], [b"close"]),
        ([b"Keep-Alive, foo"], [b"Keep-Alive, foo"], [b"foo, close"]),
        ([b""], [], [b"close"]),
        ([b"foo", b"CLOSE"], [b"foo, close"], [b"foo, close"]),
    ],
    ids=str,
)
async def test_one_connection_line(
    connect: Any, request_closes: bool, fields: list[bytes], alone: list[bytes], with_close: list[bytes]
) -> None:
    app = respond(headers=[(b"connection", value) for value in fields])
    _, connection = await wire(connect, app, CLOSE if request_closes else GET)
    [response] = connection.responses()
    lines = [value for name, value in response.headers if name == b"connection"]
    assert lines == (with_close if request_closes else alone)
    assert connection.ended == (b"close" in b"".join(lines))


async def test_other_options_of_connection_are_kept(connect: Any) -> None:
    sent, connection = await wire(connect, respond(headers=[(b"connection", b"closed")]))
    assert b"connection: closed\r\n" in sent
    assert b"connection: close\r\n" not in sent
    assert not connection.ended


def failing(*messages: dict[str, Any], caught: list[BaseException]) -> Any:
    """An application that sends the messages. It raises the last message's error, and appends it to `caught`."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            for message in messages:
                await send(message)
        except BaseException as error:
            caught.append(error)
            raise

    return app


BAD_STARTS = {
    "wrong message": (
        body(b"x"),
        RuntimeError,
        "Expected ASGI message 'http.response.start', but got 'http.response.body'.",
    ),
    "unknown message": ({"type": "foo"}, RuntimeError, "Expected ASGI message 'http.response.start', but got 'foo'."),
    "empty name": (start(200, (b"", b"x")), RuntimeError, "Invalid HTTP header name."),
    "space in name": (start(200, (b"x y", b"x")), RuntimeError, "Invalid HTTP header name."),
    "colon in name": (start(200, (b"x:", b"x")), RuntimeError, "Invalid HTTP header name."),
    "CR in name": (start(200, (b"x\r\ny", b"x")), RuntimeError, "Invalid HTTP header name."),
    "non-ASCII name": (start(200, (b"caf\xe9", b"x")), RuntimeError, "Invalid HTTP header name."),
    "CR in value": (start(200, (b"x", b"a\rb")), RuntimeError, "Invalid HTTP header value."),
    "LF in value": (start(200, (b"x", b"a\nb: c")), RuntimeError, "Invalid HTTP header value."),
    "NUL in value": (start(200, (b"x", b"a\0b")), RuntimeError, "Invalid HTTP header value."),
    "DEL in value": (start(200, (b"x", b"a\x7fb")), RuntimeError, "Invalid HTTP header value."),
    "ESC in value": (start(200, (b"x", b"\x1b[31m")), RuntimeError, "Invalid HTTP header value."),
    "length no number": (start(200, (b"content-length", b"x")), RuntimeError, "Invalid HTTP header value."),
    "length negative": (start(200, (b"content-length", b"-1")), RuntimeError, "Invalid HTTP header value."),
    "length empty": (start(200, (b"content-length", b"")), RuntimeError, "Invalid HTTP header value."),
    "two lengths": (start(200, (b"content-length", b"1"), (b"content-length", b"2")), RuntimeError, "content-length"),
    "unknown coding": (start(200, (b"transfer-encoding", b"gzip, chunked")), RuntimeError, "transfer-encoding"),
    "1xx as final": (start(100), RuntimeError, "100"),
    "101": (start(101), RuntimeError, "101"),
    "status 99": (start(99), RuntimeError, "99"),
    "status 1000": (start(1000), RuntimeError, "1000"),
    "status str": ({**start(), "status": "200"}, TypeError, "'200'"),
    "status None": ({**start(), "status": None}, TypeError, "None"),
    "status True": ({**start(), "status": True}, TypeError, "True"),
    "str name": ({**start(), "headers": [("x", b"y")]}, TypeError, "'x'"),
    "str value": ({**start(), "headers": [(b"x", "y")]}, TypeError, "'y'"),
    "None value": ({**start(), "headers": [(b"x", None)]}, TypeError, "None"),
}


@pytest.mark.parametrize("name", BAD_STARTS)
async def test_a_bad_start_is_answered_with_500(connect: Any, name: str, caplog: pytest.LogCaptureFixture) -> None:
    """Headers are checked before the head is started: the client gets an answer, and the developer sees the cause."""
    message, kind, text = BAD_STARTS[name]
    caught: list[BaseException] = []
    sent, connection = await wire(connect, failing(message, caught=caught))
    [error] = caught
    assert type(error) is kind
    assert text in str(error)
    assert connection.statuses == [500]
    assert sent.endswith(b"\r\n\r\nInternal Server Error")
    assert connection.transport.closed
    assert "Exception in ASGI application" in caplog.text
    assert text in caplog.text


async def test_the_application_can_send_a_good_start_after_a_bad_one(connect: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        with pytest.raises(RuntimeError, match=r"^Invalid HTTP header value\.$"):
            await send(start(200, (b"x", b"\n")))
        await respond()(scope, receive, send)

    sent, connection = await wire(connect, app)
    assert connection.statuses == [200]
    assert sent.endswith(HELLO)


LENGTH_3 = start(200, (b"content-length", b"3"))
BAD_BODIES: dict[str, tuple[list[dict[str, Any]], type[Exception], str]] = {
    "start twice": (
        [start(), start()],
        RuntimeError,
        "Expected ASGI message 'http.response.body', but got 'http.response.start'.",
    ),
    "unknown": ([start(), {"type": "foo"}], RuntimeError, "Expected ASGI message 'http.response.body', but got 'foo'."),
    "too long": ([LENGTH_3, body(b"abcd")], RuntimeError, "Response content longer than Content-Length"),
    "too long in parts": (
        [LENGTH_3, body(b"ab", True), body(b"cd")],
        RuntimeError,
        "Response content longer than Content-Length",
    ),
    "too short": ([LENGTH_3, body(b"ab")], RuntimeError, "Response content shorter than Content-Length"),
    "too short in parts": (
        [LENGTH_3, body(b"a", True), body(b"b")],
        RuntimeError,
        "Response content shorter than Content-Length",
    ),
    "nothing": ([LENGTH_3, body()], RuntimeError, "Response content shorter than Content-Length"),
    "str": ([start(), {"type": "http.response.body", "body": "abc"}], TypeError, "'abc'"),
}


@pytest.mark.parametrize("name", BAD_BODIES)
async def test_a_bad_body_is_never_a_whole_response(connect: Any, name: str, caplog: pytest.LogCaptureFixture) -> None:
    messages, kind, text = BAD_BODIES[name]
    caught: list[BaseException] = []
    _, connection = await wire(connect, failing(*messages, caught=caught))
    [error] = caught
    assert type(error) is kind
    assert text in str(error)
    assert connection.ended
    assert "Exception in ASGI application" in caplog.text
    for response in connection.responses():
        # A response that was started is cut off visibly. A response that was not started is a 500.
        assert response.status == 500 or not response.whole


async def test_the_application_can_complete_a_body_that_was_too_short(connect: Any) -> None:
    """No byte of a refused part counts as sent."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(LENGTH_3)
        with pytest.raises(RuntimeError, match=r"^Response content shorter than Content-Length$"):
            await send(body(b"ab"))
        await send(body(b"abc"))

    sent, connection = await wire(connect, app)
    assert sent.endswith(b"\r\n\r\nabc")
    assert not connection.ended


async def test_a_message_after_the_end_raises(connect: Any) -> None:
    raised = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await respond()(scope, receive, send)
        for message in (body(b"more"), start(), {"type": "foo"}):
            try:
                await send(message)
            except RuntimeError as error:
                raised.append(str(error))

    sent, connection = await wire(connect, app)
    assert raised == [
        f"Unexpected ASGI message '{name}' sent, after response already completed."
        for name in ("http.response.body", "http.response.start", "foo")
    ]
    assert sent.endswith(HELLO)
    assert connection.statuses == [200]


MISTAKES = [start(), start(200, (b"x", b"\n")), body(b"more"), {"type": "foo"}]


@pytest.mark.parametrize("message", MISTAKES, ids=["second start", "bad start", "body", "unknown"])
async def test_ignores_wrong_messages_after_http_disconnect(
    connect: Any, caplog: pytest.LogCaptureFixture, message: dict[str, Any]
) -> None:
    """This also holds if the client has only ended its half of the connection."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(start())
        await send(body(b"abc", True))
        assert (await receive())["type"] == "http.request"
        connection.protocol.eof_received()
        assert (await receive())["type"] == "http.disconnect"
        await send(message)

    connection: Http1Connection = connect(app)
    await connection.run(GET)
    assert connection.wire.endswith(b"\r\n\r\n3\r\nabc\r\n")
    assert connection.transport.closed
    assert caplog.text == ""


@pytest.mark.parametrize("message", MISTAKES, ids=["second start", "bad start", "body", "unknown"])
async def test_ignores_wrong_messages_after_the_client_has_left(
    connect: Any, caplog: pytest.LogCaptureFixture, message: dict[str, Any]
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(start())
        connection.lose()
        await send(message)

    connection: Http1Connection = connect(app)
    await connection.run(GET)
    assert caplog.text == ""


async def test_sends_no_response_after_http_disconnect(connect: Any, caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        connection.protocol.eof_received()
        await receive()
        await respond()(scope, receive, send)

    connection: Http1Connection = connect(app)
    await connection.run(GET)
    assert connection.wire == b""
    assert connection.transport.closed
    assert caplog.text == ""


async def test_sends_after_the_end_and_http_disconnect_do_nothing(
    connect: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await respond()(scope, receive, send)
        assert (await receive())["type"] == "http.disconnect"
        await send(body(b"more"))

    sent, connection = await wire(connect, app)
    assert sent.endswith(HELLO)
    assert not connection.ended
    assert caplog.text == ""


async def test_an_error_after_http_disconnect_is_logged_and_closes(
    connect: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await respond()(scope, receive, send)
        await receive()
        raise ZeroDivisionError

    sent, connection = await wire(connect, app)
    assert sent.endswith(HELLO)
    assert connection.transport.closed
    assert "ZeroDivisionError" in caplog.text


async def test_send_after_the_client_left_does_nothing(connect: Any, caplog: pytest.LogCaptureFixture) -> None:
    done = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(start())
        await send(body(b"x" * 10, True))
        connection.lose(ConnectionResetError())
        await send(body(b"more", True))
        await send(body(b"last"))
        done.append(True)

    connection: Http1Connection = connect(app)
    await connection.run(GET)
    assert done == [True]
    assert b"more" not in connection.wire
    assert caplog.text == ""


async def test_response_after_the_client_left_does_nothing(connect: Any, caplog: pytest.LogCaptureFixture) -> None:
    connection = connect(respond()).feed(GET)
    connection.lose()
    await connection.run()
    assert connection.wire == b""
    assert caplog.text == ""


async def test_logs_nothing_if_the_client_left_before_the_response(
    connect: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()

    connection = connect(app).feed(head(b"POST / HTTP/1.1", b"Content-Length: 5"))
    connection.lose()
    await connection.run()
    assert connection.wire == b""
    assert caplog.text == ""


async def test_send_waits_while_the_transport_is_full(connect: Any) -> None:
    sent = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(start())
        for number in range(3):
            await send(body(b"x" * 10, True))
            sent.append(number)
        await send(body())

    connection: Http1Connection = connect(app).feed(GET)
    connection.protocol.pause_writing()
    task = await connection.start()
    assert len(sent) <= 1
    before = connection.wire.count(b"x" * 10)
    assert before <= 1
    connection.protocol.resume_writing()
    await asyncio.wait_for(task, 5)
    assert sent == [0, 1, 2]
    assert connection.wire.endswith(b"0\r\n\r\n")


async def test_a_waiting_send_ends_when_the_client_leaves(connect: Any) -> None:
    connection: Http1Connection = connect(send_all(start(), body(b"x", True), body(b"y", True), body(b"z"))).feed(GET)
    connection.protocol.pause_writing()
    task = await connection.start()
    assert not task.done()
    connection.lose()
    await asyncio.wait_for(task, 5)
    assert b"z" not in connection.wire


async def test_the_transport_becomes_full_during_a_write(connect: Any) -> None:
    """`pause_writing` is called from within `write`: the next send waits, and the written bytes stay."""
    connection: Http1Connection = connect(
        send_all(start(200, (b"content-length", b"4")), body(b"ab", True), body(b"cd"))
    )
    original = connection.transport.write

    def write(data: bytes) -> None:
        original(data)
        connection.protocol.pause_writing()

    connection.transport.write = write
    task = await connection.start(GET)
    assert connection.wire.endswith(b"ab")
    connection.transport.write = original
    connection.protocol.resume_writing()
    await asyncio.wait_for(task, 5)
    assert connection.wire.endswith(b"abcd")
    assert not connection.ended


async def test_writes_nothing_to_a_transport_that_others_have_closed(
    connect: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """A subclass or the loop may have closed the transport: the server writes nothing and does not close it again."""
    for request in (GET, GET * 2, head(b"GET / HTTP/1.0"), CHUNKED, post(b"x")[:-1]):
        connection = connect(respond()).feed(request)
        connection.transport.close()
        await connection.run()
        assert connection.wire == b""
        assert connection.protocol.is_closed
    assert caplog.text == ""
    connection = connect(send_all())
    connection.feed(GET)
    connection.transport.close()
    await connection.run()
    assert connection.wire == b""
    connection = connect(respond())
    connection.transport.close()
    connection.feed(BAD)
    assert connection.protocol.is_closed
    connection.protocol.shutdown()
    assert connection.wire == b""


async def test_ignores_a_resume_without_a_pause(connect: Any) -> None:
    connection = connect(respond())
    connection.protocol.resume_writing()
    assert (await connection.ask(post(b"x"))).status == 200


async def test_waiting_senders_continue_when_the_transport_has_room(connect: Any) -> None:
    """Both continue when the transport has room. A cancelled sender does not affect the other."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(start())
        connection.protocol.pause_writing()
        senders = [asyncio.ensure_future(send(body(b"x", True))) for _ in range(3)]
        await asyncio.sleep(0)
        senders[1].cancel()
        connection.protocol.resume_writing()
        await asyncio.wait(senders, timeout=5)
        assert [sender.cancelled() for sender in senders] == [False, True, False]
        await send(body())

    connection: Http1Connection = connect(app)
    await connection.run(GET)
    assert connection.responses()[0].body == b"xx"


async def test_serves_more_header_names_than_it_remembers(connect: Any) -> None:
    """The memory for the names of applications is bounded too, and the heads stay correct."""
    number = 0

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await respond(headers=[(b"X-Name-%d" % number, b"v")])(scope, receive, send)

    connection: Http1Connection = connect(app)
    for number in range(1100):
        response = await connection.ask(GET)
        assert response.headers[1] == (b"x-name-%d" % number, b"v")


async def test_a_full_transport_does_not_delay_dropped_messages(connect: Any) -> None:
    """After http.disconnect, messages are dropped at once, even if the transport is full."""
    sent = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        connection.protocol.eof_received()
        assert (await receive())["type"] == "http.disconnect"
        connection.protocol.pause_writing()
        await send(start())
        sent.append(True)

    connection: Http1Connection = connect(app)
    connection.feed(GET)
    await asyncio.wait_for(connection.run(), 5)
    assert sent == [True]
