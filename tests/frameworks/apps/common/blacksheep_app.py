"""BlackSheep; its routes are those of its module-wide router unless they are the application's own."""

from collections.abc import AsyncIterator
from typing import Any

from blacksheep import Application, Content, Request, Response, StreamedContent, WebSocket
from blacksheep.server.responses import json

app = Application()
state = {"started": False}


@app.on_start
async def start(_: Application) -> None:
    state["started"] = True


@app.router.get("/hello/:name")
async def hello(name: str, request: Request) -> Response:
    values: list[Any] = request.query.get("q") or [None]
    return json({"name": name, "q": values[0]})


@app.router.post("/echo")
async def echo(request: Request) -> Response:
    return Response(200, content=Content(b"application/octet-stream", await request.read() or b""))


@app.router.get("/stream")
async def stream() -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        for number in range(50):
            yield b"piece %d;" % number

    return Response(200, content=StreamedContent(b"text/plain", pieces))


@app.router.get("/started")
async def started() -> Response:
    return json(state)


@app.router.get("/broken")
async def broken() -> Response:
    raise ValueError("broken on purpose")


@app.router.ws("/ws")
async def talk(websocket: WebSocket) -> None:
    await websocket.accept()
    while True:
        message = await websocket.receive()
        text = message.get("text")
        if text == "close":
            await websocket.close(4001)
            return
        if text is not None:
            await websocket.send_text(text.upper())
        else:
            await websocket.send_bytes(message["bytes"][::-1])
