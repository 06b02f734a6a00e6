"""User-space instructions per request, counted by callgrind: the cost of a request without the noise of a clock.

The server process runs under callgrind and answers sequential requests on one connection. If the case turns keep-alive
off, each request has its own connection. After 300 requests to warm up, the instructions of 1000 requests are divided
by 1000. The same binaries give the same count within a fraction of a per cent, even on a busy machine.

python benchmarks/instructions.py                     the table: floor, ours, and the others that are installed
python benchmarks/instructions.py --check             fails if ours has risen by more than 3 % over instructions.json
python benchmarks/instructions.py --update            writes instructions.json for this Python version
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from cases import CASES, Case
from report import Table, report
from servers import HERE, HOST, Server, chosen, running
from websocket_bytes import echo_length, message_of, open_websocket

FIGURES = HERE / "instructions.json"
WARM_UP = 300
COUNTED = 1000
TOLERANCE = 1.03
# This limits the number of large messages.
ECHOED_BYTES = 16 << 20
TIMEOUT = 60  # seconds, for one answer under callgrind
DEFAULT_SERVERS = ["floor", "ours", "uvicorn-0.54"]
DEFAULT_CASES = ["get", "browser", "varying", "post", "stream", "close", "installed", "installed-varying", "fastapi"]
# A check has to be short, so it leaves out the other cases of the table.
CHECKED_CASES = [
    "get",
    "browser",
    "varying",
    "post",
    "stream",
    "close",
    "installed",
    "installed-varying",
    "combined",
    "json",
    "echo",
]


def answer_length(case: Case, port: int) -> int:
    """Send one request, and read until the response is complete. Returns its length in bytes."""
    with closing(socket.create_connection((HOST, port), timeout=TIMEOUT)) as connection:
        connection.sendall(case.request(f"{HOST}:8000"))
        answer = connection.recv(65536)
        head, _, body = answer.partition(b"\r\n\r\n")
        sized = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        expected = len(head) + 4 + int(sized[1]) if sized else None
        while len(answer) != expected if sized else not body.endswith(b"0\r\n\r\n"):
            body = connection.recv(65536)
            answer += body
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"unexpected answer: {head!r}")
    return len(answer)


def read_exactly(connection: socket.socket, length: int) -> None:
    while length:
        received = len(connection.recv(min(length, 1 << 18)))
        if not received:
            raise RuntimeError("the connection was closed in the middle of an answer")
        length -= received


def request(case: Case, port: int, times: int, length: int) -> None:
    """Send the case's request repeatedly, each time after the complete response to the previous request."""
    data = case.request(f"{HOST}:8000") * case.pipelined
    if case.closes:
        for _ in range(times):
            with closing(socket.create_connection((HOST, port), timeout=TIMEOUT)) as connection:
                connection.sendall(data)
                while connection.recv(65536):
                    pass
        return
    with closing(socket.create_connection((HOST, port), timeout=TIMEOUT)) as connection:
        for number in range(times):
            connection.sendall(case.request(f"{HOST}:8000", number) if case.varying else data)
            read_exactly(connection, length * case.pipelined)


def echo(case: Case, connection: socket.socket, times: int) -> None:
    """Send the case's message repeatedly, each time after the complete echo of the previous message."""
    data, length = message_of(case.message, case.fragments), echo_length(case.message)
    for _ in range(times):
        # The echo begins only after the complete message, so the client reads after it has sent all frames.
        connection.sendall(data)
        read_exactly(connection, length)


def dump(pid: int, out: Path, number: int) -> int:
    """Make callgrind write its counters and reset them. Returns the instructions since the last dump."""
    subprocess.run(["callgrind_control", "--dump", str(pid)], check=True, capture_output=True)
    text = out.with_name(f"{out.name}.{number}").read_text(errors="replace")
    totals = re.search(r"^totals: (\d+)", text, re.MULTILINE)
    if totals is None:
        raise RuntimeError("callgrind wrote no totals")
    return int(totals[1])


def count(server: Server, case: Case) -> int:
    """Count the instructions per request."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "callgrind.out")
        prefix = ("valgrind", "--tool=callgrind", f"--callgrind-out-file={out}")
        with running(server, case, prefix=prefix) as (process, port):
            if case.message:
                return count_echoes(case, process.pid, port, out)
            length = answer_length(case, port)
            request(case, port, WARM_UP, length)
            dump(process.pid, out, 1)
            request(case, port, COUNTED, length)
            return round(dump(process.pid, out, 2) / COUNTED / case.pipelined)


def count_echoes(case: Case, pid: int, port: int, out: Path) -> int:
    """Count the instructions per message on an open WebSocket."""
    counted = min(COUNTED, ECHOED_BYTES // case.message)
    with closing(open_websocket(port)) as connection:
        echo(case, connection, min(WARM_UP, counted))
        dump(pid, out, 1)
        echo(case, connection, counted)
        return round(dump(pid, out, 2) / counted)


def python_version() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def figures() -> dict[str, dict[str, int]]:
    return json.loads(FIGURES.read_text()) if FIGURES.exists() else {}


def update(counts: dict[str, int]) -> None:
    kept = figures()
    kept[python_version()] = dict(sorted({**kept.get(python_version(), {}), **counts}.items()))
    FIGURES.write_text(json.dumps(dict(sorted(kept.items())), indent=2) + "\n")


def check(counts: dict[str, int]) -> list[str]:
    """Return a sentence for each case that exceeds its limit."""
    kept = figures().get(python_version())
    if kept is None:
        return [f"{FIGURES.name} has no figures for Python {python_version()}"]
    risen = []
    for name, counted in counts.items():
        if name not in kept:
            risen.append(f"{name}: {FIGURES.name} has no figure for it on Python {python_version()}")
        elif counted > kept[name] * TOLERANCE:
            risen.append(f"{name}: {counted} instructions, {counted / kept[name] - 1:.1%} over the {kept[name]} kept")
    return risen


def measure(servers: list[Server], cases: list[Case], table: Table) -> dict[str, dict[str, int]]:
    """Count the instructions of each case and server, and add the rows to the table."""
    counts: dict[str, dict[str, int]] = {}
    for case in cases:
        counts[case.name] = {server.name: count(server, case) for server in servers}
        table.add(case.title, *(f"{value / 1000:.1f}" for value in counts[case.name].values()))
    if "get" in counts and "installed" in counts:
        with_log, without = counts["installed"], counts["get"]
        counts["access-line"] = {name: with_log[name] - without[name] for name in without}
        table.add(
            "the access line alone: the case with it, without the plain one",
            *(f"{value / 1000:.1f}" for value in counts["access-line"].values()),
        )
    return counts


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--check", action="store_true", help="compare ours with the figures kept")
    mode.add_argument("--update", action="store_true", help="keep these figures of ours")
    parser.add_argument("--server", action="append", help="which servers, by their names in servers.py")
    parser.add_argument("--report", action="store_true", help="put the table into docs/benchmarks.md")
    parser.add_argument("--case", action="append", choices=sorted(CASES), help="which cases")
    return parser.parse_args()


def main() -> None:
    options = parse_arguments()
    if not shutil.which("valgrind"):
        sys.exit("benchmarks/instructions.py needs valgrind (Debian: apt-get install valgrind)")
    keeping = options.check or options.update
    servers = chosen(["ours"] if keeping else options.server or DEFAULT_SERVERS)
    cases = [CASES[name] for name in options.case or (CHECKED_CASES if keeping else DEFAULT_CASES)]
    table = Table("thousand instructions per request", *(server.name for server in servers))
    counts = {name: row["ours"] for name, row in measure(servers, cases, table).items() if "ours" in row}
    if options.report:
        report("instructions", table, servers)
    if options.update:
        update(counts)
        print(f"{FIGURES.name} keeps these for Python {python_version()}")
    if options.check and (risen := check(counts)):
        sys.exit("\n".join(risen) + "\nWhere this is meant: benchmarks/instructions.py --update")


if __name__ == "__main__":
    main()
