"""A real server, real sockets, and the client of the `websockets` library."""

import contextlib
import signal
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.processes import PATIENCE, ServerProcess, serve
from tests.protocols.websockets.classes import SERVED
from tests.protocols.websockets.connection import request
from tests.protocols.websockets.frames import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    ServerFrame,
    close,
    deflated,
    frame,
    read_frames,
)

client = pytest.importorskip("websockets.sync.client")
exceptions = pytest.importorskip("websockets.exceptions")

APP = "tests.protocols.websockets.live_app:app"


SERVERS = [("builtin", "httptools"), ("builtin", "h11"), ("websockets", "httptools"), ("wsproto", "httptools")]


def arguments(codec: str, *more: str, parser: str = "auto") -> list[str]:
    return [APP, "--ws", codec, "--http", parser, "--lifespan", "off", *more]


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest) -> Iterator[ServerProcess]:
    """One server for each codec, and one with the other HTTP parser."""
    codec, parser = request.param
    pytest.importorskip(SERVED[codec])
    pytest.importorskip(parser)
    with serve(*arguments(codec, parser=parser)) as process:
        yield process


@pytest.fixture(params=SERVED)
def codec_name(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    pytest.importorskip(SERVED[name])
    return name


def open_websocket(server: ServerProcess, path: str = "/echo", **options: Any) -> Any:
    return client.connect(f"ws://127.0.0.1:{server.port}{path}", open_timeout=PATIENCE, max_size=None, **options)


def open_socket(server: ServerProcess, path: bytes = b"/echo", *fields: bytes) -> socket.socket:
    """A raw connection after its handshake."""
    connection = socket.create_connection(("127.0.0.1", server.port), PATIENCE)
    connection.sendall(request(*fields, line=b"GET %b HTTP/1.1" % path))
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += connection.recv(1)
    assert answer.startswith(b"HTTP/1.1 101 ")
    return connection


def read_to_end(connection: socket.socket) -> bytes:
    received = b""
    while piece := connection.recv(65536):
        received += piece
    return received


@pytest.mark.parametrize("compression", ["deflate", None])
def test_echo(server: ServerProcess, compression: Any) -> None:
    with open_websocket(server, compression=compression) as websocket:
        assert bool(websocket.protocol.extensions) == bool(compression)
        assert websocket.response.headers["x-app"] == "echo"
        for message in ("", "Grüße", "x" * 126, "€" * 70000, b"", b"\x00\xff", bytes(range(256)) * 4096):
            websocket.send(message)
            assert websocket.recv(timeout=PATIENCE) == message
        websocket.send(["in ", "", "fragments"])
        assert websocket.recv(timeout=PATIENCE) == "in fragments"
        assert websocket.ping().wait(PATIENCE)


def test_subprotocol(server: ServerProcess) -> None:
    with open_websocket(server, subprotocols=["b", "a"]) as websocket:
        assert websocket.subprotocol == "b"


def test_default_headers(server: ServerProcess) -> None:
    with open_websocket(server) as websocket:
        headers = websocket.response.headers
        assert headers.get_all("server") == ["uvicorn"]
        assert len(headers.get_all("date")) == 1


def test_the_client_closes(server: ServerProcess) -> None:
    with open_websocket(server) as websocket:
        websocket.close(4001, "enough")
        assert (websocket.protocol.close_code, websocket.protocol.close_reason) == (4001, "enough")
    server.wait_stdout("disconnect 4001 enough")


def test_the_application_closes(server: ServerProcess) -> None:
    with open_websocket(server, "/close?code=4002&reason=why") as websocket:
        with pytest.raises(exceptions.ConnectionClosedError):
            websocket.recv(timeout=PATIENCE)
        assert (websocket.protocol.close_code, websocket.protocol.close_reason) == (4002, "why")


@pytest.mark.parametrize(("path", "code"), [("/fail", 1011), ("/leave", 1000)])
def test_the_application_ends(server: ServerProcess, path: str, code: int) -> None:
    with open_websocket(server, path) as websocket:
        with pytest.raises(exceptions.ConnectionClosed):
            websocket.recv(timeout=PATIENCE)
        assert websocket.protocol.close_code == code


@pytest.mark.parametrize(("path", "status", "body"), [("/deny", 401, b"not you"), ("/refuse", 403, b"")])
def test_denied(server: ServerProcess, path: str, status: int, body: bytes) -> None:
    with pytest.raises(exceptions.InvalidStatus) as caught:
        open_websocket(server, path)
    assert (caught.value.response.status_code, bytes(caught.value.response.body)) == (status, body)


def test_the_network_breaks(server: ServerProcess) -> None:
    with open_socket(server) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    assert server.wait_stdout("disconnect 1005 without a reason")


def test_half_closed(server: ServerProcess) -> None:
    with open_socket(server) as connection:
        connection.sendall(frame(TEXT, b"last"))
        assert read_frames(connection.recv(100))[0].payload == b"last"
        connection.shutdown(socket.SHUT_WR)
        assert read_to_end(connection) == b""


def test_a_client_that_still_sends_gets_the_refusal(server: ServerProcess) -> None:
    with open_socket(server) as connection:
        connection.sendall(frame(BINARY, length=20 << 20) + bytes(1 << 20))
        [answer] = read_frames(read_to_end(connection))
        assert (answer.opcode, answer.code) == (CLOSE, 1009)


def test_a_bomb_is_not_inflated(server: ServerProcess) -> None:
    extension = b"Sec-WebSocket-Extensions: permessage-deflate"
    with open_socket(server, b"/echo", extension) as connection:
        before = resident(server.pid)
        connection.sendall(frame(BINARY, deflated(bytes(128 << 20)), rsv=4))
        [answer] = read_frames(read_to_end(connection))
        assert answer.code == 1009
        # The limit is half of the inflated size: room for a message of the largest size (16 MiB), and for copies of it
        # that PyPy has not collected yet.
        assert resident(server.pid) - before < 64 << 20


def resident(pid: int) -> int:
    """The highest memory use of the process so far, in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmHWM")


def test_a_client_that_does_not_read_uses_no_memory(server: ServerProcess) -> None:
    with open_socket(server, b"/flood") as connection:
        before = last = resident(server.pid)
        while True:
            time.sleep(0.2)
            now = resident(server.pid)
            assert now - before < 4 << 20
            if now == last:
                break
            last = now
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    server.wait_stdout("flood ended: ClientDisconnected")
    assert "Traceback" not in server.stderr.rpartition("flood")[2]


def test_frames_after_the_request(server: ServerProcess) -> None:
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as connection:
        http = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
        connection.sendall(http + request(line=b"GET /echo HTTP/1.1") + frame(TEXT, b"early"))
        answer = b""
        while not answer.endswith(b"early"):
            answer += connection.recv(65536)
        connection.sendall(close(1000))
        answer += read_to_end(connection)
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        frames = answer.partition(b"HTTP/1.1 101 Switching Protocols\r\n")[2].partition(b"\r\n\r\n")[2]
        assert [item.payload for item in read_frames(frames)] == [b"early", b"\x03\xe8"]


def test_log_lines(server: ServerProcess) -> None:
    with open_websocket(server, "/echo?log=%0A"):
        pass
    assert "INFO:     127.0.0.1:" in server.wait_stderr(r'INFO:.* - "WebSocket /echo\?log=%0A" \[accepted\]\n')[0]


def test_shutdown(codec_name: str) -> None:
    with serve(*arguments(codec_name)) as server, open_websocket(server) as websocket:
        started = time.monotonic()
        server.send_signal(signal.SIGTERM)
        with pytest.raises(exceptions.ConnectionClosedError):
            websocket.recv(timeout=PATIENCE)
        assert websocket.protocol.close_code == 1012
        assert server.wait() == -signal.SIGTERM
        assert time.monotonic() - started < 5
        assert "disconnect 1012 without a reason" in server.stdout


def test_shutdown_does_not_wait_for_a_silent_client(codec_name: str) -> None:
    with (
        serve(*arguments(codec_name, "--timeout-graceful-shutdown", "1")) as server,
        open_socket(server, b"/idle") as connection,
    ):
        server.send_signal(signal.SIGINT)
        assert read_frames(read_to_end(connection))[0].code == 1012
        assert server.wait() == 0


def test_keepalive(codec_name: str) -> None:
    options = ("--ws-ping-interval", "0.2", "--ws-ping-timeout", "2")
    with serve(*arguments(codec_name, *options)) as server, open_socket(server) as connection:
        for _ in range(2):
            assert read_frames(connection.recv(2)) == [ServerFrame(PING, b"")]
            connection.sendall(frame(PONG))
        ping, end = read_frames(read_to_end(connection))
        assert ping.opcode == PING
        assert (end.code, end.reason) == (1011, "keepalive ping timeout")
        server.wait_stdout("disconnect 1005 without a reason")


def test_encrypted(codec_name: str, loop: str, tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    certificate.private_key_and_cert_chain_pem.write_to_path(str(key))
    certificate.cert_chain_pems[0].write_to_path(str(chain))
    context = ssl.create_default_context()
    authority.configure_trust(context)
    options = ("--ssl-certfile", str(chain), "--ssl-keyfile", str(key), "--loop", loop)
    with (
        serve(*arguments(codec_name, *options)) as server,
        client.connect(f"wss://127.0.0.1:{server.port}/echo", ssl=context, max_size=None) as websocket,
    ):
        for message in ("hello", bytes(1 << 20)):
            websocket.send(message)
            assert websocket.recv(timeout=PATIENCE) == message
        with contextlib.suppress(exceptions.ConnectionClosed):
            websocket.send(bytes(20 << 20))
        with pytest.raises(exceptions.ConnectionClosed):
            websocket.recv(timeout=PATIENCE)
        assert websocket.protocol.close_code == 1009


def test_unix_socket(codec_name: str, tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    with serve(*arguments(codec_name, "--uds", path)), client.unix_connect(path, "ws://localhost/echo") as websocket:
        websocket.send("hello")
        assert websocket.recv(timeout=PATIENCE) == "hello"


def test_ws_none() -> None:
    with serve(*arguments("none")) as server, pytest.raises(exceptions.InvalidStatus):
        open_websocket(server)
