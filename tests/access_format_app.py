"""An application whose responses end in different ways."""

import asyncio
import sys
from typing import Any


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await _websocket(scope, receive, send)
    elif scope["type"] == "http":
        await _http(scope["path"], receive, send)
    else:
        raise RuntimeError("no lifespan")


async def _websocket(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    if scope["path"] == "/closed":
        await send({"type": "websocket.close"})
        return
    await send({"type": "websocket.accept"})
    while (event := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": event["text"]})


async def _http(path: str, receive: Any, send: Any) -> None:
    if path == "/early":
        await send({"type": "http.response.early_hint", "links": [b"</a.css>; rel=preload"]})
        path = "/parts"
    if path == "/file":
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.pathsend", "path": __file__})
        return
    if path == "/raises":
        raise RuntimeError("as asked")
    if path == "/waits":
        print("waiting", file=sys.stderr, flush=True)
        await receive()
        await receive()
        return
    if path == "/nothing":
        await send({"type": "http.response.start", "status": 204})
        await send({"type": "http.response.body", "body": b"dropped"})
        return
    if path == "/view":
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": memoryview(b"12345678").cast("I")})
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"X-Test", b"yes")]})
    await send({"type": "http.response.body", "body": b"one", "more_body": True})
    if path == "/breaks":
        raise RuntimeError("as asked")
    if path == "/stream":
        await asyncio.Event().wait()
    await asyncio.sleep(0)
    await send({"type": "http.response.body", "body": b"two"})
