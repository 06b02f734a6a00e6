"""A FastAPI application with a file of 10 MB and early hints."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, PlainTextResponse
from starlette.middleware.gzip import GZipMiddleware

directory = Path(tempfile.mkdtemp())
large = directory / "large.bin"
large.write_bytes(bytes(range(256)) * 40960)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    large.unlink()
    directory.rmdir()


app = FastAPI(lifespan=lifespan)
app.add_middleware(GZipMiddleware)


@app.api_route("/large", methods=["GET", "HEAD"])
async def get_large() -> FileResponse:
    return FileResponse(large)


@app.get("/hints")
async def get_hints(request: Request) -> PlainTextResponse:
    await request.send_early_hints("</a.css>; rel=preload; as=style", "</b.js>; rel=preload; as=script")
    return PlainTextResponse("hinted")


@app.get("/open-files")
async def get_open_files() -> bool:
    """Return whether this process has the file open. Only Linux reports it."""
    return any(link.exists() and link.resolve() == large for link in Path("/proc/self/fd").iterdir())
