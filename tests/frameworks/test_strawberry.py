"""GraphQL of strawberry over HTTP, and subscriptions in both WebSocket subprotocols, with each codec."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.frameworks.conftest import needs
from tests.processes import PATIENCE

pytestmark = needs("strawberry", "websockets", "wsproto")


@pytest.fixture(scope="module", params=["auto", "websockets", "wsproto"])
def client(request: pytest.FixtureRequest, serve_app: Callable[..., Any]) -> Any:
    return serve_app("strawberry_app", "--ws", request.param)


def test_query(client: Any) -> None:
    answer = client.post("/", json={"query": '{ hello(name: "you") }'})
    assert answer.json()["data"] == {"hello": "hello you"}


# subprotocol -> the types of: subscribe, one result, the end
DIALECTS = {"graphql-transport-ws": ("subscribe", "next", "complete"), "graphql-ws": ("start", "data", "complete")}


@pytest.mark.parametrize("subprotocol", DIALECTS)
def test_subscription(client: Any, subprotocol: str) -> None:
    from websockets.sync.client import connect
    from websockets.typing import Subprotocol

    subscribe, result, end = DIALECTS[subprotocol]
    url = f"ws://127.0.0.1:{client.server.port}/"
    with connect(url, subprotocols=[Subprotocol(subprotocol)], open_timeout=PATIENCE, proxy=None) as websocket:
        assert websocket.subprotocol == subprotocol

        def receive() -> Any:
            return json.loads(websocket.recv(timeout=PATIENCE))

        websocket.send(json.dumps({"type": "connection_init"}))
        assert receive()["type"] == "connection_ack"
        query = "subscription { count(target: 3) }"
        websocket.send(json.dumps({"id": "1", "type": subscribe, "payload": {"query": query}}))
        for number in range(3):
            message = receive()
            assert (message["id"], message["type"], message["payload"]["data"]) == ("1", result, {"count": number})
        assert receive() == {"id": "1", "type": end}


def test_an_unknown_subprotocol_is_refused(client: Any) -> None:
    from websockets.exceptions import WebSocketException
    from websockets.sync.client import connect
    from websockets.typing import Subprotocol

    url = f"ws://127.0.0.1:{client.server.port}/"
    with pytest.raises(WebSocketException), connect(url, subprotocols=[Subprotocol("none-such")], proxy=None) as ws:
        ws.recv(timeout=PATIENCE)
