"""A WebSocket protocol on doubles of loop and transport, with what a test needs to talk to it."""

import asyncio
from collections.abc import Callable
from typing import Any

from tests.cases.case import head
from tests.cases.outcome import Response, parse_responses
from tests.doubles import FullTransport, MockLoop, MockTransport
from tests.protocols.http.connection import Peer
from tests.protocols.websockets.frames import ServerFrame, close, read_frames
from tests.waiting import turns

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # for that key, both from RFC 6455 section 1.3
DEFLATE = b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"

_FIELDS = {
    b"connection": b"Upgrade",
    b"upgrade": b"websocket",
    b"sec-websocket-version": b"13",
    b"sec-websocket-key": KEY,
}


def request(*more: bytes, line: bytes = b"GET /ws?q=1 HTTP/1.1", **changes: bytes | None) -> bytes:
    """A handshake.

    Args:
        more: further field lines.
        line: the request line.
        changes: fields to change, with `_` for `-`; None leaves one out.
    """
    fields: dict[bytes, bytes | None] = {**_FIELDS}
    fields.update({name.replace("_", "-").encode(): value for name, value in changes.items()})
    return head(line, *(b"%b: %b" % (name, value) for name, value in fields.items() if value is not None), *more)


class Script:
    """An application that does what the test tells it, one receive or send at a time."""

    def __init__(self) -> None:
        self.scope: Any = None
        self.receive: Any = None
        self.send: Any = None
        self._end: asyncio.Future[Any] | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> Any:
        self.scope, self.receive, self.send = scope, receive, send
        self._end = asyncio.get_running_loop().create_future()
        return await self._end

    def finish(self, result: Any = None) -> None:
        """Return, or raise where `result` is an exception."""
        assert self._end is not None
        if isinstance(result, BaseException):
            self._end.set_exception(result)
        else:
            self._end.set_result(result)


async def settle() -> None:
    """Let everything run that can run without the world."""
    await turns()


class Conversation:
    """What a `Script` does for the test.

    Attributes:
        script: the application.
    """

    script: Script

    async def send(self, kind: str, **message: Any) -> None:
        """The application sends `websocket.<kind>`."""
        await asyncio.wait_for(self.script.send({"type": f"websocket.{kind}", **message}), 5)

    async def receive(self) -> dict[str, Any]:
        """What the application receives next."""
        event: dict[str, Any] = await asyncio.wait_for(self.script.receive(), 5)
        return event


class WebSocketConnection(Conversation, Peer):
    """One connection, made.

    Args:
        protocol_class: what takes the request: a WebSocket class, or an HTTP class that hands over.
        ws: the WebSocket class, if `protocol_class` is the HTTP class.
        app: the application; a `Script` if not given.
        full: whether the transport can half-close, abort and count.
        transport: a `MockTransport` unless given.
        options: as for `Peer`.
    """

    def __init__(
        self,
        protocol_class: Any,
        *,
        ws: Any = None,
        app: Callable[..., Any] | None = None,
        full: bool = False,
        transport: MockTransport | None = None,
        **options: Any,
    ) -> None:
        self.script = Script()
        self.task: asyncio.Task[None] | None = None
        transport = transport or (FullTransport() if full else MockTransport())
        options = {"interface": "asgi3", "ws": ws or protocol_class, **options}
        super().__init__(protocol_class, app or self.script, loop=MockLoop(), transport=transport, **options)

    @property
    def protocol(self) -> Any:
        """The HTTP protocol hands the transport over to the WebSocket."""
        return self.transport.protocol

    @protocol.setter
    def protocol(self, protocol: Any) -> None:
        self.transport.protocol = protocol

    def feed(self, data: bytes) -> "WebSocketConnection":
        """Have the server receive the bytes; the connection."""
        self.protocol.data_received(data)
        return self

    async def ask(self, data: bytes | None = None) -> "WebSocketConnection":
        """Send the request and have the application take `websocket.connect`; the connection."""
        self.feed(request() if data is None else data)
        self.task = self.loop.start_one()
        await settle()
        assert await self.script.receive() == {"type": "websocket.connect"}
        return self

    async def open(self, data: bytes | None = None, *, then: bytes = b"", **accept: Any) -> "WebSocketConnection":
        """Have the application accept, and the client send the bytes `then`; the connection."""
        await self.ask(data)
        await self.send("accept", **accept)
        assert self.wire.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
        self.transport.clear_buffer()
        if then:
            self.feed(then)
        return self

    async def disconnect(self) -> tuple[int, str | None]:
        """The code and the reason that the application is told; None if the event has no reason."""
        event = await self.receive()
        assert event.pop("type") == "websocket.disconnect"
        code, reason = event.pop("code"), event.pop("reason", None)
        assert event == {}
        return code, reason

    async def finish(self, result: Any = None) -> None:
        """The application returns, or raises."""
        assert self.task is not None
        self.script.finish(result)
        await asyncio.wait([self.task], timeout=5)
        await settle()

    def lose(self, error: Exception | None = None) -> None:
        """The connection is gone."""
        self.protocol.connection_lost(error)

    def response(self, method: str = "GET") -> Response:
        """The one response on the wire."""
        [response] = parse_responses(self.wire, [method], ended=self.ended)
        return response

    def frames(self) -> list[ServerFrame]:
        """The frames on the wire since the handshake, or since last asked."""
        frames = read_frames(self.wire)
        self.transport.clear_buffer()
        return frames

    async def close_as_client(self, code: int | None = 1000) -> None:
        """Send a close frame and see it answered."""
        self.feed(close(code))
        assert [item.code for item in self.frames()] == [code]
