"""A WebSocket that is refused: with a 403, or with a response of the application."""

import asyncio
import logging
from array import array
from typing import Any

import pytest

from tests.protocols.websockets.connection import settle
from uvicorn.protocols.utils import ClientDisconnected


async def test_close_before_accept(connect: Any) -> None:
    connection = await connect().ask()
    await connection.send("close", code=4000)
    response = connection.response()
    assert (response.status, response.body) == (403, b"")
    assert (b"content-length", b"0") in response.headers
    assert connection.transport.closed
    assert await connection.disconnect() == (1006, None)
    with pytest.raises(RuntimeError) as caught:
        await connection.send("send", text="x")
    assert str(caught.value) == "Unexpected ASGI message 'websocket.send', after sending 'websocket.close'."
    await connection.finish()


async def test_denial(connect: Any, caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("uvicorn.error").setLevel(logging.INFO)
    connection = await connect().ask()
    headers = [(b"Content-Type", b"text/plain"), (b"content-length", b"7")]
    await connection.send("http.response.start", status=401, headers=headers)
    assert await connection.disconnect() == (1006, None)
    with pytest.raises(RuntimeError) as caught:
        await connection.send("accept")
    assert str(caught.value) == "Expected ASGI message 'websocket.http.response.body' but got 'websocket.accept'."
    connection.feed(b"for a WebSocket that there is not")
    await connection.send("http.response.body", body=b"abc", more_body=True)
    await connection.send("http.response.body", body=b"defg", more_body=False)
    response = connection.response()
    assert (response.status, response.body) == (401, b"abcdefg")
    assert response.headers == (
        (b"server", b"uvicorn"),
        (b"content-type", b"text/plain"),
        (b"content-length", b"7"),
        (b"connection", b"close"),
    )
    assert connection.transport.closed
    assert await connection.disconnect() == (1006, None)
    with pytest.raises(RuntimeError, match=r"after sending 'websocket\.close'"):
        await connection.send("http.response.body", body=b"more")
    await connection.finish()
    assert [record.getMessage() for record in caplog.records] == [
        '127.0.0.1:12345 - "WebSocket /ws?q=1" 401',
        "connection rejected (401 Unauthorized)",
    ]


async def test_a_denial_has_no_trailers(connect: Any) -> None:
    connection = await connect().ask()
    await connection.send("http.response.start", status=401, trailers=True)
    await connection.send("http.response.body", body=b"not ", more_body=True)
    await connection.send("http.response.body", body=b"you")
    assert connection.response().body == b"not you"
    assert connection.wire.endswith(b"0\r\n\r\n")


@pytest.mark.parametrize(
    ("headers", "body", "framing"),
    [
        ([(b"x", b"1")], {"body": b"nope"}, (b"content-length", b"4")),
        ([(b"x", b"1")], {"body": bytearray(b"nope"), "more_body": False}, (b"content-length", b"4")),
        ([(b"x", b"1")], {"body": memoryview(array("H", [1, 2]))}, (b"content-length", b"4")),
        ([(b"x", b"1")], {}, (b"content-length", b"0")),
        ([(b"x", b"1")], {"body": None}, (b"content-length", b"0")),
        ([(b"x", b"1"), (b"Content-Length", b"4")], {"body": b"nope"}, (b"content-length", b"4")),
        ([(b"x", b"1"), (b"transfer-encoding", b"chunked")], {"body": b"nope"}, (b"transfer-encoding", b"chunked")),
    ],
)
async def test_a_denial_of_one_part_has_its_length(connect: Any, headers: Any, body: Any, framing: Any) -> None:
    connection = await connect().ask()
    await connection.send("http.response.start", status=401, headers=iter(headers))
    await connection.send("http.response.body", **body)
    response = connection.response()
    assert response.headers == ((b"server", b"uvicorn"), (b"x", b"1"), framing, (b"connection", b"close"))
    assert (response.status, response.body) == (401, bytes(body.get("body") or b""))
    assert response.whole


@pytest.mark.parametrize("refused", [False, True])
async def test_connection_options_are_sent_once(connect: Any, refused: bool) -> None:
    connection = await connect().ask()
    if refused:
        with pytest.raises(RuntimeError):
            await connection.send("http.response.start", status=401, headers=[(b"connection", b"no"), (b"a b", b"")])
    await connection.send("http.response.start", status=401, headers=[(b"connection", b"x-hop")])
    await connection.send("http.response.body", body=b"nope")
    assert [value for name, value in connection.response().headers if name == b"connection"] == [b"x-hop, close"]


async def test_the_answer_to_a_failed_denial_has_no_fields_of_the_denial(connect: Any) -> None:
    connection = await connect().ask()
    headers = [(b"connection", b"x-hop"), (b"content-length", b"7"), (b"x-ours", b"1")]
    await connection.send("http.response.start", status=401, headers=headers)
    await connection.finish(ValueError())
    response = connection.response()
    assert (response.status, response.body) == (500, b"Internal Server Error")
    assert response.headers == (
        (b"server", b"uvicorn"),
        (b"content-length", b"21"),
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"connection", b"close"),
    )


async def test_a_denial_with_204_has_no_length(connect: Any) -> None:
    connection = await connect().ask()
    await connection.send("http.response.start", status=204)
    await connection.send("http.response.body", body=b"dropped")
    assert connection.wire == b"HTTP/1.1 204 No Content\r\nserver: uvicorn\r\nconnection: close\r\n\r\n"


async def test_a_denial_whose_body_is_not_bytes(connect: Any) -> None:
    connection = await connect().ask()
    await connection.send("http.response.start", status=401)
    with pytest.raises(TypeError, match="response body must be bytes"):
        await connection.send("http.response.body", body="nope")
    await connection.send("http.response.body", body=b"nope")
    assert connection.response().body == b"nope"


async def test_a_streamed_denial(connect: Any) -> None:
    connection = await connect().ask()
    await connection.send("http.response.start", status=404)
    for _ in range(2):
        await connection.send("http.response.body", more_body=True)
    for part in (b"not ", b"here"):
        await connection.send("http.response.body", body=part, more_body=True)
    await connection.send("http.response.body")
    response = connection.response()
    assert (response.status, response.body, response.whole) == (404, b"not here", True)


async def test_a_waiting_receive_ends_with_the_denial(connect: Any) -> None:
    connection = await connect().ask()
    waiting = asyncio.ensure_future(connection.disconnect())
    await settle()
    await connection.send("http.response.start", status=404)
    await connection.send("http.response.body")
    assert await waiting == (1006, None)


@pytest.mark.parametrize("message", [{"status": 101}, {"status": 200, "headers": [(b"a b", b"")]}])
async def test_the_application_can_accept_after_an_invalid_denial(connect: Any, message: Any) -> None:
    connection = await connect().ask()
    with pytest.raises(RuntimeError):
        await connection.send("http.response.start", **message)
    await connection.send("accept")
    assert connection.wire.startswith(b"HTTP/1.1 101 ")


async def test_a_denial_that_was_only_started(connect: Any, caplog: pytest.LogCaptureFixture) -> None:
    connection = await connect().ask()
    await connection.send("http.response.start", status=404)
    await connection.finish()
    assert connection.response().status == 500
    assert [record.getMessage() for record in caplog.records] == ["ASGI callable returned without completing response."]


@pytest.mark.parametrize("full", [False, True])
async def test_cuts_off_a_denial_without_its_end(connect: Any, full: bool) -> None:
    connection = await connect(full=full).ask()
    await connection.send("http.response.start", status=404)
    await connection.send("http.response.body", body=b"half", more_body=True)
    await connection.finish()
    assert not connection.response().whole
    assert connection.transport.closed
    assert getattr(connection.transport, "aborted", full) == full
    with pytest.raises(RuntimeError, match=r"after sending 'websocket\.close'"):
        await connection.send("http.response.body", body=b"the other half")


async def test_the_connection_is_lost_during_a_denial(connect: Any) -> None:
    connection = await connect().ask()
    await connection.send("http.response.start", status=404)
    connection.lose()
    assert await connection.disconnect() == (1006, None)
    with pytest.raises(ClientDisconnected):
        await connection.send("http.response.body", body=b"")
