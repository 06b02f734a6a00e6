"""The bytes that a WebSocket client sends (RFC 6455)."""

from __future__ import annotations

import socket

HOST = "127.0.0.1"
MASK = b"\x12\x34\x56\x78"

HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%b\r\n"
)


def frame(first: int, payload: bytes, mask: bytes = bytes(4)) -> bytes:
    """Encode a frame. A mask of zeros does not change the payload."""
    size = len(payload)
    if size < 126:
        length = bytes([0x80 | size])
    elif size < 65536:
        length = b"\xfe" + size.to_bytes(2, "big")
    else:
        length = b"\xff" + size.to_bytes(8, "big")
    masked = bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload)) if any(mask) else payload
    return bytes([first]) + length + mask + masked


def message_of(size: int, fragments: int = 1) -> bytes:
    """Encode a text message in frames of one size, with a mask that the server has to remove."""
    payload = b"x" * (size // fragments)
    firsts = [0x01, *[0x00] * (fragments - 1)]
    firsts[-1] |= 0x80
    return b"".join(frame(first, payload, MASK) for first in firsts)


def echo_length(size: int) -> int:
    return size + (2 if size < 126 else 4 if size < 1 << 16 else 10)


def open_websocket(port: int, extensions: str = "") -> socket.socket:
    connection = socket.create_connection((HOST, port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.sendall(
        f"GET / HTTP/1.1\r\nHost: {HOST}:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{extensions}\r\n".encode()
    )
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += connection.recv(1)
    if not answer.startswith(b"HTTP/1.1 101 "):
        raise RuntimeError(f"no WebSocket: {answer!r}")
    return connection
