"""Sockets that systemd has opened (sd_listen_fds(3))."""

import os
import re
import shutil
import signal
import socket
import sys
from pathlib import Path

import pytest

from tests.processes import ROOT, ServerProcess, exchange, free_port
from uvicorn.config import Config
from uvicorn.net import bind as bind_module

ACTIVATE = shutil.which("systemd-socket-activate")
GET = b"GET / HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n"


def pass_sockets(monkeypatch: pytest.MonkeyPatch, *sockets: socket.socket, names: str = "") -> None:
    """Pass sockets as systemd does, with consecutive descriptors."""
    first = sockets[0].fileno() if sockets else 3
    assert [sock.fileno() for sock in sockets] == list(range(first, first + len(sockets)))
    monkeypatch.setattr(bind_module, "FIRST_PASSED_FD", first)
    monkeypatch.setenv("LISTEN_PID", str(os.getpid()))
    monkeypatch.setenv("LISTEN_FDS", str(len(sockets)))
    if names:
        monkeypatch.setenv("LISTEN_FDNAMES", names)


@pytest.fixture
def pair() -> "list[socket.socket]":
    """Two listening sockets with consecutive descriptors."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    base = 200
    while any(os.path.exists(f"/proc/self/fd/{base + index}") for index in range(2)):
        base += 2
    moved = []
    for index, sock in enumerate(sockets):
        os.dup2(sock.fileno(), base + index)
        moved.append(socket.socket(fileno=base + index))
        sock.close()
    return moved


def test_all_sockets_that_were_passed(
    monkeypatch: pytest.MonkeyPatch, pair: list[socket.socket], capsys: pytest.CaptureFixture[str]
) -> None:
    pass_sockets(monkeypatch, *pair)
    (bind,) = Config(None, bind="systemd").open_binds()
    assert [sock.getsockname() for sock in bind.sockets] == [sock.getsockname() for sock in pair]
    assert "Uvicorn running on systemd socket 127.0.0.1:" in capsys.readouterr().err
    bind.close()
    for sock in pair:  # Closing the server's sockets leaves those of systemd open.
        socket.create_connection(sock.getsockname(), timeout=5).close()
        sock.close()


def test_sockets_of_one_name(monkeypatch: pytest.MonkeyPatch, pair: list[socket.socket]) -> None:
    pass_sockets(monkeypatch, *pair, names="web:admin")
    web, admin = Config(None, bind=["systemd:web", "systemd:admin"]).open_binds()
    assert [bind.sockets[0].getsockname() for bind in (web, admin)] == [sock.getsockname() for sock in pair]
    for bind in (web, admin, *pair):
        bind.close()


def refusal(capsys: pytest.CaptureFixture[str], address: str) -> str:
    with pytest.raises(SystemExit) as exited:
        Config(None, bind=address).open_binds()
    assert exited.value.code == 3
    return capsys.readouterr().err


def test_a_name_that_no_socket_has(
    monkeypatch: pytest.MonkeyPatch, pair: list[socket.socket], capsys: pytest.CaptureFixture[str]
) -> None:
    pass_sockets(monkeypatch, *pair, names="web:admin")
    assert "systemd has passed no socket named 'api'; the names are web, admin" in refusal(capsys, "systemd:api")
    for sock in pair:
        sock.close()


@pytest.mark.parametrize("count", ["0", "x", None])
def test_no_sockets(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], count: str | None) -> None:
    pass_sockets(monkeypatch)
    if count is None:
        monkeypatch.delenv("LISTEN_FDS")
    else:
        monkeypatch.setenv("LISTEN_FDS", count)
    assert f"systemd has passed no socket (LISTEN_FDS={count or ''})" in refusal(capsys, "systemd")


def test_sockets_of_another_process(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("LISTEN_FDS", "1")
    monkeypatch.setenv("LISTEN_PID", "1")
    assert "systemd has passed no sockets to this process (LISTEN_PID)" in refusal(capsys, "systemd")


def test_addresses_of_sockets_are_described(tmp_path: Path) -> None:
    assert bind_module._shown(("::1", 80, 0, 0)) == "[::1]:80"
    assert bind_module._shown("/run/app.sock") == "/run/app.sock"


@pytest.mark.skipif(ACTIVATE is None, reason="systemd-socket-activate is not installed")
@pytest.mark.parametrize("arguments", [[], ["--workers", "2"], ["--reload"]], ids=["one", "workers", "reload"])
def test_a_server_that_systemd_activates(tmp_path: Path, arguments: list[str]) -> None:
    """The first connection starts the server."""
    assert ACTIVATE is not None
    path, port = str(tmp_path / "socket"), free_port()
    command = [ACTIVATE, "-l", f"127.0.0.1:{port}", "-l", path, "--fdname=web:admin"]
    # systemd-socket-activate does not pass on its environment.
    command += [f"--setenv=PYTHONPATH={ROOT}", "--setenv=PATH", sys.executable, "-m", "uvicorn", "examples.hello:app"]
    binds = ["--bind", "systemd:admin", "--bind", "systemd:web"]
    with ServerProcess(*binds, *arguments, command=command, ready=False) as server:
        server.wait_stderr("Listening on", count=2)
        assert exchange(("127.0.0.1", port), GET).startswith(b"HTTP/1.1 200 OK\r\n")
        assert exchange(path, GET).startswith(b"HTTP/1.1 200 OK\r\n")
        assert f"Uvicorn running on systemd socket {path} " in server.stderr
        assert re.search(rf"Uvicorn running on systemd socket 127.0.0.1:{port} ", server.stderr)
        assert server.stop(signal.SIGINT) == 0
