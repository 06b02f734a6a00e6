"""Every combination of `crossed` against a running server, which must still answer another client after each."""

import contextlib
import os
import socket

from tests.cases.crossed import COMBINATIONS, Crossed
from tests.cases.outcome import parse_responses
from tests.processes import PATIENCE, serve

BYSTANDER = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def _connect(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), PATIENCE)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _ask(bystander: socket.socket) -> None:
    """Send a request as another client, and require an answer."""
    bystander.sendall(BYSTANDER)
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        piece = bystander.recv(65536)
        assert piece, f"the other client was cut off: {answer!r}"
        answer += piece
    assert answer.startswith(b"HTTP/1.1 200 ")


def _converse(port: int, bystander: socket.socket, pieces: list[bytes]) -> bytes:
    """Send the pieces, with a request of the other client after each; then send FIN and read the answer."""
    received = b""
    # The server may have closed the connection without reading the rest.
    with _connect(port) as connection, contextlib.suppress(ConnectionError):
        for piece in pieces:
            connection.sendall(piece)
            _ask(bystander)
        connection.shutdown(socket.SHUT_WR)
        while data := connection.recv(65536):
            received += data
    return received


def _divisions(combination: Crossed) -> list[list[bytes]]:
    data = combination.data
    return [[data], *([data[:edge], data[edge:]] for edge in combination.edges)]


def test_other_clients_are_answered(parser: str, loop: str) -> None:
    options = ["--http", parser, "--loop", loop, "--lifespan", "off", "--no-access-log", "--no-proxy-headers"]
    wrong = []
    with serve("tests.cases.echo:app", *options, env={"RECORD": os.devnull}) as server, _connect(server.port) as other:
        for combination in COMBINATIONS:
            statuses, _, _ = combination.expected()
            for pieces in _divisions(combination):
                try:
                    received = _converse(server.port, other, pieces)
                except TimeoutError:
                    raise AssertionError(f"{combination} in {len(pieces)} stops the server") from None
                responses = parse_responses(received, [], ended=True)
                seen = tuple(response.status for response in responses if response.final)
                # A request that the FIN cuts off is refused with 400.
                if seen[: len(statuses)] != statuses or set(seen[len(statuses) :]) - {400}:
                    wrong.append(f"{combination} in {len(pieces)}: {seen}, not {statuses}")
    assert not wrong, "\n".join(wrong)
