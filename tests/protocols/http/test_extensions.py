"""What an application may send besides the start of a response and the parts of its body."""

from typing import Any

import pytest

from tests import waiting
from tests.cases.case import head
from tests.fuzz.reading import read_with_h11
from tests.http2 import headers, reset, settings, window_update
from tests.protocols.http.connection import GET, body, respond, send_all, start
from tests.protocols.http.http2 import until
from tests.protocols.http.test_real_loop import serving
from uvicorn._speedups import http2_codes as codes
from uvicorn.protocols.extensions import HTTP_EXTENSIONS


def hint(*links: Any) -> dict[str, Any]:
    return {"type": "http.response.early_hint", "links": links}


def trailers(*fields: Any, more: bool = False) -> dict[str, Any]:
    return {"type": "http.response.trailers", "headers": fields, "more_trailers": more}


PROMISED = {**start(), "trailers": True}
# A start message does not need `headers`.
BARE = {"type": "http.response.start", "status": 200, "trailers": True}


class Refused:
    """An application that sends messages, the last of which is an error, and then answers with the error's text."""

    def __init__(self, *messages: Any) -> None:
        self._messages = messages

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        *before, last = self._messages
        for message in before:
            await send(message)
        with pytest.raises((RuntimeError, TypeError)) as caught:
            await send(last)
        # The public class.
        assert type(caught.value) in (RuntimeError, TypeError)
        text = str(caught.value).encode()
        if all(message["type"] != "http.response.start" for message in before):
            await send(start(200))
        await send(body(text))
        if any(message.get("trailers") for message in before):
            await send(trailers())


async def refusal(connect: Any, connect_http2: Any, *messages: Any) -> str:
    """The text of the error that the last message raises. Both versions of HTTP must give the same text."""
    response = await connect(Refused(*messages)).ask(GET)
    connection = connect_http2(Refused(*messages)).feed(headers(1))
    # Files are opened in a thread, so the answer may take more than one pass of the loop.
    await waiting.until(lambda: connection.answer(1).ended)
    answer = connection.answer(1)
    assert (response.status, response.body) == (200, answer.body)
    assert [dict(each)[b":status"] for each in answer.heads] == [b"200"]
    return bytes(answer.body).decode()


async def test_scopes_announce_the_extensions(connect: Any, connect_http2: Any) -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["extensions"])
        await respond()(scope, receive, send)

    await connect(app).ask(GET)
    await connect_http2(app).fetch(headers(1))
    assert [HTTP_EXTENSIONS.keys() <= each.keys() for each in seen] == [True, True]


@pytest.mark.parametrize("kind", ["http.response.push", "http.response.debug", "x", 5, None, []])
async def test_unknown_message_types_are_refused(connect: Any, connect_http2: Any, kind: Any) -> None:
    message = {"type": kind}
    expected = "Expected ASGI message 'http.response.{}', but got '" + str(kind) + "'."
    assert await refusal(connect, connect_http2, message) == expected.format("start")
    assert await refusal(connect, connect_http2, start(), message) == expected.format("body")


# Early hints


async def test_early_hints(connect: Any) -> None:
    connection = connect(send_all(hint(b"</a>", bytearray(b"</b>; rel=preload")), hint(b"</c>"), start(204), body()))
    await connection.run(GET)
    assert connection.wire == (
        b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\nlink: </b>; rel=preload\r\n\r\n"
        b"HTTP/1.1 103 Early Hints\r\nlink: </c>\r\n\r\n"
        b"HTTP/1.1 204 No Content\r\nserver: uvicorn\r\n\r\n"
    )


async def test_early_hints_over_http2(connect_http2: Any) -> None:
    connection = connect_http2(send_all(hint(b"</a>", b"</b>"), hint(b"</a>"), start(), body(b"Hello")))
    for number in (1, 3):
        connection.feed(headers(number))
        answer = await connection.get(number)
        assert answer.heads == [
            [(b":status", b"103"), (b"link", b"</a>"), (b"link", b"</b>")],
            [(b":status", b"103"), (b"link", b"</a>")],
            [(b":status", b"200"), (b"server", b"uvicorn")],
        ]
        assert answer.body == b"Hello"


async def test_hints_are_sent_before_the_response(connect: Any) -> None:
    at_start: list[bytes] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(hint(b"</a>"))
        at_start.append(connection.wire)
        await respond()(scope, receive, send)

    connection = connect(app)
    await connection.ask(GET)
    assert at_start == [b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"]


async def test_no_hints_for_http_1_0(connect: Any) -> None:
    connection = await connect(send_all(hint(b"</a>"), start(), body(b"Hello"))).run(head(b"GET / HTTP/1.0"))
    assert connection.wire.startswith(b"HTTP/1.1 200 OK\r\n")
    assert connection.wire.endswith(b"\r\n\r\nHello")


async def test_a_hint_without_links_is_not_sent(connect: Any) -> None:
    connection = await connect(send_all(hint(), start(204), body())).run(GET)
    assert connection.wire.startswith(b"HTTP/1.1 204 ")


async def test_a_client_that_has_left_gets_no_hint(connect_http2: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        connection.protocol.connection_lost(None)
        await send(hint(b"</a>"))
        gone.append(True)

    gone: list[bool] = []
    connection = connect_http2(app, double=True)
    connection.feed(headers(1))
    await connection.loop.run_one()
    assert gone
    assert 1 not in connection.read().answers


async def test_sends_100_continue_after_a_hint(connect: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(hint(b"</a>"))
        message = await receive()
        await respond(message["body"])(scope, receive, send)

    connection = connect(app).feed(head(b"POST / HTTP/1.1", b"Content-Length: 2", b"Expect: 100-continue"))
    task = connection.loop.start_one()
    await until(lambda: connection.wire.endswith(b"HTTP/1.1 100 Continue\r\n\r\n"))
    connection.feed(b"ab")
    await task
    assert connection.wire.endswith(b"\r\n\r\nab")
    assert b"connection: close" not in connection.wire
    assert not connection.ended


@pytest.mark.parametrize("link", [b"a\r\nb", b"\0"])
async def test_refuses_a_hint_with_control_characters(connect: Any, connect_http2: Any, link: bytes) -> None:
    assert await refusal(connect, connect_http2, hint(b"</a>", link)) == "Invalid HTTP header value."


async def test_refuses_a_hint_that_is_not_bytes(connect: Any, connect_http2: Any) -> None:
    assert await refusal(connect, connect_http2, hint("</a>")) == "header value must be bytes, got str: '</a>'"


async def test_refuses_a_hint_after_the_start(connect: Any, connect_http2: Any) -> None:
    text = "Expected ASGI message 'http.response.body', but got 'http.response.early_hint'."
    assert await refusal(connect, connect_http2, start(), hint(b"</a>")) == text


# Trailers


SUM = (b"X-Sum", b"5")
GET_WITH_TRAILERS = head(b"GET / HTTP/1.1", b"TE: deflate;q=0.5, Trailers")


@pytest.mark.parametrize("first", [PROMISED, BARE])
@pytest.mark.parametrize("parts", [[body(b"Hello")], [body(b"He", True), body(b"llo", True), body()]])
async def test_trailers(connect: Any, connect_http2: Any, first: Any, parts: list[Any]) -> None:
    app = send_all(first, *parts, trailers(SUM, more=True), trailers(more=True), trailers((b"x-b", b"c")))
    connection = connect(app)
    for _ in range(2):
        await connection.run(GET_WITH_TRAILERS)
        assert connection.wire.endswith(b"\r\n0\r\nx-sum: 5\r\nx-b: c\r\n\r\n")
        [response] = read_with_h11(connection.wire, ["GET"], ended=False)
        assert (response.body, response.whole) == (b"Hello", True)
        connection.transport.clear_buffer()
    assert not connection.ended
    connection = connect_http2(app)
    for number in (1, 3):
        connection.feed(headers(number))
        answer = await connection.get(number)
        assert answer.body == b"Hello"
        assert answer.heads[1:] == [[(b"x-sum", b"5"), (b"x-b", b"c")]]


async def test_trailers_on_a_real_loop(http_protocol_cls: Any) -> None:
    async with serving(http_protocol_cls, send_all(PROMISED, body(b"Hello"), trailers(SUM))) as (reader, writer, _):
        for _ in range(2):
            writer.write(GET_WITH_TRAILERS)
            assert (await reader.readuntil(b"\r\n0\r\n")).endswith(b"5\r\nHello\r\n0\r\n")
            assert await reader.readuntil(b"\r\n\r\n") == b"x-sum: 5\r\n\r\n"


@pytest.mark.parametrize(
    ("request_head", "fields"),
    [
        (GET, []),
        (head(b"GET / HTTP/1.1", b"TE: gzip, xtrailers"), []),
        (head(b"GET / HTTP/1.0", b"TE: trailers"), []),
        (GET_WITH_TRAILERS, [(b"content-length", b"5")]),
        (head(b"HEAD / HTTP/1.1", b"TE: trailers"), []),
    ],
)
async def test_drops_trailers_that_cannot_be_sent(connect: Any, request_head: bytes, fields: list[Any]) -> None:
    connection = connect(send_all({**start(200, *fields), "trailers": True}, body(b"Hello"), trailers(SUM)))
    await connection.run(request_head)
    assert b"x-sum" not in connection.wire
    [response] = connection.responses("HEAD" if request_head.startswith(b"HEAD") else "GET")
    assert response.body == (b"" if request_head.startswith(b"HEAD") else b"Hello")
    assert connection.ended == (b"HTTP/1.0" in request_head)


async def test_trailers_of_a_head_request_are_dropped(connect_http2: Any) -> None:
    answer = await connect_http2(send_all(PROMISED, body(b"Hello"), trailers(SUM))).fetch(headers(1, method=b"HEAD"))
    assert (len(answer.heads), answer.body, answer.reset) == (1, b"", None)


async def test_trailers_wait_for_the_body_before_them(connect_http2: Any) -> None:
    connection = connect_http2(send_all(PROMISED, body(b"Hello"), trailers(SUM)))
    connection.feed(settings((codes.INITIAL_WINDOW_SIZE, 0)), headers(1))
    await until(lambda: connection.answer(1).heads)
    assert not connection.answer(1).ended
    connection.feed(window_update(1, 2))
    await until(lambda: connection.answer(1).body == b"He")
    connection.feed(window_update(1, 100))
    answer = await connection.get(1)
    assert (answer.body, answer.heads[1:]) == (b"Hello", [[(b"x-sum", b"5")]])


async def test_drops_trailers_for_a_client_that_has_left(connect_http2: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(PROMISED)
        await send(body(b"Hello"))
        connection.feed(reset(1))
        await send(trailers(SUM))
        gone.append(True)

    gone: list[bool] = []
    connection = connect_http2(app, double=True)
    connection.feed(headers(1))
    await connection.loop.run_one()
    assert gone
    assert len(connection.answer(1).heads) < 2


async def test_cuts_off_a_response_without_its_announced_trailers(
    connect: Any, caplog: pytest.LogCaptureFixture
) -> None:
    connection = await connect(send_all(PROMISED, body(b"Hello"))).run(GET_WITH_TRAILERS)
    assert connection.wire.endswith(b"5\r\nHello\r\n")
    assert connection.transport.closed
    assert "ASGI callable returned without completing response." in caplog.text


@pytest.mark.parametrize(
    ("messages", "text"),
    [
        ([trailers(SUM)], "Expected ASGI message 'http.response.start', but got 'http.response.trailers'."),
        ([start(), trailers(SUM)], "Expected ASGI message 'http.response.body', but got 'http.response.trailers'."),
        ([PROMISED, trailers(SUM)], "Expected ASGI message 'http.response.body', but got 'http.response.trailers'."),
    ],
)
async def test_refuses_trailers_at_the_wrong_time(
    connect: Any, connect_http2: Any, messages: list[Any], text: str
) -> None:
    assert await refusal(connect, connect_http2, *messages) == text


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (body(b"x"), "Expected ASGI message 'http.response.trailers', but got 'http.response.body'."),
        (start(), "Expected ASGI message 'http.response.trailers', but got 'http.response.start'."),
        (hint(b"</a>"), "Expected ASGI message 'http.response.trailers', but got 'http.response.early_hint'."),
        (trailers((b"x-a", b"a\r\nb")), "Invalid HTTP header value."),
        (trailers((b"x a", b"b")), "Invalid HTTP header name."),
        (trailers((b"x-a", "b")), "header value must be bytes, got str: 'b'"),
        *(
            (trailers((b"x-a", b"b"), (name.title().encode(), b"1")), f"The field '{name}' cannot be a trailer.")
            for name in ("content-length", "transfer-encoding", "connection", "host", "trailer", "content-encoding")
        ),
    ],
)
async def test_refuses_other_messages_instead_of_trailers(
    connect: Any, connect_http2: Any, message: Any, text: str
) -> None:
    """A wrong message changes nothing: the application can still send the right trailers."""
    caught: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(PROMISED)
        await send(body(b"Hello"))
        try:
            await send(message)
        except (RuntimeError, TypeError) as exc:
            caught.append(str(exc))
        await send(trailers(SUM))

    connection = await connect(app).run(GET_WITH_TRAILERS)
    assert connection.wire.endswith(b"\r\n5\r\nHello\r\n0\r\nx-sum: 5\r\n\r\n")
    connection = connect_http2(app)
    assert (await connection.fetch(headers(1))).heads[1:] == [[(b"x-sum", b"5")]]
    assert caught == [text] * 2
