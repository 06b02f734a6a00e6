"""The Model Context Protocol's server with its own client: as an application, and started by its own program."""

import importlib.util
import sys

import pytest

from tests.frameworks.conftest import needs
from tests.processes import ServerProcess, free_port, run_async, serve

pytestmark = needs("mcp")

STREAMABLE = importlib.util.find_spec("mcp") is not None and bool(
    importlib.util.find_spec("mcp.client.streamable_http")
)
streamable = pytest.mark.skipif(not STREAMABLE, reason="this release has server-sent events alone")


async def add_over_sse(url: str) -> int:
    from mcp.client.sse import sse_client

    return await _add(sse_client(f"{url}/sse"))


async def add_over_http(url: str) -> int:
    from mcp.client import streamable_http

    # The first is its name since 1.24.
    names = ("streamable_http_client", "streamablehttp_client")
    connect = next(getattr(streamable_http, name) for name in names if hasattr(streamable_http, name))
    return await _add(connect(f"{url}/mcp"))


async def _add(connection) -> int:  # type: ignore[no-untyped-def]  # its type differs between releases
    from mcp import ClientSession

    async with connection as streams, ClientSession(streams[0], streams[1]) as session:
        await session.initialize()
        answer = await session.call_tool("add", {"a": 2, "b": 3})
        return int(answer.content[0].text)


@streamable
def test_streamable_http() -> None:
    with serve("tests.frameworks.apps.mcp_app:app", "--lifespan", "on") as server:
        assert run_async(add_over_http(server.url)) == 5
        assert run_async(add_over_http(server.url)) == 5


def test_server_sent_events() -> None:
    from tests.frameworks.apps import mcp_app

    if not hasattr(mcp_app, "sse_app"):
        pytest.skip("this release starts its own server for them")
    with serve("tests.frameworks.apps.mcp_app:sse_app") as server:
        assert run_async(add_over_sse(server.url)) == 5


def test_its_own_start() -> None:
    command = [sys.executable, "-m", "tests.frameworks.apps.mcp_app", str(free_port())]
    with ServerProcess(command=command) as server:
        assert run_async((add_over_http if STREAMABLE else add_over_sse)(server.url)) == 5
        server.stop()
        assert "Finished server process" in server.stderr
