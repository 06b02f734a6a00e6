"""Server-sent events with sse-starlette."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from sse_starlette.sse import EventSourceResponse
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

left = 0
triggered = asyncio.Event()


async def three(request: Request) -> Response:
    async def events() -> AsyncIterator[dict[str, Any]]:
        for number in range(3):
            yield {"event": "count", "id": str(number), "data": f"number {number}"}

    return EventSourceResponse(events())


async def endless(request: Request) -> Response:
    async def events() -> AsyncIterator[dict[str, Any]]:
        global left
        try:
            while True:
                yield {"data": "tick"}
                await asyncio.sleep(0.01)
        finally:
            left += 1

    return EventSourceResponse(events())


async def triggered_events(request: Request) -> Response:
    async def events() -> AsyncIterator[dict[str, Any]]:
        await triggered.wait()
        yield {"data": "triggered"}

    return EventSourceResponse(events())


async def trigger(request: Request) -> Response:
    triggered.set()
    return Response(status_code=204)


async def how_many_left(request: Request) -> Response:
    return JSONResponse(left)


app = Starlette(
    routes=[
        Route("/three", three),
        Route("/endless", endless),
        Route("/left", how_many_left),
        Route("/triggered", triggered_events),
        Route("/trigger", trigger, methods=["POST"]),
    ]
)
