"""SIGHUP to a single process: reloading certificates and log files, and the end of the process's terminal."""

import asyncio
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.processes import PATIENCE, ROOT, exchange, run_async, serve
from tests.waiting import eventually, until
from uvicorn.config import Config
from uvicorn.server import Server

if sys.platform == "win32":
    pytest.skip("Windows has no such signal", allow_module_level=True)
else:
    import fcntl
    import termios

HELLO = "examples.hello:app"
GET = b"GET / HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n"
RELOADED = "Received SIGHUP, reloading certificates and reopening log files."


def test_the_server_keeps_serving() -> None:
    with serve(HELLO) as server:
        for count in (1, 2):
            server.send_signal(signal.SIGHUP)
            server.wait_stderr(RELOADED, count=count)
            assert exchange(("127.0.0.1", server.port), GET).startswith(b"HTTP/1.1 200 OK")
        assert server.stop(signal.SIGINT) == 0


def test_the_certificates_are_read_again(tmp_path: Path) -> None:
    trustme = pytest.importorskip("trustme")
    path = tmp_path / "server.pem"
    trustme.CA().issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(path))
    with serve(HELLO, "--ssl-certfile", str(path)) as server:
        server.send_signal(signal.SIGHUP)
        server.wait_stderr("The certificates have been reloaded.")
        path.write_text("no certificate")
        server.send_signal(signal.SIGHUP)
        server.wait_stderr("The certificates cannot be reloaded, the old ones stay in use: ")
        assert server.process.poll() is None


def test_the_log_is_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    with serve(HELLO, "--access-log-file", str(path)) as server:
        exchange(("127.0.0.1", server.port), GET)
        eventually(lambda: "200 OK" in path.read_text())
        path.rename(tmp_path / "access.log.1")
        server.send_signal(signal.SIGHUP)
        server.wait_stderr(RELOADED)
        exchange(("127.0.0.1", server.port), GET)
        eventually(lambda: "200 OK" in path.read_text())


def hold(handler: Callable[..., Any] | int) -> Any:
    former = signal.getsignal(signal.SIGHUP)
    signal.signal(signal.SIGHUP, handler)
    return former


@pytest.mark.parametrize("handler", [signal.SIG_IGN, lambda sig, frame: None], ids=["nohup", "of the application"])
def test_another_handler_stays(handler: Any) -> None:
    async def main() -> None:
        server = Server(Config(application, port=0, lifespan="off", log_config=None))
        serving = asyncio.ensure_future(server.serve())
        await until(lambda: server.started)
        assert signal.getsignal(signal.SIGHUP) is handler
        server.should_exit = True
        await serving
        assert signal.getsignal(signal.SIGHUP) is handler

    former = hold(handler)
    try:
        run_async(main())
    finally:
        hold(former)


def test_a_handler_of_the_application_for_stacks_stays() -> None:
    async def main() -> None:
        server = Server(Config(application, port=0, lifespan="off", log_config=None))
        serving = asyncio.ensure_future(server.serve())
        await until(lambda: server.started)
        signal.raise_signal(signal.SIGUSR2)
        await until(lambda: caught == [signal.SIGUSR2])
        server.should_exit = True
        await serving

    caught: list[int] = []
    former = signal.signal(signal.SIGUSR2, lambda sig, frame: caught.append(sig))
    try:
        run_async(main())
    finally:
        signal.signal(signal.SIGUSR2, former)


class Certificates:
    reloaded = 0

    def reload(self) -> None:
        self.reloaded += 1


@pytest.mark.parametrize("terminal", ["none", "there", "gone"])
def test_the_meaning_of_the_signal(terminal: str, monkeypatch: pytest.MonkeyPatch) -> None:
    config = Config(application, log_config=None)
    server = Server(config)
    certificates: Any = Certificates()
    config.certificates = certificates
    server._has_terminal = terminal != "none"
    genuine = os.open

    def open_terminal(path: str, flags: int, mode: int = 0o777) -> int:
        if path != "/dev/tty":
            return genuine(path, flags, mode)
        if terminal != "there":
            raise OSError
        return genuine(os.devnull, flags)

    monkeypatch.setattr("uvicorn.server.os.open", open_terminal)
    server.handle_reload(signal.SIGHUP, None)
    assert server.should_exit is (terminal == "gone")
    assert certificates.reloaded == (0 if terminal == "gone" else 1)


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Never called."""


def test_the_process_ends_with_its_terminal() -> None:
    """A terminal that is closed sends SIGHUP, too."""
    ours, theirs = pty.openpty()

    def take_terminal() -> None:
        fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)

    command = [sys.executable, "-m", "uvicorn", HELLO, "--port", "0"]
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=subprocess.PIPE, start_new_session=True,
        preexec_fn=take_terminal, cwd=ROOT, text=True,
    ) as process:  # fmt: skip
        try:
            os.close(theirs)
            assert process.stderr is not None
            while "Uvicorn running on" not in process.stderr.readline():
                assert process.poll() is None
            # While the terminal exists, the signal is a request to reload.
            process.send_signal(signal.SIGHUP)
            while RELOADED not in process.stderr.readline():
                assert process.poll() is None
            os.close(ours)
            assert process.wait(PATIENCE) == -signal.SIGHUP
            assert "Finished server process" in process.stderr.read()
        finally:
            process.kill()
