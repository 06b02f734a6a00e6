"""Where a server listens: handed sockets, an inherited one, a unix socket, or a host and port."""

import asyncio
import contextlib
import errno
import logging
import os
import socket
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    from uvicorn.config import Config

logger = logging.getLogger("uvicorn.error")

DEFAULT_UDS_MODE = 0o666
# How the empty host, which stands for all interfaces, is shown.
ALL_INTERFACES = "0.0.0.0"

# In one pass asyncio accepts, or fails to accept with as many tracebacks, what it is told for a backlog. The sockets
# get the real one afterwards.
ACCEPTED_AT_ONCE = 16

# Those below are the system's (RFC 6335, section 6).
FIRST_FREE_PORT = 1024

# How long a client may take to confirm the end of TLS, in seconds; the loop's 30 would hold up a shutdown.
TLS_SHUTDOWN_TIMEOUT = 2.0


def bind_socket(address: "Config") -> socket.socket:
    """Make the socket that the options ask for, or raise OSError. It does not listen yet."""
    if address.uds is not None:
        return bind_unix_socket(address.uds)
    if address.fd is not None:
        return adopt_inherited_socket(address.fd)
    return bind_tcp_socket(address.host, address.port)


def bind_other_addresses(address: "Config", bound: socket.socket) -> list[socket.socket]:
    """Make a socket, of the port that `bound` has, for each further address of the host."""
    if address.uds is not None or address.fd is not None:
        return []
    sockets: list[socket.socket] = []
    others = _resolve(address.host, address.port)[1:]
    port = bound.getsockname()[1] if others else 0
    try:
        for family, kind, protocol, _, (host, _, *rest) in others:
            # A name may have an address of a family that this machine has not.
            with _skipping(errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
                sockets.append(_bind_tcp_socket(family, kind, protocol, (host, port, *rest), only_ipv6=True))
    except OSError:
        for sock in sockets:
            sock.close()
        raise
    return sockets


def log_running(address: "Config", sock: Any) -> None:
    """Log where the server runs; `sock` knows the port that 0 became."""
    where: str
    args: tuple[Any, ...]
    if address.uds is not None:
        where, args = "unix socket %s", (address.uds,)
    elif address.fd is not None:
        where, args = "socket %s", (sock.getsockname(),)
    else:
        host = address.host or ALL_INTERFACES
        # Log handlers read the scheme, the host and the port from the arguments.
        where = "%s://%s:%d"
        args = ("https" if address.is_ssl else "http", f"[{host}]" if ":" in host else host, sock.getsockname()[1])
    text = "Uvicorn running on {} (Press CTRL+C to quit)"
    logger.info(text.format(where), *args, extra={"color_message": text.format(f"\x1b[1m{where}\x1b[0m")})


def bind_tcp_socket(host: str, port: int) -> socket.socket:
    """Bind to the first address of `host`; the empty one means all interfaces."""
    family, kind, protocol, _, address = _resolve(host, port)[0]
    # The address :: alone means IPv4 too, if the system can.
    return _bind_tcp_socket(family, kind, protocol, address, only_ipv6=not socket.has_dualstack_ipv6())


def _resolve(host: str, port: int) -> list[Any]:
    """What `getaddrinfo` knows of a host, each address once; those of IPv4, which clients have used so far, first."""
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as exc:
        raise OSError(exc.errno, f"cannot resolve host {host!r}: {exc.strerror}") from None
    return sorted(dict.fromkeys(found), key=lambda info: info[0] != socket.AF_INET)


def _bind_tcp_socket(family: int, kind: int, protocol: int, address: Any, *, only_ipv6: bool) -> socket.socket:
    sock = socket.socket(family, kind, protocol)
    with _binding(sock, address):
        if sys.platform not in ("win32", "cygwin"):  # there the option lets two servers share a port
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only_ipv6)
        sock.bind(address)
    return sock


@contextlib.contextmanager
def _skipping(*numbers: int) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        if exc.errno not in numbers:
            raise


def bind_unix_socket(path: str) -> socket.socket:
    """Bind to a unix socket at `path`; one that was left behind is replaced, and its mode kept."""
    if sys.platform == "win32":
        raise OSError(errno.EAFNOSUPPORT, f"cannot bind to unix socket {path!r}: Windows has none")
    mode = DEFAULT_UDS_MODE
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with _binding(sock, path):
        existing = None if is_abstract(path) else _existing_mode(path)
        if existing is not None:
            mode = stat.S_IMODE(existing)
            if stat.S_ISSOCK(existing) and not _is_served(path):
                os.unlink(path)
        sock.bind(path)
        if not is_abstract(path):
            os.chmod(path, mode)
    return sock


@contextlib.contextmanager
def _binding(sock: socket.socket, address: object) -> Iterator[None]:
    """If it fails, close the socket, and raise the error in the words of asyncio."""
    try:
        yield
    except OSError as exc:
        sock.close()
        reason = (exc.strerror or str(exc)).lower() + _hint(exc, address)
        raise OSError(exc.errno, f"error while attempting to bind on address {address!r}: {reason}") from None


def _hint(exc: OSError, address: object) -> str:
    """What more there is to say of an address that cannot be bound, and what to do."""
    if not isinstance(address, tuple):
        return ""
    port = address[1]
    if exc.errno == errno.EADDRINUSE:
        from uvicorn.net.port_owner import owner_of_port

        owner = owner_of_port(port)
        return f"{f' by {owner}' if owner else ''}; --port 0 takes any free port"
    if exc.errno == errno.EACCES and port < FIRST_FREE_PORT:
        return f"; only root, or a process with CAP_NET_BIND_SERVICE, binds to a port below {FIRST_FREE_PORT}"
    if exc.errno == errno.EADDRNOTAVAIL:
        return "; --host is an address of this machine, or 0.0.0.0 for all of them"
    return ""


def adopt_inherited_socket(fd: int) -> socket.socket:
    """Take a duplicate of an inherited socket; OSError where `fd` is none."""
    try:
        duplicate = os.dup(fd)
        try:
            return socket.socket(fileno=duplicate)
        except OSError:
            os.close(duplicate)
            raise
    except OSError as exc:
        raise OSError(exc.errno, f"cannot serve file descriptor {fd}: {exc.strerror}") from None


def is_abstract(path: str) -> bool:
    """Whether `path` is in Linux's abstract namespace, where a socket has neither a file nor a mode (unix(7))."""
    return path.startswith("\0")


def remove_unix_socket(path: str) -> None:
    if not is_abstract(path):
        existing = _existing_mode(path)
        if existing is not None and stat.S_ISSOCK(existing):
            os.unlink(path)


def _existing_mode(path: str) -> int | None:
    try:
        return os.stat(path).st_mode
    except FileNotFoundError:
        return None


def _is_served(path: str) -> bool:
    if sys.platform == "win32":
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.setblocking(False)  # One whose queue is full is a server too.
        return client.connect_ex(path) in (0, errno.EAGAIN, errno.EINPROGRESS)


def tls_options(config: "Config", loop: asyncio.AbstractEventLoop) -> dict[str, Any]:
    if config.ssl is None:
        return {}
    options: dict[str, Any] = {"ssl": config.ssl, "ssl_handshake_timeout": config.timeout_ssl_handshake}
    # asyncio of Python 3.10 has no such limit.
    if sys.version_info >= (3, 11) or not isinstance(loop, asyncio.BaseEventLoop):
        options["ssl_shutdown_timeout"] = TLS_SHUTDOWN_TIMEOUT
    return options


class AnyServer(Protocol):
    def close(self) -> None: ...


class Listeners:
    """Opens and closes what a config asks to listen on."""

    def __init__(self, config: "Config", create_protocol: Callable[[], asyncio.Protocol]) -> None:
        self._config = config
        self._create_protocol = create_protocol
        self.servers: list[AnyServer] = []
        self._sockets: list[socket.socket] = []
        self._path: tuple[str, int] | None = None  # of our own unix socket, with its inode number

    def bind(self) -> None:
        """Bind to what the config names, or raise OSError. Clients are refused until it is opened."""
        config = self._config
        self._sockets.append(bind_socket(config))
        if config.uds is not None and not is_abstract(config.uds):
            self._path = config.uds, os.stat(config.uds).st_ino
        self._sockets += bind_other_addresses(config, self._sockets[0])

    async def open(self, sockets: Sequence[socket.socket] | None = None) -> None:
        """Listen, on sockets that somebody has bound and logged, or on what was bound; or raise OSError."""
        for sock in self._sockets if sockets is None else sockets:
            await self._listen(sock)
        if sockets is None:
            log_running(self._config, self._sockets[0])

    async def _listen(self, sock: socket.socket) -> None:
        # Not `create_unix_server`: of CPython 3.13 and uvloop, it would in the end remove a path that others may serve.
        if not isinstance(sock, socket.socket):
            # One of gunicorn's does not notice that a loop closes the descriptor.
            sock = _duplicate(sock)
        config, loop = self._config, asyncio.get_running_loop()
        backlog = min(config.backlog, ACCEPTED_AT_ONCE)
        server = await loop.create_server(
            self._create_protocol, sock=sock, backlog=backlog, **tls_options(config, loop)
        )
        self.servers.append(server)
        sock.listen(config.backlog)

    def close(self) -> None:
        """Stop listening."""
        for server in self.servers:
            server.close()
        for sock in self._sockets:
            sock.close()
        if self._path is not None:
            path, inode = self._path
            # A server that has taken the path over meanwhile keeps it.
            with contextlib.suppress(FileNotFoundError):
                if os.stat(path).st_ino == inode:
                    os.unlink(path)


def _duplicate(sock: Any) -> socket.socket:
    if sys.platform == "win32":
        return cast("socket.socket", sock.dup())
    return adopt_listening(os.dup(sock.fileno()), sock.family, sock.type, sock.proto)


def adopt_listening(fd: int, family: int, kind: int, protocol: int) -> socket.socket:
    """Make a socket that does not block; PyPy's would, for all who share it, also for one who is in accept()."""
    sock = socket.socket(family, kind | getattr(socket, "SOCK_NONBLOCK", 0), protocol, fileno=fd)
    sock.setblocking(False)
    return sock
