"""WebSocket endpoints of Starlette: a class, functions, a denial response, a subprotocol."""

import contextlib
from typing import Any

from starlette.applications import Starlette
from starlette.endpoints import WebSocketEndpoint
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

closed: list[dict[str, Any]] = []


class Upper(WebSocketEndpoint):
    encoding = "text"

    async def on_connect(self, websocket: WebSocket) -> None:
        offered = websocket.scope["subprotocols"]
        await websocket.accept(subprotocol=offered[-1] if offered else None, headers=[(b"x-upper", b"1")])

    async def on_receive(self, websocket: WebSocket, data: Any) -> None:
        await websocket.send_text(data.upper())

    async def on_disconnect(self, websocket: WebSocket, close_code: int) -> None:
        closed.append({"code": close_code})


async def binary(websocket: WebSocket) -> None:
    await websocket.accept()
    async for data in websocket.iter_bytes():
        await websocket.send_bytes(data[::-1])


async def deny(websocket: WebSocket) -> None:
    await websocket.send_denial_response(JSONResponse({"why": "no"}, status_code=402))


async def deny_in_parts(websocket: WebSocket) -> None:
    async def parts() -> Any:
        for part in ("not ", "for ", "you"):
            yield part

    await websocket.send_denial_response(StreamingResponse(parts(), status_code=410))


async def history(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_json(closed)
    await websocket.close(code=4010, reason="that is all")


async def late(websocket: WebSocket) -> None:
    """Send after the client has left. Starlette raises its own exception in place of the server's."""
    await websocket.accept()
    with contextlib.suppress(WebSocketDisconnect):
        await websocket.receive_text()
    try:
        await websocket.send_text("too late")
    except WebSocketDisconnect as error:
        closed.append({"late": error.code})


app = Starlette(
    routes=[
        WebSocketRoute("/upper", Upper),
        WebSocketRoute("/binary", binary),
        WebSocketRoute("/deny", deny),
        WebSocketRoute("/deny-in-parts", deny_in_parts),
        WebSocketRoute("/history", history),
        WebSocketRoute("/late", late),
    ]
)
