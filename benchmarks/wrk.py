"""Load from wrk: one thread, pinned to its own core. A line that the Lua script prints has the result."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cases import Case

RESULT = re.compile(r"^result (\d+) (\d+) (\d+) (\d+)$", re.MULTILINE)
DONE = """
done = function(summary, latency, requests)
    local e = summary.errors
    local failed = e.connect + e.read + e.write + e.status + e.timeout
    io.write(string.format("result %d %d %d %d\\n", summary.requests, summary.duration, latency:percentile(99), failed))
end
"""


@dataclass(frozen=True)
class Load:
    """The number of requests answered in `seconds`. p99: the latency (ms) that one request in a hundred exceeded."""

    requests: int
    seconds: float
    p99: float


def pinned(core: int) -> tuple[str, ...]:
    """Return the prefix that pins a command to a core, if the machine has more than one core."""
    return ("taskset", "--cpu-list", str(core)) if (os.cpu_count() or 1) > 1 else ()


def script(case: Case) -> str:
    lines = [f'wrk.method = "{case.method}"']
    lines += [f'wrk.headers["{name}"] = "{value}"' for name, value in case.headers]
    if case.body:
        lines.append(f"wrk.body = [==[{case.body.decode()}]==]")
    return "\n".join(lines) + DONE


def load(case: Case, url: str, *, connections: int, seconds: float) -> Load:
    """Run wrk against a server for some seconds.

    RuntimeError: a request failed, so the figures are not those of the case.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "case.lua")
        path.write_text(script(case))
        options = ["-t1", f"-c{connections}", f"-d{seconds:g}s", "-s", str(path)]
        command = [*pinned(1), "wrk", *options, url + case.path]
        answer = subprocess.run(command, capture_output=True, text=True)
    result = RESULT.search(answer.stdout)
    if result is None:
        raise RuntimeError(f"wrk failed: {answer.stdout}{answer.stderr}")
    requests, duration, p99, failed = map(int, result.groups())
    if failed or not requests:
        raise RuntimeError(f"{failed} of {requests} requests failed: {case.name}")
    return Load(requests, duration / 1e6, p99 / 1e3)
