"""FastAPI on a real server."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.frameworks.conftest import httpx, needs

pytestmark = needs("fastapi", "python_multipart")


@pytest.fixture(scope="module")
def client(serve_app: Callable[..., Any]) -> Any:
    return serve_app("fastapi_app", "--lifespan", "on")


def test_json(client: Any) -> None:
    response = client.post("/items", json={"name": "caf\u00e9", "price": 1.5})
    assert (response.status_code, response.json()) == (200, {"name": "caf\u00e9", "price": 1.5})
    assert response.headers["server"] == "uvicorn"
    assert "date" in response.headers


def test_validation(client: Any) -> None:
    response = client.post("/items", json={"name": "x"})
    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"] == ["body", "price"]


def test_path_and_query(client: Any) -> None:
    assert client.get("/items/7", params={"q": "a b&c"}).json() == {"item_id": 7, "q": "a b&c"}
    assert client.get("/items/x").status_code == 422


def test_form(client: Any) -> None:
    response = client.post("/form", data={"user": "me", "text": "a=b&c"})
    assert response.json() == {"user": "me", "text": "a=b&c"}


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


def test_expected_error(client: Any) -> None:
    response = client.get("/missing")
    assert (response.status_code, response.json()) == (418, {"detail": "no such thing"})
    assert response.headers["x-reason"] == "tea"


def test_unexpected_error(client: Any) -> None:
    response = client.get("/broken")
    assert (response.status_code, response.text) == (500, "Internal Server Error")
    client.server.wait_stderr("ValueError: broken on purpose")
    assert "Exception in ASGI application" in client.server.stderr
    # An exception closes its connection; the next request, on another one, is served.
    assert httpx.get(f"{client.server.url}/items/1", trust_env=False).status_code == 200


def test_access_log(client: Any) -> None:
    client.get("/items/42?q=logged")
    line = client.server.wait_stdout(r"INFO: +127\.0\.0\.1:\d+ - \"GET /items/42\?q=logged HTTP/1\.1\" 200 OK\n")
    assert line


def test_documentation_pages(client: Any) -> None:
    assert client.get("/openapi.json").json()["info"]["title"] == "FastAPI"
    assert client.get("/docs").headers["content-type"] == "text/html; charset=utf-8"
