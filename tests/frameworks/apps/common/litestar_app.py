"""Litestar."""

from collections.abc import AsyncIterator
from typing import Any

from litestar import Litestar, Request, WebSocket, get, post, websocket
from litestar.response import Stream

state = {"started": False}


async def start() -> None:
    state["started"] = True


@get("/hello/{name:str}")
async def hello(name: str, q: str | None = None) -> dict[str, str | None]:
    return {"name": name, "q": q}


@post("/echo", media_type="application/octet-stream")
async def echo(request: Request[Any, Any, Any]) -> bytes:
    return await request.body()


@get("/stream", media_type="text/plain")
async def stream() -> Stream:
    async def pieces() -> AsyncIterator[bytes]:
        for number in range(50):
            yield b"piece %d;" % number

    return Stream(pieces())


@get("/started")
async def started() -> dict[str, bool]:
    return state


@get("/broken")
async def broken() -> None:
    raise ValueError("broken on purpose")


@websocket("/ws")
async def talk(socket: WebSocket[Any, Any, Any]) -> None:
    await socket.accept()
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return
        text = message.get("text")
        if text == "close":
            await socket.close(code=4001)
            return
        if text is not None:
            await socket.send_text(text.upper())
        else:
            await socket.send_bytes(message["bytes"][::-1])


app = Litestar(route_handlers=[hello, echo, stream, started, broken, talk], on_startup=[start], logging_config=None)
