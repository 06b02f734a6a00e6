"""The application under attack."""

import asyncio

PART = b"x" * 65536


async def app(scope, receive, send):
    if scope["type"] == "websocket":
        await _echo_websocket(receive, send)
    elif scope["type"] == "http":
        await PATHS.get(scope["path"], hello)(receive, send)
    else:
        raise RuntimeError("no lifespan here")


async def respond(send, body, status=200):
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def hello(receive, send):
    await respond(send, b"hello")


async def echo(receive, send):
    body, more_body = b"", True
    while more_body:
        event = await receive()
        if event["type"] == "http.disconnect":
            return
        body, more_body = body + event["body"], event["more_body"]
    await respond(send, body)


async def stream(receive, send):
    """Send 100 MiB, as fast as the client reads them."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % (1600 * 65536))]})
    for part in range(1600):
        await send({"type": "http.response.body", "body": PART, "more_body": part < 1599})


async def never_read(receive, send):
    """Never receive: the call ends only when it is cancelled, even if the client has disconnected."""
    await asyncio.sleep(20)
    await respond(send, b"late")


async def fail(receive, send):
    raise ValueError("of the application")


async def tasks(receive, send):
    await respond(send, b"%d" % len(asyncio.all_tasks()))


async def _echo_websocket(receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    while (event := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "bytes": event.get("bytes"), "text": event.get("text")})


PATHS = {"/echo": echo, "/stream": stream, "/never-read": never_read, "/fail": fail, "/tasks": tasks}
