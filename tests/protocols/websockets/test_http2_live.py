"""WebSockets over HTTP/2 on a running server, with the library `h2` as the client, and attacks."""

import contextlib
import signal
import socket
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.http2 import HEAD, HELLO, Reader
from tests.processes import PATIENCE, ServerProcess, serve
from tests.protocols.websockets.classes import SERVED
from tests.protocols.websockets.frames import CLOSE, PING, PONG, TEXT, ServerFrame, close, deflated, frame
from tests.protocols.websockets.http2_client import Client
from tests.protocols.websockets.test_http2 import ask
from uvicorn._speedups import http2_codes as codes

APP = "tests.protocols.websockets.live_app:app"
DEFLATE = (b"sec-websocket-extensions", b"permessage-deflate; client_max_window_bits")

# (the codec, the build of the speedups, the loop)
SERVERS = [
    ("builtin", "auto", "asyncio"),
    ("builtin", "off", "uvloop"),
    ("websockets", "auto", "uvloop"),
    ("wsproto", "auto", "asyncio"),
]


def run(codec: str, build: str, loop: str, *more: str) -> contextlib.AbstractContextManager[ServerProcess]:
    pytest.importorskip(SERVED[codec])
    pytest.importorskip(loop)
    options = ("--http2", "--ws", codec, "--loop", loop, "--lifespan", "off", *more)
    return serve(APP, *options, env={"UVICORN_SPEEDUPS": build})


@pytest.fixture(scope="module", params=SERVERS, ids="-".join)
def server(request: pytest.FixtureRequest) -> Iterator[ServerProcess]:
    with run(*request.param, "--timeout-send", "1") as server:
        yield server
        assert server.stderr.count("Traceback") == server.stderr.count("ValueError: on purpose")


@pytest.fixture
def client(server: ServerProcess) -> Iterator[Client]:
    with Client(server) as client:
        yield client


def test_echo(client: Client) -> None:
    number = client.open()
    for message in ("", "Grüße", "x" * 126, "€" * 70_000, b"", b"\x00\xff", bytes(range(256)) * 8192):
        client.send(number, message)
        payload = message.encode() if isinstance(message, str) else message
        assert client.receive(number).payload == payload
    client.close(number, 4001)
    assert client.receive(number).code == 4001
    assert client.get_end(number).ended


def test_deflate(client: Client) -> None:
    number = client.open(b"/echo", DEFLATE)
    assert client.get_headers(number)[b"sec-websocket-extensions"].startswith(b"permessage-deflate")
    client.write(number, frame(TEXT, deflated(b"hello " * 100), rsv=4))
    answer = client.receive(number)
    assert (answer.rsv, len(answer.payload) < 100) == (4, True)


def test_the_answer(client: Client) -> None:
    headers = client.get_headers(client.open(b"/echo", (b"sec-websocket-protocol", b"b, a")))
    assert headers[b"sec-websocket-protocol"] == b"b"
    assert headers[b"x-app"] == b"echo"
    assert headers[b"server"] == b"uvicorn"
    assert not headers.keys() & {b"sec-websocket-accept", b"upgrade", b"connection"}


@pytest.mark.parametrize(("path", "status", "body"), [(b"/deny", b"401", b"not you"), (b"/refuse", b"403", b"")])
def test_denied(client: Client, path: bytes, status: bytes, body: bytes) -> None:
    number = client.ask(path)
    assert client.get_headers(number)[b":status"] == status
    assert client.get_end(number).body == body


@pytest.mark.parametrize(
    ("path", "code"), [(b"/close?code=4002&reason=why", 4002), (b"/fail", 1011), (b"/leave", 1000)]
)
def test_the_application_ends(client: Client, path: bytes, code: int) -> None:
    number = client.open(path)
    assert client.receive(number).code == code
    client.close(number, code)
    assert client.get_end(number).ended


def test_ping(client: Client) -> None:
    number = client.open()
    client.write(number, frame(PING, b"are you there"))
    assert client.receive(number) == ServerFrame(PONG, b"are you there")


def test_two_websockets_and_a_request(client: Client, server: ServerProcess) -> None:
    first, second = client.open(b"/echo?first"), client.open(b"/echo?second")
    request = client.request(path=b"/get")
    for number in range(20):
        client.send(first, f"first {number}")
        client.send(second, f"second {number}")
    assert client.get_end(request).body == b"ok"
    for number in range(20):
        assert client.receive(second).payload == b"second %d" % number
        assert client.receive(first).payload == b"first %d" % number
    client.close(first)
    assert client.receive(first).opcode == CLOSE
    client.send(second, "still here")
    assert client.receive(second).payload == b"still here"
    server.wait_stderr(r'"WebSocket /echo\?first" \[accepted\]')
    server.wait_stdout(r'"GET /get HTTP/2" 200 OK')


def test_shutdown() -> None:
    with run("builtin", "auto", "asyncio") as server, Client(server) as client:
        number = client.open()
        server.send_signal(signal.SIGTERM)
        assert client.receive(number).code == 1012
        client.close(number, 1012)
        while not client.closed:
            client.read()
        assert server.wait() == -signal.SIGTERM
        assert "disconnect 1012 without a reason" in server.stdout


def test_keepalive() -> None:
    with (
        run("builtin", "auto", "asyncio", "--ws-ping-interval", "0.2", "--ws-ping-timeout", "2") as server,
        Client(server) as client,
    ):
        number = client.open()
        for _ in range(2):
            assert client.receive(number) == ServerFrame(PING, b"")
            client.write(number, frame(PONG))
        assert client.receive(number).opcode == PING
        end = client.receive(number)
        assert (end.code, end.reason) == (1011, "keepalive ping timeout")
        assert client.get_end(number).ended


def test_encrypted(loop: str, tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = str(tmp_path / "certificate.pem")
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(certificate)
    context = ssl.create_default_context()
    authority.configure_trust(context)
    context.set_alpn_protocols(["h2"])
    with run("builtin", "auto", loop, "--ssl-certfile", certificate) as server, Client(server, context) as client:
        number = client.open()
        client.send(number, bytes(1 << 20))
        assert client.receive(number).payload == bytes(1 << 20)


# Attacks


def resident(pid: int) -> int:
    """The highest memory use of the process so far, in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmHWM")


@pytest.mark.skipif(sys.platform != "linux", reason="the memory is read from /proc")
def test_streams_that_never_read(server: ServerProcess) -> None:
    with Client(server, reads=False) as client:
        echo = client.open()
        before = resident(server.pid)
        numbers = [client.open(b"/flood") for _ in range(20)]
        # The server cuts off each stream that has taken no bytes for a second. The client reads, but opens no window.
        for number in numbers:
            assert client.get_end(number).reset == codes.CANCEL
        # For each stream, the server may hold 64 KiB and a message, and the frames made of them.
        assert resident(server.pid) - before < 16 << 20
        server.wait_stdout("flood ended: ClientDisconnected", count=20)
        assert not client.streams[echo].ended
        assert client.streams[echo].reset is None


def test_resets_in_the_middle(server: ServerProcess) -> None:
    with Client(server) as client:
        for number in [client.ask(path) for path in (b"/echo", b"/idle", b"/flood", b"/deny") * 5]:
            client.reset(number)
        number = client.open()
        client.write(number, frame(TEXT, b"x" * 1000)[:500])
        client.reset(number)
        number = client.open()
        client.send(number, "after")
        assert client.receive(number).payload == b"after"


def test_a_flood_of_handshakes(server: ServerProcess) -> None:
    with socket.create_connection((server.host, server.port), PATIENCE) as attacker:
        attacker.sendall(HELLO + b"".join(ask(number, path=b"/idle") for number in range(1, 600, 2)))
        reader = Reader()
        rest = b""
        while len(reader.answers) < 300:
            rest += attacker.recv(65536)
            whole = 0
            while len(rest) >= whole + HEAD and len(rest) >= (
                end := whole + HEAD + int.from_bytes(rest[whole : whole + 3], "big")
            ):
                whole = end
            reader.read(rest[:whole])
            rest = rest[whole:]
        resets = [reader.answers[number].reset for number in range(1, 600, 2)]
        assert resets == [None] * 100 + [codes.REFUSED_STREAM] * 200
    with Client(server) as client:
        number = client.open()
        client.write(number, close(1000))
        assert client.receive(number).code == 1000


def test_rapid_resets_of_handshakes(server: ServerProcess) -> None:
    with Client(server) as client:
        with contextlib.suppress(ConnectionError):
            for _ in range(1200):
                client.reset(client.ask(b"/idle"))
        with contextlib.suppress(ConnectionError):
            while not client.closed:
                client.read()
    with Client(server) as client:
        client.open()
