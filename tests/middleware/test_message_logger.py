"""The trace of a conversation."""

import logging
from typing import Any

import pytest

from tests.middleware.conversation import Conversation, http_scope
from tests.processes import run_async
from uvicorn.logging import TRACE_LOG_LEVEL
from uvicorn.middleware.message_logger import MessageLoggerMiddleware


@pytest.fixture(autouse=True)
def _trace(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(TRACE_LOG_LEVEL, logger="uvicorn.asgi")
    logging.getLogger("uvicorn").propagate = True


async def app(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"set-cookie", b"secret")]})
    await send({"type": "http.response.body", "body": b"four"})


def test_a_call_is_logged_from_start_to_end(caplog: pytest.LogCaptureFixture) -> None:
    middleware: Any = MessageLoggerMiddleware(app)
    scope = {"type": "http", "client": ("127.0.0.1", 54321), "path": "/\x1b", "headers": [(b"cookie", b"secret")]}
    conversation = Conversation({"type": "http.request", "body": b"123", "more_body": False})
    run_async(middleware(scope, conversation.receive, conversation.send))
    prefix = "127.0.0.1:54321 - ASGI [1] "
    assert caplog.messages == [
        prefix + "Started scope={'type': 'http', 'client': ('127.0.0.1', 54321), 'path': '/\\x1b', 'headers': '<...>'}",
        prefix + "Receive {'type': 'http.request', 'body': '<3 bytes>', 'more_body': False}",
        prefix + "Send {'type': 'http.response.start', 'status': 200, 'headers': '<...>'}",
        prefix + "Send {'type': 'http.response.body', 'body': '<4 bytes>'}",
        prefix + "Completed",
    ]
    assert {(record.name, record.levelno) for record in caplog.records} == {("uvicorn.asgi", TRACE_LOG_LEVEL)}
    assert conversation.sent[0]["headers"] == [(b"set-cookie", b"secret")]
    assert scope["headers"] == [(b"cookie", b"secret")]


def test_calls_are_numbered_and_a_unix_socket_has_no_address(caplog: pytest.LogCaptureFixture) -> None:
    middleware: Any = MessageLoggerMiddleware(app)
    for _ in range(2):
        conversation = Conversation({"type": "http.request"})
        run_async(middleware(http_scope(client=None), conversation.receive, conversation.send))
    assert [line for line in caplog.messages if "Completed" in line] == ["ASGI [1] Completed", "ASGI [2] Completed"]


def test_an_exception_is_logged_and_raised_again(caplog: pytest.LogCaptureFixture) -> None:
    async def failing(scope: Any, receive: Any, send: Any) -> None:
        raise ZeroDivisionError

    middleware: Any = MessageLoggerMiddleware(failing)
    with pytest.raises(ZeroDivisionError):
        run_async(middleware(http_scope(client=None), None, None))
    assert caplog.messages[1:] == ["ASGI [1] Raised exception"]


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ({"type": "websocket.send", "bytes": b"12345", "text": None}, "'bytes': '<5 bytes>', 'text': None"),
        ({"type": "websocket.send", "text": "äöü"}, "'text': '<3 chars>'"),
        ({"type": "http.response.body", "body": memoryview(b"12")}, "'body': '<2 bytes>'"),
        ({"type": "http.response.body", "body": 17}, "'body': 17"),
        ("no message", "Send no message"),
    ],
)
def test_any_message_can_be_logged(message: Any, shown: str, caplog: pytest.LogCaptureFixture) -> None:
    async def sending(scope: Any, receive: Any, send: Any) -> None:
        await send(message)

    conversation = Conversation()
    middleware: Any = MessageLoggerMiddleware(sending)
    run_async(middleware(http_scope(), conversation.receive, conversation.send))
    assert shown in caplog.messages[1]
    assert conversation.sent == [message]


def test_the_return_value_of_the_application_is_passed_on() -> None:
    async def returning(scope: Any, receive: Any, send: Any) -> Any:
        return 17

    middleware: Any = MessageLoggerMiddleware(returning)
    assert run_async(middleware(http_scope(), None, None)) == 17
