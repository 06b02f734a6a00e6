"""`--reload`: real reloaders with real server processes."""

import importlib.util
import os
import re
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.processes import PATIENCE, ServerProcess, exchange, serve
from tests.supervisors.clients import is_running
from tests.waiting import eventually

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are sent")

READY = r"Application startup complete\."
STARTED = r"Started server process \[(\d+)\]"
SOURCE = """
import asyncio

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    headers = [] if scope["path"] == "/stream" else [(b"content-length", str(len(b"ANSWER")).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    while scope["path"] == "/stream":
        await send({"type": "http.response.body", "body": b"x", "more_body": True})
        await asyncio.sleep(0.05)
    await send({"type": "http.response.body", "body": b"ANSWER"})
"""
# Makes `import watchfiles` fail in the reloader, as in an environment without watchfiles.
WITHOUT_WATCHFILES = "import sys; sys.modules['watchfiles'] = None; import uvicorn; uvicorn.main()"


@pytest.fixture(params=["WatchFiles", "StatReload"])
def reloader(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if name == "WatchFiles" and importlib.util.find_spec("watchfiles") is None:
        pytest.skip("watchfiles is not installed")
    return name


def write(path: Path, answer: str, before: str = "", moment: list[int] = [0]) -> None:  # noqa: B006 - it counts
    # The text goes to another file first. Otherwise the reloader could look between the write and the change of the
    # time, and see two changes.
    new = path.with_suffix(".new")
    new.write_text(before + SOURCE.replace("ANSWER", answer))
    # Each write gets a different time, even if the times of the file system are coarse.
    moment[0] += 1
    now = time.time() + moment[0]
    os.utime(new, (now, now))
    new.replace(path)


def command_of(reloader: str) -> list[str] | None:
    return None if reloader == "WatchFiles" else [sys.executable, "-c", WITHOUT_WATCHFILES]


@pytest.fixture
def server(reloader: str, tmp_path: Path) -> Iterator[ServerProcess]:
    """A server that reloads, with an application that answers "one"."""
    write(tmp_path / "application.py", "one")
    arguments = ["application:app", "--reload", "--reload-delay", "0.1", "--port", "0"]
    with serve(*arguments, cwd=tmp_path, command=command_of(reloader)) as server:
        server.wait_stderr(READY)
        yield server


def answer(server: ServerProcess, path: str = "/") -> str:
    request = f"GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n".encode()
    head, _, body = exchange((server.host, server.port), request).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    return body.decode()


def test_a_change_reloads_once_and_names_the_file(server: ServerProcess, reloader: str, tmp_path: Path) -> None:
    assert answer(server) == "one"
    write(tmp_path / "application.py", "two")
    server.wait_stderr(re.escape(f"{reloader} detected changes in 'application.py'. Reloading..."))
    server.wait_stderr(READY, count=2)
    assert answer(server) == "two"
    log = server.stderr
    assert f"Started reloader process [{server.pid}] using {reloader}" in log
    assert f"Will watch for changes in these directories: ['{tmp_path}']" in log
    assert server.stop(signal.SIGINT) == 0
    assert server.stderr.count("Reloading...") == 1
    assert f"Stopping reloader process [{server.pid}]" in server.stderr


def test_over_http2(tmp_path: Path) -> None:
    """A client connects to the new process after the old process has sent GOAWAY on the old connection."""
    application = tmp_path / "application.py"
    write(application, "one")
    arguments = ["application:app", "--http2", "--reload", "--reload-delay", "0.1", "--port", "0"]
    with (
        serve(*arguments, cwd=tmp_path, command=command_of("StatReload")) as server,
        httpx.Client(http1=False, http2=True, timeout=PATIENCE) as client,
    ):
        server.wait_stderr(READY)
        response = client.get(server.url)
        assert (response.http_version, response.text) == ("HTTP/2", "one")
        write(application, "two")
        server.wait_stderr(READY, count=2)
        response = client.get(server.url)
        assert (response.http_version, response.text) == ("HTTP/2", "two")


def test_a_hidden_file_that_is_named_reloads(tmp_path: Path) -> None:
    pytest.importorskip("watchfiles")
    write(tmp_path / "application.py", "one")
    options = ["--reload", "--reload-include", ".env", "--reload-delay", "0.1"]
    with serve("application:app", *options, cwd=tmp_path) as server:
        server.wait_stderr(READY)
        (tmp_path / ".env").write_text("A=1")
        server.wait_stderr(re.escape("WatchFiles detected changes in '.env'. Reloading..."))


@pytest.mark.parametrize("mistake", ["def app(:\n", "raise RuntimeError('mistaken')\n"], ids=["syntax", "exception"])
def test_a_mistake_keeps_the_reloader_alive(server: ServerProcess, tmp_path: Path, mistake: str) -> None:
    (tmp_path / "application.py").write_text(mistake)
    os.utime(tmp_path / "application.py", (1, 1))
    server.wait_stderr("SyntaxError|RuntimeError: mistaken")
    write(tmp_path / "application.py", "mended")
    server.wait_stderr(READY, count=2)
    assert answer(server) == "mended"


def test_connections_wait_while_the_server_is_being_replaced(server: ServerProcess, tmp_path: Path) -> None:
    (tmp_path / "application.py").write_text("raise RuntimeError('mistaken')\n")
    os.utime(tmp_path / "application.py", (1, 1))
    server.wait_stderr("RuntimeError: mistaken")
    with socket.create_connection((server.host, server.port), timeout=30) as client:
        client.sendall(b"GET / HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n")
        write(tmp_path / "application.py", "patient")
        assert client.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_open_streams_hold_a_reload_up_for_two_seconds_at_most(server: ServerProcess, tmp_path: Path) -> None:
    with socket.create_connection((server.host, server.port), timeout=30) as client:
        client.sendall(b"GET /stream HTTP/1.1\r\nhost: test\r\n\r\n")
        assert client.recv(65536).startswith(b"HTTP/1.1 200 ")
        write(tmp_path / "application.py", "two")
        server.wait_stderr("Cancel 1 running task")
        server.wait_stderr(r"Application shutdown complete\.")
        server.wait_stderr(READY, count=2)
        while client.recv(65536):
            pass
    assert answer(server) == "two"


def test_sigint_ends_both_processes_at_once(server: ServerProcess) -> None:
    match = server.wait_stderr(STARTED)
    assert server.stop(signal.SIGINT) == 0
    assert not is_running(int(match[1]))


def test_no_child_outlives_a_reloader_that_is_killed(server: ServerProcess) -> None:
    match = server.wait_stderr(STARTED)
    server.send_signal(signal.SIGKILL)
    assert server.wait() == -signal.SIGKILL
    eventually(lambda: not is_running(int(match[1])))


def test_second_signal_does_not_wait(server: ServerProcess) -> None:
    with socket.create_connection((server.host, server.port), timeout=30) as client:
        client.sendall(b"GET /stream HTTP/1.1\r\nhost: test\r\n\r\n")
        assert client.recv(65536)
        server.send_signal(signal.SIGTERM)
        server.wait_stderr(r"Waiting for connections to close\.")
        server.send_signal(signal.SIGTERM)
        assert server.wait() == 0
    assert "Cancel" not in server.stderr


def test_sighup_reloads(server: ServerProcess) -> None:
    first = server.wait_stderr(STARTED)[1]
    server.send_signal(signal.SIGHUP)
    server.wait_stderr(r"Received SIGHUP, restarting the server process\.")
    server.wait_stderr(READY, count=2)
    assert server.wait_stderr(STARTED, count=2)[1] != first
    assert answer(server) == "one"
    assert "detected changes" not in server.stderr


def test_sighup_starts_a_server_that_has_failed(server: ServerProcess, tmp_path: Path) -> None:
    # The failure depends on a file that is not watched.
    write(tmp_path / "application.py", "two", before="open('settings')")
    server.wait_stderr("No such file or directory: 'settings'")
    (tmp_path / "settings").touch()
    server.send_signal(signal.SIGHUP)
    server.wait_stderr(READY, count=2)
    assert answer(server) == "two"


def test_sigusr1_reopens_the_log_of_the_server(tmp_path: Path) -> None:
    write(tmp_path / "application.py", "one")
    path = tmp_path / "access.log"
    with serve("application:app", "--reload", "--access-log-file", str(path), cwd=tmp_path) as server:
        server.wait_stderr(READY)
        answer(server)
        eventually(lambda: "200 OK" in path.read_text())
        path.rename(tmp_path / "access.log.1")
        server.send_signal(signal.SIGUSR1)
        server.wait_stderr(r"Received SIGUSR1, reopening log files\.")
        # The reloader passes the signal on to the child, which takes a moment.
        eventually(lambda: answer(server) == "one" and "200 OK" in path.read_text())
        assert server.stop(signal.SIGINT) == 0


def test_sigusr2_writes_all_stacks(server: ServerProcess) -> None:
    child = server.wait_stderr(STARTED)[1]
    server.send_signal(signal.SIGUSR2)
    for pid in (server.pid, child):
        server.wait_stderr(rf"The stacks of process \[{pid}\]:")
    server.wait_stderr(r'server\.py", line \d+ in run\n')
    assert answer(server) == "one"


def test_signals_while_the_server_imports_the_application_do_not_end_it(tmp_path: Path) -> None:
    waiting = "import os, sys, time\nprint('importing', file=sys.stderr)\n"
    waiting += "while not os.path.exists('go'): time.sleep(0.01)\n"
    write(tmp_path / "application.py", "one", before=waiting)
    with serve("application:app", "--reload", "--port", "0", cwd=tmp_path) as server:
        server.wait_stderr("importing")
        for number in (signal.SIGUSR1, signal.SIGUSR2):
            server.send_signal(number)
        server.wait_stderr("The stacks of process", count=2)
        (tmp_path / "go").touch()
        server.wait_stderr(READY)
        assert answer(server) == "one"


def test_patterns(tmp_path: Path) -> None:
    pytest.importorskip("watchfiles")
    write(tmp_path / "application.py", "one")
    (tmp_path / "excluded").mkdir()
    options = ("--reload-include", "*.html", "--reload-exclude", "*.txt", "--reload-exclude", "excluded")
    with serve("application:app", "--reload", *options, cwd=tmp_path) as server:
        server.wait_stderr(READY)
        # Changes in one directory arrive in order. The last one reloads, so the changes before it were ignored.
        for name in ("notes.txt", "excluded/module.py", ".hidden.py", "page.html"):
            (tmp_path / name).write_text("x")
        server.wait_stderr(re.escape("WatchFiles detected changes in 'page.html'. Reloading..."))
        server.wait_stderr(READY, count=2)
        assert server.stderr.count("Reloading...") == 1


def test_patterns_without_watchfiles(tmp_path: Path) -> None:
    write(tmp_path / "application.py", "one")
    command = command_of("StatReload")
    arguments = ("application:app", "--reload", "--reload-include", "*.html", "--port", "0")
    with serve(*arguments, cwd=tmp_path, command=command) as server:
        warning = "--reload-include and --reload-exclude have no effect unless watchfiles is installed"
        server.wait_stderr(warning)
        assert server.stderr.count(warning) == 1
