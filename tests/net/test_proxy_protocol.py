"""The PROXY protocol: valid headers in all splits, invalid headers, and a real HAProxy."""

import asyncio
import contextlib
import errno
import json
import os
import shutil
import signal
import socket
import ssl
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.processes import PATIENCE, exchange, free_port, run_async, run_program, serve
from tests.waiting import eventually, turns, until
from uvicorn.config import Config
from uvicorn.net.listeners import AcceptingServer, Connector
from uvicorn.net.proxy_protocol import Header, InvalidHeader, ProxiedTransport, ProxyProtocol, read_header
from uvicorn.server_state import Connections

HAPROXY = shutil.which("haproxy", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"]))
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
REQUEST = b"GET / HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n"
LOOPBACK = bytes([127, 0, 0, 1])


def v2(command: int, kind: int, payload: bytes) -> bytes:
    return SIGNATURE + struct.pack("!BBH", command, kind, len(payload)) + payload


def tlv(kind: int, value: bytes) -> bytes:
    """Encode an extension of version 2 (section 2.2)."""
    return struct.pack("!BH", kind, len(value)) + value


TCP4 = bytes([192, 0, 2, 7]) + bytes([198, 51, 100, 1]) + struct.pack("!HH", 4711, 443)
TCP6 = socket.inet_pton(socket.AF_INET6, "2001:db8::7") + bytes(15) + b"\1" + struct.pack("!HH", 4711, 443)

# ALPN, AUTHORITY, CRC32C (a wrong one), NOOP, UNIQUE_ID, SSL with VERSION and CN in it, NETNS, one of AWS.
EXTENSIONS = (
    *(tlv(0x01, b"h2"), tlv(0x02, b"www.example.org"), tlv(0x03, bytes(4)), tlv(0x04, bytes(9)), tlv(0x05, b"an id")),
    tlv(0x20, struct.pack("!BL", 7, 0) + tlv(0x21, b"TLSv1.3") + tlv(0x22, b"client.example.org")),
    *(tlv(0x30, b"blue"), tlv(0xEA, b"\x01vpce-08d2bf15fac5001c9")),
)

HEADERS: dict[str, tuple[bytes, Any, Any]] = {
    "v1 TCP4": (b"PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n", ("192.0.2.7", 4711), ("198.51.100.1", 443)),
    "v1 shortest": (b"PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n", ("0.0.0.0", 0), ("0.0.0.0", 0)),
    "v1 TCP6": (b"PROXY TCP6 2001:db8::7 ::1 4711 443\r\n", ("2001:db8::7", 4711), ("::1", 443)),
    "v1 shortest TCP6": (b"PROXY TCP6 :: :: 0 0\r\n", ("::", 0), ("::", 0)),
    "v1 longest": (
        b"PROXY TCP6 %b %b 65535 65535\r\n" % (b":".join([b"ffff"] * 8), b":".join([b"ffff"] * 8)),
        (":".join(["ffff"] * 8), 65535),
        (":".join(["ffff"] * 8), 65535),
    ),
    "v1 UNKNOWN": (b"PROXY UNKNOWN\r\n", None, None),
    "v1 UNKNOWN with more": (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", None, None),
    "v2 TCP4": (v2(0x21, 0x11, TCP4), ("192.0.2.7", 4711), ("198.51.100.1", 443)),
    "v2 TCP6": (v2(0x21, 0x21, TCP6), ("2001:db8::7", 4711), ("::1", 443)),
    "v2 extensions": (v2(0x21, 0x11, TCP4 + b"".join(EXTENSIONS)), ("192.0.2.7", 4711), ("198.51.100.1", 443)),
    "v2 LOCAL": (v2(0x20, 0, b""), None, None),
    "v2 LOCAL with extensions": (v2(0x20, 0, b"".join(EXTENSIONS)), None, None),
    "v2 TCP6 with extensions": (v2(0x21, 0x21, TCP6 + b"".join(EXTENSIONS)), ("2001:db8::7", 4711), ("::1", 443)),
    "v2 LOCAL with addresses": (v2(0x20, 0x11, TCP4), None, None),
    "v2 unix": (v2(0x21, 0x31, bytes(216)), None, None),
    "v2 UDP": (v2(0x21, 0x12, TCP4), None, None),
    "v2 unspecified": (v2(0x21, 0, b""), None, None),
    "v2 largest": (v2(0x21, 0x11, TCP4 + bytes(4096 - len(TCP4))), ("192.0.2.7", 4711), ("198.51.100.1", 443)),
}
INVALID: dict[str, bytes] = {
    "HTTP": REQUEST,
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(16),
    "one byte": b"X",
    "a wrong signature": b"\r\n\r\n\0\r\nQUIT\r" + bytes(4),
    "another word": b"PROXY UDP4 192.0.2.7 198.51.100.1 1 2\r\n",
    "lower case": b"proxy TCP4 192.0.2.7 198.51.100.1 4711 443\r\n",
    "no CR": b"PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\n" + REQUEST,
    "two spaces": b"PROXY TCP4  192.0.2.7 198.51.100.1 4711 443\r\n",
    "an address short": b"PROXY TCP4 192.0.2.7 4711 443            \r\n",
    "a wrong address": b"PROXY TCP4 192.0.2.777 198.51.100.1 4711 443\r\n",
    "another family": b"PROXY TCP4 2001:db8::7 ::1 4711 443\r\n",
    "a large port": b"PROXY TCP4 192.0.2.7 198.51.100.1 65536 443\r\n",
    "a zero before a port": b"PROXY TCP4 192.0.2.7 198.51.100.1 04711 443\r\n",
    "a control character": b"PROXY UNKNOWN a\rb\r\n",
    "UNKNOWN and no space": b"PROXY UNKNOWNS\r\n",
    "too long": b"PROXY UNKNOWN " + b"x" * 92 + b"\r\n",
    "an endless line": b"PROXY UNKNOWN " + b"x" * 500,
    "another version": v2(0x11, 0x11, TCP4),
    "another command": v2(0x22, 0x11, TCP4),
    "addresses short": v2(0x21, 0x11, TCP4[:-1]),
    "too large": v2(0x21, 0x11, bytes(4097)),
}


async def read(*pieces: bytes, end: bool = False) -> tuple[Header, bytes]:
    """Send the pieces to a socket one after the other, and read a header. Returns it and the bytes after it."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        reading = asyncio.ensure_future(read_header(ours))
        for piece in pieces:
            if end and reading.done():
                break  # More pieces would fill the socket's buffer.
            theirs.sendall(piece)
            await turns(3)
        if end:
            theirs.shutdown(socket.SHUT_WR)
        header = await reading
        theirs.shutdown(socket.SHUT_WR)
        rest = b""
        while more := ours.recv(65536):
            rest += more
        return header, rest


@pytest.mark.parametrize("name", HEADERS)
def test_reads_only_the_bytes_of_the_header(name: str) -> None:
    data, source, destination = HEADERS[name]
    header, rest = run_async(read(data + REQUEST))
    assert (header.source, header.destination) == (source, destination)
    assert rest == REQUEST


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_in_two_pieces(name: str) -> None:
    data, source, destination = HEADERS[name]

    async def main() -> None:
        for at in range(1, min(len(data), 130)):
            header, rest = await read(data[:at], data[at:] + REQUEST)
            assert (header.source, header.destination, rest) == (source, destination, REQUEST), at

    run_async(main())


@pytest.mark.parametrize("name", ["v1 TCP4", "v1 UNKNOWN", "v2 TCP6"])
def test_a_header_byte_by_byte(name: str) -> None:
    data, source, _ = HEADERS[name]
    header, rest = run_async(read(*(data[at : at + 1] for at in range(len(data))), REQUEST))
    assert (header.source, rest) == (source, REQUEST)


@pytest.mark.parametrize("name", INVALID)
def test_an_invalid_header_is_refused(name: str) -> None:
    data = INVALID[name]
    for pieces in ([data], [data[at : at + 1] for at in range(len(data))]):
        with pytest.raises(InvalidHeader):
            run_async(read(*pieces, end=True))


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_that_is_cut_off(name: str) -> None:
    data = HEADERS[name][0]
    for at in {0, 1, len(data) // 2, len(data) - 1}:
        with pytest.raises(InvalidHeader):
            run_async(read(data[:at], end=True))


def test_each_read_is_bounded() -> None:
    """A header wants at least one byte for each read, and never more bytes than it has left."""
    for data, _, _ in HEADERS.values():
        header, at = Header(), 0
        while header.wanted:
            assert at + header.wanted <= len(data)
            at += header.wanted
            header.feed(data[at - header.wanted : at])
        assert at == len(data)


def test_the_transport_has_the_addresses_of_the_header() -> None:
    class Transport:
        def __init__(self) -> None:
            self.written = b""

        def __getattr__(self, name: str) -> Any:
            return lambda *args: (name, *args)

        def write(self, data: bytes) -> None:
            self.written += data

        def get_extra_info(self, name: str, default: Any = None) -> Any:
            return {"peername": "proxy", "cipher": "x"}.get(name, default)

    header, inner = Header(), Transport()
    header.feed(HEADERS["v2 TCP4"][0][:12])
    header.feed(HEADERS["v2 TCP4"][0][12:16])
    header.feed(HEADERS["v2 TCP4"][0][16:])
    transport = ProxiedTransport(inner, header)
    assert transport.get_extra_info("peername") == ("192.0.2.7", 4711)
    assert transport.get_extra_info("sockname") == ("198.51.100.1", 443)
    assert transport.get_extra_info("cipher") == "x"
    assert transport.get_extra_info("absent", "default") == "default"
    transport.write(b"x")
    assert inner.written == b"x"
    for name in {name for name in dir(asyncio.Transport) if not name.startswith("_")} - {"write", "get_extra_info"}:
        assert getattr(transport, name)() == (name,)


# --- A server ---------------------------------------------------------------------------------------------------------


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Respond with the addresses and the scheme of the scope."""
    seen = {name: scope[name] for name in ("client", "server", "scheme")}
    body = json.dumps(seen).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


APP = ["tests.net.test_proxy_protocol:app", "--lifespan", "off", "--proxy-protocol"]


def scope_seen(answer: bytes) -> Any:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), answer
    return json.loads(body)


def wait_until_it_listens(port: int) -> None:
    """Wait until a connection succeeds: workers listen only after the line with the address is logged."""
    eventually(lambda: socket.create_connection(("127.0.0.1", port)).close() is None)


def assert_refused(address: tuple[str, int], data: bytes) -> None:
    """Check that the server sends no response. It closes the connection, or resets it if bytes are unread."""
    with contextlib.suppress(ConnectionResetError, BrokenPipeError):
        assert exchange(address, data) == b""


ONE_OR_WORKERS = pytest.mark.parametrize("workers", [[], ["--workers", "2"]], ids=["one", "workers"])


@ONE_OR_WORKERS
def test_a_client_behind_a_proxy(workers: list[str], loop: str) -> None:
    with serve(*APP, *workers, "--loop", loop) as server:
        wait_until_it_listens(server.port)
        address = ("127.0.0.1", server.port)
        for data, source, destination in HEADERS.values():
            answer = scope_seen(exchange(address, data + REQUEST))
            if source is None:
                assert answer["client"][0] == "127.0.0.1"
                assert answer["server"] == ["127.0.0.1", server.port]
            else:
                assert (answer["client"], answer["server"]) == (list(source), list(destination))
        # The access log has the client of the header too.
        server.wait_stdout(r'192.0.2.7:4711 - "GET / HTTP/1.1" 200 OK')
        for data in INVALID.values():
            assert_refused(address, data)
        assert scope_seen(exchange(address, HEADERS["v1 TCP4"][0] + REQUEST))["client"] == ["192.0.2.7", 4711]
        server.stop()
        assert "Traceback" not in server.stderr


def test_no_header_is_read_from_an_untrusted_peer() -> None:
    with serve(*APP, "--forwarded-allow-ips", "192.0.2.1") as server:
        address = ("127.0.0.1", server.port)
        assert scope_seen(exchange(address, REQUEST))["client"][0] == "127.0.0.1"
        answer = exchange(address, HEADERS["v1 TCP4"][0] + REQUEST)
        assert answer.startswith(b"HTTP/1.1 400 ")


def test_a_header_that_does_not_arrive_in_time() -> None:
    with serve(*APP, "--timeout-request-head", "0.2", "--log-level", "debug") as server:
        assert_refused(("127.0.0.1", server.port), b"PROXY ")
        server.wait_stderr("A connection could not be set up: no header of the PROXY protocol in time")
        assert_refused(("127.0.0.1", server.port), b"GET")
        server.wait_stderr("A connection could not be set up: no header of the PROXY protocol\n")


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"forwarded_allow_ips": "192.0.2.1"}, ""),
        ({}, "no header of the PROXY protocol"),
        ({"timeout_request_head": 0.01}, "no header of the PROXY protocol in time"),
    ],
    ids=["not trusted", "garbage", "silent"],
)
def test_the_result_for_an_accepted_socket(options: dict[str, Any], error: str) -> None:
    async def main() -> None:
        reader = ProxyProtocol(Config(None, log_config=None, **options), asyncio.Protocol)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            client = socket.create_connection(listener.getsockname())
            accepted, _ = listener.accept()
        with client, accepted:
            accepted.setblocking(False)
            if error != "no header of the PROXY protocol in time":
                client.sendall(REQUEST)
            if error:
                with pytest.raises(ConnectionAbortedError, match=f"{error}$"):
                    await reader.announce(accepted)
            else:
                assert await reader.announce(accepted) is asyncio.Protocol
                assert accepted.recv(100) == REQUEST

    run_async(main())


@pytest.mark.parametrize(("trusted", "believed"), [("unix", True), ("*", True), ("127.0.0.1", False)])
def test_the_peer_of_a_unix_socket(tmp_path: Path, trusted: str, believed: bool) -> None:
    path = str(tmp_path / "socket")
    with serve(*APP, "--uds", path, "--forwarded-allow-ips", trusted):
        answer = exchange(path, HEADERS["v2 TCP4"][0] + REQUEST)
        if believed:
            assert scope_seen(answer)["client"] == ["192.0.2.7", 4711]
        else:
            assert answer.startswith(b"HTTP/1.1 400 ")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> str:
    trustme = pytest.importorskip("trustme")
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    issued = trustme.CA().issue_cert("localhost", "127.0.0.1")
    path.write_bytes(issued.private_key_and_cert_chain_pem.bytes())
    return str(path)


@ONE_OR_WORKERS
def test_a_header_before_tls(certificate: str, workers: list[str]) -> None:
    with serve(*APP, "--ssl-certfile", certificate, *workers) as server:
        wait_until_it_listens(server.port)
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        # The header and the first bytes of TLS in one segment, and in two.
        for together in (True, False):
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            tls = context.wrap_bio(incoming, outgoing)
            with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as client:
                header = HEADERS["v2 TCP4"][0]
                if not together:
                    client.sendall(header)
                    header = b""
                assert step(tls.do_handshake) is None
                client.sendall(header + outgoing.read())
                while not tls.version() or step(tls.do_handshake) is None:
                    incoming.write(client.recv(65536))
                    if step(tls.do_handshake) is not None:
                        break
                    client.sendall(outgoing.read())
                tls.write(REQUEST)
                client.sendall(outgoing.read())
                answer = b""
                while b"scheme" not in answer:
                    piece = step(tls.read)
                    if piece is None:
                        incoming.write(client.recv(65536))
                    else:
                        answer += piece
            assert scope_seen(answer) == {
                "client": ["192.0.2.7", 4711],
                "server": ["198.51.100.1", 443],
                "scheme": "https",
            }


def step(call: Any) -> Any:
    """Call a function of TLS. Returns its result, True in place of None; or None if it needs more from the peer."""
    try:
        result = call()
    except ssl.SSLWantReadError:
        return None
    return True if result is None else result


@ONE_OR_WORKERS
def test_a_shutdown_does_not_wait_for_a_header(workers: list[str]) -> None:
    options = ["--timeout-request-head", str(10 * PATIENCE)]
    with serve(*APP, *options, *workers) as server:
        wait_until_it_listens(server.port)
        with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as client:
            client.sendall(b"PROXY ")
            # The server accepts other connections after this one.
            for _ in range(4):
                assert scope_seen(exchange(("127.0.0.1", server.port), HEADERS["v1 UNKNOWN"][0] + REQUEST))
            assert server.stop(signal.SIGINT) == 0
            assert client.recv(1) == b""
        assert "Traceback" not in server.stderr


# --- Accepting --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(errno.EMFILE, "Too many open files"), "Cannot accept connections: Too many open files. Trying again"),
        (OSError(errno.EPERM, "Operation not permitted"), "Cannot accept connections: Operation not permitted. Trying"),
        (OSError("strange"), "Cannot accept connections: strange. Trying again in 0.01 s."),
        (ConnectionAbortedError(errno.ECONNABORTED, "The client has gone"), ""),
    ],
    ids=["no descriptors", "a firewall", "an unknown error", "a client that has gone"],
)
async def test_accepting_goes_on_after_an_error(
    error: OSError, message: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    loop = asyncio.get_running_loop()
    genuine, errors = loop.sock_accept, [error, error]

    async def sock_accept(sock: socket.socket) -> Any:
        if errors:
            raise errors.pop()
        return await genuine(sock)

    monkeypatch.setattr(loop, "sock_accept", sock_accept)
    monkeypatch.setattr("uvicorn.net.listeners.ACCEPT_RETRY_DELAY", 0.01)
    made: asyncio.Future[Any] = loop.create_future()

    class Protocol(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            made.set_result(transport)

    listener = socket.create_server(("127.0.0.1", 0))
    config = Config(None, proxy_protocol=True, log_config=None)
    connections = Connections()
    server = AcceptingServer(listener, Connector(config, Protocol, connections), connections, 10)
    assert server.sockets == (listener,)
    with socket.create_connection(listener.getsockname()) as client:
        client.sendall(b"PROXY UNKNOWN\r\n")
        (await asyncio.wait_for(made, PATIENCE)).close()
    server.close()
    await until(lambda: server.sockets == ())
    assert caplog.text.count("Cannot accept connections") == (2 if message else 0)
    assert message in caplog.text


# --- HAProxy ----------------------------------------------------------------------------------------------------------


@pytest.fixture(params=["send-proxy", "send-proxy-v2", "send-proxy-v2-ssl-cn proxy-v2-options crc32c,authority,ssl"])
def haproxy(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, int]]:
    if HAPROXY is None:
        pytest.skip("HAProxy is not installed")
    port = free_port()
    path = tmp_path / "server"
    configuration = tmp_path / "haproxy.cfg"
    configuration.write_text(
        f"defaults\n  mode tcp\n  timeout connect 10s\n  timeout client 60s\n  timeout server 60s\n"
        f"listen tcp\n  bind 127.0.0.1:{port}\n  server one {path} {request.param}\n"
    )
    with (
        serve(*APP, "--uds", str(path), "--forwarded-allow-ips", "unix"),
        run_program([HAPROXY, "-db", "-f", str(configuration)], port=port),
    ):
        yield "127.0.0.1", port


def test_haproxy_passes_the_address_of_the_client(haproxy: tuple[str, int]) -> None:
    with socket.create_connection(haproxy, timeout=PATIENCE) as client:
        # A client cannot add a forged header after that of the proxy.
        for _ in range(2):
            client.sendall(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n")
            answer = b""
            while not answer.endswith(b"}"):
                answer += client.recv(65536)
            assert scope_seen(answer)["client"] == list(client.getsockname())
            assert scope_seen(answer)["server"] == list(haproxy)
    assert exchange(haproxy, HEADERS["v1 TCP4"][0] + REQUEST).startswith(b"HTTP/1.1 400 ")
