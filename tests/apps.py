"""The smallest application of each interface."""

from typing import Any


async def asgi3_app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


def asgi2_app(scope: Any) -> Any:
    async def instance(receive: Any, send: Any) -> None:
        await asgi3_app(scope, receive, send)

    return instance


def wsgi_app(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [])
    return [b"ok"]


def create_app() -> Any:
    return asgi3_app


async def live(receive: Any, send: Any) -> None:
    """Complete the startup and the shutdown at once, in a scope of the type `lifespan`."""
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})
