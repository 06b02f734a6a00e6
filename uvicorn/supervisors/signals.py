"""Signals as a supervisor takes them: collected by handlers that wake whoever waits for them."""

import contextlib
import signal
import threading
from collections import deque
from collections.abc import Generator, Iterable
from types import FrameType

from uvicorn._subprocess import PipeEnd, spawn

# What the supervisor of workers acts on, where the platform has it.
SIGNALS: dict[int, str] = {
    getattr(signal, f"SIG{name}"): name
    for name in ("INT", "TERM", "BREAK", "HUP", "TTIN", "TTOU")
    if hasattr(signal, f"SIG{name}")
}


class SignalQueue:
    """Signals in the order of their arrival."""

    def __init__(self) -> None:
        self._signals: deque[int] = deque()
        self._reader, self._writer = spawn.Pipe(duplex=False)

    @property
    def reader(self) -> PipeEnd:
        """Is readable, for `multiprocessing.connection.wait`, when there is a signal."""
        return self._reader

    def put(self, sig: int) -> None:
        """Enter a signal; may be called from a handler and from any thread.

        Args:
            sig: its number.
        """
        self._signals.append(sig)
        if len(self._signals) == 1:  # Else the pipe is readable already, and shall not fill up.
            self._writer.send_bytes(b"!")

    def take_all(self) -> list[int]:
        """The signals that have come since."""
        while self._reader.poll():
            self._reader.recv_bytes()
        taken = []
        while self._signals:
            taken.append(self._signals.popleft())
        return taken

    @contextlib.contextmanager
    def capture(self, signals: Iterable[int]) -> Generator[None, None, None]:
        """Enter these signals while the block runs. Only the main thread can; in another one, this does nothing.

        Args:
            signals: their numbers.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        former = {sig: signal.signal(sig, self._handle) for sig in signals}
        try:
            yield
        finally:
            for sig, handler in former.items():
                signal.signal(sig, signal.SIG_DFL if handler is None else handler)

    def _handle(self, sig: int, frame: FrameType | None) -> None:
        self.put(sig)

    def close(self) -> None:
        """Free the pipe."""
        self._reader.close()
        self._writer.close()
