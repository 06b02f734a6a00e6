"""Reloading: a child serves, and is replaced when a file changes.

The parent binds the sockets, so that clients wait while no child serves. Subclasses say what has changed
(`should_restart`): the system notifies `WatchFilesReload`, `StatReload` compares times. A child that fails is not
started again before the next change.
"""

import contextlib
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
from uvicorn.process_manager import ProcessManager
from uvicorn.server import HANDLED_SIGNALS, log_process
from uvicorn.supervisors.spawn import PipeEnd, get_subprocess, spawn

# Seconds by which open streams may delay a reload, unless the user sets a time; and for the application after that.
RELOAD_GRACE = 2
SHUTDOWN_ALLOWANCE = 5.0

logger = logging.getLogger("uvicorn.error")


class StoppableTarget:
    """Serves in a child that signals cannot stop (Windows): a thread listens to the reloader's pipe."""

    def __init__(self, target: Callable[..., None], channel: PipeEnd) -> None:
        self._target = target
        self._channel = channel

    def __call__(self, sockets: list[socket]) -> None:
        threading.Thread(target=self._listen, daemon=True, name="uvicorn-reloader-channel").start()
        self._target(sockets=sockets)

    def _listen(self) -> None:
        with contextlib.suppress(EOFError, OSError):  # Another thread notices the end of the reloader.
            self._channel.recv_bytes()
            signal.raise_signal(signal.SIGTERM)


class BaseReload:
    """A reloader; iterating it yields the files that have changed, or None.

    Args:
        config: what is served and watched.
        target: serves in the child process, called with `sockets=`.
        sockets: stay open here, so that no reload refuses a connection.

    Attributes:
        manager: notifies systemd, or another process manager, of the states of this process.
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
        config.shutdown_delay = 0.0
        if config.timeout_graceful_shutdown is None:
            config.timeout_graceful_shutdown = RELOAD_GRACE

    def signal_handler(self, sig: int, frame: FrameType | None) -> None:
        """Stop; a second signal does not wait for the child."""
        if self.should_exit.is_set():
            self.process.kill()
        self.should_exit.set()

    def run(self) -> None:
        """Serve, reloading at every change, until a signal comes."""
        self.startup()
        self.manager.ready("Serving, and watching files")
        for changes in self:
            self.manager.keep_alive()
            if changes:
                logger.warning(
                    "%s detected changes in %s. Reloading...",
                    self.reloader_name,
                    ", ".join(map(_display_path, changes)),
                )
                self.restart()
        self.shutdown()

    def pause(self) -> None:
        """Wait before the next look.

        Raises:
            StopIteration: the reloader shall exit.
        """
        if self.should_exit.wait(self.config.reload_delay):
            raise StopIteration()

    def __iter__(self) -> Iterator[list[Path] | None]:
        return self

    def __next__(self) -> list[Path] | None:
        return self.should_restart()

    def startup(self) -> None:
        """Start the first child."""
        message = f"Started reloader process [%d] using {self.reloader_name}"
        log_process(message, self.pid, str(self.reloader_name), bold=True)
        if threading.current_thread() is threading.main_thread():
            self._former_handlers = {sig: signal.signal(sig, self.signal_handler) for sig in HANDLED_SIGNALS}
        for sock in self.sockets:
            # A client that comes while no child is ready waits.
            sock.listen(self.config.backlog)
        self._start()

    def restart(self) -> None:
        """Replace the child, also one that has died."""
        self._stop()
        self._start()

    def _start(self) -> None:
        target = self.target
        if sys.platform == "win32":
            listener, self._channel = spawn.Pipe(duplex=False)
            target = StoppableTarget(target, listener)
        self.process = get_subprocess(config=self.config, target=target, sockets=self.sockets)
        self.process.start()

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

    def _terminate(self) -> None:
        if sys.platform == "win32":
            self._channel.send_bytes(b"!")
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
        """Return the files that have changed since the last look, or None.

        Raises:
            StopIteration: the reloader shall exit.
        """
        raise NotImplementedError("Reload strategies should override should_restart()")


def _display_path(path: Path) -> str:
    try:
        return f"'{path.relative_to(Path.cwd())}'"
    except ValueError:
        return f"'{path}'"
