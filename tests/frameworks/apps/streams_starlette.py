"""Endless responses of Starlette and sse-starlette, and a request that waits for its body."""

import asyncio
from collections.abc import AsyncIterator

from sse_starlette.sse import EventSourceResponse
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route


async def one_part() -> AsyncIterator[str]:
    yield "tick"
    await asyncio.Event().wait()


async def ticks() -> AsyncIterator[str]:
    try:
        while True:
            yield "tick"
            await asyncio.sleep(0.01)
    finally:
        print("left", flush=True)


async def ticking(request: Request) -> Response:
    return StreamingResponse(ticks())


async def stream(request: Request) -> Response:
    return StreamingResponse(one_part())


async def events(request: Request) -> Response:
    return EventSourceResponse(one_part())


async def echo(request: Request) -> Response:
    return PlainTextResponse(await request.body())


async def pass_on(request: Request, call_next: RequestResponseEndpoint) -> Response:
    return await call_next(request)


routes = [
    Route("/stream", stream),
    Route("/ticks", ticking),
    Route("/events", events),
    Route("/echo", echo, methods=["POST"]),
]
middleware = [Middleware(BaseHTTPMiddleware, dispatch=pass_on)]
app = Starlette(routes=[*routes, Mount("/middleware", routes=routes, middleware=middleware)])
