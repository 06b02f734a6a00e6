"""What becomes of the connection when the application fails: a 500, or an end that is not taken for a whole answer."""

import asyncio
import logging
from typing import Any

import pytest

from tests.cases.case import head
from tests.protocols.http.connection import GET, Connection, body, respond, send_all, start

SERVER_ERROR = (
    b"HTTP/1.1 500 Internal Server Error\r\nserver: uvicorn\r\ncontent-type: text/plain; charset=utf-8\r\n"
    b"content-length: 21\r\nconnection: close\r\n\r\nInternal Server Error"
)


async def run(connect: Any, app: Any) -> Connection:
    connection: Connection = connect(app)
    connection.feed(GET)
    await connection.run()
    return connection


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "uvicorn.error"]


async def test_exception_before_the_response(connect: Any, caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise ValueError("the cause")

    connection = await run(connect, app)
    assert connection.wire == SERVER_ERROR
    assert connection.transport.closed
    [record] = caplog.records
    assert (record.name, record.levelno) == ("uvicorn.error", logging.ERROR)
    assert record.getMessage() == "Exception in ASGI application: GET /\n"
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], ValueError)
    # The traceback begins in the application, or in what wraps it.
    assert "the cause" in caplog.text


async def test_exception_after_the_start_and_before_a_byte(connect: Any, caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(start())
        raise ValueError("the cause")

    connection = await run(connect, app)
    assert connection.wire in (b"", SERVER_ERROR)
    assert connection.transport.closed
    assert errors(caplog)[0].startswith("Exception in ASGI application")


async def test_exception_in_the_middle(connect: Any, caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(start())
        await send(body(b"abc", True))
        raise ValueError("the cause")

    connection = await run(connect, app)
    assert connection.wire.endswith(b"3\r\nabc\r\n")
    assert connection.transport.closed
    assert not connection.responses()[0].whole
    assert errors(caplog)[0].startswith("Exception in ASGI application")


async def test_exception_after_the_whole_response(connect: Any, caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await respond()(scope, receive, send)
        raise ValueError("the cause")

    connection = await run(connect, app)
    assert connection.statuses == [200]
    assert connection.responses()[0].whole
    assert errors(caplog)[0].startswith("Exception in ASGI application")


async def test_return_without_a_response(connect: Any, caplog: pytest.LogCaptureFixture) -> None:
    connection = await run(connect, send_all())
    assert connection.wire == SERVER_ERROR
    assert connection.transport.closed
    assert errors(caplog) == ["ASGI callable returned without starting response."]


async def test_return_before_the_response_is_whole(connect: Any, caplog: pytest.LogCaptureFixture) -> None:
    connection = await run(connect, send_all(start(), body(b"abc", True)))
    assert not connection.responses()[0].whole
    assert connection.transport.closed
    assert errors(caplog) == ["ASGI callable returned without completing response."]


async def test_return_after_the_start(connect: Any, caplog: pytest.LogCaptureFixture) -> None:
    connection = await run(connect, send_all(start()))
    assert connection.wire in (b"", SERVER_ERROR)
    assert connection.transport.closed
    assert errors(caplog) == ["ASGI callable returned without completing response."]


async def test_a_result_that_is_not_none(connect: Any, caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> str:
        await respond()(scope, receive, send)
        return "a result"

    connection = await run(connect, app)
    assert connection.statuses == [200]
    assert connection.transport.closed
    assert errors(caplog) == ["ASGI callable should return None, but returned 'a result'."]


async def test_a_result_without_a_response(connect: Any, caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> int:
        return 1

    connection = await run(connect, app)
    assert connection.ended
    assert connection.wire in (b"", SERVER_ERROR)
    assert errors(caplog)[0] == "ASGI callable should return None, but returned '1'."


async def test_an_application_that_is_cancelled(connect: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.get_running_loop().create_future()

    connection: Connection = connect(app)
    connection.feed(GET)
    task = connection.loop.start_one()
    for _ in range(5):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task], timeout=5)
    assert task.done()
    assert connection.ended
    assert connection.statuses in ([], [500])


async def test_the_next_connection_is_served(connect: Any, http_protocol_cls: Any) -> None:
    fail = True

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if fail:
            raise ValueError("the cause")
        await respond()(scope, receive, send)

    first = await run(connect, app)
    fail = False
    second = connect(app, server_state=first.state)
    assert (await second.ask(GET)).status == 200
    assert first.statuses == [500]


async def test_pipelined_requests_after_a_failure_are_not_served(connect: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise ValueError("the cause")

    connection: Connection = connect(app)
    connection.feed(GET * 3)
    while connection.loop.waiting:
        await connection.run()
    assert connection.statuses == [500]
    assert connection.transport.closed


async def test_a_stream_to_an_old_client_that_breaks_is_reset(connect: Any) -> None:
    """The end of the connection would be the end of the body."""
    connection = connect(send_all(start(), body(b"abc", True)), full=True)
    connection.feed(head(b"GET / HTTP/1.0"))
    await connection.run()
    assert connection.transport.aborted


async def test_a_stream_to_an_old_client_that_breaks_on_a_plain_transport(connect: Any) -> None:
    connection = connect(send_all(start(), body(b"abc", True)))
    connection.feed(head(b"GET / HTTP/1.0"))
    await connection.run()
    assert connection.transport.closed


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
async def test_an_application_that_ends_the_process(connect: Any, error: type[BaseException]) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise error

    connection = connect(app)
    connection.feed(GET)
    with pytest.raises(error):
        await connection.run()
    assert connection.statuses == [500]


async def test_an_exception_after_the_client_left(connect: Any, caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise ValueError("too late")

    connection = connect(app)
    connection.feed(GET)
    connection.transport.closed = True
    connection.lose()
    await connection.run()
    assert connection.wire == b""
    assert "too late" in caplog.text


async def test_the_body_goes_on_after_the_response_broke(connect: Any) -> None:
    connection = connect(send_all(start(), body(b"abc", True)))
    connection.feed(head(b"POST / HTTP/1.1", b"Content-Length: 5") + b"he")
    await connection.run()
    assert connection.transport.closed
    connection.feed(b"llo" + GET)
    assert connection.loop.waiting == 0
    assert not connection.responses()[0].whole
