"""What an application may send besides the start of a response and the parts of its body."""

from typing import Any

import pytest

from tests.cases.case import head
from tests.http2 import headers
from tests.protocols.http.connection import GET, body, respond, send_all, start
from tests.protocols.http.http2 import until
from uvicorn.protocols.extensions import HTTP_EXTENSIONS


def hint(*links: Any) -> dict[str, Any]:
    return {"type": "http.response.early_hint", "links": links}


class Refused:
    """An application that sends messages, of which the last is a mistake, and then answers with its text."""

    def __init__(self, *messages: Any) -> None:
        self._messages = messages

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        *before, last = self._messages
        for message in before:
            await send(message)
        with pytest.raises((RuntimeError, TypeError)) as caught:
            await send(last)
        # The class that users know.
        assert type(caught.value) in (RuntimeError, TypeError)
        text = str(caught.value).encode()
        if all(message["type"] != "http.response.start" for message in before):
            await send(start(200))
        await send(body(text))


async def refusal(connect: Any, connect_http2: Any, *messages: Any) -> str:
    """The text of the error that the last message raises, which is the same over both versions of HTTP."""
    response = await connect(Refused(*messages)).ask(GET)
    connection = connect_http2(Refused(*messages))
    connection.feed(headers(1))
    answer = await connection.get(1)
    assert (response.status, response.body) == (200, answer.body)
    assert [dict(each)[b":status"] for each in answer.heads] == [b"200"]
    return bytes(answer.body).decode()


async def test_scopes_announce_them(connect: Any, connect_http2: Any) -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["extensions"])
        await respond()(scope, receive, send)

    await connect(app).ask(GET)
    connection = connect_http2(app)
    connection.feed(headers(1))
    await connection.get(1)
    assert [HTTP_EXTENSIONS.keys() <= each.keys() for each in seen] == [True, True]


@pytest.mark.parametrize("kind", ["http.response.push", "http.response.debug", "x", 5, None, []])
async def test_what_is_not_offered_is_refused(connect: Any, connect_http2: Any, kind: Any) -> None:
    message = {"type": kind}
    expected = "Expected ASGI message 'http.response.{}', but got '" + str(kind) + "'."
    assert await refusal(connect, connect_http2, message) == expected.format("start")
    assert await refusal(connect, connect_http2, start(), message) == expected.format("body")


# Early hints


async def test_early_hints(connect: Any) -> None:
    connection = connect(send_all(hint(b"</a>", bytearray(b"</b>; rel=preload")), hint(b"</c>"), start(204), body()))
    connection.feed(GET)
    await connection.run()
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


async def test_hints_arrive_before_there_is_a_response(connect: Any) -> None:
    at_start: list[bytes] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(hint(b"</a>"))
        at_start.append(connection.wire)
        await respond()(scope, receive, send)

    connection = connect(app)
    await connection.ask(GET)
    assert at_start == [b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"]


async def test_no_hints_for_http_1_0(connect: Any) -> None:
    connection = connect(send_all(hint(b"</a>"), start(), body(b"Hello")))
    connection.feed(head(b"GET / HTTP/1.0"))
    await connection.run()
    assert connection.wire.startswith(b"HTTP/1.1 200 OK\r\n")
    assert connection.wire.endswith(b"\r\n\r\nHello")


async def test_a_hint_without_links_is_nothing(connect: Any) -> None:
    connection = connect(send_all(hint(), start(204), body()))
    connection.feed(GET)
    await connection.run()
    assert connection.wire.startswith(b"HTTP/1.1 204 ")


async def test_a_client_that_has_gone_gets_no_hint(connect_http2: Any) -> None:
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


async def test_the_body_is_still_asked_for_after_a_hint(connect: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(hint(b"</a>"))
        message = await receive()
        await respond(message["body"])(scope, receive, send)

    connection = connect(app)
    connection.feed(head(b"POST / HTTP/1.1", b"Content-Length: 2", b"Expect: 100-continue"))
    task = connection.loop.start_one()
    await until(lambda: connection.wire.endswith(b"HTTP/1.1 100 Continue\r\n\r\n"))
    connection.feed(b"ab")
    await task
    assert connection.wire.endswith(b"\r\n\r\nab")
    assert b"connection: close" not in connection.wire
    assert not connection.ended


@pytest.mark.parametrize("link", [b"a\r\nb", b"\0"])
async def test_a_hint_with_control_characters(connect: Any, connect_http2: Any, link: bytes) -> None:
    assert await refusal(connect, connect_http2, hint(b"</a>", link)) == "Invalid HTTP header value."


async def test_a_hint_that_is_not_bytes(connect: Any, connect_http2: Any) -> None:
    assert await refusal(connect, connect_http2, hint("</a>")) == "header value must be bytes, got str: '</a>'"


async def test_a_hint_after_the_start(connect: Any, connect_http2: Any) -> None:
    text = "Expected ASGI message 'http.response.body', but got 'http.response.early_hint'."
    assert await refusal(connect, connect_http2, start(), hint(b"</a>")) == text
