"""Listeners of a worker that lets others accept first when it is ahead, by a scoreboard."""

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
from uvicorn.net.listeners import Connector, Listeners, get_accept_delay
from uvicorn.server_state import Connections

# One slot for each worker; the first slot has the number of slots that may be in use after it.
CELLS = 4096
CELL_SIZE = 4
SIZE = CELLS * CELL_SIZE
# In the cell of a worker that does not accept.
ABSENT = 0x7FFFFFFF

# By how many connections a worker may be ahead of the least loaded one. Fewer make the shares more even; with too few,
# workers that wake up together would wait for each other each time.
SLACK = 2
SLACK_SHIFT = 3  # and an eighth of what the least loaded one has

# Seconds for which a connection is left to the others: a process may take some milliseconds to wake up.
COURTESY_DELAY = 0.02

# A worker that leaves this many connections waiting is busy, or hangs. The others then disregard it for some time, each
# time twice as long, until it has accepted something.
PATIENCE = 3
DISREGARD_MIN = 0.1
DISREGARD_MAX = 1.0

logger = logging.getLogger("uvicorn.error")


class Scoreboard:
    """The shared memory with the number of connections of each worker. Each worker writes its own cell only: no lock.

    The supervisor has it, and pickles a `Share` to each worker.
    """

    def __init__(self) -> None:
        self._file = open_unnamed_file("uvicorn-scoreboard")
        self._file.truncate(SIZE)
        self._cells = _map(self._file.fileno())
        self._taken: set[int] = set()

    def take(self) -> "Share | None":
        """A share for one more worker; None if all are taken."""
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
    """A scoreboard; None if workers cannot share memory, which is logged."""
    if sys.platform == "win32":  # The event loops of Windows cannot watch a listening socket.
        return None
    try:
        return Scoreboard()
    except OSError as exc:
        logger.warning("Connections may be spread unevenly, since the workers cannot share memory: %s", exc)
        return None


def open_unnamed_file(name: str) -> IO[bytes]:
    """A file for memory that processes share; `name` appears in /proc."""
    memfd_create = getattr(os, "memfd_create", None)
    if memfd_create is not None:
        # It needs no file system: that of a container may be read-only. An old kernel or a sandbox refuses it.
        with contextlib.suppress(OSError):
            return open(memfd_create(name), "r+b", buffering=0)
    import tempfile

    return tempfile.TemporaryFile()


class Share:
    """One worker's place on the scoreboard: the cell `index` of the shared memory."""

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
        """Let the others know how many we have."""
        self.cells[self.index] = connections

    def withdraw(self) -> None:
        """Let the others know that we no longer accept."""
        self.cells[self.index] = ABSENT

    def read(self) -> list[int]:
        """The number of connections of each worker, at its index; `ABSENT` if it does not accept."""
        cells = self.cells
        return [ABSENT, *cells[1 : cells[0] + 1]]


def _arrive(fd: Any, index: int) -> Share:
    return Share(fd.detach(), index)


def _map(fd: int) -> "memoryview[int]":
    return memoryview(mmap.mmap(fd, SIZE)).cast("i")


class Stalled:
    """A worker that others waited for without success. It counts as having `load` connections until it accepts."""

    def __init__(self, load: int) -> None:
        self.load = load
        self.disregarded_until = 0.0
        self._times = 0
        self._period = DISREGARD_MIN / 2

    def count_wait(self, now: float) -> None:
        """It has left one more connection waiting."""
        self._times += 1
        if self._times >= PATIENCE:
            self._period = min(2 * self._period, DISREGARD_MAX)
            self.disregarded_until = now + self._period


class Courtesy:
    """Decides for one worker when to leave a connection to the others; times are the event loop's."""

    def __init__(self, share: Share) -> None:
        self._share = share
        self._stalled: dict[int, Stalled] = {}
        self._awaited = (0, 0)  # which worker, and how many connections it had

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
        """Leave out the workers that are disregarded, and forget those whose load has changed since."""
        for index, worker in list(self._stalled.items()):
            if index >= len(loads) or loads[index] != worker.load:
                del self._stalled[index]
            elif now < worker.disregarded_until:
                loads[index] = ABSENT

    def on_left_waiting(self, now: float) -> None:
        """No worker has taken the connection that we left to the others."""
        index, load = self._awaited
        loads = self._share.read()
        if index < len(loads) and loads[index] == load:  # Otherwise that worker is at work.
            self._stalled.setdefault(index, Stalled(load)).count_wait(now)


class PublishedConnections(Connections):
    """As `Connections`; the other workers know how many there are.

    Args:
        share: our place on the scoreboard.

    Attributes:
        on_end: called when a connection has ended.
    """

    def __init__(self, share: Share) -> None:
        super().__init__()
        self.share = share
        self._accepting = False
        self.on_end: set[Callable[[], None]] = set()

    def accepting(self, accepting: bool) -> None:
        self._accepting = accepting
        if accepting:
            self.publish()
        else:
            self.share.withdraw()

    def publish(self) -> None:
        """Let the others know how many there are, with those being set up."""
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
        self._connector = Connector(config, create_protocol)
        self._connections = connections
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._courtesy = Courtesy(connections.share)
        self._closed = False
        sock.listen(config.backlog)
        sock.setblocking(False)
        self._loop.add_reader(sock.fileno(), self._on_readable)

    def close(self) -> None:
        """Stop listening. The other workers take the connections that wait."""
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
            return  # Another worker was faster.
        except OSError as exc:
            if delay := get_accept_delay(exc):
                self._connections.accepting(False)
                self._pause(delay, self._after_error)
            return
        accepted.setblocking(False)
        self._connections.set_up(self._connector.connect(accepted))


class FairListeners(Listeners):
    """As `Listeners`, for a worker and its connections."""

    _connections: PublishedConnections

    async def _listen(self, sock: socket) -> None:
        self.servers.append(FairServer(sock, self._create_protocol, self._connections, self._config))
        self._connections.accepting(True)

    def close(self) -> None:
        super().close()
        self._connections.accepting(False)
