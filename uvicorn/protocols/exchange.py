"""One request and its response, as an ASGI application sees them (ASGI specification, HTTP).

`Http1` and `Http2` make a `RequestResponseCycle` for each request, and start it. Then the application calls `receive`
and `send`, and the stream of the wire calls `on_body`, `end` and `disconnect`. An exchange calls only its `Stream`
(`uvicorn.protocols.wire`), so it is the same for every version of HTTP.

    progress      the application may send           next progress
    EXPECT_START  http.response.start                EXPECT_BODY
    EXPECT_BODY   http.response.body                 COMPLETE after the last part and its trailers
    SENDING_FILE  nothing until the file was sent    EXPECT_BODY, COMPLETE
    COMPLETE      nothing: RuntimeError

`uvicorn.protocols.extensions` has a table of the other messages.

When the client has gone, or the application has received `http.disconnect`, the flag DROPPED is added to the progress.
From then on, messages of the application are dropped.
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


# A flag in the progress: messages of the application are dropped. With this flag the progress is greater than COMPLETE,
# so one comparison finds both cases in which nothing can be sent.
DROPPED = 8

# States of the client. LISTENS: it sends and reads. ENDED: it sends nothing more, but reads. GONE: nothing reaches it.
LISTENS, ENDED, GONE = range(3)


def _raise(exc: BaseException) -> None:
    raise exc


class RequestResponseCycle:
    """The conversation with the application about one request. The wire sets the attributes.

    Attributes:
        stream: the `uvicorn.protocols.wire.Stream` of the request.
        app: the application.
        scope: the scope of the request.
        progress: how far the response is; see the table of the module.
        more_body: whether more of the request body follows.
        expect_continue: whether the client waits for the interim response 100.
        body: the bytes for the next `http.request` event. None if no event is waiting; b"" is an event too.
        client: LISTENS, ENDED or GONE. It only increases.
        waiters: calls of `receive` that wait; None if there was none yet.
    """

    # Whether `send` raises ClientDisconnected instead of dropping a message; see `raising`.
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
    # Typed as Any, because the declared type of applications returns None, and we check what they return.
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
        """Call the application in a task.

        Args:
            make_task: makes a task from a coroutine. The task begins at once and may end within the call.

        Returns:
            The task, or None if it has ended.
        """
        task: Task[Any] | None
        try:
            # The coroutine of the application is the task itself: a wrapper like `run_asgi` costs 1,500 instructions.
            task = make_task(self.app(self.scope, self.receive, self.send))
            if not task.done():
                task.add_done_callback(self._on_done)
                return task
            result = task.result()
        except BaseException as exc:
            # The traceback refers to this frame, the frame to the task, and the task to the exception. Without this
            # line, the objects of the application would wait for the garbage collector.
            task = None
            self._on_exception(exc)
            if not isinstance(exc, Exception | asyncio.CancelledError):
                # KeyboardInterrupt and SystemExit have to end the loop. uvloop would only log them if they were raised
                # here, in a call of a protocol.
                self.stream.loop.call_soon(_raise, exc)
        else:
            if result is not None or self.progress != COMPLETE:
                self._on_returned(result)
        return None

    def _on_done(self, task: Task[Any]) -> None:
        try:
            result = task.result()
        except BaseException as exc:
            # Breaks the same reference cycle as in `start`.
            del task
            self._on_exception(exc)
        else:
            self._on_returned(result)

    @hook
    async def run_asgi(self, app: Any) -> None:
        """Call the application, and send an error response if it fails. Other programs replace this method."""
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
                # In most cases a framework raised its own exception for the disconnect. But it can also be a mistake
                # in a cleanup, so it is logged.
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
            # Reading goes on at once, which may deliver more of the body.
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
            # An application that cancels `receive` only looked for a disconnect: it does not want the body now.
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
            # Not `http.response.start` or `.body`. Extensions are looked up last, so that these two stay fast.
            row = find_row(self, message)
            if row is None:
                raise RuntimeError(*unexpected.args) from None
            await row(self, message)
            if self.raises_disconnect and self.client == GONE:
                raise ClientDisconnected from None

    def begin_file(self) -> None:
        """Accept no message of the application until `end_file`. The head waits for the first bytes of the file."""
        self.stream.framer.suspend()
        self.progress = SENDING_FILE

    def end_file(self) -> None:
        """Called when the file was sent, or could not be sent."""
        self.stream.framer.resume()
        if self.progress & ~DROPPED == SENDING_FILE:
            self.progress += EXPECT_BODY - SENDING_FILE

    # The stream's side

    def on_body(self, data: bytes, more_body: bool) -> None:
        """Called when a part of the body has arrived.

        Args:
            data: the part; may be empty.
            more_body: whether more parts follow.
        """
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
        """Called when the client sends nothing more. The application can read the rest of the body, and respond."""
        self.client = max(self.client, ENDED)
        if self.waiters is not None:
            self.waiters.wake()

    def end_streaming(self) -> None:
        """Called at a shutdown: let the application see a disconnect, although the client is still connected."""
        if self.raises_disconnect:
            # With ASGI HTTP 2.4 an application may call only `send`, so `send` has to raise.
            self.progress |= DROPPED
        self.end()

    def disconnect(self) -> None:
        """Called when nothing reaches the client any more."""
        self.client = GONE
        self.progress |= DROPPED
        self.body = None
        self.stream.framer.abandon()
        if self.waiters is not None:
            self.waiters.wake()


@functools.cache
def raising(cycle_class: Any) -> Any:
    """Make a subclass whose `send` raises ClientDisconnected when the client has gone (ASGI HTTP 2.4)."""
    return type(cycle_class.__name__, (cycle_class,), {"__slots__": (), "raises_disconnect": True})
