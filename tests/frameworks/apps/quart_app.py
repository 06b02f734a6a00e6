"""A small Quart application."""

from collections.abc import AsyncIterator
from typing import Any

from quart import Quart, Response, request

app = Quart(__name__)
app.config["MAX_CONTENT_LENGTH"] = None


@app.before_serving
async def start() -> None:
    app.config["GREETING"] = "from before_serving"


@app.post("/json")
async def echo_json() -> Any:
    return {"received": await request.get_json(), "query": dict(request.args)}


@app.post("/form")
async def form() -> Any:
    return dict(await request.form)


@app.post("/upload")
async def upload() -> Any:
    file = (await request.files)["file"]
    return {"name": file.filename, "size": len(file.read()), "note": (await request.form)["note"]}


@app.get("/stream")
async def stream() -> Response:
    async def lines() -> AsyncIterator[bytes]:
        for number in range(1000):
            yield b"line %d\n" % number

    return Response(lines(), mimetype="text/plain")


@app.post("/read")
async def read() -> Any:
    size = 0
    async for piece in request.body:
        size += len(piece)
    return {"size": size}


@app.get("/greeting")
async def greeting() -> str:
    return str(app.config["GREETING"])


@app.get("/broken")
async def broken() -> str:
    raise ValueError("broken on purpose")
