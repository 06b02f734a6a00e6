"""Logs every ASGI message, for `--log-level trace`."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from uvicorn.logging import TRACE_LOG_LEVEL
from uvicorn.protocols.utils import get_client_addr

if TYPE_CHECKING:
    from uvicorn._types import (
        ASGI3Application,
        ASGIReceiveCallable,
        ASGIReceiveEvent,
        ASGISendCallable,
        ASGISendEvent,
        Scope,
    )


def _placeheld(message: Any) -> Any:
    """A copy of `message` for the log: headers left out, body and text replaced by their length."""
    if not isinstance(message, Mapping):
        return message
    shown = dict(message)
    for key, value in shown.items():
        if key == "headers":
            shown[key] = "<...>"
        elif isinstance(value, bytes | bytearray | memoryview) and key in ("body", "bytes"):
            shown[key] = f"<{len(value)} bytes>"
        elif isinstance(value, str) and key == "text":
            shown[key] = f"<{len(value)} chars>"
    return shown


class MessageLoggerMiddleware:
    """Logs the scope, the messages and the outcome of each call of `app`: logger `uvicorn.asgi`, level TRACE."""

    def __init__(self, app: ASGI3Application) -> None:
        # The result has any type: it is passed on, and the server checks it.
        self.app: Callable[[Scope, ASGIReceiveCallable, ASGISendCallable], Awaitable[Any]] = app
        self.task_counter = 0
        self.logger = logging.getLogger("uvicorn.asgi")

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> Any:
        self.task_counter += 1
        task = self.task_counter
        client = get_client_addr(scope)
        prefix = f"{client} - ASGI" if client else "ASGI"

        def log(event: str, *messages: object) -> None:
            self.logger.log(TRACE_LOG_LEVEL, f"%s [%d] {event}", prefix, task, *map(_placeheld, messages))

        async def logged_receive() -> ASGIReceiveEvent:
            message = await receive()
            log("Receive %s", message)
            return message

        async def logged_send(message: ASGISendEvent) -> None:
            log("Send %s", message)
            await send(message)

        log("Started scope=%s", scope)
        try:
            result = await self.app(scope, logged_receive, logged_send)
        except BaseException:
            log("Raised exception")
            raise
        log("Completed")
        return result
