"""A server for the application of a framework, and a client for that server."""

import importlib.util
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.processes import PATIENCE, ServerProcess

httpx = pytest.importorskip("httpx")


@pytest.fixture(scope="module")
def serve_app() -> Iterator[Callable[..., Any]]:
    """Serve an application of `tests.frameworks.apps` and return the client. Both end with the test module."""
    servers: list[ServerProcess] = []
    clients: list[Any] = []

    def start(name: str, *options: str) -> Any:
        module, _, attribute = name.partition(":")
        server = ServerProcess(f"tests.frameworks.apps.{module}:{attribute or 'app'}", *options)
        servers.append(server.__enter__())
        clients.append(httpx.Client(base_url=server.url, timeout=PATIENCE, trust_env=False))
        clients[-1].server = server
        return clients[-1]

    yield start
    for client in clients:
        client.close()
    for server in servers:
        server.kill()


def needs(*modules: str) -> Any:
    """Skip the test if a framework is not installed."""
    missing = [module for module in modules if importlib.util.find_spec(module) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")


def connect(client: Any, path: str, **options: Any) -> Any:
    """Open a WebSocket to the server of the client, with the library `websockets`."""
    from websockets.sync.client import connect

    return connect(f"ws://127.0.0.1:{client.server.port}/{path}", open_timeout=PATIENCE, proxy=None, **options)
