"""Sanic, as an ASGI application."""

from sanic import Request, Sanic, Websocket
from sanic.response import HTTPResponse, json, raw

from tests.frameworks.apps.common import PIECES, STATE, fail, start, talk

app = Sanic("common")
app.before_server_start(start)


@app.get("/hello/<name>")
async def hello(request: Request, name: str) -> HTTPResponse:
    return json({"name": name, "q": request.args.get("q")})


@app.post("/echo")
async def echo(request: Request) -> HTTPResponse:
    return raw(request.body, content_type="application/octet-stream")


@app.get("/stream")
async def stream(request: Request) -> None:
    response = await request.respond(content_type="text/plain")
    for piece in PIECES:
        await response.send(piece)
    await response.eof()


@app.get("/started")
async def started(request: Request) -> HTTPResponse:
    return json(STATE)


@app.get("/broken")
async def broken(request: Request) -> HTTPResponse:
    return fail()


@app.websocket("/ws")
async def converse(request: Request, ws: Websocket) -> None:
    await talk(ws.recv, ws.send, ws.close)
