"""An ASGI conversation used from a worker thread, and the request body as a file."""

from __future__ import annotations

import asyncio
import enum
import io
import math
import threading
import time
from collections.abc import Coroutine
from concurrent.futures import CancelledError, Future
from typing import TYPE_CHECKING, Any, TypeVar

from uvicorn.protocols.utils import ClientDisconnected

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

    from uvicorn._types import ASGIReceiveCallable, ASGISendCallable, ASGISendEvent, HTTPRequestEvent

T = TypeVar("T")

_INPUT_BUFFER_SIZE = 65536  # bytes

# Seconds that a response goes on after `http.disconnect`, which may only mean that the client has no more to send; an
# endless one would keep its thread for ever.
_GRACE = 10.0


class _Body(enum.Enum):
    MORE = enum.auto()
    WHOLE = enum.auto()
    CUT = enum.auto()


class Exchange:
    """One request and its response; made on the loop, `read` and `send` are called by one worker thread.

    At most one event is received ahead, so that a client that leaves is noticed while the application only sends.

    Attributes:
        disconnected: whether the client has left, or the server has given up.
    """

    def __init__(self, message: HTTPRequestEvent, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        self.disconnected = False
        self._deadline = math.inf
        self._receive = receive
        self._send = send
        self._loop = asyncio.get_running_loop()
        # Between "is it over?" in the thread and "it is over" on the loop.
        self._lock = threading.Lock()
        self._pending: Future[Any] | None = None
        self._ahead: asyncio.Task[bytes] | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._body = _Body.MORE
        self._first = self._take(message)

    @property
    def input(self) -> io.BytesIO | io.BufferedReader:
        """`wsgi.input`; it asks the loop for nothing where the whole body has come."""
        if self._body is _Body.MORE:
            return io.BufferedReader(_Input(self, self._first), _INPUT_BUFFER_SIZE)
        return io.BytesIO(self._first)

    # In the worker thread

    def read(self) -> bytes:
        """The next part of the body, empty at its end. Raises ClientDisconnected if the rest will not come."""
        while self._body is _Body.MORE or self._ahead is not None:
            part = self._on_loop(self._next())
            if part:
                return part
        if self._body is _Body.CUT:
            raise ClientDisconnected
        return b""

    def send(self, *messages: ASGISendEvent) -> None:
        """Wait as long as the server does. Raises ClientDisconnected if nobody has been there for a while."""
        self._on_loop(self._send_all(messages))

    def _on_loop(self, coroutine: Coroutine[Any, Any, T]) -> T:
        with self._lock:
            if time.monotonic() > self._deadline:
                coroutine.close()
                raise ClientDisconnected
            self._pending = future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result()
        except CancelledError:
            raise ClientDisconnected from None

    # On the loop

    def end(self) -> None:
        """Wake the worker thread if it waits; it will not wait again."""
        with self._lock:
            self._disconnect(-math.inf)
            pending = self._pending
        for waiting in (pending, self._ahead, self._watcher):
            if waiting is not None:
                waiting.cancel()

    def _disconnect(self, deadline: float) -> None:
        self.disconnected = True
        self._deadline = deadline

    def _take(self, message: HTTPRequestEvent) -> bytes:
        if not message.get("more_body", False):
            self._body = _Body.WHOLE
            self._watcher = self._loop.create_task(self._watch())
        return message.get("body", b"")

    async def _watch(self) -> None:
        # The only event to come is http.disconnect.
        await self._receive()
        self._disconnect(time.monotonic() + _GRACE)

    async def _receive_part(self) -> bytes:
        message = await self._receive()
        if message["type"] == "http.request":
            return self._take(message)
        self._body = _Body.CUT
        self._disconnect(time.monotonic() + _GRACE)
        return b""

    async def _next(self) -> bytes:
        task = self._ahead or self._loop.create_task(self._receive_part())
        self._ahead = None
        return await task

    async def _send_all(self, messages: tuple[ASGISendEvent, ...]) -> None:
        if self._body is _Body.MORE and self._ahead is None:
            self._ahead = self._loop.create_task(self._receive_part())
        for message in messages:
            await self._send(message)


class _Input(io.RawIOBase):
    def __init__(self, exchange: Exchange, first: bytes) -> None:
        self._exchange = exchange
        self._part = memoryview(first)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        target = memoryview(buffer).cast("B")
        if not self._part:
            self._part = memoryview(self._exchange.read())
        size = min(len(target), len(self._part))
        target[:size] = self._part[:size]
        self._part = self._part[size:]
        return size
