"""The application or the server ends while the client is still connected."""

import asyncio
from typing import Any

import pytest

from tests.protocols.websockets.connection import settle
from tests.protocols.websockets.frames import CLOSE, TEXT, ServerFrame, close, frame
from uvicorn.protocols.utils import ClientDisconnected


async def test_closes_with_1000_if_the_application_returns(connect: Any, caplog: pytest.LogCaptureFixture) -> None:
    connection = await connect().open()
    await connection.finish()
    assert connection.frames() == [ServerFrame(CLOSE, b"\x03\xe8")]
    assert not connection.transport.closed
    connection.feed(close(1000))
    assert connection.transport.closed
    assert caplog.records == []


async def test_closes_with_1011_if_the_application_raises(connect: Any, caplog: pytest.LogCaptureFixture) -> None:
    connection = await connect().open()
    await connection.finish(ValueError("oops"))
    assert connection.frames() == [ServerFrame(CLOSE, b"\x03\xf3")]
    [record] = caplog.records
    assert (record.name, record.levelname) == ("uvicorn.error", "ERROR")
    assert record.getMessage() == "Exception in ASGI application: WebSocket /ws\n"
    assert record.exc_info is not None
    assert record.exc_info[0] is ValueError
    with pytest.raises(RuntimeError):
        await connection.send("send", text="")


async def test_closes_with_1011_if_the_application_returns_a_value(
    connect: Any, caplog: pytest.LogCaptureFixture
) -> None:
    connection = await connect().open()
    await connection.finish(123)
    assert connection.frames() == [ServerFrame(CLOSE, b"\x03\xf3")]
    assert [record.getMessage() for record in caplog.records] == [
        "ASGI callable should return None, but returned '123'."
    ]


@pytest.mark.parametrize(("result", "code"), [(None, 1000), (ValueError(), 1011)])
async def test_ends_a_receive_that_outlives_the_application(connect: Any, result: Any, code: int) -> None:
    connection = await connect().open()
    waiting = asyncio.ensure_future(connection.disconnect())
    await settle()
    await connection.finish(result)
    assert await waiting == (code, "")
    with pytest.raises(RuntimeError, match=r"after sending 'websocket\.close'"):
        await connection.send("send", text="")


async def test_closes_with_1011_if_the_application_is_cancelled(connect: Any, caplog: pytest.LogCaptureFixture) -> None:
    connection = await connect().open()
    assert connection.task is not None
    connection.task.cancel()
    await settle()
    assert connection.task.cancelled()
    assert connection.frames() == [ServerFrame(CLOSE, b"\x03\xf3")]
    assert caplog.records == []


@pytest.mark.parametrize(
    ("result", "logged"),
    [
        (None, "ASGI callable returned without completing handshake."),
        (0, "ASGI callable should return None, but returned '0'."),
        (ValueError(), "Exception in ASGI application: WebSocket /ws\n"),
    ],
)
async def test_answers_500_if_the_application_ends_before_accepting(
    connect: Any, result: Any, logged: str, caplog: pytest.LogCaptureFixture
) -> None:
    connection = await connect().ask()
    await connection.finish(result)
    response = connection.response()
    assert (response.status, response.body) == (500, b"Internal Server Error")
    assert (b"server", b"uvicorn") in response.headers
    assert (b"connection", b"close") in response.headers
    assert connection.transport.closed
    assert [record.getMessage() for record in caplog.records] == [logged]


async def test_an_uncaught_disconnect_is_not_logged(connect: Any, caplog: pytest.LogCaptureFixture) -> None:
    connection = await connect().open()
    connection.lose()
    await connection.finish(ClientDisconnected())
    assert caplog.records == []


async def test_an_uncaught_disconnect_of_another_client_closes_with_1000(
    connect: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """An application that sends to several clients may get a disconnect of any of them."""
    connection = await connect().open()
    await connection.finish(ClientDisconnected())
    assert connection.frames() == [ServerFrame(CLOSE, b"\x03\xe8")]
    assert caplog.records == []


async def test_ends_a_receive_that_outlives_an_application_without_accept(connect: Any) -> None:
    connection = await connect().ask()
    waiting = asyncio.ensure_future(connection.disconnect())
    await settle()
    await connection.finish()
    assert await waiting == (1006, None)
    with pytest.raises(RuntimeError, match=r"after sending 'websocket\.close'"):
        await connection.send("accept")


async def test_logs_a_failure_after_the_end(connect: Any, caplog: pytest.LogCaptureFixture) -> None:
    connection = await connect().open()
    connection.lose()
    await connection.finish(ValueError())
    assert [record.getMessage() for record in caplog.records] == ["Exception in ASGI application: WebSocket /ws\n"]
    assert connection.wire == b""


async def test_tasks_are_registered_while_they_run(connect: Any) -> None:
    connection = await connect().open()
    assert len(connection.state.tasks) == 1
    await connection.finish()
    assert connection.state.tasks == set()


async def test_shutdown_closes_with_1012(connect: Any) -> None:
    connection = await connect(full=True).open(then=frame(TEXT, b"unread"))
    connection.protocol.shutdown()
    assert connection.frames() == [ServerFrame(CLOSE, b"\x03\xf4")]
    assert (await connection.receive())["text"] == "unread"
    assert await connection.receive() == {"type": "websocket.disconnect", "code": 1012}
    with pytest.raises(ClientDisconnected):
        await connection.send("send", text="")
    await connection.finish()
    connection.feed(frame(TEXT, b"sent before the close frame came"))
    assert not connection.transport.closed
    connection.feed(close(1012))
    assert connection.transport.closed
    assert not connection.transport.aborted
    connection.protocol.shutdown()


async def test_shutdown_waits_a_short_time_for_the_close_frame_of_the_client(connect: Any) -> None:
    connection = await connect().open()
    connection.protocol.shutdown()
    assert connection.loop.timers == [2.0]
    connection.loop.run_later(with_delay=2)
    assert connection.transport.closed


async def test_shutdown_does_not_wait_for_a_closing_handshake(connect: Any) -> None:
    connection = await connect(full=True).open()
    await connection.send("close", code=4000, reason="why")
    connection.protocol.shutdown()
    assert connection.transport.closed
    assert not connection.transport.aborted
    assert [item.code for item in connection.frames()] == [4000]
    assert await connection.disconnect() == (4000, "why")


@pytest.mark.parametrize("full", [False, True])
async def test_shutdown_before_accept_answers_500(connect: Any, full: bool) -> None:
    connection = await connect(full=full).ask()
    connection.protocol.shutdown()
    response = connection.response()
    assert (response.status, response.body) == (500, b"Internal Server Error")
    assert await connection.receive() == {"type": "websocket.disconnect", "code": 1006}
    assert connection.transport.closed
    with pytest.raises(ClientDisconnected):
        await connection.send("accept")


async def test_shutdown_before_the_request_closes(connect: Any) -> None:
    connection = connect().feed(b"GET / HT")
    connection.protocol.shutdown()
    assert connection.transport.closed
    assert connection.wire == b""


async def test_shutdown_of_a_closing_connection_sets_no_timer(connect: Any) -> None:
    connection = connect()
    connection.transport.close()
    connection.protocol.shutdown()
    assert connection.loop.timers == []


async def test_shutdown_does_not_cut_off_a_denial(connect: Any) -> None:
    connection = await connect().ask()
    await connection.send("http.response.start", status=404)
    connection.protocol.shutdown()
    await connection.send("http.response.body", body=b"gone")
    assert connection.response().body == b"gone"
