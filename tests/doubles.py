"""Doubles of a loop and a transport, with only the methods that a protocol class may use.

Other projects test protocol classes with doubles like these. A protocol class may use `create_task` and `call_later` of
the loop, and the seven methods of `MockTransport`. Any other use fails at once.
"""

import asyncio
import contextvars
import ssl
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any


class _Strict:
    """An object that fails if code reads an attribute that it does not have, even by `getattr` with a default."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{type(self).__name__} was asked for {name!r}")


class MockTask(_Strict):
    """What `MockLoop.create_task` returns. It has `add_done_callback` only."""

    __slots__ = ("_callbacks", "_context", "_coroutine")

    def __init__(self, coroutine: Coroutine[Any, Any, Any], context: contextvars.Context) -> None:
        self._coroutine = coroutine
        self._context = context
        self._callbacks: list[Callable[[Any], object]] = []

    def add_done_callback(self, callback: Callable[[Any], object]) -> None:
        self._callbacks.append(callback)


class MockHandle(_Strict):
    """What `MockLoop.call_later` returns. It has `cancel` only."""

    __slots__ = ("_callback", "_cancelled", "_delay")

    def __init__(self, delay: float, callback: Callable[[], object]) -> None:
        self._delay = delay
        self._callback = callback
        self._cancelled = False

    def cancel(self) -> None:
        self._cancelled = True


class MockLoop(_Strict):
    """A loop whose tasks and timers run only when the test runs them."""

    def __init__(self) -> None:
        self._tasks: deque[MockTask] = deque()
        self._timers: list[MockHandle] = []

    def create_task(self, coroutine: Coroutine[Any, Any, Any], /) -> MockTask:
        # A task runs in the context in which it was created, as in a real loop.
        task = MockTask(coroutine, contextvars.copy_context())
        self._tasks.append(task)
        return task

    def call_later(self, delay: float, callback: Callable[[], object], /) -> MockHandle:
        handle = MockHandle(delay, callback)
        self._timers.append(handle)
        return handle

    @property
    def waiting(self) -> int:
        """The number of tasks that were created and have not run."""
        return len(self._tasks)

    @property
    def timers(self) -> list[float]:
        """The delays in seconds of the timers that are still armed."""
        return [handle._delay for handle in self._timers if not handle._cancelled]

    async def run_one(self) -> None:
        """Run the oldest task to its end, and then its callbacks."""
        task = self._tasks.popleft()
        try:
            here = contextvars.copy_context()
            if list(task._context.items()) == list(here.items()):
                await task._coroutine
            else:
                await task._context.run(asyncio.get_running_loop().create_task, task._coroutine)
        finally:
            for callback in task._callbacks:
                callback(task)

    def start_one(self) -> "asyncio.Task[None]":
        """Run the oldest task concurrently with the test. Returns the task to await."""
        return asyncio.ensure_future(self.run_one())

    def run_later(self, with_delay: float) -> None:
        """Let `with_delay` seconds pass: call the timers that are due by then, in order."""
        due = sorted(
            (handle for handle in self._timers if handle._delay <= with_delay), key=lambda handle: handle._delay
        )
        self._timers = [handle for handle in self._timers if handle._delay > with_delay]
        for handle in due:
            if not handle._cancelled:
                handle._callback()

    def discard(self) -> None:
        """Close the tasks that never ran, so that no coroutine is left unawaited."""
        while self._tasks:
            self._tasks.popleft()._coroutine.close()


class MockTransport:
    """A transport that records what is written. A protocol must not close it twice, or write after `close`."""

    def __init__(
        self, *, sockname: Any = ("127.0.0.1", 8000), peername: Any = ("127.0.0.1", 12345), sslcontext: bool = False
    ) -> None:
        self._extra = {"sockname": sockname, "peername": peername, "sslcontext": sslcontext}
        self.writes: list[bytes] = []
        self.closed = False
        self.reading = True
        self.protocol: Any = None

    @property
    def buffer(self) -> bytes:
        """The bytes written since the last `clear_buffer`."""
        return b"".join(self.writes)

    def clear_buffer(self) -> None:
        self.writes.clear()

    def get_extra_info(self, name: str, /) -> Any:
        return self._extra.get(name)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.closed, f"written after close: {bytes(data)!r}"
        assert isinstance(data, bytes | bytearray | memoryview), f"not bytes: {data!r}"
        self.writes.append(bytes(data))

    def close(self) -> None:
        assert not self.closed, "closed twice"
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        assert self.reading, "paused twice"
        self.reading = False

    def resume_reading(self) -> None:
        assert not self.reading, "resumed twice"
        self.reading = True

    def set_protocol(self, protocol: Any) -> None:
        self.protocol = protocol


class FullTransport(MockTransport):
    """A `MockTransport` with half-closing, aborting, defaults, and a count of unsent bytes, as in asyncio."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.eof_written = False
        self.aborted = False
        self.unsent = 0

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._extra.get(name, default)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.eof_written, f"written after write_eof: {bytes(data)!r}"
        super().write(data)

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        assert not self.closed, "half-closed after close"
        assert not self.eof_written, "half-closed twice"
        self.eof_written = True

    def abort(self) -> None:
        self.aborted = True
        self.closed = True

    def get_write_buffer_size(self) -> int:
        return self.unsent


class TlsObject:
    """What `ssl.SSLObject` reports about a connection whose client has sent no certificate."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)

    def __init__(
        self, version: str = "TLSv1.3", cipher: str = "TLS_AES_128_GCM_SHA256", protocol: str | None = None
    ) -> None:
        self._version = version
        self._cipher = cipher
        self._protocol = protocol

    def version(self) -> str:
        return self._version

    def cipher(self) -> tuple[str, str, int]:
        return (self._cipher, self._version, 128)

    def selected_alpn_protocol(self) -> str | None:
        return self._protocol

    def getpeercert(self, binary_form: bool = False) -> None:
        """The client has sent no certificate."""
