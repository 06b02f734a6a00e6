"""Clients of servers in child processes."""

import contextlib
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator

from tests.processes import PATIENCE, ServerProcess


class KeepAliveClient:
    """One connection, over which request follows request; it does not forgive: nothing is sent a second time.

    Args:
        port: where the server is.
    """

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self._file = self._socket.makefile("rb")
        self.open = True

    def get(self, path: str = "/") -> str:
        """The body of the answer, which must be a 200."""
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
    """Clients that send request after request, each in a thread of its own."""

    def __init__(self, port: int, clients: int) -> None:
        self._port = port
        self._ending = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(clients)]
        self.served: Counter[int] = Counter()
        self.failures: list[str] = []
        # Seconds that a client has waited for an answer.
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
            time.sleep(0.001)  # leaves the processor to the servers
        if client is not None:
            client.close()

    def end(self) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join(PATIENCE)


@contextlib.contextmanager
def load(port: int, clients: int = 4) -> Iterator[Load]:
    """Load a server while the block runs."""
    running = Load(port, clients)
    try:
        yield running
    finally:
        running.end()


def get(server: ServerProcess, path: str = "/") -> str:
    """The body of one answer."""
    client = KeepAliveClient(server.port)
    try:
        return client.get(path)
    finally:
        client.close()


def state_of(pid: int) -> str:
    """R, S, T (stopped), Z ... (proc(5)); "" where there is no such process."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def is_running(pid: int) -> bool:
    """Whether there is such a process that is not dead yet."""
    return state_of(pid) not in {"", "Z", "X"}
