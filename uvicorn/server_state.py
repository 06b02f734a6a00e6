"""The state that the connections of one server share.

`Server` makes one `ServerState` and gives it to each protocol. Protocols enter and remove themselves and their tasks,
and count requests; `Server` waits at the shutdown until `connections` and `tasks` are empty. `ExitFlag` is the wish to
exit, which threads and signal handlers set.
"""

import asyncio
import contextlib
import sys
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable
from typing import TYPE_CHECKING, Any

from uvicorn.shutdown_event import ShutdownEvent
from uvicorn.waiters import Waiters

if TYPE_CHECKING:
    from uvicorn.access_log import AccessLog
    from uvicorn.protocols.observed import Observer


class Connections(set[Any]):
    """The open connections of a server; protocol classes, foreign ones too, only add and discard themselves.

    Attributes:
        setups: the tasks that make connections: the header of a proxy is read, or a TLS handshake is going on.
    """

    def __init__(self, protocols: Iterable[Any] = ()) -> None:
        super().__init__(protocols)
        self.setups: set[asyncio.Task[None]] = set()
        self._waiters = Waiters()

    def set_up(self, connecting: Coroutine[Any, Any, None]) -> None:
        """Run what makes a connection that has been accepted."""
        loop = asyncio.get_running_loop()
        if sys.version_info < (3, 12):
            setup = loop.create_task(connecting)
        else:  # An eager task saves a pass of the loop.
            setup = asyncio.Task(connecting, loop=loop, eager_start=True)
        self.setups.add(setup)
        setup.add_done_callback(self._is_set_up)

    def _is_set_up(self, setup: asyncio.Task[None]) -> None:
        """The connection has been added, or has failed."""
        self.setups.discard(setup)
        if not self.setups:
            self._waiters.wake()

    def give_up_setups(self) -> None:
        """Close the connections that are still being set up."""
        for setup in self.setups:
            setup.cancel()

    def discard(self, protocol: Any) -> None:
        super().discard(protocol)
        if not self:
            self._waiters.wake()

    def remove(self, protocol: Any) -> None:
        super().remove(protocol)
        if not self:
            self._waiters.wake()

    def clear(self) -> None:
        super().clear()
        self._waiters.wake()

    async def wait_empty(self) -> None:
        """Return as soon as no connection is left, and none is being set up."""
        while self or self.setups:
            await self._waiters.wait()


class ExitFlag:
    """A wish to exit, which any thread or signal handler sets, and event loops wait for.

    These are not `Waiters`, which only the thread of their loop may wake.
    """

    def __init__(self) -> None:
        self.value = False
        self._waiters: list[asyncio.Future[None]] = []

    def set(self, value: bool) -> None:
        self.value = value
        if value:
            for waiter in list(self._waiters):
                # RuntimeError: that loop has been closed since.
                with contextlib.suppress(RuntimeError):
                    waiter.get_loop().call_soon_threadsafe(_resolve, waiter)

    async def wait(self, seconds: float | None = None) -> None:
        """Return as soon as the flag is set, or after `seconds`."""
        loop = asyncio.get_running_loop()
        waiter = loop.create_future()
        # The waiter is entered before the value is read: else a `set` between the two would be missed.
        self._waiters.append(waiter)
        timer = None if seconds is None else loop.call_later(seconds, _resolve, waiter)
        try:
            if not self.value:
                await waiter
        finally:
            if timer is not None:
                timer.cancel()
            self._waiters.remove(waiter)


def _resolve(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


class ServerState:
    """The state that every connection of one server shares.

    Attributes:
        connections: the protocols whose transport is open.
        tasks: the tasks of applications that have not returned.
        total_requests: requests and WebSocket handshakes so far.
        draining: whether each response is to be the last of its connection.
        shutdown_event: set when the server shuts down; applications wait for it.
        request_limit: the count at which `on_request_limit` is called.
        access_log: None before the first response.
        ready: whether the server takes requests; False as soon as it is stopping.
        on_ready: called with each new value of `ready`.
        websockets: how many are open.
        resets_sent, resets_received: streams of HTTP/2 that were reset, by us and by clients.
        rejected: how many requests the server has refused by itself, by status.
        observers: called at the end of each exchange; to be set before the first connection.
        keeps_headers: whether one of them asks for the headers of responses.
        wide_windows: the HTTP/2 connections whose clients may send more than 64 KiB before it is taken.
    """

    def __init__(self) -> None:
        self.connections = Connections()
        self.tasks: set[asyncio.Task[None]] = set()
        self.total_requests = 0
        self.draining = False
        self.shutdown_event = ShutdownEvent()
        self.request_limit: int | None = None
        self.on_request_limit: Callable[[], None] | None = None
        self.access_log: AccessLog | None = None
        self.wide_windows = 0
        self.log_access: Callable[[Any, Any, int], None] = self._open_access_log
        self.observers: list[Observer] = []
        self.keeps_headers = False
        self._ready = False
        self.on_ready: Callable[[bool], None] = _ignore
        self.websockets = 0
        self.resets_sent = 0
        self.resets_received = 0
        self.rejected: Counter[int] = Counter()
        self.default_headers = []
        # What HTTP connections have in common, by class and loop.
        self.services: dict[Any, Any] = {}
        # By loop; and by our address and whether the connection is encrypted.
        self.schedulers: dict[Any, Any] = {}
        self.scope_templates: dict[Any, Any] = {}

    @property
    def ready(self) -> bool:
        """Whether the server takes requests."""
        return self._ready

    @ready.setter
    def ready(self, ready: bool) -> None:
        self._ready = ready
        self.on_ready(ready)

    @property
    def default_headers(self) -> list[tuple[bytes, bytes]]:
        """The headers that every response starts with, names lower-cased."""
        return self._default_headers

    @default_headers.setter
    def default_headers(self, headers: list[tuple[bytes, bytes]]) -> None:
        self._default_headers = headers
        options = [value for name, value in headers if name == b"connection"]
        if b"close" in [option.strip(b" \t") for value in options for option in value.lower().split(b",")]:
            # `--header "connection: close"` was given: each response says so.
            self.draining = True
        self.default_block = b"".join([b"%b: %b\r\n" % field for field in headers if field[0] != b"connection"])

    def _open_access_log(self, access_logger: Any, scope: Any, status: int) -> None:
        """Write the first line of the access log; the module is imported only now."""
        from uvicorn.access_log import AccessLog

        self.access_log = AccessLog()
        self.log_access = self.access_log.write
        self.log_access(access_logger, scope, status)

    def is_full(self, limit: int) -> bool:
        """Whether `limit` connections are open, or `limit` tasks run."""
        return len(self.connections) >= limit or len(self.tasks) >= limit

    def count_request(self) -> None:
        """Count one request. At the limit, call `on_limit`."""
        self.total_requests += 1
        if self.total_requests == self.request_limit:
            self.on_limit()

    def on_limit(self) -> None:
        """The last request has come: call `on_request_limit`."""
        if self.on_request_limit is not None:
            self.on_request_limit()


def _ignore(ready: bool) -> None:
    """Without metrics, nothing follows the value of `ready`."""
