"""sse-starlette on a real server: events, a client that leaves, a shutdown under an endless stream."""

import contextlib
import re
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.frameworks.conftest import httpx, needs
from tests.processes import PATIENCE, ServerProcess

pytestmark = needs("sse_starlette")


@pytest.fixture(scope="module")
def client(serve_app: Callable[..., Any]) -> Any:
    return serve_app("sse_app")


def test_events(client: Any) -> None:
    response = client.get("/three")
    assert response.headers["content-type"].startswith("text/event-stream")
    assert re.findall(r"^data: (.*?)\r?$", response.text, re.MULTILINE) == ["number 0", "number 1", "number 2"]
    assert re.findall(r"^id: (.*?)\r?$", response.text, re.MULTILINE) == ["0", "1", "2"]


def test_the_head_arrives_before_the_first_event(client: Any) -> None:
    """A browser fires `open` when the head arrives, and pages may wait for `open` before they cause an event."""
    with client.stream("GET", "/triggered") as response:
        assert response.status_code == 200
        assert httpx.post(f"{client.server.url}/trigger", trust_env=False, timeout=PATIENCE).status_code == 204
        assert next(response.iter_lines()) == "data: triggered"


def test_a_client_that_leaves(client: Any) -> None:
    before = client.get("/left").json()
    with client.stream("GET", "/endless") as response:
        assert next(response.iter_lines()) == "data: tick"
    deadline = time.monotonic() + PATIENCE
    while client.get("/left").json() == before:
        assert time.monotonic() < deadline, "the stream goes on"


def test_shutdown_ends_an_endless_stream() -> None:
    """sse-starlette replaces `Server.handle_exit` to notice the shutdown."""
    with ServerProcess("tests.frameworks.apps.sse_app:app") as server:
        with httpx.stream("GET", f"{server.url}/endless", trust_env=False, timeout=PATIENCE) as response:
            lines = response.iter_lines()
            assert next(lines) == "data: tick"
            server.send_signal(signal.SIGINT)
            # sse-starlette leaves its response incomplete, so the server closes the connection.
            with contextlib.suppress(httpx.RemoteProtocolError):
                for _ in lines:
                    pass
        assert server.wait() == 0
        assert "Finished server process" in server.stderr
