"""A small FastAPI application: JSON, forms, files, streams, errors, state."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import FastAPI, File, Form, HTTPException, Request, UploadFile
from fastapi.responses import StreamingResponse
from pydantic import BaseModel


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
    yield {"greeting": "from the lifespan"}


app = FastAPI(lifespan=lifespan)


class Item(BaseModel):
    name: str
    price: float


@app.post("/items")
async def create_item(item: Item) -> Item:
    return item


@app.get("/items/{item_id}")
def read_item(item_id: int, q: str | None = None) -> dict[str, Any]:
    return {"item_id": item_id, "q": q}


@app.post("/form")
async def form(user: Annotated[str, Form()], text: Annotated[str, Form()]) -> dict[str, str]:
    return {"user": user, "text": text}


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


@app.get("/missing")
async def missing() -> None:
    raise HTTPException(status_code=418, detail="no such thing", headers={"X-Reason": "tea"})


@app.get("/broken")
async def broken() -> None:
    raise ValueError("broken on purpose")
