"""Streaming both ways with Starlette: an upload is counted while it arrives, a countdown is sent while it runs.

pip install starlette
uvicorn examples.starlette_app:app
"""

import asyncio

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route


async def upload(request: Request) -> JSONResponse:
    size = 0
    async for part in request.stream():
        size += len(part)
    return JSONResponse({"bytes": size})


async def countdown(request: Request) -> StreamingResponse:
    async def lines():
        for number in range(request.path_params["start"], 0, -1):
            yield f"{number}\n"
            await asyncio.sleep(0.1)
        yield "lift-off\n"

    return StreamingResponse(lines(), media_type="text/plain")


app = Starlette(
    routes=[
        Route("/upload", upload, methods=["POST"]),
        Route("/countdown/{start:int}", countdown),
    ]
)
