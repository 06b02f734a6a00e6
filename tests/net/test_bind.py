import asyncio
import contextlib
import errno
import os
import re
import socket
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.processes import exchange, free_port, serve
from tests.waiting import eventually
from uvicorn.config import Config
from uvicorn.net.bind import Bind, InheritedBind, SystemdBind, TcpBind, UnixBind, _is_served, bind_to, binds_of
from uvicorn.net.listeners import Listeners
from uvicorn.server_state import Connections


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "server.sock")


@contextlib.contextmanager
def opened(bind: Bind) -> Iterator[list[socket.socket]]:
    bind.open()
    try:
        yield bind.sockets
    finally:
        bind.close()


@contextlib.contextmanager
def bound(**options: Any) -> Iterator[socket.socket]:
    with Config(None, **options).bind_socket() as sock:
        yield sock


def test_the_options_name_one_address() -> None:
    kinds: list[tuple[dict[str, Any], type[Bind]]] = [
        ({}, TcpBind),
        ({"fd": 0}, InheritedBind),
        ({"fd": 0, "uds": "server.sock"}, UnixBind),
    ]
    for options, kind in kinds:
        assert [type(bind) for bind in binds_of(Config(None, **options))] == [kind]


@pytest.mark.parametrize(
    ("address", "kind", "attributes"),
    [
        ("127.0.0.1:8000", TcpBind, {"host": "127.0.0.1", "port": 8000}),
        ("localhost:0", TcpBind, {"host": "localhost", "port": 0}),
        (":80", TcpBind, {"host": "", "port": 80}),
        ("[::1]:65535", TcpBind, {"host": "::1", "port": 65535}),
        ("unix:/run/app.sock", UnixBind, {"path": "/run/app.sock", "mode": 0o660}),
        ("unix:app:1", UnixBind, {"path": "app:1", "mode": 0o660}),
        ("fd:3", InheritedBind, {"fd": 3}),
        ("systemd", SystemdBind, {"name": ""}),
        ("systemd:web", SystemdBind, {"name": "web"}),
    ],
)
def test_the_addresses_of_bind(address: str, kind: type[Bind], attributes: dict[str, Any]) -> None:
    bind = bind_to(address, 0o660)
    assert type(bind) is kind
    assert {name: getattr(bind, name) for name in attributes} == attributes


@pytest.mark.parametrize(
    ("address", "hint"),
    [
        ("", ""),
        ("localhost", ""),
        ("8000", "Did you mean 127.0.0.1:8000?"),
        ("::1:8000", "Did you mean [::1]:8000?"),
        ("[::1]", ""),
        ("[::1:8000", "Did you mean [::1]:8000?"),
        ("localhost:65536", "The last port is 65535."),
        ("localhost:" + 5000 * "9", "The last port is 65535."),
        ("localhost:eighty", ""),
        ("http://localhost:80", "Did you mean localhost:80?"),
        ("http://localhost", ""),
        ("unix:", ""),
        ("fd:", ""),
        ("fd:\N{ARABIC-INDIC DIGIT ONE}", ""),
        ("systemd:", ""),
        ("/run/app.sock", "Did you mean unix:/run/app.sock?"),
    ],
)
def test_an_invalid_address_is_refused(address: str, hint: str) -> None:
    with pytest.raises(ValueError, match="bind must be host:port") as error:
        Config(None, bind=address)
    expected = "host:port, [IPv6]:port, unix:PATH, fd:N, systemd or systemd:NAME"
    assert str(error.value) == f"bind must be {expected}, not {address!r}" + (f". {hint}" if hint else "")


def test_options_of_one_address_beside_bind(capsys: pytest.CaptureFixture[str]) -> None:
    Config(None, bind=["127.0.0.1:0"])
    assert capsys.readouterr().err == ""
    Config(None, bind=["127.0.0.1:0"], port=80)
    assert "--host, --port, --uds and --fd have no effect beside --bind." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "warning"),
    [
        ({"uds": "/tmp/socket", "port": 80}, "--host, --port and --fd have no effect beside --uds."),
        ({"fd": 3, "host": "0.0.0.0"}, "--host and --port have no effect beside --fd."),
        ({"fd": 3}, ""),
        ({"uds": "/tmp/socket"}, ""),
        ({"host": "0.0.0.0", "port": 80}, ""),
    ],
)
def test_warns_if_options_name_two_addresses(
    options: dict[str, Any], warning: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Config(None, **options)
    assert capsys.readouterr().err == (f"WARNING:  {warning}\n" if warning else "")


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1:{port}", "127.0.0.1:{port}"],
        ["0.0.0.0:{port}", "127.0.0.1:{port}"],
        ["127.0.0.1:{port}", "0.0.0.0:{port}"],
        ["unix:{path}", "127.0.0.1:{port}", "unix:{path}"],
    ],
    ids=["the same", "all and one", "one and all", "unix"],
)
@pytest.mark.parametrize("of_a_supervisor", [False, True])
def test_the_same_address_twice_is_refused(
    addresses: list[str], of_a_supervisor: bool, path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without this check only `listen` would refuse the address, after the application has started."""
    port = free_port()
    config = Config(None, bind=[address.format(port=port, path=path) for address in addresses])
    if of_a_supervisor:
        with pytest.raises(SystemExit):
            config.open_binds()
        message = capsys.readouterr().err
    else:
        with pytest.raises(OSError, match="--bind names the address") as error:
            Listeners(config, asyncio.Protocol, Connections()).bind()
        message = str(error.value)
    assert re.search(r"--bind names the address (127\.0\.0\.1:\d+|0\.0\.0\.0:\d+|/.+) twice", message)
    with socket.create_server(("127.0.0.1", port)):  # No socket stays open.
        assert not os.path.exists(path)


def test_addresses_that_differ(path: str) -> None:
    """The addresses differ in the port, in the family, or in the path of a unix socket."""
    port = free_port()
    binds = [f"127.0.0.1:{port}", f"127.0.0.2:{port}", f"[::1]:{port}", "0.0.0.0:0", f"unix:{path}", f"unix:{path}2"]
    opened = Config(None, bind=binds).open_binds()
    assert len(opened) == len(binds)
    for bind in opened:
        bind.close()


async def test_a_server_that_begins_to_listen_meanwhile(path: str) -> None:
    with socket.socket() as first, socket.socket() as second:
        for sock in (first, second):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(("127.0.0.1", first.getsockname()[1]))
        first.listen()
        message = rf"cannot listen on \('127\.0\.0\.1', {first.getsockname()[1]}\): address already in use"
        with pytest.raises(OSError, match=message):
            await Listeners(Config(None), asyncio.Protocol, Connections()).open([second])


def test_several_addresses_are_opened_together(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    binds = Config(None, bind=["127.0.0.1:0", f"unix:{path}", "127.0.0.1:0"]).open_binds()
    assert [bind.sockets[0].family for bind in binds] == [socket.AF_INET, socket.AF_UNIX, socket.AF_INET]
    assert all(sock.get_inheritable() for bind in binds for sock in bind.sockets)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert lines[1] == f"INFO:     Uvicorn running on unix socket {path} (Press CTRL+C to quit)"
    for bind in binds:
        bind.close()


def test_closes_every_socket_if_one_address_is_taken(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SystemExit):
            Config(None, bind=[f"unix:{path}", f"127.0.0.1:{port}"]).open_binds()
    assert f"('127.0.0.1', {port}): address already in use" in capsys.readouterr().err
    assert not os.path.exists(path)


@pytest.mark.parametrize("arguments", [[], ["--workers", "2"], ["--reload"]], ids=["one", "workers", "reload"])
def test_a_server_on_several_addresses(path: str, arguments: list[str]) -> None:
    binds = ["--bind", "127.0.0.1:0", "--bind", f"unix:{path}", "--bind", "127.0.0.1:0", "--uds-mode", "600"]
    with serve("examples.hello:app", *binds, *arguments) as server:
        server.wait_stderr("Application startup complete.")
        server.wait_stderr("Uvicorn running on ", count=3)
        ports = re.findall(r"Uvicorn running on http://127.0.0.1:(\d+) ", server.stderr)
        assert len(set(ports)) == 2
        # A worker listens shortly after it logs that line.
        eventually(lambda: connects(socket.AF_INET, "127.0.0.1", int(ports[-1])))
        for address in (path, *(("127.0.0.1", int(port)) for port in ports)):
            answer = exchange(address, b"GET / HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        server.stop()
    assert not os.path.exists(path)


def test_one_process_opens_all_or_nothing(path: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        binds = ["--bind", f"unix:{path}", "--bind", f"127.0.0.1:{port}"]
        with serve("examples.hello:app", *binds, ready=False) as server:
            assert server.wait() == 3
        assert "address already in use" in server.stderr
        assert not os.path.exists(path)


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="a socket has one family")
def test_both_families_are_named_with_one_port() -> None:
    port = free_port()
    with serve("examples.hello:app", "--bind", f"127.0.0.1:{port}", "--bind", f"[::]:{port}") as server:
        server.wait_stderr(rf"Uvicorn running on http://\[::\]:{port} ")
        eventually(lambda: connects(socket.AF_INET, "127.0.0.1", port))
        eventually(lambda: connects(socket.AF_INET6, "::1", port))


def test_an_address_can_be_opened_again() -> None:
    bind = TcpBind("127.0.0.1", 0)
    for _ in range(2):
        with opened(bind) as (sock,):
            assert sock.getsockname()[1] != 0
        assert bind.sockets == []


def test_a_port(capsys: pytest.CaptureFixture[str]) -> None:
    with bound(port=0) as sock:
        host, port = sock.getsockname()
        assert host == "127.0.0.1"
        assert sock.family == socket.AF_INET
        assert sock.get_inheritable()
    assert capsys.readouterr().err == f"INFO:     Uvicorn running on http://127.0.0.1:{port} (Press CTRL+C to quit)\n"


def test_logs_the_scheme_https(capsys: pytest.CaptureFixture[str]) -> None:
    with bound(port=0, ssl_certfile="certificate.pem"):
        assert "Uvicorn running on https://127.0.0.1:" in capsys.readouterr().err


def test_the_record_has_scheme_host_and_port_as_arguments(caplog: pytest.LogCaptureFixture) -> None:
    """Log handlers of programs read these arguments."""
    caplog.set_level("INFO", "uvicorn.error")
    with bound(port=0, log_config=None) as sock:
        port = sock.getsockname()[1]
    (record,) = caplog.records
    assert record.msg == "Uvicorn running on %s://%s:%d (Press CTRL+C to quit)"
    assert record.args == ("http", "127.0.0.1", port)


def test_colours(capsys: pytest.CaptureFixture[str]) -> None:
    with bound(port=0, use_colors=True) as sock:
        port = sock.getsockname()[1]
    text = f"Uvicorn running on \x1b[1mhttp://127.0.0.1:{port}\x1b[0m (Press CTRL+C to quit)\n"
    assert capsys.readouterr().err.endswith(text)


@pytest.mark.parametrize("host", ["", None])
def test_all_interfaces(host: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    with bound(host=host, port=0) as sock:
        assert sock.getsockname()[0] == "0.0.0.0"
    assert "http://0.0.0.0:" in capsys.readouterr().err


def test_a_name() -> None:
    with bound(host="localhost", port=0) as sock:
        assert sock.getsockname()[0] == "127.0.0.1"


@pytest.mark.skipif(not socket.has_ipv6, reason="IPv6 is not there")
def test_ipv6(capsys: pytest.CaptureFixture[str]) -> None:
    with bound(host="::1", port=0) as sock:
        assert sock.family == socket.AF_INET6
        port = sock.getsockname()[1]
    assert f"http://[::1]:{port} " in capsys.readouterr().err


def connects(family: int, host: str, port: int) -> bool:
    with socket.socket(family) as client:
        return client.connect_ex((host, port)) == 0


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="a socket has one family")
@pytest.mark.parametrize("arguments", [[], ["--workers", "2"]], ids=["one", "workers"])
@pytest.mark.parametrize("host", ["::", ""])
def test_all_interfaces_include_both_families(host: str, arguments: list[str]) -> None:
    with serve("examples.hello:app", "--host", host, *arguments) as server:
        server.wait_stderr("Application startup complete.")
        eventually(lambda: connects(socket.AF_INET, "127.0.0.1", server.port))
        eventually(lambda: connects(socket.AF_INET6, "::1", server.port))


INET = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
INET6 = (socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "")


def resolve_to(monkeypatch: pytest.MonkeyPatch, *found: Any) -> None:
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, port, **options: [(*kind, address) for kind, address in found]
    )


def test_every_address_of_a_name_is_bound_once_with_one_port(monkeypatch: pytest.MonkeyPatch) -> None:
    addresses = ["127.0.0.1", "127.0.0.2", "127.0.0.1"]
    resolve_to(monkeypatch, *((INET, (address, 0)) for address in addresses))
    sockets = Config(None, host="several", port=0).open_binds()[0].sockets
    names = [sock.getsockname() for sock in sockets]
    for sock in sockets:
        assert sock.get_inheritable()
        sock.close()
    assert [host for host, _ in names] == ["127.0.0.1", "127.0.0.2"]
    assert len({port for _, port in names}) == 1


@pytest.mark.skipif(not socket.has_ipv6, reason="IPv6 is not there")
def test_addresses_of_other_machines_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve_to(monkeypatch, (INET6, ("2001:db8::1", 0, 0, 0)), (INET, ("127.0.0.1", 0)))
    (sock,) = Config(None, host="both", port=0).open_binds()[0].sockets
    with sock:
        assert sock.getsockname()[0] == "127.0.0.1"


def test_a_further_address_that_is_taken(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.3", 0)) as taken:
        port = taken.getsockname()[1]
        resolve_to(monkeypatch, *((INET, (f"127.0.0.{last}", port)) for last in (1, 2, 3)))
        with pytest.raises(SystemExit) as exited:
            Config(None, host="several", port=port).open_binds()
        assert exited.value.code == 3
        assert f"('127.0.0.3', {port}): address already in use" in capsys.readouterr().err
        monkeypatch.undo()
        for host in ("127.0.0.1", "127.0.0.2"):
            socket.create_server((host, port)).close()


def refused(capsys: pytest.CaptureFixture[str], **options: Any) -> str:
    """Return the one line that says why the address cannot be bound."""
    with pytest.raises(SystemExit) as exited:
        Config(None, **options).bind_socket()
    assert exited.value.code == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("ERROR:    ")
    return line.removeprefix("ERROR:    ")


def test_an_occupied_port(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as occupied:
        occupied.bind(("127.0.0.1", 0))
        occupied.listen()
        port = occupied.getsockname()[1]
        line = refused(capsys, port=port)
        assert line.startswith(
            f"[Errno {errno.EADDRINUSE}] error while attempting to bind on address ('127.0.0.1', {port}): "
            "address already in use"
        )
        assert line.endswith("; --port 0 takes any free port")
        # The error names the option that gives the address.
        assert refused(capsys, bind=f"127.0.0.1:{port}").endswith("; --bind 127.0.0.1:0 takes any free port")
        with pytest.raises(OSError, match=r"; --metrics 127\.0\.0\.1:0 takes any free port$"):
            bind_to(f"127.0.0.1:{port}", flag="--metrics").open()


@pytest.mark.parametrize(
    ("number", "port", "hint"),
    [
        (errno.EACCES, 80, "; only root, or a process with CAP_NET_BIND_SERVICE, binds to a port below 1024"),
        (errno.EACCES, 8000, ""),
        (errno.EADDRNOTAVAIL, 8000, "; --host takes an address of this machine, or 0.0.0.0 for all of them"),
        (errno.ENOBUFS, 8000, ""),
    ],
)
def test_what_to_do_when_a_port_cannot_be_bound(
    number: int, port: int, hint: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Refusing(socket.socket):
        def bind(self, address: Any) -> None:
            raise OSError(number, os.strerror(number))

    monkeypatch.setattr("uvicorn.net.bind.socket.socket", Refusing)
    assert refused(capsys, port=port).endswith(f"('127.0.0.1', {port}): {os.strerror(number).lower()}{hint}")


@pytest.mark.parametrize(
    ("host", "hint"),
    [
        ("127.0.0.1:8000", "; --host takes neither a scheme nor a port, and --port takes the port"),
        ("http://localhost", "; --host takes neither a scheme nor a port, and --port takes the port"),
        ("[::1]", "; --host takes an IPv6 address without brackets"),
        ("no such host", ""),
    ],
)
def test_a_host_that_cannot_be_resolved(host: str, hint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def getaddrinfo(*args: Any, **options: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "not known")

    monkeypatch.setattr("uvicorn.net.bind.socket.getaddrinfo", getaddrinfo)
    with pytest.raises(OSError, match=re.escape(f"cannot resolve host {host!r}: not known{hint}") + "$"):
        TcpBind(host, 80).open()


def test_an_unknown_host(capsys: pytest.CaptureFixture[str]) -> None:
    assert "cannot resolve host 'no such host'" in refused(capsys, host="no such host")


def test_a_port_in_time_wait_is_free() -> None:
    with bound(port=0) as sock:
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)


def test_a_port_on_windows_belongs_to_one_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    with TcpBind("127.0.0.1", 0).open_first() as sock:
        assert not sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)


def test_a_unix_socket(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    with bound(uds=path) as sock:
        assert sock.getsockname() == path
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o666
    assert capsys.readouterr().err == f"INFO:     Uvicorn running on unix socket {path} (Press CTRL+C to quit)\n"


def test_a_unix_socket_that_was_left_behind_is_replaced(path: str) -> None:
    with UnixBind(path).open_first():
        os.chmod(path, 0o600)
    with UnixBind(path).open_first() as sock:
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        sock.listen()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)


@pytest.mark.parametrize(("mode", "permissions"), [("600", 0o600), (0o660, 0o660), ("0", 0)])
def test_the_mode_of_a_unix_socket(path: str, mode: Any, permissions: int) -> None:
    with UnixBind(path).open_first():
        os.chmod(path, 0o644)
    for options in ({"uds": path}, {"bind": [f"unix:{path}"]}):
        with bound(uds_mode=mode, **options):
            assert stat.S_IMODE(os.stat(path).st_mode) == permissions


@pytest.mark.parametrize("mode", ["8", "1000", "-1", "rw", "", 0o1000, -1])
def test_an_invalid_mode_is_refused(mode: Any) -> None:
    with pytest.raises(ValueError, match="uds_mode must be an octal number from 0 to 777, not"):
        Config(None, uds_mode=mode)


def test_a_mode_of_a_wrong_type() -> None:
    with pytest.raises(TypeError, match="uds_mode must be an octal number from 0 to 777, not bool"):
        Config(None, uds_mode=True)


def test_a_unix_socket_that_is_served_is_not_taken_over(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    with UnixBind(path).open_first() as served:
        served.listen()
        assert refused(capsys, uds=path).endswith(": address already in use by another server")
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)


def test_a_file_is_not_replaced_by_a_unix_socket(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path(path).write_text("precious")
    assert refused(capsys, uds=path).endswith(": address already in use; the file there is not a socket")
    assert Path(path).read_text() == "precious"


def test_a_unix_socket_in_a_missing_directory(capsys: pytest.CaptureFixture[str]) -> None:
    assert "'/no/such/directory/x': no such file or directory" in refused(capsys, uds="/no/such/directory/x")


def test_a_unix_socket_whose_path_is_too_long(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "af_unix path too long" in refused(capsys, uds=str(tmp_path / ("x" * 200)))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no unix sockets")
def test_a_unix_socket_in_a_directory_without_permission(
    path: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Root may search every directory, so the test raises the errors itself."""

    class Refusing(socket.socket):
        def bind(self, address: Any) -> None:
            raise PermissionError(errno.EACCES, "Permission denied")

    def stat(path: str) -> Any:
        raise PermissionError(errno.EACCES, "Permission denied", path)

    monkeypatch.setattr("uvicorn.net.bind.os.stat", stat)
    monkeypatch.setattr("uvicorn.net.bind.socket.socket", Refusing)
    assert refused(capsys, uds=path).endswith(f"attempting to bind on address {path!r}: permission denied")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has them")
def test_an_abstract_unix_socket() -> None:
    name = f"\0uvicorn-{os.getpid()}"
    with opened(UnixBind(name)) as (sock,):
        assert sock.getsockname() == name.encode()


def test_windows_has_no_unix_sockets(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(OSError, match="Windows has none"):
        UnixBind(path).open()
    assert not _is_served(path)


def test_a_unix_socket_is_removed_when_it_is_closed(path: str) -> None:
    bind = UnixBind(path)
    with opened(bind) as (sock,):
        assert os.path.exists(path)
    assert sock.fileno() == -1
    assert not os.path.exists(path)
    bind.close()  # a second close does nothing


def test_a_unix_socket_of_another_server_is_not_removed(path: str) -> None:
    old = UnixBind(path)
    old.open()
    os.unlink(path)
    with opened(UnixBind(path)):
        old.close()
        UnixBind(path).close()  # A `UnixBind` that was not opened removes nothing.
        assert os.path.exists(path)


def test_a_file_that_takes_the_place_of_a_unix_socket_is_not_removed(path: str) -> None:
    with opened(UnixBind(path)):
        # The new file exists before the socket is replaced, so that the two have different inode numbers.
        Path(path + ".new").write_text("precious")
        os.replace(path + ".new", path)
    assert Path(path).read_text() == "precious"


def test_a_file_at_the_path_of_an_adopted_socket_is_not_removed(path: str) -> None:
    """Programs that replace `Config.bind_socket` pass sockets that the server has not opened itself."""
    Path(path).write_text("precious")
    bind = UnixBind(path)
    bind.adopt(socket.socket())
    bind.close()
    assert Path(path).read_text() == "precious"


def test_an_inherited_socket(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as inherited:
        inherited.bind(("127.0.0.1", 0))
        inherited.listen()
        with bound(fd=inherited.fileno()) as sock:
            assert sock.fileno() != inherited.fileno()
            assert sock.getsockname() == inherited.getsockname()
            assert sock.family == socket.AF_INET
        assert f"Uvicorn running on socket {inherited.getsockname()} (Press" in capsys.readouterr().err
        # Closing the server's socket leaves the program's socket open.
        socket.create_connection(inherited.getsockname(), timeout=5).close()


def test_a_descriptor_that_is_not_open(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        refused(capsys, fd=2**30) == f"[Errno {errno.EBADF}] cannot serve file descriptor {2**30}: Bad file descriptor"
    )


def test_a_descriptor_that_is_not_a_socket(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open(tmp_path / "file", "w") as file:
        before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else None
        line = refused(capsys, fd=file.fileno())
        assert f"cannot serve file descriptor {file.fileno()}: Socket operation on non-socket" in line
        if before is not None:
            assert len(os.listdir("/proc/self/fd")) == before
