"""Ten minutes of good, bad, slow and aborting clients against two workers: no response is crossed or lost.

python benchmarks/mixed_soak.py [--minutes 10] [--workers 2]

Every body has an id that must come back on the connection that sent it. The script fails on a crossed or missing
response, a 5xx, or a traceback in the server's log. It also fails if the p99 of valid requests, which another process
sends, is more than twice the p99 during valid traffic only.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import socket
import struct
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from websocket_bytes import HANDSHAKE, frame

from tests.abuse.victim import HELLO, Bystander, Victim

CLIENTS = 8  # of each kind
ALONE = 60.0  # seconds of valid traffic only, or a tenth of the soak if that is less
BAD = [
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/3.0\r\nHost: a\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
]


class Soak:
    """The shared state of the clients: the address of the server, the end of the run, and the counts and failures."""

    def __init__(self, port: int, end: float) -> None:
        self.port = port
        self.end = end
        self.seen: Counter[str] = Counter()
        self.wrong: list[str] = []
        self._next_id = 0

    @property
    def on(self) -> bool:
        return time.monotonic() < self.end

    def body(self) -> bytes:
        """Make a unique body of a random size."""
        self._next_id += 1
        return b"id=%d;" % self._next_id * random.choice((1, 1, 10, 3000))

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port, limit=2**20)

    async def read(self, reader: asyncio.StreamReader) -> tuple[int, bytes]:
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
        length = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
        return int(head[9:12]), await asyncio.wait_for(reader.readexactly(length), 30)

    def check(self, what: str, status: int, got: bytes, body: bytes) -> None:
        self.seen[f"{what} {status}"] += 1
        if (status, got) != (200, body):
            self.wrong.append(f"{what}: {status} {got[:60]!r} instead of {body[:60]!r}")


def post(body: bytes) -> bytes:
    return b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


async def good(soak: Soak) -> None:
    """Send one request after the other, on connections with a random number of requests."""
    while soak.on:
        reader, writer = await soak.connect()
        for _ in range(random.randint(1, 50)):
            body = soak.body()
            writer.write(post(body))
            status, got = await soak.read(reader)
            soak.check("good", status, got, body)
            await asyncio.sleep(0.005)
        writer.close()


async def pipelining(soak: Soak) -> None:
    """Send up to twenty requests at once, in pieces of random sizes."""
    while soak.on:
        reader, writer = await soak.connect()
        bodies = [soak.body() for _ in range(random.randint(2, 20))]
        data = b"".join(map(post, bodies))
        cut = random.randrange(len(data))
        writer.write(data[:cut])
        await asyncio.sleep(0.01)
        writer.write(data[cut:])
        for body in bodies:
            soak.check("pipelined", *await soak.read(reader), body)
        writer.close()
        await asyncio.sleep(0.02)


async def websocket(soak: Soak) -> None:
    while soak.on:
        reader, writer = await soak.connect()
        writer.write(HANDSHAKE % b"")
        await reader.readuntil(b"\r\n\r\n")
        for _ in range(10):
            body = soak.body()[:100]
            writer.write(frame(0x82, body))
            got = await asyncio.wait_for(reader.readexactly(2 + len(body)), 30)
            soak.check("websocket", 200, got[2:], body)
            await asyncio.sleep(0.01)
        writer.write(frame(0x88, b"\x03\xe8"))
        await asyncio.wait_for(reader.read(), 30)
        writer.close()


async def bad(soak: Soak) -> None:
    """Send a good request, then garbage. The server answers the request, and then refuses the garbage."""
    while soak.on:
        reader, writer = await soak.connect()
        body = soak.body()
        writer.write(post(body) + random.choice(BAD))
        soak.check("before garbage", *await soak.read(reader), body)
        writer.write_eof()
        status, _ = await soak.read(reader)
        soak.seen[f"garbage {status}"] += 1
        if not 400 <= status < 500 and status != 505:
            soak.wrong.append(f"garbage: {status}")
        writer.close()
        await asyncio.sleep(0.02)


async def slow(soak: Soak) -> None:
    """Send a body a few bytes at a time."""
    while soak.on:
        reader, writer = await soak.connect()
        body = soak.body()[:200]
        data = post(body)
        for start in range(0, len(data), 20):
            writer.write(data[start : start + 20])
            await asyncio.sleep(0.05)
        soak.check("slow", *await soak.read(reader), body)
        writer.close()


async def aborting(soak: Soak) -> None:
    """Reset connections at random points."""
    while soak.on:
        _, writer = await soak.connect()
        data = random.choice(
            [post(soak.body()), HELLO * 20, HANDSHAKE % b"", b"GET /stream HTTP/1.1\r\nHost: a\r\n\r\n"]
        )
        writer.write(data[: random.randrange(1, len(data) + 1)])
        await asyncio.sleep(random.choice((0, 0.01, 0.1)))
        connection = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
        soak.seen["aborted"] += 1
        await asyncio.sleep(0.02)


VALID = (good, pipelining, websocket)


async def _forever(client: object, soak: Soak) -> None:
    try:
        await client(soak)  # type: ignore[operator]
    except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError) as error:
        soak.wrong.append(f"{client.__name__}: {error!r}")  # type: ignore[attr-defined]


async def run(port: int, seconds: float, *clients: object) -> Soak:
    soak = Soak(port, time.monotonic() + seconds)
    await asyncio.gather(*(_forever(client, soak) for client in clients for _ in range(CLIENTS)))
    return soak


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    seconds = options.minutes * 60
    with Victim("--workers", str(options.workers)) as victim:
        with Bystander(victim) as alone:
            first = asyncio.run(run(victim.port, min(ALONE, seconds / 10), *VALID))
        with Bystander(victim) as among:
            mixed = asyncio.run(run(victim.port, seconds, *VALID, bad, slow, aborting))
        victim.ask()
        tracebacks = victim.tracebacks
        with contextlib.suppress(ValueError):
            print(victim.stderr[victim.stderr.index("Traceback") :][:3000])
    for what, count in sorted(mixed.seen.items()):
        print(f"{what:>20} {count:>9,}")
    print(f"p99 of a valid request: {alone.p99 * 1000:.2f} ms among valid ones, {among.p99 * 1000:.2f} ms among all")
    wrong = mixed.wrong + first.wrong
    if alone.failures + among.failures:
        wrong.append(f"{alone.failures + among.failures} valid requests failed")
    if tracebacks:
        wrong.append(f"{tracebacks} tracebacks in the log")
    if among.p99 > 2 * alone.p99:
        wrong.append("the p99 of a valid request is over twice what it was")
    if wrong:
        sys.exit(f"{len(wrong)} failures:\n" + "\n".join(wrong[:20]))


if __name__ == "__main__":
    main()
