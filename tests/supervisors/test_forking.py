"""Forked workers: when the supervisor forks, and whether forked workers behave like spawned workers."""

import contextlib
import json
import os
import re
import signal
import sys
import types
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.processes import ROOT, ServerProcess, serve
from tests.supervisors.clients import get, is_running, state_of
from tests.waiting import eventually
from uvicorn.config import Config
from uvicorn.supervisors import spawn as forking
from uvicorn.supervisors.spawn import open_pidfd

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="nothing is forked here")

APP = "tests.supervisors.apps:app"
# The script that pip writes for `uvicorn = uvicorn.main:main`.
SCRIPT = """
import re
import sys
from uvicorn.main import main
if __name__ == "__main__":
    sys.argv[0] = re.sub(r"(-script\\.pyw|\\.exe)?$", "", sys.argv[0])
    sys.exit(main())
"""
PROGRAM = """
import uvicorn

def start():
    uvicorn.run("tests.supervisors.apps:app", port=0, workers=2)

if __name__ == "__main__":
    start()
"""
RANDOM_APP = """
import os, random, ssl, uuid
numbers = (str(random.random()), os.urandom(8).hex(), ssl.RAND_bytes(8).hex(), uuid.uuid4().hex)
# In one write: two workers say it at once.
os.write(1, f"random {' '.join(numbers)}\\n".encode())
from tests.supervisors.apps import app
"""
LOG_CONFIG = """
[loggers]
keys = root, uvicorn
[handlers]
keys = mine
[formatters]
keys =
[logger_root]
level = INFO
handlers =
[logger_uvicorn]
level = INFO
handlers = mine
qualname = uvicorn
[handler_mine]
class = log_handlers_of_mine.Mine
args = ()
"""


def workers_of(server: ServerProcess) -> list[int]:
    """Wait until both workers serve. Returns their process ids."""
    server.wait_stderr(r"Application startup complete\.", count=2)
    return server.workers


def command_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def are_forked(server: ServerProcess) -> bool:
    """Return whether the workers have the command line of their supervisor, as forked processes do."""
    forked = {command_of(pid) == command_of(server.pid) for pid in workers_of(server)}
    assert len(forked) == 1
    return forked.pop()


@pytest.fixture
def two() -> Iterator[ServerProcess]:
    with serve(APP, "--workers", "2") as server:
        assert are_forked(server)
        yield server


# --- When workers are forked ------------------------------------------------------------------------------------------


def test_workers_of_the_script_are_forked(tmp_path: Path) -> None:
    script = tmp_path / "uvicorn"
    script.write_text(SCRIPT)
    command = [sys.executable, str(script), APP, "--workers", "2", "--port", "0"]
    with serve(command=command) as server:
        assert are_forked(server)


def test_workers_of_a_program_are_spawned(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    with serve(command=[sys.executable, str(program)]) as server:
        assert not are_forked(server)


def test_workers_are_spawned_if_the_logging_configuration_imports_modules(tmp_path: Path) -> None:
    (tmp_path / "log_handlers_of_mine.py").write_text("import logging\nclass Mine(logging.StreamHandler): pass\n")
    config = tmp_path / "log.ini"
    config.write_text(LOG_CONFIG)
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    with serve(APP, "--workers", "2", "--log-config", str(config), env={"PYTHONPATH": path}) as server:
        assert not are_forked(server)


@pytest.fixture
def own_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the process look as if only the server were loaded in it."""
    monkeypatch.setitem(sys.modules, "__main__", types.ModuleType("__main__"))
    monkeypatch.setattr(forking, "_foreign_modules", set)
    monkeypatch.setattr(os, "listdir", lambda path: ["1"])


@pytest.mark.usefixtures("own_program")
class TestCanFork:
    def test_the_server_alone(self) -> None:
        assert forking.can_fork()

    def test_not_without_pidfd(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(forking, "open_pidfd", lambda pid: None)
        assert not forking.can_fork()

    def test_not_with_another_thread(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "listdir", lambda path: ["1", "2"])
        assert not forking.can_fork()

    def test_not_if_threads_cannot_be_counted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def missing(path: str) -> list[str]:
            raise FileNotFoundError(path)

        monkeypatch.setattr(os, "listdir", missing)
        assert not forking.can_fork()

    def test_not_if_the_main_module_has_its_own_names(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys.modules["__main__"], "connection", object(), raising=False)
        assert not forking.can_fork()

    def test_not_with_a_module_of_another_program(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(forking, "_foreign_modules", lambda: {"application"})
        assert not forking.can_fork()


def test_foreign_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    def module(name: str, imported: bool) -> types.ModuleType:
        made = types.ModuleType(name)
        made.__spec__ = sys.__spec__ if imported else None
        return made

    before = {"sys": sys, "sitecustomize": module("sitecustomize", True)}
    ours = {name: module(name, True) for name in ("uvicorn", "uvicorn.config", "click", "asyncio", "__mp_main__")}
    monkeypatch.setattr(sys, "modules", {**before, **ours, "cython_runtime": module("cython_runtime", False)})
    assert forking._foreign_modules() == set()
    sys.modules["application.logs"] = sys.modules["application"] = module("application", True)
    assert forking._foreign_modules() == {"application"}


def test_loads_the_modules_of_every_worker_before_forking(monkeypatch: pytest.MonkeyPatch) -> None:
    imported: list[Any] = []
    monkeypatch.setattr(forking, "import_from_string", imported.append)
    forking.preload(Config(APP, loop="asyncio", http="h11", lifespan="off", proxy_headers=False))
    assert imported == [
        "uvicorn.loops.asyncio:asyncio_loop_factory",
        "uvicorn.protocols.http.h11_impl:H11Protocol",
        "uvicorn.lifespan.off:LifespanOff",
    ]
    imported.clear()
    forking.preload(Config(APP, loop="application:loop", http=forking.socket, ws="wsproto", lifespan="off"))
    # The user's own loop and protocol are not imported.
    assert imported[:2] == [None, None]
    assert imported[2:4] == ["uvicorn.lifespan.off:LifespanOff", forking.WS_PROTOCOLS["wsproto"]]


def test_workers_import_only_the_application() -> None:
    command = [sys.executable, "-X", "importtime", "-m", "uvicorn", APP, "--workers", "2", "--port", "0"]
    with serve(command=command) as server:
        server.wait_stderr(r"Application startup complete\.", count=2)
        assert server.stop(signal.SIGTERM) == 0
        imported = Counter(re.findall(r"\| +([a-z_0-9.]+)$", server.stderr, re.MULTILINE))
    assert imported["uvicorn.config"] == imported["uvicorn.protocols.http.http1"] == 1
    ours = ("uvicorn", "uvloop", "httptools", "h11")
    assert [name for name, count in imported.items() if name.partition(".")[0] in ours and count > 1] == []


def test_the_workers_report_modules_that_cannot_be_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn.loops.uvloop", None)
    forking.preload(Config(APP, loop="uvloop"))
    with serve(APP, "--workers", "2", "--http", "tests.nothing:Protocol", ready=False) as server:
        assert server.wait() == 3
    assert re.search(r"Child process \[\d+\] failed to start, stopping the parent process\.", server.stderr)


# --- How forked workers behave ----------------------------------------------------------------------------------------


def test_the_application_sees_the_same_process_state_as_if_spawned(two: ServerProcess) -> None:
    found = json.loads(get(two, "/process"))
    assert found["name"] in ("SpawnProcess-1", "SpawnProcess-2")
    assert found["parent"] == two.pid
    assert found["start_method"] == "spawn"
    assert found["stdin"] == 0  # the standard input of the terminal
    assert found["threads"] == ["MainThread", "uvicorn-parent", "uvicorn-supervisor-channel"]


def test_no_signal_is_blocked(two: ServerProcess) -> None:
    for pid in workers_of(two):
        assert re.search(r"^SigBlk:\s+0+$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)


def test_no_two_workers_have_the_same_random_numbers(tmp_path: Path) -> None:
    """The workers share the address space layout and the hash seed. No random number depends on these."""
    (tmp_path / "random_app.py").write_text(RANDOM_APP)
    with serve("random_app:app", "--workers", "2", "--app-dir", str(tmp_path)) as server:
        assert are_forked(server)
        server.wait_stdout(r"random .*\n", count=2)
        first, second = (line.split() for line in re.findall(r"^random (.*)$", server.stdout, re.MULTILINE))
    assert len(first) == len(second) == 4
    assert not set(first) & set(second)


def test_a_worker_has_no_sockets_of_other_processes() -> None:
    with serve(APP, "--workers", "3") as server:
        server.wait_stderr(r"Application startup complete\.", count=3)
        ends = {pid: sockets_of(pid) for pid in workers_of(server)}
        (listening,) = set.intersection(*ends.values())
        own = [sockets - {listening} for sockets in ends.values()]
        # Each worker has only its own sockets: the pipe to the supervisor, and the pair that wakes its event loop.
        assert all(one.isdisjoint(other) for one in own for other in own if one is not other)
        assert sum(len(one & sockets_of(server.pid)) for one in own) == 0


def sockets_of(pid: int) -> set[str]:
    links = []
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            links.append(os.readlink(descriptor))
    return {link for link in links if link.startswith("socket:")}


def test_exit_functions_of_the_application_run(two: ServerProcess, tmp_path: Path) -> None:
    left = tmp_path / "left"
    pid = int(get(two, f"/at-exit{left}"))
    two.send_signal(signal.SIGHUP)
    eventually(lambda: not is_running(pid))
    assert left.read_text() == str(pid)


def test_a_worker_ends_with_its_parent_while_another_hangs(two: ServerProcess) -> None:
    first, second = workers_of(two)
    os.kill(second, signal.SIGSTOP)  # A stopped worker keeps every descriptor that it has inherited.
    try:
        eventually(lambda: state_of(second) == "T")
        two.process.kill()
        two.process.wait()
        eventually(lambda: not is_running(first))
        assert is_running(second)
    finally:
        os.kill(second, signal.SIGCONT)
    eventually(lambda: not is_running(second))


def test_pidfd() -> None:
    pidfd = open_pidfd(os.getpid())
    assert pidfd is not None
    os.close(pidfd)
    child = os.posix_spawn(sys.executable, [sys.executable, "-c", ""], os.environ)
    os.waitpid(child, 0)
    assert open_pidfd(child) is None  # The process does not exist any more.
