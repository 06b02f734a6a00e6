"""Reloading (`--reload`): a child process serves, and is replaced when a file changes.

The parent binds the sockets, so clients wait while no child serves. The subclasses find changes: the operating system
notifies `WatchFilesReload`, and `StatReload` compares modification times. A child that fails is started again only
after the next change, or SIGHUP.
"""

import contextlib
import enum
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from socket import socket
from types import FrameType
from typing import Any

from uvicorn.config import Config
from uvicorn.logging import reopen_logs
from uvicorn.process_manager import ProcessManager
from uvicorn.server import HANDLED_SIGNALS, has_terminal, log_process, write_stacks
from uvicorn.supervisors.spawn import PipeEnd, get_subprocess, spawn

# Seconds that a reload waits for open streams, unless `--timeout-graceful-shutdown` is set, and for the lifespan
# shutdown after them.
RELOAD_GRACE = 2
SHUTDOWN_ALLOWANCE = 5.0

# The status that systemd shows.
STATUS = "Serving, and watching files"

logger = logging.getLogger("uvicorn.error")


class Message(bytes, enum.Enum):
    """The messages of the reloader to its child, over a pipe.

    Signals are not used, because a signal could arrive before the child has installed its handler.
    """

    STOP = b"stop"  # Shut down. Used on Windows; elsewhere SIGTERM is sent.
    REOPEN = b"reopen"  # Reopen the log files.
    STACKS = b"stacks"  # Write the stacks of all threads.


class ControlledTarget:
    """Serves in the child, and handles the messages of the reloader in a thread.

    Args:
        target: the function that serves; called with the argument `sockets`.
        channel: the pipe from the reloader.
    """

    def __init__(self, target: Callable[..., None], channel: PipeEnd) -> None:
        self._target = target
        self._channel = channel

    def __call__(self, sockets: list[socket]) -> None:
        threading.Thread(target=self._listen, daemon=True, name="uvicorn-reloader-channel").start()
        self._target(sockets=sockets)

    def _listen(self) -> None:
        with contextlib.suppress(EOFError, OSError):  # The reloader has ended. Another thread notices that.
            while True:
                message = Message(self._channel.recv_bytes())
                if message is Message.REOPEN:
                    reopen_logs()
                elif message is Message.STACKS:
                    write_stacks()
                else:
                    signal.raise_signal(signal.SIGTERM)


class BaseReload:
    """A reloader. Iterating over it yields lists of changed files, or None.

    Args:
        config: what is served and watched.
        target: the function that serves in the child process; called with the argument `sockets`.
        sockets: the sockets. They stay open in this process, so no connection is refused during a reload.

    Attributes:
        manager: reports the state of this process to systemd or another process manager.
    """

    reloader_name: str | None = None

    def __init__(self, config: Config, target: Callable[..., None], sockets: list[socket]) -> None:
        self.config = config
        self.target = target
        self.sockets = sockets
        self.should_exit = threading.Event()
        self.pid = os.getpid()
        self.manager = ProcessManager()
        self._former_handlers: dict[int, Any] = {}
        self._channel: PipeEnd | None = None
        self._has_terminal = False
        self._restart_requested = False
        config.shutdown_delay = 0.0
        if config.timeout_graceful_shutdown is None:
            config.timeout_graceful_shutdown = RELOAD_GRACE

    def signal_handler(self, sig: int, frame: FrameType | None) -> None:
        """Handle a signal: stop. A second signal kills the child."""
        if self.should_exit.is_set():
            self.process.kill()
        self.should_exit.set()

    def handle_hup(self, sig: int, frame: FrameType | None) -> None:
        """Handle SIGHUP: restart the child at the next check. If the terminal was closed, exit instead."""
        if self._has_terminal and not has_terminal():
            self.signal_handler(sig, frame)
            return
        logger.info("Received SIGHUP, restarting the server process.")
        self._restart_requested = True

    def handle_usr1(self, sig: int, frame: FrameType | None) -> None:
        """Handle SIGUSR1: reopen the log files, here and in the child."""
        logger.info("Received SIGUSR1, reopening log files.")
        reopen_logs()
        self._send(Message.REOPEN)

    def handle_usr2(self, sig: int, frame: FrameType | None) -> None:
        """Handle SIGUSR2: write the stacks of all threads, here and in the child."""
        write_stacks()
        self._send(Message.STACKS)

    def run(self) -> None:
        """Serve until a signal stops it, and reload at every change."""
        self.startup()
        self.manager.ready(STATUS)
        for changes in self:
            self.manager.keep_alive()
            if changes:
                logger.warning(
                    "%s detected changes in %s. Reloading...",
                    self.reloader_name,
                    ", ".join(map(_display_path, changes)),
                )
            if changes or self._restart_requested:
                self._restart_requested = False
                self.restart()
        self.shutdown()

    def pause(self) -> None:
        """Wait until the next check.

        Raises:
            StopIteration: the reloader has to exit.
        """
        if self.should_exit.wait(self.config.reload_delay):
            raise StopIteration()

    def __iter__(self) -> Iterator[list[Path] | None]:
        return self

    def __next__(self) -> list[Path] | None:
        return self.should_restart()

    def startup(self) -> None:
        """Start the first child."""
        self._capture_signals()
        message = f"Started reloader process [%d] using {self.reloader_name}"
        log_process(message, self.pid, str(self.reloader_name), bold=True)
        for sock in self.sockets:
            # From now on, clients can connect. They wait until a child is ready.
            sock.listen(self.config.backlog)
        self._start()

    def _capture_signals(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        self._has_terminal = has_terminal()
        handlers: dict[int, Any] = dict.fromkeys(HANDLED_SIGNALS, self.signal_handler)
        for name in ("HUP", "USR1", "USR2"):
            sig = getattr(signal, f"SIG{name}", None)  # Windows does not have these signals.
            # A handler of the program stays, and so does SIG_IGN for SIGHUP, which `nohup` sets.
            if sig is not None and signal.getsignal(sig) is signal.SIG_DFL:
                handlers[sig] = getattr(self, f"handle_{name.lower()}")
        self._former_handlers = {sig: signal.signal(sig, handler) for sig, handler in handlers.items()}

    def restart(self) -> None:
        """Replace the child, whether it still runs or not."""
        self.manager.reloading()
        self._stop()
        self._start()
        self.manager.ready(STATUS)

    def _start(self) -> None:
        listener, self._channel = spawn.Pipe(duplex=False)
        target = ControlledTarget(self.target, listener)
        self.process = get_subprocess(config=self.config, target=target, sockets=self.sockets)
        self.process.start()
        listener.close()

    def _send(self, message: Message) -> None:
        if self._channel is not None:
            with contextlib.suppress(OSError):  # The child has ended.
                self._channel.send_bytes(message)

    def _stop(self) -> None:
        if self.process.is_alive():
            self._terminate()
        assert self.config.timeout_graceful_shutdown is not None
        self.process.join(self.config.timeout_graceful_shutdown + SHUTDOWN_ALLOWANCE)
        if self.process.exitcode is None:
            logger.warning("The server process [%d] has not ended in time, killing it.", self.process.pid)
            self.process.kill()
            self.process.join()
        self.process.close()
        assert self._channel is not None
        self._channel.close()

    def _terminate(self) -> None:
        if sys.platform == "win32":
            self._send(Message.STOP)
        else:
            self.process.terminate()

    def shutdown(self) -> None:
        """Stop the child, and close the sockets."""
        self.manager.stopping()
        self._stop()
        for sig, handler in self._former_handlers.items():
            signal.signal(sig, signal.SIG_DFL if handler is None else handler)
        for sock in self.sockets:
            sock.close()
        log_process("Stopping reloader process [%d]", self.pid, bold=True)

    def should_restart(self) -> list[Path] | None:
        """Return the files that have changed since the last call, or None.

        Raises:
            StopIteration: the reloader has to exit.
        """
        raise NotImplementedError("Reload strategies should override should_restart()")


def _display_path(path: Path) -> str:
    try:
        return f"'{path.relative_to(Path.cwd())}'"
    except ValueError:
        return f"'{path}'"
