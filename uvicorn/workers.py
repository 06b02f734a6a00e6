"""Workers for gunicorn: `gunicorn -k uvicorn.workers.UvicornWorker module:app`.

gunicorn starts the process, gives it the sockets and the signals, and expects a sign of life. The worker makes a
`Config` from gunicorn's settings and runs a `Server`. Subclasses set options in `CONFIG_KWARGS`.
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

assert sys.platform != "win32"  # and gunicorn neither runs there

warnings.warn(
    "The `uvicorn.workers` module is deprecated. Please use the `uvicorn-worker` package instead.",
    DeprecationWarning,
    stacklevel=2,
)


# Seconds between signs of life, as of gunicorn's own workers.
NOTIFY_INTERVAL = 1.0
# Which have the names of our options, but for their `ssl_`.
TLS_SETTINGS = ("keyfile", "certfile", "ca_certs", "cert_reqs", "ciphers")


class WorkerServer(Server):
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """As a server's, but do not wait for the application's startup: gunicorn waits for us."""
        super().handle_exit(sig, frame)
        if not self.started:
            self.force_exit = True


class UvicornWorker(Worker):
    """Runs a server on gunicorn's sockets, with gunicorn's logging and settings.

    Attributes:
        CONFIG_KWARGS: options for subclasses to set; they win over gunicorn's settings.
    """

    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {"loop": "auto", "http": "auto"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _hand_over("uvicorn.error", self.log.error_log)
        _hand_over("uvicorn.access", self.log.access_log)
        options = {
            "app": None,  # It is known from `init_process` on.
            "log_config": None,
            "timeout_keep_alive": self.cfg.keepalive,
            "timeout_notify": min(self.timeout, NOTIFY_INTERVAL),
            "callback_notify": self.callback_notify,
            # With its jitter; without a limit it is the largest integer.
            "limit_max_requests": None if self.max_requests == sys.maxsize else self.max_requests,
            "forwarded_allow_ips": self.cfg.forwarded_allow_ips,
            "backlog": self.cfg.backlog,
            **({f"ssl_{name}": getattr(self.cfg, name) for name in TLS_SETTINGS} if self.cfg.is_ssl else {}),
            **self.CONFIG_KWARGS,
        }
        self.config = Config(**options)

    def init_signals(self) -> None:
        """Leave the signals to the server, but for those that it does not know; before it runs, they end us at once."""
        for sig in self.SIGNALS:
            signal.signal(sig, signal.SIG_DFL)
        signal.signal(signal.SIGUSR1, self.handle_usr1)
        signal.signal(signal.SIGABRT, self.handle_abort)
        signal.siginterrupt(signal.SIGUSR1, False)  # Requests go on.

    def run(self) -> None:
        """Serve until asked to exit.

        Raises:
            SystemExit: with 3, for gunicorn too the code of a worker that cannot start.
        """
        self.config.app = self.wsgi
        self.config.load()  # before the loop runs, as `Server.run` does
        self._server = WorkerServer(config=self.config)
        # The server raises them again, which must not look as if they had killed us.
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
        """Take a signal that the server has acted upon, or that comes right before it does so."""
        self.alive = False
        self._server.should_exit = True

    def handle_abort(  # pragma: no cover - it ends before what was covered is saved
        self, sig: int, frame: FrameType | None
    ) -> None:
        """End at once; an event loop would catch an exception."""
        faulthandler.dump_traceback()
        self.cfg.worker_abort(self)
        os._exit(1)

    async def callback_notify(self) -> None:
        """Give gunicorn a sign of life, or follow it if it has died."""
        if os.getppid() == self.ppid:
            self.notify()
        else:
            self.log.info("The arbiter has gone, shutting down.")
            self._server.should_exit = True


class UvicornH11Worker(UvicornWorker):
    """As `UvicornWorker`, in pure Python: asyncio's event loop and h11."""

    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {"loop": "asyncio", "http": "h11"}


def _hand_over(name: str, gunicorns: logging.Logger) -> None:
    logger = logging.getLogger(name)
    logger.handlers = gunicorns.handlers
    logger.setLevel(gunicorns.level)
    logger.propagate = False
