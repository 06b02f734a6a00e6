"""One small application, written for each framework.

    GET  /hello/<name>?q=   JSON {"name": ..., "q": ...}
    POST /echo              the body of the request
    GET  /stream            fifty pieces, "piece 0;" to "piece 49;"
    GET  /started           JSON {"started": ...}: whether the startup hook ran
    GET  /broken            an exception
    WebSocket /ws           text comes back in capitals, bytes reversed, until "close", which closes with 4001

The applications use only features that old and new releases of a framework share, because the matrix serves both. This
module has the code that does not depend on the framework.
"""

from collections.abc import AsyncIterator
from typing import Any

PIECES = [b"piece %d;" % number for number in range(50)]
STATE = {"started": False}


async def start(*_: Any) -> None:
    """The startup hook."""
    STATE["started"] = True


async def pieces() -> AsyncIterator[bytes]:
    """Yield the pieces that /stream sends."""
    for piece in PIECES:
        yield piece


def fail() -> Any:
    """Raise the exception of /broken."""
    raise ValueError("broken on purpose")


async def talk(receive: Any, send: Any, close: Any) -> None:
    """A conversation over /ws, where messages are str or bytes."""
    while (message := await receive()) not in ("close", None):
        await send(message.upper() if isinstance(message, str) else message[::-1])
    if message == "close":
        await close(4001)


async def talk_asgi(socket: Any) -> None:
    """A conversation over /ws, where `receive` gives the events of ASGI."""
    await socket.accept()
    while (message := await socket.receive())["type"] == "websocket.receive":
        text = message.get("text")
        if text == "close":
            await socket.close(4001)
            return
        await (socket.send_bytes(message["bytes"][::-1]) if text is None else socket.send_text(text.upper()))
