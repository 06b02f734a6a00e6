"""A server with several workers, and clients that do not forgive: no request is sent a second time."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent))

from tests.processes import ServerProcess

HERE = Path(__file__).parent
HOST = "127.0.0.1"
REQUEST = b"GET / HTTP/1.1\r\nhost: benchmark\r\n\r\n"


class Supervisor(ServerProcess):
    """`uvicorn --workers` in a process of its own, a context manager."""

    def __init__(self, workers: int, *options: str) -> None:
        arguments = ["pid_app:app", "--app-dir", str(HERE), "--workers", str(workers), "--no-access-log"]
        # With PYTHONDONTWRITEBYTECODE set, every worker would compile its modules.
        super().__init__(*arguments, "--lifespan", "off", *options, env={"PYTHONDONTWRITEBYTECODE": ""})


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
