"""ASGI extensions as frameworks use them, on both event loops, over HTTP/1.1 and HTTP/2."""

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from tests.frameworks.conftest import needs
from tests.processes import PATIENCE, ServerProcess, exchange, foreign_environ, serve
from tests.waiting import eventually

pytestmark = needs("fastapi", "h2")

LARGE = bytes(range(256)) * 40960


@pytest.fixture(scope="module", params=["asyncio", "uvloop"])
def client(serve_app: Callable[..., Any], request: pytest.FixtureRequest) -> Any:
    if importlib.util.find_spec(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    return serve_app("extensions_app", "--loop", request.param, "--http2")


@pytest.fixture
def http2(client: Any) -> Iterator[httpx.Client]:
    """A client that uses HTTP/2 with prior knowledge."""
    with httpx.Client(base_url=client.base_url, http1=False, http2=True, timeout=PATIENCE, trust_env=False) as other:
        yield other


def test_a_file(client: Any, http2: httpx.Client) -> None:
    for _ in range(3):
        assert client.get("/large").content == LARGE
        assert http2.get("/large").content == LARGE
    assert client.head("/large").headers["content-length"] == str(len(LARGE))
    assert client.get("/large", headers={"Range": "bytes=256-511"}).content == bytes(range(256))


def test_a_file_over_tls(tmp_path: Path) -> None:
    certificate = tmp_path / "certificate.pem"
    trustme.CA().issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(certificate))
    with serve("tests.frameworks.apps.extensions_app:app", "--ssl-certfile", str(certificate)) as server:
        url = f"https://127.0.0.1:{server.port}/large"
        with httpx.Client(verify=False, timeout=PATIENCE, trust_env=False) as other:
            assert [other.get(url).content == LARGE for _ in range(2)] == [True, True]


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_a_file_with_curl(client: Any, tmp_path: Path) -> None:
    """curl fetches the file several times over one connection, slowly, and over HTTP/2."""
    url = f"{client.server.url}/large"
    # Some versions of curl cannot reuse an HTTP/2 connection that began without ALPN.
    for options, names in ([], "ab"), (["--limit-rate", "20M"], "cd"), (["--http2-prior-knowledge"], "e"):
        command = ["curl", "--silent", "--show-error", "--fail", "--max-time", str(PATIENCE), *options]
        outputs = [tmp_path / name for name in names]
        for output in outputs:
            command += ["--output", str(output), url]
        subprocess.run(command, check=True, env=foreign_environ())
        assert all(output.read_bytes() == LARGE for output in outputs)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux reports which files are open")
@pytest.mark.parametrize("wire", ["http1", "http2"])
def test_a_client_that_leaves_closes_the_file(client: Any, http2: httpx.Client, wire: str) -> None:
    with (client if wire == "http1" else http2).stream("GET", "/large") as response:
        assert next(response.iter_raw(1000)) == LARGE[:1000]
    # This client closes the connection and does not reset the stream.
    http2.close()
    eventually(lambda: client.get("/open-files").json() is False)


def test_early_hints(client: Any) -> None:
    server: ServerProcess = client.server
    wire = exchange((server.host, server.port), b"GET /hints HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    hints, _, rest = wire.partition(b"\r\n\r\n")
    assert hints == (
        b"HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload; as=style\r\nlink: </b.js>; rel=preload; as=script"
    )
    assert rest.startswith(b"HTTP/1.1 200 OK\r\n")
    assert rest.endswith(b"\r\n\r\nhinted")


def test_clients_read_past_early_hints(client: Any, http2: httpx.Client) -> None:
    for each in (client, http2):
        response = each.get("/hints")
        assert (response.status_code, response.text) == (200, "hinted")
