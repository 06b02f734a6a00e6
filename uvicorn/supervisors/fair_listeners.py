"""Listeners of one worker among several on the same sockets: a worker that is ahead lets the others accept first."""

import asyncio
import errno
import logging
from collections.abc import Callable
from socket import socket

from uvicorn.config import Config
from uvicorn.listeners import Listeners
from uvicorn.server_state import Connections
from uvicorn.supervisors.scoreboard import Share

# How long a worker that is ahead leaves a waiting connection to the others, in seconds: so much for each connection
# that it is ahead, up to a limit, since the least loaded worker may be the one that hangs.
COURTESY = 0.002
COURTESY_MAX = 0.05
# Where the others leave the connections to us time and again, we take more of them at a time.
BATCH_MAX = 64

# Nothing helps but to wait until connections or files have been closed; asyncio waits as long (`ACCEPT_RETRY_DELAY`).
OUT_OF_RESOURCES = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
OUT_OF_RESOURCES_DELAY = 1.0

logger = logging.getLogger("uvicorn.error")


class PublishedConnections(Connections):
    """The connections of a worker, whose number the other workers see.

    Args:
        share: where it is published.
    """

    def __init__(self, share: Share) -> None:
        super().__init__()
        self._share = share
        self._accepting = False
        self.pending = 0

    def accepting(self, accepting: bool) -> None:
        """Begin or end to take part."""
        self._accepting = accepting
        if accepting:
            self.publish()
        else:
            self._share.withdraw()

    def publish(self) -> None:
        """Let the others know how many there are, those included whose set-up has not ended."""
        if self._accepting:
            self._share.publish(len(self) + self.pending)

    def add(self, protocol: object) -> None:
        super().add(protocol)
        self.publish()

    def discard(self, protocol: object) -> None:
        super().discard(protocol)
        self.publish()

    def remove(self, protocol: object) -> None:
        super().remove(protocol)
        self.publish()


class FairServer:
    """Accepts from one socket.

    The event loop's own `create_server` accepts all it can whenever it is woken, and of several processes the kernel
    tends to wake the same one first, so that one worker would have most of the long-lived connections. `SO_REUSEPORT`
    spreads by a hash, which is uneven by chance, and leaves the connections of a hanging worker to that worker.

    Args:
        sock: is listened on, and closed at the end.
        create_protocol: makes the protocol of each connection.
        share: tells whether we are ahead.
        connections: the connections of this worker.
        config: names the backlog and TLS.
    """

    def __init__(
        self,
        sock: socket,
        create_protocol: Callable[[], asyncio.Protocol],
        share: Share,
        connections: PublishedConnections,
        config: Config,
    ) -> None:
        self._sock = sock
        self._create_protocol = create_protocol
        self._share = share
        self._connections = connections
        self._loop = asyncio.get_running_loop()
        self._ssl = config.ssl
        self._ssl_handshake_timeout = config.timeout_ssl_handshake if config.ssl is not None else None
        self._setups: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._batch = 1
        self._closed = False
        sock.listen(config.backlog)
        sock.setblocking(False)
        self._loop.add_reader(sock.fileno(), self._on_readable)

    def close(self) -> None:
        """Stop listening; the socket's queue is left to the other processes that have it."""
        if self._closed:
            return
        self._closed = True
        if self._timer is None:
            self._loop.remove_reader(self._sock.fileno())
        else:
            self._timer.cancel()
        self._sock.close()

    def _on_readable(self) -> None:
        excess = self._share.excess()
        if excess > 0:
            self._pause(min(excess * COURTESY, COURTESY_MAX), self._after_courtesy)
        else:
            # One at a time: while we set it up, the others may take the next.
            self._accept()

    def _pause(self, delay: float, then: Callable[[], None]) -> None:
        self._loop.remove_reader(self._sock.fileno())
        self._timer = self._loop.call_later(delay, then)

    def _resume(self) -> None:
        self._timer = None
        self._loop.add_reader(self._sock.fileno(), self._on_readable)

    def _after_courtesy(self) -> None:
        self._resume()
        for _ in range(self._batch):
            if self._timer is not None or not self._accept():
                self._batch = 1
                return
        self._batch = min(2 * self._batch, BATCH_MAX)

    def _accept(self) -> bool:
        """Accept one connection; returns whether there was one."""
        try:
            accepted, _ = self._sock.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return False
        except OSError as exc:
            if exc.errno not in OUT_OF_RESOURCES:
                raise
            logger.error("Cannot accept connections: %s. Trying again in %g s.", exc.strerror, OUT_OF_RESOURCES_DELAY)
            self._pause(OUT_OF_RESOURCES_DELAY, self._resume)
            return False
        accepted.setblocking(False)
        self._connections.pending += 1
        self._connections.publish()
        setup = self._loop.create_task(self._set_up(accepted))
        self._setups.add(setup)
        setup.add_done_callback(self._setups.discard)
        return True

    async def _set_up(self, accepted: socket) -> None:
        try:
            await self._loop.connect_accepted_socket(
                self._create_protocol, accepted, ssl=self._ssl, ssl_handshake_timeout=self._ssl_handshake_timeout
            )
        except OSError as exc:  # `ssl.SSLError` is one: not our fault, as a rule, and not worth more.
            logger.debug("A connection could not be set up: %s", exc)
            accepted.close()
        finally:
            self._connections.pending -= 1
            self._connections.publish()


class FairListeners(Listeners):
    """As `Listeners`, for a worker.

    Args:
        config: names the backlog and TLS.
        create_protocol: makes the protocol of each connection.
        share: this worker's.
        connections: this worker's.
    """

    def __init__(
        self,
        config: Config,
        create_protocol: Callable[[], asyncio.Protocol],
        share: Share,
        connections: PublishedConnections,
    ) -> None:
        super().__init__(config, create_protocol)
        self._share = share
        self._connections = connections

    async def _listen(self, sock: socket) -> None:
        self.servers.append(FairServer(sock, self._create_protocol, self._share, self._connections, self._config))
        self._connections.accepting(True)

    def close(self) -> None:
        """Stop listening."""
        super().close()
        self._connections.accepting(False)
