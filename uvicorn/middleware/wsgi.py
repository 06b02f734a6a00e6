"""Serves WSGI applications (PEP 3333) as ASGI 3, from a pool of threads.

Each request runs the application in a worker thread. An `Exchange` receives and sends on the event loop for it.
`Config` wraps the application in `WSGIMiddleware` for `--interface wsgi`. If the package `a2wsgi` is installed, its
middleware has that name; the one of this module is deprecated.
"""

from __future__ import annotations

import asyncio
import contextvars
import enum
import functools
import importlib
import io
import math
import sys
import threading
import time
import warnings
from collections.abc import Coroutine, Iterable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar, cast

from uvicorn.protocols.utils import ClientDisconnected

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

    from uvicorn._types import (
        ASGIReceiveCallable,
        ASGIReceiveEvent,
        ASGISendCallable,
        ASGISendEvent,
        Environ,
        ExcInfo,
        HTTPRequestEvent,
        HTTPResponseBodyEvent,
        HTTPResponseStartEvent,
        HTTPScope,
        Scope,
        WriteCallable,
        WSGIApp,
    )

T = TypeVar("T")

_INPUT_BUFFER_SIZE = 65536  # bytes

# How many seconds an application may go on sending after `http.disconnect`. The event can mean that the client only
# sends nothing more, so the response may still arrive. Without a limit, an endless response would keep its thread.
_GRACE = 10.0

_DEFAULT_PORTS = {"http": 80, "https": 443}

# Header fields with a CGI variable of their own (RFC 3875, sections 4.1.2 and 4.1.3).
_OWN_VARIABLES = {"content-length": "CONTENT_LENGTH", "content-type": "CONTENT_TYPE"}


def _wsgi_string(text: str) -> str:
    """The UTF-8 bytes of `text`, each byte as one character (PEP 3333, "A Note On String Types")."""
    return text.encode("utf-8", "surrogateescape").decode("latin-1")


def _header_variables(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """The header fields as CGI variables; lines of one name are joined (RFC 9110 section 5.3, RFC 6265 section 5.4).

    Two kinds of fields are left out. `Proxy` would become HTTP_PROXY, and so redirect requests that the application
    makes (CVE-2016-5385). A name with an underscore would become the same variable as the name with a hyphen, which a
    proxy may have checked or set.
    """
    variables: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        if name == "proxy" or "_" in name:
            continue
        variable = _OWN_VARIABLES.get(name) or "HTTP_" + name.upper().replace("-", "_")
        if variable in variables:
            value = variables[variable] + ("; " if name == "cookie" else ",") + value
        variables[variable] = value
    return variables


def build_environ(scope: HTTPScope, message: ASGIReceiveEvent, body: Any) -> Environ:
    """Make the WSGI environment of a request.

    Args:
        scope: the ASGI scope of the request.
        message: the first event of the request. It is not used; programs pass it.
        body: the file that becomes `wsgi.input`.
    """
    script_name = scope.get("root_path", "").rstrip("/")
    path_info = scope["path"].removeprefix(script_name)
    if path_info and not path_info.startswith("/"):
        # A middleware has changed the root path or the path, so they do not fit together.
        path_info = scope["path"]
    scheme = scope.get("scheme", "http")
    # PEP 3333 requires a name and a port. A unix socket has neither.
    host, port = scope.get("server") or ("localhost", None)
    if port is None:
        host, port = "localhost", _DEFAULT_PORTS.get(scheme, 80)
    client = scope.get("client")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": _wsgi_string(script_name),
        "PATH_INFO": _wsgi_string(path_info),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": host,
        "SERVER_PORT": str(port),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": client[0] if client else "",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scheme,
        "wsgi.input": body,
        # The application can read to the end of a chunked body, which has no CONTENT_LENGTH.
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    if client:
        environ["REMOTE_PORT"] = str(client[1])
    environ.update(_header_variables(scope["headers"]))
    return environ


def _may_have_length(head: HTTPResponseStartEvent) -> bool:
    """Whether the response may get a Content-Length from us (RFC 9110 section 8.6)."""
    if head["status"] < 200 or head["status"] in (204, 304):
        return False
    return not any(name in (b"content-length", b"transfer-encoding") for name, _ in head.get("headers", ()))


class _Body(enum.Enum):
    MORE = enum.auto()  # More parts follow.
    WHOLE = enum.auto()  # The last part has arrived.
    CUT = enum.auto()  # The client has gone before the last part.


class Exchange:
    """One request and its response.

    It is made on the event loop. One worker thread calls `read` and `send`, which wait for the loop. One event is
    received in advance, so that a disconnect is noticed while the application only sends.

    Args:
        message: the first event of the request.
        receive: the ASGI callable.
        send: the ASGI callable.

    Attributes:
        disconnected: whether the client has left, or the server has given up the request.
    """

    def __init__(self, message: HTTPRequestEvent, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        self.disconnected = False
        self._deadline = math.inf
        self._receive = receive
        self._send = send
        self._loop = asyncio.get_running_loop()
        # Protects `_deadline` and `_pending`: after `end`, the thread must not begin to wait again.
        self._lock = threading.Lock()
        self._pending: Future[Any] | None = None
        self._ahead: asyncio.Task[bytes] | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._body = _Body.MORE
        self._first = self._take(message)

    @property
    def input(self) -> io.BytesIO | io.BufferedReader:
        """`wsgi.input`: a plain BytesIO if the whole body has arrived already."""
        if self._body is _Body.MORE:
            return io.BufferedReader(_Input(self, self._first), _INPUT_BUFFER_SIZE)
        return io.BytesIO(self._first)

    # In the worker thread

    def read(self) -> bytes:
        """Wait for the next part of the body; empty at its end.

        Raises:
            ClientDisconnected: the client has gone before it sent the whole body.
        """
        while self._body is _Body.MORE or self._ahead is not None:
            part = self._on_loop(self._next())
            if part:
                return part
        if self._body is _Body.CUT:
            raise ClientDisconnected
        return b""

    def send(self, *messages: ASGISendEvent) -> None:
        """Send messages, and wait until the server has taken them.

        Raises:
            ClientDisconnected: the client has left more than 10 seconds ago.
        """
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
        """Wake the worker thread if it waits, and let later calls of `read` and `send` fail."""
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
        # After the whole body, the only event that can come is http.disconnect.
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


class _Response:
    """The response of one request: calls the application in the worker thread, and sends what it returns."""

    def __init__(self, exchange: Exchange, environ: Environ) -> None:
        self._exchange = exchange
        self._environ = environ
        self._head: HTTPResponseStartEvent | None = None
        self._head_sent = False

    def run(self, app: WSGIApp) -> None:
        try:
            parts = app(self._environ, self.start_response)
            try:
                if isinstance(parts, list | tuple):
                    self._finish(b"".join(parts))
                else:
                    for part in parts:
                        self.write(part)
                    self._finish(b"")
            finally:
                close = getattr(parts, "close", None)
                if close is not None:
                    close()
        except ClientDisconnected:
            # `Exchange.send` raised it in the application, because the client has left: that is not an error.
            if not self._exchange.disconnected:
                raise

    def start_response(
        self, status: str, response_headers: list[tuple[str, str]], exc_info: ExcInfo | None = None, /
    ) -> WriteCallable:
        """The callable that WSGI gives to the application.

        Args:
            status: three digits and a phrase.
            response_headers: pairs of name and value.
            exc_info: of an error whose head replaces the earlier one. Raised again if the head was sent (PEP 3333).

        Raises:
            RuntimeError: a second call without `exc_info`.
            ValueError: `status` does not begin with three digits.
        """
        if exc_info is not None:
            try:
                if self._head_sent:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # The traceback refers to this frame.
        elif self._head is not None:
            raise RuntimeError("start_response was called a second time without exc_info.")
        code = status.partition(" ")[0]
        if not (len(code) == 3 and code.isdecimal()):
            raise ValueError(f"WSGI status must be three digits and a phrase, but is {status!r}.")
        self._head = {
            "type": "http.response.start",
            "status": int(code),
            "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response_headers],
        }
        return self.write

    def write(self, part: bytes) -> None:
        """Send a part of the body. An empty part does not start the response (PEP 3333)."""
        if part:
            self._send({"type": "http.response.body", "body": part, "more_body": True})

    def _finish(self, body: bytes) -> None:
        """Send the last part, with a Content-Length if it is the only one."""
        head = self._head
        # For a HEAD request the application may return no body, so its length would be wrong.
        length_known = not self._head_sent and (body or self._environ["REQUEST_METHOD"] != "HEAD")
        if head is not None and length_known and _may_have_length(head):
            head["headers"] = [*head.get("headers", ()), (b"content-length", b"%d" % len(body))]
        self._send({"type": "http.response.body", "body": body, "more_body": False})

    def _send(self, message: HTTPResponseBodyEvent) -> None:
        if self._head is None:
            raise RuntimeError("start_response was not called before the first part of the body.")
        if self._head_sent:
            self._exchange.send(message)
        else:
            self._head_sent = True
            self._exchange.send(self._head, message)


class _WSGIMiddleware:
    """Serves a WSGI application from a pool of threads. Deprecated: install `a2wsgi`.

    Args:
        app: the WSGI application.
        workers: the number of threads, and so of requests that are served at the same time.
    """

    def __init__(self, app: WSGIApp, workers: int = 10) -> None:
        warnings.warn(
            "Uvicorn's native WSGI implementation is deprecated, you should switch to a2wsgi (`pip install a2wsgi`).",
            DeprecationWarning,
            stacklevel=2,
        )
        self.app = app
        self.executor = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="wsgi")

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] == "http":
            await self._serve(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close"})
        else:
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})

    async def _serve(self, scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        message = await receive()
        if message["type"] != "http.request":
            return
        exchange = Exchange(message, receive, send)
        response = _Response(exchange, build_environ(scope, message, exchange.input))
        run = functools.partial(contextvars.copy_context().run, response.run, self.app)
        try:
            await asyncio.get_running_loop().run_in_executor(self.executor, run)
        finally:
            exchange.end()


def _implementation() -> type[_WSGIMiddleware]:
    """The middleware of a2wsgi if that is installed, otherwise the one of this module."""
    try:
        module = importlib.import_module("a2wsgi")
    except ModuleNotFoundError:
        return _WSGIMiddleware
    return cast("type[_WSGIMiddleware]", module.WSGIMiddleware)


WSGIMiddleware = _implementation()
