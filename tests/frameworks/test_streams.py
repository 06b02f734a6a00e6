"""Endless responses of frameworks, on a real server that shuts down or replaces a worker."""

import contextlib
import signal
import socket
import sys
from collections.abc import Iterator

import pytest

from tests.frameworks.conftest import needs
from tests.processes import PATIENCE, ServerProcess
from uvicorn._speedups.http2_codes import INTERNAL_ERROR

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are sent")


@contextlib.contextmanager
def ask(server: ServerProcess, head: str, until: bytes) -> Iterator[socket.socket]:
    """Send a request, and read until the response contains the bytes `until`."""
    with socket.create_connection((server.host, server.port), PATIENCE) as client:
        client.sendall(f"{head}\r\nhost: a\r\n\r\n".encode())
        data = b""
        while until not in data:
            data += client.recv(65536)
        yield client


def read_end(client: socket.socket) -> bytes:
    data = b""
    while part := client.recv(65536):
        data += part
    return data


def find_errors(server: ServerProcess) -> list[str]:
    # sse-starlette checks for a shutdown twice a second, and then leaves its response incomplete.
    known = "ASGI callable returned without completing response."
    lines = [line for line in server.stderr.splitlines() if "ERROR" in line or "Traceback" in line]
    return [line for line in lines if known not in line]


STARLETTE = ["/stream", "/events", "/middleware/stream", "/middleware/events"]


@pytest.mark.parametrize(
    ("name", "paths"),
    [
        pytest.param("starlette", STARLETTE, marks=needs("sse_starlette")),
        pytest.param("django", ["/stream"], marks=needs("django")),
    ],
)
def test_a_shutdown_ends_streams_and_waits_for_requests(name: str, paths: list[str], loop: str) -> None:
    options = ["--timeout-stream-shutdown", "0.2", "--loop", loop]
    with (
        ServerProcess(f"tests.frameworks.apps.streams_{name}:app", *options) as server,
        contextlib.ExitStack() as stack,
    ):
        streams = [stack.enter_context(ask(server, f"GET {path} HTTP/1.1", b"tick")) for path in paths]
        # The application waits for the body.
        post = "POST /echo HTTP/1.1\r\ncontent-length: 5\r\nexpect: 100-continue"
        request = stack.enter_context(ask(server, post, b"100 Continue\r\n\r\n"))
        server.send_signal(signal.SIGINT)
        for stream in streams:
            # The client can see that the response is incomplete.
            assert not read_end(stream).endswith(b"0\r\n\r\n")
        request.sendall(b"hello")
        assert read_end(request).endswith((b"\r\n\r\nhello", b"\r\n5\r\nhello\r\n0\r\n\r\n"))
        assert server.wait() == 0
    assert find_errors(server) == []


@needs("sse_starlette")
def test_a_worker_that_is_replaced_ends_its_streams() -> None:
    options = ["--workers", "2", "--timeout-stream-shutdown", "0.2", "--timeout-keep-alive", "1"]
    with ServerProcess("tests.frameworks.apps.streams_starlette:app", *options) as server:
        server.wait_stderr("Application startup complete", count=2)
        with (
            ask(server, "GET /stream HTTP/1.1", b"tick") as stream,
            ask(server, "GET /events HTTP/1.1", b"tick") as events,
        ):
            server.send_signal(signal.SIGHUP)
            for client in (stream, events):
                assert not read_end(client).endswith(b"0\r\n\r\n")
        with ask(server, "GET /stream HTTP/1.1", b"tick"):
            assert server.stop(signal.SIGINT) == 0
    assert find_errors(server) == []


@needs("sse_starlette")
@pytest.mark.parametrize("version", ["2.3", "2.4"])
def test_streams_end_with_either_version_of_asgi(version: str) -> None:
    options = ["--asgi-http-version", version, "--timeout-stream-shutdown", "0.2"]
    with ServerProcess("tests.frameworks.apps.streams_starlette:app", *options) as server:
        for number, path in enumerate(["/ticks", "/middleware/ticks"], 1):
            with ask(server, f"GET {path} HTTP/1.1", b"tick"):
                pass
            # The client has disconnected.
            server.wait_stdout("left", count=number)
        with (
            ask(server, "GET /ticks HTTP/1.1", b"tick") as ticks,
            ask(server, "GET /middleware/ticks HTTP/1.1", b"tick") as in_middleware,
            ask(server, "GET /events HTTP/1.1", b"tick") as events,
        ):
            server.send_signal(signal.SIGINT)
            for client in (ticks, in_middleware, events):
                assert not read_end(client).endswith(b"0\r\n\r\n")
            assert server.wait() == 0
    assert find_errors(server) == []


@needs("sse_starlette")
@pytest.mark.parametrize("version", ["2.3", "2.4"])
def test_a_shutdown_ends_streams_of_http2(version: str) -> None:
    http2 = pytest.importorskip("tests.http2", exc_type=ImportError)
    options = ["--http2", "--asgi-http-version", version, "--timeout-stream-shutdown", "0.2"]
    with ServerProcess("tests.frameworks.apps.streams_starlette:app", *options) as server:
        reader = http2.Reader()
        with socket.create_connection((server.host, server.port), PATIENCE) as client:
            client.sendall(http2.HELLO + http2.headers(1, path=b"/ticks") + http2.headers(3, path=b"/events"))
            while not all(stream in reader.answers and b"tick" in reader.answers[stream].body for stream in (1, 3)):
                reader.read(client.recv(65536))
            server.send_signal(signal.SIGINT)
            reader.read(read_end(client))
            assert server.wait() == 0
        # The client can see that the responses are incomplete.
        for answer in reader.answers.values():
            assert (answer.reset, answer.ended) == (INTERNAL_ERROR, False)
    assert find_errors(server) == []
