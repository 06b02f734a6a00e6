"""The addresses on which a server listens. A `Bind` is one address: it binds sockets, describes itself and closes.

`binds_of` makes the binds for the options. A single server opens them and listens on their sockets. A supervisor opens
them and gives their sockets to the workers.
"""

import contextlib
import errno
import itertools
import logging
import os
import re
import socket
import stat
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from uvicorn.config import Config

logger = logging.getLogger("uvicorn.error")

DEFAULT_UDS_MODE = 0o666
# The text for the empty host, which means all interfaces.
ALL_INTERFACES = "0.0.0.0"

# Ports below this number are for the system (RFC 6335, section 6).
FIRST_FREE_PORT = 1024
LAST_PORT = 65535

# An address of --bind; an IPv6 address is in brackets (RFC 3986, section 3.2.2).
_HOST_AND_PORT = re.compile(r"(?:\[(?P<ipv6>[^\[\]]+)\]|(?P<host>[^\[\]:/]*)):(?P<port>[0-9]{1,5})")

# The first descriptor that systemd passes (sd_listen_fds(3)).
FIRST_PASSED_FD = 3


class Bind(ABC):
    """An address to listen on.

    Opening it binds sockets. Connections are refused until a server listens on these sockets.

    Attributes:
        sockets: the open sockets.
    """

    def __init__(self) -> None:
        self.sockets: list[socket.socket] = []

    def open(self) -> None:
        """Bind a socket to the address; if a host name has several addresses, one socket to each.

        Raises:
            OSError: an address cannot be bound; no socket stays open.
        """
        self.open_first()
        self.open_others()

    def open_first(self) -> socket.socket:
        """Bind a socket to the first address.

        Raises:
            OSError: the address cannot be bound.
        """
        return self.adopt(self._bind())

    def adopt(self, sock: socket.socket) -> socket.socket:
        """Use a socket that is bound to the first address already, instead of `open_first`."""
        self.sockets.append(sock)
        return sock

    def open_others(self) -> None:
        """Bind sockets to the other addresses of a host name.

        Raises:
            OSError: an address cannot be bound; no socket stays open.
        """
        try:
            for sock in self._bind_others():
                self.sockets.append(sock)
        except OSError:
            self.close()
            raise

    @abstractmethod
    def _bind(self) -> socket.socket:
        """Bind the first socket. Raises OSError."""

    def _bind_others(self) -> Iterable[socket.socket]:
        """Bind the other sockets. Raises OSError."""
        return ()

    @abstractmethod
    def describe(self, is_ssl: bool) -> tuple[str, tuple[Any, ...]]:
        """Describe the open address for a log line.

        Args:
            is_ssl: whether clients have to use TLS.

        Returns:
            A format string of `logging`, and its arguments.
        """

    def log_running(self, is_ssl: bool) -> None:
        """Log that a server runs on this address. `is_ssl` is as for `describe`."""
        where, args = self.describe(is_ssl)
        text = "Uvicorn running on {} (Press CTRL+C to quit)"
        logger.info(text.format(where), *args, extra={"color_message": text.format(f"\x1b[1m{where}\x1b[0m")})

    def close(self) -> None:
        """Close the sockets, and remove the file of a unix socket."""
        for sock in self.sockets:
            sock.close()
        self.sockets = []


def binds_of(config: "Config") -> list[Bind]:
    """Make the binds for the options."""
    if config.bind:
        binds = [bind_to(address, config.uds_mode, flag="--bind") for address in config.bind]
        _leave_ipv4_to_others([bind for bind in binds if isinstance(bind, TcpBind)])
        return binds
    if config.uds is not None:
        return [UnixBind(config.uds, config.uds_mode)]
    if config.fd is not None:
        return [InheritedBind(config.fd)]
    return [TcpBind(config.host, config.port)]


def bind_to(address: str, uds_mode: int | None = None, flag: str = "") -> Bind:
    """Parse an address of --bind.

    Args:
        address: `host:port`, `[IPv6]:port`, `unix:PATH`, `fd:N`, `systemd` or `systemd:NAME`.
        uds_mode: as for `UnixBind`.
        flag: as for `TcpBind`.

    Raises:
        ValueError: the address is malformed.
    """
    scheme, colon, rest = address.partition(":")
    if scheme == "unix" and rest:
        return UnixBind(rest, uds_mode)
    if scheme == "fd" and rest.isascii() and rest.isdecimal():
        return InheritedBind(int(rest))
    if scheme == "systemd" and bool(rest) == bool(colon):
        return SystemdBind(rest)
    found = _HOST_AND_PORT.fullmatch(address)
    if found is None or int(found["port"]) > LAST_PORT:
        raise ValueError(address)
    return TcpBind(found["ipv6"] or found["host"], int(found["port"]), flag)


def open_all(binds: Sequence[Bind]) -> None:
    """Open all binds. If one fails, close all. The first address of a bind may be open already.

    Raises:
        OSError: an address cannot be bound, or two binds have the same address.
    """
    try:
        for bind in binds:
            if bind.sockets:
                bind.open_others()
            else:
                bind.open()
        _refuse_overlaps(binds)
    except OSError:
        for bind in binds:
            bind.close()
        raise


def _refuse_overlaps(binds: Sequence[Bind]) -> None:
    """Refuse binds with the same address. Otherwise only `listen` would fail, or one would replace the other's file."""
    earlier: list[tuple[int, Any]] = []
    for bind in binds:
        if not isinstance(bind, InheritedBind | SystemdBind):  # Inherited sockets may share an address.
            for sock in bind.sockets:
                named = sock.family, sock.getsockname()
                if any(_overlap(named, other) for other in earlier):
                    raise OSError(errno.EADDRINUSE, f"--bind names the address {_shown(named[1])} twice")
                earlier.append(named)


def _overlap(one: tuple[int, Any], other: tuple[int, Any]) -> bool:
    (family, address), (other_family, other_address) = one, other
    if family != other_family or not isinstance(address, tuple):
        return one == other
    host, port, *scope = address
    other_host, other_port, *other_scope = other_address
    is_same = (host, scope) == (other_host, other_scope)
    return port == other_port and (is_same or not {"0.0.0.0", "::"}.isdisjoint((host, other_host)))


def _leave_ipv4_to_others(binds: "list[TcpBind]") -> None:
    """Let [::] listen only on IPv6 if an IPv4 address has the same port. Otherwise, not both could be bound."""
    ports = {bind.port for bind in binds if bind.port and ":" not in bind.host}
    for bind in binds:
        bind.only_ipv6 = bind.only_ipv6 or bind.port in ports


# --- TCP --------------------------------------------------------------------------------------------------------------


class TcpBind(Bind):
    """A host and a port.

    Args:
        host: a name or an address. The empty string means all interfaces.
        port: 0 means any free port; all addresses of the host get the same.
        flag: the flag with which host and port were given together; empty for --host and --port. Errors name it.

    Attributes:
        only_ipv6: whether the address :: accepts only IPv6.
    """

    def __init__(self, host: str, port: int, flag: str = "") -> None:
        super().__init__()
        self.host = host
        self.port = port
        self._flag = flag
        self.only_ipv6 = not socket.has_dualstack_ipv6()

    def _bind(self) -> socket.socket:
        # If :: is the only address, it accepts IPv4 too, on systems that support this.
        return self._bind_one(*_resolve(self.host, self.port)[0], only_ipv6=self.only_ipv6)

    def _bind_others(self) -> Iterator[socket.socket]:
        for family, kind, protocol, name, (host, _, *rest) in _resolve(self.host, self.port)[1:]:
            port = self.sockets[0].getsockname()[1]
            # A name can have an address of a family that this machine does not support.
            with _skipping(errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
                yield self._bind_one(family, kind, protocol, name, (host, port, *rest), only_ipv6=True)

    def _bind_one(
        self, family: int, kind: int, protocol: int, name: str, address: Any, *, only_ipv6: bool
    ) -> socket.socket:
        """Bind a socket to an address in the form of `getaddrinfo`."""
        sock = socket.socket(family, kind, protocol)
        with _binding(sock, address, self._hint):
            if sys.platform not in (
                "win32",
                "cygwin",
            ):  # On these systems, this option would allow two servers to use the same port.
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only_ipv6)
            sock.bind(address)
        return sock

    def _hint(self, number: int | None) -> str:
        if number == errno.EADDRINUSE:
            from uvicorn.net.port_owner import owner_of_port

            owner = owner_of_port(self.port)
            free = f"{self._flag} {_shown((self.host, 0))}" if self._flag else "--port 0"
            return f"{f' by {owner}' if owner else ''}; {free} takes any free port"
        if number == errno.EACCES and self.port < FIRST_FREE_PORT:
            return f"; only root, or a process with CAP_NET_BIND_SERVICE, binds to a port below {FIRST_FREE_PORT}"
        if number == errno.EADDRNOTAVAIL:
            return f"; {self._flag or '--host'} takes an address of this machine, or 0.0.0.0 for all of them"
        return ""

    def describe(self, is_ssl: bool) -> tuple[str, tuple[Any, ...]]:
        host = self.host or ALL_INTERFACES
        # Log handlers of programs read the scheme, the host and the actual port from the arguments.
        port = self.sockets[0].getsockname()[1]
        return "%s://%s:%d", ("https" if is_ssl else "http", f"[{host}]" if ":" in host else host, port)


def _resolve(host: str, port: int) -> list[Any]:
    """The addresses of a host by `getaddrinfo`, without duplicates. IPv4 is first: it was the only one before."""
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as exc:
        raise OSError(exc.errno, f"cannot resolve host {host!r}: {exc.strerror}{_host_hint(host)}") from None
    return sorted(dict.fromkeys(found), key=lambda info: info[0] != socket.AF_INET)


def _host_hint(host: str) -> str:
    """Say what is wrong with a host that cannot be resolved, if its text shows that.

    --bind refuses such hosts earlier.
    """
    if host.startswith("["):
        return "; --host takes an IPv6 address without brackets"
    return "; --host takes neither a scheme nor a port, and --port takes the port" if ":" in host else ""


@contextlib.contextmanager
def _skipping(*numbers: int) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        if exc.errno not in numbers:
            raise


# --- Unix sockets -----------------------------------------------------------------------------------------------------


class UnixBind(Bind):
    """A unix socket. If another server has left a socket at its path, that one is replaced.

    Args:
        path: the path of the file. If it begins with a zero byte, it is a name in the abstract namespace of Linux,
            where
            sockets have neither a file nor a mode (unix(7)).
        mode: the mode of the file. By default that of the replaced socket, or 0o666.
    """

    def __init__(self, path: str, mode: int | None = None) -> None:
        super().__init__()
        self.path = path
        self.mode = mode
        self._inode: int | None = None

    @property
    def _has_file(self) -> bool:
        return not self.path.startswith("\0")

    def _bind(self) -> socket.socket:
        path = self.path
        if sys.platform == "win32":
            raise OSError(errno.EAFNOSUPPORT, f"cannot bind to unix socket {path!r}: Windows has none")
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with _binding(sock, path, self._hint):
            mode = self._make_way() if self._has_file else None
            sock.bind(path)
            if mode is not None:
                os.chmod(path, mode)
        return sock

    def _make_way(self) -> int:
        """Remove an unused socket at the path. Returns the mode for the new one."""
        found = self._stat()
        mode = DEFAULT_UDS_MODE
        if found is not None:
            if stat.S_ISSOCK(found.st_mode) and not _is_served(self.path):
                os.unlink(self.path)
            mode = stat.S_IMODE(found.st_mode)
        return mode if self.mode is None else self.mode

    def _hint(self, number: int | None) -> str:
        found = self._stat()
        if number != errno.EADDRINUSE or found is None:
            return ""
        return " by another server" if stat.S_ISSOCK(found.st_mode) else "; the file there is not a socket"

    def adopt(self, sock: socket.socket) -> socket.socket:
        found = self._stat()
        if found is not None and stat.S_ISSOCK(found.st_mode):
            self._inode = found.st_ino
        return super().adopt(sock)

    def describe(self, is_ssl: bool) -> tuple[str, tuple[Any, ...]]:
        return "unix socket %s", (self.path,)

    def close(self) -> None:
        super().close()
        found = self._stat()
        # If another server has replaced the file, it stays.
        if found is not None and found.st_ino == self._inode:
            os.unlink(self.path)

    def _stat(self) -> os.stat_result | None:
        try:
            return os.stat(self.path) if self._has_file else None
        except OSError:  # There is no file, or it cannot be accessed.
            return None


def _is_served(path: str) -> bool:
    if sys.platform == "win32":
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.setblocking(False)  # Do not wait if the queue of a server is full: that is a server too.
        return client.connect_ex(path) in (0, errno.EAGAIN, errno.EINPROGRESS)


# --- Inherited sockets ------------------------------------------------------------------------------------------------


class InheritedBind(Bind):
    """A listening socket that this process has inherited. The server uses a duplicate.

    Args:
        fd: the descriptor of the socket.
    """

    def __init__(self, fd: int) -> None:
        super().__init__()
        self.fd = fd

    def _bind(self) -> socket.socket:
        return _duplicate(self.fd)

    def describe(self, is_ssl: bool) -> tuple[str, tuple[Any, ...]]:
        return "socket %s", (self.sockets[0].getsockname(),)


class SystemdBind(Bind):
    """The sockets that systemd has opened for this process (sd_listen_fds(3)). The server uses duplicates.

    Args:
        name: only sockets with this `FileDescriptorName=` in the socket unit. The empty string means all sockets.
    """

    def __init__(self, name: str = "") -> None:
        super().__init__()
        self.name = name

    def _bind(self) -> socket.socket:
        return _duplicate(self._passed()[0])

    def _bind_others(self) -> Iterator[socket.socket]:
        for fd in self._passed()[1:]:
            yield _duplicate(fd)

    def _passed(self) -> list[int]:
        """The descriptors of the sockets. Raises OSError if there are none."""
        environ = os.environ
        if environ.get("LISTEN_PID") != str(os.getpid()):
            message = "systemd has passed no sockets to this process (LISTEN_PID); is there a socket unit?"
            raise OSError(errno.ENOENT, message)
        count = environ.get("LISTEN_FDS", "")
        names = environ.get("LISTEN_FDNAMES", "").split(":")
        last = FIRST_PASSED_FD + (int(count) if count.isascii() and count.isdecimal() else 0)
        passed = list(range(FIRST_PASSED_FD, last))
        found = [fd for fd, name in itertools.zip_longest(passed, names) if fd and self.name in ("", name)]
        if not found:
            what = f"named {self.name!r}; the names are {', '.join(names)}" if self.name else f"(LISTEN_FDS={count})"
            raise OSError(errno.ENOENT, f"systemd has passed no socket {what}")
        return found

    def describe(self, is_ssl: bool) -> tuple[str, tuple[Any, ...]]:
        return "systemd socket %s", (", ".join(_shown(sock.getsockname()) for sock in self.sockets),)


def _shown(address: Any) -> str:
    if not isinstance(address, tuple):
        return str(address)
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _duplicate(fd: int) -> socket.socket:
    try:
        duplicate = os.dup(fd)
        try:
            return socket.socket(fileno=duplicate)
        except OSError:
            os.close(duplicate)
            raise
    except OSError as exc:
        raise OSError(exc.errno, f"cannot serve file descriptor {fd}: {exc.strerror}") from None


# --- Errors -----------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _binding(sock: socket.socket, address: object, hint: Callable[[int | None], str]) -> Iterator[None]:
    """If the block fails, close the socket, and raise an OSError with the text that asyncio uses.

    Args:
        sock: the socket that is bound in the block.
        address: its address.
        hint: gets the number of the error. Returns a text about the reason and what to do; may be empty.
    """
    try:
        yield
    except OSError as exc:
        sock.close()
        reason = (exc.strerror or str(exc)).lower() + hint(exc.errno)
        raise OSError(exc.errno, f"error while attempting to bind on address {address!r}: {reason}") from None
