"""ASGI 2 applications: classes and functions that take the scope."""

from typing import Any

from tests.middleware.conversation import Conversation, http_scope
from tests.processes import run_async
from uvicorn.middleware.asgi2 import ASGI2Middleware


class EchoMethod:
    def __init__(self, scope: Any) -> None:
        self.scope = scope

    async def __call__(self, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": self.scope["method"].encode(), "more_body": False})


def test_a_class_is_built_for_each_call() -> None:
    app = ASGI2Middleware(EchoMethod)
    for method in ("GET", "POST"):
        conversation = Conversation({"type": "http.request", "body": b"", "more_body": False})
        run_async(app(http_scope(method=method), conversation.receive, conversation.send))  # type: ignore[arg-type]  # a double
        assert (conversation.status, conversation.body) == (200, method.encode())


def test_the_return_value_of_the_application_is_passed_on() -> None:
    def app(scope: Any) -> Any:
        async def instance(receive: Any, send: Any) -> Any:
            return scope["path"]

        return instance

    call: Any = ASGI2Middleware(app)  # type: ignore[arg-type]  # a function
    assert run_async(call(http_scope(path="/returned"), None, None)) == "/returned"
