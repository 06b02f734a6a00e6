"""A WebSocket protocol over test doubles of the loop and the transport, with helpers for tests."""

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
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # for the key of `request`; both are from RFC 6455 section 1.3
DEFLATE = b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"

_FIELDS = {
    b"connection": b"Upgrade",
    b"upgrade": b"websocket",
    b"sec-websocket-version": b"13",
    b"sec-websocket-key": KEY,
}


def request(*more: bytes, line: bytes = b"GET /ws?q=1 HTTP/1.1", **changes: bytes | None) -> bytes:
    """A handshake request.

    Args:
        more: further field lines.
        line: the request line.
        changes: fields to change, with `_` for `-`; a field whose value is None is left out.
    """
    fields: dict[bytes, bytes | None] = {**_FIELDS}
    fields.update({name.replace("_", "-").encode(): value for name, value in changes.items()})
    return head(line, *(b"%b: %b" % (name, value) for name, value in fields.items() if value is not None), *more)


class Script:
    """An application that does what the test asks for, one receive or send at a time."""

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
        """Return, or raise if `result` is an exception."""
        assert self._end is not None
        if isinstance(result, BaseException):
            self._end.set_exception(result)
        else:
            self._end.set_result(result)


async def settle() -> None:
    """Let everything run that needs no further input."""
    await turns()


class Conversation:
    """The calls that a `Script` makes for the test.

    Attributes:
        script: the application.
    """

    script: Script

    async def send(self, kind: str, **message: Any) -> None:
        """Let the application send `websocket.<kind>`."""
        await asyncio.wait_for(self.script.send({"type": f"websocket.{kind}", **message}), 5)

    async def receive(self) -> dict[str, Any]:
        """The next event that the application receives."""
        event: dict[str, Any] = await asyncio.wait_for(self.script.receive(), 5)
        return event


class WebSocketConnection(Conversation, Peer):
    """One connection, already made.

    Args:
        protocol_class: the class that takes the request: a WebSocket class, or an HTTP class that hands it over.
        ws: the WebSocket class, if `protocol_class` is the HTTP class.
        app: the application; a `Script` by default.
        full: whether the transport can half-close, abort and count its unsent bytes.
        transport: the transport; a `MockTransport` by default.
        options: options for `Peer`.
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
        """The current protocol: the HTTP protocol replaces itself by the WebSocket protocol."""
        return self.transport.protocol

    @protocol.setter
    def protocol(self, protocol: Any) -> None:
        self.transport.protocol = protocol

    def feed(self, data: bytes) -> "WebSocketConnection":
        """Let the server receive the bytes; return the connection."""
        self.protocol.data_received(data)
        return self

    async def ask(self, data: bytes | None = None) -> "WebSocketConnection":
        """Send the request, let the application receive `websocket.connect`, and return the connection."""
        self.feed(request() if data is None else data)
        self.task = self.loop.start_one()
        await settle()
        assert await self.script.receive() == {"type": "websocket.connect"}
        return self

    async def open(self, data: bytes | None = None, *, then: bytes = b"", **accept: Any) -> "WebSocketConnection":
        """Let the application accept, let the client send the bytes `then`, and return the connection."""
        await self.ask(data)
        await self.send("accept", **accept)
        assert self.wire.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
        self.transport.clear_buffer()
        if then:
            self.feed(then)
        return self

    async def disconnect(self) -> tuple[int, str | None]:
        """The code and the reason that the application receives; None if the event has no reason."""
        event = await self.receive()
        assert event.pop("type") == "websocket.disconnect"
        code, reason = event.pop("code"), event.pop("reason", None)
        assert event == {}
        return code, reason

    async def finish(self, result: Any = None) -> None:
        """Let the application return or raise."""
        assert self.task is not None
        self.script.finish(result)
        await asyncio.wait([self.task], timeout=5)
        await settle()

    def lose(self, error: Exception | None = None) -> None:
        """Report the connection as lost."""
        self.protocol.connection_lost(error)

    def response(self, method: str = "GET") -> Response:
        """The only response on the wire."""
        [response] = parse_responses(self.wire, [method], ended=self.ended)
        return response

    def frames(self) -> list[ServerFrame]:
        """The frames on the wire since the handshake or the last call."""
        frames = read_frames(self.wire)
        self.transport.clear_buffer()
        return frames

    async def close_as_client(self, code: int | None = 1000) -> None:
        """Send a close frame, and check that the server answers it."""
        self.feed(close(code))
        assert [item.code for item in self.frames()] == [code]
