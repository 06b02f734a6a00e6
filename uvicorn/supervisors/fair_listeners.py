"""Listeners of a worker that lets others accept first when it is ahead."""

import asyncio
import errno
import logging
import sys
from collections.abc import Callable
from multiprocessing.connection import wait
from socket import socket

from uvicorn.config import Config
from uvicorn.listeners import Listeners, tls_options
from uvicorn.server_state import Connections
from uvicorn.supervisors.scoreboard import COURTESY_DELAY, Courtesy, Share

# Nothing helps but to wait, in seconds; asyncio waits as long (`ACCEPT_RETRY_DELAY`).
OUT_OF_RESOURCES = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
OUT_OF_RESOURCES_DELAY = 1.0

logger = logging.getLogger("uvicorn.error")


class PublishedConnections(Connections):
    """The connections of a worker, whose number the others see."""

    def __init__(self, share: Share) -> None:
        super().__init__()
        self.share = share
        self._accepting = False
        self.pending = 0
        self.on_end: set[Callable[[], None]] = set()

    def accepting(self, accepting: bool) -> None:
        """Begin or end to take part."""
        self._accepting = accepting
        if accepting:
            self.publish()
        else:
            self.share.withdraw()

    def publish(self) -> None:
        """Let the others know how many there are, with those being set up."""
        if self._accepting:
            self.share.publish(len(self) + self.pending)

    def add(self, protocol: object) -> None:
        super().add(protocol)
        self.publish()

    def discard(self, protocol: object) -> None:
        super().discard(protocol)
        self._ended()

    def remove(self, protocol: object) -> None:
        super().remove(protocol)
        self._ended()

    def _ended(self) -> None:
        self.publish()
        for callback in tuple(self.on_end):
            callback()


class FairServer:
    """Accepts from one socket, and closes it at the end.

    The loop's `create_server` accepts all it can, and the kernel tends to wake the same process first: one worker would
    have most of the long-lived connections. `SO_REUSEPORT` spreads them by a hash, unevenly, also to a hanging worker.
    """

    def __init__(
        self,
        sock: socket,
        create_protocol: Callable[[], asyncio.Protocol],
        connections: PublishedConnections,
        config: Config,
    ) -> None:
        self._sock = sock
        self._create_protocol = create_protocol
        self._connections = connections
        self._loop = asyncio.get_running_loop()
        self._tls_options = tls_options(config, self._loop)
        self._setups: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._courtesy = Courtesy(connections.share)
        self._closed = False
        sock.listen(config.backlog)
        sock.setblocking(False)
        self._loop.add_reader(sock.fileno(), self._on_readable)

    def close(self) -> None:
        """Stop listening; the socket's queue is left to the others."""
        if self._closed:
            return
        self._closed = True
        if self._timer is None:
            self._loop.remove_reader(self._sock.fileno())
        else:
            self._timer.cancel()
        self._sock.close()

    def _on_readable(self) -> None:
        if self._courtesy.is_due(self._loop.time()):
            self._pause(COURTESY_DELAY, self._after_courtesy)
            self._connections.on_end.add(self._reconsider)
        else:
            # One at a time: while we set it up, the others may take the next.
            self._accept()

    def _pause(self, delay: float, then: Callable[[], None]) -> None:
        self._loop.remove_reader(self._sock.fileno())
        self._timer = self._loop.call_later(delay, then)

    def _reconsider(self) -> None:
        # One of our connections has ended while we left the next to the others.
        if self._timer is not None and not self._courtesy.is_due(self._loop.time()):
            self._timer.cancel()
            self._resume()

    def _after_courtesy(self) -> None:
        # If the connection has been taken, there is nothing to learn.
        if wait([self._sock], 0):
            self._courtesy.was_in_vain(self._loop.time())
        self._resume()

    def _after_shortage(self) -> None:
        self._connections.accepting(True)
        self._resume()

    def _resume(self) -> None:
        self._timer = None
        self._connections.on_end.discard(self._reconsider)
        self._loop.add_reader(self._sock.fileno(), self._on_readable)

    def _accept(self) -> None:
        try:
            accepted, _ = self._sock.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return  # Another worker was faster, or the client has gone.
        except OSError as exc:
            if exc.errno not in OUT_OF_RESOURCES:
                raise
            logger.error("Cannot accept connections: %s. Trying again in %g s.", exc.strerror, OUT_OF_RESOURCES_DELAY)
            self._connections.accepting(False)
            self._pause(OUT_OF_RESOURCES_DELAY, self._after_shortage)
            return
        accepted.setblocking(False)
        self._connections.pending += 1
        self._connections.publish()
        if sys.version_info < (3, 12):
            setup = self._loop.create_task(self._set_up(accepted))
        else:  # It saves a pass of the loop.
            setup = asyncio.Task(self._set_up(accepted), loop=self._loop, eager_start=True)
        self._setups.add(setup)
        setup.add_done_callback(self._setups.discard)

    async def _set_up(self, accepted: socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._create_protocol, accepted, **self._tls_options)
        except OSError as exc:  # `ssl.SSLError` is one: not our fault, as a rule.
            logger.debug("A connection could not be set up: %s", exc)
            accepted.close()
        finally:
            self._connections.pending -= 1
            self._connections.publish()


class FairListeners(Listeners):
    """As `Listeners`, for a worker and its connections."""

    def __init__(
        self, config: Config, create_protocol: Callable[[], asyncio.Protocol], connections: PublishedConnections
    ) -> None:
        super().__init__(config, create_protocol)
        self._connections = connections

    async def _listen(self, sock: socket) -> None:
        self.servers.append(FairServer(sock, self._create_protocol, self._connections, self._config))
        self._connections.accepting(True)

    def close(self) -> None:
        super().close()
        self._connections.accepting(False)
