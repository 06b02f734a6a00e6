"""The reloaders, in this process."""

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

import pytest

from tests.processes import PATIENCE
from tests.waiting import eventually
from uvicorn import supervisors
from uvicorn.config import Config
from uvicorn.supervisors import basereload as module
from uvicorn.supervisors.basereload import BaseReload, ControlledTarget, Message
from uvicorn.supervisors.statreload import StatReload

APP = "tests.supervisors.apps:app"


def config_of(directory: Path, **options: Any) -> Config:
    return Config(APP, reload=True, reload_dirs=[str(directory)], reload_delay=0.01, log_config=None, **options)


def serve_nothing(sockets: list[socket.socket]) -> None:
    """Stand for a server: SIGTERM ends it, and it wakes up at intervals."""
    while True:
        time.sleep(0.05)


def ignore_sigterm(sockets: list[socket.socket]) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("ignoring", file=sys.stderr, flush=True)
    threading.Event().wait()


class Reloader(BaseReload):
    """A reloader that reports the given changes, then ends."""

    reloader_name = "Reloader"

    def __init__(self, config: Config, target: Callable[..., None], given: list[list[Path] | None]) -> None:
        super().__init__(config, target, [])
        self.given = given
        self.pids: list[int | None] = []

    def should_restart(self) -> list[Path] | None:
        self.pids.append(self.process.pid)
        if not self.given:
            raise StopIteration
        return self.given.pop(0)


def test_each_change_is_a_new_process(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    handlers = [signal.getsignal(number) for number in module.HANDLED_SIGNALS]
    changes: list[list[Path] | None] = [None, [Path.cwd() / "inside.py", Path("/out/side.py")], None]
    reloader = Reloader(config_of(tmp_path), serve_nothing, changes)
    reloader.run()
    assert [signal.getsignal(number) for number in module.HANDLED_SIGNALS] == handlers
    assert len(set(reloader.pids[:2])) == 1
    assert len(set(reloader.pids)) == 2
    assert "Reloader detected changes in 'inside.py', '/out/side.py'. Reloading..." in caplog.text


def test_a_grace_that_the_user_has_set_is_kept(tmp_path: Path) -> None:
    assert Reloader(config_of(tmp_path), serve_nothing, []).config.timeout_graceful_shutdown == module.RELOAD_GRACE
    config = config_of(tmp_path, timeout_graceful_shutdown=7)
    assert Reloader(config, serve_nothing, []).config.timeout_graceful_shutdown == 7


def test_a_server_that_does_not_end_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "SHUTDOWN_ALLOWANCE", 0.2)
    reloader = Reloader(config_of(tmp_path, timeout_graceful_shutdown=0), ignore_sigterm, [])
    reloader._start()
    shown = ""

    def is_ignoring() -> bool:
        nonlocal shown
        shown += capfd.readouterr().err
        return "ignoring" in shown

    eventually(is_ignoring)
    reloader._stop()
    assert "has not ended in time, killing it." in caplog.text


def test_a_server_that_has_died_is_replaced(tmp_path: Path) -> None:
    reloader = Reloader(config_of(tmp_path), serve_nothing, [])
    reloader._start()
    first = reloader.process
    first.kill()
    first.join(PATIENCE)
    reloader.restart()
    assert reloader.process is not first
    assert reloader.process.is_alive()
    reloader._stop()


def test_in_another_thread_no_handlers_are_installed(tmp_path: Path) -> None:
    handlers = [signal.getsignal(number) for number in module.HANDLED_SIGNALS]
    during: list[Any] = []

    class Looking(Reloader):
        def should_restart(self) -> list[Path] | None:
            during.extend(signal.getsignal(number) for number in module.HANDLED_SIGNALS)
            return super().should_restart()

    thread = threading.Thread(target=Looking(config_of(tmp_path), serve_nothing, []).run)
    thread.start()
    thread.join(PATIENCE)
    assert during == handlers


def test_the_base_class_cannot_detect_changes(tmp_path: Path) -> None:
    reloader = BaseReload(config_of(tmp_path), serve_nothing, [])
    with pytest.raises(NotImplementedError):
        next(iter(reloader))


def test_a_pause_ends_when_the_reloader_exits(tmp_path: Path) -> None:
    reloader = BaseReload(config_of(tmp_path), serve_nothing, [])
    reloader.pause()
    reloader.should_exit.set()
    with pytest.raises(StopIteration):
        reloader.pause()


@pytest.mark.skipif(sys.implementation.name == "pypy", reason="on PyPy, raise_signal in a thread ends a process with 0")
def test_on_windows_a_message_stops_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reloader = Reloader(config_of(tmp_path), serve_nothing, [])
    # The standard library starts this tracker with the first process. Started now, it starts as on this platform.
    resource_tracker.ensure_running()
    monkeypatch.setattr(sys, "platform", "win32")
    reloader._start()
    process = reloader.process
    assert process.is_alive()
    reloader._terminate()
    process.join(PATIENCE)
    assert process.exitcode == -signal.SIGTERM


def test_messages_to_a_child(monkeypatch: pytest.MonkeyPatch) -> None:
    from uvicorn.supervisors.spawn import spawn

    done: list[str] = []
    for name in ("reopen_logs", "write_stacks"):
        monkeypatch.setattr(module, name, lambda name=name: done.append(name))
    listener, channel = spawn.Pipe(duplex=False)
    former = signal.signal(signal.SIGTERM, lambda sig, frame: done.append("stop"))
    served: list[list[socket.socket]] = []

    def target(sockets: list[socket.socket]) -> None:
        served.append(sockets)
        for message in (Message.REOPEN, Message.STACKS, Message.STOP):
            channel.send_bytes(message)
        channel.close()
        eventually(lambda: len(done) == 3)

    try:
        ControlledTarget(target, listener)(sockets=[])
    finally:
        signal.signal(signal.SIGTERM, former)
    assert served == [[]]
    assert done == ["reopen_logs", "write_stacks", "stop"]
    listener.close()


# --- Signals ----------------------------------------------------------------------------------------------------------


def test_signals_without_a_child_do_no_harm(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "uvicorn.error")
    reloader = Reloader(config_of(tmp_path), serve_nothing, [])
    reloader.handle_usr1(0, None)
    reloader._start()
    reloader._stop()
    reloader.handle_usr2(0, None)
    assert "Received SIGUSR1, reopening log files." in caplog.text
    assert f"The stacks of process [{os.getpid()}]:" in caplog.text


@pytest.mark.parametrize("terminal", ["none", "there", "gone"])
def test_the_end_of_a_terminal(terminal: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reloader = Reloader(config_of(tmp_path), serve_nothing, [])
    reloader._has_terminal = terminal != "none"
    monkeypatch.setattr(module, "has_terminal", lambda: terminal == "there")
    reloader.handle_hup(signal.SIGHUP, None)
    assert reloader.should_exit.is_set() == (terminal == "gone")
    assert reloader._restart_requested == (terminal != "gone")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize("handler", [signal.SIG_IGN, lambda sig, frame: None], ids=["nohup", "of the program"])
def test_another_handler_stays(handler: Any, tmp_path: Path) -> None:
    numbers = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
    former = {number: signal.signal(number, handler) for number in numbers}
    during: list[Any] = []

    class Looking(Reloader):
        def should_restart(self) -> list[Path] | None:
            during.extend(signal.getsignal(number) for number in numbers)
            return super().should_restart()

    try:
        Looking(config_of(tmp_path), serve_nothing, []).run()
        assert during == [handler] * 3
        assert [signal.getsignal(number) for number in numbers] == [handler] * 3
    finally:
        for number in numbers:
            signal.signal(number, former[number])


# --- StatReload -------------------------------------------------------------------------------------------------------


def test_stat_sees_changed_new_and_removed_files(tmp_path: Path) -> None:
    one, two = tmp_path / "one.py", tmp_path / "two.py"
    one.write_text("")
    reloader = StatReload(config_of(tmp_path), serve_nothing, [])
    assert reloader.should_restart() is None  # The first check has no earlier times to compare with.
    assert reloader.should_restart() is None
    os.utime(one, (1, 1))
    assert reloader.should_restart() == [one]
    two.write_text("")
    assert reloader.should_restart() == [two]
    one.unlink()
    assert reloader.should_restart() == [one]
    assert reloader.should_restart() is None


def test_stat_skips_unreadable_files(tmp_path: Path) -> None:
    (tmp_path / "dangling.py").symlink_to(tmp_path / "nothing.py")
    assert dict(StatReload(config_of(tmp_path), serve_nothing, [])._stat()) == {}


def test_stat_warns_that_patterns_have_no_effect(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    StatReload(config_of(tmp_path, reload_includes="*.html"), serve_nothing, [])
    assert "have no effect unless watchfiles is installed" in caplog.text


# --- WatchFilesReload -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "path", "expected"),
    [
        ({}, "module.py", True),
        ({}, "page.html", False),
        ({}, ".hidden.py", False),
        ({"reload_includes": ["*.html"]}, "page.html", True),
        ({"reload_includes": ["*.html"]}, "module.py", True),
        ({"reload_includes": ["*.html"]}, ".page.html", False),
        ({"reload_includes": [".env"]}, ".env", True),
        ({"reload_includes": [".env"]}, ".other", False),
        ({"reload_includes": [".env"]}, "module.py", True),
        ({"reload_includes": [".env*"]}, ".env.local", True),
        ({"reload_includes": ["settings/.env"]}, "settings/.env", True),
        ({"reload_includes": [".env"], "reload_excludes": [".env"]}, ".env", False),
        ({"reload_excludes": ["*.py"]}, "module.py", False),
        ({"reload_includes": [".*"]}, ".hidden", True),
        ({"reload_excludes": ["excluded"]}, "excluded/module.py", False),
        ({"reload_excludes": ["test_*"]}, "test_module.py", False),
    ],
)
def test_the_filter(
    options: dict[str, Any], path: str, expected: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watchfilesreload = pytest.importorskip("uvicorn.supervisors.watchfilesreload")
    (tmp_path / "excluded").mkdir()
    monkeypatch.chdir(tmp_path)
    assert watchfilesreload.FileFilter(config_of(tmp_path, **options))(tmp_path / path) is expected


def test_the_choice_of_the_reloader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "watchfiles", None)
    monkeypatch.delitem(sys.modules, "uvicorn.supervisors.watchfilesreload", raising=False)
    assert supervisors.ChangeReload is StatReload
    monkeypatch.undo()
    pytest.importorskip("watchfiles")
    assert supervisors.ChangeReload.reloader_name == "WatchFiles"


def test_the_package_lacks_other_names() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = supervisors.Nothing
