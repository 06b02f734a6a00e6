"""What clients notice of restarts: keep-alive connections under load through SIGHUPs, recyclings and killed workers.

Counts the requests that failed (none of a restart or recycling; of a killed worker only those that it was serving) and
the longest time that a client waited for an answer.

python benchmarks/restarts.py [--clients 50] [--workers 4] [--hups 10] [--recyclings 10] [--kills 3]
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent))

from report import Table

from tests.processes import STARTED, ServerProcess
from tests.supervisors.clients import load

GONE = r"Finished server process"
# How long each step may take, in seconds.
LIMIT = 120.0


def hang_up(server: ServerProcess, times: int, workers: int) -> None:
    for number in range(1, times + 1):
        server.send_signal(signal.SIGHUP)
        server.wait_stderr(GONE, count=number * workers, timeout=LIMIT)


def recycle(server: ServerProcess, times: int, workers: int) -> None:
    server.wait_stderr(GONE, count=times, timeout=LIMIT)


def kill(server: ServerProcess, times: int, workers: int) -> None:
    for number in range(1, times + 1):
        os.kill(server.workers[-1], signal.SIGKILL)
        server.wait_stderr(STARTED, count=workers + number, timeout=LIMIT)
        time.sleep(1)  # it serves for a while


def measure(clients: int, workers: int, what: str, times: int, table: Table) -> bool:
    options = ["--workers", str(workers), "--no-access-log", "--lifespan", "off"]
    if what == "recyclings":
        options += ["--limit-max-requests", "2000", "--limit-max-requests-jitter", "500"]
    disturb = {"SIGHUPs": hang_up, "recyclings": recycle, "killed workers": kill}[what]
    # With PYTHONDONTWRITEBYTECODE set, every worker would compile its modules.
    with ServerProcess("tests.supervisors.apps:app", *options, env={"PYTHONDONTWRITEBYTECODE": ""}) as server:
        server.wait_stderr(STARTED, count=workers, timeout=LIMIT)
        time.sleep(1)
        with load(server.port, clients) as running:
            time.sleep(1)
            disturb(server, times, workers)
            time.sleep(1)
    failures = len(running.failures)
    table.add(f"{times} {what}", f"{sum(running.served.values()):,}", str(failures), f"{running.longest * 1000:.0f}")
    for failure, count in Counter(running.failures).items():
        print(f"  {count} x {failure}")
    # A client has one request in flight, and no more than its share of them can be with a killed worker.
    return failures <= (clients if what == "killed workers" else 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--hups", type=int, default=10)
    parser.add_argument("--recyclings", type=int, default=10)
    parser.add_argument("--kills", type=int, default=3)
    arguments = parser.parse_args()
    table = Table("", "requests", "failed", "longest wait, ms")
    phases = {"SIGHUPs": arguments.hups, "recyclings": arguments.recyclings, "killed workers": arguments.kills}
    good = [measure(arguments.clients, arguments.workers, *phase, table) for phase in phases.items()]
    raise SystemExit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
