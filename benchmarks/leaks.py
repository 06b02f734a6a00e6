"""Leaks: memory, descriptors and tasks before and after 10^6 requests or 10^5 connections of each kind.

python benchmarks/leaks.py [--requests 1000000] [--connections 100000] [--loop uvloop] [--http httptools] [KIND ...]

A warm-up comes first, until the allocator has the memory that it needs: about 150,000 connections, found by sampling.
After it the resident memory may grow by one byte per request or connection, plus a few pages of noise.
"""

from __future__ import annotations

import argparse
import contextlib
import select
import socket
import struct
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from report import Table
from websocket_bytes import HANDSHAKE, frame

from tests.abuse.victim import HELLO, Victim, read_response

SLOPE = 1.0  # bytes a request
# Bytes by which the memory of the allocator varies without a leak.
NOISE = 64 * 1024
WARM_UP = 150_000
BATCH = 100
FAILING = b"GET /fail HTTP/1.1\r\nHost: a\r\n\r\n"
CLOSING = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


def pipelined(victim: Victim, count: int) -> None:
    """Send requests on one connection, one batch at a time."""
    with victim.connect() as connection:
        connection.sendall(HELLO)
        length = len(read_response(connection))
        for _ in range(count // BATCH):
            connection.sendall(HELLO * BATCH)
            left = length * BATCH
            while left:
                left -= len(connection.recv(65536))


def keep_alive(victim: Victim, count: int) -> None:
    """Open connections with three requests each."""
    for _ in range(count):
        with victim.connect() as connection:
            for _ in range(3):
                connection.sendall(HELLO)
                read_response(connection)


def _once(data: bytes, half_close: bool = False) -> Callable[[Victim, int], None]:
    def converse(victim: Victim, count: int) -> None:
        for _ in range(count):
            with victim.connect() as connection, contextlib.suppress(ConnectionResetError):
                connection.sendall(data)
                if half_close:
                    connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass

    return converse


def reset(victim: Victim, count: int) -> None:
    """Open connections that the client resets, with and without a request."""
    for number in range(count):
        connection = victim.connect()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.sendall(HELLO if number % 2 else HELLO[:10])
        if number % 4 == 1:
            select.select([connection], [], [], 1)
        connection.close()


def upgrade(victim: Victim, count: int) -> None:
    """Open WebSockets with one message, which the client closes."""
    for _ in range(count):
        with victim.connect() as connection:
            connection.sendall(HANDSHAKE % b"" + frame(0x82, b"xy") + frame(0x88, b"\x03\xe8"))
            while connection.recv(65536):
                pass


# Kind -> (function, whether its count is the number of requests and not of connections).
KINDS: dict[str, tuple[Callable[[Victim, int], None], bool]] = {
    "pipelined": (pipelined, True),
    "failing": (_once(FAILING), True),
    "keep-alive": (keep_alive, False),
    "close": (_once(CLOSING), False),
    "reset": (reset, False),
    "upgrade": (upgrade, False),
    "rejection": (_once(b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n"), False),
    "half-close": (_once(HELLO, half_close=True), False),
}


def measure(kind: str, count: int, warm_up: int, options: list[str], table: Table) -> list[str]:
    """Run one kind and add a row to the table. Returns what exceeds its bound."""
    run, _ = KINDS[kind]
    with Victim(*options, "--log-level", "critical") as victim:
        descriptors, tasks = victim.descriptors, victim.tasks
        run(victim, warm_up)
        victim.wait_descriptors(descriptors)
        before = victim.resident
        run(victim, count)
        descriptors_left = victim.wait_descriptors(descriptors) - descriptors
        tasks_left = victim.wait_tasks(tasks) - tasks
        grown = victim.resident - before
    slope = max(0, grown - NOISE) / count
    table.add(kind, f"{count:,}", f"{grown / 1024:+,.0f}", f"{slope:.2f}", f"{descriptors_left}", f"{tasks_left}")
    wrong = {"memory": slope > SLOPE, "descriptors": descriptors_left > 0, "tasks": tasks_left > 0}
    return [f"{kind}: {what}" for what, over in wrong.items() if over]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--connections", type=int, default=100_000)
    parser.add_argument("--warm-up", type=int, default=WARM_UP, help="requests or connections that do not count")
    parser.add_argument("--loop", default="uvloop")
    parser.add_argument("--http", default="httptools")
    parser.add_argument("kind", nargs="*", help=f"all of them unless given: {', '.join(KINDS)}")
    options = parser.parse_args()
    if unknown := set(options.kind) - set(KINDS):
        sys.exit(f"no such kind: {', '.join(sorted(unknown))}")
    table = Table("kind", "count", "KiB grown", "bytes each", "descriptors left", "tasks left")
    over = []
    for kind in options.kind or KINDS:
        count = options.requests if KINDS[kind][1] else options.connections
        over += measure(kind, count, options.warm_up, ["--loop", options.loop, "--http", options.http], table)
    if over:
        sys.exit("over their bounds: " + ", ".join(over))


if __name__ == "__main__":
    main()
