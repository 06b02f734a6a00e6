"""The life of one serving process: bind, start the application, serve, shut down.

`uvicorn.run`, other programs, workers and reloaders call `run` or `serve`. A `Server` goes through these states once:

    state     what happens                                                      attribute that is true
    starting  sockets are bound, the application is imported and started        none
    serving   connections are accepted; `main_loop` ticks                       started
    delayed   `--shutdown-delay`: as "serving", but probes answer 503           is_delayed
    stopping  nothing is accepted; running requests are completed or cut off    should_exit
    forced    as "stopping", but nothing is waited for, and the application     force_exit
              gets no lifespan shutdown

Signals, `--limit-max-requests` and programs set `should_exit` and `force_exit`. They can do so from any thread.
"""

import asyncio
import contextlib
import faulthandler
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Generator
from socket import socket
from types import FrameType
from typing import TYPE_CHECKING, Any

from uvicorn._ansi import style
from uvicorn._compat import asyncio_run
from uvicorn.config import STARTUP_FAILURE, Config
from uvicorn.config.config import exit_with_startup_failure
from uvicorn.logging import reopen_logs
from uvicorn.net.listeners import AnyServer, Listeners
from uvicorn.process_manager import ProcessManager
from uvicorn.server_state import ExitFlag, ServerState

if TYPE_CHECKING:
    from uvicorn.metrics.server_metrics import ServerMetrics

__all__ = ["HANDLED_SIGNALS", "Server", "ServerState"]

HANDLED_SIGNALS: tuple[signal.Signals, ...] = (signal.SIGINT, signal.SIGTERM)
if sys.platform == "win32":
    HANDLED_SIGNALS += (signal.SIGBREAK,)  # Ctrl-Break

# Signals that an application may use for itself; none of them exists on Windows.
OPTIONAL_SIGNALS = tuple(getattr(signal, name) for name in ("SIGHUP", "SIGUSR1") if hasattr(signal, name))

# An overridden `on_tick` is called every TICK seconds. Its counter counts these ticks, from 0 on each day.
TICK = 0.1
TICKS_PER_SECOND = 10
TICKS_PER_DAY = 864_000

# Seconds between checks for changed certificate files.
CERTIFICATES_INTERVAL = 60.0

# Seconds that a shutdown waits for the first request of connections that are still being set up, by a TLS handshake for
# example.
SETUP_GRACE = 2.0

# Seconds that a shutdown waits for applications to end after they were cancelled.
CANCELLATION_GRACE = 1.0

# Seconds that a response which starts late in a shutdown has before it is treated as an endless stream.
LATE_STREAM_GRACE = 1.0

# The names in a date (RFC 9110 section 5.6.7).
_DAYS = b"Mon Tue Wed Thu Fri Sat Sun".split()
_MONTHS = b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()

logger = logging.getLogger("uvicorn.error")

# The servers that have signal handlers installed, in the order in which they installed them.
_capturing: list["Server"] = []


class Server:
    """Serves one application in one event loop.

    Args:
        config: what to serve, and how. `run` and `serve` load it if that was not done.

    Attributes:
        started: whether connections are accepted.
        manager: reports the state of this process to systemd or another process manager.
        servers: the listening servers of asyncio; set when the server starts.
    """

    servers: list[AnyServer]

    def __init__(self, config: Config) -> None:
        self.config = config
        self.server_state = ServerState()
        self.started = False
        self.manager = ProcessManager(config.pid_file)
        self._listeners: Listeners | None = None
        self._metrics: ServerMetrics | None = None
        self._observes = False
        self._ending_streams: asyncio.Task[None] | None = None
        self.last_notified = 0.0
        self.limit_max_requests: int | None = None
        if config.limit_max_requests is not None:
            import random  # Imported here, because the import takes a fiftieth of the time of a start.

            # The jitter prevents that all workers are replaced at the same time.
            self.limit_max_requests = config.limit_max_requests + random.randint(0, config.limit_max_requests_jitter)
        self._captured_signals: list[int] = []
        self._former_handlers: dict[int, Any] = {}
        self._installed_handlers: dict[int, Callable[[int, FrameType | None], None]] = {}
        self._date = -1
        self._delay_is_over = False
        self._has_terminal = False
        self._certificates_due = time.monotonic() + CERTIFICATES_INTERVAL

    def _flag(self, name: str) -> ExitFlag:
        # Made when it is used first: a subclass may set it before it calls our __init__.
        flag: ExitFlag = self.__dict__.setdefault(name, ExitFlag())
        return flag

    @property
    def should_exit(self) -> bool:
        """Whether to shut down gracefully. Setting it, from any thread, wakes the server."""
        return self._flag("_exit").value

    @should_exit.setter
    def should_exit(self, value: bool) -> None:
        self._flag("_exit").set(value)

    @property
    def force_exit(self) -> bool:
        """Whether to exit without waiting, and without the lifespan's shutdown."""
        return self._flag("_force").value

    @force_exit.setter
    def force_exit(self, value: bool) -> None:
        self._flag("_force").set(value)

    def run(self, sockets: list[socket] | None = None) -> None:
        """Make an event loop, and serve in it until asked to exit.

        The application is imported before the loop runs, because some modules call `asyncio.run` when they are
        imported.

        Args:
            sockets: as for `serve`.

        Raises:
            SystemExit: the server cannot start; the reason was logged.
        """
        loop_factory = self.config.get_loop_factory()
        self._prepare(sockets)
        try:
            asyncio_run(self.serve(sockets=sockets), loop_factory=loop_factory)
        finally:
            self._release()  # `serve` does not begin if this thread runs a loop already.
            self._close_metrics()

    async def serve(self, sockets: list[socket] | None = None) -> None:
        """Serve in the running event loop until asked to exit.

        Args:
            sockets: sockets to listen on, instead of the addresses of the config. They are closed at the end.

        Raises:
            SystemExit: the server cannot start; the reason was logged.
        """
        # Before signals are captured, because the application may replace `handle_exit` when it is imported.
        self._prepare(sockets)
        with self.capture_signals():
            try:
                with self.manager:
                    await self._serve(sockets)
            finally:
                # Done here, because `capture_signals` raises the signals again, which may end the process.
                self._release()
                self._close_metrics()
                if self.server_state.access_log is not None:
                    self.server_state.access_log.close()

    async def _serve(self, sockets: list[socket] | None) -> None:
        self._prepare(sockets)
        self.lifespan = self.config.lifespan_class(self.config)
        log_process("Started server process [%d]", os.getpid())
        await self.startup(sockets=sockets)
        if self.lifespan.should_exit and not self.started:
            sys.exit(STARTUP_FAILURE)
        try:
            await self.main_loop()
        except asyncio.CancelledError:
            # A program that cancels this task wants it to end now.
            self._leave(sockets)
            await self._cut_off()
            await self.lifespan.shutdown()
            raise
        self.server_state.ready = False
        self.manager.stopping()
        await self._delay_shutdown(self.config.shutdown_delay)
        await self.shutdown(sockets=sockets)
        log_process("Finished server process [%d]", os.getpid())

    def _prepare(self, sockets: list[socket] | None) -> None:
        """Bind, then load the application. Loading may take long, so a port in use is reported first."""
        try:
            self._observe()
            # A `startup` that overrides ours may bind itself.
            if getattr(self.startup, "__func__", None) is Server.startup:
                self._bind(sockets)
            if not self.config.loaded:
                self.config.load()
        except BaseException:
            self._release()
            self._close_metrics()
            raise

    def _observe(self) -> None:
        """Set up the access log and the metrics. Done once, in the process that serves."""
        if self._observes:
            return
        self._observes = True
        config = self.config
        if config.access_log and config.access_log_format != "default":
            from uvicorn.access_log import set_up  # otherwise imported for the first line

            set_up(self.server_state, config.access_log_format)
        if config.metrics is not None:
            self._metrics = self._open_metrics()

    def _open_metrics(self) -> "ServerMetrics":
        from uvicorn.metrics.server_metrics import OneProcess

        return OneProcess(self.config, self.server_state)

    def _close_metrics(self) -> None:
        metrics, self._metrics = self._metrics, None
        if metrics is not None:
            metrics.stop()

    def _bind(self, sockets: list[socket] | None) -> Listeners:
        """Bind if that was not done. Connections are refused until `startup` listens."""
        if self._listeners is None:
            self._listeners = self._create_listeners()
            if sockets is None:
                try:
                    self._listeners.bind()
                except OSError as exc:
                    exit_with_startup_failure(exc)
        return self._listeners

    def _release(self) -> None:
        """Close the bound sockets."""
        if self._listeners is not None:
            self._listeners.close()
            self._listeners = None

    async def startup(self, sockets: list[socket] | None = None) -> None:
        """Bind if that was not done, start the application, then listen and set `started`.

        Args:
            sockets: as for `serve`.
        """
        listeners = self._bind(sockets)
        # A second Ctrl-C ends the waiting, if the startup of the application hangs.
        if not await self._unless_forced(self.lifespan.startup()):
            return
        if self.lifespan.should_exit:
            self.should_exit = True
            return
        if self.should_exit:  # A signal came while the application started.
            return

        self._refresh_default_headers()
        self.server_state.request_limit = self.limit_max_requests
        self.server_state.on_request_limit = self._on_request_limit
        try:
            await listeners.open(sockets)
        except OSError as exc:  # Another server has started to listen on the address after we bound it.
            logger.error(exc)
            await self.lifespan.shutdown()
            sys.exit(STARTUP_FAILURE)
        self.servers = listeners.servers
        self.started = True
        self.server_state.ready = True
        if self._metrics is not None:
            self._metrics.start()
        self.manager.ready("Serving")

    def _create_listeners(self) -> Listeners:
        return Listeners(self.config, self._create_protocol, self.server_state.connections)

    def _create_protocol(self) -> asyncio.Protocol:
        protocol_class = self.config.http_protocol_class
        if self.config.http2:
            from uvicorn.protocols.http.negotiation import (
                Negotiation,
            )  # imported here, because most servers do not need it

            protocol_class = Negotiation
        protocol: asyncio.Protocol = protocol_class(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return protocol

    # --- Ticking ------------------------------------------------------------------------------------------------------

    async def main_loop(self) -> None:
        """Call `on_tick` at intervals until asked to exit."""
        counter = 0
        ticking = (
            type(self).on_tick is not Server.on_tick
            or "on_tick" in self.__dict__
            or type(self).should_exit is not Server.should_exit  # Setting an attribute of a subclass does not wake us.
        )
        while not await self.on_tick(counter):
            counter = (counter + (1 if ticking else TICKS_PER_SECOND)) % TICKS_PER_DAY
            delay = TICK if ticking else self._next_tick()
            if (
                self.should_exit
            ):  # An overridden `on_tick` has returned False. Without a sleep, this would be a busy loop.
                await asyncio.sleep(delay)
            else:
                await self._flag("_exit").wait(delay)

    async def on_tick(self, counter: int) -> bool:
        """Called every 0.1 seconds if it is overridden, otherwise once a second.

        Args:
            counter: tenths of a second; starts at 0 again once a day.

        Returns:
            Whether the server has to exit.
        """
        await self._tick()
        return self.should_exit

    async def _tick(self) -> None:
        self.manager.keep_alive()
        now = time.time()
        if int(now) != self._date:
            self._refresh_default_headers()
            # Protocol classes of other packages count requests, but do not call `count_request`.
            if self.limit_max_requests is not None and self.server_state.total_requests >= self.limit_max_requests:
                self._on_request_limit()
            if time.monotonic() >= self._certificates_due:
                self._certificates_due = time.monotonic() + CERTIFICATES_INTERVAL
                if self.config.certificates is not None:
                    self.config.certificates.reload_if_changed()
        if self.config.callback_notify is not None and now >= self.last_notified + self.config.timeout_notify:
            self.last_notified = now
            await self.config.callback_notify()

    def _next_tick(self) -> float:
        """The seconds until the next tick is needed."""
        now = time.time()
        delay = min(1.0 - now % 1.0, max(self.manager.watchdog_due - time.monotonic(), TICK))
        if self.config.callback_notify is not None:
            delay = min(delay, max(self.last_notified + self.config.timeout_notify - now, TICK))
        return delay

    async def _go_on_ticking(self) -> None:
        while True:
            await self._tick()
            await asyncio.sleep(self._next_tick())

    def _refresh_default_headers(self) -> None:
        now = time.time()
        self._date = int(now)
        headers = self.config.encoded_headers
        if self.config.date_header:
            headers = [(b"date", http_date(now)), *headers]
        self.server_state.default_headers = headers

    def _on_request_limit(self) -> None:
        if not self.should_exit:
            logger.info("Maximum request limit of %d exceeded. Terminating process.", self.limit_max_requests)
            self._end_at_request_limit()

    def _end_at_request_limit(self) -> None:
        self.should_exit = True

    # --- Shutting down ------------------------------------------------------------------------------------------------

    async def _delay_shutdown(self, seconds: float) -> None:
        """Go on serving, so that load balancers can notice the shutdown and send requests elsewhere."""
        if self.is_delayed and not self.force_exit:
            logger.info("Shutting down in %g s, serving requests until then. (CTRL+C to skip)", seconds)
            ticking = asyncio.ensure_future(self._go_on_ticking())
            await self._unless_forced(self._flag("_skip").wait(seconds))
            ticking.cancel()
        self._delay_is_over = True

    @property
    def is_delayed(self) -> bool:
        """Whether the server has been asked to exit, but still serves because of `--shutdown-delay`."""
        return self.should_exit and self.config.shutdown_delay > 0 and not self._delay_is_over

    def skip_delay(self) -> bool:
        """End the delay of the shutdown. Any thread or signal handler may call this.

        Returns:
            Whether there was a delay.
        """
        if not self.is_delayed:
            return False
        self._delay_is_over = True
        self._flag("_skip").set(True)
        return True

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """Stop listening, let connections and applications finish, then shut the application down.

        Args:
            sockets: as for `serve`.
        """
        logger.info("Shutting down")
        self._leave(sockets)
        # One turn of the loop, for connections and bytes that have arrived already.
        await asyncio.sleep(0)
        for connection in list(self.server_state.connections):
            connection.shutdown()

        # While we wait, the Date header is kept current, and the process manager is notified.
        ticking = asyncio.ensure_future(self._go_on_ticking())
        work = self._wait_for_connections_and_tasks()
        completed = await self._unless_forced(work, timeout=self.config.timeout_graceful_shutdown)
        ticking.cancel()
        if not completed and not self.force_exit:
            logger.error("Cancel %s running task(s), timeout graceful shutdown exceeded", len(self.server_state.tasks))
        await self._cut_off()

        if not self.force_exit:
            await self.lifespan.shutdown()

    def _leave(self, sockets: list[socket] | None) -> None:
        """Stop accepting, set the event `uvicorn.shutdown`, and start the timer that ends streams."""
        self.server_state.ready = False
        self._close_listeners(sockets)
        # For connections that are still being set up. For the others, `shutdown` calls their method of that name.
        self.server_state.draining = True
        self.server_state.shutdown_event.set()
        seconds = self._stream_seconds
        if seconds is not None and self._ending_streams is None:
            self._ending_streams = asyncio.ensure_future(self._end_streams(seconds))

    @property
    def _stream_seconds(self) -> float | None:
        """The seconds that streaming responses may go on; None without a limit of their own."""
        config = self.config
        if config.timeout_stream_shutdown is not None or config.timeout_graceful_shutdown is None:
            return config.timeout_stream_shutdown
        return config.timeout_graceful_shutdown / 2

    async def _end_streams(self, seconds: float) -> None:
        """Wait, then give `http.disconnect` to all applications that are streaming, and to those that start later."""
        await asyncio.sleep(seconds)
        streaming = self._find_streaming()
        ended: set[Any] = set()
        while True:
            to_end = streaming - ended
            if to_end:
                logger.info("Ending %d streaming response(s), timeout stream shutdown exceeded", len(to_end))
            for exchange in to_end:
                exchange.end_streaming()
            ended |= to_end
            # A response that has just started may be a short one, so it gets some time.
            streaming = self._find_streaming()
            await asyncio.sleep(max(seconds, LATE_STREAM_GRACE))

    def _find_streaming(self) -> set[Any]:
        """The exchanges whose response has started. Protocol classes of other packages have no list of exchanges."""
        connections = self.server_state.connections
        exchanges = [one for connection in connections for one in getattr(connection, "exchanges", ())]
        return {one for one in exchanges if one.is_streaming}

    def _close_listeners(self, sockets: list[socket] | None) -> None:
        for server in getattr(self, "servers", []):
            server.close()
        self._release()
        for sock in sockets or []:
            sock.close()

    async def _wait_for_connections_and_tasks(self) -> None:
        state = self.server_state
        connections = state.connections
        if (connections or connections.setups) and not self.force_exit:
            logger.info("Waiting for connections to close. (CTRL+C to force quit)")
            if connections.setups:
                await self._end_setups()
            await connections.wait_empty()
        if state.tasks and not self.force_exit:
            logger.info("Waiting for background tasks to complete. (CTRL+C to force quit)")
            while state.tasks:
                await asyncio.wait(set(state.tasks))
                # Tasks are removed from the set by a callback, which may not have run yet.
                await asyncio.sleep(0)

    async def _end_setups(self) -> None:
        """Wait for connections that are being set up. Each is closed after its first request, or if none arrives."""
        connections = self.server_state.connections
        earlier = set(connections)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(connections.wait_empty(), SETUP_GRACE)
        connections.give_up_setups()
        for connection in connections - earlier:
            connection.shutdown()

    async def _cut_off(self) -> None:
        """Cancel the applications that still run, and abort the open connections."""
        self.server_state.connections.give_up_setups()
        if self._ending_streams is not None:
            self._ending_streams.cancel()
        tasks = set(self.server_state.tasks)
        for task in tasks:
            task.cancel(msg="Task cancelled, timeout graceful shutdown exceeded")
        if tasks:
            await asyncio.wait(tasks, timeout=CANCELLATION_GRACE)
        for connection in list(self.server_state.connections):
            transport = getattr(connection, "transport", None)
            if transport is not None:
                transport.abort()

    async def _unless_forced(self, awaitable: Awaitable[Any], timeout: float | None = None) -> bool:
        """Wait for an awaitable, or until `force_exit` is set.

        Args:
            awaitable: what to wait for. It is cancelled if it does not complete.
            timeout: the longest time to wait, in seconds.

        Returns:
            Whether it was completed.
        """
        work = asyncio.ensure_future(awaitable)
        forced = asyncio.ensure_future(self._flag("_force").wait())
        try:
            await asyncio.wait({work, forced}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                return False
            work.result()
            return True
        finally:
            work.cancel()
            forced.cancel()

    # --- Signals ------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Let `handle_exit` handle signals in this block. Afterwards, raise the captured signals again, last first.

        Only the main thread can install signal handlers. In other threads, this does nothing.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        self._former_handlers = {sig: signal.getsignal(sig) for sig in (*HANDLED_SIGNALS, *OPTIONAL_SIGNALS)}
        self._installed_handlers = {}
        self.install_signal_handlers()
        _capturing.append(self)
        try:
            yield
        finally:
            self._restore_signal_handlers()
        for captured in reversed(self._captured_signals):
            signal.raise_signal(captured)

    def install_signal_handlers(self) -> None:
        """Install `handle_exit`. To keep the existing handlers, assign a function that does nothing."""
        for sig in HANDLED_SIGNALS:
            # Remembered, because `handle_exit` may be replaced while the server runs.
            self._installed_handlers[sig] = handler = self.handle_exit
            signal.signal(sig, handler)
        handlers = {"SIGHUP": self.handle_reload, "SIGUSR1": handle_reopen}
        for sig in OPTIONAL_SIGNALS:
            # If the application has installed a handler for this signal, that handler stays.
            if self._former_handlers[sig] in (signal.SIG_DFL, handle_reopen):
                self._installed_handlers[sig] = handler = handlers[sig.name]
                signal.signal(sig, handler)
        self._has_terminal = has_terminal()
        if sys.platform != "win32" and signal.getsignal(signal.SIGUSR2) is signal.SIG_DFL:
            # This handler is written in C, so it works even while an extension module blocks Python. Installing it
            # fails if standard error is not a file.
            with contextlib.suppress(AttributeError, OSError, ValueError):
                faulthandler.register(signal.SIGUSR2, all_threads=True)

    def _restore_signal_handlers(self) -> None:
        """Restore the earlier handlers, also if the application has installed others since."""
        later = _capturing[_capturing.index(self) + 1 :]
        _capturing.remove(self)
        if sys.platform != "win32" and not _capturing:
            faulthandler.unregister(signal.SIGUSR2)
        for sig in self._installed_handlers:
            successor = next((server for server in later if sig in server._installed_handlers), None)
            former = self._former_handlers[sig]
            if successor is None:
                _restore_handler(sig, former)
            else:  # That server still serves. At its end it will restore the handler that we found.
                successor._former_handlers[sig] = former

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Handle a signal.

        The first asks to exit. The next ends the delay, if there is one. SIGINT then forces the exit.
        """
        self._captured_signals.append(sig)
        if self.skip_delay():
            return
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        else:
            self.should_exit = True

    def handle_reload(self, sig: int, frame: FrameType | None) -> None:
        """Handle SIGHUP: reload certificates and reopen log files. If the terminal was closed, exit instead."""
        if self._has_terminal and not has_terminal():
            self.handle_exit(sig, frame)
            return
        logger.info("Received SIGHUP, reloading certificates and reopening log files.")
        self.manager.reloading()
        reopen_logs()
        if self.config.certificates is not None:
            self.config.certificates.reload()
        self.manager.ready("Serving")


def write_stacks() -> None:
    """Write the stacks of all threads to standard error."""
    logger.info("The stacks of process [%d]:", os.getpid())
    # Fails if standard error is not a file.
    with contextlib.suppress(AttributeError, OSError, ValueError):
        faulthandler.dump_traceback(all_threads=True)


def has_terminal() -> bool:
    """Whether this process has a controlling terminal."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | getattr(os, "O_NOCTTY", 0)))
    except OSError:
        return False
    return True


def handle_reopen(sig: int, frame: FrameType | None) -> None:
    """Handle SIGUSR1: reopen the log files."""
    reopen_logs()


def log_process(message: str, pid: int, *words: str, bold: bool | None = None) -> None:
    """Log a message about a process.

    Args:
        message: the message; its `%d` becomes `pid`.
        pid: the id of the process.
        words: words of the message that are coloured, as the id is, if colours are on.
        bold: whether they are bold too.
    """
    coloured = message
    for word in ("%d", *words):
        coloured = coloured.replace(word, style(word, fg="cyan", bold=bold))
    logger.info(message, pid, extra={"color_message": coloured})


def http_date(seconds: float) -> bytes:
    """Format a time as IMF-fixdate (RFC 9110 section 5.6.7). `strftime` depends on the locale, so it is not used."""
    now = time.gmtime(seconds)
    day, month = _DAYS[now.tm_wday], _MONTHS[now.tm_mon - 1]
    return b"%b, %02d %b %04d %02d:%02d:%02d GMT" % (day, now.tm_mday, month, now.tm_year, *now[3:6])


def _restore_handler(sig: int, handler: Any) -> None:
    # RuntimeError: no loop runs. NotImplementedError: on Windows, loops do not handle signals.
    with contextlib.suppress(RuntimeError, NotImplementedError):
        loop = asyncio.get_running_loop()
        # The application may have called `loop.add_signal_handler`. Without this, its callback would still be called.
        # But if the handler to restore belongs to the loop, the callback was there before us, and stays.
        if getattr(handler, "__module__", None) not in {kind.__module__ for kind in type(loop).__mro__}:
            loop.remove_signal_handler(sig)
    # None means that C code has installed the handler. Python cannot restore it.
    signal.signal(sig, signal.SIG_DFL if handler is None else handler)
