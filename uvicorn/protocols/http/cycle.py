"""One request and its response, as an ASGI application sees them (ASGI specification, HTTP)."""

import asyncio
from asyncio import Task
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from uvicorn._speedups._response_py import COMPLETE, EXPECT_BODY, EXPECT_START, PERSISTS
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.hooks import hook
from uvicorn.protocols.utils import describe_request

if TYPE_CHECKING:
    from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
    from uvicorn.protocols.http.protocol import HTTPProtocol


# What is known of the client: it takes part; it sends no more; nothing reaches it.
LISTENS, ENDED, GONE = range(3)


def _raise(exc: BaseException) -> None:
    raise exc


class RequestResponseCycle:
    """The conversation with the application about one request. The connection fills it in.

    Attributes:
        more_body: whether more of the body follows.
        expect_continue: whether the client waits for a 100.
        body: what has arrived and was not received.
        body_pending: whether there is a message to receive; an empty body is one too.
        client: LISTENS, ENDED or GONE; it only rises.
        disconnected: whether `send` does nothing: the client is gone, or the application was given `http.disconnect`.
    """

    __slots__ = (
        "app",
        "body",
        "body_pending",
        "client",
        "connection",
        "disconnected",
        "expect_continue",
        "framer",
        "more_body",
        "scope",
        "waiters",
    )

    connection: "HTTPProtocol"
    # Not of its own type, which says that it returns nothing.
    app: Any
    scope: Any
    framer: Any
    more_body: bool
    expect_continue: bool
    body: bytes | bytearray
    body_pending: bool
    client: int
    disconnected: bool
    waiters: list[asyncio.Future[None]] | None

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

    def start(self, new_task: Callable[[Any], Task[Any]]) -> Task[Any] | None:
        """Call the application in a task that begins at once; the task, unless it is done."""
        try:
            # To run run_asgi around it would cost 1,500 instructions.
            task = new_task(self.app(self.scope, self.receive, self.send))
            if not task.done():
                task.add_done_callback(self._on_done)
                return task
            result = task.result()
        except BaseException as exc:
            self._on_exception(exc)
            if not isinstance(exc, Exception | asyncio.CancelledError):
                # It ends the loop, as from any other task. uvloop keeps what is raised within a protocol's call.
                self.connection.loop.call_soon(_raise, exc)
        else:
            if result is not None or not self.framer.end():
                self._on_returned(result)
        return None

    def _on_done(self, task: Task[Any]) -> None:
        try:
            result = task.result()
        except BaseException as exc:
            self._on_exception(exc)
        else:
            self._on_returned(result)

    @hook
    async def run_asgi(self, app: Any) -> None:
        """Call the application, which ends with its response. Programs replace this method."""
        try:
            result = await app(self.scope, self.receive, self.send)
        except BaseException as exc:
            self._on_exception(exc)
            if not isinstance(exc, Exception):
                raise
        else:
            self._on_returned(result)

    def _on_exception(self, exc: BaseException) -> None:
        if isinstance(exc, Exception):
            request = describe_request(self.scope)
            self.connection.logger.error("Exception in ASGI application: %s\n", request, exc_info=exc)
        self._fail()

    def _on_returned(self, result: object) -> None:
        logger = self.connection.logger
        if result is not None:
            logger.error("ASGI callable should return None, but returned '%s'.", result)
            self._fail()
        elif self.framer.end() or self.client == GONE:
            return
        elif self.disconnected:
            self.connection.on_response_broken(self)
        else:
            started = "completing" if self.framer.state == EXPECT_BODY else "starting"
            logger.error("ASGI callable returned without %s response.", started)
            self._fail()

    def _fail(self) -> None:
        if self.client == GONE:
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
            if self.client != GONE and self.framer.state == EXPECT_START:
                self.connection.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        while not (self.body_pending or self.client or self.framer.end()):
            await self._wait()
        if not self.body_pending or self.framer.end():
            self.disconnected = True
            return {"type": "http.disconnect"}
        body = self.body
        self.body = b""
        self.body_pending = False
        if self.connection.flow.read_paused:
            self.connection.read_on()
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
            # Applications look for a disconnect so.
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
        if self.more_body and framer.keep_alive and framer.state == EXPECT_BODY:
            self._announce_end(message)
        data = framer.send(message, connection.server_state.default_block)
        if data is None:
            if self.expect_continue and self.more_body:
                # The client may leave the body out: the next request could not be found.
                framer.keep_alive = False
            if connection.to_start is None:
                self._send_head_soon()
            return
        end = framer.end()
        outbox = connection.outbox
        if outbox is not None:
            if data:
                outbox.add(data)
            if end:
                connection.empty_outbox()
        else:
            if not end:
                connection.open_outbox(data)
            elif data:
                transport = connection.transport
                if not transport.is_closing():
                    transport.write(data)
            if connection.access_log and framer.begun:
                connection.server_state.log_access(connection.access_logger, self.scope, framer.status)
        if end:
            if self.waiters is not None:
                self.wake()
            connection.on_answered(self, end == PERSISTS)

    def _send_head_soon(self) -> None:
        """Send the head at the loop's next turn, unless the first part of the body has taken it along."""
        # Not the connection's loop, which may be a double that cannot do it.
        loop = asyncio._get_running_loop()
        if loop is None:
            # The application is driven by hand.
            self.send_head()
        else:
            loop.call_soon(self.send_head)

    def send_head(self) -> None:
        """Send the head alone, if the response has started and no part of the body has come."""
        framer = self.framer
        if framer.state != EXPECT_BODY or framer.head_sent or self.disconnected:
            return
        connection = self.connection
        connection.write(framer.head())
        if connection.access_log:
            connection.server_state.log_access(connection.access_logger, self.scope, framer.status)

    def _announce_end(self, message: "ASGISendEvent") -> None:
        """A response may come before the end of a large body, and the connection ends with it."""
        if not self.framer.head_sent and not dict(message).get("more_body") and self.connection.is_body_long():
            self.framer.keep_alive = False

    # The connection's side

    def wake(self) -> None:
        waiters, self.waiters = self.waiters, None
        for waiter in waiters or ():
            if not waiter.done():
                waiter.set_result(None)

    def on_body(self, data: bytes, more_body: bool) -> None:
        self.more_body = more_body
        if self.framer.state == COMPLETE or self.client == GONE:
            return
        if not self.body:
            self.body = data
        elif data:
            if type(self.body) is bytes:
                self.body = bytearray(self.body)
            self.body += data
        self.body_pending = True
        if len(self.body) > HIGH_WATER_LIMIT:
            self.connection.flow.pause_reading()
        if self.waiters is not None:
            self.wake()

    def end(self) -> None:
        """What has come can still be read, and a response be tried."""
        self.client = max(self.client, ENDED)
        if self.waiters is not None:
            self.wake()

    def disconnect(self) -> None:
        """Nothing reaches the client any more."""
        self.client = GONE
        self.disconnected = True
        self.body_pending = False
        if self.waiters is not None:
            self.wake()
