"""Starlette on a real server, with each parser."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.frameworks.conftest import needs

pytestmark = needs("starlette", "python_multipart")


@pytest.fixture(scope="module", params=["h11", "httptools"])
def client(serve_app: Callable[..., Any], request: pytest.FixtureRequest) -> Any:
    if request.param == "httptools":
        pytest.importorskip("httptools")
    return serve_app("starlette_app", "--http", request.param)


def test_streaming_response(client: Any) -> None:
    response = client.get("/stream", params={"lines": 5000})
    assert response.headers["transfer-encoding"] == "chunked"
    assert response.text.splitlines() == [f"line {number}" for number in range(5000)]


def test_an_endless_response_ends_with_its_client(client: Any) -> None:
    with client.stream("GET", "/endless") as response:
        assert next(response.iter_raw(1000)) == b"x" * 1000
    assert client.get("/has-ended").text == "ended"


def test_background_task(client: Any) -> None:
    assert client.get("/background", params={"name": "job"}).text == "started"
    assert "job" in client.get("/background-done").json()


def test_upload_of_10_mb(client: Any) -> None:
    data = bytes(range(256)) * 40960
    assert len(data) == 10 * 2**20
    assert client.post("/upload", content=data).json() == {"size": len(data)}


def test_upload_in_chunks(client: Any) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(160):
            yield b"x" * 65536

    assert client.post("/upload", content=pieces()).json() == {"size": 10 * 2**20}


def test_multipart_of_10_mb(client: Any) -> None:
    files = {"file": ("large.bin", b"\xff" * (10 * 2**20))}
    response = client.post("/form", files=files, data={"note": "large"})
    assert response.json() == {"name": "large.bin", "size": 10 * 2**20, "note": "large"}


def test_static_files(client: Any) -> None:
    response = client.get("/static/page.txt")
    assert response.text == "a page\n" * 1000
    assert response.headers["content-length"] == "7000"
    again = client.get("/static/page.txt", headers={"If-None-Match": response.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get("/static/missing.txt").status_code == 404
    assert client.get("/static/%2e%2e/%2e%2e/etc/passwd").status_code == 404


def test_static_head_and_range(client: Any) -> None:
    head = client.head("/static/large.bin")
    assert (head.headers["content-length"], head.content) == (str(2**20), b"")
    part = client.get("/static/large.bin", headers={"Range": "bytes=256-511"})
    assert (part.status_code, part.content) == (206, bytes(range(256)))
    assert client.get("/static/large.bin").content == bytes(range(256)) * 4096


def test_state_is_copied_for_each_request(client: Any) -> None:
    first = client.get("/count").json()
    assert client.get("/count").json() == first + 1


def test_method_not_allowed(client: Any) -> None:
    response = client.post("/count", content=b"a body that is not read")
    assert response.status_code == 405
    assert client.get("/count").status_code == 200
