"""HTTP/2: CPU of the server process per request, and instructions per request, with 1, 10 and 100 streams at once.

One connection sends its requests in one write, reads all the responses, and begins again. Each request has the same
headers, those of a browser: HPACK encodes a repeated header in one byte. The flow-control windows have the largest
size. The servers take turns in each round, and the best round counts.

python benchmarks/http2.py [--server granian --server ours] [--case get:10] [--rounds 3] [--report]
python benchmarks/http2.py --instructions      instructions per request, as benchmarks/instructions.py counts
"""

from __future__ import annotations

import argparse
import socket
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import hpack
from cases import BROWSER_HEADERS, CASES, Case
from instructions import COUNTED, TIMEOUT, WARM_UP, dump
from processes import cpu_seconds
from report import Table, report
from servers import HOST, Server, chosen, running
from turns import best_of

STREAMS = (1, 10, 100)
# Case and concurrent streams. All cases except `get` are measured with ten streams only.
ROWS = (*(f"get:{streams}" for streams in STREAMS), "post:10", "large:10", "stream:10")

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM, ACK, END_HEADERS = 1, 1, 4
WINDOW = (1 << 31) - 1
# HTTP/2 has no such fields.
NOT_SENT = ("connection",)


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


@dataclass
class Answers:
    """The responses that have arrived.

    ended: the number of streams that have ended.
    body: bytes of DATA since the connection's window was opened.
    """

    ended: int = 0
    body: int = 0


class Client:
    """One connection with many concurrent requests."""

    def __init__(self, port: int, case: Case) -> None:
        self.connection = socket.create_connection((HOST, port), timeout=TIMEOUT)
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.encoder = hpack.Encoder()
        self.case = case
        self.next_stream = 1
        self.answers = Answers()
        self.unread = b""
        settings = b"\0\4" + WINDOW.to_bytes(4, "big")
        opened = frame(WINDOW_UPDATE, 0, 0, (WINDOW - 65535).to_bytes(4, "big"))
        self.connection.sendall(PREFACE + frame(SETTINGS, 0, 0, settings) + opened)

    def close(self) -> None:
        self.connection.close()

    def request(self) -> bytes:
        """Encode the frames of the next request."""
        case = self.case
        fields = [(":method", case.method), (":scheme", "http"), (":authority", f"{HOST}:8000"), (":path", case.path)]
        fields += [(name.lower(), value) for name, value in BROWSER_HEADERS if name.lower() not in NOT_SENT]
        if case.body:
            fields += [("content-type", "application/json"), ("content-length", str(len(case.body)))]
        stream, self.next_stream = self.next_stream, self.next_stream + 2
        flags = END_HEADERS if case.body else END_HEADERS | END_STREAM
        block = frame(HEADERS, flags, stream, self.encoder.encode(fields, huffman=True))
        return block + frame(DATA, END_STREAM, stream, case.body) if case.body else block

    def exchange(self, streams: int) -> None:
        """Send one request on each of `streams` streams, and read the responses."""
        self.answers.ended = 0
        self.connection.sendall(b"".join(self.request() for _ in range(streams)))
        # Each pass reads at least one byte.
        while self.answers.ended < streams:
            data = self.connection.recv(1 << 18)
            if not data:
                raise RuntimeError("the server has closed the connection")
            self.read(self.unread + data if self.unread else data)
        if self.answers.body > WINDOW // 2:
            self.connection.sendall(frame(WINDOW_UPDATE, 0, 0, self.answers.body.to_bytes(4, "big")))
            self.answers.body = 0

    def read(self, data: bytes) -> None:
        pos = 0
        # Each pass handles one frame.
        while len(data) - pos >= 9:
            size = int.from_bytes(data[pos : pos + 3], "big")
            if len(data) - pos - 9 < size:
                break
            self.take(data[pos + 3], data[pos + 4], data[pos + 9 : pos + 9 + size])
            pos += 9 + size
        self.unread = data[pos:]

    def take(self, kind: int, flags: int, payload: bytes) -> None:
        if kind == DATA:
            self.answers.body += len(payload)
        elif kind in (SETTINGS, PING) and not flags & ACK:
            self.connection.sendall(frame(kind, ACK, 0, payload if kind == PING else b""))
        elif kind in (RST_STREAM, GOAWAY):
            raise RuntimeError(f"the server has refused: frame {kind}, {payload!r}")
        if kind in (DATA, HEADERS) and flags & END_STREAM:
            self.answers.ended += 1


def _uvicorn(*options: str) -> Callable[[Case, int], list[str]]:
    fixed = ("--http2", "--loop", "uvloop", "--no-access-log", "--no-proxy-headers")
    return lambda case, port: ["-m", "uvicorn", case.app, "--port", str(port), *fixed, *options]


def _granian(case: Case, port: int) -> list[str]:
    return ["-m", "granian", "--interface", "asgi", "--http", "2", "--port", str(port), "--workers", "1", case.app]


def _hypercorn(case: Case, port: int) -> list[str]:
    return ["-m", "hypercorn", "--bind", f"{HOST}:{port}", "--worker-class", "uvloop", case.app]


SERVERS = {
    server.name: server
    for server in (
        Server("ours", _uvicorn()),
        Server("ours-pure", _uvicorn(), variables={"UVICORN_SPEEDUPS": "off"}),
        Server("granian", _granian, "granian", ("granian",)),
        Server("hypercorn", _hypercorn, "hypercorn", ("hypercorn",)),
    )
}


def case_of(row: str) -> tuple[Case, int]:
    """Return the case and the number of streams of a row."""
    name, _, streams = row.partition(":")
    return CASES[name], int(streams)


def count(server: Server, row: str) -> float:
    """Count the instructions per request."""
    case, streams = case_of(row)
    counted = max(1, COUNTED // streams) if case.name != "large" else 10
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "callgrind.out")
        prefix = ("valgrind", "--tool=callgrind", f"--callgrind-out-file={out}")
        with running(server, case, prefix=prefix) as (process, port), closing(Client(port, case)) as client:
            for _ in range(max(3, WARM_UP // streams)):
                client.exchange(streams)
            dump(process.pid, out, 1)
            for _ in range(counted):
                client.exchange(streams)
            return dump(process.pid, out, 2) / counted / streams


def measure(pid: int, port: int, row: str, seconds: float) -> float:
    """Measure the microseconds of CPU per request."""
    case, streams = case_of(row)
    with closing(Client(port, case)) as client:
        client.exchange(streams)
        spent, served = cpu_seconds(pid), 0
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            client.exchange(streams)
            served += streams
        return (cpu_seconds(pid) - spent) / served * 1e6


def title_of(row: str) -> str:
    case, streams = case_of(row)
    return f"{case.title}, {streams} stream{'s' if streams > 1 else ''}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", action="append", choices=list(SERVERS), help="which servers; all of them if none")
    parser.add_argument("--case", action="append", help=f"a case and its streams at once; {', '.join(ROWS)} if none")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement")
    parser.add_argument("--instructions", action="store_true", help="count them (valgrind), and nothing else")
    parser.add_argument("--report", action="store_true", help="put the table into docs/benchmarks.md")
    options = parser.parse_args()
    # granian serves requests in a child process, and callgrind does not count its instructions.
    names = ("ours", "ours-pure", "hypercorn") if options.instructions else SERVERS
    servers = chosen(options.server or names, SERVERS)
    unit = "thousand instructions per request" if options.instructions else "us of CPU per request"
    table = Table(unit, *(server.name for server in servers))
    for row in options.case or ROWS:
        if options.instructions:
            cells = [f"{count(server, row) / 1000:.1f}" for server in servers]
        else:
            measured = best_of(
                servers, case_of(row)[0], options.rounds, partial(measure, row=row, seconds=options.seconds)
            )
            cells = [f"{cost:.1f}" for cost in measured.values()]
        table.add(title_of(row), *cells)
    if options.report:
        report("http2-instructions" if options.instructions else "http2", table, servers)


if __name__ == "__main__":
    main()
