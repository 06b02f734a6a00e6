"""The effect of pipelining clients on another client: its median and p99 latency, with no, one and four flooders.

Each request costs the application 3 ms of CPU. A flooder keeps 32 requests in flight on one connection. The servers
take turns. Compare the ratios of one run only: a slow period of the machine affects all servers.

python benchmarks/latency.py [--seconds 4] [--server ours --server uvicorn-0.54]
"""

from __future__ import annotations

import argparse
import socket
import threading
import time
from statistics import median, quantiles

from cases import Case
from report import Table
from servers import HOST, Server, chosen, running

WORK = Case("work", "3 ms of work", path="/work")
REQUEST = WORK.request(f"{HOST}:8000")
AHEAD = 32
FLOODERS = (0, 1, 4)
TIMEOUT = 60


def flood(port: int, stop: threading.Event) -> None:
    """Keep requests in flight until the end."""
    with socket.create_connection((HOST, port), timeout=TIMEOUT) as connection:
        connection.sendall(REQUEST * AHEAD)
        while not stop.is_set():
            answered = connection.recv(65536).count(b"HTTP/1.1 200")
            connection.sendall(REQUEST * answered)


def latencies(port: int, seconds: float) -> list[float]:
    """Send requests one after the other. Returns the milliseconds from each request to its response."""
    found = []
    end = time.monotonic() + seconds
    with socket.create_connection((HOST, port), timeout=TIMEOUT) as connection:
        while (began := time.monotonic()) < end:
            connection.sendall(REQUEST)
            answer = connection.recv(65536)
            while not answer.endswith(b"Hello, world!"):
                answer += connection.recv(65536)
            found.append((time.monotonic() - began) * 1000)
    return found


def measure(server: Server, flooders: int, seconds: float) -> str:
    stop = threading.Event()
    with running(server, WORK) as (_, port):
        threads = [threading.Thread(target=flood, args=(port, stop)) for _ in range(flooders)]
        for thread in threads:
            thread.start()
        try:
            found = latencies(port, seconds)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
    return f"{median(found):.1f}, {quantiles(found, n=100)[98]:.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement")
    parser.add_argument("--server", action="append", help="which servers, by their names in servers.py")
    options = parser.parse_args()
    servers = chosen(options.server or ["ours", "uvicorn-0.54"])
    table = Table("flooders; median, p99 in ms", *(server.name for server in servers))
    for flooders in FLOODERS:
        table.add(str(flooders), *(measure(server, flooders, options.seconds) for server in servers))


if __name__ == "__main__":
    main()
