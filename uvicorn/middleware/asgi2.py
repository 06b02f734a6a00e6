"""Serves ASGI 2 applications as ASGI 3."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uvicorn._types import ASGI2Application, ASGIReceiveCallable, ASGISendCallable, Scope


class ASGI2Middleware:
    """Calls an application of ASGI 2, `app(scope)(receive, send)`."""

    def __init__(self, app: ASGI2Application) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        # The result is passed on, because the server logs an error if an application returns something.
        return await self.app(scope)(receive, send)
