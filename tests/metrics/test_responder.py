import errno
import os
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.processes import PATIENCE, exchange
from tests.waiting import eventually
from uvicorn.metrics import responder as module
from uvicorn.metrics.responder import Answer, Responder
from uvicorn.net.listeners import ACCEPT_RETRY_DELAY

GET = b"GET /path?query HTTP/1.1\r\nhost: a\r\n\r\n"


def respond(path: str) -> Answer:
    return Answer("200 OK", f"<{path}>" if path != "/long" else "x" * 10_000_000)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock


@pytest.fixture
def served(listener: socket.socket) -> Iterator[tuple[str, int]]:
    """Run a responder in a thread. Returns its address."""
    responder = Responder([listener], respond)
    responder.start()
    yield listener.getsockname()
    responder.close()


def test_an_answer(served: tuple[str, int]) -> None:
    head, _, body = exchange(served, GET).partition(b"\r\n\r\n")
    assert body == b"</path>"
    assert head.splitlines()[0] == b"HTTP/1.1 200 OK"
    assert b"content-length: 7" in head
    assert b"connection: close" in head


def test_a_head_request_gets_no_body(served: tuple[str, int]) -> None:
    answer = exchange(served, GET.replace(b"GET", b"HEAD"))
    assert answer.endswith(b"\r\n\r\n")
    assert b"content-length: 7" in answer


@pytest.mark.parametrize("data", [b"POST / HTTP/1.1\r\n\r\n", b"\r\n\r\n", b"\x16\x03\x01\r\n\r\n"])
def test_another_method(served: tuple[str, int], data: bytes) -> None:
    assert exchange(served, data).startswith(b"HTTP/1.1 405 Method Not Allowed")


def test_a_request_head_in_pieces(served: tuple[str, int]) -> None:
    with socket.create_connection(served) as client:
        client.settimeout(PATIENCE)
        client.sendall(GET[:9])
        client.sendall(GET[9:])
        assert client.recv(100).startswith(b"HTTP/1.1 200")


def test_a_request_head_that_is_too_long(served: tuple[str, int]) -> None:
    assert exchange(served, b"GET / HTTP/1.1\r\na: " + b"b" * (module.HEAD_MAX - 19)) == b""


def test_a_client_that_leaves(served: tuple[str, int]) -> None:
    assert exchange(served, b"GET", fin=True) == b""


def test_an_answer_larger_than_the_socket_buffer(served: tuple[str, int]) -> None:
    answer = exchange(served, GET.replace(b"/path", b"/long"))
    assert len(answer) > 10_000_000


def test_a_client_that_is_silent(served: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.05)
    assert exchange(served, b"GET") == b""


def test_a_client_that_resets(listener: socket.socket) -> None:
    responder = Responder([listener], respond)
    with socket.create_connection(listener.getsockname()) as client:
        client.sendall(b"GET")
        eventually(lambda: responder.step() or responder._clients)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    eventually(lambda: responder.step() or not responder._clients)
    responder.close()


def test_the_number_of_clients_is_limited(listener: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CLIENTS_MAX", 1)
    responder = Responder([listener], respond)
    first = socket.create_connection(listener.getsockname())
    with first, socket.create_connection(listener.getsockname()) as second:
        eventually(lambda: responder.step() or responder._clients)
        responder.step()
        assert len(responder._clients) == 1
        # The listener would be readable at once although no client can be accepted: a busy loop.
        assert listener not in responder.objects()
        assert responder.due <= time.monotonic() + module.PATIENCE
        first.close()
        second.sendall(GET)
        second.setblocking(False)
        eventually(lambda: responder.step() or _received(second))
    responder.close()
    assert responder._clients == []


def _received(sock: socket.socket) -> bool:
    try:
        return bool(sock.recv(1))
    except BlockingIOError:
        return False


def test_clients_are_closed_at_the_end(listener: socket.socket) -> None:
    responder = Responder([listener], respond)
    with socket.create_connection(listener.getsockname()) as client:
        eventually(lambda: responder.step() or responder._clients)
        responder.close()
        client.settimeout(PATIENCE)
        assert client.recv(1) == b""


class FailingListener:
    """A listener whose accept(2) fails once for each number of `errors`, and then finds no connection."""

    def __init__(self, *errors: int) -> None:
        self.errors = list(errors)

    def setblocking(self, blocking: bool) -> None: ...

    def listen(self, backlog: int) -> None: ...

    def accept(self) -> Any:
        if not self.errors:
            raise BlockingIOError
        number = self.errors.pop(0)
        raise OSError(number, os.strerror(number))


def test_a_process_out_of_file_descriptors_waits(caplog: pytest.LogCaptureFixture) -> None:
    listener: Any = FailingListener(errno.EMFILE)
    responder = Responder([listener], respond)
    assert responder.objects() == [listener]
    responder.step()
    assert responder.objects() == []
    assert time.monotonic() < responder.due <= time.monotonic() + ACCEPT_RETRY_DELAY
    assert "Cannot accept connections: Too many open files. Trying again in 1 s." in caplog.text
    responder._accept_at = 0.0
    assert responder.objects() == [listener]


def test_a_disconnected_client_does_not_delay_the_next(caplog: pytest.LogCaptureFixture) -> None:
    listener: Any = FailingListener(errno.ECONNABORTED, errno.ECONNABORTED)
    responder = Responder([listener], respond)
    responder.step()
    assert listener.errors == []
    assert responder.objects() == [listener]
    assert not caplog.text
