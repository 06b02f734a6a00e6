"""What live tests of HTTP/2 are served by."""

import asyncio
from typing import Any

from tests.processes import PATIENCE


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    if scope["path"] == "/begun":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x", "more_body": True})
    if scope["path"] in ("/busy", "/begun"):
        # It does not look for a disconnect, and is still at it when the last request of a test has come.
        await asyncio.sleep(PATIENCE / 10)
    body = bytearray()
    more_body = True
    while more_body:
        message = await receive()
        body += message.get("body", b"")
        more_body = message.get("more_body", False)
    answer = {"/": b"Hello, world!", "/large": b"x" * 5_000_000}.get(scope["path"], bytes(body))
    length = (b"content-length", b"%d" % len(answer))
    await send({"type": "http.response.start", "status": 200, "headers": [length]})
    await send({"type": "http.response.body", "body": answer})
