"""Django Channels on a real server, with each codec."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.frameworks.conftest import connect, needs
from tests.processes import PATIENCE

pytestmark = needs("channels", "websockets", "wsproto")


@pytest.fixture(scope="module", params=["auto", "websockets", "wsproto"])
def client(request: pytest.FixtureRequest, serve_app: Callable[..., Any]) -> Any:
    return serve_app("websockets_channels", "--ws", request.param)


def test_a_consumer_in_a_thread(client: Any) -> None:
    from websockets.exceptions import ConnectionClosedError

    with connect(client, "echo", subprotocols=["chat"]) as websocket:
        assert websocket.subprotocol == "chat"
        for message in ("hello", b"\x00\xff", "close"):
            websocket.send(message)
            assert websocket.recv(timeout=PATIENCE) == message
        with pytest.raises(ConnectionClosedError) as caught:
            websocket.recv(timeout=PATIENCE)
        assert caught.value.rcvd is not None
        assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (4005, "as you wish")


def test_a_group(client: Any) -> None:
    with connect(client, "chat/a") as one, connect(client, "chat/a") as two:
        two.send('{"n": 1}')
        assert json.loads(two.recv(timeout=PATIENCE)) == {"n": 1}
        assert json.loads(one.recv(timeout=PATIENCE)) == {"n": 1}
        one.close(4001)
        assert json.loads(two.recv(timeout=PATIENCE)) == {"left": 4001}


def test_a_consumer_refuses_a_websocket(client: Any) -> None:
    from websockets.exceptions import InvalidStatus

    with pytest.raises(InvalidStatus) as caught:
        connect(client, "chat/closed")
    assert caught.value.response.status_code == 403
