"""Sanic, as an ASGI application."""

from typing import Any

from sanic import Request, Sanic, Websocket
from sanic.response import HTTPResponse, json, raw

app = Sanic("common")
state = {"started": False}


@app.before_server_start
async def start(*_: Any) -> None:
    state["started"] = True


@app.get("/hello/<name>")
async def hello(request: Request, name: str) -> HTTPResponse:
    return json({"name": name, "q": request.args.get("q")})


@app.post("/echo")
async def echo(request: Request) -> HTTPResponse:
    return raw(request.body, content_type="application/octet-stream")


@app.get("/stream")
async def stream(request: Request) -> None:
    response = await request.respond(content_type="text/plain")
    for number in range(50):
        await response.send(b"piece %d;" % number)
    await response.eof()


@app.get("/started")
async def started(request: Request) -> HTTPResponse:
    return json(state)


@app.get("/broken")
async def broken(request: Request) -> HTTPResponse:
    raise ValueError("broken on purpose")


@app.websocket("/ws")
async def talk(request: Request, ws: Websocket) -> None:
    while True:
        message = await ws.recv()
        if message is None:
            return
        if message == "close":
            await ws.close(4001)
            return
        await ws.send(message.upper() if isinstance(message, str) else message[::-1])
