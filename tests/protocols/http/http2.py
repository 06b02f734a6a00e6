"""One HTTP/2 connection of our own class, already made, and its client."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from tests.doubles import FullTransport, MockLoop
from tests.http2 import HELLO, Answer, Reader
from tests.protocols.http.connection import Peer
from uvicorn import _speedups
from uvicorn.protocols.http.http2 import Http2

T = TypeVar("T", bound="Http2Connection")


def http2_class(build: str) -> Any:
    """The HTTP/2 class with the session of the given build, whichever was chosen at import."""
    return type(f"{build.title()}Http2", (Http2,), {"__slots__": (), "session_class": _speedups.load(build).Session})


async def until(condition: Callable[[], object]) -> None:
    """Let the loop run until the condition is true."""
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it did not become so")


class Http2Connection(Peer):
    """A connection on a real loop or on a double. On a real loop, applications start eagerly if Python supports it.

    Args:
        double: use a `MockLoop`, whose clock the tests move.
        hello: whether the client has sent its preface.
        transport: the transport; a `FullTransport` by default.
        options: options for `Peer`.
    """

    def __init__(
        self, build: str, app: Any, *, double: bool = False, hello: bool = True, transport: Any = None, **options: Any
    ) -> None:
        loop: Any = MockLoop() if double else asyncio.get_running_loop()
        transport = transport or FullTransport()
        super().__init__(http2_class(build), app, loop=loop, transport=transport, **{"http2": True, **options})
        self.reader = Reader()
        if hello:
            self.feed(HELLO)
            self.reader.read(self.take())
            self.reader.frames.clear()

    def feed(self: T, *data: bytes) -> T:
        """Let the server receive the bytes in one read; return the connection."""
        self.protocol.data_received(b"".join(data))
        return self

    async def fetch(self, *data: bytes, stream: int = 1) -> Answer:
        """Let the server receive the bytes, and return the response on the stream, like `get`."""
        return await self.feed(*data).get(stream)

    def take(self) -> bytes:
        """The bytes that were written since the last call."""
        data: bytes = self.transport.buffer
        self.transport.clear_buffer()
        return data

    def read(self) -> Reader:
        """All frames that were sent so far."""
        return self.reader.read(self.take())

    def answer(self, stream: int) -> Answer:
        """The response so far on a stream."""
        return self.read().answers.get(stream, Answer())

    async def get(self, stream: int) -> Answer:
        """The response on a stream, once it is complete or the stream is reset."""
        await until(lambda: self.answer(stream).ended or self.answer(stream).reset is not None)
        return self.answer(stream)
