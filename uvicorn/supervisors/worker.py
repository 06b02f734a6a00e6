"""The server in a worker process, and its thread that exchanges messages with the supervisor."""

import asyncio
import contextlib
import enum
import faulthandler
import signal
import sys
import threading
from socket import socket
from types import FrameType
from typing import TYPE_CHECKING, Any

from uvicorn.config import Config
from uvicorn.logging import reopen_logs, set_worker
from uvicorn.net.listeners import Listeners
from uvicorn.process_manager import ProcessManager
from uvicorn.server import Server, handle_reopen, write_stacks
from uvicorn.supervisors.fair_listeners import FairListeners, PublishedConnections, Share
from uvicorn.supervisors.spawn import PipeEnd

if TYPE_CHECKING:
    from uvicorn.metrics.cells import SharedCells
    from uvicorn.metrics.server_metrics import ServerMetrics

# The signal with which the supervisor asks for the stacks of the threads. `faulthandler` writes them in C, so this
# works even while an extension module holds the GIL.
DUMP_SIGNAL: int | None = None
if sys.platform != "win32":
    DUMP_SIGNAL = signal.SIGQUIT

# Seconds after which a retired worker closes its connections.
DRAIN_TIMEOUT = 30.0


class Message(bytes, enum.Enum):
    """The messages between the supervisor and a worker."""

    # From the supervisor to the worker.
    PING = b"ping"
    RETIRE = b"retire"  # Stop accepting, because a replacement serves; end when all connections have ended.
    STOP = b"stop"  # Shut down. Used on Windows; elsewhere SIGTERM is sent.
    STACKS = b"stacks"  # Write the stacks of your threads.
    SKIP = b"skip"  # End the delay of the shutdown.
    FORCE = b"force"  # Shut down without waiting for connections.
    REOPEN = b"reopen"  # Reopen the log files.

    # From the worker to the supervisor.
    PONG = b"pong"
    TURN = b"turn"  # The event loop has run since the last PING.
    READY = b"ready"  # Connections are accepted.
    LIMIT = b"limit"  # The limit of requests was reached; the worker serves until a replacement is ready.


class Worker:
    """Runs a server in a child process. The object is pickled to a spawned process.

    Args:
        config: what to serve.
        channel: the pipe to the supervisor.
        dump: the pipe for the stacks of the threads.
        share: the place of this worker on the scoreboard, or None.
        number: the number of the worker, from 1 on.
        cells: the memory for the metrics of this worker, or None.
    """

    def __init__(
        self,
        config: Config,
        channel: PipeEnd,
        dump: PipeEnd,
        share: Share | None,
        number: int,
        cells: "SharedCells | None",
    ) -> None:
        self._config = config
        self._channel = channel
        self._dump = dump
        self._share = share
        self._number = number
        self.cells = cells

    def __call__(self, sockets: list[socket]) -> None:
        """Serve until asked to stop."""
        set_worker(self._number)
        if sys.platform != "win32":
            assert DUMP_SIGNAL is not None
            faulthandler.register(DUMP_SIGNAL, file=self._dump.fileno(), all_threads=True)
            # A closed terminal sends SIGHUP to all of its processes, but only the supervisor acts on it. SIG_IGN cannot
            # be used, because programs that the application starts would inherit it.
            signal.signal(signal.SIGHUP, _leave_to_supervisor)
            # Without a handler, this signal would end the process while the application is imported.
            signal.signal(signal.SIGUSR1, handle_reopen)
        self._lock = threading.Lock()  # Two threads write to the pipe.
        # Made before the application is imported, which may take long: the thread needs it for its messages.
        self._server = server = WorkerServer(self._config, self, self._share)
        threading.Thread(target=self._listen, daemon=True, name="uvicorn-supervisor-channel").start()
        server.run(sockets)

    def send(self, message: Message) -> None:
        """Send a message to the supervisor. May be called from any thread."""
        # OSError: the supervisor has gone. A thread of `uvicorn.supervisors.spawn` notices that, and ends this process.
        with self._lock, contextlib.suppress(OSError):
            self._channel.send_bytes(message)

    def _listen(self) -> None:
        with contextlib.suppress(EOFError, OSError):  # The supervisor has gone, as in `send`.
            while True:
                self._obey(Message(self._channel.recv_bytes()))

    def _obey(self, message: Message) -> None:
        if message is Message.PING:
            self.send(Message.PONG)
            self._server.report_turn()
        elif message is Message.RETIRE:
            self._server.retire()
        elif message is Message.STACKS:
            write_stacks()
        elif message is Message.SKIP:
            self._server.skip_delay()
        elif message is Message.REOPEN:
            reopen_logs()
        else:
            self._server.force_exit = message is Message.FORCE
            self._server.should_exit = True


def _leave_to_supervisor(sig: int, frame: FrameType | None) -> None:
    pass


class WorkerServer(Server):
    """The server of a worker.

    Args:
        config: what to serve.
        worker: sends messages to the supervisor.
        share: the place of this worker on the scoreboard, or None.
    """

    def __init__(self, config: Config, worker: Worker, share: Share | None) -> None:
        super().__init__(config)
        self.manager = ProcessManager()  # It reports nothing: systemd watches the supervisor.
        self._worker = worker
        self._retiring = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._connections = None if share is None else PublishedConnections(share)
        if self._connections is not None:
            self.server_state.connections = self._connections

    def _create_listeners(self) -> Listeners:
        if self._connections is None:
            return super()._create_listeners()
        return FairListeners(self.config, self._create_protocol, self._connections)

    def _open_metrics(self) -> "ServerMetrics":
        from uvicorn.metrics.server_metrics import ServerMetrics

        assert self._worker.cells is not None
        return ServerMetrics(self.config, self.server_state, self._worker.cells.cells)

    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._loop = asyncio.get_running_loop()
            self._worker.send(Message.READY)

    def report_turn(self) -> None:
        """Let the event loop send TURN, which shows that it is not blocked. Called from another thread."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # The loop has been closed.
                self._loop.call_soon_threadsafe(self._worker.send, Message.TURN)

    def _end_at_request_limit(self) -> None:
        self.server_state.request_limit = self.limit_max_requests = None
        self._worker.send(Message.LIMIT)

    def retire(self) -> None:
        """Exit when all connections have ended. May be called from any thread."""
        self._retiring = True
        self.should_exit = True

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        if self._retiring:
            await self._drain(sockets)
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Handle a signal like `Server.handle_exit`, but ignore it during the delay of a shutdown.

        A terminal sends signals to all of its processes. The supervisor decides, and sends SKIP.
        """
        if not self.is_delayed:
            super().handle_exit(sig, frame)

    async def _delay_shutdown(self, seconds: float) -> None:
        if self._retiring:  # No delay is needed, because a replacement serves.
            self._delay_is_over = True
        await super()._delay_shutdown(seconds)

    async def _drain(self, sockets: list[socket] | None) -> None:
        """Stop accepting, and wait until each connection has ended: with its next response, or by its idle timeout.

        Closing an idle connection could lose a request that the client has just sent.
        """
        self._leave(sockets)
        self.should_exit = False  # A signal sets it again, which ends the waiting.
        emptied = asyncio.ensure_future(self.server_state.connections.wait_empty())
        emptied.add_done_callback(self._drained)
        ticking = asyncio.ensure_future(self._go_on_ticking())
        # After this time, the idle connections are closed.
        await self._flag("_exit").wait(min(self.config.timeout_keep_alive, DRAIN_TIMEOUT))
        ticking.cancel()
        emptied.cancel()
        self.should_exit = True

    def _drained(self, emptied: asyncio.Future[Any]) -> None:
        self.should_exit = True
