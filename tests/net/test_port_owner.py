import errno
import os
import socket
import sys
from pathlib import Path

import pytest

from uvicorn.net import port_owner
from uvicorn.net.bind import TcpBind
from uvicorn.net.port_owner import owner_of_port

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has this /proc")


def test_a_process_that_listens() -> None:
    name = Path("/proc/self/comm").read_text(encoding="utf-8").strip()
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with socket.socket(family) as listener:
            listener.bind((host, 0))
            port = listener.getsockname()[1]
            assert owner_of_port(port) == ""
            listener.listen()
            assert owner_of_port(port) == f"process {os.getpid()} ({name})"
            with pytest.raises(OSError) as caught:
                TcpBind(host, port).open()
            assert caught.value.errno == errno.EADDRINUSE
            assert str(caught.value).endswith(
                f": address already in use by process {os.getpid()} ({name}); --port 0 takes any free port"
            )


def test_a_name_with_control_characters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = Path("/proc/self/comm").read_text(encoding="utf-8").strip()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        try:
            Path("/proc/self/comm").write_text("a\x1b[31m", encoding="utf-8")
            assert owner_of_port(listener.getsockname()[1]) == f"process {os.getpid()} (a?[31m)"
        finally:
            Path("/proc/self/comm").write_text(before, encoding="utf-8")


def test_the_process_of_another_user(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str) -> list[str]:
        if path == "/proc":
            return ["1", "self"]
        raise PermissionError

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        monkeypatch.setattr(port_owner.os, "listdir", refuse)
        assert owner_of_port(port) == ""
        with pytest.raises(OSError, match=r"address already in use; --port 0 takes any free port$"):
            TcpBind("127.0.0.1", port).open()


def test_no_owner_if_the_system_does_not_show_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(port_owner._inodes("/no/such/table", 80)) == []
