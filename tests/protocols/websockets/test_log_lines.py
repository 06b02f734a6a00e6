"""The log lines about a WebSocket: its handshake, its opening or rejection, and its end."""

import logging
from typing import Any

import pytest

from tests.protocols.websockets.connection import request
from tests.protocols.websockets.frames import TEXT, close, frame
from uvicorn.protocols.utils import ClientDisconnected

LINE = '127.0.0.1:12345 - "WebSocket /ws?q=1" '
OPENED = [LINE + "[accepted]", "connection open"]


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Any:
    """The messages logged so far; each is an INFO line of `uvicorn.error`, or an error."""
    logging.getLogger("uvicorn.error").setLevel(logging.INFO)

    def read() -> list[str]:
        assert {record.name for record in caplog.records} <= {"uvicorn.error"}
        return [record.getMessage() for record in caplog.records if record.levelname == "INFO"]

    return read


async def test_the_client_closes(connect: Any, entry: Any, lines: Any) -> None:
    connection = await connect(entry).ask()
    assert lines() == []
    await connection.send("accept")
    assert lines() == OPENED
    connection.feed(frame(TEXT, b"x") + close(1000))
    assert lines() == OPENED
    connection.lose()
    assert lines() == [*OPENED, "connection closed"]
    await connection.finish()
    assert lines() == [*OPENED, "connection closed"]


@pytest.mark.parametrize("end", ["lost", "reset", "violation", "closed", "returned", "raised", "shutdown"])
async def test_every_end_is_logged_once(connect: Any, lines: Any, end: str) -> None:
    connection = await connect().open()
    if end == "violation":
        connection.feed(b"\xff\xff")
    elif end == "closed":
        await connection.send("close")
        connection.feed(close(1000))
    elif end in ("returned", "raised"):
        await connection.finish(ValueError() if end == "raised" else None)
    elif end == "shutdown":
        connection.protocol.shutdown()
    assert lines() == OPENED
    connection.lose(ConnectionResetError() if end == "reset" else None)
    with pytest.raises((ClientDisconnected, RuntimeError)):
        await connection.send("close")
    assert lines() == [*OPENED, "connection closed"]


async def test_a_missing_pong(connect: Any, lines: Any) -> None:
    connection = await connect(ws_ping_interval=20, ws_ping_timeout=20).open()
    for _ in range(2):
        connection.loop.run_later(with_delay=20)
    connection.lose()
    assert lines() == [*OPENED, "connection closed"]


async def test_close_before_accept(connect: Any, lines: Any) -> None:
    connection = await connect().ask()
    await connection.send("close")
    connection.lose()
    assert lines() == [LINE + "403", "connection rejected (403 Forbidden)"]


@pytest.mark.parametrize(("status", "shown"), [(200, "200 OK"), (404, "404 Not Found"), (499, "499"), (799, "799")])
async def test_denial(connect: Any, lines: Any, status: int, shown: str) -> None:
    connection = await connect().ask()
    await connection.send("http.response.start", status=status)
    assert lines() == [f"{LINE}{status}"]
    await connection.send("http.response.body", body=b"a", more_body=True)
    assert lines() == [f"{LINE}{status}", f"connection rejected ({shown})"]
    await connection.send("http.response.body", body=b"b")
    connection.lose()
    assert lines() == [f"{LINE}{status}", f"connection rejected ({shown})"]


async def test_a_denial_that_was_only_started(connect: Any, lines: Any) -> None:
    connection = await connect().ask()
    await connection.send("http.response.start", status=404)
    await connection.finish()
    connection.lose()
    assert lines() == [LINE + "404", "connection rejected (500 Internal Server Error)"]


@pytest.mark.parametrize("end", ["returned", "raised", "shutdown"])
async def test_an_application_that_does_not_answer(connect: Any, lines: Any, end: str) -> None:
    connection = await connect().ask()
    if end == "shutdown":
        connection.protocol.shutdown()
    else:
        await connection.finish(ValueError() if end == "raised" else None)
    connection.lose()
    assert lines() == ["connection rejected (500 Internal Server Error)"]


async def test_a_bad_handshake(connect: Any, entry: Any, lines: Any) -> None:
    connection = connect(entry).feed(request(sec_websocket_key=None))
    connection.lose()
    assert lines() == ["connection rejected (400 Bad Request)"]


async def test_a_connection_that_is_lost_before_the_answer(connect: Any, lines: Any) -> None:
    connection = await connect().ask()
    connection.lose()
    await connection.finish()
    assert lines() == []


async def test_a_connection_without_a_request(connect: Any, lines: Any) -> None:
    connection = connect()
    connection.protocol.shutdown()
    connection.lose()
    assert lines() == []


async def test_control_characters_are_escaped(connect: Any, entry: Any, lines: Any) -> None:
    for answer in ({"kind": "accept"}, {"kind": "close"}, {"kind": "http.response.start", "status": 404}):
        connection = await connect(entry).ask(request(line=b"GET /a%0A%1B%7Fb?c=%0A HTTP/1.1"))
        await connection.send(**answer)
    assert [line for line in lines() if "WebSocket" in line] == [
        f'127.0.0.1:12345 - "WebSocket /a%0A%1B%7Fb?c=%0A" {what}' for what in ("[accepted]", "403", "404")
    ]
