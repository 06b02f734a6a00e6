"""Frameworks and programs that start a server themselves work unchanged with this server installed as `uvicorn`."""

import os
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.frameworks.conftest import httpx, needs
from tests.processes import PATIENCE, ROOT, ServerProcess, free_port

COMMON = "tests.frameworks.apps.common"
FOLDER = ROOT / "tests" / "frameworks" / "apps" / "common"


def started(*command: str, env: dict[str, str] | None = None) -> ServerProcess:
    """Start a server by a program of the environment that runs the tests."""
    found = shutil.which(command[0], path=str(Path(sys.executable).parent))
    if found is None:
        pytest.skip(f"there is no {command[0]}")
    return ServerProcess(command=[found, *command[1:]], env=env, group=True)


def check_hello(server: ServerProcess) -> None:
    response = httpx.get(f"{server.url}/hello/you?q=1", trust_env=False, timeout=PATIENCE)
    assert (response.status_code, response.json()) == (200, {"name": "you", "q": "1"})
    assert response.headers["server"] == "uvicorn"


def check_end(server: ServerProcess, number: int = signal.SIGINT, codes: Sequence[int] = (0,)) -> None:
    assert server.stop(number) in codes
    assert "Finished server process" in server.stderr + server.stdout


@needs("fastapi", "fastapi_cli")
@pytest.mark.parametrize("command", ["dev", "run"])
def test_fastapi(command: str) -> None:
    where = ["--host", "127.0.0.1", "--port", str(free_port())]
    with started("fastapi", command, str(FOLDER / "fastapi_app.py"), *where) as server:
        check_hello(server)
        check_end(server)


@needs("fastapi", "fastapi_cli")
def test_fastapi_with_workers() -> None:
    where = ["--host", "127.0.0.1", "--port", str(free_port()), "--workers", "2"]
    with started("fastapi", "run", str(FOLDER / "fastapi_app.py"), *where) as server:
        server.wait_stderr("Application startup complete", count=2)
        check_hello(server)
        assert server.stop() == 0
        assert server.stderr.count("Application shutdown complete") == 2


@needs("litestar")
@pytest.mark.parametrize("options", [[], ["--reload"], ["--wc", "2"]], ids=["plain", "reload", "workers"])
def test_litestar(options: list[str]) -> None:
    where = ["--host", "127.0.0.1", "--port", str(free_port())]
    with started("litestar", "--app", f"{COMMON}.litestar_app:app", "run", *where, *options) as server:
        server.wait_stderr("Application startup complete")
        check_hello(server)
        # With workers or reloading, Litestar starts the server as a child process, and its exit code may be the signal.
        check_end(server, codes=(0, 1, -signal.SIGINT) if options else (0,))


each_gunicorn_worker = pytest.mark.parametrize(
    "worker",
    [
        pytest.param("uvicorn_worker.UvicornWorker", marks=needs("uvicorn_worker")),
        pytest.param("uvicorn_worker.UvicornH11Worker", marks=needs("uvicorn_worker")),
        "uvicorn.workers.UvicornWorker",
        "uvicorn.workers.UvicornH11Worker",
    ],
)


@needs("gunicorn", "fastapi")
@each_gunicorn_worker
def test_gunicorn(worker: str) -> None:
    port = free_port()
    options = ["--bind", f"127.0.0.1:{port}", "--workers", "2", "--worker-class", worker, "--access-logfile", "-"]
    command = [sys.executable, "-m", "gunicorn", *options, f"{COMMON}.fastapi_app:app"]
    with ServerProcess(command=command, ready=False, group=True) as server:
        server.wait_stderr("Application startup complete", count=2)
        server.port = port
        check_hello(server)
        server.wait_stdout(r"GET /hello/you")
        assert server.stop(signal.SIGTERM) == 0
        assert server.stderr.count("Application shutdown complete") == 2


@needs("gunicorn")
@each_gunicorn_worker
def test_gunicorn_is_stopped_while_a_worker_boots(worker: str, tmp_path: Path) -> None:
    """The worker ends at once. gunicorn's timeouts are long, so that gunicorn does not kill the worker."""
    (tmp_path / "slow.py").write_text("import time\n\nprint('booting', flush=True)\ntime.sleep(3600)\n")
    options = ["--bind", "127.0.0.1:0", "--worker-class", worker, "--graceful-timeout", "3600", "--timeout", "3600"]
    command = [sys.executable, "-m", "gunicorn", *options, "slow:app"]
    with ServerProcess(command=command, cwd=tmp_path, ready=False, group=True) as server:
        server.wait_stdout("booting")
        server.process.send_signal(signal.SIGTERM)
        assert server.wait() == 0


@needs("chainlit")
def test_chainlit(tmp_path: Path) -> None:
    """chainlit is a large program with Socket.IO, static files and a front end."""
    (tmp_path / "talk.py").write_text("import chainlit\n\n@chainlit.on_message\nasync def reply(message):\n    pass\n")
    port = free_port()
    found = shutil.which("chainlit", path=str(Path(sys.executable).parent))
    assert found
    command = [found, "run", "talk.py", "--headless", "--host", "127.0.0.1", "--port", str(port)]
    with ServerProcess(command=command, cwd=tmp_path, ready=False, env={"HOME": str(tmp_path)}, group=True) as server:
        answer = _first_answer(f"http://127.0.0.1:{port}/")
        assert answer.status_code == 200
        assert "<html" in answer.text
        assert answer.headers["server"] == "uvicorn"
        polling = f"http://127.0.0.1:{port}/ws/socket.io/?EIO=4&transport=polling"
        assert httpx.get(polling, trust_env=False, timeout=PATIENCE).status_code == 200
        server.stop()


@needs("marimo")
def test_marimo(tmp_path: Path) -> None:
    """marimo handles the signals in the event loop, and ends the server from there."""
    (tmp_path / "notebook.py").write_text(
        "import marimo\n\napp = marimo.App()\n\n\n@app.cell\ndef _():\n    2 + 3\n    return\n"
    )
    port = free_port()
    found = shutil.which("marimo", path=str(Path(sys.executable).parent))
    assert found
    where = ["--headless", "--no-token", "--host", "127.0.0.1", "--port", str(port)]
    command = [found, "run", "notebook.py", *where]
    with ServerProcess(command=command, cwd=tmp_path, ready=False, env={"HOME": str(tmp_path)}) as server:
        assert _first_answer(f"http://127.0.0.1:{port}/health").json() == {"status": "healthy"}
        page = httpx.get(f"http://127.0.0.1:{port}/", trust_env=False, timeout=PATIENCE)
        assert (page.status_code, page.headers["server"]) == (200, "uvicorn")
        assert server.stop() == 0
        assert "Aborted!" not in server.stderr + server.stdout


def _first_answer(url: str) -> Any:
    """Send requests until the server answers, for a server that does not log when it is ready."""
    transport = httpx.HTTPTransport(retries=100)
    with httpx.Client(transport=transport, trust_env=False, timeout=PATIENCE) as client:
        return client.get(url)


@needs("starlette")
def test_run_in_a_program(tmp_path: Path) -> None:
    """`uvicorn.run(app)` at the end of a script, as READMEs show it."""
    script = tmp_path / "serve.py"
    script.write_text(
        f"import uvicorn\nfrom {COMMON}.starlette_app import app\n\n"
        'if __name__ == "__main__":\n    uvicorn.run(app, host="127.0.0.1", port=0)\n'
    )
    with ServerProcess(command=[sys.executable, str(script)], env={"PYTHONPATH": os.fspath(ROOT)}) as server:
        check_hello(server)
        check_end(server)
