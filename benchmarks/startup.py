"""Time from the start of the process to the first response, and from SIGTERM to the end of the process.

The servers take turns, and the medians are compared. The last row is the time of `uvicorn --version`, divided by the
time of the imports that every command line with logging and TLS needs.

python benchmarks/startup.py [--rounds 20] [--server floor --server ours] [--report]
"""

from __future__ import annotations

import argparse
import signal
import socket
import subprocess
import time
from contextlib import closing
from statistics import median

from cases import CASES
from report import Table, report
from servers import HERE, HOST, Server, chosen, running

DEFAULT_SERVERS = ["floor", "ours", "uvicorn-0.54", "granian", "hypercorn", "gunicorn"]
CASE = CASES["get"]
IMPORTS = "import click, asyncio, ssl, logging.config"


def start_and_stop(server: Server) -> tuple[float, float]:
    """Measure the milliseconds to the first response, and from SIGTERM to the end of the process."""
    begin = time.perf_counter()
    with running(server, CASE) as (process, port):
        with closing(socket.create_connection((HOST, port))) as connection:
            connection.sendall(CASE.request(f"{HOST}:{port}"))
            connection.recv(65536)
        started = time.perf_counter()
        # The server must notice the closed connection before the signal. Otherwise its end would be measured too.
        time.sleep(0.05)
        signalled = time.perf_counter()
        process.send_signal(signal.SIGTERM)
        process.wait()
        ended = time.perf_counter()
    return (started - begin) * 1e3, (ended - signalled) * 1e3


def run_time(server: Server, *arguments: str) -> float:
    begin = time.perf_counter()
    # Our server is imported from the checkout, the others from their environments.
    folder = HERE if server.environment else HERE.parent
    subprocess.run([server.python, *arguments], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - begin) * 1e3


def version_over_imports(server: Server, rounds: int) -> str:
    if "-m" not in server.arguments(CASE, 0) or "uvicorn" not in server.arguments(CASE, 0):
        return ""
    pairs = [(run_time(server, "-m", "uvicorn", "--version"), run_time(server, "-c", IMPORTS)) for _ in range(rounds)]
    return f"{median(first for first, _ in pairs) / median(second for _, second in pairs):.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--server", action="append", help="which servers, by their names in servers.py")
    parser.add_argument("--report", action="store_true", help="put the table into docs/benchmarks.md")
    options = parser.parse_args()
    servers = chosen(options.server or DEFAULT_SERVERS)
    times: dict[str, list[tuple[float, float]]] = {server.name: [] for server in servers}
    for _ in range(options.rounds):
        for server in servers:
            times[server.name].append(start_and_stop(server))
    table = Table("", *(server.name for server in servers))
    table.add("start to first response, ms", *(f"{median(up for up, _ in times[s.name]):.0f}" for s in servers))
    table.add("SIGTERM to exit, ms", *(f"{median(down for _, down in times[s.name]):.0f}" for s in servers))
    table.add(f"`--version` over `{IMPORTS}`", *(version_over_imports(s, options.rounds) for s in servers))
    if options.report:
        report("startup", table, servers, f"Medians of {options.rounds} rounds, the servers taking turns.")


if __name__ == "__main__":
    main()
