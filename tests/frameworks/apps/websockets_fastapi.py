"""WebSocket endpoints of FastAPI: parameters, dependencies, JSON, a room of several clients, refusals."""

from fastapi import Depends, FastAPI, Header, HTTPException, WebSocket, WebSocketDisconnect, WebSocketException

app = FastAPI()
rooms: dict[str, list[WebSocket]] = {}


async def user(x_token: str | None = Header(default=None)) -> str:
    if x_token is None:
        raise WebSocketException(code=1008, reason="no token")
    if x_token == "expired":
        raise HTTPException(status_code=401, detail="expired")
    return x_token


# FastAPI evaluates the annotations at import, in every Python version.
@app.websocket("/rooms/{room}")
async def join(websocket: WebSocket, room: str, name: str = Depends(user), limit: int = 10) -> None:
    await websocket.accept()
    members = rooms.setdefault(room, [])
    members.append(websocket)
    try:
        while True:
            data = await websocket.receive_json()
            for member in members:
                await member.send_json({"from": name, "room": room, "limit": limit, "data": data})
    except WebSocketDisconnect as error:
        members.remove(websocket)
        for member in members:
            await member.send_json({"left": name, "code": error.code, "reason": error.reason})


@app.get("/")
async def index() -> dict[str, str]:
    return {"over": "http"}
