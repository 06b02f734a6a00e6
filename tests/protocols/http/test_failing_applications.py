"""The connection after the application has failed: a 500, or an end that no client takes for a complete response."""

import asyncio
import gc
import logging
import sys
import weakref
from typing import Any

import pytest

from tests.cases.case import head
from tests.protocols.http.connection import GET, Http1Connection, body, respond, send_all, start
from tests.waiting import turns

SERVER_ERROR = (
    b"HTTP/1.1 500 Internal Server Error\r\nserver: uvicorn\r\ncontent-type: text/plain; charset=utf-8\r\n"
    b"content-length: 21\r\nconnection: close\r\n\r\nInternal Server Error"
)


async def run(connect: Any, app: Any) -> Http1Connection:
    connection: Http1Connection = await connect(app).run(GET)
    return connection


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "uvicorn.error"]


async def test_an_exception_before_the_response_is_a_500(connect: Any, caplog: pytest.LogCaptureFixture) -> None:
    connection = await run(connect, send_all(ValueError("the cause")))
    assert connection.wire == SERVER_ERROR
    assert connection.transport.closed
    [record] = caplog.records
    assert (record.name, record.levelno) == ("uvicorn.error", logging.ERROR)
    assert record.getMessage() == "Exception in ASGI application: GET /\n"
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], ValueError)
    # The traceback begins in the application, or in the code that wraps it.
    assert "the cause" in caplog.text


async def test_an_exception_before_the_body_closes_the_connection(
    connect: Any, caplog: pytest.LogCaptureFixture
) -> None:
    connection = await run(connect, send_all(start(), ValueError("the cause")))
    assert connection.wire in (b"", SERVER_ERROR)
    assert connection.transport.closed
    assert errors(caplog)[0].startswith("Exception in ASGI application")


async def test_an_exception_within_the_body_cuts_off_the_response(
    connect: Any, caplog: pytest.LogCaptureFixture
) -> None:
    connection = await run(connect, send_all(start(), body(b"abc", True), ValueError("the cause")))
    assert connection.wire.endswith(b"3\r\nabc\r\n")
    assert connection.transport.closed
    assert not connection.responses()[0].whole
    assert errors(caplog)[0].startswith("Exception in ASGI application")


async def test_logs_an_exception_after_the_whole_response(connect: Any, caplog: pytest.LogCaptureFixture) -> None:
    connection = await run(connect, send_all(respond(), ValueError("the cause")))
    assert connection.statuses == [200]
    assert connection.responses()[0].whole
    assert errors(caplog)[0].startswith("Exception in ASGI application")


async def test_a_return_without_a_response_is_a_500(connect: Any, caplog: pytest.LogCaptureFixture) -> None:
    connection = await run(connect, send_all())
    assert connection.wire == SERVER_ERROR
    assert connection.transport.closed
    assert errors(caplog) == ["ASGI callable returned without starting response."]


async def test_a_return_within_the_body_cuts_off_the_response(connect: Any, caplog: pytest.LogCaptureFixture) -> None:
    connection = await run(connect, send_all(start(), body(b"abc", True)))
    assert not connection.responses()[0].whole
    assert connection.transport.closed
    assert errors(caplog) == ["ASGI callable returned without completing response."]


async def test_a_return_before_the_body_closes_the_connection(connect: Any, caplog: pytest.LogCaptureFixture) -> None:
    connection = await run(connect, send_all(start()))
    assert connection.wire in (b"", SERVER_ERROR)
    assert connection.transport.closed
    assert errors(caplog) == ["ASGI callable returned without completing response."]


async def test_logs_a_result_and_closes_after_the_response(connect: Any, caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> str:
        await respond()(scope, receive, send)
        return "a result"

    connection = await run(connect, app)
    assert connection.statuses == [200]
    assert connection.transport.closed
    assert errors(caplog) == ["ASGI callable should return None, but returned 'a result'."]


async def test_logs_a_result_without_a_response(connect: Any, caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> int:
        return 1

    connection = await run(connect, app)
    assert connection.ended
    assert connection.wire in (b"", SERVER_ERROR)
    assert errors(caplog)[0] == "ASGI callable should return None, but returned '1'."


async def test_closes_if_the_application_is_cancelled(connect: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.get_running_loop().create_future()

    connection: Http1Connection = connect(app).feed(GET)
    task = await connection.start()
    task.cancel()
    await asyncio.wait([task], timeout=5)
    assert task.done()
    assert connection.ended
    assert connection.statuses in ([], [500])


async def test_serves_the_next_connection_after_a_failure(connect: Any, http_protocol_cls: Any) -> None:
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
    connection: Http1Connection = await connect(send_all(ValueError("the cause"))).run_all(GET * 3)
    assert connection.statuses == [500]
    assert connection.transport.closed


async def test_resets_a_broken_stream_to_an_http_1_0_client(connect: Any) -> None:
    """For an HTTP/1.0 client, a normal end of the connection would mean the end of the body."""
    connection = connect(send_all(start(), body(b"abc", True)), full=True)
    await connection.run(head(b"GET / HTTP/1.0"))
    assert connection.transport.aborted
    assert connection.protocol.is_closed


async def test_closes_after_a_broken_stream_on_a_plain_transport(connect: Any) -> None:
    connection = await connect(send_all(start(), body(b"abc", True))).run(head(b"GET / HTTP/1.0"))
    assert connection.transport.closed


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
async def test_answers_500_if_the_application_ends_the_process(connect: Any, error: type[BaseException]) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise error

    connection = connect(app).feed(GET)
    with pytest.raises(error):
        await connection.run()
    assert connection.statuses == [500]


async def test_logs_an_exception_after_the_client_has_left(connect: Any, caplog: pytest.LogCaptureFixture) -> None:
    connection = connect(send_all(ValueError("too late"))).feed(GET)
    connection.lose()
    await connection.run()
    assert connection.wire == b""
    assert "too late" in caplog.text


async def test_ignores_the_body_after_a_broken_response(connect: Any) -> None:
    connection = connect(send_all(start(), body(b"abc", True)))
    await connection.run(head(b"POST / HTTP/1.1", b"Content-Length: 5") + b"he")
    assert connection.transport.closed
    connection.feed(b"llo" + GET)
    assert connection.loop.waiting == 0
    assert not connection.responses()[0].whole


@pytest.mark.parametrize("waits", [False, True], ids=["at once", "later"])
@pytest.mark.parametrize("ends_with", [ValueError, asyncio.CancelledError, "result", "nothing"])
async def test_answers_500_on_a_real_loop(
    connect: Any, ends_with: Any, waits: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """The application may end within `data_received`, or later."""

    async def app(scope: Any, receive: Any, send: Any) -> Any:
        if waits:
            await asyncio.sleep(0)
        if isinstance(ends_with, type):
            raise ends_with
        return None if ends_with == "nothing" else ends_with

    connection: Http1Connection = connect(app, loop=asyncio.get_running_loop()).feed(GET)
    await turns()
    assert connection.wire == SERVER_ERROR
    assert connection.transport.closed
    assert connection.state.tasks == set()
    assert [line.partition(":")[0].strip() for line in errors(caplog)] == {
        ValueError: ["Exception in ASGI application"],
        asyncio.CancelledError: [],
        "result": ["ASGI callable should return None, but returned 'result'."],
        "nothing": ["ASGI callable returned without starting response."],
    }[ends_with]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="each application runs in its own turn")
@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, ValueError, asyncio.CancelledError])
async def test_only_errors_that_end_the_process_end_the_loop(
    connect: Any, error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise error

    loop = asyncio.get_running_loop()
    soon: list[Any] = []

    def call_soon(callback: Any, *arguments: Any, **options: Any) -> Any:
        if arguments and isinstance(arguments[0], BaseException):
            soon.append(lambda: callback(*arguments))
            return None
        return type(loop).call_soon(loop, callback, *arguments, **options)

    monkeypatch.setattr(loop, "call_soon", call_soon)
    connection: Http1Connection = connect(app, loop=loop)
    try:
        connection.feed(GET)
        await turns()
    finally:
        monkeypatch.undo()
    assert connection.wire == SERVER_ERROR
    assert len(soon) == (error in (SystemExit, KeyboardInterrupt))
    for callback in soon:
        with pytest.raises(error):
            callback()


@pytest.mark.parametrize("waits", [False, True], ids=["at once", "later"])
async def test_logs_a_result_after_the_response_on_a_real_loop(
    connect: Any, waits: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> Any:
        if waits:
            await asyncio.sleep(0)
        await respond()(scope, receive, send)
        return 1

    connection: Http1Connection = connect(app, loop=asyncio.get_running_loop()).feed(GET)
    await turns()
    assert connection.statuses == [200]
    assert connection.transport.closed
    assert errors(caplog) == ["ASGI callable should return None, but returned '1'."]


async def test_an_error_after_the_response_does_not_affect_the_next_response(connect: Any) -> None:
    go = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await respond()(scope, receive, send)
        if scope["path"] == "/1":
            await go.wait()
            raise ValueError("late")

    connection: Http1Connection = connect(app).feed(head(b"GET /1 HTTP/1.1"))
    first = connection.loop.start_one()
    await turns()
    connection.feed(GET + GET)
    go.set()
    await first
    assert connection.statuses == [200]
    assert not connection.transport.closed
    await connection.run()
    assert connection.statuses == [200, 200]
    assert connection.wire.count(b"connection: close\r\n") == 1
    assert connection.transport.closed
    assert connection.loop.waiting == 0


class Resource:
    """An object that an application holds."""


@pytest.mark.parametrize("turns_before", [0, 1])
async def test_objects_of_a_failed_application_are_released_at_once(
    connect: Any, turns_before: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The garbage collector may only run minutes later, but generators and files must be closed at once."""
    # The test stops the log, because a log record keeps the traceback and its objects.
    monkeypatch.setattr(logging.getLogger("uvicorn.error"), "disabled", True)
    held = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        resource = Resource()
        held.append(weakref.ref(resource))
        await turns(turns_before)
        raise ValueError

    connection: Http1Connection = connect(app, loop=asyncio.get_running_loop())
    gc.disable()
    try:
        connection.feed(GET)
        await turns()
        assert [resource() for resource in held] == [None]
    finally:
        gc.enable()
    assert connection.statuses == [500]
