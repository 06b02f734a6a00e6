"""Workers that are replaced by age or memory, and event loops that are blocked."""

import asyncio
import math
import os
import re
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.processes import exchange, serve
from tests.waiting import eventually
from uvicorn.config import Config
from uvicorn.resident_memory import read_rss
from uvicorn.supervisors import multiprocess as multiprocess_module
from uvicorn.supervisors.multiprocess import Multiprocess
from uvicorn.supervisors.process import LoopCheck

APP = "tests.supervisors.test_worker_limits:app"
KEPT: list[bytes] = []


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Respond with the process id. `/grow` allocates memory, `/block?FILE` blocks the loop until the file exists."""
    assert scope["type"] == "http"
    if scope["path"] == "/grow":
        KEPT.append(b"x" * 2**28)
    if scope["path"] == "/block":
        block(Path(scope["query_string"].decode()))
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"%d" % os.getpid()})


def block(until: Path) -> None:
    print("blocking", file=sys.stderr, flush=True)
    while not until.exists():
        time.sleep(0.01)


def ask(port: int, target: str = "/") -> int:
    request = b"GET %b HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n" % target.encode()
    answer = exchange(("127.0.0.1", port), request)
    assert answer.startswith(b"HTTP/1.1 200 OK"), answer
    return int(answer.rpartition(b"\r\n0\r\n")[0].rpartition(b"\n")[2])


@pytest.mark.parametrize("workers", [[], ["--workers", "2"]], ids=["one", "two"])
def test_a_worker_is_replaced_by_age(workers: list[str]) -> None:
    limits = ["--worker-max-lifetime", "0.5", "--worker-max-lifetime-jitter", "0.2"]
    with serve(APP, "--lifespan", "off", *workers, *limits) as server:
        eventually(lambda: ask(server.port))
        replaced = r"Child process \[(\d+)\] has served for \d+ s \(--worker-max-lifetime\), replacing it\."
        first = int(server.wait_stderr(replaced)[1])
        server.wait_stderr(rf"Terminated child process \[{first}\]")
        while f"Finished server process [{first}]" not in server.stderr:
            ask(server.port)  # No request fails during the replacements.
        # Its replacement was started before it ended.
        text = server.stderr
        number = 3 if workers else 2
        starts = [match.start() for match in re.finditer("Started server process", text)]
        assert starts[number - 1] < text.index(f"Terminated child process [{first}]")
        assert server.stop(signal.SIGINT) == 0


@pytest.mark.skipif(read_rss(os.getpid()) is None, reason="the system does not report memory")
def test_a_worker_is_replaced_by_memory() -> None:
    with serve(APP, "--lifespan", "off", "--worker-max-rss", "200M", "--timeout-worker-healthcheck", "2") as server:
        eventually(lambda: ask(server.port))
        grown = ask(server.port, "/grow")
        found = server.wait_stderr(
            r"Child process \[(\d+)\] uses (\d+) MiB of memory \(--worker-max-rss\), replacing it\."
        )
        assert int(found[1]) == grown
        assert int(found[2]) >= 200  # The worker may still have been growing.
        eventually(lambda: ask(server.port) != grown)
        assert server.stop(signal.SIGINT) == 0


def test_a_worker_that_is_small_stays() -> None:
    with serve(APP, "--lifespan", "off", "--worker-max-rss", "8G", "--timeout-worker-healthcheck", "0.2") as server:
        eventually(lambda: ask(server.port))
        pid = ask(server.port)
        time.sleep(0.5)  # Long enough for a few health checks.
        assert ask(server.port) == pid
        assert server.stop(signal.SIGINT) == 0


def test_a_system_that_does_not_show_memory(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert read_rss(2**22 + 1) is None
    monkeypatch.setattr(multiprocess_module, "read_rss", lambda pid: None)
    with pytest.raises(SystemExit) as exited:
        Multiprocess(Config(APP, worker_max_rss="1G"), []).run()
    assert exited.value.code == 3
    assert (
        "--worker-max-rss needs the file system /proc of Linux, which is not available here." in capsys.readouterr().err
    )


@pytest.mark.parametrize(("text", "size"), [("0", None), ("77", 77), ("2k", 2048), ("3M", 3 << 20), ("1g", 1 << 30)])
def test_a_number_of_bytes(text: str, size: int | None) -> None:
    assert Config(None, worker_max_rss=text).worker_max_rss == size


@pytest.mark.parametrize("text", ["", "M", "-1", "-1M", "1T", "1.5G", "1MM"])
def test_an_invalid_number_of_bytes_is_refused(text: str) -> None:
    expected = r"worker_max_rss must be a number of bytes, or of K, M or G such as 512M \(0: no limit\), not"
    with pytest.raises(ValueError, match=expected):
        Config(None, worker_max_rss=text)


@pytest.mark.parametrize("name", ["worker_max_lifetime", "worker_max_rss"])
def test_one_worker_has_a_supervisor_too(name: str) -> None:
    assert Config(APP, **{name: 1000}).use_subprocess  # type: ignore[arg-type]  # a number, for both of them


def test_limits_of_workers_have_no_effect_while_reloading() -> None:
    with serve("examples.hello:app", "--reload", "--worker-max-rss", "1") as server:
        server.wait_stderr(
            "WARNING:  --worker-max-lifetime and --worker-max-rss have no effect when reloading is enabled."
        )
        server.wait_stderr("Application startup complete.")
        assert "replacing it" not in server.stderr
        assert server.stop(signal.SIGINT) == 0


# --- Event loops ------------------------------------------------------------------------------------------------------


def test_a_blocked_event_loop_is_logged_once_and_not_killed(tmp_path: Path) -> None:
    file = tmp_path / "go"
    with serve(APP, "--lifespan", "off", "--workers", "2", "--timeout-worker-healthcheck", "0.5") as server:
        eventually(lambda: ask(server.port))
        answers: list[int] = []
        client = threading.Thread(target=lambda: answers.append(ask(server.port, f"/block?{file}")))
        client.start()
        blocked = r"WARNING:  The event loop of child process \[(\d+)\] has been blocked for \S+ s\. The stacks of "
        pid = int(server.wait_stderr(blocked)[1])
        server.wait_stderr(r"line \d+ in block\n")
        file.touch()
        client.join()
        assert answers == [pid]
        assert "killing" not in server.stderr
        assert len(re.findall(blocked, server.stderr)) == 1
        assert server.stop(signal.SIGINT) == 0


def test_a_blocked_event_loop_is_killed_if_asked_for(tmp_path: Path) -> None:
    limits = ["--timeout-worker-healthcheck", "1", "--timeout-worker-loop", "0.5"]
    with serve(APP, "--lifespan", "off", "--workers", "2", *limits) as server:
        eventually(lambda: ask(server.port))
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(f"GET /block?{tmp_path}/never HTTP/1.1\r\nhost: a\r\n\r\n".encode())
            killed = r"Child process \[(\d+)\] has blocked its event loop for 0\.5 s, killing it\. The stacks of "
            pid = server.wait_stderr(killed)[1]
            server.wait_stderr(r"line \d+ in block\n")
            server.wait_stderr(rf"Child process \[{pid}\] died: killed by SIGKILL")
            assert client.recv(1) == b""
        server.wait_stderr("Started server process", count=3)
        eventually(lambda: ask(server.port))
        assert server.stop(signal.SIGINT) == 0


def test_the_check_of_a_blocked_loop() -> None:
    check = LoopCheck(5.0, None)
    assert check.due == math.inf
    assert check.blocked(1000.0) == 0.0
    check.asked(10.0)
    check.asked(12.0)
    assert check.blocked(13.0) == 3.0
    assert check.due == 15.0
    assert not check.must_log(14.9)
    assert check.must_log(15.0)
    assert not check.must_log(16.0)
    assert check.due == math.inf
    assert not check.must_kill(1e9)
    check.answered()
    check.asked(20.0)
    assert check.must_log(25.0)
    check = LoopCheck(5.0, 7.0)
    check.asked(10.0)
    assert check.must_log(15.0)
    assert check.due == 17.0
    assert not check.must_kill(16.9)
    assert check.must_kill(17.0)
    assert LoopCheck(5.0, 3.0).due == math.inf


def test_a_worker_whose_loop_has_been_closed() -> None:
    """The thread of the worker still answers after its loop has been closed."""
    from uvicorn.supervisors.worker import Message, WorkerServer

    sent: list[Any] = []
    server = WorkerServer(Config(None, log_config=None), None, None)  # type: ignore[arg-type]  # this server sends nothing
    server.report_turn()
    server._worker = SimpleNamespace(send=sent.append)  # type: ignore[assignment]  # as above
    loop = server._loop = asyncio.new_event_loop()
    server.report_turn()
    loop.run_until_complete(asyncio.sleep(0))
    assert sent == [Message.TURN]
    loop.close()
    server.report_turn()
    assert sent == [Message.TURN]


# --- Stacks -----------------------------------------------------------------------------------------------------------

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")


def test_the_stacks_of_one_process(tmp_path: Path) -> None:
    file = tmp_path / "go"
    with serve(APP, "--lifespan", "off") as server:
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(f"GET /block?{file} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n".encode())
            server.wait_stderr("blocking")
            server.send_signal(signal.SIGUSR2)
            server.wait_stderr(r"line \d+ in block\n")
            file.touch()
            while client.recv(65536):
                pass
        assert ask(server.port) == server.pid
        assert server.stop(signal.SIGINT) == 0


def test_the_stacks_of_workers() -> None:
    with serve(APP, "--lifespan", "off", "--workers", "2") as server:
        eventually(lambda: ask(server.port))
        server.wait_stderr("Started server process", count=2)
        server.send_signal(signal.SIGUSR2)
        pids = {server.pid, *server.workers}
        assert len(pids) == 3
        for pid in pids:
            server.wait_stderr(rf"The stacks of process \[{pid}\]:")
        server.wait_stderr(r"most recent call first", count=3)
        os.kill(server.workers[0], signal.SIGUSR2)
        eventually(lambda: ask(server.port))
        assert server.stop(signal.SIGINT) == 0
