"""`--workers`: real supervisors with real workers."""

import contextlib
import os
import re
import signal
import socket
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import ServerProcess, exchange, serve
from tests.supervisors.apps import BROKEN, DYING, STARTUP
from tests.supervisors.clients import KeepAliveClient, get, is_running, load
from tests.waiting import eventually

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are sent")

APP = "tests.supervisors.apps:app"
READY = r"Application startup complete\."


def wait_for_workers(server: ServerProcess, count: int) -> None:
    """Wait until this number of workers serve at once."""
    server.wait_stderr(READY, count=count)  # Workers log this line shortly before they listen.
    wait_for_answers(server, set(server.workers))


def wait_for_answers(server: ServerProcess, workers: set[int]) -> None:
    """Wait until each of these workers has answered."""
    waiting = set(workers)
    # The connections stay open, so that they spread over all workers.
    with contextlib.ExitStack() as clients:

        def all_have_answered() -> bool:
            client = clients.enter_context(contextlib.closing(KeepAliveClient(server.port)))
            waiting.discard(int(client.get()))
            return not waiting

        eventually(all_have_answered)


@pytest.fixture
def two() -> Iterator[ServerProcess]:
    """A server with two workers, both ready."""
    with serve(APP, "--workers", "2") as server:
        wait_for_workers(server, 2)
        yield server


@pytest.mark.parametrize(
    ("number", "name"), [(signal.SIGTERM, "SIGTERM"), (signal.SIGINT, "SIGINT")], ids=["sigterm", "sigint"]
)
def test_signal_stops_all_workers_and_exits_with_0(two: ServerProcess, number: int, name: str) -> None:
    assert int(get(two)) in two.workers
    assert two.stop(number) == 0
    log = two.stderr
    assert f"Started parent process [{two.pid}]" in log
    assert f"Received {name}, exiting." in log
    for pid in two.workers:
        assert f"Terminated child process [{pid}]" in log
        assert f"Waiting for child process [{pid}]" in log
        assert f"Finished server process [{pid}]" in log
        assert not is_running(pid)  # The parent has waited for the worker.
    assert log.rstrip().endswith(f"Stopping parent process [{two.pid}]")


def test_second_sigint_does_not_wait_for_requests(two: ServerProcess) -> None:
    with socket.create_connection(("127.0.0.1", two.port)) as client:
        client.sendall(b"GET /never HTTP/1.1\r\nhost: test\r\n\r\n")
        two.wait_stderr("never")
        two.send_signal(signal.SIGINT)
        two.wait_stderr(r"Waiting for connections to close\.")
        two.send_signal(signal.SIGINT)
        assert two.wait() == 0
    assert not any(map(is_running, two.workers))


def test_dead_worker_is_replaced(two: ServerProcess) -> None:
    first = two.workers[0]
    os.kill(first, signal.SIGKILL)
    two.wait_stderr(rf"WARNING: +Child process \[{first}\] died: killed by SIGKILL\n")
    two.wait_stderr(READY, count=3)
    eventually(lambda: get(two) == str(two.workers[2]))
    assert not is_running(first)


def test_a_worker_that_ends_itself_is_replaced(two: ServerProcess) -> None:
    with contextlib.suppress(ConnectionError):
        exchange((two.host, two.port), b"GET /exit HTTP/1.1\r\nhost: test\r\n\r\n")
    two.wait_stderr(r"WARNING: +Child process \[\d+\] died: exit code 9\n")
    two.wait_stderr(READY, count=3)


@pytest.mark.parametrize("how", ["gil", "stopped"])
def test_hanging_worker_is_found_and_its_stacks_are_logged(how: str) -> None:
    with serve(APP, "--workers", "2", "--timeout-worker-healthcheck", "1") as server:
        wait_for_workers(server, 2)
        if how == "gil":
            with socket.create_connection(("127.0.0.1", server.port)) as client:
                client.sendall(b"GET /hold-gil HTTP/1.1\r\nhost: test\r\n\r\n")
                log = server.wait_stderr(r"Child process \[(\d+)\] does not answer, killing it")
                server.wait_stderr('apps.py", line [0-9]+ in respond')
        else:
            os.kill(server.workers[0], signal.SIGSTOP)
            log = server.wait_stderr(r"Child process \[(\d+)\] does not answer, killing it")
            server.wait_stderr('server.py", line [0-9]+ in run')
        hung = int(log[1])
        server.wait_stderr(rf"Child process \[{hung}\] died")
        server.wait_stderr(READY, count=3)
        assert not is_running(hung)
        assert int(get(server)) != hung


def test_blocking_application_does_not_count_as_hanging() -> None:
    with serve(APP, "--workers", "2", "--timeout-worker-healthcheck", "0.5") as server:
        wait_for_workers(server, 2)
        assert int(get(server, "/block")) in server.workers
        assert "does not answer" not in server.stderr


def test_workers_that_keep_dying_are_started_with_growing_pauses(tmp_path: Path) -> None:
    dying = tmp_path / "dying"
    with serve(APP, "--workers", "2", env={DYING: str(dying)}) as server:
        wait_for_workers(server, 2)
        dying.touch()
        os.kill(server.workers[0], signal.SIGKILL)
        server.wait_stderr(r"keep dying right after their start\. Starting the next in 0\.5 s")
        server.wait_stderr(r"Starting the next in 1 s")
        dying.unlink()
        server.wait_stderr(READY, count=3)
        assert "stopping the parent process" not in server.stderr


@pytest.mark.parametrize("application", ["tests.supervisors.apps:missing", "tests.supervisors.nothing:app"])
def test_application_that_cannot_be_loaded_stops_everything_with_exit_code_3(application: str) -> None:
    with serve(application, "--workers", "2", ready=False) as server:
        assert server.wait() == 3
    assert re.search(r"Child process \[\d+\] failed to start, stopping the parent process\.", server.stderr)
    assert "Error loading ASGI app." in server.stderr
    assert f"Stopping parent process [{server.pid}]" in server.stderr


def test_rolling_restart_fails_no_request_and_waits_for_a_slow_startup() -> None:
    with serve(APP, "--workers", "2", env={STARTUP: "1"}) as server:
        wait_for_workers(server, 2)
        with load(server.port) as clients:
            server.send_signal(signal.SIGHUP)
            server.wait_stderr(READY, count=4)
            server.wait_stderr("Finished server process", count=2)
            old, new = server.workers[:2], server.workers[2:]
            wait_for_answers(server, set(new))
        assert clients.failures == []
        assert set(clients.served) <= {*old, *new}
        eventually(lambda: not any(map(is_running, old)))
        log = server.stderr
        assert "Received SIGHUP, restarting processes." in log
        # No worker is stopped before its replacement serves.
        events = re.findall(rf"{READY}|Terminated", log)
        assert [event.rstrip(".") for event in events[2:]] == ["Application startup complete", "Terminated"] * 2


def test_failed_rolling_restart_leaves_the_old_workers_serving(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    with serve(APP, "--workers", "2", env={BROKEN: str(broken)}) as server:
        wait_for_workers(server, 2)
        old = server.workers
        broken.touch()
        server.send_signal(signal.SIGHUP)
        server.wait_stderr(r"failed to start, the others go on serving\. The restart is abandoned\.")
        assert all(map(is_running, old))
        assert int(get(server)) in old
        broken.unlink()
        server.send_signal(signal.SIGHUP)
        server.wait_stderr(READY, count=4)
        eventually(lambda: not any(map(is_running, old)))
        assert server.stop(signal.SIGTERM) == 0


def test_ttin_adds_and_ttou_removes_a_worker(two: ServerProcess) -> None:
    two.send_signal(signal.SIGTTIN)
    two.wait_stderr(r"Received SIGTTIN, increasing the number of processes\.")
    two.wait_stderr(READY, count=3)
    for _ in range(2):
        count = len(re.findall("decreasing number of processes", two.stderr))
        two.send_signal(signal.SIGTTOU)
        two.wait_stderr(r"Received SIGTTOU, decreasing number of processes\.", count=count + 1)
        two.wait_stderr("Finished server process", count=count + 1)
    two.send_signal(signal.SIGTTOU)
    two.wait_stderr(r"Already reached one process, cannot decrease the number of processes anymore\.")
    eventually(lambda: [int(get(two))] == [pid for pid in two.workers if is_running(pid)])
    assert len(two.workers) == 3


def test_worker_at_its_request_limit_serves_until_its_replacement_serves() -> None:
    options = ("--workers", "2", "--limit-max-requests", "40", "--limit-max-requests-jitter", "10")
    with serve(APP, *options, env={STARTUP: "0.5"}) as server:
        wait_for_workers(server, 2)
        with load(server.port, clients=3) as clients:
            server.wait_stderr(r"Maximum request limit of (4\d|50) exceeded\. Terminating process\.", count=3)
        assert clients.failures == []
        assert server.stop(signal.SIGTERM) == 0
        assert "died" not in server.stderr


def test_no_worker_outlives_a_parent_that_is_killed(two: ServerProcess) -> None:
    two.send_signal(signal.SIGKILL)
    assert two.wait() == -signal.SIGKILL
    eventually(lambda: not any(map(is_running, two.workers)))


def test_hang_up_of_the_terminal_does_not_kill_workers(two: ServerProcess) -> None:
    first = two.workers[0]
    os.kill(first, signal.SIGHUP)
    two.send_signal(signal.SIGTTIN)
    two.wait_stderr(READY, count=3)
    assert is_running(first)
    assert "died" not in two.stderr


def test_connections_are_shared_evenly() -> None:
    with serve(APP, "--workers", "4") as server:
        wait_for_workers(server, 4)
        for _ in range(3):  # On a busy machine a worker may not run in time, so the test has three attempts.
            with contextlib.ExitStack() as stack:
                clients = [stack.enter_context(contextlib.closing(KeepAliveClient(server.port))) for _ in range(100)]
                shares = Counter(client.get() for client in clients)
            if len(shares) == 4 and min(shares.values()) >= 20 and max(shares.values()) <= 30:
                return
        raise AssertionError(f"the shares are {shares}")


def test_workers_on_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with serve(APP, "--workers", "2", "--uds", str(path)) as server:
        server.wait_stderr(READY, count=2)
        os.kill(server.workers[0], signal.SIGTERM)  # The end of a worker must not remove the path.
        server.wait_stderr(READY, count=3)
        answer = exchange(str(path), b"GET / HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n")
        assert int(answer.rpartition(b"\r\n")[2]) in server.workers
        assert server.stop(signal.SIGTERM) == 0
    assert not path.exists()


def test_workers_with_either_loop(loop: str) -> None:
    with serve(APP, "--workers", "2", "--loop", loop) as server:
        wait_for_workers(server, 2)
        with load(server.port) as clients:
            server.send_signal(signal.SIGHUP)
            server.wait_stderr(READY, count=4)
        assert clients.failures == []
        assert server.stop(signal.SIGTERM) == 0
