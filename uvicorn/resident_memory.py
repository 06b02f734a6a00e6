"""Reads the resident memory of a process, for `--worker-max-rss` and the metrics."""

import os
import sys


def read_rss(pid: int) -> int | None:
    """The resident memory of a process in bytes. None if the process has ended, or the system does not show it."""
    if sys.platform == "win32":
        return None
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return None
