"""Servers that run at the same time and take turns. Each is measured once in a round, and its best round counts."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from cases import Case
from servers import Server, running


@contextmanager
def pinned() -> Iterator[tuple[str, ...]]:
    """Pin the server to one core and this process to the others, if there are several cores."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        yield ()
        return
    os.sched_setaffinity(0, cores[1:])
    try:
        yield ("taskset", "-c", str(cores[0]))
    finally:
        os.sched_setaffinity(0, cores)


def best_of(servers: list[Server], case: Case, rounds: int, measure: Callable[[int, int], float]) -> dict[str, float]:
    """Return the smallest result of `measure(process id, port)` for each server."""
    best: dict[str, float] = {}
    with pinned() as prefix, ExitStack() as stack:
        started = {server.name: stack.enter_context(running(server, case, prefix=prefix)) for server in servers}
        for _ in range(rounds):
            for name, (process, port) in started.items():
                cost = measure(process.pid, port)
                best[name] = min(cost, best.get(name, cost))
    return best
