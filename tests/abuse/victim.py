"""A server process under attack, and measurements of it."""

from __future__ import annotations

import json
import select
import socket
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

from benchmarks.processes import resident_bytes
from tests.processes import ROOT, ServerProcess, free_port
from tests.waiting import eventually

HOST = "127.0.0.1"
HELLO = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
START_LIMIT = 60.0  # seconds


class Victim(ServerProcess):
    """The server with one worker, as a context manager.

    options: options of the command line.
    prefix: words before the command (strace).
    """

    def __init__(self, *options: str, app: str = "tests.abuse.app:app", prefix: tuple[str, ...] = ()) -> None:
        chosen = [app, "--port", str(free_port()), "--lifespan", "off", "--no-access-log", *options]
        # Some attacks turn the log off, so it cannot show that the server is ready. The process group makes a child of
        # strace end too.
        super().__init__(*chosen, command=[*prefix, sys.executable, "-m", "uvicorn"], ready=False, group=True)
        self.port = int(chosen[2])

    def __enter__(self) -> Victim:
        super().__enter__()
        try:
            eventually(self.ask, START_LIMIT)
        except BaseException:
            self.kill()
            raise
        return self

    @property
    def tracebacks(self) -> int:
        return self.stderr.count("Traceback")

    def connect(self, *, receive_buffer: int = 0) -> socket.socket:
        """Open a connection. With a small receive buffer, the server can send little while the client does not read."""
        connection = socket.socket()
        if receive_buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connection.settimeout(30)
        try:
            connection.connect((HOST, self.port))
        except OSError:
            connection.close()
            raise
        return connection

    def ask(self, data: bytes = HELLO) -> bytes:
        """Send a request on a new connection, return the response, and close the connection."""
        with self.connect() as connection:
            connection.sendall(data)
            return read_response(connection)

    def warm_up(self, requests: int = 300) -> None:
        """Send requests until the server has loaded and cached what it loads and caches once."""
        for _ in range(requests // 10):
            with self.connect() as connection:
                for _ in range(10):
                    connection.sendall(HELLO)
                    read_response(connection)

    @property
    def resident(self) -> int:
        return resident_bytes(self.process.pid)

    @property
    def descriptors(self) -> int:
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    @property
    def cpu(self) -> float:
        """Return the seconds of processor time, to the nanosecond (proc(5), schedstat)."""
        return int(Path(f"/proc/{self.process.pid}/schedstat").read_text().split()[0]) / 1e9

    @property
    def tasks(self) -> int:
        request = b"GET /tasks HTTP/1.1\r\nHost: a\r\n\r\n"
        return int(self.ask(request).rpartition(b"\r\n\r\n")[2])

    def wait_tasks(self, at_most: int, seconds: float = 5) -> int:
        """Wait until at most this number is left, or the time has passed. Returns the number."""
        deadline = time.monotonic() + seconds
        while (left := self.tasks) > at_most and time.monotonic() < deadline:
            time.sleep(0.05)
        return left

    def wait_connected(self, descriptors: int, seconds: float = 15) -> None:
        """Wait until the server has this number of descriptors open."""
        deadline = time.monotonic() + seconds
        while self.descriptors < descriptors and time.monotonic() < deadline:
            time.sleep(0.02)

    def wait_descriptors(self, at_most: int, seconds: float = 15) -> int:
        """Wait until at most this number is left, or the time has passed. Returns the number."""
        deadline = time.monotonic() + seconds
        while self.descriptors > at_most and time.monotonic() < deadline:
            time.sleep(0.05)
        return self.descriptors


def read_response(connection: socket.socket) -> bytes:
    """Read one response that has a content-length."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            raise ConnectionError(f"the connection ended after {data[:200]!r}")
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


class Peak:
    """The growth of resident memory in bytes while the block runs, sampled every few milliseconds."""

    def __init__(self, victim: Victim) -> None:
        self._victim = victim
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._start = self._peak = victim.resident

    def _watch(self) -> None:
        while not self._done.wait(0.005):
            self._peak = max(self._peak, self._victim.resident)

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._done.set()
        self._thread.join()
        self._peak = max(self._peak, self._victim.resident)

    @property
    def growth(self) -> int:
        return self._peak - self._start


class Bystander:
    """A well-behaved client in its own process, which sends a request every few milliseconds while the block runs."""

    def __init__(self, victim: Victim) -> None:
        self._victim = victim
        self.seconds: list[float] = []
        self.failures = 0

    def __enter__(self) -> Bystander:
        command = [sys.executable, "-m", "tests.abuse.victim", str(self._victim.port)]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "asking\n"
        return self

    def __exit__(self, *error: object) -> None:
        report, _ = self._process.communicate("enough\n")
        self.failures, *self.seconds = json.loads(report)

    @property
    def p99(self) -> float:
        return statistics.quantiles(self.seconds, n=100)[98]


def bystand(port: int, pause: float = 0.005) -> None:
    """Send requests until input arrives on standard input, then print the failures and the seconds per response."""
    seconds: list[float] = []
    failures = 0
    connection = socket.create_connection((HOST, port), 30)
    print("asking", flush=True)
    while not select.select([sys.stdin], [], [], pause)[0]:
        begin = time.perf_counter()
        try:
            connection.sendall(HELLO)
            read_response(connection)
        except OSError:
            failures += 1
            connection.close()
            connection = socket.create_connection((HOST, port), 30)
        else:
            seconds.append(time.perf_counter() - begin)
    print(json.dumps([failures, *seconds]))


if __name__ == "__main__":
    bystand(int(sys.argv[1]))
