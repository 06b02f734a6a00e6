"""Reports the state of this process to systemd or another process manager: notifications, and a file with its id."""

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
    """Reports the state of this process. Without a file and a socket, it does nothing.

    It is a context manager: in its block, the file with the process id exists.

    Args:
        pid_file: the path of the file; None without a file.

    Attributes:
        watchdog_due: the time of the next notification of the watchdog, of `time.monotonic`.
    """

    def __init__(self, pid_file: str | None = None) -> None:
        self._pid_file = pid_file
        self._address = ""
        self._watchdog_interval = math.inf
        self.watchdog_due = math.inf

    def connect(self) -> None:
        """Send notifications from now on, if systemd has started this process with `Type=notify` (sd_notify(3))."""
        address = os.environ.get("NOTIFY_SOCKET", "")
        # Without this variable, systemd does not wait for notifications.
        if sys.platform == "win32" or address[:1] not in ("/", "@"):
            return
        # An address that begins with @ is in the abstract namespace of Linux (unix(7)).
        self._address = address.replace("@", "\0", 1) if address.startswith("@") else address
        microseconds = os.environ.get("WATCHDOG_USEC", "")
        if microseconds.isdecimal() and os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid()):
            # sd_watchdog_enabled(3) recommends to send a notification after half of the interval.
            self._watchdog_interval = int(microseconds) / 2_000_000
            self.watchdog_due = time.monotonic() + self._watchdog_interval

    def __enter__(self) -> "ProcessManager":
        """Write the file.

        Raises:
            SystemExit: the file cannot be written; the reason was logged.
        """
        if self._pid_file is not None:
            # Written to another file which is then renamed, so that no process reads an incomplete file.
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
            # If another server has replaced the file, it stays.
            with contextlib.suppress(OSError, ValueError), open(self._pid_file, encoding="ascii") as file:
                if int(file.read()) == os.getpid():
                    os.unlink(self._pid_file)

    def ready(self, status: str) -> None:
        """Report that the server serves. Called after the start, and after `reloading`."""
        self._notify("READY=1", f"STATUS={status}")

    def reloading(self) -> None:
        """Report that the server loads the application or its certificates again."""
        self._notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}", "STATUS=Reloading")

    def stopping(self) -> None:
        """Report that the server shuts down."""
        self._notify("STOPPING=1", "STATUS=Shutting down")

    def keep_alive(self) -> None:
        """Notify the watchdog, if it is time."""
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
