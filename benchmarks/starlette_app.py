"""Responses of Starlette that use features of the server: `send` that raises after a disconnect, and files."""

import tempfile
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, StreamingResponse
from starlette.routing import Route

CHUNK = b"x" * 100

FILE = tempfile.NamedTemporaryFile()  # noqa: SIM115  # it lives as long as the server
FILE.write(bytes(10_000_000))
FILE.flush()


async def parts() -> AsyncIterator[bytes]:
    for _ in range(10):
        yield CHUNK


async def stream(request: Request) -> StreamingResponse:
    return StreamingResponse(parts(), media_type="text/plain")


async def file(request: Request) -> FileResponse:
    return FileResponse(FILE.name)


async def read_file(request: Request) -> FileResponse:
    """Respond without the extension, so that Starlette reads the file itself."""
    request.scope.get("extensions", {}).pop("http.response.pathsend", None)
    return FileResponse(FILE.name)


app = Starlette(routes=[Route("/stream", stream), Route("/file", file), Route("/read-file", read_file)])
