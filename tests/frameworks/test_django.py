"""Django's ASGI handler on a real server."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.frameworks.conftest import needs

pytestmark = needs("django")


@pytest.fixture(scope="module")
def client(serve_app: Callable[..., Any]) -> Any:
    # Django's handler knows no lifespan: "auto" has to cope with that.
    return serve_app("django_app")


def test_lifespan_is_not_supported(client: Any) -> None:
    client.server.wait_stderr("ASGI 'lifespan' protocol appears unsupported.")
    assert "Traceback" not in client.server.stderr


def test_json(client: Any) -> None:
    response = client.post("/json", params={"q": "a b"}, json={"caf\u00e9": [1, None]})
    assert response.json() == {"received": {"caf\u00e9": [1, None]}, "query": {"q": "a b"}}


def test_form(client: Any) -> None:
    assert client.post("/form", data={"a": "1&2"}).json() == {"fields": {"a": "1&2"}}


def test_multipart(client: Any) -> None:
    response = client.post("/upload", files={"file": ("f.bin", b"\0" * 3_000_000)}, data={"note": "n"})
    assert response.json() == {"name": "f.bin", "size": 3_000_000, "note": "n"}


def test_streaming_out(client: Any) -> None:
    assert client.get("/stream").text.splitlines() == [f"line {number}" for number in range(1000)]


def test_streaming_in(client: Any) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(100):
            yield b"x" * 10_000

    assert client.post("/read", content=pieces()).json() == {"size": 1_000_000}


def test_cookies(client: Any) -> None:
    response = client.get("/cookies")
    assert len(response.headers.get_list("set-cookie")) == 2
    client.cookies.clear()


def test_errors(client: Any) -> None:
    assert client.get("/nowhere").status_code == 404
    assert client.get("/broken").status_code == 500
    assert client.get("/cookies").status_code == 200
