"""nginx in front, over TCP and over a unix socket: what a proxy says arrives, WebSockets too."""

import base64
import contextlib
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.processes import PATIENCE, ServerProcess, exchange, free_port, serve
from tests.waiting import eventually

NGINX = shutil.which("nginx", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"]))
pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")

# What docs/deployment.md recommends, but for the paths.
CONFIGURATION = """
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
    map $http_upgrade $connection_upgrade {{
        default upgrade;
        '' '';
    }}
    upstream application {{
        server {upstream};
        keepalive 8;
    }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto {scheme};
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
            proxy_buffering off;
            proxy_pass http://application;
        }}
    }}
}}
"""


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Tells what it has been told, over HTTP and as the first message of a WebSocket, which it then echoes."""
    assert scope["type"] in {"http", "websocket"}
    told = json.dumps({"type": scope["type"], "scheme": scope["scheme"], "client": scope["client"]})
    if scope["type"] == "http":
        length = 0
        while (event := await receive())["type"] == "http.request":
            length += len(event["body"])
            if not event["more_body"]:
                break
        body = told.encode() if not length else str(length).encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
        await send({"type": "http.response.body", "body": body})
        return
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": told})
    while (event := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": event["text"]})


@pytest.fixture(params=["tcp", "unix"])
def upstream(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, ServerProcess]]:
    """The server, and its name for nginx."""
    pytest.importorskip("websockets")
    arguments = ["tests.test_nginx:app", "--lifespan", "off"]
    if request.param == "tcp":
        with serve(*arguments) as server:
            yield f"127.0.0.1:{server.port}", server
    else:
        path = tmp_path / "socket"
        with serve(*arguments, "--uds", str(path), "--forwarded-allow-ips", "*") as server:
            yield f"unix:{path}", server


@pytest.fixture
def address(upstream: tuple[str, ServerProcess], tmp_path: Path) -> Iterator[tuple[str, int]]:
    """Where nginx is."""
    port = free_port()
    # As root, it would drop privileges, and could not get at the socket.
    user = "" if os.geteuid() else "user root;"
    configuration = tmp_path / "nginx.conf"
    values = {"directory": tmp_path, "upstream": upstream[0], "port": port, "scheme": "https", "user": user}
    configuration.write_text(CONFIGURATION.format(**values))
    assert NGINX is not None
    process = subprocess.Popen([NGINX, "-c", str(configuration), "-e", str(tmp_path / "error.log")])
    try:
        eventually(lambda: socket.create_connection(("127.0.0.1", port)).close() is None)
        yield "127.0.0.1", port
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(PATIENCE)
        finally:
            process.kill()


def body_of(answer: bytes) -> bytes:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), answer
    return body


def test_scheme_and_client_come_through(address: tuple[str, int]) -> None:
    request = b"GET / HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n"
    told = json.loads(body_of(exchange(address, request)))
    assert told == {"type": "http", "scheme": "https", "client": ["127.0.0.1", 0]}


def test_all_proxies_of_the_chain_are_heard(address: tuple[str, int]) -> None:
    request = b"GET / HTTP/1.1\r\nhost: test\r\nx-forwarded-for: 192.0.2.7\r\nconnection: close\r\n\r\n"
    told = json.loads(body_of(exchange(address, request)))
    # nginx has appended its own client, 127.0.0.1, which is a trusted proxy too.
    assert told["client"] == ["192.0.2.7", 0]


def test_a_large_body_comes_through(address: tuple[str, int]) -> None:
    body = b"x" * 900_000
    head = b"POST / HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(body)
    assert body_of(exchange(address, head + body)) == b"900000"


def test_connections_to_the_server_are_kept(address: tuple[str, int], upstream: tuple[str, ServerProcess]) -> None:
    for _ in range(20):
        exchange(address, b"GET / HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n")
    assert upstream[1].stop(signal.SIGTERM) == -signal.SIGTERM  # although nginx keeps them


def test_websockets_come_through(address: tuple[str, int]) -> None:
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
        told = json.loads(read_text(file))
        assert told == {"type": "websocket", "scheme": "wss", "client": ["127.0.0.1", 0]}
        client.sendall(text_frame(b"through"))
        assert read_text(file) == b"through"


def read_text(file: Any) -> bytes:
    """The text of an unfragmented, short frame of a server (RFC 6455 section 5.2)."""
    first, length = file.read(2)
    assert first == 0x81
    assert length < 126
    return bytes(file.read(length))


def text_frame(text: bytes) -> bytes:
    """A masked frame; the mask is zero."""
    return bytes([0x81, 0x80 | len(text)]) + bytes(4) + text
