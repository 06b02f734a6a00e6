"""Listens on sockets, accepts connections, and makes a protocol for each. `Server` and the workers call it."""

import asyncio
import errno
import logging
import os
import socket
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, cast

from uvicorn.net.bind import binds_of, open_all
from uvicorn.server_state import Connections

if TYPE_CHECKING:
    from uvicorn.config import Config
    from uvicorn.net.proxy_protocol import ProxyProtocol

# asyncio accepts as many connections in one turn as the backlog says, and logs as many tracebacks if it cannot accept.
# So it gets this small number, and the sockets get the real backlog afterwards.
ACCEPTED_AT_ONCE = 16

# Errors of a single connection, which has ended before it was accepted (accept(2), "Error handling"). The next
# connection can be accepted at once.
_ERRORS_OF_ONE_CONNECTION = {
    getattr(errno, name)
    for name in (
        *("ECONNABORTED", "ECONNRESET", "EHOSTDOWN", "EHOSTUNREACH", "ENETDOWN"),
        *("ENETUNREACH", "ENONET", "ENOPROTOOPT", "EPROTO"),
    )
    if hasattr(errno, name)  # Some systems do not have all of these.
}
# Seconds to wait after any other error. asyncio waits as long (`ACCEPT_RETRY_DELAY`).
ACCEPT_RETRY_DELAY = 1.0

# Seconds that a client has to confirm the end of TLS. The default of asyncio, 30, would delay a shutdown.
TLS_SHUTDOWN_TIMEOUT = 2.0

logger = logging.getLogger("uvicorn.error")


def tls_options(config: "Config", loop: asyncio.AbstractEventLoop) -> dict[str, Any]:
    """The arguments about TLS for `loop.create_server` and `loop.connect_accepted_socket`."""
    if config.ssl is None:
        return {}
    options = {"ssl": config.ssl, "ssl_handshake_timeout": config.timeout_ssl_handshake}
    if sys.version_info < (3, 11) and isinstance(loop, asyncio.BaseEventLoop):
        return options  # asyncio of Python 3.10 does not have the next argument.
    return {**options, "ssl_shutdown_timeout": TLS_SHUTDOWN_TIMEOUT}


class AnyServer(Protocol):
    def close(self) -> None: ...


def get_accept_delay(exc: OSError) -> float:
    """Decide how long to wait after an error of accept(2), and log the error unless it belongs to one connection.

    No error ends accepting: descriptors and memory can become free, and the rule of a firewall can be changed. Without
    the pause, a permanent error would use all of the CPU.

    Returns:
        Seconds.
    """
    if exc.errno in _ERRORS_OF_ONE_CONNECTION:
        return 0.0
    logger.error("Cannot accept connections: %s. Trying again in %g s.", exc.strerror or exc, ACCEPT_RETRY_DELAY)
    return ACCEPT_RETRY_DELAY


def listen(sock: socket.socket, backlog: int) -> None:
    """Listen on a socket that is bound.

    Raises:
        OSError: another server has begun to listen there since; the message names the address.
    """
    try:
        sock.listen(backlog)
    except OSError as exc:
        raise OSError(
            exc.errno, f"cannot listen on {sock.getsockname()!r}: {(exc.strerror or str(exc)).lower()}"
        ) from None


class Connector:
    """Sets up accepted connections: reads the PROXY header and starts TLS, if the config says so.

    Args:
        config: the config of the server.
        create_protocol: makes the protocol of a connection.
        connections: the connections of the server; they count those that are refused.
    """

    def __init__(
        self, config: "Config", create_protocol: Callable[[], asyncio.Protocol], connections: Connections
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._refused = connections.refused
        self._create_protocol = create_protocol
        self._tls_options = tls_options(config, self._loop)
        self._proxy_protocol = _proxy_protocol(config, create_protocol) if config.proxy_protocol else None

    async def connect(self, accepted: socket.socket) -> None:
        """Set up a connection and give it to a protocol, or count why that failed and close it."""
        create_protocol = self._create_protocol
        reason = "proxy_protocol"
        try:
            if self._proxy_protocol is not None:
                create_protocol = await self._proxy_protocol.announce(accepted)
            reason = "tls_handshake" if self._tls_options else "other"
            await self._loop.connect_accepted_socket(create_protocol, accepted, **self._tls_options)
        except OSError as exc:  # This includes `ssl.SSLError`, which a client can cause.
            logger.debug("A connection could not be set up: %s", exc)
            self._refuse(accepted, reason)
        except asyncio.CancelledError:
            self._refuse(accepted, "shutdown")
            raise

    def _refuse(self, accepted: socket.socket, reason: str) -> None:
        self._refused[reason] += 1
        accepted.close()


def _proxy_protocol(config: "Config", create_protocol: Callable[[], asyncio.Protocol]) -> "ProxyProtocol":
    from uvicorn.net.proxy_protocol import ProxyProtocol  # imported here, because most servers do not need it

    return ProxyProtocol(config, create_protocol)


class AcceptingServer:
    """Accepts connections from one socket, and closes the socket at the end.

    `loop.create_server` is not enough here: it cannot read a header before TLS, and does not show running handshakes.

    Args:
        sock: a bound socket. This object closes it.
        connector: sets up the connections.
        connections: the connections of the server, including those that are being set up.
        backlog: how many connections may wait to be accepted.
    """

    def __init__(self, sock: socket.socket, connector: Connector, connections: Connections, backlog: int) -> None:
        self._sock = sock
        self._connector = connector
        self._connections = connections
        sock.setblocking(False)
        listen(sock, backlog)
        self._accepting = asyncio.get_running_loop().create_task(self._accept())

    @property
    def sockets(self) -> tuple[socket.socket, ...]:
        """The socket, unless it is closed. Programs read the port from this attribute, as from servers of asyncio."""
        return () if self._sock.fileno() < 0 else (self._sock,)

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while True:
                delay = 0.0
                try:
                    accepted, _ = await loop.sock_accept(self._sock)
                except OSError as exc:
                    delay = get_accept_delay(exc)
                else:
                    accepted.setblocking(False)
                    self._connections.set_up(self._connector.connect(accepted))
                # `sock_accept` does not wait while connections are waiting. This lets other callbacks run.
                await asyncio.sleep(delay)
        finally:
            self._sock.close()

    def close(self) -> None:
        """Stop listening."""
        self._accepting.cancel()


class Listeners:
    """Opens and closes the listening sockets of a server.

    Args:
        config: the config of the server.
        create_protocol: makes the protocol of a connection.
        connections: the connections of the server.
    """

    def __init__(
        self, config: "Config", create_protocol: Callable[[], asyncio.Protocol], connections: Connections
    ) -> None:
        self._config = config
        self._create_protocol = create_protocol
        self._connections = connections
        self._binds = binds_of(config)
        self.servers: list[AnyServer] = []

    def bind(self) -> None:
        """Bind to the addresses of the config. Connections are refused until `open`. Raises OSError."""
        open_all(self._binds)

    async def open(self, sockets: Sequence[socket.socket] | None = None) -> None:
        """Listen.

        Args:
            sockets: sockets that the caller has bound and logged. None: the addresses that `bind` has bound.

        Raises:
            OSError: a socket cannot listen.
        """
        for sock in [sock for bind in self._binds for sock in bind.sockets] if sockets is None else sockets:
            await self._listen(sock)
        if sockets is None:
            for bind in self._binds:
                bind.log_running(self._config.is_ssl)

    async def _listen(self, sock: socket.socket) -> None:
        # `create_unix_server` is not used: with CPython 3.13 and with uvloop, its `close` removes the path, although
        # another server may use it by then.
        if not isinstance(sock, socket.socket):
            # It is an object of gunicorn, which would not notice that the loop closes the descriptor.
            sock = _duplicate(sock)
        config, loop = self._config, asyncio.get_running_loop()
        if config.proxy_protocol or config.ssl is not None:
            connector = Connector(config, self._create_protocol, self._connections)
            self.servers.append(AcceptingServer(sock, connector, self._connections, config.backlog))
            return
        create_protocol = self._create_protocol
        if config.metrics is not None:
            create_protocol = self._connections.count_accepted(create_protocol)
        listen(sock, config.backlog)  # The errors of a loop do not name the address.
        backlog = min(config.backlog, ACCEPTED_AT_ONCE)
        self.servers.append(await loop.create_server(create_protocol, sock=sock, backlog=backlog))
        sock.listen(config.backlog)

    def close(self) -> None:
        """Stop listening."""
        for server in self.servers:
            server.close()
        self._close_binds()

    def _close_binds(self) -> None:
        for bind in self._binds:
            bind.close()


def _duplicate(sock: Any) -> socket.socket:
    if sys.platform == "win32":
        return cast("socket.socket", sock.dup())
    return adopt_listening(os.dup(sock.fileno()), sock.family, sock.type, sock.proto)


def adopt_listening(fd: int, family: int, kind: int, protocol: int) -> socket.socket:
    """Make a non-blocking socket.

    On PyPy, the plain constructor would make a shared descriptor blocking for a moment.
    """
    sock = socket.socket(family, kind | getattr(socket, "SOCK_NONBLOCK", 0), protocol, fileno=fd)
    sock.setblocking(False)
    return sock
