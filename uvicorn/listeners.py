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
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from uvicorn.config import Config

logger = logging.getLogger("uvicorn.error")

# Everybody may connect to a unix socket, unless an existing one says otherwise.
DEFAULT_UDS_MODE: Final = 0o666
# What the empty host stands for; asyncio adds IPv6 to it.
ALL_INTERFACES: Final = "0.0.0.0"

# How many connections asyncio accepts in one pass of the loop: it takes the backlog for that. When no more files are to
# be had, it reports as many failures, each with a traceback, once a second. The sockets get the real backlog after it.
ACCEPTED_AT_ONCE = 16

# How long a client may take to confirm the end of a TLS connection, in seconds: event loops allow 30, and a server
# that shuts down would have to wait as long for a client that has gone to sleep.
TLS_SHUTDOWN_TIMEOUT = 2.0


class Address(Protocol):
    """The options that say where to serve; `Config` has them."""

    host: str
    port: int
    uds: str | None
    fd: int | None

    @property
    def is_ssl(self) -> bool:
        """Whether clients have to speak TLS."""


def bind_socket(address: Address) -> socket.socket:
    """Make the socket that the options ask for; it does not listen yet.

    Raises:
        OSError: it cannot be bound; the message says to what.
    """
    if address.uds is not None:
        return bind_unix_socket(address.uds)
    if address.fd is not None:
        return adopt_inherited_socket(address.fd)
    return bind_tcp_socket(address.host, address.port)


def log_running(address: Address, sock: socket.socket) -> None:
    """Log where the server runs.

    Args:
        address: what was asked for.
        sock: what came of it; it knows the port that 0 became.
    """
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
    # A name of both families has been bound to IPv4 for ever; whoever wants IPv6 gives an address of it.
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
    """Take a duplicate of an inherited socket.

    Raises:
        OSError: `fd` is not open, or not a socket.
    """
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
        # A full queue must not block us: it is a server too.
        client.setblocking(False)
        return client.connect_ex(path) in (0, errno.EAGAIN, errno.EINPROGRESS)


def _bind_error(exc: OSError, address: object) -> OSError:
    """The message of asyncio, so that a bind error reads the same however the server was started."""
    reason = (exc.strerror or str(exc)).lower()
    return OSError(exc.errno, f"error while attempting to bind on address {address!r}: {reason}")


def tls_options(config: "Config", loop: asyncio.AbstractEventLoop) -> dict[str, Any]:
    """The options of TLS, for the methods of `loop` that accept connections; `config` is loaded."""
    if config.ssl is None:
        return {}
    options: dict[str, Any] = {"ssl": config.ssl, "ssl_handshake_timeout": config.timeout_ssl_handshake}
    # asyncio of Python 3.10 has no such limit: there the client decides.
    if sys.version_info >= (3, 11) or not isinstance(loop, asyncio.BaseEventLoop):
        options["ssl_shutdown_timeout"] = TLS_SHUTDOWN_TIMEOUT
    return options


class AnyServer(Protocol):
    """What a server asks of a listener; `asyncio.Server` and uvloop's are such."""

    def close(self) -> None:
        """Stop listening."""


class Listeners:
    """Opens, and closes, what a config asks to listen on.

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
        """Listen, and say where.

        Args:
            sockets: sockets to use instead of what the config names; whoever bound them has said where.

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
            if not config.uds.startswith("\0"):
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
        # Unix sockets too: `create_unix_server` of CPython 3.13 and of uvloop would remove the path at the end, also
        # where other processes go on serving it.
        if not isinstance(sock, socket.socket):
            # What only resembles a socket (gunicorn's do) does not notice that a loop closes the descriptor.
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
    """Make a socket of what a loop shows of one."""
    if sys.platform == "win32":  # pragma: no cover - coverage is measured on Linux
        duplicate: socket.socket = sock.dup()
        return duplicate
    return adopt_listening(os.dup(sock.fileno()), sock.family, sock.type, sock.proto)


def adopt_listening(fd: int, family: int, kind: int, protocol: int) -> socket.socket:
    """Make a socket of a descriptor, one that does not block.

    Not afterwards: PyPy makes each socket that it takes over a blocking one, for all who share it, and one of them may
    be in accept() already.
    """
    sock = socket.socket(family, kind | getattr(socket, "SOCK_NONBLOCK", 0), protocol, fileno=fd)
    sock.setblocking(False)
    return sock
