"""The smallest ASGI application: every request is answered with one line of text.

uvicorn examples.hello:app
"""


async def app(scope, receive, send):
    assert scope["type"] == "http"
    body = b"Hello, world!\n"
    await send(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(body))],
        }
    )
    await send({"type": "http.response.body", "body": body})
