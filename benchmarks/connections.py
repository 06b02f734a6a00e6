"""CPU per request with many open connections: does the cost of a request depend on the number of clients?

The same requests are sent over few and over many connections, one connection after the other. The processor's caches
hold only a part of many connections, so the cost of the floor rises too. A server should not rise more than the floor.

python benchmarks/connections.py [--server floor --server ours] [--report]
"""

from __future__ import annotations

import argparse
import resource
import socket
from contextlib import ExitStack, closing
from statistics import median

from cases import CASES
from instructions import answer_length, read_exactly
from processes import exact_cpu_seconds
from report import Table, report
from servers import HOST, Server, chosen, running

DEFAULT_SERVERS = ["floor", "ours", "uvicorn-0.54"]
CASE = CASES["get"]
FEW, MANY = 32, 1000
REQUESTS = 6000
ROUNDS = 9


def microseconds(server: Server, count: int) -> float:
    """Measure the CPU per request over a number of connections. Returns the median of the rounds."""
    data = CASE.request(f"{HOST}:8000")
    with running(server, CASE) as (process, port), ExitStack() as stack:
        length = answer_length(CASE, port)
        connections = [stack.enter_context(closing(socket.create_connection((HOST, port)))) for _ in range(count)]
        found = []
        for _ in range(ROUNDS + 1):
            before = exact_cpu_seconds(process.pid)
            for _ in range(REQUESTS // count):
                for connection in connections:
                    connection.sendall(data)
                for connection in connections:
                    read_exactly(connection, length)
            found.append((exact_cpu_seconds(process.pid) - before) / (REQUESTS // count * count) * 1e6)
        # The first round warms up.
        return median(found[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", action="append", help="which servers, by their names in servers.py")
    parser.add_argument("--report", action="store_true", help="put the table into docs/benchmarks.md")
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (4 * MANY if hard < 0 else min(4 * MANY, hard), hard))
    servers = chosen(options.server or DEFAULT_SERVERS)
    table = Table("CPU us per plain request", *(server.name for server in servers))
    few, many = ([microseconds(server, count) for server in servers] for count in (FEW, MANY))
    for count, found in ((FEW, few), (MANY, many)):
        table.add(f"{count:,} connections", *(f"{one:.1f}" for one in found))
    table.add("ratio", *(f"{second / first:.2f}" for first, second in zip(few, many, strict=True)))
    if options.report:
        report("connections", table, servers)


if __name__ == "__main__":
    main()
