"""A small Starlette application: streams, a background task, uploads, static files."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

directory = Path(tempfile.mkdtemp())
(directory / "page.txt").write_text("a page\n" * 1000)
(directory / "large.bin").write_bytes(bytes(range(256)) * 4096)

done: list[str] = []
ended = asyncio.Event()


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[dict[str, Any]]:
    yield {"counter": [0]}
    (directory / "page.txt").unlink()
    (directory / "large.bin").unlink()
    directory.rmdir()


async def stream(request: Request) -> StreamingResponse:
    async def lines() -> AsyncIterator[str]:
        for number in range(int(request.query_params["lines"])):
            yield f"line {number}\n"
            await asyncio.sleep(0)

    return StreamingResponse(lines(), media_type="text/plain")


async def endless(request: Request) -> StreamingResponse:
    async def forever() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x" * 1000
                await asyncio.sleep(0.001)
        finally:
            ended.set()

    return StreamingResponse(forever())


async def has_ended(request: Request) -> Response:
    await asyncio.wait_for(ended.wait(), 20)
    return PlainTextResponse("ended")


async def background(request: Request) -> Response:
    async def work() -> None:
        await asyncio.sleep(0)
        done.append(request.query_params["name"])

    return PlainTextResponse("started", background=BackgroundTask(work))


async def background_done(request: Request) -> Response:
    for _ in range(1000):
        if done:
            break
        await asyncio.sleep(0.01)
    return JSONResponse(done)


async def upload(request: Request) -> Response:
    size, total = 0, 0
    try:
        async for piece in request.stream():
            size += len(piece)
            total = (total + sum(piece[:100])) % 65536
    except ClientDisconnect:
        done.append("disconnected")
        raise
    return JSONResponse({"size": size})


async def form(request: Request) -> Response:
    async with request.form() as fields:
        file: Any = fields["file"]
        return JSONResponse({"name": file.filename, "size": len(await file.read()), "note": fields["note"]})


async def count(request: Request) -> Response:
    request.state.counter[0] += 1
    request.state.own = 1
    return JSONResponse(request.state.counter[0])


app = Starlette(
    lifespan=lifespan,
    routes=[
        Route("/stream", stream),
        Route("/endless", endless),
        Route("/has-ended", has_ended),
        Route("/background", background),
        Route("/background-done", background_done),
        Route("/upload", upload, methods=["POST"]),
        Route("/form", form, methods=["POST"]),
        Route("/count", count),
        Mount("/static", StaticFiles(directory=directory)),
    ],
)
