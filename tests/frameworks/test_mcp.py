"""The server of the Model Context Protocol with its own client: as an application, and started by its own program."""

import asyncio
import contextlib
import importlib.util
import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests.frameworks.conftest import needs
from tests.processes import PATIENCE, ServerProcess, free_port, run_async, serve

pytestmark = needs("mcp")

STREAMABLE = importlib.util.find_spec("mcp") is not None and bool(
    importlib.util.find_spec("mcp.client.streamable_http")
)
streamable = pytest.mark.skipif(not STREAMABLE, reason="this release has server-sent events alone")


@pytest.fixture(scope="module", autouse=True)
def imported() -> None:
    """Import the client before the tests: the import takes seconds, which would count against a test's timeout."""
    import mcp.client.sse  # noqa: F401


def over_sse(url: str) -> Any:
    """Open a connection to the server. Its type differs between releases."""
    from mcp.client.sse import sse_client

    return sse_client(f"{url}/sse")


def over_http(url: str, **options: Any) -> Any:
    from mcp.client import streamable_http

    # The first name is that of releases since 1.24.
    names = ("streamable_http_client", "streamablehttp_client")
    connect = next(getattr(streamable_http, name) for name in names if hasattr(streamable_http, name))
    return connect(f"{url}/mcp", **options)


def over_http_without_a_farewell(url: str) -> Any:
    """Open a session that the client does not end: MCP does not expect an end while requests are in progress."""
    return over_http(url, terminate_on_close=False)


async def call(connection: Any, tool: str, **arguments: Any) -> str:
    from mcp import ClientSession

    async with connection as streams, ClientSession(streams[0], streams[1]) as session:
        await session.initialize()
        answer = await session.call_tool(tool, arguments)
        text: str = answer.content[0].text
        return text


async def add(connection: Any) -> int:
    return int(await call(connection, "add", a=2, b=3))


@streamable
def test_streamable_http() -> None:
    with serve("tests.frameworks.apps.mcp_app:app", "--lifespan", "on") as server:
        assert run_async(add(over_http(server.url))) == 5
        assert run_async(add(over_http(server.url))) == 5


def test_server_sent_events() -> None:
    from tests.frameworks.apps import mcp_app

    if not hasattr(mcp_app, "sse_app"):
        pytest.skip("this release starts its own server for them")
    with serve("tests.frameworks.apps.mcp_app:sse_app") as server:
        assert run_async(add(over_sse(server.url))) == 5


@pytest.mark.parametrize(
    ("connect", "app"),
    [pytest.param(over_http_without_a_farewell, "app", marks=streamable), (over_sse, "sse_app")],
    ids=["http", "sse"],
)
def test_a_client_that_leaves_during_a_call(connect: Callable[[str], Any], app: str) -> None:
    """The server then answers a client that has disconnected. This is not an error of the application."""
    from tests.frameworks.apps import mcp_app

    if not hasattr(mcp_app, app):
        pytest.skip("this release starts its own server for them")

    async def leave(server: ServerProcess) -> None:
        calling = asyncio.ensure_future(call(connect(server.url), "wait"))
        await asyncio.to_thread(server.wait_stderr, "waiting")
        calling.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await calling
        assert await call(connect(server.url), "release") == "1"

    with serve(f"tests.frameworks.apps.mcp_app:{app}") as server:
        run_async(leave(server), timeout=2 * PATIENCE)
        assert run_async(add(connect(server.url))) == 5
        assert server.stop() == 0
        assert "Finished server process" in server.stderr
        # MCP logs its own tracebacks when a client disconnects.
        assert "Exception in ASGI application" not in server.stderr
        assert "RuntimeError" not in server.stderr


def test_its_own_start() -> None:
    command = [sys.executable, "-m", "tests.frameworks.apps.mcp_app", str(free_port())]
    with ServerProcess(command=command) as server:
        assert run_async(add((over_http if STREAMABLE else over_sse)(server.url))) == 5
        server.stop()
        assert "Finished server process" in server.stderr
