"""Quart."""

from collections.abc import AsyncIterator
from typing import Any

from quart import Quart, Response, jsonify, request, websocket

app = Quart(__name__)
state = {"started": False}


@app.before_serving
async def start() -> None:
    state["started"] = True


@app.route("/hello/<name>")
async def hello(name: str) -> Any:
    return jsonify({"name": name, "q": request.args.get("q")})


@app.route("/echo", methods=["POST"])
async def echo() -> Any:
    return Response(await request.get_data(), content_type="application/octet-stream")


@app.route("/stream")
async def stream() -> Any:
    async def pieces() -> AsyncIterator[bytes]:
        for number in range(50):
            yield b"piece %d;" % number

    return pieces(), 200, {"Content-Type": "text/plain"}


@app.route("/started")
async def started() -> Any:
    return jsonify(state)


@app.route("/broken")
async def broken() -> Any:
    raise ValueError("broken on purpose")


@app.websocket("/ws")
async def talk() -> None:
    while True:
        message = await websocket.receive()
        if message == "close":
            await websocket.close(4001)
            return
        await websocket.send(message.upper() if isinstance(message, str) else message[::-1])
