"""CPU time and memory of a server's processes, read from /proc."""

from __future__ import annotations

import os
import re
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
KIB = 1024


def _stat(pid: int) -> list[str]:
    # The name is in parentheses and may itself contain blanks and parentheses (proc(5)).
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def tree(pid: int) -> list[int]:
    """List a process and all its descendants."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int(_stat(int(entry.name))[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
    members = [pid]
    for member in members:
        members.extend(child for child, parent in parents.items() if parent == member)
    return members


def cpu_seconds(pid: int) -> float:
    """Return the user and system time of the whole process tree so far."""
    return sum(int(ticks) for member in tree(pid) for ticks in _stat(member)[11:13]) / TICK


def exact_cpu_seconds(pid: int) -> float:
    """Return the CPU time of one process, to the nanosecond (Linux, with scheduler statistics)."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9


def resident_bytes(pid: int) -> int:
    """Return the anonymous resident memory of the whole process tree. Mapped files do not count."""
    total = 0
    for member in tree(pid):
        found = re.search(r"^RssAnon:\s+(\d+) kB", Path(f"/proc/{member}/status").read_text(), re.MULTILINE)
        total += int(found[1]) * KIB if found else 0
    return total
