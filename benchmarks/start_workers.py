"""How long one worker and several take from the start of the command until all are ready, and from SIGTERM to the end.

Ready is who has logged "Application startup complete."; `--workers 1` has no supervisor. They take turns. Fails where
several take more than LIMIT times as long as one.

python benchmarks/start_workers.py [--workers 4] [--rounds 20]
"""

from __future__ import annotations

import argparse
import signal
import time
from statistics import median

from report import Table
from workers import Supervisor

LIMIT = 2.5


def start_and_stop(workers: int) -> tuple[float, float]:
    """Milliseconds until all are ready, and to the end."""
    begun = time.monotonic()
    with Supervisor(workers, "--lifespan", "auto") as server:
        server.wait_stderr(r"Application startup complete\.", count=workers)
        started = time.monotonic() - begun
        time.sleep(0.2)  # until they are idle
        told = time.monotonic()
        server.stop(signal.SIGTERM)
        return started * 1e3, (time.monotonic() - told) * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=20)
    arguments = parser.parse_args()
    times: dict[int, list[tuple[float, float]]] = {1: [], arguments.workers: []}
    for workers in times:
        start_and_stop(workers)  # The first of all compiles the modules.
    for _ in range(arguments.rounds):
        for workers in times:
            times[workers].append(start_and_stop(workers))
    table = Table("workers", "start, ms: minimum", "median", "SIGTERM to exit, ms: minimum", "median")
    ratios = []
    for pick in (min, median):
        ratios.append(pick(up for up, _ in times[arguments.workers]) / pick(up for up, _ in times[1]))
    for workers, measured in times.items():
        table.add(
            str(workers), *(f"{pick(column):.0f}" for column in zip(*measured, strict=True) for pick in (min, median))
        )
    table.add("ratio of the starts", *(f"{ratio:.2f}" for ratio in ratios), "", "")
    raise SystemExit(0 if ratios[1] <= LIMIT else 1)


if __name__ == "__main__":
    main()
