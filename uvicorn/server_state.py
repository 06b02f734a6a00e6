"""The state that the connections of one server share.

`Server` makes one `ServerState` and gives it to each protocol. Protocols add and remove themselves and their tasks, and
count requests. At a shutdown, `Server` waits until `connections` and `tasks` are empty. Threads and signal handlers set
an `ExitFlag` to ask the server to exit.
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

    # Its argument is an `uvicorn._speedups.Outcome`.
    Observer = Callable[[Any], None]


class Connections(set[Any]):
    """The open connections of a server. Protocols, also those of other packages, add and discard themselves.

    Attributes:
        setups: the tasks of connections that are being set up: they read a PROXY header, or do a TLS handshake.
        accepted: the number of connections that were accepted so far, for the metrics.
        refused: reason -> the number of accepted connections that were closed before a protocol got them.
    """

    def __init__(self, protocols: Iterable[Any] = ()) -> None:
        super().__init__(protocols)
        self.setups: set[asyncio.Task[None]] = set()
        self.accepted = 0
        self.refused: Counter[str] = Counter()
        self._waiters = Waiters()

    def set_up(self, connecting: Coroutine[Any, Any, None]) -> None:
        """Start the task that sets up an accepted connection."""
        self.accepted += 1
        loop = asyncio.get_running_loop()
        if sys.version_info < (3, 12):
            setup = loop.create_task(connecting)
        else:  # An eager task saves a turn of the loop.
            setup = asyncio.Task(connecting, loop=loop, eager_start=True)
        self.setups.add(setup)
        setup.add_done_callback(self._is_set_up)

    def _is_set_up(self, setup: asyncio.Task[None]) -> None:
        """Called when the setup of a connection has ended, with or without success."""
        self.setups.discard(setup)
        if not self.setups:
            self._waiters.wake()

    def count_accepted(self, create_protocol: Callable[[], asyncio.Protocol]) -> Callable[[], asyncio.Protocol]:
        """Return a function that counts a connection and makes its protocol, for a server of the loop."""

        def create() -> asyncio.Protocol:
            self.accepted += 1
            return create_protocol()

        return create

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
        """Wait until no connection is open or being set up."""
        while self or self.setups:
            await self._waiters.wait()


class ExitFlag:
    """A flag that any thread or signal handler may set, and that coroutines wait for.

    `Waiters` are not enough here, because only the thread of their loop may wake them.
    """

    def __init__(self) -> None:
        self.value = False
        self._waiters: list[asyncio.Future[None]] = []

    def set(self, value: bool) -> None:
        """Set the value, and wake the coroutines that wait if it is True."""
        self.value = value
        if value:
            for waiter in list(self._waiters):
                # RuntimeError: that loop was closed.
                with contextlib.suppress(RuntimeError):
                    waiter.get_loop().call_soon_threadsafe(_resolve, waiter)

    async def wait(self, seconds: float | None = None) -> None:
        """Wait until the flag is True, or for this many seconds."""
        loop = asyncio.get_running_loop()
        waiter = loop.create_future()
        # The waiter is added before the value is read. Otherwise a call of `set` between the two would be missed.
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
    """The state that all connections of one server share.

    Attributes:
        connections: the protocols whose transport is open.
        tasks: the tasks of applications that have not returned.
        total_requests: the number of requests so far, including WebSocket handshakes.
        draining: whether each response has to be the last one of its connection.
        shutdown_event: set when the server shuts down. Applications wait for it.
        request_limit: the count at which `on_request_limit` is called.
        access_log: the access log; None before the first response.
        ready: whether the server takes requests. False as soon as it is stopping.
        on_ready: called with each new value of `ready`.
        websockets: the number of open WebSockets.
        resets_sent, resets_received: the number of HTTP/2 streams that were reset, by us and by clients.
        rejected: status -> the number of requests that the server itself has refused with it.
        observers: functions that are called at the end of each exchange. Set them before the first connection.
        wide_windows: the number of HTTP/2 connections with a large receive window.
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
        self._ready = False
        self.on_ready: Callable[[bool], None] = _ignore
        self.websockets = 0
        self.resets_sent = 0
        self.resets_received = 0
        self.rejected: Counter[int] = Counter()
        self.default_headers = []
        # What HTTP connections share: (class, loop) -> service.
        self.services: dict[Any, Any] = {}
        # Loop -> scheduler; (our address, whether TLS is used) -> template of scopes.
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
        """The headers that every response starts with. Names are in lower case."""
        return self._default_headers

    @default_headers.setter
    def default_headers(self, headers: list[tuple[bytes, bytes]]) -> None:
        self._default_headers = headers
        options = [value for name, value in headers if name == b"connection"]
        if b"close" in [option.strip(b" \t") for value in options for option in value.lower().split(b",")]:
            # `--header "connection: close"` was given, so every response is the last one of its connection.
            self.draining = True
        self.default_block = b"".join([b"%b: %b\r\n" % field for field in headers if field[0] != b"connection"])

    def _open_access_log(self, access_logger: Any, scope: Any, status: int) -> None:
        """Write the first line of the access log. Its module is imported only now."""
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
        """Called when the limit of requests is reached: call `on_request_limit`."""
        if self.on_request_limit is not None:
            self.on_request_limit()


def _ignore(ready: bool) -> None:
    """Do nothing: the default of `on_ready`, for servers without metrics."""
