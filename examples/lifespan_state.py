"""A resource that is opened at startup, used by each request and closed at shutdown: lifespan in plain ASGI.

uvicorn examples.lifespan_state:app
"""

import itertools


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await lifespan(scope, receive, send)
    elif scope["type"] == "http":
        await count(scope, send)


async def lifespan(scope, receive, send):
    assert (await receive())["type"] == "lifespan.startup"
    # A real application would open a connection pool here. Each request finds it in scope["state"].
    scope["state"]["requests"] = itertools.count(1)
    await send({"type": "lifespan.startup.complete"})
    assert (await receive())["type"] == "lifespan.shutdown"
    await send({"type": "lifespan.shutdown.complete"})


async def count(scope, send):
    body = b"request %d since the start\n" % next(scope["state"]["requests"])
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
