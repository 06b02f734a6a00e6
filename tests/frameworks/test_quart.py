"""Quart on a real server."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.frameworks.conftest import needs

pytestmark = needs("quart")


@pytest.fixture(scope="module")
def client(serve_app: Callable[..., Any]) -> Any:
    return serve_app("quart_app", "--lifespan", "on")


def test_startup_ran(client: Any) -> None:
    assert client.get("/greeting").text == "from before_serving"


def test_json(client: Any) -> None:
    response = client.post("/json", params={"q": "a b"}, json={"caf\u00e9": [1, None]})
    assert response.json() == {"received": {"caf\u00e9": [1, None]}, "query": {"q": "a b"}}


def test_form(client: Any) -> None:
    assert client.post("/form", data={"a": "1&2"}).json() == {"a": "1&2"}


def test_multipart(client: Any) -> None:
    response = client.post("/upload", files={"file": ("f.bin", b"\0" * 1_000_000)}, data={"note": "n"})
    assert response.json() == {"name": "f.bin", "size": 1_000_000, "note": "n"}


def test_streaming_out(client: Any) -> None:
    assert client.get("/stream").text.splitlines() == [f"line {number}" for number in range(1000)]


def test_streaming_in(client: Any) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(100):
            yield b"x" * 10_000

    assert client.post("/read", content=pieces()).json() == {"size": 1_000_000}


def test_errors(client: Any) -> None:
    assert client.get("/nowhere").status_code == 404
    assert client.get("/broken").status_code == 500
    client.server.wait_stderr("ValueError: broken on purpose")
    assert client.get("/greeting").status_code == 200
