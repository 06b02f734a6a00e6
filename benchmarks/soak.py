"""Ten million requests on one server process: its memory over time, drawn as a PNG.

python benchmarks/soak.py [--requests 10000000] [--png docs/images/soak.png] [--report]

Fails where the memory of the last quarter is more than 1 MiB over that of the second quarter.
"""

from __future__ import annotations

import argparse
import sys
import time
from itertools import cycle
from pathlib import Path
from statistics import median

from cases import CASES
from processes import resident_bytes
from report import PAGE, Table, report
from servers import HOST, SERVERS, running
from wrk import load, pinned

MIB = 1024 * 1024
GROWTH = 1.0  # MiB
PHASE = 2.0  # seconds for each case before the next one takes its turn
# One connection each, many chunks, bodies both ways: what could be kept by mistake differs between them.
MIX = [CASES[name] for name in ("get", "browser", "post", "stream", "close", "large")]


def soak(requests: int) -> list[tuple[float, int, float]]:
    """(seconds, requests so far, MiB) after each phase, with the access log as it comes."""
    samples: list[tuple[float, int, float]] = []
    answered = 0
    with running(SERVERS["ours"], CASES["installed"], prefix=pinned(0)) as (process, port):
        begin = time.monotonic()
        for case in cycle(MIX):
            answered += load(case, f"http://{HOST}:{port}", connections=32, seconds=PHASE).requests
            samples.append((time.monotonic() - begin, answered, resident_bytes(process.pid) / MIB))
            print(f"{answered:>12,} requests  {samples[-1][2]:8.2f} MiB", file=sys.stderr, flush=True)
            if answered >= requests:
                break
    return samples


def draw(samples: list[tuple[float, int, float]], png: Path) -> None:
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 4))
    axes.plot([answered / 1e6 for _, answered, _ in samples], [mib for *_, mib in samples], linewidth=1)
    axes.set_xlabel("million requests")
    axes.set_ylabel("anonymous resident memory, MiB")
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    png.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(png, dpi=120, bbox_inches="tight")
    print(f"{png} written")


def growth(samples: list[tuple[float, int, float]]) -> float:
    """MiB between the second and the last quarter; the first one fills caches and free lists."""
    quarter = max(1, len(samples) // 4)
    second, last = samples[quarter : 2 * quarter] or samples[:1], samples[-quarter:]
    return median(mib for *_, mib in last) - median(mib for *_, mib in second)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=10_000_000)
    parser.add_argument("--png", type=Path, default=PAGE.parent / "images" / "soak.png")
    parser.add_argument("--report", action="store_true", help="put the table into docs/benchmarks.md")
    options = parser.parse_args()
    samples = soak(options.requests)
    draw(samples, options.png)
    grown = growth(samples)
    table = Table("requests", "minutes", "MiB at the start", "MiB at the end", "growth after the first quarter")
    seconds, answered, end = samples[-1]
    table.add(f"{answered:,}", f"{seconds / 60:.1f}", f"{samples[0][2]:.1f}", f"{end:.1f}", f"{grown:+.2f} MiB")
    if options.report:
        report("soak", table, [SERVERS["ours"]])
    if grown > GROWTH:
        sys.exit(f"memory grew by {grown:.2f} MiB")


if __name__ == "__main__":
    main()
