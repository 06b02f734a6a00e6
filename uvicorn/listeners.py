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
# What the empty host stands for; asyncio adds IPv6 to it.
ALL_INTERFACES = "0.0.0.0"

# In one pass asyncio accepts, or fails to accept with as many tracebacks, what it is told for a backlog. The sockets
# get the real one afterwards.
ACCEPTED_AT_ONCE = 16

# How long a client may take to confirm the end of TLS, in seconds; the loop's 30 would hold up a shutdown.
TLS_SHUTDOWN_TIMEOUT = 2.0


def bind_socket(address: "Config") -> socket.socket:
    """Make the socket that the options ask for, or raise OSError. It does not listen yet."""
    if address.uds is not None:
        return bind_unix_socket(address.uds)
    if address.fd is not None:
        return adopt_inherited_socket(address.fd)
    return bind_tcp_socket(address.host, address.port)


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
    """Bind to the first address of `host`; the empty one means all interfaces of IPv4."""
    try:
        found = socket.getaddrinfo(host or ALL_INTERFACES, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as exc:
        raise OSError(exc.errno, f"cannot resolve host {host!r}: {exc.strerror}") from None
    # Of a name of both families it has always been IPv4.
    family, kind, protocol, _, address = min(found, key=lambda info: info[0] != socket.AF_INET)
    sock = socket.socket(family, kind, protocol)
    with _binding(sock, address):
        if sys.platform not in ("win32", "cygwin"):  # there the option lets two servers share a port
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
    return sock


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
    """Where it fails, close the socket, and raise the error in the words of asyncio."""
    try:
        yield
    except OSError as exc:
        sock.close()
        reason = (exc.strerror or str(exc)).lower()
        raise OSError(exc.errno, f"error while attempting to bind on address {address!r}: {reason}") from None


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
        self._path: tuple[str, int] | None = None  # of our own unix socket, with its inode number

    async def open(self, sockets: Sequence[socket.socket] | None = None) -> None:
        """Listen, on sockets that somebody has bound and logged, or on what the config names; or raise OSError."""
        config = self._config
        if sockets is not None:
            for sock in sockets:
                await self._listen(sock)
            return
        if config.fd is not None:
            sock = adopt_inherited_socket(config.fd)
            await self._listen(sock)
        elif config.uds is not None:
            sock = bind_unix_socket(config.uds)
            if not is_abstract(config.uds):
                self._path = config.uds, os.stat(config.uds).st_ino
            await self._listen(sock)
        else:
            sock = await self._listen_on_host()
        log_running(config, sock)

    async def _create_server(self, **where: Any) -> asyncio.Server:
        config, loop = self._config, asyncio.get_running_loop()
        backlog = min(config.backlog, ACCEPTED_AT_ONCE)
        return await loop.create_server(self._create_protocol, backlog=backlog, **where, **tls_options(config, loop))

    async def _listen(self, sock: socket.socket) -> None:
        # Not `create_unix_server`: of CPython 3.13 and uvloop, it would in the end remove a path that others may serve.
        if not isinstance(sock, socket.socket):
            # One of gunicorn's does not notice that a loop closes the descriptor.
            sock = _duplicate(sock)
        self.servers.append(await self._create_server(sock=sock))
        sock.listen(self._config.backlog)

    async def _listen_on_host(self) -> Any:
        config = self._config
        server = await self._create_server(host=config.host, port=config.port)
        self.servers.append(server)
        for sock in server.sockets:
            with _duplicate(sock) as duplicate:
                duplicate.listen(config.backlog)
        return server.sockets[0]

    def close(self) -> None:
        """Stop listening."""
        for server in self.servers:
            server.close()
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
