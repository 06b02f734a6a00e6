"""WebSockets: CPU of the server process per echoed message, and memory of an idle connection.

Each of 32 connections has one or sixteen text messages in flight. Sixteen messages are sent at once, after the echoes
of the last sixteen. The servers take turns in each round, and the best round counts. A cost is also given as a multiple
of the cost of the floor, which is a bare picows server. Memory is the memory that 1,000 idle connections add, with and
without permessage-deflate (negotiated, but never used). CPU while idle is that of these 1,000 connections between two
pings.

python benchmarks/websocket.py [--server picows --server ours] [--size 32] [--rounds 3] [--report]
python benchmarks/websocket.py --instructions      instructions per echoed message, as benchmarks/instructions.py counts
"""

from __future__ import annotations

import argparse
import resource
import select
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from functools import partial

from cases import CASES, Case
from instructions import count
from processes import cpu_seconds, resident_bytes
from report import Table, report
from servers import NO_PINGS, Server, chosen, running
from turns import best_of
from websocket_bytes import echo_length, message_of, open_websocket

CASE = CASES["echo"]
COUNTED = ("echo", "echo-large", "echo-fragments")
CONNECTIONS = 32
IDLE_FIRST, IDLE = 200, 1000
WARM_UP = 0.5  # seconds
DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
# The bytes of a message, and the number of messages in flight.
WORKLOADS = ((32, 1), (32, 16), (1 << 16, 1), (1 << 20, 1))


def _uvicorn(*options: str) -> Callable[[Case, int], list[str]]:
    fixed = ("--loop", "uvloop", "--http", "httptools", "--log-level", "warning", *NO_PINGS)
    return lambda case, port: ["-m", "uvicorn", case.app, "--port", str(port), *fixed, *options]


def _granian(case: Case, port: int) -> list[str]:
    return ["-m", "granian", "--interface", "asgi", "--port", str(port), "--workers", "1", case.app]


SERVERS = {
    server.name: server
    for server in (
        Server("picows", lambda case, port: ["websocket_floor.py", str(port)], "picows", ("picows",)),
        Server("ours", _uvicorn("--ws", "builtin")),
        Server("ours-pure", _uvicorn("--ws", "builtin"), variables={"UVICORN_SPEEDUPS": "off"}),
        Server("ours-websockets", _uvicorn("--ws", "websockets")),
        Server("ours-wsproto", _uvicorn("--ws", "wsproto")),
        Server(
            "uvicorn-0.54", _uvicorn("--ws", "websockets-sansio"), "uvicorn-0.54", ("uvicorn", "websockets", "wsproto")
        ),
        Server("uvicorn-0.54-wsproto", _uvicorn("--ws", "wsproto"), "uvicorn-0.54", ("uvicorn",)),
        Server("granian", _granian, "granian", ("granian",)),
    )
}


def measure(pid: int, port: int, size: int, in_flight: int, seconds: float) -> float:
    """Measure the microseconds of CPU per echoed message."""
    data, length = message_of(size) * in_flight, echo_length(size) * in_flight
    with ExitStack() as stack, select.epoll() as poll:
        connections = {}
        for _ in range(CONNECTIONS):
            connection = stack.enter_context(closing(open_websocket(port)))
            connections[connection.fileno()] = [connection, length]
            poll.register(connection, select.EPOLLIN)
            connection.sendall(data)
        begin = time.monotonic() + WARM_UP
        end = begin + seconds
        spent, count = 0.0, -1
        while (now := time.monotonic()) < end:
            if count < 0 and now >= begin:
                spent, count = cpu_seconds(pid), 0
            for descriptor, _ in poll.poll():
                state = connections[descriptor]
                received = len(state[0].recv(1 << 18))
                if not received:
                    raise RuntimeError("the server has closed")
                state[1] -= received
                if state[1] == 0:
                    state[1] = length
                    state[0].sendall(data)
                    if count >= 0:
                        count += in_flight
        return (cpu_seconds(pid) - spent) / count * 1e6


def memory(server: Server, extensions: str) -> tuple[float, float]:
    """Measure the KiB per idle connection, and the CPU of all of them in milliseconds per second."""
    with running(server, CASE) as (process, port), ExitStack() as stack:

        def open_more(count: int) -> int:
            for _ in range(count):
                stack.enter_context(closing(open_websocket(port, extensions)))
            time.sleep(0.2)
            return resident_bytes(process.pid)

        before = open_more(IDLE_FIRST)
        added = (open_more(IDLE) - before) / IDLE / 1024
        spent = cpu_seconds(process.pid)
        time.sleep(5)
        return added, (cpu_seconds(process.pid) - spent) * 1000 / 5


def count_instructions(servers: list[Server], table: Table) -> None:
    for case in (CASES[name] for name in COUNTED):
        counts = [count(server, case) / 1000 for server in servers]
        table.add(f"thousand instructions, {case.title}", *(f"{counted:.1f}" for counted in counts))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", action="append", choices=list(SERVERS), help="which servers; all of them if none")
    parser.add_argument("--size", action="append", type=int, help="bytes of a message")
    parser.add_argument("--in-flight", type=int, default=1, help="messages of --size on each connection")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement")
    parser.add_argument("--instructions", action="store_true", help="count them (valgrind), and nothing else")
    parser.add_argument("--no-memory", action="store_true", help="CPU only")
    parser.add_argument("--report", action="store_true", help="put the table into docs/benchmarks.md")
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096 if hard < 0 else min(4096, hard), hard))
    servers = chosen(options.server or SERVERS, SERVERS)
    table = Table("", *(server.name for server in servers))
    if options.instructions:
        count_instructions(servers, table)
        return
    for size, in_flight in [(size, options.in_flight) for size in options.size or ()] or WORKLOADS:
        one = partial(measure, size=size, in_flight=in_flight, seconds=options.seconds)
        costs = best_of(servers, CASE, options.rounds, one)
        floor = costs.get("picows")
        together = f", {in_flight} in flight" if in_flight > 1 else ""
        table.add(f"us per message of {size} bytes{together}", *(f"{cost:.1f}" for cost in costs.values()))
        if floor:
            table.add("the same, times the floor", *(f"{cost / floor:.2f}" for cost in costs.values()))
    if not options.no_memory:
        plain = [memory(server, "") for server in servers]
        table.add("KiB per idle connection", *(f"{added:.1f}" for added, _ in plain))
        table.add("the same with permessage-deflate", *(f"{memory(server, DEFLATE)[0]:.1f}" for server in servers))
        table.add("ms of CPU per second, 1,000 idle", *(f"{spent:.1f}" for _, spent in plain))
    if options.report:
        report("websocket", table, servers)


if __name__ == "__main__":
    main()
