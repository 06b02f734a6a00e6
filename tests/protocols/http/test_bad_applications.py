"""Bad applications on a real server: it logs the cause, answers 500 or closes, and serves the next request."""

import re
import socket
from collections.abc import Iterator

import pytest

from tests.cases.case import head
from tests.cases.outcome import parse_responses
from tests.processes import ServerProcess, exchange, serve
from tests.protocols.http.apps import MESSAGES
from tests.protocols.http.connection import get

# Path -> the text in the log.
CAUSES = {
    "/raises": "ValueError: raised on purpose",
    "/raises-in-the-middle": "ValueError: raised on purpose",
    "/returns-early": "ASGI callable returned without starting response.",
    "/returns-after-start": "ASGI callable returned without completing response.",
    "/returns-in-the-middle": "ASGI callable returned without completing response.",
    "/wrong-message": "Expected ASGI message 'http.response.start', but got 'http.response.body'.",
    "/unknown-message": "Expected ASGI message 'http.response.start', but got 'http.response.unknown'.",
    "/start-twice": "Expected ASGI message 'http.response.body', but got 'http.response.start'.",
    "/cr-in-value": "Invalid HTTP header value.",
    "/lf-in-value": "Invalid HTTP header value.",
    "/nul-in-value": "Invalid HTTP header value.",
    "/crlf-in-name": "Invalid HTTP header name.",
    "/too-much": "Response content longer than Content-Length",
    "/too-much-later": "Response content longer than Content-Length",
    "/too-little": "Response content shorter than Content-Length",
    "/too-little-later": "Response content shorter than Content-Length",
    "/bad-status": "TypeError",
    "/str-body": "TypeError",
}


@pytest.fixture(scope="module", params=["h11", "httptools"])
def server(request: pytest.FixtureRequest) -> Iterator[ServerProcess]:
    if request.param == "httptools":
        pytest.importorskip("httptools")
    with serve("tests.protocols.http.apps:app", "--http", request.param, "--no-use-colors") as running:
        yield running


def test_every_bad_application_is_tested() -> None:
    assert set(MESSAGES) - {"/"} <= set(CAUSES)


@pytest.mark.parametrize("path", CAUSES)
def test_bad_application(server: ServerProcess, path: str) -> None:
    already = server.stderr.count(CAUSES[path])
    # The request has no `connection: close`, so the server must close the connection itself.
    answer = exchange((server.host, server.port), get(path))
    for response in parse_responses(answer, ["GET"], ended=True):
        assert response.status == 500 or not response.whole
        assert b"set-cookie" not in dict(response.headers)
    server.wait_stderr(re.escape(CAUSES[path]), count=already + 1)
    good = exchange((server.host, server.port), get("/", b"Connection: close"))
    [response] = parse_responses(good, ["GET"], ended=True)
    assert (response.status, response.body) == (200, b"abc")


def test_nothing_leaks_to_the_client(server: ServerProcess) -> None:
    answer = exchange((server.host, server.port), get("/raises"))
    assert answer.endswith(b"\r\n\r\nInternal Server Error")
    assert b"purpose" not in answer


def test_a_task_that_cancels_itself(server: ServerProcess) -> None:
    exchange((server.host, server.port), get("/cancels-itself"))
    good = exchange((server.host, server.port), get("/", b"Connection: close"))
    assert good.startswith(b"HTTP/1.1 200 OK\r\n")


def test_streaming_both_ways_at_once(server: ServerProcess) -> None:
    """Each piece comes back before the client sends the next one."""
    with socket.create_connection((server.host, server.port), timeout=30) as client:
        client.sendall(head(b"POST /echo HTTP/1.1", b"Transfer-Encoding: chunked", b"Connection: close"))
        received = b""
        for number in range(20):
            piece = b"piece %d" % number
            client.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
            while not received.endswith(piece + b"\r\n"):
                read = client.recv(65536)
                assert read
                received += read
        client.sendall(b"0\r\n\r\n")
        while read := client.recv(65536):
            received += read
    [response] = parse_responses(received, ["POST"], ended=True)
    assert response.whole
    assert response.body == b"".join(b"piece %d" % number for number in range(20))
