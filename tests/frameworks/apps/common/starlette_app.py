"""Starlette."""

import contextlib
import inspect
from collections.abc import AsyncIterator
from typing import Any

from starlette.applications import Starlette
from starlette.endpoints import WebSocketEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from tests.frameworks.apps.common import STATE, fail, pieces, start


@contextlib.asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    await start()
    yield


async def hello(request: Request) -> Response:
    return JSONResponse({"name": request.path_params["name"], "q": request.query_params.get("q")})


async def echo(request: Request) -> Response:
    return Response(await request.body(), media_type="application/octet-stream")


async def stream(request: Request) -> Response:
    return StreamingResponse(pieces(), media_type="text/plain")


async def is_started(request: Request) -> Response:
    return JSONResponse(STATE)


async def broken(request: Request) -> Response:
    return fail()


class Talk(WebSocketEndpoint):
    async def on_receive(self, websocket: WebSocket, data: Any) -> None:
        if data == "close":
            await websocket.close(4001)
        elif isinstance(data, str):
            await websocket.send_text(data.upper())
        else:
            await websocket.send_bytes(data[::-1])

    async def decode(self, websocket: WebSocket, message: Any) -> Any:
        return message["text"] if message.get("text") is not None else message["bytes"]


# Newer releases have a lifespan in place of the hooks. Older releases do not accept a context manager for it.
hooks: dict[str, Any] = (
    {"on_startup": [start]} if "on_startup" in inspect.signature(Starlette).parameters else {"lifespan": lifespan}
)
app = Starlette(
    routes=[
        Route("/hello/{name}", hello),
        Route("/echo", echo, methods=["POST"]),
        Route("/stream", stream),
        Route("/started", is_started),
        Route("/broken", broken),
        WebSocketRoute("/ws", Talk),
    ],
    **hooks,
)
