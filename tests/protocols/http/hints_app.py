"""A page that is not answered until the browser has requested the style sheet of its early hint."""

import asyncio
import functools
from typing import Any

from tests.processes import PATIENCE


@functools.cache
def asked() -> asyncio.Event:
    """Whether the browser has requested the style sheet."""
    return asyncio.Event()


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    kind, body = b"text/css", b"p {color: red}"
    if scope["path"] == "/style.css":
        asked().set()
    elif scope["path"] == "/page":
        await send({"type": "http.response.early_hint", "links": [b"</style.css>; rel=preload; as=style"]})
        try:
            await asyncio.wait_for(asked().wait(), PATIENCE)
            print("the hint was taken", flush=True)
        except asyncio.TimeoutError:
            print("the hint was not taken", flush=True)
        kind, body = b"text/html", b"<link rel=stylesheet href=/style.css><p>Hello"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})
    await send({"type": "http.response.body", "body": body})
