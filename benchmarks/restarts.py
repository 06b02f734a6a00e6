"""The effect of restarts on clients: keep-alive connections under load during SIGHUPs, recyclings and killed workers.

Counts the failed requests, and measures the longest time that a client waited for a response. No request may fail
during a restart or a recycling. If a worker is killed, only the requests that it was serving may fail.

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
# The time limit of each step, in seconds.
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
        time.sleep(1)  # the new worker serves for a while


def measure(clients: int, workers: int, what: str, times: int, table: Table) -> bool:
    options = ["--workers", str(workers), "--no-access-log", "--lifespan", "off"]
    if what == "recyclings":
        options += ["--limit-max-requests", "2000", "--limit-max-requests-jitter", "500"]
    disturb = {"SIGHUPs": hang_up, "recyclings": recycle, "killed workers": kill}[what]
    # If PYTHONDONTWRITEBYTECODE were set, every worker would compile its modules.
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
    # Each client has one request in flight. A killed worker can have had no more than its share of these requests.
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
