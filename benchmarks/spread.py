"""How evenly connections spread over workers.

python benchmarks/spread.py [--connections 200] [--workers 4] [--rounds 5]
"""

from __future__ import annotations

import argparse
import asyncio
from collections import Counter

from report import Table
from workers import Client, Supervisor

from tests.processes import STARTED

LIMITS = (0.20, 0.30)


async def shares(server: Supervisor, connections: int, *, at_once: bool) -> list[int]:
    clients = [Client(server.port) for _ in range(connections)]
    if at_once:
        answers = await asyncio.gather(*(client.get() for client in clients))
    else:
        answers = [await client.get() for client in clients]
    counts = Counter(answers)
    for client in clients:
        client.close()
    await asyncio.sleep(0.5)  # until the workers have seen it
    return [counts[pid] for pid in server.workers]


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, default=200)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    good = True
    table = Table("connections", *(f"worker {number + 1}" for number in range(arguments.workers)))
    with Supervisor(arguments.workers) as server:
        server.wait_stderr(STARTED, count=arguments.workers)
        await asyncio.sleep(1)
        for _ in range(arguments.rounds):
            for at_once in (False, True):
                counts = await shares(server, arguments.connections, at_once=at_once)
                fractions = [count / arguments.connections for count in counts]
                good &= LIMITS[0] <= min(fractions) and max(fractions) <= LIMITS[1]
                title = f"{arguments.connections}, {'at once' if at_once else 'one after the other'}"
                table.add(title, *(f"{fraction:.1%}" for fraction in fractions))
    raise SystemExit(0 if good else 1)


if __name__ == "__main__":
    asyncio.run(main())
