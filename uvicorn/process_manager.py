"""What systemd, or another process manager, learns of this process: notifications and a file with its id."""

import contextlib
import logging
import math
import os
import socket
import sys
import time
from types import TracebackType

from uvicorn.config.config import exit_with_startup_failure

logger = logging.getLogger("uvicorn.error")


class ProcessManager:
    """Notifies the process manager of the states of this process; without a file and a socket it does nothing.

    It is used as a context manager while the process serves. The file is there during that time.

    Args:
        pid_file: the path of the file.

    Attributes:
        watchdog_due: when `keep_alive` has something to do, by `time.monotonic`.
    """

    def __init__(self, pid_file: str | None = None) -> None:
        self._pid_file = pid_file
        self._address = ""
        self._watchdog_interval = math.inf
        self.watchdog_due = math.inf

    def connect(self) -> None:
        """Notify systemd from now on, if it has started this process with `Type=notify` (sd_notify(3))."""
        address = os.environ.get("NOTIFY_SOCKET", "")
        # Without this variable, or on a system without systemd, there is nothing to notify.
        if sys.platform == "win32" or address[:1] not in ("/", "@"):
            return
        # A name in the abstract namespace of Linux (unix(7)).
        self._address = address.replace("@", "\0", 1) if address.startswith("@") else address
        microseconds = os.environ.get("WATCHDOG_USEC", "")
        if microseconds.isdecimal() and os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid()):
            # sd_watchdog_enabled(3) recommends half of the interval.
            self._watchdog_interval = int(microseconds) / 2_000_000
            self.watchdog_due = time.monotonic() + self._watchdog_interval

    def __enter__(self) -> "ProcessManager":
        """Write the file.

        Raises:
            SystemExit: the file cannot be written; the reason has been logged.
        """
        if self._pid_file is not None:
            # Written elsewhere and renamed, so that it is never read half-written.
            new = f"{self._pid_file}.{os.getpid()}"
            try:
                with open(new, "w", encoding="ascii") as file:
                    file.write(f"{os.getpid()}\n")
                os.replace(new, self._pid_file)
            except OSError as exc:
                exit_with_startup_failure(f"Error writing --pid-file {self._pid_file}: {exc.strerror}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pid_file is not None:
            # If another server has written the file meanwhile, the file stays.
            with contextlib.suppress(OSError, ValueError), open(self._pid_file, encoding="ascii") as file:
                if int(file.read()) == os.getpid():
                    os.unlink(self._pid_file)

    def ready(self, status: str) -> None:
        """The server serves, for the first time or after `reloading`."""
        self._notify("READY=1", f"STATUS={status}")

    def reloading(self) -> None:
        """The server loads the application, or its certificates, again."""
        self._notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}", "STATUS=Reloading")

    def stopping(self) -> None:
        """The server has begun to shut down."""
        self._notify("STOPPING=1", "STATUS=Shutting down")

    def keep_alive(self) -> None:
        """Send the watchdog a sign of life, if it is time."""
        now = time.monotonic()
        if now >= self.watchdog_due:
            self.watchdog_due = now + self._watchdog_interval
            self._notify("WATCHDOG=1")

    def _notify(self, *assignments: str) -> None:
        if not self._address or sys.platform == "win32":
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
                client.setblocking(False)
                client.sendto("\n".join(assignments).encode(), self._address)
        except OSError as exc:
            logger.warning("systemd cannot be notified (%s): %s", assignments[0], exc)
