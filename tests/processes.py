"""Child processes of tests and benchmarks: the server, which is ready when it logs its address, and other programs."""

import asyncio
import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, TypeVar

T = TypeVar("T")

ROOT = Path(__file__).resolve().parent.parent
# Seconds. A loaded machine with two cores needs a few seconds to start an interpreter. A passing test waits less.
# With the sanitizers everything takes several times as long.
PATIENCE = 30.0 * int(os.environ.get("TEST_PATIENCE", "1"))
# For a test with thousands of conversations. It is a little less than pytest's timeout.
PATIENCE_FOR_MANY = 3.5 * PATIENCE
READY = re.compile(r"Uvicorn running on (?:https?://(?P<host>\[[^\]]+\]|[^:\s]+):(?P<port>\d+)|\S+ \S+)")

STARTED = r"Started server process \[(\d+)\]"


def run_async(main: Coroutine[Any, Any, T], *, timeout: float = PATIENCE) -> T:
    """Run `main` in a new event loop.

    Args:
        main: the coroutine.
        timeout: seconds after which `TimeoutError` is raised.
    """

    async def bounded() -> T:
        return await asyncio.wait_for(main, timeout)

    return asyncio.run(bounded())


def foreign_environ() -> dict[str, str]:
    """Return the environment for another program. It has no sanitizers, which are for the server only."""
    return {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}


def free_port() -> int:
    """Find a free TCP port of the loopback interface."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@contextlib.contextmanager
def run_program(
    command: Sequence[str], *, port: int = 0, number: int = signal.SIGTERM, timeout: float = PATIENCE, **options: Any
) -> "Iterator[subprocess.Popen[bytes]]":
    """Run another program, and end it by its process id at the end of the block.

    Args:
        command: the command line.
        port: the block starts when the program accepts connections on this port of the loopback interface.
        number: the signal that ends the program.
        timeout: seconds that the program may take to start.
        options: options of `subprocess.Popen`.
    """
    process = subprocess.Popen(command, **{"env": foreign_environ(), "stderr": subprocess.DEVNULL, **options})
    deadline = time.monotonic() + timeout
    try:
        while port:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError as error:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"the program does not listen on port {port}: {command!r}") from error
                time.sleep(0.001)
        yield process
    finally:
        process.send_signal(number)
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class _Lines:
    """The lines of one output stream, collected by a thread."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._text = ""
        self._ended = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._collect, daemon=True)
        self._thread.start()

    def _collect(self) -> None:
        for line in self._stream:
            with self._changed:
                self._text += line
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        self._stream.close()

    @property
    def text(self) -> str:
        with self._changed:
            return self._text

    def search(self, pattern: str | re.Pattern[str], timeout: float, count: int = 1) -> re.Match[str]:
        """Wait until `pattern` occurs `count` times. Returns the last match."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                matches = list(re.finditer(pattern, self._text))
                if len(matches) >= count:
                    return matches[count - 1]
                left = deadline - time.monotonic()
                if self._ended or left <= 0:
                    why = "the output ended" if self._ended else f"{timeout} s have passed"
                    raise AssertionError(f"no {pattern!r} ({why}) in:\n{self._text}")
                self._changed.wait(left)

    def join(self, timeout: float) -> None:
        self._thread.join(timeout)


class ServerProcess:
    """`python -m uvicorn` in a child process, as a context manager.

    Args:
        arguments: the command line; `--port 0` is added unless it says where to listen.
        env: variables added to the environment.
        cwd: the working directory; the root of the repository unless given.
        ready: False if the server is not expected to start.
        command: the command to run instead of `python -m uvicorn`.
        group: whether signals also reach the children of the process, as signals of a terminal do.
        pass_fds: the descriptors that the process inherits.
    """

    def __init__(
        self,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        cwd: str | os.PathLike[str] | None = None,
        ready: bool = True,
        command: Sequence[str] | None = None,
        group: bool = False,
        pass_fds: Sequence[int] = (),
    ) -> None:
        listens = {"--port", "--uds", "--fd", "--bind"} & {argument.partition("=")[0] for argument in arguments}
        where = [] if listens or command is not None else ["--port", "0"]
        self.command = [*(command or [sys.executable, "-m", "uvicorn"]), *arguments, *where]
        self.env = {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT), **(env or {})}
        self.cwd = cwd or ROOT
        self._ready = ready
        self._group = group
        self._pass_fds = pass_fds
        self.host = "127.0.0.1"
        self.port = 0

    def __enter__(self) -> "ServerProcess":
        self.process = subprocess.Popen(
            self.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            cwd=self.cwd,
            env=self.env,
            start_new_session=self._group,
            pass_fds=self._pass_fds,
        )
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self._stdout = _Lines(self.process.stdout)
        self._stderr = _Lines(self.process.stderr)
        if self._ready:
            try:
                self.wait_ready()
            except BaseException:
                self.kill()
                raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def stdout(self) -> str:
        return self._stdout.text

    @property
    def stderr(self) -> str:
        return self._stderr.text

    @property
    def workers(self) -> list[int]:
        """The ids of all processes that have begun to serve, in the order in which they began."""
        return [int(pid) for pid in re.findall(STARTED, self.stderr)]

    def wait_ready(self) -> None:
        """Wait for the log line with the address."""
        match = self._stderr.search(READY, PATIENCE)
        if match["port"]:
            self.host, self.port = match["host"], int(match["port"])

    def wait_stderr(self, pattern: str, *, count: int = 1, timeout: float = PATIENCE) -> re.Match[str]:
        """Wait until standard error contains `pattern` `count` times."""
        return self._stderr.search(pattern, timeout, count)

    def wait_stdout(self, pattern: str, *, count: int = 1, timeout: float = PATIENCE) -> re.Match[str]:
        """Wait until standard output contains `pattern` `count` times."""
        return self._stdout.search(pattern, timeout, count)

    def send_signal(self, number: int) -> None:
        if self._group:
            os.killpg(self.pid, number)
        else:
            self.process.send_signal(number)

    def wait(self, timeout: float = PATIENCE) -> int:
        """Wait for the process to end by itself. Returns its exit code, negative if a signal killed it."""
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.command} has not ended:\n{self.stderr}") from None
        self._stdout.join(timeout)
        self._stderr.join(timeout)
        return code

    def stop(self, number: int = signal.SIGINT, timeout: float = PATIENCE) -> int:
        """Send the signal and wait for the end. Returns the exit code."""
        self.send_signal(number)
        return self.wait(timeout)

    def kill(self) -> None:
        """Kill the process."""
        with contextlib.suppress(ProcessLookupError):
            if self._group:
                os.killpg(self.pid, signal.SIGKILL)
            self.process.kill()
        self.wait()


@contextlib.contextmanager
def serve(*arguments: str, **options: Any) -> Iterator[ServerProcess]:
    """Start a server, and kill it at the end of the block. The arguments are those of `ServerProcess`."""
    with ServerProcess(*arguments, **options) as server:
        yield server


def receive_until(client: socket.socket, is_enough: Callable[[bytes], object], received: bytes = b"") -> bytes:
    """Read from a server until `is_enough` accepts the bytes.

    Args:
        client: the client's socket.
        is_enough: called with all bytes so far.
        received: the bytes that were read before.

    Raises:
        AssertionError: the server has closed the connection before.
    """
    while not is_enough(received):
        piece = client.recv(65536)
        assert piece, f"the server has closed the connection after {received!r}"
        received += piece
    return received


def exchange(address: tuple[str, int] | str, data: bytes, *, fin: bool = False, timeout: float = PATIENCE) -> bytes:
    """Send `data` on a new connection and read until the server closes it.

    Args:
        address: (host, port), or the path of a unix socket.
        data: the bytes to send, in one write.
        fin: whether the client half-closes the connection after `data`.
        timeout: seconds without a byte after which `TimeoutError` is raised.
    """
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family) as client:
        client.settimeout(timeout)
        client.connect(address)
        client.sendall(data)
        if fin:
            client.shutdown(socket.SHUT_WR)
        received = b""
        while piece := client.recv(65536):
            received += piece
        return received
