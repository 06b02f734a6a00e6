"""A small HTTP server for Prometheus and probes. It never waits for a client.

It is separate from the server, because it has to answer while the event loop of the server is blocked. In a single
process, it runs in a thread. A supervisor must not have threads, because it forks workers. So the supervisor calls
`step` in its own loop.
"""

import math
import selectors
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from uvicorn.net.listeners import get_accept_delay

# Limits: the bytes of a head, the seconds for a request and its answer, and the number of open connections. While that
# many are open, others wait.
HEAD_MAX = 8192
PATIENCE = 5.0
CLIENTS_MAX = 64
# The size of the send buffer of a socket in bytes; usually, it takes the whole answer. Otherwise, sending is tried
# again after RETRY_DELAY seconds.
SEND_BUFFER = 1 << 18
RETRY_DELAY = 0.02
BACKLOG = 64


class Answer(NamedTuple):
    """An answer to a request.

    Attributes:
        status: the status code and its phrase.
        text: the body.
        content_type: the value of Content-Type.
    """

    status: str
    text: str
    content_type: str = "text/plain; charset=utf-8"


class _Client:
    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.due = time.monotonic() + PATIENCE
        self.received = b""
        self.unsent = b""

    def step(self, respond: Callable[[str], Answer]) -> bool:
        """Read and write as far as possible now. Returns whether the connection stays open."""
        try:
            if not self.unsent:
                data = self.sock.recv(HEAD_MAX)
                self.received += data
                if b"\r\n\r\n" not in self.received:
                    return bool(data) and len(self.received) < HEAD_MAX
                self.unsent = _build(self.received, respond)
            self.unsent = self.unsent[self.sock.send(self.unsent) :]
        except BlockingIOError:
            return True
        except OSError:
            return False
        return bool(self.unsent)


def _build(head: bytes, respond: Callable[[str], Answer]) -> bytes:
    method, _, rest = head.partition(b"\r\n")[0].decode("latin-1").partition(" ")
    path = rest.partition(" ")[0].partition("?")[0]
    if method in ("GET", "HEAD"):
        answer = respond(path)
    else:
        answer = Answer("405 Method Not Allowed", "Only GET and HEAD are allowed.\n")
    body = answer.text.encode()
    fields = (
        f"HTTP/1.1 {answer.status}",
        f"content-type: {answer.content_type}",
        f"content-length: {len(body)}",
        "cache-control: no-store",
        "connection: close",
    )
    return "\r\n".join(fields).encode() + b"\r\n\r\n" + (b"" if method == "HEAD" else body)


class Responder:
    """The HTTP server.

    Args:
        sockets: bound sockets.
        respond: returns the answer for a path.
    """

    def __init__(self, sockets: Sequence[socket.socket], respond: Callable[[str], Answer]) -> None:
        self._sockets = sockets
        self._respond = respond
        self._clients: list[_Client] = []
        self._accept_at = 0.0
        self._stop: socket.socket | None = None
        self._thread: threading.Thread | None = None
        for sock in sockets:
            sock.setblocking(False)
            sock.listen(BACKLOG)

    def _accepts(self) -> bool:
        return len(self._clients) < CLIENTS_MAX and time.monotonic() >= self._accept_at

    def objects(self) -> list[socket.socket]:
        """The objects that become readable when `step` has something to do."""
        listening = self._sockets if self._accepts() else ()
        return [*listening, *(client.sock for client in self._clients if not client.unsent)]

    @property
    def due(self) -> float:
        """The time at which `step` has something to do even if no object is readable, of `time.monotonic`."""
        now = time.monotonic()
        dues = [now + RETRY_DELAY if client.unsent else client.due for client in self._clients]
        if now < self._accept_at:
            dues.append(self._accept_at)
        return min(dues, default=math.inf)

    def step(self) -> None:
        """Accept, read and answer, as far as possible without waiting."""
        for sock in self._sockets:
            while self._accepts() and self._accept(sock):
                pass
        now = time.monotonic()
        for client in self._clients[:]:
            if not client.step(self._respond) or now >= client.due:
                client.sock.close()
                self._clients.remove(client)

    def _accept(self, listener: socket.socket) -> bool:
        """Accept a connection. Returns whether more may be waiting."""
        try:
            sock, _ = listener.accept()
        except BlockingIOError:
            return False
        except OSError as exc:
            delay = get_accept_delay(exc)
            self._accept_at = time.monotonic() + delay
            return not delay
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        self._clients.append(_Client(sock))
        return True

    def start(self) -> None:
        """Serve in a thread."""
        reader, self._stop = socket.socketpair()
        self._thread = threading.Thread(target=self._run, args=(reader,), daemon=True, name="uvicorn-metrics")
        self._thread.start()

    def _run(self, stop: socket.socket) -> None:
        with stop:
            while not self._wait(stop):
                self.step()

    def _wait(self, stop: socket.socket) -> bool:
        """Wait until there is something to do. Returns whether to stop."""
        due = self.due
        with selectors.DefaultSelector() as selector:
            for sock in (stop, *self.objects()):
                selector.register(sock, selectors.EVENT_READ)
            ready = selector.select(None if due == math.inf else max(0.0, due - time.monotonic()))
        return any(key.fileobj is stop for key, _ in ready)

    def close(self) -> None:
        """Stop serving. The owner of the sockets has to close them."""
        if self._stop is not None and self._thread is not None:
            self._stop.close()
            self._thread.join()
        self.let_go()

    def let_go(self) -> None:
        """Called in a forked process: close the inherited connections."""
        for client in self._clients:
            client.sock.close()
        self._clients.clear()
