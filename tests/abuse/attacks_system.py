"""Attacks on file descriptors. The figures have the same form as in attacks_http."""

import contextlib
import shutil
import socket
import time
from collections.abc import Iterator

from tests.abuse.attacks_http import NO_BOUND, Figure
from tests.abuse.victim import HELLO, Victim, read_response

LOOPS = ("uvloop", "asyncio")


def few_descriptors(limit: int = 64, clients: int = 200) -> Iterator[Figure]:
    """More clients than descriptors: the server does not loop at full speed, and it recovers."""

    prefix = ("sh", "-c", f'ulimit -n {limit}; exec "$@"', "sh")
    for loop in LOOPS:
        with Victim("--loop", loop, "--timeout-keep-alive", "60", prefix=prefix) as victim:
            connections = [socket.create_connection(("127.0.0.1", victim.port), 5) for _ in range(clients)]
            for connection in connections:
                with contextlib.suppress(OSError):
                    connection.sendall(HELLO)
            time.sleep(0.5)
            begin, used = time.monotonic(), victim.cpu
            time.sleep(2)
            busy = (victim.cpu - used) / (time.monotonic() - begin)
            for connection in connections:
                connection.close()
            begin = time.monotonic()
            recovered = _asks_until(victim, 10)
            yield f"{loop}: of one core while full", busy * 100, 20, "%"
            yield f"{loop}: seconds to recover", recovered - begin, 3, "s"
            yield f"{loop}: tracebacks of ours", victim.stderr.count("uvicorn/protocols"), 0, ""


def _asks_until(victim: Victim, seconds: float) -> float:
    """Send requests until the server answers. Returns the time of the answer, or infinity."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", victim.port), 1) as connection:
                connection.settimeout(1)
                connection.sendall(HELLO)
                read_response(connection)
                return time.monotonic()
        except OSError:
            time.sleep(0.02)
    return float("inf")


def failing_accept(failures: int = 20) -> Iterator[Figure]:
    """accept(2) fails: strace injects the error."""
    if shutil.which("strace") is None:
        print("strace is not installed: accept's failures are left out")
        return
    for loop in LOOPS:
        for error in ("EMFILE", "ECONNABORTED"):
            inject = f"inject=accept,accept4:error={error}:when=20..{20 + failures}"
            prefix = ("strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=accept,accept4", "-e", inject)
            with Victim("--loop", loop, prefix=prefix) as victim:
                answered, begin, slowest = 0, time.monotonic(), 0.0
                for _ in range(60):
                    asked = time.monotonic()
                    answered += _asks_until(victim, 15) < float("inf")
                    slowest = max(slowest, time.monotonic() - asked)
                yield f"{loop} {error}: unanswered of 60", 60 - answered, 0, ""
                yield f"{loop} {error}: the slowest", slowest, 3, "s"
                yield f"{loop} {error}: all", time.monotonic() - begin, NO_BOUND, "s"
