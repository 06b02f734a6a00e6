"""The information for a process manager: notifications of sd_notify(3), and the file with the process id."""

import os
import re
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import PATIENCE, ServerProcess, serve
from tests.waiting import eventually
from uvicorn.process_manager import ProcessManager

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such sockets")

HELLO = "examples.hello:app"


class Listener:
    """A socket that receives notifications, as that of systemd does."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address.replace("@", "\0", 1))
        self._socket.settimeout(PATIENCE)

    def next(self) -> dict[str, str]:
        """Return the next message, except messages for the watchdog."""
        while True:
            message = dict(line.split("=", 1) for line in self._socket.recv(4096).decode().split("\n"))
            if message != {"WATCHDOG": "1"}:
                return message

    def wait_watchdog(self) -> None:
        while self._socket.recv(4096) != b"WATCHDOG=1":
            pass

    def is_silent(self) -> bool:
        self._socket.setblocking(False)
        try:
            self._socket.recv(4096)
        except BlockingIOError:
            return True
        return False

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Listener]:
    if request.param == "abstract" and sys.platform != "linux":
        pytest.skip("only Linux has an abstract namespace")
    path = str(tmp_path / "notify")
    listener = Listener(path if request.param == "path" else f"@uvicorn-{os.getpid()}-{time.monotonic_ns()}")
    yield listener
    listener.close()


def reports_to(systemd: Listener) -> dict[str, str]:
    return {"NOTIFY_SOCKET": systemd.address}


def test_the_life_of_one_process(systemd: Listener) -> None:
    with serve(HELLO, env=reports_to(systemd)) as server:
        assert systemd.next() == {"READY": "1", "STATUS": "Serving"}
        server.stop()
        assert systemd.next() == {"STOPPING": "1", "STATUS": "Shutting down"}
    assert systemd.is_silent()


def test_a_reload_of_one_process(systemd: Listener) -> None:
    with serve(HELLO, env=reports_to(systemd)) as server:
        assert systemd.next() == {"READY": "1", "STATUS": "Serving"}
        server.send_signal(signal.SIGHUP)
        assert systemd.next()["RELOADING"] == "1"
        assert systemd.next() == {"READY": "1", "STATUS": "Serving"}
        server.stop()


def test_the_life_of_workers(systemd: Listener) -> None:
    serving = {"READY": "1", "STATUS": "Serving with 2 workers"}
    with serve(HELLO, "--workers", "2", env=reports_to(systemd)) as server:
        assert systemd.next() == serving
        server.wait_stderr("Application startup complete.", count=2)
        server.send_signal(signal.SIGHUP)
        reloading = systemd.next()
        assert 0 < int(reloading.pop("MONOTONIC_USEC")) <= time.monotonic_ns() // 1000
        assert reloading == {"RELOADING": "1", "STATUS": "Reloading"}
        assert systemd.next() == serving
        server.wait_stderr("All child processes have been restarted.")
        server.stop()
        assert systemd.next() == {"STOPPING": "1", "STATUS": "Shutting down"}
    assert systemd.is_silent()  # Workers send no notifications.


def test_a_restart_that_is_abandoned_ends_the_reload(systemd: Listener, tmp_path: Path) -> None:
    application = tmp_path / "changing.py"
    application.write_text("from examples.hello import app\n")
    with serve("changing:app", "--workers", "2", env=reports_to(systemd), cwd=tmp_path) as server:
        serving = systemd.next()
        assert serving["READY"] == "1"
        # The length differs: if time and length were equal, Python would use the cached bytecode.
        application.write_text("raise ImportError('there is a mistake')\n")
        server.send_signal(signal.SIGHUP)
        assert systemd.next()["RELOADING"] == "1"
        assert systemd.next() == serving
        server.wait_stderr("The restart is abandoned.")


def test_the_life_of_a_reloader(systemd: Listener) -> None:
    with serve(HELLO, "--reload", env=reports_to(systemd)) as server:
        assert systemd.next() == {"READY": "1", "STATUS": "Serving, and watching files"}
        server.wait_stderr("Application startup complete.")
        server.stop()
        assert systemd.next() == {"STOPPING": "1", "STATUS": "Shutting down"}
    assert systemd.is_silent()


@pytest.mark.parametrize("arguments", [[], ["--workers", "2"], ["--reload"]], ids=["one", "workers", "reload"])
def test_the_watchdog_is_notified(systemd: Listener, arguments: list[str]) -> None:
    with serve(HELLO, *arguments, env={**reports_to(systemd), "WATCHDOG_USEC": "1000000"}) as server:
        for _ in range(3):
            systemd.wait_watchdog()
        server.stop()


def test_a_watchdog_of_another_process(systemd: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", systemd.address)
    monkeypatch.setenv("WATCHDOG_USEC", "1")
    monkeypatch.setenv("WATCHDOG_PID", "1")
    manager = ProcessManager()
    manager.connect()
    manager.keep_alive()
    assert systemd.is_silent()
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    manager.connect()
    eventually(lambda: manager.keep_alive() or not systemd.is_silent())


@pytest.mark.parametrize("address", [None, "", "vsock:2:1234"])
def test_nothing_is_sent_without_a_listener(
    address: str | None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    if address is None:
        monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    else:
        monkeypatch.setenv("NOTIFY_SOCKET", address)
    manager = ProcessManager()
    manager.connect()
    manager.ready("Serving")
    assert caplog.records == []


def test_a_missing_socket_is_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    manager = ProcessManager()
    manager.connect()
    manager.ready("Serving")
    assert caplog.messages == ["systemd cannot be notified (READY=1): [Errno 2] No such file or directory"]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], r"Started server process \[(\d+)\]"),
        (["--workers", "2"], r"Started parent process \[(\d+)\]"),
        (["--reload"], r"Started reloader process \[(\d+)\]"),
    ],
    ids=["one", "workers", "reload"],
)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_file_has_the_id_of_the_process(
    tmp_path: Path, arguments: list[str], line: str, number: signal.Signals
) -> None:
    path = tmp_path / "pid"
    path.write_text("what a crash has left")
    with serve(HELLO, "--pid-file", str(path), *arguments) as server:
        server.wait_stderr("Application startup complete.")
        assert path.read_text() == f"{server.pid}\n"
        found = re.search(line, server.stderr)
        assert found is not None
        assert int(found[1]) == server.pid
        server.stop(number)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("arguments", [[], ["--workers", "2"]], ids=["one", "workers"])
def test_a_file_that_cannot_be_written(tmp_path: Path, arguments: list[str]) -> None:
    path = tmp_path / "absent" / "pid"
    with ServerProcess(HELLO, "--pid-file", str(path), *arguments, ready=False) as server:
        assert server.wait() == 3
    assert f"ERROR:    Error writing --pid-file {path}: No such file or directory\n" in server.stderr
    assert "Traceback" not in server.stderr


@pytest.mark.parametrize("text", ["1\n", "", "garbage"])
def test_the_file_of_another_process_is_not_removed(tmp_path: Path, text: str) -> None:
    path = tmp_path / "pid"
    with ProcessManager(str(path)):
        path.write_text(text)
    assert path.read_text() == text


def test_a_file_that_has_been_removed(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    with ProcessManager(str(path)):
        path.unlink()
    assert not path.exists()
