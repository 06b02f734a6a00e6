"""FastAPI."""

import warnings
from typing import Optional

from fastapi import FastAPI, Request, WebSocket
from starlette.responses import Response, StreamingResponse

from tests.frameworks.apps.common import STATE, fail, pieces, start, talk_asgi

app = FastAPI()

with warnings.catch_warnings():
    # The hook is the only way to run code at startup that works in old and new releases.
    warnings.simplefilter("ignore", DeprecationWarning)
    app.on_event("startup")(start)


@app.get("/hello/{name}")
def hello(name: str, q: Optional[str] = None):  # noqa: UP045  # old releases evaluate this spelling only
    return {"name": name, "q": q}


@app.post("/echo")
async def echo(request: Request):
    return Response(await request.body(), media_type="application/octet-stream")


@app.get("/stream")
async def stream():
    return StreamingResponse(pieces(), media_type="text/plain")


@app.get("/started")
async def started():
    return STATE


@app.get("/broken")
async def broken():
    fail()


@app.websocket("/ws")
async def talk(websocket: WebSocket) -> None:
    await talk_asgi(websocket)
