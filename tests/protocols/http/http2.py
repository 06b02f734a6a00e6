"""One HTTP/2 connection of our own, made, and its client."""

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
    """The wire with the session of one build, whichever was chosen at import."""
    return type(f"{build.title()}Http2", (Http2,), {"__slots__": (), "session_class": _speedups.load(build).Session})


async def until(condition: Callable[[], object]) -> None:
    """Let the loop run until something is so."""
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it did not become so")


class Http2Connection(Peer):
    """A connection on a real loop, on which applications start at once where Python can, or on a double of one.

    Args:
        double: use a `MockLoop`, which has a clock that tests move.
        hello: whether the client has sent its preface.
        transport: a `FullTransport` unless given.
        options: as for `Peer`.
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
        """Have the server receive the bytes in one read; the connection."""
        self.protocol.data_received(b"".join(data))
        return self

    async def fetch(self, *data: bytes, stream: int = 1) -> Answer:
        """Have the server receive the bytes; the response on the stream, as `get` gives it."""
        return await self.feed(*data).get(stream)

    def take(self) -> bytes:
        """What was written since the last call."""
        data: bytes = self.transport.buffer
        self.transport.clear_buffer()
        return data

    def read(self) -> Reader:
        """All that was sent."""
        return self.reader.read(self.take())

    def answer(self, stream: int) -> Answer:
        """What has come on a stream."""
        return self.read().answers.get(stream, Answer())

    async def get(self, stream: int) -> Answer:
        """The response on a stream, once it is complete or the stream is reset."""
        await until(lambda: self.answer(stream).ended or self.answer(stream).reset is not None)
        return self.answer(stream)
