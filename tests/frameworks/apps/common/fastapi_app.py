"""FastAPI."""

import warnings
from collections.abc import AsyncIterator
from typing import Optional

from fastapi import FastAPI, Request, WebSocket
from starlette.responses import Response, StreamingResponse

app = FastAPI()
state = {"started": False}


async def start() -> None:
    state["started"] = True


with warnings.catch_warnings():
    # The hook is the only way that old and new releases share.
    warnings.simplefilter("ignore", DeprecationWarning)
    app.on_event("startup")(start)


@app.get("/hello/{name}")
def hello(name: str, q: Optional[str] = None):  # noqa: UP045  # old releases read annotations by this spelling
    return {"name": name, "q": q}


@app.post("/echo")
async def echo(request: Request):
    return Response(await request.body(), media_type="application/octet-stream")


@app.get("/stream")
async def stream():
    async def pieces() -> AsyncIterator[bytes]:
        for number in range(50):
            yield b"piece %d;" % number

    return StreamingResponse(pieces(), media_type="text/plain")


@app.get("/started")
async def started():
    return state


@app.get("/broken")
async def broken():
    raise ValueError("broken on purpose")


@app.websocket("/ws")
async def talk(websocket: WebSocket) -> None:
    await websocket.accept()
    while True:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            break
        text = message.get("text")
        if text == "close":
            await websocket.close(4001)
            break
        if text is not None:
            await websocket.send_text(text.upper())
        else:
            await websocket.send_bytes(message["bytes"][::-1])
