"""Falcon's ASGI application."""

from collections.abc import AsyncIterator
from typing import Any

import falcon
import falcon.asgi

state = {"started": False}


class Startup:
    async def process_startup(self, scope: Any, event: Any) -> None:
        state["started"] = True


class Hello:
    async def on_get(self, req: Any, resp: Any, name: str) -> None:
        resp.media = {"name": name, "q": req.get_param("q")}


class Echo:
    async def on_post(self, req: Any, resp: Any) -> None:
        resp.content_type = "application/octet-stream"
        resp.data = await req.stream.read()


class Stream:
    async def on_get(self, req: Any, resp: Any) -> None:
        async def pieces() -> AsyncIterator[bytes]:
            for number in range(50):
                yield b"piece %d;" % number

        resp.content_type = "text/plain"
        resp.stream = pieces()


class Started:
    async def on_get(self, req: Any, resp: Any) -> None:
        resp.media = state


class Broken:
    async def on_get(self, req: Any, resp: Any) -> None:
        raise ValueError("broken on purpose")


class Talk:
    async def on_websocket(self, req: Any, ws: Any) -> None:
        await ws.accept()
        while True:
            message = await ws.receive_text()
            if message == "close":
                await ws.close(4001)
                return
            await ws.send_text(message.upper())


app = falcon.asgi.App(middleware=[Startup()])
for where, resource in {
    "/hello/{name}": Hello(),
    "/echo": Echo(),
    "/stream": Stream(),
    "/started": Started(),
    "/broken": Broken(),
    "/ws": Talk(),
}.items():
    app.add_route(where, resource)
