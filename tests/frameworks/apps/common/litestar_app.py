"""Litestar."""

from typing import Any

from litestar import Litestar, Request, WebSocket, get, post, websocket
from litestar.response import Stream

from tests.frameworks.apps.common import STATE, fail, pieces, start, talk_asgi


@get("/hello/{name:str}")
async def hello(name: str, q: str | None = None) -> dict[str, str | None]:
    return {"name": name, "q": q}


@post("/echo", media_type="application/octet-stream")
async def echo(request: Request[Any, Any, Any]) -> bytes:
    return await request.body()


@get("/stream", media_type="text/plain")
async def stream() -> Stream:
    return Stream(pieces())


@get("/started")
async def started() -> dict[str, bool]:
    return STATE


@get("/broken")
async def broken() -> None:
    fail()


@websocket("/ws")
async def talk(socket: WebSocket[Any, Any, Any]) -> None:
    await talk_asgi(socket)


app = Litestar(route_handlers=[hello, echo, stream, started, broken, talk], on_startup=[start], logging_config=None)
