"""Clients of servers in child processes."""

import contextlib
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator

from tests.processes import PATIENCE, ServerProcess


class KeepAliveClient:
    """One connection for many requests. A request that fails is an error: it is not sent a second time.

    Args:
        port: the port of the server.
    """

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self._file = self._socket.makefile("rb")
        self.open = True

    def get(self, path: str = "/") -> str:
        """Send a request. Returns the body of the response, which must be a 200."""
        self._socket.sendall(f"GET {path} HTTP/1.1\r\nhost: test\r\n\r\n".encode())
        status = self._file.readline()
        if not status.startswith(b"HTTP/1.1 200 "):
            raise ConnectionError(f"no good answer: {status!r}")
        headers = {}
        while (line := self._file.readline()) != b"\r\n":
            name, _, value = line.partition(b":")
            headers[name.lower()] = value.strip()
        self.open = headers.get(b"connection", b"").lower() != b"close"
        return self._file.read(int(headers[b"content-length"])).decode()

    def close(self) -> None:
        self._file.close()
        self._socket.close()


class Load:
    """Clients that send requests continuously, each in its own thread."""

    def __init__(self, port: int, clients: int) -> None:
        self._port = port
        self._ending = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(clients)]
        self.served: Counter[int] = Counter()
        self.failures: list[str] = []
        # The seconds that a client has waited for each response.
        self.longest = 0.0
        for thread in self._threads:
            thread.start()

    def _run(self) -> None:
        client = None
        while not self._ending.is_set():
            begun = time.monotonic()
            try:
                if client is None:
                    client = KeepAliveClient(self._port)
                self.served[int(client.get())] += 1
            except (OSError, KeyError, ValueError) as error:
                self.failures.append(repr(error))
                if client is not None:
                    client.close()
                client = None
            else:
                if not client.open:
                    client.close()
                    client = None
            self.longest = max(self.longest, time.monotonic() - begun)
            time.sleep(0.001)  # leaves processor time to the servers
        if client is not None:
            client.close()

    def end(self) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join(PATIENCE)


@contextlib.contextmanager
def load(port: int, clients: int = 4) -> Iterator[Load]:
    """Put load on a server while the block runs."""
    running = Load(port, clients)
    try:
        yield running
    finally:
        running.end()


def get(server: ServerProcess, path: str = "/") -> str:
    """Send one request. Returns the body of the response."""
    client = KeepAliveClient(server.port)
    try:
        return client.get(path)
    finally:
        client.close()


def state_of(pid: int) -> str:
    """Return the state of a process: R, S, T (stopped), Z ... (proc(5)), or "" if it does not exist."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def is_running(pid: int) -> bool:
    """Return whether the process exists and is not a zombie."""
    return state_of(pid) not in {"", "Z", "X"}
