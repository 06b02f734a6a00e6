import os
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from uvicorn.config import Config
from uvicorn.server import Server
from uvicorn.supervisors.spawn import get_subprocess, subprocess_started

APP = "tests.apps:asgi3_app"


def exit_with_port(sockets: list[socket.socket]) -> None:
    """Report by the exit code whether the child has the socket."""
    sys.exit(7 if sockets[0].getsockname()[1] else 8)


def exit_with_standard_input(sockets: list[socket.socket]) -> None:
    sys.exit(9 if sys.stdin.fileno() == 0 else 10)


def exit_with_blocking(sockets: list[socket.socket]) -> None:
    sys.exit(12 if os.get_blocking(sockets[0].fileno()) else 11)


def run(config: Config, target: Any, sockets: list[socket.socket]) -> int | None:
    process = get_subprocess(config, target, sockets)
    process.start()
    try:
        process.join(30)
        return process.exitcode
    finally:
        process.kill()
        process.join()


def test_a_child_gets_the_sockets() -> None:
    config = Config(APP, port=0)
    with config.bind_socket() as sock:
        assert run(config, exit_with_port, [sock]) == 7


@pytest.mark.skipif(sys.platform == "win32", reason="sockets are passed in another way")
def test_a_child_of_pypy_does_not_make_shared_sockets_blocking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.implementation, "name", "pypy")
    config = Config(APP, port=0)
    with config.bind_socket() as sock:
        sock.setblocking(False)
        assert run(config, exit_with_port, [sock]) == 7
        assert run(config, exit_with_blocking, [sock]) == 11
        assert not os.get_blocking(sock.fileno())


def test_a_child_reads_from_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    with open(0, closefd=False) as standard_input:
        monkeypatch.setattr(sys, "stdin", standard_input)
        assert run(Config(APP), exit_with_standard_input, []) == 9


@pytest.mark.parametrize("stdin", [None, object()], ids=["None", "replaced"])
def test_a_parent_without_standard_input(stdin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", stdin)
    process = get_subprocess(Config(APP), exit_with_port, [])
    assert process._kwargs["stdin_fileno"] is None  # type: ignore[attr-defined]  # of BaseProcess


@pytest.fixture
def failing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "failing_app.py").write_text("import no_such_dependency\n")
    monkeypatch.syspath_prepend(tmp_path)
    return "failing_app:app"


def test_a_child_whose_application_fails_to_import(failing: str, capsys: pytest.CaptureFixture[str]) -> None:
    config = Config(failing, port=0)
    with pytest.raises(SystemExit) as exited:
        subprocess_started(config, target=Server(config).run, sockets=[], stdin_fileno=None)
    assert exited.value.code == 3
    assert "No module named 'no_such_dependency'" in capsys.readouterr().err


def test_a_child_that_fails_later() -> None:
    config = Config(APP)
    config.loaded = True

    def fail(sockets: list[socket.socket]) -> None:
        raise RuntimeError("later")

    with pytest.raises(RuntimeError, match="later"):
        subprocess_started(config, target=fail, sockets=[], stdin_fileno=None)


def test_ctrl_c_in_a_child_is_quiet(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", sys.stdin)
    calls = []

    def interrupted(sockets: list[socket.socket]) -> None:
        calls.append(sockets)
        raise KeyboardInterrupt

    subprocess_started(Config(APP), target=interrupted, sockets=[], stdin_fileno=None)
    assert calls == [[]]
    assert capsys.readouterr().err == ""


def test_a_child_without_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()
    os.close(read)
    os.close(write)
    before = sys.stdin
    monkeypatch.setattr(sys, "stdin", before)
    calls = []
    subprocess_started(Config(APP), target=lambda sockets: calls.append(1), sockets=[], stdin_fileno=read)
    assert calls == [1]
    assert sys.stdin is before
