"""HTTP/2 with real clients, over real sockets."""

import asyncio
import shutil
import signal
import ssl
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from tests.processes import PATIENCE, foreign_environ, serve

APP = "tests.protocols.http.http2_app:app"


def _run(*command: str) -> bytes:
    """Run a client and return its output."""
    return subprocess.run(command, capture_output=True, env=foreign_environ(), timeout=PATIENCE).stdout


def _env(build: str) -> dict[str, str]:
    return {"UVICORN_SPEEDUPS": "off" if build == "pure" else "require"}


async def _ask(url: str, verify: Any = True, http1: bool = False) -> None:
    async with httpx.AsyncClient(http2=True, http1=http1, verify=verify, timeout=PATIENCE) as client:
        first = await client.get(url)
        assert (first.http_version, first.status_code, first.text) == ("HTTP/2", 200, "Hello, world!")
        answers = await asyncio.gather(*(client.post(f"{url}/echo", content=b"x" * 100_000) for _ in range(20)))
        assert all(answer.content == b"x" * 100_000 for answer in answers)
        large = await client.get(f"{url}/large")
        assert len(large.content) == 5_000_000


def test_clear_text(build: str, loop: str) -> None:
    with serve(APP, "--http2", "--loop", loop, env=_env(build)) as server:
        asyncio.run(_ask(server.url))
        assert httpx.get(server.url).http_version == "HTTP/1.1"
        server.wait_stdout(r'"GET / HTTP/2" 200 OK')
        server.wait_stdout(r'"GET / HTTP/1.1" 200 OK')
        assert server.stop() == 0
        assert "Traceback" not in server.stderr


def test_tls(build: str, loop: str, tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = str(tmp_path / "certificate.pem")
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(certificate)
    context = ssl.create_default_context()
    authority.configure_trust(context)
    arguments = ("--http2", "--loop", loop, "--ssl-certfile", certificate)
    with serve(APP, *arguments, env=_env(build)) as server:
        asyncio.run(_ask(server.url.replace("http:", "https:"), verify=context, http1=True))
        assert server.stop() == 0
        assert "Traceback" not in server.stderr


def test_workers(build: str) -> None:
    with serve(APP, "--http2", "--workers", "2", env=_env(build)) as server:
        server.wait_stderr("Application startup complete.", count=2)
        for _ in range(4):
            asyncio.run(_ask(server.url))
        assert server.stop() == 0
        assert "Traceback" not in server.stderr


def test_http2_is_off_by_default() -> None:
    with serve(APP) as server:
        assert httpx.get(server.url).http_version == "HTTP/1.1"
        with pytest.raises(httpx.RemoteProtocolError):
            asyncio.run(_ask(server.url))


def test_curl(build: str) -> None:
    curl = shutil.which("curl")
    if curl is None or b"HTTP2" not in _run(curl, "--version"):
        pytest.skip("curl with HTTP/2 is not installed")
    with serve(APP, "--http2", env=_env(build)) as server:
        url = f"{server.url}/echo"
        assert _run(curl, "-s", "--http2-prior-knowledge", "-w", "%{http_version}", "-d", "abc", url) == b"abc2"


# On a slow server, h2load counts requests that it has not sent as failed: it does not connect again while other
# requests are being answered.
@pytest.mark.timing
@pytest.mark.skipif("sys.platform == 'win32'", reason="there is no SIGHUP")
def test_a_rolling_restart_loses_no_request() -> None:
    h2load = shutil.which("h2load")
    if h2load is None:
        pytest.skip("h2load is not installed")
    with serve(APP, "--http2", "--workers", "2", "--no-access-log") as server:
        server.wait_stderr("Application startup complete.", count=2)
        server.send_signal(signal.SIGHUP)
        loads = 0
        # Each pass waits for a load. The restart ends the loop; if it does not, the timeout of the test does.
        while "All child processes have been restarted." not in server.stderr or not loads:
            printed = _run(h2load, "-n", "5000", "-c", "5", "-m", "10", server.url)
            assert b"5000 succeeded, 0 failed, 0 errored" in printed, printed
            loads += 1
        assert server.stop() == 0
