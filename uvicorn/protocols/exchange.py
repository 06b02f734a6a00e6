"""One request and its response, as an ASGI application sees them (ASGI specification, HTTP).

A wire makes a `RequestResponseCycle` for each request and starts it. The application calls `receive` and `send`; the
stream calls `on_body`, `end` and `disconnect`. An exchange knows its `Stream` and no wire, so it is the same for every
version of HTTP.

    progress      the application may send        next
    EXPECT_START  http.response.start             EXPECT_BODY
    EXPECT_BODY   http.response.body              COMPLETE, after the last part and the trailers it has announced
    SENDING_FILE  nothing, until the file is out  EXPECT_BODY, COMPLETE
    COMPLETE      nothing: RuntimeError

The messages of extensions are rows of the table in `uvicorn.protocols.extensions`.

Once the client is known to have gone, or the application has received `http.disconnect`, DROPPED is added to the
progress, and messages of the application are dropped.
"""

import asyncio
import functools
from asyncio import Task
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from uvicorn._speedups.errors import UnexpectedMessage
from uvicorn._speedups.flags import COMPLETE, EXPECT_BODY, EXPECT_START, SENDING_FILE
from uvicorn.protocols.extensions import find_row
from uvicorn.protocols.http.hooks import hook
from uvicorn.protocols.utils import ClientDisconnected, describe_request, stems_from_disconnect
from uvicorn.protocols.wire import Stream
from uvicorn.waiters import Waiters

if TYPE_CHECKING:
    from uvicorn._types import ASGIReceiveEvent, ASGISendEvent


# Added to the progress of a response whose messages are dropped. The sum is never less than COMPLETE, so one comparison
# finds both cases.
DROPPED = 8

# The client: it reads and sends; it sends no more; nothing reaches it any more.
LISTENS, ENDED, GONE = range(3)


def _raise(exc: BaseException) -> None:
    raise exc


class RequestResponseCycle:
    """The conversation with the application about one request. The wire fills it in.

    Attributes:
        stream: the `uvicorn.protocols.wire.Stream` of the request.
        progress: how far the response is.
        more_body: whether more of the body follows.
        expect_continue: whether the client waits for a 100.
        body: what has arrived and was not received, None if there is no message to receive; b"" is one.
        client: LISTENS, ENDED or GONE; it only rises.
    """

    # Whether `send` raises ClientDisconnected in place of dropping a message; see `raising`.
    raises_disconnect: ClassVar[bool] = False

    __slots__ = (
        "app",
        "body",
        "client",
        "expect_continue",
        "more_body",
        "progress",
        "scope",
        "stream",
        "waiters",
    )

    stream: Stream
    # Any: the type of applications says that they return None, and we check that.
    app: Any
    scope: Any
    progress: int
    more_body: bool
    expect_continue: bool
    body: bytes | bytearray | None
    client: int
    waiters: Waiters | None

    @property
    def response_started(self) -> bool:
        """Whether `http.response.start` was accepted."""
        return self.progress & ~DROPPED != EXPECT_START

    @property
    def response_complete(self) -> bool:
        """Whether the last part of the body was accepted."""
        return self.progress & ~DROPPED == COMPLETE

    @property
    def is_gone(self) -> bool:
        """Whether nothing reaches the client any more."""
        return self.client == GONE

    @property
    def is_streaming(self) -> bool:
        """Whether the response has begun, and is neither complete nor dropped."""
        return self.progress == EXPECT_BODY

    @property
    def keep_alive(self) -> bool:
        """Whether the connection may persist after the response."""
        return bool(self.stream.keep_alive)

    # The application's side

    def start(self, make_task: Callable[[Any], Task[Any]]) -> Task[Any] | None:
        """Call the application in a task that begins at once; the task, unless it is done."""
        task: Task[Any] | None
        try:
            # Wrapping the call in run_asgi would cost 1,500 instructions.
            task = make_task(self.app(self.scope, self.receive, self.send))
            if not task.done():
                task.add_done_callback(self._on_done)
                return task
            result = task.result()
        except BaseException as exc:
            # The traceback refers to this frame, the frame to the task, and the task to the exception. This breaks the
            # cycle, so that the application's objects do not wait for the garbage collector.
            task = None
            self._on_exception(exc)
            if not isinstance(exc, Exception | asyncio.CancelledError):
                # It ends the loop, as from any other task. uvloop keeps what is raised within a protocol's call.
                self.stream.loop.call_soon(_raise, exc)
        else:
            if result is not None or self.progress != COMPLETE:
                self._on_returned(result)
        return None

    def _on_done(self, task: Task[Any]) -> None:
        try:
            result = task.result()
        except BaseException as exc:
            # As in `start`.
            del task
            self._on_exception(exc)
        else:
            self._on_returned(result)

    @hook
    async def run_asgi(self, app: Any) -> None:
        """Call the application; if it fails, send an error response. Programs replace this method."""
        try:
            result = await app(self.scope, self.receive, self.send)
        except BaseException as exc:
            self._on_exception(exc)
            if not isinstance(exc, Exception):
                raise
        else:
            self._on_returned(result)

    def _on_exception(self, exc: BaseException) -> None:
        if self.raises_disconnect and stems_from_disconnect(exc):
            if not isinstance(exc, ClientDisconnected):
                # Most often a framework's name for it, but perhaps a fault of a cleanup.
                message = "Exception in ASGI application after its client had gone: %s\n"
                self.stream.logger.debug(message, describe_request(self.scope), exc_info=exc)
            self._on_returned(None)
            return
        if isinstance(exc, Exception):
            self.stream.logger.error("Exception in ASGI application: %s\n", describe_request(self.scope), exc_info=exc)
        self._fail()

    def _on_returned(self, result: object) -> None:
        if result is not None:
            self.stream.logger.error("ASGI callable should return None, but returned '%s'.", result)
            self._fail()
        elif self.response_complete or self.client == GONE:
            return
        elif self.progress & DROPPED:
            self.stream.break_off()
        else:
            started = "starting" if self.progress == EXPECT_START else "completing"
            self.stream.logger.error("ASGI callable returned without %s response.", started)
            self._fail()

    def _fail(self) -> None:
        if self.client == GONE:
            return
        if self.response_complete:
            self.stream.shutdown()
        else:
            self.stream.fail()

    async def receive(self) -> "ASGIReceiveEvent":
        """The ASGI receive callable."""
        if self.expect_continue:
            self.expect_continue = False
            if self.client != GONE and self.progress == EXPECT_START:
                self.stream.send_interim(100, ())
        while self.body is None and not self.client and self.progress < COMPLETE:
            await self._wait()
        body = self.body
        if body is None or self.progress >= COMPLETE:
            self.progress |= DROPPED
            return {"type": "http.disconnect"}
        more_body = self.more_body
        self.body = None
        if self.stream.flow.read_paused:
            # This may bring more of the body.
            self.stream.want_body()
        return {"type": "http.request", "body": body if type(body) is bytes else bytes(body), "more_body": more_body}

    async def _wait(self) -> None:
        if self.waiters is None:
            self.waiters = Waiters()
        if self.more_body:
            self.stream.want_body()
        try:
            await self.waiters.wait()
        except asyncio.CancelledError:
            # Applications cancel `receive` when they only look for a disconnect.
            if not self.waiters and self.progress < COMPLETE:
                self.stream.unwant_body()
            raise

    async def send(self, message: "ASGISendEvent") -> None:
        """The ASGI send callable."""
        if self.stream.flow.write_paused and self.progress < COMPLETE:
            await self.stream.drain()
        if self.progress >= COMPLETE:
            if self.progress & DROPPED:
                if self.raises_disconnect:
                    raise ClientDisconnected
                return
            raise RuntimeError(*UnexpectedMessage(COMPLETE, message["type"]).args)
        try:
            self.stream.send(message)
        except UnexpectedMessage as unexpected:
            # It is neither the start nor a part of the body. To look for extensions first would slow down these two.
            row = find_row(self, message)
            if row is None:
                raise RuntimeError(*unexpected.args) from None
            await row(self, message)
            if self.raises_disconnect and self.client == GONE:
                raise ClientDisconnected from None

    def begin_file(self) -> None:
        """Accept no message of the application, and keep the head back, until `end_file`."""
        self.stream.framer.suspend()
        self.progress = SENDING_FILE

    def end_file(self) -> None:
        """The file was sent, or could not be."""
        self.stream.framer.resume()
        if self.progress & ~DROPPED == SENDING_FILE:
            self.progress += EXPECT_BODY - SENDING_FILE

    # The stream's side

    def on_body(self, data: bytes, more_body: bool) -> None:
        """Part of the body has arrived."""
        self.more_body = more_body
        if self.client == GONE:
            return
        if not self.body:
            self.body = data
        elif data:
            if type(self.body) is bytes:
                self.body = bytearray(self.body)
            self.body += data
        if self.waiters is not None:
            self.waiters.wake()

    def end(self) -> None:
        """The client sends no more. The application can still read what has come, and send a response."""
        self.client = max(self.client, ENDED)
        if self.waiters is not None:
            self.waiters.wake()

    def end_streaming(self) -> None:
        """The server shuts down: the application is to see a disconnect, although the client is there."""
        if self.raises_disconnect:
            # With ASGI HTTP 2.4 an application may only send, so `send` has to raise.
            self.progress |= DROPPED
        self.end()

    def disconnect(self, status: int = 0) -> None:
        """Nothing reaches the client any more.

        Args:
            status: of the answer that the server has given instead of the application, if it has.
        """
        self.client = GONE
        self.progress |= DROPPED
        self.body = None
        if self.waiters is not None:
            self.waiters.wake()


@functools.cache
def raising(cycle_class: Any) -> Any:
    """A class of exchanges whose `send` raises ClientDisconnected once the client has gone (ASGI HTTP 2.4)."""
    return type(cycle_class.__name__, (cycle_class,), {"__slots__": (), "raises_disconnect": True})
