"""The measured servers, and the command of each for a case, with one worker and no access log."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent))

import environments
from cases import Case

from tests.processes import free_port, run_program

HERE = Path(__file__).parent
HOST = "127.0.0.1"
START_LIMIT = 120.0  # seconds; a server starts slowly under callgrind


@dataclass(frozen=True)
class Server:
    """A server in the tables.

    arguments: the arguments of its interpreter, for a case and a port.
    environment: the name of its virtual environment, "" for the environment that runs this script.
    distributions: the distributions whose versions the tables name.
    """

    name: str
    arguments: Callable[[Case, int], list[str]]
    environment: str = ""
    distributions: tuple[str, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def installed(self) -> bool:
        return not self.environment or environments.installed(self.environment)

    @property
    def python(self) -> str:
        return str(environments.python_of(self.environment)) if self.environment else sys.executable

    @property
    def versions(self) -> str:
        found = [(name, environments.version(self.environment, name)) for name in self.distributions]
        return ", ".join(f"{name} {version}" for name, version in found if version)


# The clients of the benchmarks do not answer pings.
NO_PINGS = ("--ws-ping-interval", "86400")


def _uvicorn(*options: str) -> Callable[[Case, int], list[str]]:
    def arguments(case: Case, port: int) -> list[str]:
        chosen = [] if case.as_installed else ["--no-access-log", "--no-proxy-headers"]
        if case.message:
            chosen += NO_PINGS
        if case.access_format != "default":
            chosen += ["--access-log-format", case.access_format]
        return ["-m", "uvicorn", case.app, "--port", str(port), *options, *chosen]

    return arguments


def _floor(*options: str) -> Callable[[Case, int], list[str]]:
    return lambda case, port: ["floor.py", case.name, str(port), *options]


def _granian(case: Case, port: int) -> list[str]:
    log = ["--access-log"] if case.as_installed else []
    return ["-m", "granian", "--interface", "asgi", "--port", str(port), "--workers", "1", *log, case.app]


def _hypercorn(case: Case, port: int) -> list[str]:
    log = ["--access-logfile", "-"] if case.as_installed else []
    return ["-m", "hypercorn", "--bind", f"{HOST}:{port}", "--worker-class", "uvloop", *log, case.app]


def _daphne(case: Case, port: int) -> list[str]:
    log = [] if case.as_installed else ["--verbosity", "0"]
    return ["-m", "daphne", "--port", str(port), *log, case.app]


def _gunicorn(case: Case, port: int) -> list[str]:
    log = ["--access-logfile", "-"] if case.as_installed else []
    return ["-m", "gunicorn", "--worker-class", "asgi", "--workers", "1", "--bind", f"{HOST}:{port}", *log, case.app]


FASTEST = ("--loop", "uvloop", "--http", "httptools")
SERVERS = {
    server.name: server
    for server in (
        Server("floor", _floor()),
        Server("ours", _uvicorn(*FASTEST)),
        Server("ours-pure", _uvicorn(*FASTEST), variables={"UVICORN_SPEEDUPS": "off"}),
        Server("ours-asyncio", _uvicorn("--loop", "asyncio", "--http", "httptools")),
        Server("ours-h11", _uvicorn("--loop", "uvloop", "--http", "h11")),
        Server("ours-asgi-2.4", _uvicorn(*FASTEST, "--asgi-http-version", "2.4")),
        Server("ours-metrics", _uvicorn(*FASTEST, "--metrics", "127.0.0.1:0")),
        Server("floor-asyncio", _floor("asyncio")),
        Server("uvicorn-0.54", _uvicorn(*FASTEST), "uvicorn-0.54", ("uvicorn",)),
        Server(
            "uvicorn-0.54-asyncio", _uvicorn("--loop", "asyncio", "--http", "httptools"), "uvicorn-0.54", ("uvicorn",)
        ),
        Server("uvicorn-0.54-h11", _uvicorn("--loop", "uvloop", "--http", "h11"), "uvicorn-0.54", ("uvicorn",)),
        Server("granian", _granian, "granian", ("granian",)),
        Server("hypercorn", _hypercorn, "hypercorn", ("hypercorn",)),
        Server("daphne", _daphne, "daphne", ("daphne", "twisted")),
        Server("gunicorn", _gunicorn, "gunicorn", ("gunicorn",)),
    )
}


def chosen(names: Iterable[str], known: dict[str, Server] = SERVERS) -> list[Server]:
    """Return the servers of a command line. Servers without their environment are left out, and their names printed."""
    unknown = [name for name in names if name not in known]
    if unknown:
        sys.exit(f"no such server: {', '.join(unknown)}; there are {', '.join(known)}")
    servers = [known[name] for name in names]
    for server in servers:
        if not server.installed:
            print(f"{server.name} is left out: run benchmarks/environments.py {server.environment}", file=sys.stderr)
    return [server for server in servers if server.installed]


@contextmanager
def running(
    server: Server, case: Case, *, prefix: tuple[str, ...] = (), stdout: int | None = subprocess.DEVNULL
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Start a server. Gives the process and its port. `prefix` is put before the command (valgrind, taskset)."""
    port = free_port()
    variables = {"PYTHONHASHSEED": "0", **server.variables}
    # Our server is imported from the checkout, the others only from their environments.
    folders = [str(HERE)] if server.environment else [str(HERE), str(HERE.parent)]
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "UVICORN_"))}
    environ |= variables | {"PYTHONPATH": os.pathsep.join(folders)}
    command = [*prefix, server.python, *server.arguments(case, port)]
    with run_program(command, port=port, timeout=START_LIMIT, cwd=HERE, env=environ, stdout=stdout) as process:
        yield process, port
