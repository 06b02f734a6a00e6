"""FastAPI on a real server."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.frameworks.conftest import httpx, needs

pytestmark = needs("fastapi", "python_multipart")


@pytest.fixture(scope="module")
def client(serve_app: Callable[..., Any]) -> Any:
    return serve_app("fastapi_app", "--lifespan", "on")


def test_multipart(client: Any) -> None:
    files = {"file": ("report.bin", b"\0" * 300_000), "raw": ("raw", b"abc")}
    response = client.post("/upload", files=files, data={"note": "hello"})
    assert response.json() == {"name": "report.bin", "size": 300_000, "note": "hello", "raw": 3}


def test_streaming_both_ways(client: Any) -> None:
    def pieces() -> Iterator[bytes]:
        for number in range(50):
            yield b"piece %d;" % number

    with client.stream("POST", "/stream", content=pieces()) as response:
        assert response.headers["transfer-encoding"] == "chunked"
        received = b"".join(response.iter_bytes())
    assert received == b"".join(pieces()).upper()


def test_lifespan_state(client: Any) -> None:
    assert client.get("/state").json() == {"greeting": "from the lifespan"}


def test_unexpected_error(client: Any) -> None:
    response = client.get("/broken")
    assert (response.status_code, response.text) == (500, "Internal Server Error")
    client.server.wait_stderr("ValueError: broken on purpose")
    assert "Exception in ASGI application" in client.server.stderr
    # The exception closes its connection. The next request uses a new connection and is served.
    assert httpx.get(f"{client.server.url}/state", trust_env=False).status_code == 200


def test_access_log(client: Any) -> None:
    client.get("/state?q=logged")
    line = client.server.wait_stdout(r"INFO: +127\.0\.0\.1:\d+ - \"GET /state\?q=logged HTTP/1\.1\" 200 OK\n")
    assert line
