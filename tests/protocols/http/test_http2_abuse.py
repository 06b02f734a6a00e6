"""HTTP/2 attacks on a running server, which must keep serving other clients."""

import contextlib
import socket
from collections.abc import Iterator

import pytest

from tests.http2 import HEAD, HELLO, Reader, block, data, frame, headers, ping, pseudo, reset, settings, window_update
from tests.processes import PATIENCE, ServerProcess, serve
from uvicorn._speedups import http2_codes as codes

APP = "tests.protocols.http.http2_app:app"
GOOD = [*pseudo(b"POST", b"/echo")]


@pytest.fixture(scope="module", params=["off", "auto"])
def server(request: pytest.FixtureRequest) -> Iterator[ServerProcess]:
    arguments = ("--http2", "--timeout-send", "1", "--timeout-request-head", "1", "--no-access-log")
    with serve(APP, *arguments, env={"UVICORN_SPEEDUPS": request.param}) as server:
        yield server
        assert "Traceback" not in server.stderr


class Attacker:
    """A client with its own connection that may send anything."""

    def __init__(self, server: ServerProcess) -> None:
        self.socket = socket.create_connection((server.host, server.port), timeout=PATIENCE)
        self.reader = Reader()
        self._rest = b""
        self.send(HELLO)

    def send(self, *data: bytes) -> None:
        # The server may already have closed the connection.
        with contextlib.suppress(OSError):
            self.socket.sendall(b"".join(data))

    def read(self) -> bool:
        """Read once; return whether the connection is still open."""
        try:
            received = self.socket.recv(1 << 20)
        except ConnectionError:
            return False
        self._rest += received
        size = 0
        while len(self._rest) - size >= HEAD:
            end = size + HEAD + int.from_bytes(self._rest[size : size + 3], "big")
            if end > len(self._rest):
                break
            size = end
        self.reader.read(self._rest[:size])
        self._rest = self._rest[size:]
        return bool(received)

    def wait(self, stream: int) -> None:
        """Read until the response on the stream is complete, or the stream is reset."""
        while not (answer := self.reader.answers.get(stream)) or not (answer.ended or answer.reset is not None):
            assert self.read(), f"closed: {self.reader.frames[-1]}"

    def wait_end(self) -> int:
        """Read until the server closes; return the code of its GOAWAY."""
        while self.read():
            pass
        return self.reader.goaway.code


@pytest.fixture
def attacker(server: ServerProcess) -> Iterator[Attacker]:
    attacker = Attacker(server)
    yield attacker
    attacker.socket.close()
    # The server still serves other clients.
    other = Attacker(server)
    other.send(headers(1))
    other.wait(1)
    assert other.reader.answers[1].body == b"Hello, world!"
    other.socket.close()


def test_limits_rapid_resets(attacker: Attacker) -> None:
    attacker.send(*(headers(number) + reset(number) for number in range(1, 2300, 2)))
    assert attacker.wait_end() == codes.ENHANCE_YOUR_CALM


def test_a_running_application_counts_until_it_returns(attacker: Attacker) -> None:
    numbers = range(1, 201, 2)
    attacker.send(*(headers(number, path=b"/begun") for number in numbers))
    # All applications run.
    while sum(bool(answer.body) for answer in attacker.reader.answers.values()) < len(numbers):
        assert attacker.read()
    attacker.send(*map(reset, numbers), headers(201))
    attacker.wait(201)
    assert attacker.reader.answers[201].reset == codes.REFUSED_STREAM


def test_limits_the_resets_that_a_client_causes(attacker: Attacker) -> None:
    attacker.send(*(headers(number) + window_update(number, 0) for number in range(1, 2300, 2)))
    assert attacker.wait_end() == codes.ENHANCE_YOUR_CALM


@pytest.mark.parametrize("payload", [b"", b"x" * 16384])
def test_limits_continuation_frames(attacker: Attacker, payload: bytes) -> None:
    attacker.send(frame(codes.HEADERS, 0, 1, b""), frame(codes.CONTINUATION, 0, 1, payload) * 100)
    assert attacker.wait_end() == codes.ENHANCE_YOUR_CALM


def test_times_out_a_head_that_never_ends(attacker: Attacker) -> None:
    attacker.send(frame(codes.HEADERS, 0, 1, b""))
    assert attacker.wait_end() == codes.ENHANCE_YOUR_CALM


def test_refuses_a_large_section_made_of_indexed_fields(attacker: Attacker) -> None:
    # A field of 4,000 bytes is put into the table, and the block refers to it 10,000 times.
    bomb = b"\x40\x01a\x7f\xa1\x1e" + b"x" * 4000 + b"\xbe" * 10000
    attacker.send(frame(codes.HEADERS, codes.END_HEADERS | codes.END_STREAM, 1, block(*pseudo()) + bomb))
    attacker.wait(1)
    assert attacker.reader.answers[1].status == 431


def test_refuses_too_many_crumbs_of_a_cookie(attacker: Attacker) -> None:
    attacker.send(headers(1, *[(b"cookie", b"a=1")] * 300))
    attacker.wait(1)
    assert attacker.reader.answers[1].status == 431


@pytest.mark.parametrize("count", [1, 1000])
def test_empty_names(attacker: Attacker, count: int) -> None:
    whole = block(*pseudo()) + block((b"", b"")) * count
    attacker.send(frame(codes.HEADERS, codes.END_HEADERS | codes.END_STREAM, 1, whole))
    attacker.wait(1)
    answer = attacker.reader.answers[1]
    assert answer.reset == codes.PROTOCOL_ERROR or answer.status == 431


@pytest.mark.parametrize(
    "idle",
    [
        ping(),
        settings(),
        settings((codes.INITIAL_WINDOW_SIZE, 100)),
        frame(codes.PRIORITY, 0, 1, b"\0\0\0\x03\x10"),
        frame(codes.PRIORITY_UPDATE, 0, 0, b"\0\0\0\x01u=1"),
        window_update(0, 1),
        window_update(1, 1),
        data(1),
    ],
)
@pytest.mark.parametrize("reads", [True, False])
def test_floods(attacker: Attacker, idle: bytes, reads: bool) -> None:
    attacker.send(headers(1, method=b"POST", path=b"/echo", end=False))
    for _ in range(150):
        attacker.send(idle * 10)
        if reads:
            attacker.socket.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                attacker.read()
            attacker.socket.settimeout(PATIENCE)
    assert attacker.wait_end() == codes.ENHANCE_YOUR_CALM


def test_tiny_data(attacker: Attacker) -> None:
    attacker.send(headers(1, method=b"POST", path=b"/echo", end=False))
    for _ in range(200):
        attacker.send(data(1, b"x") * 100)
    attacker.send(data(1, end=True))
    attacker.wait(1)
    assert attacker.reader.answers[1].body == b"x" * 20_000


def test_a_client_that_never_opens_its_windows(attacker: Attacker) -> None:
    attacker.send(settings((codes.INITIAL_WINDOW_SIZE, 10)), headers(1, path=b"/large"))
    attacker.wait(1)
    assert attacker.reader.answers[1].reset == codes.CANCEL
    assert attacker.reader.answers[1].body == b"x" * 10


def test_a_client_that_never_reads(attacker: Attacker, server: ServerProcess) -> None:
    attacker.send(settings((codes.INITIAL_WINDOW_SIZE, codes.MAX_WINDOW)), window_update(0, 1 << 30))
    attacker.send(*(headers(number, path=b"/large") for number in range(1, 41, 2)))
    # The server closes this connection and serves other clients meanwhile.
    other = Attacker(server)
    number = 1
    while True:
        other.send(headers(number))
        other.wait(number)
        number += 2
        attacker.send(ping())
        try:
            attacker.socket.send(ping())
        except OSError:
            break
    other.socket.close()


def test_a_body_that_the_application_does_not_receive(attacker: Attacker) -> None:
    attacker.send(headers(1, method=b"POST", path=b"/busy", end=False))
    while not attacker.reader.of_kind("WINDOW_UPDATE"):
        attacker.read()
    attacker.send(*[data(1, b"x" * 16384)] * 5)
    attacker.wait(1)
    assert attacker.reader.answers[1].reset == codes.FLOW_CONTROL_ERROR


@pytest.mark.parametrize(
    "fields",
    [
        [*GOOD, (b":path", b"/other")],
        [*GOOD, (b":path", b"/echo")],
        [*GOOD, (b"x-a", b"b"), (b":method", b"GET")],
        [*GOOD, (b":status", b"200")],
        [*GOOD, (b":x", b"1")],
        GOOD[1:],
        GOOD[:3],
        [*GOOD, (b"connection", b"close")],
        [*GOOD, (b"transfer-encoding", b"chunked")],
        [*GOOD, (b"keep-alive", b"5")],
        [*GOOD, (b"proxy-connection", b"close")],
        [*GOOD, (b"upgrade", b"websocket")],
        [*GOOD, (b"te", b"chunked")],
        [*GOOD, (b"x-a", b"b\r\nhost: c")],
        [*GOOD, (b"x-a", b"b\nc")],
        [*GOOD, (b"x-a", b"b\0c")],
        [*GOOD, (b"x\r\n-a", b"b")],
        [*GOOD, (b"X-A", b"b")],
        [*GOOD, (b"x a", b"b")],
        [*GOOD, (b"host", b"other")],
        [*pseudo(b"POST", b"/a b")],
        [*pseudo(b"POST", b"/a\r\nb")],
        [*pseudo(b"POST", b"http://other/")],
        [*pseudo(b"POST", b"")],
        [*pseudo(b"PO ST", b"/")],
        [*GOOD, (b"content-length", b"5"), (b"content-length", b"6")],
        [*GOOD, (b"content-length", b"+5")],
    ],
)
def test_smuggling(attacker: Attacker, fields: list[tuple[bytes, bytes]]) -> None:
    attacker.send(frame(codes.HEADERS, codes.END_HEADERS, 1, block(*fields)), data(1, b"GET /", end=True))
    attacker.wait(1)
    answer = attacker.reader.answers[1]
    assert (answer.heads, answer.reset) == ([], codes.PROTOCOL_ERROR)


@pytest.mark.parametrize(("length", "sent"), [(b"5", b"123456"), (b"5", b"1234"), (b"0", b"1")])
def test_a_body_of_another_length(attacker: Attacker, length: bytes, sent: bytes) -> None:
    fields = block(*GOOD, (b"content-length", length))
    attacker.send(frame(codes.HEADERS, codes.END_HEADERS, 1, fields), data(1, sent, end=True))
    attacker.wait(1)
    answer = attacker.reader.answers[1]
    assert (answer.heads, answer.reset) == ([], codes.PROTOCOL_ERROR)
