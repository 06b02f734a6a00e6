"""Where a server listens: sockets handed to it, an inherited one, a unix socket, or a host and port."""

import asyncio
import contextlib
import errno
import logging
import os
import socket
import stat
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

if TYPE_CHECKING:
    from uvicorn.config import Config

logger = logging.getLogger("uvicorn.error")

DEFAULT_UDS_MODE: Final = 0o666
# What the empty host stands for; asyncio adds IPv6 to it.
ALL_INTERFACES: Final = "0.0.0.0"

# asyncio accepts as many connections in one pass of the loop as it is told for a backlog; without free files it reports
# as many failures, with tracebacks, each second. The sockets get the real backlog afterwards.
ACCEPTED_AT_ONCE = 16

# How long a client may take to confirm the end of TLS, in seconds. A shutdown would wait the loop's 30 for a lost one.
TLS_SHUTDOWN_TIMEOUT = 2.0


class Address(Protocol):
    """The options that say where to serve."""

    host: str
    port: int
    uds: str | None
    fd: int | None

    @property
    def is_ssl(self) -> bool: ...


def bind_socket(address: Address) -> socket.socket:
    """Make the socket that the options ask for; OSError where it cannot be bound. It does not listen yet."""
    if address.uds is not None:
        return bind_unix_socket(address.uds)
    if address.fd is not None:
        return adopt_inherited_socket(address.fd)
    return bind_tcp_socket(address.host, address.port)


def log_running(address: Address, sock: socket.socket) -> None:
    """Log where the server runs; `sock` knows the port that 0 became."""
    where: str
    args: tuple[Any, ...]
    if address.uds is not None:
        where, args = "unix socket %s", (address.uds,)
    elif address.fd is not None:
        where, args = "socket %s", (sock.getsockname(),)
    else:
        where = "https://%s:%d" if address.is_ssl else "http://%s:%d"
        host = address.host or ALL_INTERFACES
        args = (f"[{host}]" if ":" in host else host, sock.getsockname()[1])
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
    try:
        if sys.platform not in ("win32", "cygwin"):  # there the option lets two servers share a port
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
    except OSError as exc:
        sock.close()
        raise _bind_error(exc, address) from None
    return sock


def bind_unix_socket(path: str) -> socket.socket:
    """Bind to a unix socket at `path`; one that was left behind is replaced, and its mode kept.

    Raises:
        OSError: EADDRINUSE where another server listens, or where `path` is something else than a socket.
    """
    if sys.platform == "win32":
        raise OSError(errno.EAFNOSUPPORT, f"cannot bind to unix socket {path!r}: Windows has none")
    mode = DEFAULT_UDS_MODE
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        existing = None if is_abstract(path) else _existing_mode(path)
        if existing is not None:
            mode = stat.S_IMODE(existing)
            if stat.S_ISSOCK(existing) and not _is_served(path):
                os.unlink(path)
        sock.bind(path)
        if not is_abstract(path):
            os.chmod(path, mode)
    except OSError as exc:
        sock.close()
        raise _bind_error(exc, path) from None
    return sock


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
    """Remove the file of a unix socket, if it is still there."""
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


def _bind_error(exc: OSError, address: object) -> OSError:
    """The error in the words of asyncio, which binds elsewhere."""
    reason = (exc.strerror or str(exc)).lower()
    return OSError(exc.errno, f"error while attempting to bind on address {address!r}: {reason}")


def tls_options(config: "Config", loop: asyncio.AbstractEventLoop) -> dict[str, Any]:
    """The options of TLS for the methods of `loop` that accept connections."""
    if config.ssl is None:
        return {}
    options: dict[str, Any] = {"ssl": config.ssl, "ssl_handshake_timeout": config.timeout_ssl_handshake}
    # asyncio of Python 3.10 has no such limit.
    if sys.version_info >= (3, 11) or not isinstance(loop, asyncio.BaseEventLoop):
        options["ssl_shutdown_timeout"] = TLS_SHUTDOWN_TIMEOUT
    return options


class AnyServer(Protocol):
    """What a server asks of a listener."""

    def close(self) -> None: ...


class Listeners:
    """Opens and closes what a config asks to listen on.

    Args:
        config: names the place, the backlog and TLS.
        create_protocol: makes the protocol of each connection.
    """

    def __init__(self, config: "Config", create_protocol: Callable[[], asyncio.Protocol]) -> None:
        self._config = config
        self._create_protocol = create_protocol
        self.servers: list[AnyServer] = []
        self._path: tuple[str, int] | None = None  # of our own unix socket, with its inode number

    async def open(self, sockets: Sequence[socket.socket] | None = None) -> None:
        """Listen, and log where.

        Args:
            sockets: used instead of what the config names; whoever bound them has logged it.

        Raises:
            OSError: the place is taken, or not to be had.
        """
        config = self._config
        if sockets is not None:
            for sock in sockets:
                await self._listen(sock)
        elif config.fd is not None:
            sock = adopt_inherited_socket(config.fd)
            await self._listen(sock)
            log_running(config, sock)
        elif config.uds is not None:
            sock = bind_unix_socket(config.uds)
            if not is_abstract(config.uds):
                self._path = config.uds, os.stat(config.uds).st_ino
            await self._listen(sock)
            log_running(config, sock)
        else:
            await self._listen_on_host()

    async def _create_server(self, **where: Any) -> asyncio.Server:
        config, loop = self._config, asyncio.get_running_loop()
        backlog = min(config.backlog, ACCEPTED_AT_ONCE)
        return await loop.create_server(self._create_protocol, backlog=backlog, **where, **tls_options(config, loop))

    async def _listen(self, sock: socket.socket) -> None:
        # Unix sockets too: `create_unix_server` of CPython 3.13 and of uvloop would remove the path at the end, though
        # other processes may go on serving it.
        if not isinstance(sock, socket.socket):
            # One of gunicorn's does not notice that a loop closes the descriptor.
            sock = _duplicate(sock)
        self.servers.append(await self._create_server(sock=sock))
        sock.listen(self._config.backlog)

    async def _listen_on_host(self) -> None:
        config = self._config
        server = await self._create_server(host=config.host, port=config.port)
        self.servers.append(server)
        for sock in server.sockets:
            with _duplicate(sock) as duplicate:
                duplicate.listen(config.backlog)
        log_running(config, server.sockets[0])

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
    if sys.platform == "win32":  # pragma: no cover - coverage is measured on Linux
        return cast("socket.socket", sock.dup())
    return adopt_listening(os.dup(sock.fileno()), sock.family, sock.type, sock.proto)


def adopt_listening(fd: int, family: int, kind: int, protocol: int) -> socket.socket:
    """Make a socket that does not block of a descriptor.

    PyPy would make it a blocking one, for all who share it, and one of them may be in accept() already.
    """
    sock = socket.socket(family, kind | getattr(socket, "SOCK_NONBLOCK", 0), protocol, fileno=fd)
    sock.setblocking(False)
    return sock
