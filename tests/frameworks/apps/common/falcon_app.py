"""Falcon's ASGI application."""

from typing import Any

import falcon
import falcon.asgi

from tests.frameworks.apps.common import STATE, fail, pieces, start, talk


class Startup:
    async def process_startup(self, scope: Any, event: Any) -> None:
        await start()


class Hello:
    async def on_get(self, req: Any, resp: Any, name: str) -> None:
        resp.media = {"name": name, "q": req.get_param("q")}


class Echo:
    async def on_post(self, req: Any, resp: Any) -> None:
        resp.content_type = "application/octet-stream"
        resp.data = await req.stream.read()


class Stream:
    async def on_get(self, req: Any, resp: Any) -> None:
        resp.content_type = "text/plain"
        resp.stream = pieces()


class Started:
    async def on_get(self, req: Any, resp: Any) -> None:
        resp.media = STATE


class Broken:
    async def on_get(self, req: Any, resp: Any) -> None:
        fail()


class Talk:
    async def on_websocket(self, req: Any, ws: Any) -> None:
        await ws.accept()
        await talk(ws.receive_text, ws.send_text, ws.close)


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
