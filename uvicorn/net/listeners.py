"""Listens on sockets, and gives each connection that comes to a protocol."""

import asyncio
import os
import socket
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, cast

from uvicorn.net.bind import binds_of

if TYPE_CHECKING:
    from uvicorn.config import Config

# In one pass asyncio accepts, or fails to accept with as many tracebacks, what it is told for a backlog. The sockets
# get the real one afterwards.
ACCEPTED_AT_ONCE = 16

# How long a client may take to confirm the end of TLS, in seconds; the loop's 30 would hold up a shutdown.
TLS_SHUTDOWN_TIMEOUT = 2.0


def tls_options(config: "Config", loop: asyncio.AbstractEventLoop) -> dict[str, Any]:
    """Return the arguments about TLS for the methods of a loop that make servers and connections."""
    if config.ssl is None:
        return {}
    options = {"ssl": config.ssl, "ssl_handshake_timeout": config.timeout_ssl_handshake}
    if sys.version_info < (3, 11) and isinstance(loop, asyncio.BaseEventLoop):
        return options  # asyncio of Python 3.10 does not limit the end of TLS.
    return {**options, "ssl_shutdown_timeout": TLS_SHUTDOWN_TIMEOUT}


class AnyServer(Protocol):
    def close(self) -> None: ...


class Listeners:
    """Opens and closes what a config asks to listen on."""

    def __init__(self, config: "Config", create_protocol: Callable[[], asyncio.Protocol]) -> None:
        self._config = config
        self._create_protocol = create_protocol
        self._binds = binds_of(config)
        self.servers: list[AnyServer] = []

    def bind(self) -> None:
        """Bind to what the config names, or raise OSError. Clients are refused until it is opened."""
        try:
            for bind in self._binds:
                bind.open()
        except OSError:
            self._close_binds()
            raise

    async def open(self, sockets: Sequence[socket.socket] | None = None) -> None:
        """Listen, on sockets that somebody has bound and logged, or on what was bound; or raise OSError."""
        for sock in [sock for bind in self._binds for sock in bind.sockets] if sockets is None else sockets:
            await self._listen(sock)
        if sockets is None:
            for bind in self._binds:
                bind.log_running(self._config.is_ssl)

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
        self._close_binds()

    def _close_binds(self) -> None:
        for bind in self._binds:
            bind.close()


def _duplicate(sock: Any) -> socket.socket:
    if sys.platform == "win32":
        return cast("socket.socket", sock.dup())
    return adopt_listening(os.dup(sock.fileno()), sock.family, sock.type, sock.proto)


def adopt_listening(fd: int, family: int, kind: int, protocol: int) -> socket.socket:
    """Make a socket that does not block; PyPy's would, for all who share it, also for one who is in accept()."""
    sock = socket.socket(family, kind | getattr(socket, "SOCK_NONBLOCK", 0), protocol, fileno=fd)
    sock.setblocking(False)
    return sock
