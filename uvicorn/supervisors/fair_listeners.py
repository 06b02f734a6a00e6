"""Spreads connections evenly over workers.

Each worker publishes its number of connections in shared memory, the scoreboard. A worker that has more than the others
waits a moment before it accepts, so that another worker can take the connection.
"""

import asyncio
import contextlib
import logging
import mmap
import os
import sys
from collections.abc import Callable, Coroutine
from multiprocessing.connection import wait
from socket import socket
from typing import IO, Any

from uvicorn.config import Config
from uvicorn.net.listeners import Connector, Listeners, get_accept_delay, listen
from uvicorn.server_state import Connections

# The scoreboard is an array of 32-bit numbers: one cell for each worker. The first cell has the number of cells after
# it that may be in use.
CELLS = 4096
CELL_SIZE = 4
SIZE = CELLS * CELL_SIZE
# The value in the cell of a worker that does not accept.
ABSENT = 0x7FFFFFFF

# A worker may have this many connections more than the worker with the fewest. A smaller number spreads connections
# more evenly. But if it is too small, workers that wake up at the same time wait for each other again and again.
SLACK = 2
SLACK_SHIFT = 3  # and an eighth of the connections of the worker with the fewest

# Seconds for which a worker leaves a connection to the others. A process can take some milliseconds to wake up.
COURTESY_DELAY = 0.02

# If others have left this many connections to a worker, and it has not accepted any, it is busy or hangs. It is then
# not considered for DISREGARD_MIN seconds, and twice as long each further time, until it accepts a connection.
PATIENCE = 3
DISREGARD_MIN = 0.1
DISREGARD_MAX = 1.0

logger = logging.getLogger("uvicorn.error")


class Scoreboard:
    """The shared memory. The supervisor has it, and pickles a `Share` to each worker.

    It needs no lock, because each worker writes only to its own cell.
    """

    def __init__(self) -> None:
        self._file = open_unnamed_file("uvicorn-scoreboard")
        self._file.truncate(SIZE)
        self._cells = _map(self._file.fileno())
        self._taken: set[int] = set()

    def take(self) -> "Share | None":
        """Make a share for one more worker; None if no cell is free."""
        index = next((index for index in range(1, CELLS) if index not in self._taken), None)
        if index is None:
            return None
        self._taken.add(index)
        self._cells[index] = ABSENT
        self._cells[0] = max(self._taken)
        return Share(self._file.fileno(), index)

    def give_back(self, share: "Share") -> None:
        self._cells[share.index] = ABSENT
        self._taken.discard(share.index)
        self._cells[0] = max(self._taken, default=0)

    def close(self) -> None:
        self._file.close()


def open_scoreboard() -> Scoreboard | None:
    """Make a scoreboard. None if workers cannot share memory, which is logged."""
    if sys.platform == "win32":  # The event loops of Windows cannot watch a listening socket.
        return None
    try:
        return Scoreboard()
    except OSError as exc:
        logger.warning("Connections may be spread unevenly, since the workers cannot share memory: %s", exc)
        return None


def open_unnamed_file(name: str) -> IO[bytes]:
    """Open a file without a path, for memory that processes share. Linux shows `name` in /proc."""
    memfd_create = getattr(os, "memfd_create", None)
    if memfd_create is not None:
        # This needs no file system, which may be read-only in a container. Old kernels and sandboxes refuse it.
        with contextlib.suppress(OSError):
            return open(memfd_create(name), "r+b", buffering=0)
    import tempfile

    return tempfile.TemporaryFile()


class Share:
    """The place of one worker on the scoreboard: the cell `index`."""

    def __init__(self, fd: int, index: int) -> None:
        self._fd = fd
        self.index = index
        self._cells: memoryview[int] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        if sys.platform != "win32":
            from multiprocessing.reduction import DupFd

            return _arrive, (DupFd(self._fd), self.index)
        raise NotImplementedError("file descriptors cannot be given to other processes")

    @property
    def cells(self) -> "memoryview[int]":
        if self._cells is None:
            self._cells = _map(self._fd)
        return self._cells

    def publish(self, connections: int) -> None:
        """Write the number of our connections."""
        self.cells[self.index] = connections

    def withdraw(self) -> None:
        """Write that we do not accept."""
        self.cells[self.index] = ABSENT

    def read(self) -> list[int]:
        """The number of connections of each worker, at its index. ABSENT for a worker that does not accept."""
        cells = self.cells
        return [ABSENT, *cells[1 : cells[0] + 1]]


def _arrive(fd: Any, index: int) -> Share:
    return Share(fd.detach(), index)


def _map(fd: int) -> "memoryview[int]":
    return memoryview(mmap.mmap(fd, SIZE)).cast("i")


class Stalled:
    """A worker that did not take a connection that was left to it.

    Args:
        load: the number of its connections then. If it changes, the worker is at work again.
    """

    def __init__(self, load: int) -> None:
        self.load = load
        self.disregarded_until = 0.0
        self._times = 0
        self._period = DISREGARD_MIN / 2

    def count_wait(self, now: float) -> None:
        """Count one more connection that it did not take."""
        self._times += 1
        if self._times >= PATIENCE:
            self._period = min(2 * self._period, DISREGARD_MAX)
            self.disregarded_until = now + self._period


class Courtesy:
    """Decides for one worker when to leave a connection to the others. Times are those of the event loop."""

    def __init__(self, share: Share) -> None:
        self._share = share
        self._stalled: dict[int, Stalled] = {}
        self._awaited = (0, 0)  # the worker that should take the connection, and its number of connections

    def is_due(self, now: float) -> bool:
        """Whether to leave the next connection to the others."""
        loads = self._share.read()
        if self._stalled:
            self._leave_out_stalled(loads, now)
        least = min(loads)
        if loads[self._share.index] - least <= SLACK + (least >> SLACK_SHIFT):
            return False
        self._awaited = loads.index(least), least
        return True

    def _leave_out_stalled(self, loads: list[int], now: float) -> None:
        """Remove the workers that are not considered. Forget those whose load has changed."""
        for index, worker in list(self._stalled.items()):
            if index >= len(loads) or loads[index] != worker.load:
                del self._stalled[index]
            elif now < worker.disregarded_until:
                loads[index] = ABSENT

    def on_left_waiting(self, now: float) -> None:
        """Called when no worker has taken the connection that we left to the others."""
        index, load = self._awaited
        loads = self._share.read()
        if (
            index < len(loads) and loads[index] == load
        ):  # Otherwise that worker has accepted or closed connections, so it is at work.
            self._stalled.setdefault(index, Stalled(load)).count_wait(now)


class PublishedConnections(Connections):
    """The connections of a worker, whose number is published on the scoreboard.

    Args:
        share: the place of the worker on the scoreboard.

    Attributes:
        on_end: functions that are called when a connection has ended.
    """

    def __init__(self, share: Share) -> None:
        super().__init__()
        self.share = share
        self._accepting = False
        self.on_end: set[Callable[[], None]] = set()

    def accepting(self, accepting: bool) -> None:
        """Set whether this worker accepts connections."""
        self._accepting = accepting
        if accepting:
            self.publish()
        else:
            self.share.withdraw()

    def publish(self) -> None:
        """Write the number of connections to the scoreboard, including those that are being set up."""
        if self._accepting:
            self.share.publish(len(self) + len(self.setups))

    def add(self, protocol: object) -> None:
        super().add(protocol)
        self.publish()

    def set_up(self, connecting: Coroutine[Any, Any, None]) -> None:
        super().set_up(connecting)
        self.publish()

    def _is_set_up(self, setup: asyncio.Task[None]) -> None:
        super()._is_set_up(setup)
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
    """Accepts connections from one socket, and closes the socket at the end.

    Two simpler ways are worse. The `create_server` of the loop accepts as many connections as it can, and the kernel
    tends to wake the same process first, so one worker would get most of the long-lived connections. `SO_REUSEPORT`
    spreads connections by a hash: unevenly, and also to a worker that hangs.
    """

    def __init__(
        self,
        sock: socket,
        create_protocol: Callable[[], asyncio.Protocol],
        connections: PublishedConnections,
        config: Config,
    ) -> None:
        self._sock = sock
        self._connector = Connector(config, create_protocol, connections)
        self._connections = connections
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._courtesy = Courtesy(connections.share)
        self._closed = False
        listen(sock, config.backlog)
        sock.setblocking(False)
        self._loop.add_reader(sock.fileno(), self._on_readable)

    def close(self) -> None:
        """Stop listening. The other workers accept the connections that wait."""
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
            # Accept one connection at a time: while we set it up, another worker can accept the next.
            self._accept()

    def _pause(self, delay: float, then: Callable[[], None]) -> None:
        self._loop.remove_reader(self._sock.fileno())
        self._timer = self._loop.call_later(delay, then)

    def _reconsider(self) -> None:
        # Called when one of our connections ends while we leave a connection to the others.
        if self._timer is not None and not self._courtesy.is_due(self._loop.time()):
            self._timer.cancel()
            self._resume()

    def _after_courtesy(self) -> None:
        if wait([self._sock], 0):
            self._courtesy.on_left_waiting(self._loop.time())
        self._resume()

    def _after_error(self) -> None:
        self._connections.accepting(True)
        self._resume()

    def _resume(self) -> None:
        self._timer = None
        self._connections.on_end.discard(self._reconsider)
        self._loop.add_reader(self._sock.fileno(), self._on_readable)

    def _accept(self) -> None:
        try:
            accepted, _ = self._sock.accept()
        except (BlockingIOError, InterruptedError):
            return  # Another worker has accepted it.
        except OSError as exc:
            if delay := get_accept_delay(exc):
                self._connections.accepting(False)
                self._pause(delay, self._after_error)
            return
        accepted.setblocking(False)
        self._connections.set_up(self._connector.connect(accepted))


class FairListeners(Listeners):
    """The listeners of a worker."""

    _connections: PublishedConnections

    async def _listen(self, sock: socket) -> None:
        self.servers.append(FairServer(sock, self._create_protocol, self._connections, self._config))
        self._connections.accepting(True)

    def close(self) -> None:
        super().close()
        self._connections.accepting(False)
