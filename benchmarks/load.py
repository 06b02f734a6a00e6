"""CPU per request, requests per second and p99 under load, for the floor, ours and other servers.

The server is pinned to one core and wrk to another. In each round every server takes its turn with every case, so that
a slow period of the machine affects all of them. The medians over the rounds are compared. CPU is the user and system
time of the server's whole process tree, divided by the number of responses.

python benchmarks/load.py [--rounds 5] [--seconds 4] [--case get] [--server floor --server ours] [--report]
"""

from __future__ import annotations

import argparse
import shutil
import sys
from statistics import median

from cases import CASES, Case
from processes import cpu_seconds
from report import Table, report
from servers import HOST, Server, chosen, running
from wrk import load, pinned

DEFAULT_SERVERS = ["floor", "ours", "uvicorn-0.54", "granian", "hypercorn", "daphne", "gunicorn"]
DEFAULT_CASES = ["get", "browser", "post", "stream", "large", "close", "installed", "fastapi"]
NOTE = (
    "CPU is that of the server's process tree. Medians of {rounds} rounds of {seconds:g} s, {connections} connections, "
    "one worker."
)
FAILED = "failed"


class Figures:
    """The figures of all rounds for one server and case."""

    def __init__(self) -> None:
        self.microseconds: list[float] = []
        self.rates: list[float] = []
        self.p99s: list[float] = []

    def measure(self, server: Server, case: Case, connections: int, seconds: float) -> None:
        with running(server, case, prefix=pinned(0)) as (process, port):
            url = f"http://{HOST}:{port}"
            load(case, url, connections=connections, seconds=min(1.0, seconds))
            before = cpu_seconds(process.pid)
            result = load(case, url, connections=connections, seconds=seconds)
            spent = cpu_seconds(process.pid) - before
        self.microseconds.append(spent / result.requests * 1e6)
        self.rates.append(result.requests / result.seconds)
        self.p99s.append(result.p99)

    def cost(self) -> str:
        return f"{median(self.microseconds):.1f}"

    def rate(self) -> str:
        return f"{median(self.rates):,.0f}"

    def p99(self) -> str:
        return f"{median(self.p99s):.1f}"

    def times(self, floor: Figures | None) -> str:
        return f"{median(self.microseconds) / median(floor.microseconds):.2f}" if floor and floor.microseconds else ""


def rounds(servers: list[Server], cases: list[Case], options: argparse.Namespace) -> dict[tuple[str, str], Figures]:
    table = {(case.name, server.name): Figures() for case in cases for server in servers}
    broken: set[tuple[str, str]] = set()
    for number in range(options.rounds):
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr, flush=True)
        for case in cases:
            for server in servers:
                key = (case.name, server.name)
                if key in broken:
                    continue
                try:
                    table[key].measure(server, case, options.connections, options.seconds)
                except RuntimeError as error:
                    print(f"{server.name}: {error}", file=sys.stderr)
                    broken.add(key)
    return table


def floor_of(table: dict[tuple[str, str], Figures], case: Case, server: Server) -> Figures | None:
    """Return the floor with the same event loop, with which a server is compared."""
    loop = "floor-asyncio" if server.name.endswith("asyncio") else "floor"
    return table.get((case.name, loop)) or table.get((case.name, "floor"))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--server", action="append", help="which servers, by their names in servers.py")
    parser.add_argument("--case", action="append", choices=sorted(CASES), help="which cases")
    parser.add_argument("--report", metavar="SECTION", help="put the table into this section of docs/benchmarks.md")
    return parser.parse_args()


def main() -> None:
    options = parse_arguments()
    for program in ("wrk", "taskset"):
        if not shutil.which(program):
            sys.exit(f"benchmarks/load.py needs {program} (Debian: apt-get install wrk util-linux)")
    servers = chosen(options.server or DEFAULT_SERVERS)
    cases = [CASES[name] for name in options.case or DEFAULT_CASES]
    figures = rounds(servers, cases, options)
    tables = []
    for title, cell in (
        ("CPU microseconds per request", lambda found, floor: found.cost()),
        ("CPU per request, times the floor", lambda found, floor: found.times(floor)),
        ("requests per second", lambda found, floor: found.rate()),
        ("p99 in milliseconds", lambda found, floor: found.p99()),
    ):
        table = Table(title, *(server.name for server in servers))
        for case in cases:
            row = ((figures[case.name, server.name], floor_of(figures, case, server)) for server in servers)
            table.add(case.title, *(cell(found, floor) if found.rates else FAILED for found, floor in row))
        tables.append(table)
    if options.report:
        report(options.report, tables, servers, NOTE.format(**vars(options)))


if __name__ == "__main__":
    main()
