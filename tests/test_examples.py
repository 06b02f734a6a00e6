"""The applications in examples/ do what their first line says."""

import json
import socket
import urllib.request
from collections.abc import Iterator

import pytest

from tests.processes import PATIENCE, ROOT, ServerProcess, receive_until

pytestmark = pytest.mark.once

FRAMEWORKS = {"fastapi_app": "fastapi", "starlette_app": "starlette", "django_app": "django"}


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[ServerProcess]:
    pytest.importorskip(FRAMEWORKS.get(request.param, "uvicorn"))
    with ServerProcess(f"examples.{request.param}:app") as running:
        yield running


def fetch(server: ServerProcess, path: str, data: bytes | None = None, kind: str = "application/json") -> str:
    headers = {} if data is None else {"Content-Type": kind}
    request = urllib.request.Request(server.url + path, data, headers)
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=PATIENCE) as response:
        body: bytes = response.read()
    return body.decode()


@pytest.mark.parametrize("server", ["hello"], indirect=True)
def test_hello(server: ServerProcess) -> None:
    assert fetch(server, "/any/path") == "Hello, world!\n"


@pytest.mark.parametrize("server", ["lifespan_state"], indirect=True)
def test_lifespan_state(server: ServerProcess) -> None:
    assert [fetch(server, "/"), fetch(server, "/")] == ["request 1 since the start\n", "request 2 since the start\n"]
    assert server.stop() == 0
    assert "Application shutdown complete." in server.stderr


@pytest.mark.parametrize("server", ["fastapi_app"], indirect=True)
def test_fastapi(server: ServerProcess) -> None:
    assert json.loads(fetch(server, "/notes", b'{"text": "first"}')) == {"id": 1}
    assert json.loads(fetch(server, "/notes/1")) == {"text": "first"}


@pytest.mark.parametrize("server", ["starlette_app"], indirect=True)
def test_starlette(server: ServerProcess) -> None:
    assert json.loads(fetch(server, "/upload", b"x" * 300_000)) == {"bytes": 300_000}
    assert fetch(server, "/countdown/2") == "2\n1\nlift-off\n"


@pytest.mark.parametrize("server", ["django_app"], indirect=True)
def test_django(server: ServerProcess) -> None:
    assert json.loads(fetch(server, "/hello/world?a=1")) == {"hello": "world", "query": {"a": "1"}}


@pytest.mark.parametrize("server", ["websocket_echo"], indirect=True)
def test_websocket_echo(server: ServerProcess) -> None:
    client = pytest.importorskip("websockets.sync.client")
    assert "<form>" in fetch(server, "/")
    with client.connect(server.url.replace("http", "ws"), proxy=None, open_timeout=PATIENCE) as connection:
        connection.send("caf\u00e9")
        assert connection.recv(timeout=PATIENCE) == "caf\u00e9"
        connection.send(b"\x00\xff")
        assert connection.recv(timeout=PATIENCE) == b"\x00\xff"


@pytest.mark.parametrize("server", ["server_sent_events"], indirect=True)
def test_server_sent_events(server: ServerProcess) -> None:
    assert "new EventSource" in fetch(server, "/")
    with socket.create_connection((server.host, server.port), PATIENCE) as client:
        client.sendall(b"GET /events HTTP/1.1\r\nhost: a\r\n\r\n")
        received = receive_until(client, lambda received: received.count(b"\ndata: ") >= 2)
        with socket.create_connection((server.host, server.port), PATIENCE) as other:
            other.sendall(b"GET /events HTTP/1.1\r\nhost: a\r\n\r\n")
            assert b"text/event-stream" in other.recv(65536)
        # One client has disconnected. The other gets the last event of the stream.
        assert server.stop() == 0
        while piece := client.recv(65536):
            received += piece
    assert received.endswith(b"event: restart\ndata:\n\n\r\n0\r\n\r\n")
    assert "Traceback" not in server.stderr


def test_every_example_is_tested() -> None:
    here = (ROOT / "tests" / "test_examples.py").read_text(encoding="utf-8")
    elsewhere = {"ray_serve": ROOT / "tests" / "frameworks" / "test_ray.py"}
    for path in (ROOT / "examples").glob("*.py"):
        assert elsewhere[path.stem].exists() if path.stem in elsewhere else f'"{path.stem}"' in here, path.name
