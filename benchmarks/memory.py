"""Memory of an idle keep-alive connection: the cost of a connection between requests.

On each connection the server has answered one request, and the connection stays open. The memory that 2000 connections
add to 500 others is divided by 2000, so that memory that is allocated only once does not count.

python benchmarks/memory.py [--server floor --server ours] [--report]
"""

from __future__ import annotations

import argparse
import resource
import socket
from contextlib import ExitStack, closing

from cases import CASES
from instructions import answer_length, read_exactly
from processes import resident_bytes
from report import Table, report
from servers import HOST, Server, chosen, running

DEFAULT_SERVERS = ["floor", "ours", "ours-pure", "uvicorn-0.54", "granian", "hypercorn", "gunicorn"]
CASE = CASES["get"]
FIRST, ADDED = 500, 2000


def kib_per_connection(server: Server) -> float:
    data = CASE.request(f"{HOST}:8000")
    with running(server, CASE) as (process, port), ExitStack() as connections:
        length = answer_length(CASE, port)

        def open_connections(count: int) -> int:
            for _ in range(count):
                connection = connections.enter_context(closing(socket.create_connection((HOST, port))))
                connection.sendall(data)
                read_exactly(connection, length)
            return resident_bytes(process.pid)

        before = open_connections(FIRST)
        return (open_connections(ADDED) - before) / ADDED / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", action="append", help="which servers, by their names in servers.py")
    parser.add_argument("--report", action="store_true", help="put the table into docs/benchmarks.md")
    options = parser.parse_args()
    wanted = 2 * (FIRST + ADDED)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted if hard < 0 else min(wanted, hard), hard))
    servers = chosen(options.server or DEFAULT_SERVERS)
    table = Table("", *(server.name for server in servers))
    table.add("KiB per idle connection", *(f"{kib_per_connection(server):.1f}" for server in servers))
    if options.report:
        report("memory", table, servers)


if __name__ == "__main__":
    main()
