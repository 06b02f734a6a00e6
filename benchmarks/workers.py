"""A server with several workers, and clients that do not forgive: no request is sent a second time."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
HOST = "127.0.0.1"
REQUEST = b"GET / HTTP/1.1\r\nhost: benchmark\r\n\r\n"


class Supervisor:
    """`uvicorn --workers` in a process of its own, and what it logs."""

    def __init__(self, workers: int, *options: str) -> None:
        command = [sys.executable, "-m", "uvicorn", "pid_app:app", "--app-dir", str(HERE), "--port", "0"]
        command += ["--workers", str(workers), "--no-access-log", "--lifespan", "off", *options]
        # Without PYTHONDONTWRITEBYTECODE, say, which would have every worker compile its modules.
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "UVICORN_"))}
        self.started = time.monotonic()
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=HERE.parent, env=environment)
        self.log: list[str] = []
        self._news = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()
        self.port = int(self.wait(r"http://\S+:(\d+)"))

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._news:
                self.log.append(line)
                self._news.notify_all()

    def matches(self, pattern: str) -> list[str]:
        return re.findall(pattern, "".join(self.log))

    def wait(self, pattern: str, count: int = 1, timeout: float = 120) -> str:
        """The last of so many matches of the log."""
        with self._news:
            if not self._news.wait_for(lambda: len(self.matches(pattern)) >= count, timeout):
                raise TimeoutError(f"no {pattern!r} in the log:\n" + "".join(self.log))
            return self.matches(pattern)[count - 1]

    @property
    def workers(self) -> list[int]:
        """The ids of all workers so far."""
        return [int(pid) for pid in self.matches(r"Started server process \[(\d+)\]")]

    def stop(self) -> float:
        """End it; returns how many seconds that took."""
        begun = time.monotonic()
        self.process.terminate()
        self.process.wait()
        return time.monotonic() - begun


@contextlib.contextmanager
def supervisor(workers: int, *options: str) -> Iterator[Supervisor]:
    running = Supervisor(workers, *options)
    try:
        yield running
    finally:
        running.process.kill()
        running.process.wait()


class Client:
    """One keep-alive connection."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._writer: asyncio.StreamWriter | None = None

    async def get(self) -> int:
        """The id of the worker that has answered."""
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(HOST, self._port)
        self._writer.write(REQUEST)
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        if not head.startswith(b"http/1.1 200 "):
            raise ConnectionError(head.partition(b"\r\n")[0].decode())
        length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        body = await self._reader.readexactly(length)
        if b"\r\nconnection: close\r\n" in head:
            self.close()
        return int(body)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None


class Load:
    """Clients that send request after request."""

    def __init__(self, port: int, clients: int) -> None:
        self.failures: Counter[str] = Counter()
        self.served: Counter[int] = Counter()
        self.longest = 0.0
        self._tasks = [asyncio.create_task(self._run(Client(port))) for _ in range(clients)]

    async def _run(self, client: Client) -> None:
        try:
            while True:
                begun = time.monotonic()
                try:
                    self.served[await client.get()] += 1
                except (OSError, asyncio.IncompleteReadError) as error:
                    self.failures[repr(error)] += 1
                    client.close()
                self.longest = max(self.longest, time.monotonic() - begun)
                await asyncio.sleep(0.002)  # leaves the processor to the servers, too
        finally:
            client.close()

    async def end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
