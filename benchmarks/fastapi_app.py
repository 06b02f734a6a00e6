"""A FastAPI endpoint with a path parameter, a query parameter and a validated response."""

from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()


class Item(BaseModel):
    id: int
    name: str
    tags: list[str]


@app.get("/items/{item_id}")
async def read_item(item_id: int, verbose: bool = False) -> Item:
    return Item(id=item_id, name="seven", tags=["a", "b"] if verbose else [])
