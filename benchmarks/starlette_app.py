"""A StreamingResponse of Starlette, which listens for the end of the client, or is told by `send` (ASGI HTTP 2.4)."""

from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

CHUNK = b"x" * 100


async def parts() -> AsyncIterator[bytes]:
    for _ in range(10):
        yield CHUNK


async def stream(request: Request) -> StreamingResponse:
    return StreamingResponse(parts(), media_type="text/plain")


app = Starlette(routes=[Route("/stream", stream)])
