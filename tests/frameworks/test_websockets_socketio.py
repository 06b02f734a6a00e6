"""python-socketio on a real server with its own client: over WebSocket only, and upgraded from polling."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.frameworks.conftest import needs
from tests.processes import PATIENCE

pytestmark = needs("socketio", "aiohttp", "websockets", "wsproto")


@pytest.fixture(scope="module", params=["auto", "websockets", "wsproto"])
def client(request: pytest.FixtureRequest, serve_app: Callable[..., Any]) -> Any:
    return serve_app("websockets_socketio", "--ws", request.param)


async def connect(client: Any, transports: list[str], **options: Any) -> tuple[Any, "asyncio.Queue[Any]"]:
    import socketio

    events: asyncio.Queue[Any] = asyncio.Queue()
    own = socketio.AsyncClient(reconnection=False)

    async def on_any(event: str, *data: Any) -> None:
        await events.put((event, *data))

    async def on_disconnect(*reason: Any) -> None:
        await events.put(("disconnect",))

    own.on("*", on_any)
    own.on("disconnect", on_disconnect)
    await own.connect(client.server.url, transports=transports, wait_timeout=PATIENCE, **options)
    return own, events


@pytest.mark.parametrize("transports", [["websocket"], ["polling", "websocket"]])
async def test_a_conversation(client: Any, transports: list[str]) -> None:
    own, events = await connect(client, transports)
    try:
        assert own.transport() == "websocket"
        assert await own.call("add", [1, 2, 3], timeout=PATIENCE) == 6
        await own.emit("join", "room")
        assert await events.get() == ("joined", "room")
        data = bytes(range(256)) * 100
        await own.emit("reverse", data)
        assert await events.get() == ("reversed", data[::-1])
        await own.emit("leave")
        assert await events.get() == ("disconnect",)
    finally:
        await own.disconnect()
        await own.wait()


async def test_refused(client: Any) -> None:
    from socketio.exceptions import ConnectionError as Refused

    with pytest.raises(Refused):
        await connect(client, ["websocket"], auth={"token": "wrong"})
