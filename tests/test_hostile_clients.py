"""Hostile clients of a real server: clients that never speak TLS, and bytes that could change a log."""

import socket
import time
from pathlib import Path

import pytest
import trustme

from tests.processes import PATIENCE, exchange, serve
from tests.protocols.websockets.classes import SERVED

# All bytes below a space, DEL, and C1 in UTF-8 and as single bytes: in a path, a query, a method, a field.
CONTROLS = [*range(0x20), *range(0x7F, 0xA0)]
APP = "tests.cases.echo:app"


def test_a_client_that_never_speaks_tls(tmp_path: Path) -> None:
    certificate = trustme.CA().issue_cert("localhost")
    pem = tmp_path / "both.pem"
    certificate.private_key_and_cert_chain_pem.write_to_path(pem)
    with serve(APP, "--ssl-certfile", str(pem), "--timeout-ssl-handshake", "1", "--lifespan", "off") as server:
        begin = time.monotonic()
        with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as connection:
            assert connection.recv(1) == b""
        assert 0.9 <= time.monotonic() - begin < PATIENCE


def test_no_control_character_reaches_a_log(parser: str, tmp_path: Path) -> None:
    options = ["--http", parser, "--lifespan", "off", "--log-level", "trace", "--forwarded-allow-ips", "*"]
    with serve(APP, *options, env={"RECORD": str(tmp_path / "record")}) as server:
        fine = 0
        for code in CONTROLS:
            raw, encoded = bytes([code]), b"".join(b"%%%02X" % byte for byte in chr(code).encode())
            for target, field in (
                (b"/a%b?b=%b" % (encoded, encoded), b"X-A: b"),
                (b"/a%%%02X" % code, b"X-Forwarded-For: a%b" % (raw if code >= 0x80 else encoded)),
                (b"/?" + raw, b"X-A: b"),
                (b"/", b"X-A: " + raw),
                (b"/", b"X-Forwarded-Proto: http" + encoded),
            ):
                answer = exchange(
                    (server.host, server.port), b"GET %b HTTP/1.1\r\nHost: a\r\n%b\r\n\r\n" % (target, field), fin=True
                )
                assert answer.startswith(b"HTTP/1.1 ")
                fine += answer.startswith(b"HTTP/1.1 200 ")
        request = b"GET /the-end HTTP/1.1\r\nHost: a\r\n\r\n"
        assert exchange((server.host, server.port), request, fin=True).startswith(b"HTTP/1.1 200 ")
        server.wait_stdout("/the-end")
        server.stop()
        logged = server.stdout + server.stderr
    assert server.stdout.count('" 200 OK') == fine + 1
    assert {ord(character) for character in logged if ord(character) in CONTROLS} <= {ord("\n"), ord("\x1b")}
    # The server writes an escape only to colour a level, and it writes no colours without a terminal.
    assert "\x1b" not in logged


@pytest.mark.parametrize("codec", SERVED)
def test_no_control_character_of_a_websocket_reaches_a_log(codec: str, tmp_path: Path) -> None:
    pytest.importorskip(SERVED[codec])
    upgrade = (
        b"GET /a%%1B%%C2%%9B?%%0A%b HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    with serve(APP, "--ws", codec, "--lifespan", "off", env={"RECORD": str(tmp_path / "record")}) as server:
        assert exchange((server.host, server.port), upgrade % b"%9b", fin=True).startswith(b"HTTP/1.1 101 ")
        server.wait_stderr(r'WebSocket /a%1B%C2%9B\?%0A%9b" \[accepted\]')
        assert exchange((server.host, server.port), upgrade % b"\x9b", fin=True).startswith(b"HTTP/1.1 400 ")
        server.stop()
        assert all(ord(character) not in CONTROLS or character == "\n" for character in server.stdout + server.stderr)
