"""The application that every server runs. The path `/` is tested first and costs next to nothing."""

import asyncio
import time
from urllib.parse import unquote

from cases import CHUNK, ESCAPED_PATH, EVENT, EVENTS, LARGE_BODY, PARTS

ESCAPES = unquote(ESCAPED_PATH)


async def app(scope, receive, send):
    if scope["type"] != "http":
        await lifespan(receive, send)
        return
    path = scope["path"]
    if path == "/":
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(b"content-type", b"text/plain"), (b"content-length", b"13")],
            }
        )
        await send({"type": "http.response.body", "body": b"Hello, world!"})
    elif path == "/echo":
        await echo(receive, send)
    elif path == "/stream":
        await stream(send)
    elif path == "/work":
        await work(send)
    elif path == "/events":
        await events(send)
    elif path == "/download":
        await download(send)
    elif path == "/upload":
        await upload(receive, send)
    elif path == ESCAPES:
        await hello(send)
    else:
        await large(send)


async def work(send):
    end = time.thread_time() + 0.003
    while time.thread_time() < end:
        pass
    await hello(send)


async def hello(send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"13")]})
    await send({"type": "http.response.body", "body": b"Hello, world!"})


async def upload(receive, send):
    while (await receive())["more_body"]:
        pass
    await hello(send)


async def echo(receive, send):
    body = b""
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def stream(send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    for _ in range(10):
        await send({"type": "http.response.body", "body": CHUNK, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def events(send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
    for _ in range(EVENTS):
        await send({"type": "http.response.body", "body": EVENT, "more_body": True})
        await asyncio.sleep(0)
    await send({"type": "http.response.body", "body": b""})


async def download(send):
    headers = [(b"content-type", b"application/octet-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for _ in range(PARTS):
        await send({"type": "http.response.body", "body": LARGE_BODY, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def large(send):
    headers = [(b"content-type", b"application/octet-stream"), (b"content-length", b"65536")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": LARGE_BODY})


async def lifespan(receive, send):
    while True:
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return
