"""One HTTP/2 connection of our own, made, and its client."""

import asyncio
from collections.abc import Callable
from typing import Any

from tests.doubles import FullTransport, MockLoop
from tests.http2 import HELLO, Answer, Reader
from uvicorn import _speedups
from uvicorn.config import Config
from uvicorn.protocols.http.http2 import Http2
from uvicorn.server_state import ServerState


def http2_class(half: str) -> Any:
    """The wire with the session of one half, whichever was chosen at import."""
    return type(f"{half.title()}Http2", (Http2,), {"__slots__": (), "session_class": _speedups.load(half).Session})


async def until(condition: Callable[[], object]) -> None:
    """Let the loop run until something is so."""
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it did not become so")


class Http2Connection:
    """A connection on a real loop, on which applications start at once where Python can, or on a double of one.

    Args:
        double: use a `MockLoop`, which has a clock that tests move.
        options: of the `Config`.
    """

    def __init__(
        self,
        half: str,
        app: Any,
        *,
        double: bool = False,
        hello: bool = True,
        transport: Any = None,
        app_state: dict[str, Any] | None = None,
        server_state: ServerState | None = None,
        **options: Any,
    ) -> None:
        settings: dict[str, Any] = {
            "lifespan": "off",
            "log_config": None,
            "proxy_headers": False,
            "http2": True,
            **options,
        }
        self.config = Config(app, **settings)
        self.config.load()
        self.loop: Any = MockLoop() if double else asyncio.get_running_loop()
        self.transport: Any = transport or FullTransport()
        self.state = server_state or ServerState()
        if server_state is None:
            self.state.default_headers = [(b"server", b"uvicorn")]
        self.protocol = http2_class(half)(
            config=self.config, server_state=self.state, app_state=app_state or {}, _loop=self.loop
        )
        self.transport.protocol = self.protocol
        self.protocol.connection_made(self.transport)
        self.reader = Reader()
        if hello:
            self.feed(HELLO)
            self.reader.read(self.take())
            self.reader.frames.clear()

    def feed(self, *data: bytes) -> None:
        self.protocol.data_received(b"".join(data))

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

    @property
    def ended(self) -> bool:
        """Whether the client has seen the end of the connection."""
        return bool(self.transport.closed or self.transport.eof_written)
