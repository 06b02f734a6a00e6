"""BlackSheep. By default its routes belong to a module-wide router; these belong to the application."""

from typing import Any

from blacksheep import Application, Content, Request, Response, StreamedContent, WebSocket
from blacksheep.server.responses import json

from tests.frameworks.apps.common import STATE, fail, pieces, start, talk_asgi

app = Application()
app.on_start(start)


@app.router.get("/hello/:name")
async def hello(name: str, request: Request) -> Response:
    values: list[Any] = request.query.get("q") or [None]
    return json({"name": name, "q": values[0]})


@app.router.post("/echo")
async def echo(request: Request) -> Response:
    return Response(200, content=Content(b"application/octet-stream", await request.read() or b""))


@app.router.get("/stream")
async def stream() -> Response:
    return Response(200, content=StreamedContent(b"text/plain", pieces))


@app.router.get("/started")
async def started() -> Response:
    return json(STATE)


@app.router.get("/broken")
async def broken() -> Response:
    return fail()


@app.router.ws("/ws")
async def websocket(websocket: WebSocket) -> None:
    await talk_asgi(websocket)
