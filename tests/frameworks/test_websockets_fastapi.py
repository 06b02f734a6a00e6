"""FastAPI's WebSocket endpoints on a real server, with each codec."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.frameworks.conftest import connect, needs
from tests.processes import PATIENCE

pytestmark = needs("fastapi", "websockets", "wsproto")


@pytest.fixture(scope="module", params=["auto", "websockets", "wsproto"])
def client(request: pytest.FixtureRequest, serve_app: Callable[..., Any]) -> Any:
    return serve_app("websockets_fastapi", "--ws", request.param)


def join(client: Any, room: str, token: str | None) -> Any:
    return connect(client, f"rooms/{room}?limit=3", additional_headers={"X-Token": token} if token else {})


def test_a_room(client: Any) -> None:
    with join(client, "a", "one") as one, join(client, "a", "two") as two:
        one.send(json.dumps({"text": "héllo"}))
        expected = {"from": "one", "room": "a", "limit": 3, "data": {"text": "héllo"}}
        assert json.loads(one.recv(timeout=PATIENCE)) == expected
        # Sent only now, because messages on two connections may arrive in any order.
        two.send("[]")
        assert json.loads(one.recv(timeout=PATIENCE))["from"] == "two"
        two.close(4000, "bye")
        assert json.loads(one.recv(timeout=PATIENCE)) == {"left": "two", "code": 4000, "reason": "bye"}


def test_refused_by_a_dependency(client: Any) -> None:
    from websockets.exceptions import InvalidStatus

    with pytest.raises(InvalidStatus) as caught:
        join(client, "a", None)
    assert caught.value.response.status_code == 403
    with pytest.raises(InvalidStatus) as caught:
        join(client, "a", "expired")
    assert caught.value.response.status_code == 401
    assert json.loads(bytes(caught.value.response.body)) == {"detail": "expired"}


def test_an_unknown_path(client: Any) -> None:
    from websockets.exceptions import InvalidStatus

    with pytest.raises(InvalidStatus) as caught:
        join(client, "a/b", "one")
    assert caught.value.response.status_code in (403, 404)


def test_http_beside_websockets(client: Any) -> None:
    assert client.get("/").json() == {"over": "http"}
