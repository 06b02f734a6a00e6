"""Attacks over HTTP. Each yields figures: (what, value, bound, unit); a value above its bound is a failure."""

import contextlib
import select
import socket
import struct
import time
from collections.abc import Iterator

from tests.abuse.victim import HELLO, Bystander, Peak, Victim, read_response
from uvicorn._speedups import RequestReader
from uvicorn.protocols.http import h11_impl, httptools_impl

MIB = 1024 * 1024
PARSERS = ("httptools", "h11")
Figure = tuple[str, float, float, str]
# Each figure of processor time is the mean over this number of requests.
ROUNDS = 10
NO_BOUND = float("inf")

JUDGES = {"h11": h11_impl.judge, "httptools": httptools_impl.judge}


def _drip(connections: list[socket.socket], data: bytes) -> list[socket.socket]:
    """Send a byte on each connection. Returns the connections that are still open."""
    left = []
    for connection in connections:
        with contextlib.suppress(OSError):
            connection.send(data)
            left.append(connection)
    return left


def _ended(connections: list[socket.socket], seconds: float) -> tuple[int, float, bytes]:
    """Wait until the server has ended the connections, at most `seconds`.

    Returns how many it ended, the seconds until the last one ended, and the bytes that it sent on one of them.
    """
    begin, last, said = time.monotonic(), 0.0, b""
    waiting = {connection.fileno(): connection for connection in connections}
    poll = select.poll()
    for descriptor in waiting:
        poll.register(descriptor, select.POLLIN)
    while waiting and time.monotonic() - begin < seconds:
        for descriptor, _ in poll.poll(100):
            try:
                data = waiting[descriptor].recv(65536)
            except OSError:
                data = b""
            said = data or said
            if not data:
                poll.unregister(descriptor)
                del waiting[descriptor]
                last = time.monotonic() - begin
    return len(connections) - len(waiting), last, said


def slowloris(count: int = 1000, timeout: float = 5.0) -> Iterator[Figure]:
    """Request heads that arrive slowly, one byte a second."""
    with Victim("--timeout-request-head", str(timeout)) as victim:
        victim.warm_up()
        before = victim.descriptors
        with Bystander(victim) as alone:
            time.sleep(3)
        with Peak(victim) as peak, Bystander(victim) as bystander:
            connections = [victim.connect() for _ in range(count)]
            begin = time.monotonic()
            _drip(connections, b"GET / HTTP/1.1\r\nHost: a\r\nX-A: ")
            for _ in range(int(timeout) - 1):
                time.sleep(1)
                _drip(connections, b"b")
            closed, _, said = _ended(connections, timeout + 10)
            took = time.monotonic() - begin
        assert b" 408 " in said, said
        yield "connections left open", count - closed, 0, ""
        yield "seconds over the timeout, the last one", max(0.0, took - timeout), 3, "s"
        yield "p99 of others alone", alone.p99 * 1000, NO_BOUND, "ms"
        yield "p99 of others meanwhile", bystander.p99 * 1000, 50, "ms"
        yield "others that failed", bystander.failures, 0, ""
        yield "KiB per connection", peak.growth / count / 1024, 10, "KiB"
        for connection in connections:
            connection.close()
        yield "descriptors left", victim.wait_descriptors(before) - before, 0, ""


def slow_body(count: int = 200, timeout: float = 3.0) -> Iterator[Figure]:
    """Request bodies that stop before they are complete."""
    with Victim("--timeout-request-body", str(timeout)) as victim:
        victim.warm_up()
        before = victim.tasks
        connections = [victim.connect() for _ in range(count)]
        _drip(connections, b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nx")
        begin = time.monotonic()
        closed, _, said = _ended(connections, timeout + 10)
        assert b" 408 " in said, said
        yield "connections left open", count - closed, 0, ""
        yield "seconds over the timeout, the last one", max(0.0, time.monotonic() - begin - timeout), 3, "s"
        yield "tasks left", victim.wait_tasks(before) - before, 0, ""


def pipeline_unread(count: int = 100_000) -> Iterator[Figure]:
    """Requests that are sent in one write and whose responses are never read."""
    for parser in PARSERS:
        with Victim("--http", parser) as victim:
            victim.warm_up()
            with victim.connect(receive_buffer=4096) as connection, Peak(victim) as peak:
                sent = _push(connection, HELLO * count, seconds=4)
            yield f"{parser}: growth", peak.growth / MIB, 1, "MiB"
            yield f"{parser}: taken of {len(HELLO) * count // MIB} MiB", sent / MIB, NO_BOUND, "MiB"
            assert read_response_of(victim)


def read_response_of(victim: Victim) -> bool:
    """Return whether the server still answers a request."""
    return victim.ask().startswith(b"HTTP/1.1 200 OK\r\n")


def _push(connection: socket.socket, data: bytes, seconds: float) -> int:
    """Send as much as the server reads in `seconds`. Returns the number of bytes."""
    connection.setblocking(False)
    view, sent, deadline = memoryview(data), 0, time.monotonic() + seconds
    while sent < len(data) and time.monotonic() < deadline:
        if select.select([], [connection], [], 0.1)[1]:
            try:
                sent += connection.send(view[sent : sent + 262_144])
            except OSError:
                break
    return sent


def slow_reader(seconds: float = 5) -> Iterator[Figure]:
    """A response of 100 MiB that the client reads slowly."""
    with Victim() as victim:
        victim.warm_up()
        with victim.connect(receive_buffer=4096) as connection, Peak(victim) as peak:
            connection.sendall(b"GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                connection.recv(4096)
                time.sleep(0.02)
        yield "growth", peak.growth / MIB, 1, "MiB"


def reader_gone(count: int = 50, timeout: float = 3.0) -> Iterator[Figure]:
    """A response of 100 MiB to clients that read nothing: the server closes the connections."""
    with Victim("--timeout-send", str(timeout)) as victim:
        victim.warm_up()
        before, tasks = victim.descriptors, victim.tasks
        connections = [victim.connect(receive_buffer=4096) for _ in range(count)]
        _drip(connections, b"GET /stream HTTP/1.1\r\nHost: a\r\n\r\nGET /stream HTTP/1.1\r\nHost: a\r\n\r\n")
        victim.wait_connected(before + count - 5)
        begin = time.monotonic()
        left = victim.wait_descriptors(before, timeout + 10) - before
        yield "connections left", left, 0, ""
        yield "seconds over the timeout", max(0.0, time.monotonic() - begin - timeout), 4, "s"
        yield "tasks left", victim.wait_tasks(tasks) - tasks, 0, ""
        for connection in connections:
            connection.close()


def upload_unread(gigabytes: float = 10) -> Iterator[Figure]:
    """A chunked upload to an application that never receives, and to an application that responds at once."""
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    for parser in PARSERS:
        for path in (b"/never-read", b"/"):
            with Victim("--http", parser) as victim:
                victim.warm_up()
                with victim.connect() as connection, Peak(victim) as peak:
                    connection.sendall(b"POST %b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" % path)
                    sent, deadline = 0, time.monotonic() + 4
                    while sent < gigabytes * 1e9 and time.monotonic() < deadline:
                        piece = _push(connection, chunk * 16, 0.5)
                        sent += piece
                        if piece == 0:
                            break
                yield f"{parser} {path.decode()}: growth", peak.growth / MIB, 1, "MiB"
                yield f"{parser} {path.decode()}: taken", sent / MIB, NO_BOUND, "MiB"


# Fields whose values are parsed: lists and grammars, whose parsing could take quadratic time.
_TEMPTATIONS = {
    "Connection": b"Connection: %b",
    "Transfer-Encoding": b"Transfer-Encoding: %b",
    "X-Forwarded-For": b"X-Forwarded-For: %b",
    "Sec-WebSocket-Protocol": b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: %b",
    "Sec-WebSocket-Extensions": b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Extensions: %b",
    "Expect": b"Expect: %b",
    "Upgrade": b"Connection: Upgrade\r\nUpgrade: %b",
    "Content-Length": b"Content-Length: %b",
    "Host": b"Host: %b",
}


def quadratic(size: int = 60_000) -> Iterator[Figure]:
    """Parsing takes linear time: four times the input takes four times as long, sixteen times takes sixteen.

    Quadratic parsing would take 16 and 256 times as long. The noise of a busy machine is far smaller.
    """
    for parser in PARSERS:
        with Victim("--http", parser) as victim:
            victim.warm_up()
            for name, field in _TEMPTATIONS.items():
                for character in (b",", b"a,", b"1") if name != "Content-Length" else (b"1", b"0"):
                    small, middle, large = (
                        _cost(victim, field % (character * (length // len(character))))
                        for length in (size // 16, size // 4, size)
                    )
                    yield (
                        f"{parser} {name}, {character.decode()}: times what is in proportion",
                        max(large / middle / 4, large / small / 16),
                        1.5,
                        f"({large * 1000:.2f} ms)",
                    )


def _cost(victim: Victim, field: bytes) -> float:
    """Measure the processor seconds for a request with this field. Returns the best of several runs."""
    host = b"" if field.startswith(b"Host") else b"Host: a\r\n"
    data = b"GET / HTTP/1.1\r\n" + host + field + b"\r\n\r\n"
    best = float("inf")
    for _ in range(4):
        before = victim.cpu
        for _ in range(ROUNDS):
            with victim.connect() as connection:
                connection.sendall(data)
                with contextlib.suppress(OSError):
                    connection.recv(65536)
        # The kernel updates the processor time of a process when the process goes to sleep.
        time.sleep(0.01)
        best = min(best, (victim.cpu - before) / ROUNDS)
    return best


def dripped(size: int = 60_000) -> Iterator[Figure]:
    """A request line, a field and a chunk extension that arrive byte by byte.

    The parser is fed in this process, because a kernel joins bytes that arrive faster than they are read.
    """
    starts = {
        "request line": b"GET /",
        "field": b"GET / HTTP/1.1\r\nHost: a\r\nX: ",
        "chunk extension": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;a=",
    }
    for library in PARSERS:
        for what, start in starts.items():
            length = 16_000 if what.startswith("chunk") else size
            small, large = (_dripping_cost(library, start, count) for count in (length // 2, length))
            # If the parser copied its buffer for each byte, the ratio would show it, long before the copying costs more
            # than read(2) does.
            yield f"{library} {what}: each byte", large / length * 1e6, 3, f"us ({large / small:.2f} times for twice)"


def _dripping_cost(library: str, start: bytes, count: int) -> float:
    """Measure the processor seconds for `count` bytes after the start. Returns the best of five runs."""
    best = float("inf")
    for _ in range(5):
        reader = RequestReader(JUDGES[library], (65536, 256, 131072, -1))
        reader.feed(start)
        reader.next()
        begin = time.process_time()
        for _ in range(count):
            reader.feed(b"a")
            reader.next()
        best = min(best, time.process_time() - begin)
    return best


def resets(count: int = 5000) -> Iterator[Figure]:
    """Connections that are reset at every point of a request."""
    reset = struct.pack("ii", 1, 0)
    points = [
        *(b"", b"GET", HELLO, HELLO * 5, b"GET /stream HTTP/1.1\r\nHost: a\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"),
        *(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nxx", b"\x16\x03\x01", HELLO + b"x y z\r\n"),
        b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    ]
    for loop in ("uvloop", "asyncio"):
        with Victim("--loop", loop) as victim:
            victim.warm_up()
            before, tasks = victim.descriptors, victim.tasks
            with Peak(victim) as peak, Bystander(victim) as bystander:
                for number in range(count):
                    connection = victim.connect()
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
                    with contextlib.suppress(OSError):
                        connection.sendall(points[number % len(points)])
                        if number % 3 == 0:
                            connection.settimeout(0.02)
                            connection.recv(10)
                    connection.close()
            yield f"{loop}: descriptors left", victim.wait_descriptors(before) - before, 0, ""
            yield f"{loop}: tasks left", victim.wait_tasks(tasks) - tasks, 0, ""
            yield f"{loop}: tracebacks", victim.tracebacks, 0, ""
            yield f"{loop}: others that failed", bystander.failures, 0, ""
            yield f"{loop}: growth", peak.growth / MIB, 4, "MiB"
            with victim.connect() as connection:
                connection.sendall(HELLO)
                assert read_response(connection)
