"""Workers of gunicorn: the server's own, and those of the uvicorn-worker package."""

import contextlib
import importlib.util
import os
import re
import signal
import socket
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import trustme

from tests.processes import PATIENCE, ServerProcess, exchange
from tests.supervisors.apps import FAILS, IMPORT, STARTUP
from tests.supervisors.clients import KeepAliveClient, get, is_running, load
from tests.waiting import eventually

pytest.importorskip("gunicorn", reason="gunicorn is not installed")

APP = "tests.supervisors.apps:app"
LISTENING = r"Listening at: https?://127\.0\.0\.1:(\d+)"
BOOTING = r"Booting worker with pid: (\d+)"
STARTED = r"Started server process \[(\d+)\]"
READY = r"Application startup complete\."

WORKERS = [
    "uvicorn.workers.UvicornWorker",
    "uvicorn.workers.UvicornH11Worker",
    pytest.param(
        "uvicorn_worker.UvicornWorker",
        marks=pytest.mark.skipif(importlib.util.find_spec("uvicorn_worker") is None, reason="not installed"),
    ),
]


class Gunicorn(ServerProcess):
    """gunicorn with two workers."""

    def __init__(self, worker: str, directory: Path, *arguments: str) -> None:
        options = ["-k", worker, "-w", "2", "-b", "127.0.0.1:0", "--access-logfile", "-", *arguments, APP]
        # `uvicorn.workers` warns that it is deprecated. gunicorn puts its other sockets and files into HOME.
        env = {"PYTHONWARNINGS": "ignore::DeprecationWarning", "HOME": str(directory)}
        command = [sys.executable, "-m", "gunicorn"]
        super().__init__(*options, command=command, env=env)

    def wait_ready(self) -> None:
        self.port = int(self.wait_stderr(LISTENING)[1])
        self.wait_stderr(READY, count=1 if "1" in self.command else 2)

    def kill(self) -> None:
        """Kill the workers too, because the workers of other packages may not notice the end of gunicorn."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        for pid in booting(self):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.wait()

    @property
    def workers(self) -> list[int]:
        return [int(pid) for pid in re.findall(STARTED, self.stderr)]


def booting(server: Gunicorn) -> list[int]:
    return [int(pid) for pid in re.findall(BOOTING, server.stderr)]


@pytest.fixture(params=WORKERS)
def worker(request: pytest.FixtureRequest) -> str:
    path: str = request.param
    return path


@pytest.fixture
def gunicorn(worker: str, tmp_path: Path) -> Iterator[Gunicorn]:
    with Gunicorn(worker, tmp_path) as server:
        yield server


def test_it_serves_logs_and_stops(gunicorn: Gunicorn) -> None:
    eventually(lambda: int(get(gunicorn)) in gunicorn.workers)
    gunicorn.wait_stdout(r'127\.0\.0\.1:\d+ - "GET / HTTP/1\.1" 200')
    assert gunicorn.stop(signal.SIGTERM) == 0
    assert gunicorn.stderr.count("Finished server process") == 2
    assert "Error" not in gunicorn.stderr
    assert not any(map(is_running, gunicorn.workers))


def test_hup_reloads_gracefully_and_ttin_adds_a_worker(gunicorn: Gunicorn) -> None:
    eventually(lambda: get(gunicorn))
    client = KeepAliveClient(gunicorn.port)
    old = gunicorn.workers
    gunicorn.send_signal(signal.SIGHUP)
    gunicorn.wait_stderr(READY, count=4)
    eventually(lambda: not any(map(is_running, old)))
    client.close()
    eventually(lambda: int(get(gunicorn)) not in old)
    gunicorn.send_signal(signal.SIGTTIN)
    gunicorn.wait_stderr(READY, count=5)
    assert len(set(gunicorn.workers)) == 5


def test_max_requests(worker: str, tmp_path: Path) -> None:
    with Gunicorn(worker, tmp_path, "--max-requests", "10") as server:
        eventually(lambda: get(server))
        with load(server.port, clients=2):
            server.wait_stderr(r"Maximum request limit of 10 exceeded\. Terminating process\.", count=3)
            server.wait_stderr(READY, count=5)
    assert len(set(server.workers)) >= 5


def test_a_worker_that_hangs_is_killed_after_the_timeout(worker: str, tmp_path: Path) -> None:
    with Gunicorn(worker, tmp_path, "--timeout", "2") as server:
        eventually(lambda: get(server))
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(b"GET /hold-gil HTTP/1.1\r\nhost: test\r\n\r\n")
            server.wait_stderr(r"WORKER TIMEOUT \(pid:(\d+)\)")
            server.wait_stderr(READY, count=3)
            # PyPy can write the stacks only if it gets the GIL.
            if worker.startswith("uvicorn.workers") and sys.implementation.name != "pypy":
                assert re.search(r'apps\.py", line \d+ in respond', server.stderr)
        # The other workers have notified gunicorn in time.
        assert server.stderr.count("WORKER TIMEOUT") == 1
        eventually(lambda: get(server))


def test_an_application_that_cannot_start_stops_gunicorn(worker: str, tmp_path: Path) -> None:
    server = Gunicorn(worker, tmp_path)
    server._ready = False
    server.env[FAILS] = "1"
    with server:
        # The exit code of gunicorn is 3 if it handles the first failure before the second.
        assert server.wait() in {1, 3}
        assert "Application startup failed. Exiting." in server.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_that_imports_the_application_ends_at_once(worker: str, number: int, tmp_path: Path) -> None:
    server = Gunicorn(worker, tmp_path, "--graceful-timeout", "600")
    server._ready = False
    server.env[IMPORT] = "600"
    with server:
        server.wait_stderr("importing", count=2)
        os.kill(booting(server)[0], number)
        # The worker has ended, and gunicorn has started another, which has installed its signal handlers by now.
        server.wait_stderr("importing", count=3)
        assert server.stop(signal.SIGTERM) == 0
        assert not any(map(is_running, booting(server)))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_that_starts_the_application_ends_at_once(number: int, tmp_path: Path) -> None:
    server = Gunicorn("uvicorn.workers.UvicornWorker", tmp_path, "--graceful-timeout", "600")
    server._ready = False
    server.env[STARTUP] = "600"
    with server:
        server.wait_stderr(r"Waiting for application startup\.", count=2)
        os.kill(server.workers[0], number)
        server.wait_stderr(r"Waiting for application startup\.", count=3)
        assert server.stop(signal.SIGTERM) == 0
        assert not any(map(is_running, booting(server)))


def test_unix_socket(worker: str, tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with Gunicorn(worker, tmp_path, "-b", f"unix:{path}") as server:
        request = b"GET / HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n"
        eventually(lambda: int(exchange(str(path), request).rpartition(b"\n")[2]) in server.workers)
        os.kill(server.workers[0], signal.SIGTERM)
        server.wait_stderr(READY, count=3)
        eventually(lambda: exchange(str(path), request).startswith(b"HTTP/1.1 200 "))
        assert not is_running(server.workers[0])


def test_tls(worker: str, tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    files = {"--certfile": tmp_path / "certificate", "--keyfile": tmp_path / "key"}
    certificate.cert_chain_pems[0].write_to_path(files["--certfile"])
    certificate.private_key_pem.write_to_path(files["--keyfile"])
    context = ssl.create_default_context()
    authority.configure_trust(context)
    options = [text for name, path in files.items() for text in (name, str(path))]
    with (
        Gunicorn(worker, tmp_path, *options) as server,
        socket.create_connection(("127.0.0.1", server.port)) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as client,
    ):
        client.sendall(b"GET / HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n")
        assert client.recv(65536).startswith(b"HTTP/1.1 200 ")
        if sys.version_info < (3, 11) and worker == "uvicorn.workers.UvicornH11Worker":
            client.close()
        # In the other cases the client does not confirm the end of its connection. The server waits for it 2 s at most.
        assert server.stop(signal.SIGTERM) == 0


def test_http2(tmp_path: Path) -> None:
    with Gunicorn("tests.supervisors.gunicorn_worker.Http2Worker", tmp_path) as server:
        eventually(lambda: get(server))
        with httpx.Client(http1=False, http2=True, timeout=PATIENCE) as client:
            for _ in range(3):
                response = client.get(f"http://127.0.0.1:{server.port}")
                assert response.http_version == "HTTP/2"
                assert int(response.text.rpartition("\n")[2]) in server.workers
            assert server.stop(signal.SIGTERM) == 0
        assert "Error" not in server.stderr


def test_sigquit_quits_at_once(tmp_path: Path) -> None:
    with Gunicorn("uvicorn.workers.UvicornWorker", tmp_path) as server:
        eventually(lambda: get(server))
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(b"GET /never HTTP/1.1\r\nhost: test\r\n\r\n")
            server.wait_stderr("never")
            assert server.stop(signal.SIGQUIT) == 0
        assert not any(map(is_running, server.workers))


@pytest.mark.parametrize("name", ["UvicornWorker", "UvicornH11Worker"])
def test_signals_to_a_worker_itself_do_not_end_it(name: str, tmp_path: Path) -> None:
    """gunicorn sends SIGUSR1 to a worker. SIGHUP and SIGUSR2 have the same meaning as without gunicorn."""
    path = tmp_path / "access.log"
    with Gunicorn(f"uvicorn.workers.{name}", tmp_path, "-w", "1", "--access-logfile", str(path)) as server:
        (worker,) = booting(server)
        eventually(lambda: get(server) and " 200" in path.read_text())
        path.rename(tmp_path / "access.log.1")
        os.kill(worker, signal.SIGHUP)
        server.wait_stderr("Received SIGHUP, reloading certificates and reopening log files.")
        os.kill(worker, signal.SIGUSR2)
        server.wait_stderr(r"(Thread|Current thread) 0x\w+ .*\(most recent call first\):")
        os.kill(worker, signal.SIGUSR1)
        eventually(lambda: int(get(server)) == worker and " 200" in path.read_text())
        assert server.stop(signal.SIGTERM) == 0
        assert booting(server) == [worker]


def test_no_worker_outlives_gunicorn(tmp_path: Path) -> None:
    with Gunicorn("uvicorn.workers.UvicornWorker", tmp_path) as server:
        eventually(lambda: get(server))
        server.send_signal(signal.SIGKILL)
        assert server.wait() == -signal.SIGKILL
        eventually(lambda: not any(map(is_running, server.workers)))


def test_importing_the_module_warns() -> None:
    specification = importlib.util.find_spec("uvicorn.workers")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    with pytest.warns(DeprecationWarning, match="uvicorn-worker"):
        specification.loader.exec_module(module)
