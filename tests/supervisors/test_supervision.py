"""The supervisor in this process, so that a test can change time limits and the platform."""

import contextlib
import errno
import os
import re
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

import pytest

from tests.processes import PATIENCE
from tests.supervisors.apps import BROKEN, DYING, FAILS, STARTUP
from tests.supervisors.clients import is_running, state_of
from tests.waiting import eventually
from uvicorn.config import STARTUP_FAILURE, Config
from uvicorn.supervisors import multiprocess as supervisor_module
from uvicorn.supervisors import process as process_module
from uvicorn.supervisors.multiprocess import Multiprocess
from uvicorn.supervisors.process import Process, ProcessState
from uvicorn.supervisors.worker import Message

APP = "tests.supervisors.apps:app"
COMPLETE = "All child processes have been restarted."


def config_of(**options: Any) -> Config:
    return Config(APP, **{"port": 0, "workers": 1, "log_config": None, **options})


class Running:
    """A supervisor in a thread."""

    def __init__(self, config: Config) -> None:
        self.sock = config.bind_socket()
        self.supervisor = Multiprocess(config, [self.sock])
        self.code: object = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.supervisor.run()
        except SystemExit as exited:
            self.code = exited.code

    def ask(self) -> None:
        """Check that a request is answered."""
        with socket.create_connection(self.sock.getsockname()) as client:
            client.sendall(b"GET / HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n")
            assert client.recv(65536).startswith(b"HTTP/1.1 200 ")

    def serving(self) -> list[int]:
        return [process.pid for process in self.supervisor.processes if process.state is ProcessState.SERVING]

    def send(self, number: int) -> None:
        self.supervisor.signals.put(number)

    def join(self) -> object:
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        return self.code

    def stop(self) -> object:
        self.send(signal.SIGTERM)
        return self.join()

    def end(self) -> None:
        if self._thread.is_alive():
            with contextlib.suppress(OSError):  # The supervisor may end by itself at this moment.
                self.send(signal.SIGTERM)
                self.send(signal.SIGINT)
            self.join()


@pytest.fixture
def run() -> Iterator[Callable[..., Running]]:
    started: list[Running] = []

    def start(*, wait: bool = True, workers: int = 1, **options: Any) -> Running:
        """Start a supervisor, and wait until all of its workers serve."""
        running = Running(config_of(workers=workers, **options))
        started.append(running)
        if wait:
            eventually(lambda: len(running.serving()) == workers)
        return running

    yield start
    for running in started:
        running.end()


def test_given_sockets_are_used_and_closed_at_the_end(run: Callable[..., Running]) -> None:
    running = run()
    running.ask()
    assert running.stop() == 0
    assert running.sock.fileno() == -1


@pytest.mark.timing
def test_a_worker_that_dies_is_replaced_within_100_milliseconds(run: Callable[..., Running]) -> None:
    running = run()
    fastest = PATIENCE
    for _ in range(8):  # The machine may be busy with something else, so the test has several attempts.
        eventually(
            lambda: running.serving() and running.supervisor.processes[0].served > supervisor_module.STABLE_AFTER
        )
        (dead,) = running.serving()
        os.kill(dead, signal.SIGKILL)
        killed = time.monotonic()
        while not (pids := [process.pid for process in running.supervisor.processes]) or pids == [dead]:
            assert time.monotonic() < killed + PATIENCE
            time.sleep(0.001)
        fastest = min(fastest, time.monotonic() - killed)
        if fastest < 0.1:
            break
    assert fastest < 0.1


def test_a_startup_that_fails_stops_everything(
    run: Callable[..., Running], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(FAILS, "1")
    assert run(wait=False, lifespan="on", workers=2).join() == STARTUP_FAILURE
    assert "failed to start, stopping the parent process." in caplog.text
    assert "died" not in caplog.text


@pytest.mark.parametrize("how", ["set", "assigned"])
def test_should_exit_stops_everything(run: Callable[..., Running], how: str) -> None:
    # Setting the event wakes the supervisor. It notices an assigned value at its next health check.
    running = run(timeout_worker_healthcheck=600 if how == "set" else 1)
    (pid,) = running.serving()
    if how == "set":
        assert isinstance(running.supervisor.should_exit, threading.Event)
        for _ in range(2):
            running.supervisor.should_exit.set()
    else:
        running.supervisor.should_exit = True
    assert running.join() == 0
    assert not is_running(pid)


def test_the_supervisor_opens_nothing_before_it_runs() -> None:
    before = os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else []
    supervisor = Multiprocess(config_of(workers=2), [])
    assert supervisor.processes == []
    assert isinstance(supervisor.should_exit, threading.Event)
    assert not supervisor.should_exit.is_set()
    if before:
        assert len(os.listdir("/proc/self/fd")) == len(before)


def test_should_exit_before_it_runs(run: Callable[..., Running], monkeypatch: pytest.MonkeyPatch) -> None:
    class Exiting(Multiprocess):
        def run(self) -> None:
            self.should_exit = True
            super().run()

    monkeypatch.setattr(sys.modules[__name__], "Multiprocess", Exiting)
    assert run(wait=False).join() == 0


def test_processes_that_are_passed_in_are_supervised(caplog: pytest.LogCaptureFixture) -> None:
    config = config_of()
    with config.bind_socket() as sock:
        process = Process(config, [sock])
        process.start()
        supervisor = Multiprocess(config, [sock])
        supervisor.processes = [process]
        assert supervisor.processes == [process]
        thread = threading.Thread(target=supervisor.run, daemon=True)
        thread.start()
        eventually(lambda: process.state is ProcessState.SERVING)
        assert supervisor.processes == [process]
        supervisor.signals.put(signal.SIGTERM)
        thread.join(PATIENCE)
        assert not thread.is_alive()
        assert process.exitcode == -signal.SIGTERM


def test_a_restart_says_when_it_is_complete(run: Callable[..., Running], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="uvicorn.error")
    running = run(workers=2)
    before = running.serving()
    assert COMPLETE not in caplog.text
    running.send(signal.SIGHUP)
    eventually(lambda: COMPLETE in caplog.text)
    assert not set(before) & set(running.serving())
    assert len(running.serving()) == 2
    assert running.stop() == 0
    assert caplog.text.count(COMPLETE) == 1


@pytest.mark.parametrize(
    ("code", "text"),
    [(0, "exit code 0"), (7, "exit code 7"), (-9, "killed by SIGKILL"), (-1000, "killed by signal 1000")],
)
def test_the_end_of_a_worker_is_described(code: int, text: str) -> None:
    assert supervisor_module._describe_end(code) == text


@pytest.mark.skipif(sys.platform == "win32", reason="workers share nothing on Windows")
@pytest.mark.parametrize("kind", ["memory", "file", "nothing"])
def test_workers_share_memory_if_the_system_has_it(
    kind: str, run: Callable[..., Running], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Files cannot always replace shared memory: the root file system of a container may be read-only."""

    def refuse(*args: Any, **options: Any) -> Any:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    if kind == "memory":
        if not hasattr(os, "memfd_create"):
            pytest.skip("only Linux has it")
        monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    else:
        monkeypatch.delattr(os, "memfd_create", raising=False)
        if kind == "nothing":
            monkeypatch.setattr(os, "memfd_create", refuse, raising=False)
            monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    running = run(workers=2)
    running.ask()
    assert [process.share is None for process in running.supervisor.processes] == [kind == "nothing"] * 2
    warning = "Connections may be spread unevenly, since the workers cannot share memory"
    assert caplog.text.count(warning) == (1 if kind == "nothing" else 0)


def test_a_replacement_that_takes_too_long_is_abandoned(
    run: Callable[..., Running], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="uvicorn.error")
    running = run()
    before = running.serving()
    monkeypatch.setattr(supervisor_module, "REPLACEMENT_TIMEOUT", 1.0)
    monkeypatch.setenv(STARTUP, "60")
    running.send(signal.SIGHUP)
    eventually(lambda: "has not started in time, killing it." in caplog.text)
    eventually(lambda: "The restart is abandoned." in caplog.text)
    running.send(signal.SIGTTOU)
    eventually(lambda: "Already reached one process" in caplog.text)
    assert COMPLETE not in caplog.text
    assert running.serving() == before
    assert all(map(is_running, before))


def test_a_worker_that_does_not_end_in_time_is_killed(
    run: Callable[..., Running], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(process_module, "SHUTDOWN_ALLOWANCE", 0.5)
    running = run(timeout_graceful_shutdown=0, timeout_worker_healthcheck=60)
    (pid,) = running.serving()
    with socket.create_connection(running.sock.getsockname()) as client:
        client.sendall(b"GET /hold-gil HTTP/1.1\r\nhost: test\r\n\r\n")
        # The worker needs time to take the GIL. Without the GIL it would end by itself, and the test would fail.
        time.sleep(0.2)
        assert running.stop() == 0
    assert f"Child process [{pid}] has not ended in time, killing it." in caplog.text
    assert "in respond" in caplog.text


def test_a_worker_that_dies_while_its_replacement_starts(
    run: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    running = run()
    (old,) = running.serving()
    monkeypatch.setenv(STARTUP, "1")
    running.send(signal.SIGHUP)
    eventually(lambda: running.supervisor._replacement is not None)
    assert running.supervisor._replacement is not None
    new = running.supervisor._replacement.process.pid
    os.kill(old, signal.SIGKILL)
    eventually(lambda: running.serving() == [new])


def test_a_slot_is_removed_while_its_worker_is_being_replaced(
    run: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    running = run(workers=2)
    first, second = running.serving()
    monkeypatch.setenv(STARTUP, "60")
    running.send(signal.SIGHUP)  # The first worker is being replaced, and the second waits for its turn.
    eventually(lambda: running.supervisor._replacement is not None)
    assert running.supervisor._replacement is not None
    replacement = running.supervisor._replacement.process.pid
    running.send(signal.SIGTTOU)
    eventually(lambda: not is_running(second))
    assert running.serving() == [first]
    assert not running.supervisor._requests
    running.send(signal.SIGTTIN)
    eventually(lambda: len(running.supervisor.processes) == 2)
    running.supervisor._slots.reverse()
    running.send(signal.SIGTTOU)
    eventually(lambda: not is_running(replacement))
    eventually(lambda: not is_running(first))


def test_processes_that_cannot_be_started_are_tried_again(
    run: Callable[..., Running], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    start = Process.start
    failures = [OSError(11, "Resource temporarily unavailable")] * 2

    def failing(process: Process) -> None:
        if failures:
            raise failures.pop()
        start(process)

    monkeypatch.setattr(Process, "start", failing)
    running = run()
    assert caplog.text.count("A child process cannot be started: [Errno 11]") == 2
    failures.append(OSError(12, "Cannot allocate memory"))
    before = running.serving()
    running.send(signal.SIGHUP)
    eventually(lambda: "A child process cannot be started: [Errno 12]" in caplog.text)
    assert running.serving() == before


def test_a_failed_replacement_at_the_request_limit_is_tried_again(
    run: Callable[..., Running], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    monkeypatch.setattr(supervisor_module, "PAUSE_MIN", 0.05)
    broken = tmp_path / "broken"
    monkeypatch.setenv(BROKEN, str(broken))
    running = run(limit_max_requests=1)
    (old,) = running.serving()
    broken.touch()
    running.ask()
    eventually(lambda: caplog.text.count("The restart is abandoned.") == 3)
    assert running.serving() == [old]
    broken.unlink()
    eventually(lambda: running.serving() and running.serving() != [old])
    eventually(lambda: not is_running(old))


def test_the_last_worker_cannot_be_removed(run: Callable[..., Running], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="uvicorn.error")
    running = run()
    before = running.serving()
    running.send(signal.SIGTTOU)
    eventually(lambda: "Already reached one process" in caplog.text)
    assert running.serving() == before


def test_a_restart_skips_a_worker_that_starts_later(
    run: Callable[..., Running], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level("INFO", logger="uvicorn.error")
    dying = tmp_path / "dying"
    monkeypatch.setenv(DYING, str(dying))
    running = run()
    dying.touch()
    os.kill(running.serving()[0], signal.SIGKILL)
    eventually(lambda: "Child processes keep dying right after their start." in caplog.text)
    monkeypatch.setattr(supervisor_module, "PAUSE_MIN", 60.0)
    eventually(lambda: "Starting the next in 30 s." in caplog.text)
    running.send(signal.SIGHUP)
    running.send(signal.SIGTTIN)
    eventually(lambda: caplog.text.count("Starting the next in 30 s.") == 2)
    assert not running.supervisor._requests
    assert COMPLETE not in caplog.text
    running.send(signal.SIGTTOU)
    eventually(lambda: len(running.supervisor._slots) == 1)
    assert running.supervisor._replacement is None
    assert running.stop() == 0


def test_a_worker_that_hangs_is_killed(run: Callable[..., Running], caplog: pytest.LogCaptureFixture) -> None:
    running = run(timeout_worker_healthcheck=1)
    (pid,) = running.serving()
    os.kill(pid, signal.SIGSTOP)
    eventually(lambda: running.serving() not in ([pid], []))
    assert f"Child process [{pid}] does not answer, killing it." in caplog.text
    assert "in run" in caplog.text


def test_sigbreak_stops(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="uvicorn.error")
    supervisor = Multiprocess(config_of(), [])
    supervisor.handle_break()
    assert "Received SIGBREAK, exiting." in caplog.text
    supervisor._close()


# --- One process ------------------------------------------------------------------------------------------------------


@pytest.fixture
def process() -> Iterator[Process]:
    config = config_of()
    with config.bind_socket() as sock:
        process = Process(config, [sock])
        process.start()
        yield process
        process.kill()
        process.process.join()
        process.close()


def test_is_alive_asks_the_worker(process: Process) -> None:
    assert process.is_alive(PATIENCE)
    assert process.exitcode is None
    os.kill(process.pid, signal.SIGSTOP)
    eventually(lambda: state_of(process.pid) == "T")
    assert not process.is_alive(0.2)
    os.kill(process.pid, signal.SIGCONT)
    assert process.is_alive(PATIENCE)
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert not process.is_alive()
    process.terminate()  # The process is dead. To signal it is not an error.
    process.interrupt()


def test_terminate(process: Process) -> None:
    eventually(lambda: Message.READY in process.receive())
    assert process.state is ProcessState.SERVING
    process.terminate()
    assert process.state is ProcessState.STOPPING
    process.join()
    assert process.exitcode == -signal.SIGTERM


def test_a_worker_that_becomes_ready_too_late(process: Process) -> None:
    process.state = ProcessState.STOPPING
    eventually(lambda: Message.READY in process.receive())
    assert process.state is ProcessState.STOPPING


def test_retire(process: Process) -> None:
    eventually(lambda: Message.READY in process.receive())
    process.retire()
    process.join()
    assert process.exitcode == 0


def test_interrupt(process: Process) -> None:
    eventually(lambda: Message.READY in process.receive())
    process.interrupt()
    process.join()
    assert process.exitcode == 0


def test_a_pipe_that_is_closed_ends_the_health_check(process: Process) -> None:
    eventually(lambda: Message.READY in process.receive())
    process.channel.close()
    process.check(process.health.due)
    assert process.due == float("inf")
    assert not process._send(Message.PING)
    assert process.receive() == []
    assert not process.channel_open


def test_a_closed_pipe_is_not_a_sign_of_life(process: Process) -> None:
    process.channel.close()
    assert not process.is_alive(PATIENCE)


def test_the_wait_for_stacks_has_a_time_limit(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    eventually(lambda: Message.READY in process.receive())
    monkeypatch.setattr(process_module, "DUMP_TIMEOUT", 0.0)
    assert process._dump_stacks() == ""


THREAD = re.compile(r"^(?:Current thread|Thread) (\S+) .*\n((?:  .+\n)+)", re.MULTILINE)


@pytest.mark.parametrize("silence", [0.0, PATIENCE], ids=["asked again and again", "asked once"])
def test_the_stacks_show_every_thread_once(process: Process, monkeypatch: pytest.MonkeyPatch, silence: float) -> None:
    monkeypatch.setattr(process_module, "DUMP_TIMEOUT", PATIENCE)
    eventually(lambda: Message.READY in process.receive())
    monkeypatch.setattr(process_module, "DUMP_SILENCE", silence)
    assert process_module.DUMP_SIGNAL is not None
    if silence:
        # This second signal replaces a second request of the parent, for which an incomplete dump waits.
        threading.Timer(0.2, os.kill, (process.pid, process_module.DUMP_SIGNAL)).start()
    threads = THREAD.findall(process._dump_stacks())
    assert len(threads) == len({thread for thread, _ in threads}) == 3
    # The main thread is last, and its stack ends with the first frame of the interpreter.
    assert re.search(
        r'(File "<string>", line 1 in <module>|/app_main.py", line \d+ in entry_point)\n\Z', threads[-1][1]
    )


def test_stacks_that_another_program_requested_are_left_out(process: Process) -> None:
    eventually(lambda: Message.READY in process.receive())
    assert process_module.DUMP_SIGNAL is not None
    os.kill(process.pid, process_module.DUMP_SIGNAL)
    eventually(process._dump.poll)
    assert len(THREAD.findall(process._dump_stacks())) == 3


@pytest.mark.parametrize("digits", [b"%x", b"%X"], ids=["CPython", "PyPy"])
def test_the_end_of_a_dump_is_found(digits: bytes) -> None:
    def dump(*threads: int) -> bytes:
        ids = [digits % id for id in threads]
        return b"".join(b"Thread 0x%b (most recent call first):\n  File x, line 1 in y\n\n" % id for id in ids)

    def current(thread: int) -> bytes:
        return b"Current t" + dump(thread)[1:]

    first = dump(0x7FA3, 0x7FA2) + current(0x7FA1)
    assert process_module._first_of(first) == first
    # The id of a thread may have arrived only in part.
    assert not process_module._is_complete(first + dump(0x7FA31)[: len(b"Thread 0x" + digits % 0x7FA31) - 1])
    for second in (dump(0x7FA3), dump(0x7FA3, 0x7FA2, 0x7FA1), current(0x7FA2)):
        assert process_module._first_of(first + second) == first
        assert process_module._is_complete(first + second)


def test_without_pidfd(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(pid: int) -> int:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(os, "pidfd_open", missing, raising=False)
    config = config_of()
    with config.bind_socket() as sock:
        process = Process(config, [sock])
        process.start()
        assert process.sentinel == process.process.sentinel
        process.kill()
        process.join()
        process.close()


# --- Windows, simulated -----------------------------------------------------------------------------------------------


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the package behave as on Windows. The processes remain those of this platform."""
    # What the standard library starts for the first process of all, it would start as on Windows.
    resource_tracker.ensure_running()
    monkeypatch.setattr(sys, "platform", "win32")


@pytest.mark.usefixtures("windows")
def test_on_windows_a_message_stops_a_worker_that_shares_nothing() -> None:
    config = config_of()
    supervisor = Multiprocess(config, [config.bind_socket()])
    thread = threading.Thread(target=supervisor.run, daemon=True)
    thread.start()
    eventually(lambda: [p for p in supervisor.processes if p.state is ProcessState.SERVING])
    (process,) = supervisor.processes
    assert process.share is None
    supervisor.signals.put(signal.SIGINT)
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert process.exitcode == 0  # A message has stopped the worker. A signal would have killed it.


@pytest.mark.usefixtures("windows")
def test_on_windows_there_are_no_stacks(process: Process, caplog: pytest.LogCaptureFixture) -> None:
    process.kill_hanging("does not answer")
    process.join()
    assert "They are not available." in caplog.text
