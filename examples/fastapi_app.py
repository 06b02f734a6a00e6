"""A small JSON API with FastAPI.

pip install fastapi
uvicorn examples.fastapi_app:app
"""

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

app = FastAPI(title="Notes")
notes: dict[int, str] = {}


class Note(BaseModel):
    text: str


@app.post("/notes", status_code=201)
async def create_note(note: Note) -> dict[str, int]:
    number = len(notes) + 1
    notes[number] = note.text
    return {"id": number}


@app.get("/notes/{number}")
async def read_note(number: int) -> Note:
    if number not in notes:
        raise HTTPException(404, "no such note")
    return Note(text=notes[number])
