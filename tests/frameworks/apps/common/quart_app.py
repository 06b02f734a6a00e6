"""Quart."""

from typing import Any

from quart import Quart, Response, jsonify, request, websocket

from tests.frameworks.apps.common import STATE, fail, pieces, start, talk

app = Quart(__name__)
app.before_serving(start)


@app.route("/hello/<name>")
async def hello(name: str) -> Any:
    return jsonify({"name": name, "q": request.args.get("q")})


@app.route("/echo", methods=["POST"])
async def echo() -> Any:
    return Response(await request.get_data(), content_type="application/octet-stream")


@app.route("/stream")
async def stream() -> Any:
    return pieces(), 200, {"Content-Type": "text/plain"}


@app.route("/started")
async def started() -> Any:
    return jsonify(STATE)


@app.route("/broken")
async def broken() -> Any:
    return fail()


@app.websocket("/ws")
async def converse() -> None:
    await talk(websocket.receive, websocket.send, websocket.close)
