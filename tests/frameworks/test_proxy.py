"""A reverse proxy over httpx, which passes on the framing fields of its upstream unchanged."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.frameworks.conftest import httpx, needs
from tests.processes import PATIENCE, ServerProcess

pytestmark = needs("starlette")


@pytest.fixture(scope="module", params=["h11", "httptools"])
def proxy(serve_app: Callable[..., Any], request: pytest.FixtureRequest) -> Iterator[Any]:
    if request.param == "httptools":
        pytest.importorskip("httptools")
    upstream = serve_app("proxy_app:upstream")
    with ServerProcess(
        "tests.frameworks.apps.proxy_app:app", "--http", request.param, env={"UPSTREAM": upstream.server.url}
    ) as server:
        with httpx.Client(base_url=server.url, timeout=PATIENCE, trust_env=False) as client:
            yield client
        assert "Traceback" not in server.stderr


@pytest.fixture(params=["streamed", "whole"])
def way(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


def test_a_chunked_body(proxy: Any, way: str) -> None:
    response = proxy.get(f"/{way}/chunked")
    assert response.content == b"".join(b"part %d;" % number for number in range(20))
    assert response.headers.get_list("transfer-encoding") == ["chunked"]
    assert "content-length" not in response.headers


def test_a_body_of_known_length(proxy: Any, way: str) -> None:
    response = proxy.get(f"/{way}/sized")
    assert response.text == "x" * 100_000
    assert response.headers.get_list("content-length") == ["100000"]


@pytest.mark.parametrize("path", ["chunked", "sized"])
def test_head(proxy: Any, way: str, path: str) -> None:
    response = proxy.head(f"/{way}/{path}")
    assert (response.status_code, response.content) == (200, b"")


@pytest.mark.parametrize("code", [204, 205, 304])
def test_no_body(proxy: Any, way: str, code: int) -> None:
    response = proxy.get(f"/{way}/status/{code}")
    assert (response.status_code, response.content, response.headers["etag"]) == (code, b"", '"1"')


def test_an_upload(proxy: Any, way: str) -> None:
    assert proxy.post(f"/{way}/echo", content=b"y" * 300_000).content == b"y" * 300_000
    response = proxy.post(f"/{way}/echo", content=iter([b"one ", b"two"]))
    assert (response.status_code, response.content) == (201, b"one two")


def test_a_redirect(proxy: Any, way: str) -> None:
    response = proxy.get(f"/{way}/redirect")
    assert (response.status_code, response.headers["location"], response.cookies["a"]) == (307, "/sized", "1")
