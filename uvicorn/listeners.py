"""Where a server listens: sockets handed to it, an inherited one, a unix socket, or a host and port."""

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable, Sequence
from socket import socket
from typing import Any, Protocol

from uvicorn.config import Config
from uvicorn.sockets import adopt_inherited_socket, bind_unix_socket, log_running

# How many connections asyncio accepts in one pass of the loop: it takes the backlog for that. When no more files are to
# be had, it reports as many failures, each with a traceback, once a second. The sockets get the real backlog after it.
ACCEPTED_AT_ONCE = 16


# How long a client may take to confirm the end of a TLS connection, in seconds: event loops allow 30, and a server
# that shuts down would have to wait as long for a client that has gone to sleep.
TLS_SHUTDOWN_TIMEOUT = 2.0


def tls_options(config: Config, loop: asyncio.AbstractEventLoop) -> dict[str, Any]:
    """The options of TLS, for the methods of an event loop that accept connections.

    Args:
        config: loaded.
        loop: whose methods they are.
    """
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

    def __init__(self, config: Config, create_protocol: Callable[[], asyncio.Protocol]) -> None:
        self._config = config
        self._create_protocol = create_protocol
        self.servers: list[AnyServer] = []
        self._path: tuple[str, int] | None = None  # of our own unix socket, with its inode number

    async def open(self, sockets: Sequence[socket] | None = None) -> None:
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

    async def _listen(self, sock: socket) -> None:
        # Unix sockets too: `create_unix_server` of CPython 3.13 and of uvloop would remove the path at the end, also
        # where other processes go on serving it.
        if not isinstance(sock, socket):
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


def _duplicate(sock: Any) -> socket:
    """Make a socket of what a loop shows of one."""
    if sys.platform == "win32":  # pragma: no cover - coverage is measured on Linux
        duplicate: socket = sock.dup()
        return duplicate
    duplicate = socket(fileno=os.dup(sock.fileno()))
    # PyPy has made it a blocking one, and the loop's with it, whose next accept() would stop everything.
    duplicate.setblocking(False)
    return duplicate
