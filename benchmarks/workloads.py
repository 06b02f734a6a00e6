"""CPU per request of loads that no load generator produces: long heads, pipelined requests, chunked uploads, streams.

One client sends one request after the other. In each round both servers take their turn with every case, so that a slow
period of the machine affects both. Compare the ratios, which are medians over the rounds. CPU is the user and system
time of the server's process.

python benchmarks/workloads.py [--rounds 7] [--case events] [--server ours --server uvicorn-0.54] [--report SECTION]
"""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from statistics import median

from cases import CASES, Case
from instructions import answer_length, request
from processes import exact_cpu_seconds
from report import Table, report
from servers import Server, chosen, running

DEFAULT_SERVERS = ["ours", "uvicorn-0.54"]
DEFAULT_CASES = [
    *("get", "installed", "fields", "cookies", "pipelined", "escapes", "proxied", "post-large", "close"),
    *("stream", "events", "download", "upload-16k", "upload-64", "upload-1"),
]
# The minimum CPU seconds of one turn.
TURN = 0.1
NOTE = "CPU microseconds of the server's process per request; the ratio to the last column. Medians of {rounds} rounds."


def turn(server_pid: int, case: Case, port: int, length: int, times: int) -> float:
    """Measure the CPU microseconds per request."""
    before = exact_cpu_seconds(server_pid)
    request(case, port, times, length)
    return (exact_cpu_seconds(server_pid) - before) / times / case.pipelined * 1e6


def measure(servers: list[Server], case: Case, rounds: int) -> list[list[float]]:
    """Measure all rounds. Returns the figures of each server."""
    with ExitStack() as stack:
        started = [stack.enter_context(running(server, case)) for server in servers]
        lengths = [answer_length(case, port) for _, port in started]
        times = 1
        for (process, port), length in zip(started, lengths, strict=True):
            while turn(process.pid, case, port, length, times) * times * case.pipelined < TURN * 1e6:
                times *= 2
        found: list[list[float]] = [[] for _ in servers]
        for _ in range(rounds):
            for one, (process, port), length in zip(found, started, lengths, strict=True):
                one.append(turn(process.pid, case, port, length, times))
        return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--server", action="append", help="which servers, by their names in servers.py")
    parser.add_argument("--case", action="append", choices=sorted(CASES), help="which cases")
    parser.add_argument("--report", metavar="SECTION", help="put the table into this section of docs/benchmarks.md")
    options = parser.parse_args()
    servers = chosen(options.server or DEFAULT_SERVERS)
    table = Table("CPU us per request", *(server.name for server in servers), "ratio")
    for case in [CASES[name] for name in options.case or DEFAULT_CASES]:
        found = measure(servers, case, options.rounds)
        ratio = median(first / last for first, last in zip(found[0], found[-1], strict=True))
        table.add(case.title, *(f"{median(one):,.1f}" for one in found), f"{ratio:.2f}")
    if options.report:
        report(options.report, table, servers, NOTE.format(**vars(options)))


if __name__ == "__main__":
    main()
