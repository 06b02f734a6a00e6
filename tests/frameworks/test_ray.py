"""Ray Serve: its proxy actor runs this server, and passes requests on to replicas in other processes."""

import signal
import sys
import tempfile
import time
from collections.abc import Iterator

import pytest

from tests.frameworks.conftest import httpx, needs
from tests.processes import PATIENCE, ServerProcess, free_port

# Ray starts about ten processes, and each of them imports all of Ray.
pytestmark = [needs("ray", "fastapi"), pytest.mark.timeout(10 * PATIENCE)]


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    port = free_port()
    # Ray adds a long path to this folder for its sockets. Below pytest's folder the path would be too long.
    with tempfile.TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True) as folder:
        env = {"HOME": folder, "RAY_TMPDIR": folder, "RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"}
        # By default Ray's processes have a low priority. On a busy machine they would start too late for each other.
        env["RAY_worker_niceness"] = "0"
        command = [sys.executable, "-m", "tests.frameworks.apps.ray_app", str(port)]
        with ServerProcess(command=command, env=env, ready=False, group=True) as running:
            running.wait_stdout("ready", timeout=6 * PATIENCE)
            running.port = port
            yield running
            # Only the main process gets the signal. It stops the others.
            running.process.send_signal(signal.SIGINT)
            assert running.wait(3 * PATIENCE) == 0


def test_each_replica_answers(server: ServerProcess) -> None:
    processes = set()
    deadline = time.monotonic() + 2 * PATIENCE
    with httpx.Client(base_url=server.url, trust_env=False, timeout=PATIENCE) as client:
        while len(processes) < 2:
            response = client.get("/hello/you")
            assert (response.status_code, response.json()["hello"]) == (200, "you")
            assert response.headers["server"] == "uvicorn"
            processes.add(response.json()["process"])
            assert time.monotonic() < deadline, "one replica answers everything"


def test_a_stream(server: ServerProcess) -> None:
    with httpx.stream("GET", f"{server.url}/countdown/3", trust_env=False, timeout=PATIENCE) as response:
        assert response.headers["transfer-encoding"] == "chunked"
        assert list(response.iter_lines()) == ["3", "2", "1"]


def test_an_unknown_path(server: ServerProcess) -> None:
    assert httpx.get(f"{server.url}/nowhere", trust_env=False, timeout=PATIENCE).status_code == 404


def test_a_websocket(server: ServerProcess) -> None:
    connect = pytest.importorskip("websockets.sync.client").connect
    with connect(f"ws://127.0.0.1:{server.port}/echo", open_timeout=PATIENCE, proxy=None) as websocket:
        websocket.send("hello")
        assert websocket.recv(timeout=PATIENCE) == "hello"
