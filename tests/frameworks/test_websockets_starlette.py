"""Starlette's WebSocket endpoints on a real server, with each codec."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.frameworks.conftest import connect, needs
from tests.processes import PATIENCE

pytestmark = needs("starlette", "websockets", "wsproto")


@pytest.fixture(scope="module", params=["auto", "websockets", "wsproto"])
def client(request: pytest.FixtureRequest, serve_app: Callable[..., Any]) -> Any:
    return serve_app("websockets_starlette", "--ws", request.param)


def history(client: Any) -> list[dict[str, int]]:
    from websockets.exceptions import ConnectionClosed

    with connect(client, "history") as websocket:
        result: list[dict[str, int]] = json.loads(websocket.recv(timeout=PATIENCE))
        with pytest.raises(ConnectionClosed) as caught:
            websocket.recv(timeout=PATIENCE)
        assert caught.value.rcvd is not None
        assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (4010, "that is all")
    return result


def wait_for(client: Any, entry: dict[str, int]) -> None:
    deadline = time.monotonic() + PATIENCE
    while entry not in history(client):
        assert time.monotonic() < deadline


def test_the_class(client: Any) -> None:
    with connect(client, "upper", subprotocols=["x", "y"]) as websocket:
        assert websocket.subprotocol == "y"
        assert websocket.response.headers["x-upper"] == "1"
        for text in ("ü", "", "long " * 20000):
            websocket.send(text)
            assert websocket.recv(timeout=PATIENCE) == text.upper()
        websocket.close(4444)
    wait_for(client, {"code": 4444})


def test_binary(client: Any) -> None:
    with connect(client, "binary") as websocket:
        for size in (0, 1, 125, 126, 65535, 65536, 1 << 18):
            websocket.send(bytes(range(256)) * (size // 256) + bytes(size % 256))
            assert len(websocket.recv(timeout=PATIENCE)) == size


def test_denial(client: Any) -> None:
    from websockets.exceptions import InvalidStatus

    for path, status, body in (("deny", 402, b'{"why":"no"}'), ("deny-in-parts", 410, b"not for you")):
        with pytest.raises(InvalidStatus) as caught:
            connect(client, path)
        assert (caught.value.response.status_code, bytes(caught.value.response.body)) == (status, body)


def test_sending_to_a_client_that_left(client: Any) -> None:
    with connect(client, "late"):
        pass
    wait_for(client, {"late": 1006})
    assert "Traceback" not in client.server.stderr
