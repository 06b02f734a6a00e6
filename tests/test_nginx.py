"""nginx in front of the server, over TCP and over a unix socket, with its forwarding headers and WebSockets."""

import asyncio
import base64
import contextlib
import functools
import hashlib
import json
import os
import shutil
import signal
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from tests.docs.blocks import blocks
from tests.processes import (
    PATIENCE,
    ROOT,
    ServerProcess,
    exchange,
    free_port,
    receive_until,
    run_async,
    run_program,
    serve,
)

NGINX = shutil.which("nginx", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"]))
pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")

# The configuration around the part that docs/deployment.md recommends.
FRAME = """
daemon off;
{user}
worker_processes 1;
pid {directory}/pid;
error_log {directory}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    {recommended}
}}
"""


def recommended(upstream: str, port: int) -> str:
    """Return the configuration of docs/deployment.md, with another upstream and port."""
    (text,) = (block.text for block in blocks(ROOT / "docs" / "deployment.md") if block.language == "nginx")
    for old, new in {
        "server unix:/run/app/socket;": f"server {upstream};",
        "listen 80;": f"listen 127.0.0.1:{port};",
    }.items():
        assert old in text
        text = text.replace(old, new)
    return text


@functools.cache
def go() -> asyncio.Event:
    """The event after which the application sends the second part."""
    return asyncio.Event()


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Respond with the scope. Over a WebSocket, send the scope as the first message, and then echo messages."""
    assert scope["type"] in {"http", "websocket"}
    seen = json.dumps({"type": scope["type"], "scheme": scope["scheme"], "client": scope["client"]})
    if scope["type"] == "http":
        length = 0
        while (event := await receive())["type"] == "http.request":
            length += len(event["body"])
            if not event["more_body"]:
                break
        if scope["path"] == "/parts":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"first", "more_body": True})
            await go().wait()
            await send({"type": "http.response.body", "body": b"second"})
            return
        if scope["path"] == "/go":
            go().set()
        body = seen.encode() if not length else str(length).encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
        await send({"type": "http.response.body", "body": body})
        return
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": seen})
    while (event := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": event["text"]})


@pytest.fixture(params=["tcp", "unix"])
def upstream(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, ServerProcess]]:
    """The server, and its address in nginx's configuration."""
    pytest.importorskip("websockets")
    arguments = ["tests.test_nginx:app", "--lifespan", "off"]
    if request.param == "tcp":
        with serve(*arguments) as server:
            yield f"127.0.0.1:{server.port}", server
    else:
        path = tmp_path / "socket"
        with serve(*arguments, "--uds", str(path), "--forwarded-allow-ips", "unix") as server:
            yield f"unix:{path}", server


@pytest.fixture
def address(upstream: tuple[str, ServerProcess], tmp_path: Path) -> Iterator[tuple[str, int]]:
    """The address of nginx."""
    port = free_port()
    with run_nginx(recommended(upstream[0], port), port, tmp_path):
        yield "127.0.0.1", port


@contextlib.contextmanager
def run_nginx(servers: str, port: int, directory: Path) -> Iterator[None]:
    # As root, nginx would drop privileges, and then could not open the socket.
    user = "" if os.geteuid() else "user root;"
    configuration = directory / "nginx.conf"
    configuration.write_text(FRAME.format(directory=directory, user=user, recommended=servers))
    assert NGINX is not None
    with run_program([NGINX, "-c", str(configuration), "-e", str(directory / "error.log")], port=port, stderr=None):
        yield


def body_of(answer: bytes) -> bytes:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), answer
    return body


def test_scheme_and_client_are_forwarded(address: tuple[str, int]) -> None:
    request = b"GET / HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n"
    seen = json.loads(body_of(exchange(address, request)))
    assert seen == {"type": "http", "scheme": "http", "client": ["127.0.0.1", 0]}


def test_a_client_cannot_forge_its_address(address: tuple[str, int]) -> None:
    forged = (
        b"x-forwarded-for: 192.0.2.7\r\nx-forwarded-for: 192.0.2.8, unix\r\nx-forwarded-proto: https\r\n"
        b"x_forwarded_for: 192.0.2.9\r\nforwarded: for=192.0.2.10;proto=https\r\n"
    )
    request = b"GET / HTTP/1.1\r\nhost: test\r\n%bconnection: close\r\n\r\n" % forged
    seen = json.loads(body_of(exchange(address, request)))
    assert seen == {"type": "http", "scheme": "http", "client": ["127.0.0.1", 0]}


def test_parts_of_a_response_are_not_held_back(address: tuple[str, int]) -> None:
    with socket.create_connection(address, timeout=PATIENCE) as client:
        client.sendall(b"GET /parts HTTP/1.1\r\nhost: test\r\n\r\n")
        received = receive_until(client, lambda received: b"first" in received)
        # The application sends the second part when this request has arrived.
        body_of(exchange(address, b"GET /go HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n"))
        receive_until(client, lambda received: b"second" in received, received)


def test_a_large_body_is_forwarded(address: tuple[str, int]) -> None:
    body = b"x" * 900_000
    head = b"POST / HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(body)
    assert body_of(exchange(address, head + body)) == b"900000"


def test_connections_to_the_server_are_kept(address: tuple[str, int], upstream: tuple[str, ServerProcess]) -> None:
    for _ in range(20):
        exchange(address, b"GET / HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n")
    assert upstream[1].stop(signal.SIGTERM) == -signal.SIGTERM  # although nginx keeps them


def test_websockets_are_forwarded(address: tuple[str, int]) -> None:
    key = base64.b64encode(os.urandom(16))
    request = (
        b"GET / HTTP/1.1\r\nhost: test\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
        b"sec-websocket-version: 13\r\nsec-websocket-key: %b\r\n\r\n"
    )
    with (
        socket.create_connection(address, timeout=PATIENCE) as client,
        contextlib.closing(client.makefile("rb")) as file,
    ):
        client.sendall(request % key)
        assert file.readline().startswith(b"HTTP/1.1 101 ")
        headers = {}
        while (line := file.readline()) != b"\r\n":
            name, _, value = line.partition(b":")
            headers[name.lower()] = value.strip()
        accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        assert headers[b"sec-websocket-accept"] == accept
        seen = json.loads(read_text(file))
        assert seen == {"type": "websocket", "scheme": "ws", "client": ["127.0.0.1", 0]}
        client.sendall(text_frame(b"through"))
        assert read_text(file) == b"through"


def test_nginx_with_http2_clients(upstream: tuple[str, ServerProcess], tmp_path: Path) -> None:
    """nginx gets requests over HTTP/2 and sends HTTP/1.1 to the server. Before 1.29, nginx has no other version."""
    port = free_port()
    certificate = tmp_path / "certificate.pem"
    authority = trustme.CA()
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(certificate))
    context = ssl.create_default_context()
    authority.configure_trust(context)
    plain = f"listen 127.0.0.1:{port};"
    secure = f"listen 127.0.0.1:{port} ssl http2; ssl_certificate {certificate}; ssl_certificate_key {certificate};"

    async def ask() -> None:
        async with httpx.AsyncClient(http1=False, http2=True, verify=context, timeout=PATIENCE) as client:
            answers = await asyncio.gather(
                *(client.post(f"https://127.0.0.1:{port}/", content=b"x" * 100_000) for _ in range(20))
            )
            assert {(answer.http_version, answer.text) for answer in answers} == {("HTTP/2", "100000")}
            seen = (await client.get(f"https://127.0.0.1:{port}/")).json()
            assert seen == {"type": "http", "scheme": "https", "client": ["127.0.0.1", 0]}

    with run_nginx(recommended(upstream[0], port).replace(plain, secure), port, tmp_path):
        run_async(ask())
    upstream[1].wait_stdout(r'"POST / HTTP/1\.1" 200 OK', count=20)


def read_text(file: Any) -> bytes:
    """Read the text of an unfragmented, short frame of a server (RFC 6455 section 5.2)."""
    first, length = file.read(2)
    assert first == 0x81
    assert length < 126
    return bytes(file.read(length))


def text_frame(text: bytes) -> bytes:
    """Encode a masked text frame. The mask is zero."""
    return bytes([0x81, 0x80 | len(text)]) + bytes(4) + text
