"""What clients notice of restarts: keep-alive connections under load through SIGHUPs, recyclings and killed workers.

Counts the requests that failed (none of a restart or recycling; of a killed worker only those that it was serving) and
the longest time that a client waited for an answer.

python benchmarks/restarts.py [--clients 50] [--workers 4] [--hups 10] [--recyclings 10] [--kills 3]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal

from report import Table
from workers import Load, Supervisor

from tests.processes import STARTED

GONE = r"Finished server process"
# How long each step may take, in seconds.
LIMIT = 120.0


async def hang_up(server: Supervisor, times: int, workers: int) -> None:
    for number in range(1, times + 1):
        server.send_signal(signal.SIGHUP)
        await asyncio.to_thread(server.wait_stderr, GONE, count=number * workers, timeout=LIMIT)


async def recycle(server: Supervisor, times: int, workers: int) -> None:
    await asyncio.to_thread(server.wait_stderr, GONE, count=times, timeout=LIMIT)


async def kill(server: Supervisor, times: int, workers: int) -> None:
    for number in range(1, times + 1):
        os.kill(server.workers[-1], signal.SIGKILL)
        await asyncio.to_thread(server.wait_stderr, STARTED, count=workers + number, timeout=LIMIT)
        await asyncio.sleep(1)  # it serves for a while


async def measure(clients: int, workers: int, what: str, times: int, table: Table) -> bool:
    options = ("--limit-max-requests", "2000", "--limit-max-requests-jitter", "500") if what == "recyclings" else ()
    disturb = {"SIGHUPs": hang_up, "recyclings": recycle, "killed workers": kill}[what]
    with Supervisor(workers, *options) as server:
        await asyncio.to_thread(server.wait_stderr, STARTED, count=workers, timeout=LIMIT)
        await asyncio.sleep(1)
        load = Load(server.port, clients)
        await asyncio.sleep(1)
        await disturb(server, times, workers)
        await asyncio.sleep(1)
        await load.end()
    failures = sum(load.failures.values())
    table.add(f"{times} {what}", f"{load.served.total():,}", str(failures), f"{load.longest * 1000:.0f}")
    for failure, count in load.failures.items():
        print(f"  {count} x {failure}")
    # A client has one request in flight, and no more than its share of them can be with a killed worker.
    return failures <= (clients if what == "killed workers" else 0)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--hups", type=int, default=10)
    parser.add_argument("--recyclings", type=int, default=10)
    parser.add_argument("--kills", type=int, default=3)
    arguments = parser.parse_args()
    table = Table("", "requests", "failed", "longest wait, ms")
    phases = {"SIGHUPs": arguments.hups, "recyclings": arguments.recyclings, "killed workers": arguments.kills}
    good = [await measure(arguments.clients, arguments.workers, *phase, table) for phase in phases.items()]
    raise SystemExit(0 if all(good) else 1)


if __name__ == "__main__":
    asyncio.run(main())
