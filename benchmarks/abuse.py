"""Attack a server of ours in every way we know, and hold each figure against its bound.

python benchmarks/abuse.py [ATTACK ...]

Fails where a figure is over its bound. Each attack has a server process of its own, and 127.0.0.1 as its network.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import attacks_http
import attacks_system
import attacks_websocket
from report import Table

ATTACKS = {
    attack.__name__: attack
    for attack in (
        attacks_http.slowloris,
        attacks_http.slow_body,
        attacks_http.pipeline_unread,
        attacks_http.slow_reader,
        attacks_http.reader_gone,
        attacks_http.upload_unread,
        attacks_http.quadratic,
        attacks_http.dripped,
        attacks_http.resets,
        attacks_websocket.deflate_bomb,
        attacks_websocket.fragments,
        attacks_websocket.pings_unread,
        attacks_websocket.messages_unread,
        attacks_system.few_descriptors,
        attacks_system.failing_accept,
    )
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("attack", nargs="*", help=f"all of them unless given: {', '.join(ATTACKS)}")
    options = parser.parse_args()
    unknown = set(options.attack) - set(ATTACKS)
    if unknown:
        sys.exit(f"no such attack: {', '.join(sorted(unknown))}")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard if hard > 0 else 20_000, hard))
    table = Table("attack", "figure", "value", "bound")
    over = []
    for name in options.attack or ATTACKS:
        begin = time.monotonic()
        for what, value, bound, unit in ATTACKS[name]():
            within = value <= bound
            limit = "" if bound == float("inf") else f"{bound:g}"
            table.add(name, what, f"{value:.2f} {unit}".strip(), limit + ("" if within else " **exceeded**"))
            if not within:
                over.append(f"{name}: {what}")
        print(f"{name} took {time.monotonic() - begin:.0f} s", file=sys.stderr)
    if over:
        sys.exit("over their bounds:\n" + "\n".join(over))


if __name__ == "__main__":
    main()
