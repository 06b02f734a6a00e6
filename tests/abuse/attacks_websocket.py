"""Attacks over WebSocket. The figures have the same form as in attacks_http."""

import contextlib
import socket
import time
import zlib
from collections.abc import Iterator

from benchmarks.websocket_bytes import HANDSHAKE, frame
from tests.abuse.attacks_http import MIB, NO_BOUND, Figure, _push
from tests.abuse.victim import Peak, Victim

DEFLATE = b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
CODECS = ("builtin", "websockets", "wsproto")
MAX_SIZE = 16 * MIB


@contextlib.contextmanager
def opened(victim: Victim, extensions: bytes = b"", receive_buffer: int = 0) -> Iterator[socket.socket]:
    with victim.connect(receive_buffer=receive_buffer) as connection:
        connection.sendall(HANDSHAKE % extensions)
        head = b""
        while b"\r\n\r\n" not in head:
            head += connection.recv(65536)
        assert head.startswith(b"HTTP/1.1 101 "), head
        yield connection


def _warm_up(victim: Victim) -> None:
    """Let the server import and allocate what the first WebSocket and its first messages need."""
    for _ in range(20):
        with opened(victim, DEFLATE) as connection:
            connection.sendall((frame(0x89, b"") + frame(0x82, b"xy")) * 5000)
            left = 5000 * (2 + 4)
            while left > 0:
                left -= len(connection.recv(65536))


def deflate_bomb(gigabytes: float = 1) -> Iterator[Figure]:
    """A gigabyte of zeros, compressed to a megabyte: the server refuses it with 1009 before it is decompressed."""
    compressor = zlib.compressobj(9, wbits=-15)
    zeros = bytes(MIB)
    packed = b"".join(compressor.compress(zeros) for _ in range(int(gigabytes * 1024)))
    packed += compressor.flush(zlib.Z_SYNC_FLUSH)[:-4]
    for codec in CODECS:
        with Victim("--ws", codec) as victim:
            _warm_up(victim)
            with Peak(victim) as peak, opened(victim, DEFLATE) as connection:
                begin = victim.cpu
                with contextlib.suppress(OSError):
                    connection.sendall(frame(0xC1, packed))
                answer = connection.recv(65536)
            assert answer[:1] == b"\x88", answer
            assert answer[2:4] == (1009).to_bytes(2, "big"), answer
            yield f"{codec}: growth for {len(packed) / MIB:.1f} MiB", peak.growth / MIB, MAX_SIZE / MIB, "MiB"
            yield f"{codec}: per byte received", peak.growth / len(packed), 10, ""
            yield f"{codec}: processor time", victim.cpu - begin, 1, "s"


def fragments(count: int = 1_000_000) -> Iterator[Figure]:
    """A message in a million frames of one byte."""
    data = frame(0x02, b"x") + frame(0x00, b"x") * (count - 2) + frame(0x80, b"x")
    for codec in CODECS:
        with Victim("--ws", codec, "--ws-ping-interval", "600") as victim:
            _warm_up(victim)
            with Peak(victim) as peak, opened(victim) as connection:
                # The interval is longer than the attack, so that the server sends no ping during it.
                connection.settimeout(300)
                begin = victim.cpu
                connection.sendall(data)
                received = connection.recv(10)
                assert received[:10] == b"\x82\x7f" + count.to_bytes(8, "big"), received
                used = victim.cpu - begin
            yield f"{codec}: growth", peak.growth / MIB, 10 * len(data) / MIB, "MiB"
            yield f"{codec}: per byte received", peak.growth / len(data), 10, ""
            yield f"{codec}: processor time a frame", used / count * 1e6, 50, "us"


def pings_unread(count: int = 1_000_000) -> Iterator[Figure]:
    """Pings whose pongs are never read."""
    data = frame(0x89, b"x" * 20) * count
    for codec in CODECS:
        with Victim("--ws", codec) as victim:
            _warm_up(victim)
            with Peak(victim) as peak, opened(victim, receive_buffer=4096) as connection:
                sent = _push(connection, data, 4)
            yield f"{codec}: growth", peak.growth / MIB, 2, "MiB"
            yield f"{codec}: taken of {len(data) / MIB:.0f} MiB", sent / MIB, NO_BOUND, "MiB"


def messages_unread(seconds: float = 4) -> Iterator[Figure]:
    """Small messages whose echoes are never read: the server pauses reading when ws_max_queue is full."""
    data = frame(0x82, b"xy") * 2_000_000
    for codec in CODECS:
        with Victim("--ws", codec) as victim:
            _warm_up(victim)
            with Peak(victim) as peak, opened(victim, receive_buffer=4096) as connection:
                sent = _push(connection, data, seconds)
                time.sleep(0.2)
            yield f"{codec}: growth", peak.growth / MIB, 10 * max(sent / MIB, 1), "MiB"
            yield f"{codec}: per byte received", peak.growth / max(sent, 1), 10, f"({sent / MIB:.1f} MiB taken)"
