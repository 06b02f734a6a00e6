"""Signals as a supervisor takes them: collected by handlers that wake it."""

import contextlib
import signal
import sys
import threading
from collections import deque
from collections.abc import Generator, Iterable
from types import FrameType
from typing import Any

from uvicorn._subprocess import spawn

# What the supervisor of workers acts on, where the platform has it.
SIGNALS: dict[int, str] = {
    getattr(signal, f"SIG{name}"): name
    for name in ("INT", "TERM", "BREAK", "HUP", "TTIN", "TTOU")
    if hasattr(signal, f"SIG{name}")
}


class SignalQueue:
    def __init__(self) -> None:
        self._signals: deque[int] = deque()
        # The reader is readable when there is a signal.
        self.reader, self._writer = spawn.Pipe(duplex=False)
        self._former: dict[int, Any] = {}

    def put(self, sig: int) -> None:
        """Enter a signal; may be called from a handler and from any thread."""
        self._signals.append(sig)
        if len(self._signals) == 1:  # Else the pipe is readable already, and shall not fill up.
            self._writer.send_bytes(b"!")

    def take_all(self) -> list[int]:
        while self.reader.poll():
            self.reader.recv_bytes()
        taken = []
        while self._signals:
            taken.append(self._signals.popleft())
        return taken

    @contextlib.contextmanager
    def capture(self, signals: Iterable[int]) -> Generator[None, None, None]:
        """Enter these signals while the block runs, if this is the main thread."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        self._former = {sig: signal.signal(sig, self._handle) for sig in signals}
        try:
            yield
        finally:
            self._restore()

    def _restore(self) -> None:
        for sig, handler in self._former.items():
            signal.signal(sig, signal.SIG_DFL if handler is None else handler)

    @contextlib.contextmanager
    def held_back(self) -> Generator[None, None, None]:
        """Keep these signals waiting while the block runs: a child forked there would take them for the supervisor."""
        if sys.platform == "win32":
            yield
            return
        self._mask = signal.pthread_sigmask(signal.SIG_BLOCK, self._former)
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)

    def let_go(self) -> None:
        """In a child forked while they were held back, undo the capture."""
        self._restore()
        self.close()
        if sys.platform != "win32":
            signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)

    def _handle(self, sig: int, frame: FrameType | None) -> None:
        self.put(sig)

    def close(self) -> None:
        self.reader.close()
        self._writer.close()
