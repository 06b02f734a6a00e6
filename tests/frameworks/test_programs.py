"""Programs built on the frameworks, each with its own client: agents, tools, user interfaces."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.frameworks.conftest import needs
from tests.processes import PATIENCE, run_async


@needs("a2a")
@pytest.mark.parametrize("method", ["SendMessage", "SendStreamingMessage"])
def test_an_agent_answers(method: str, serve_app: Callable[..., Any]) -> None:
    client = serve_app("a2a_app")
    card = client.get("/.well-known/agent-card.json").json()
    assert card["name"] == "shout"
    message = {"messageId": "1", "role": "ROLE_USER", "parts": [{"text": "hello"}]}
    request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {"message": message}}
    response = client.post("/", json=request, headers={"A2A-Version": "1.0"})
    assert response.status_code == 200
    streamed = response.headers["content-type"].startswith("text/event-stream")
    assert streamed == (method == "SendStreamingMessage")
    assert "HELLO" in response.text


@needs("fastmcp")
def test_a_tool_is_called(serve_app: Callable[..., Any]) -> None:
    from fastmcp import Client

    url = f"{serve_app('fastmcp_app').server.url}/mcp"

    async def call() -> Any:
        async with Client(url) as client:
            names = [tool.name for tool in await client.list_tools()]
            calls = [client.call_tool("add", {"a": number, "b": 1}) for number in range(10)]
            return names, [result.data for result in await asyncio.gather(*calls)]

    assert run_async(call()) == (["add"], list(range(1, 11)))


@needs("gradio")
def test_an_interface_answers(serve_app: Callable[..., Any]) -> None:
    from gradio_client import Client

    client = serve_app("gradio_app")
    assert "<html" in client.get("/").text
    assert Client(client.server.url, verbose=False).predict("hello", api_name="/shout") == "HELLO"


@needs("nicegui")
def test_a_page_and_its_socket(serve_app: Callable[..., Any]) -> None:
    from websockets.sync.client import connect

    client = serve_app("nicegui_app")
    assert "Hello from NiceGUI" in client.get("/").text
    url = f"ws://127.0.0.1:{client.server.port}/_nicegui_ws/socket.io/?EIO=4&transport=websocket"
    with connect(url, open_timeout=PATIENCE, proxy=None) as websocket:
        assert str(websocket.recv(timeout=PATIENCE)).startswith('0{"sid":')
