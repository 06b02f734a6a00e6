"""HAProxy speaks HTTP/2 to the server: in clear text with prior knowledge, over TLS with ALPN."""

import asyncio
import json
import os
import shutil
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
import trustme

from tests.http2 import HELLO, frame, headers, reset
from tests.processes import PATIENCE, ServerProcess, free_port, receive_until, run_async, run_program, serve
from uvicorn._speedups import http2_codes as codes

HAPROXY = shutil.which("haproxy", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"]))
pytestmark = pytest.mark.skipif(HAPROXY is None, reason="HAProxy is not installed")

# The options of the server line that docs/http2.md recommends.
CONFIGURATION = """
defaults
    mode http
    timeout connect {patience}s
    timeout client {patience}s
    timeout server {patience}s
    timeout tunnel {patience}s
frontend clients
    bind 127.0.0.1:{port}
    bind 127.0.0.1:{secure_port} ssl crt {certificate} alpn h2,http/1.1
    default_backend application
backend application
    option forwardfor
    http-request set-header X-Forwarded-Proto http
    http-request set-header X-Forwarded-Proto https if {{ ssl_fc }}
    server application 127.0.0.1:{upstream} {how}
"""


class Front(NamedTuple):
    """A running HAProxy in front of a server."""

    url: str
    secure_port: int
    server: ServerProcess

    @property
    def secure_url(self) -> str:
        return f"https://127.0.0.1:{self.secure_port}"


@pytest.fixture(params=["clear text", "TLS"])
def front(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Front]:
    certificate = tmp_path / "certificate.pem"
    trustme.CA().issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(certificate))
    options = ("--ssl-certfile", str(certificate)) if request.param == "TLS" else ()
    how = "ssl verify none alpn h2 ws h2" if options else "proto h2 ws h2"
    with serve("tests.protocols.http.http2_app:app", "--http2", *options) as server:
        port, secure_port = free_port(), free_port()
        configuration = tmp_path / "haproxy.cfg"
        values = {"port": port, "secure_port": secure_port, "upstream": server.port, "how": how}
        configuration.write_text(CONFIGURATION.format(certificate=certificate, patience=int(PATIENCE), **values))
        with run_program([str(HAPROXY), "-db", "-f", str(configuration)], port=port, stderr=None):
            yield Front(f"http://127.0.0.1:{port}", secure_port, server)
            assert "Traceback" not in server.stderr
            assert "WARNING" not in server.stderr


def test_requests_of_many_clients(front: Front) -> None:
    """Clients of both HTTP versions send bodies, which arrive unchanged, as does a response of 5 MB."""

    async def ask(url: str, http2: bool) -> None:
        async with httpx.AsyncClient(http1=not http2, http2=http2, verify=False, timeout=PATIENCE) as client:
            bodies = [b"%d" % number * 50_000 for number in range(20)]
            answers = await asyncio.gather(*(client.post(f"{url}/echo", content=body) for body in bodies))
            assert [answer.content for answer in answers] == bodies
            assert {answer.http_version for answer in answers} == {"HTTP/2" if http2 else "HTTP/1.1"}
            assert len((await client.get(f"{url}/large")).content) == 5_000_000

    async def ask_all() -> None:
        await asyncio.gather(ask(front.url, False), ask(front.secure_url, False), ask(front.secure_url, True))

    run_async(ask_all())
    front.server.wait_stdout(r'"POST /echo HTTP/2" 200 OK', count=60)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_proxy_passes_the_address_of_the_client(front: Front, scheme: str) -> None:
    url = front.url if scheme == "http" else front.secure_url
    seen = json.loads(httpx.get(f"{url}/scope", verify=False, timeout=PATIENCE).content)
    assert seen == {"http_version": "2", "scheme": scheme, "client": ["127.0.0.1", 0]}


def test_a_client_that_resets_its_stream(front: Front) -> None:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    address = ("127.0.0.1", front.secure_port)
    with context.wrap_socket(socket.create_connection(address, timeout=PATIENCE)) as client:
        client.sendall(HELLO + headers(1, path=b"/until-gone"))
        receive_until(client, lambda received: received.endswith(frame(codes.DATA, 0, 1, b"x")))
        client.sendall(reset(1))
        front.server.wait_stdout(r"http\.disconnect\n")


def test_websockets(front: Front) -> None:
    """A client upgrades its connection, and HAProxy opens a stream for it (RFC 8441)."""
    websockets = pytest.importorskip("websockets.sync.client")
    with websockets.connect(front.url.replace("http:", "ws:"), open_timeout=PATIENCE) as client:
        for message in ("through", "x" * 300_000):
            client.send(message)
            assert client.recv(PATIENCE) == message
        client.close(4001)
    front.server.wait_stdout("closed: 4001 over HTTP 2\n")


def test_a_server_that_ends_while_the_proxy_keeps_its_connection(front: Front) -> None:
    assert httpx.get(front.url, timeout=PATIENCE).text == "Hello, world!"
    assert front.server.stop() == 0
