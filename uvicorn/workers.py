"""Workers for gunicorn: `gunicorn -k uvicorn.workers.UvicornWorker module:app`.

gunicorn starts the process, gives it the sockets and the signals, and expects a notification at intervals. The worker
makes a `Config` from the settings of gunicorn and runs a `Server`. Subclasses set options in `CONFIG_KWARGS`.
"""

import asyncio
import faulthandler
import logging
import os
import signal
import sys
import warnings
from types import FrameType
from typing import Any, ClassVar

from gunicorn.workers.base import Worker

from uvicorn._compat import asyncio_run
from uvicorn.config import Config
from uvicorn.server import Server

assert sys.platform != "win32"  # gunicorn does not run there either

warnings.warn(
    "The `uvicorn.workers` module is deprecated. Please use the `uvicorn-worker` package instead.",
    DeprecationWarning,
    stacklevel=2,
)


# Seconds between notifications, as in gunicorn's own workers.
NOTIFY_INTERVAL = 1.0
# Settings of gunicorn that our options have too, with the prefix `ssl_`.
TLS_SETTINGS = ("keyfile", "certfile", "ca_certs", "cert_reqs", "ciphers")


class WorkerServer(Server):
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Handle a signal.

        During the startup of the application, exit at once, because gunicorn waits for the process.
        """
        super().handle_exit(sig, frame)
        if not self.started:
            self.force_exit = True


class UvicornWorker(Worker):
    """Runs a server with the sockets, the logging and the settings of gunicorn.

    Attributes:
        CONFIG_KWARGS: options, which subclasses can set. They have precedence over the settings of gunicorn.
    """

    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {"loop": "auto", "http": "auto"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _hand_over("uvicorn.error", self.log.error_log)
        _hand_over("uvicorn.access", self.log.access_log)
        options = {
            "app": None,  # `init_process` sets it.
            "log_config": None,
            "timeout_keep_alive": self.cfg.keepalive,
            "timeout_notify": min(self.timeout, NOTIFY_INTERVAL),
            "callback_notify": self.callback_notify,
            # gunicorn has added the jitter. Without a limit, the value is the largest integer.
            "limit_max_requests": None if self.max_requests == sys.maxsize else self.max_requests,
            "forwarded_allow_ips": self.cfg.forwarded_allow_ips,
            "backlog": self.cfg.backlog,
            **({f"ssl_{name}": getattr(self.cfg, name) for name in TLS_SETTINGS} if self.cfg.is_ssl else {}),
            **self.CONFIG_KWARGS,
        }
        self.config = Config(**options)

    def init_signals(self) -> None:
        """Install handlers only for the signals that the server does not handle.

        Before the server runs, the other signals end this process at once.
        """
        for sig in self.SIGNALS:
            signal.signal(sig, signal.SIG_DFL)
        signal.signal(signal.SIGUSR1, self.handle_usr1)
        signal.signal(signal.SIGABRT, self.handle_abort)
        signal.siginterrupt(signal.SIGUSR1, False)  # Do not interrupt system calls of requests.

    def run(self) -> None:
        """Serve until asked to exit.

        Raises:
            SystemExit: the worker cannot start. The code is 3, which gunicorn uses for this too.
        """
        self.config.app = self.wsgi
        self.config.load()  # before the loop runs, as `Server.run` does
        self._server = WorkerServer(config=self.config)
        # At its end, the server raises the captured signals again. With these handlers, they do not kill the process.
        for sig in (signal.SIGINT, signal.SIGTERM):
            signal.signal(sig, self.handle_exit)
        asyncio_run(self._serve(), loop_factory=self.config.get_loop_factory())

    async def _serve(self) -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGQUIT, self._quit)
        await self._server.serve(sockets=self.sockets)

    def _quit(self) -> None:
        self.alive = False
        self._server.should_exit = self._server.force_exit = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Handle a signal before the server handles signals, or after it has done so."""
        self.alive = False
        self._server.should_exit = True

    def handle_abort(  # pragma: no cover - the process ends before coverage is saved
        self, sig: int, frame: FrameType | None
    ) -> None:
        """Exit at once. An exception would be caught by the event loop."""
        faulthandler.dump_traceback()
        self.cfg.worker_abort(self)
        os._exit(1)

    async def callback_notify(self) -> None:
        """Notify gunicorn, or exit if gunicorn has ended."""
        if os.getppid() == self.ppid:
            self.notify()
        else:
            self.log.info("The arbiter has gone, shutting down.")
            self._server.should_exit = True


class UvicornH11Worker(UvicornWorker):
    """A `UvicornWorker` in pure Python: the event loop of asyncio, and h11."""

    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {"loop": "asyncio", "http": "h11"}


def _hand_over(name: str, gunicorns: logging.Logger) -> None:
    logger = logging.getLogger(name)
    logger.handlers = gunicorns.handlers
    logger.setLevel(gunicorns.level)
    logger.propagate = False
