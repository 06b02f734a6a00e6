"""A small FastAPI application: a form with files, a stream, state of the lifespan, an error."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import FastAPI, File, Form, Request, UploadFile
from fastapi.responses import StreamingResponse


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
    yield {"greeting": "from the lifespan"}


app = FastAPI(lifespan=lifespan)


@app.post("/upload")
async def upload(file: UploadFile, note: Annotated[str, Form()], raw: Annotated[bytes, File()]) -> dict[str, Any]:
    return {"name": file.filename, "size": len(await file.read()), "note": note, "raw": len(raw)}


@app.post("/stream")
async def stream(request: Request) -> StreamingResponse:
    pieces = [piece async for piece in request.stream()]

    async def upper() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece.upper()

    return StreamingResponse(upper(), media_type="text/plain")


@app.get("/state")
async def state(request: Request) -> dict[str, str]:
    return {"greeting": request.state.greeting}


@app.get("/broken")
async def broken() -> None:
    raise ValueError("broken on purpose")
