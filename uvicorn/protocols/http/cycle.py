"""One request and its response, as an ASGI application sees them (ASGI specification, HTTP)."""

import asyncio
from typing import TYPE_CHECKING, Any

from uvicorn._speedups._response_py import COMPLETE, EXPECT_BODY, EXPECT_START, PERSISTS
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT

if TYPE_CHECKING:
    from uvicorn._types import ASGI3Application, ASGIReceiveEvent, ASGISendEvent
    from uvicorn.protocols.http.protocol import HTTPProtocol


class RequestResponseCycle:
    """The conversation with the application about one request.

    Args:
        connection: where the response goes, and who is told when it is complete.
        app: the ASGI application.
        scope: of the request.
        framer: turns messages into the bytes of the wire.
        more_body: whether a body follows.
        expect_continue: whether the client waits for a 100 (Continue).
    """

    __slots__ = (
        "app",
        "body",
        "body_pending",
        "connection",
        "disconnected",
        "ended",
        "expect_continue",
        "framer",
        "more_body",
        "scope",
        "waiters",
    )

    def __init__(
        self,
        connection: "HTTPProtocol",
        app: "ASGI3Application",
        scope: Any,
        framer: Any,
        more_body: bool,
        expect_continue: bool,
    ) -> None:
        self.connection = connection
        # Not of its own type, which says that it returns nothing.
        self.app: Any = app
        self.scope = scope
        self.framer = framer
        self.more_body = more_body
        self.expect_continue = expect_continue
        self.body: bytes | bytearray = b""
        # An empty body is a message too.
        self.body_pending = not more_body
        self.disconnected = False
        self.ended = False
        self.waiters: list[asyncio.Future[None]] | None = None

    @property
    def response_started(self) -> bool:
        """Whether `http.response.start` was accepted."""
        return bool(self.framer.state != EXPECT_START)

    @property
    def response_complete(self) -> bool:
        """Whether the last part of the body was accepted."""
        return bool(self.framer.state == COMPLETE)

    @property
    def keep_alive(self) -> bool:
        """Whether the connection may persist after the response."""
        return bool(self.framer.keep_alive)

    # The application's side

    async def run_asgi(self) -> None:
        """Call the application and see to it that there is a response."""
        connection = self.connection
        try:
            result = await self.app(self.scope, self.receive, self.send)
        except asyncio.CancelledError:
            self._fail()
            raise
        except Exception as exc:
            connection.logger.error("Exception in ASGI application\n", exc_info=exc)
            self._fail()
        except BaseException:
            self._fail()
            raise
        else:
            if result is None and self.framer.end():
                return
            if result is not None:
                connection.logger.error("ASGI callable should return None, but returned '%s'.", result)
                self._fail()
            elif not self.disconnected:
                started = "completing" if self.framer.state == EXPECT_BODY else "starting"
                connection.logger.error("ASGI callable returned without %s response.", started)
                self._fail()

    def _fail(self) -> None:
        """Give the client what can still be given: a 500, or the end of the connection."""
        if self.disconnected:
            return
        if not self.framer.head_sent:
            self.connection.on_response_missing(self)
        elif self.framer.state == COMPLETE:
            self.connection.shutdown()
        else:
            self.connection.on_response_broken(self)

    async def receive(self) -> "ASGIReceiveEvent":
        """The ASGI receive callable."""
        if self.expect_continue:
            self.expect_continue = False
            if not self.disconnected and self.framer.state == EXPECT_START:
                self.connection.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        while not (self.body_pending or self.ended or self.framer.end()):
            await self._wait()
        if not self.body_pending or self.framer.end():
            return {"type": "http.disconnect"}
        body = self.body
        self.body = b""
        self.body_pending = False
        if self.connection.flow.read_paused:
            self.connection.on_body_read()
        return {
            "type": "http.request",
            "body": body if type(body) is bytes else bytes(body),
            "more_body": self.more_body,
        }

    async def _wait(self) -> None:
        waiter = asyncio.get_running_loop().create_future()
        if self.waiters is None:
            self.waiters = []
        self.waiters.append(waiter)
        if self.more_body:
            self.connection.on_body_awaited()
        try:
            await waiter
        except asyncio.CancelledError:
            # Applications look for a disconnect by a receive that they cancel, again and again.
            if self.waiters is not None and waiter in self.waiters:
                self.waiters.remove(waiter)
                if not self.waiters:
                    self.waiters = None
                    self.connection.on_body_unwanted()
            raise

    async def send(self, message: "ASGISendEvent") -> None:
        """The ASGI send callable."""
        connection = self.connection
        if connection.flow.write_paused and not self.disconnected:
            await connection.flow.drain()
        if self.disconnected:
            return
        framer = self.framer
        data = framer.send(message, connection.server_state.default_block)
        if data is None:
            if self.expect_continue and self.more_body:
                # Never told to continue, the client may leave the body out: no next request could be found.
                framer.keep_alive = False
            if connection.access_log:
                connection.log_access(self.scope, framer.status)
            return
        if data:
            transport = connection.transport
            if not transport.is_closing():
                transport.write(data)
        end = framer.end()
        if end:
            if self.waiters is not None:
                self.wake()
            connection.on_response_complete(self, end == PERSISTS)

    # The connection's side

    def wake(self) -> None:
        """Have `receive` look again."""
        waiters, self.waiters = self.waiters, None
        for waiter in waiters or ():
            if not waiter.done():
                waiter.set_result(None)

    def on_body(self, data: bytes) -> None:
        """A part of the request body has arrived."""
        if self.framer.state == COMPLETE or self.disconnected:
            return
        if not self.body:
            self.body = data
        else:
            if type(self.body) is bytes:
                self.body = bytearray(self.body)
            self.body += data
        self.body_pending = True
        if len(self.body) > HIGH_WATER_LIMIT:
            self.connection.flow.pause_reading()
        if self.waiters is not None:
            self.wake()

    def on_complete(self) -> None:
        """The request body has arrived."""
        self.more_body = False
        self.body_pending = True
        if self.waiters is not None:
            self.wake()

    def end(self) -> None:
        """The client will send no more. What it sent can still be read, and a response still be tried."""
        self.ended = True
        if self.waiters is not None:
            self.wake()

    def disconnect(self) -> None:
        """Nothing reaches the client any more."""
        self.disconnected = True
        self.body_pending = False
        self.end()
