"""The report that observers get at the end of a WebSocket, and the number of open WebSockets."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.protocols.websockets.connection import WebSocketConnection, request, settle
from uvicorn.server_state import ServerState


@pytest.mark.parametrize(
    ("kind", "status", "opened"), [("websocket.accept", 101, 1), ("websocket.close", 403, 0), ("", 499, 0)]
)
async def test_the_end_is_reported_once(
    connect: Callable[..., WebSocketConnection], kind: str, status: int, opened: int
) -> None:
    reports: list[tuple[str, int, int]] = []

    def observer(outcome: Any) -> None:
        assert 0.0 <= outcome.duration < 100.0
        reports.append((outcome.scope["path"], outcome.status, outcome.sent))

    connection = connect()
    state: ServerState = connection.protocol.server_state
    state.observers.append(observer)
    connection.protocol.data_received(request())
    running = connection.loop.start_one()
    await settle()
    if kind:
        await connection.script.send({"type": kind})
    assert state.websockets == opened
    connection.protocol.connection_lost(None)
    connection.script.finish()
    await running
    assert state.websockets == 0
    assert reports == [("/ws", status, -1)]
