"""python-socketio: events, acknowledgements, rooms, binary data, a disconnect by the server."""

from typing import Any

import socketio

server = socketio.AsyncServer(async_mode="asgi", cors_allowed_origins="*")
app = socketio.ASGIApp(server)


@server.event  # type: ignore[untyped-decorator]  # the library has no types
async def connect(sid: str, environ: dict[str, Any], auth: Any) -> bool:
    return auth != {"token": "wrong"}


@server.event  # type: ignore[untyped-decorator]  # as above
async def add(sid: str, numbers: list[int]) -> int:
    return sum(numbers)


@server.event  # type: ignore[untyped-decorator]  # as above
async def join(sid: str, room: str) -> None:
    await server.enter_room(sid, room)
    await server.emit("joined", room, room=room)


@server.event  # type: ignore[untyped-decorator]  # as above
async def reverse(sid: str, data: bytes) -> None:
    await server.emit("reversed", data[::-1], to=sid)


@server.event  # type: ignore[untyped-decorator]  # as above
async def leave(sid: str) -> None:
    await server.disconnect(sid)
