"""An HTTP protocol over test doubles of the loop and the transport, with helpers for tests."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from tests.cases.case import head
from tests.cases.outcome import Response, parse_responses
from tests.doubles import FullTransport, MockLoop, MockTransport
from tests.waiting import turns
from uvicorn.config import Config
from uvicorn.server import ServerState

GET = head()
HELLO = b"Hello, world"


def get(path: str, *fields: bytes) -> bytes:
    """A GET of a path."""
    return head(b"GET " + path.encode() + b" HTTP/1.1", *fields)


def post(body: bytes, *fields: bytes) -> bytes:
    """A POST with Content-Length and its body."""
    return head(b"POST / HTTP/1.1", b"Content-Length: %d" % len(body), *fields) + body


def respond(
    body: bytes = HELLO, status: int = 200, headers: Iterable[Any] = ((b"content-type", b"text/plain"),)
) -> Any:
    """An application that sends this response, with content-length."""
    fields = [*headers, (b"content-length", b"%d" % len(body))]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status, "headers": fields})
        await send({"type": "http.response.body", "body": body})

    return app


def send_all(*messages: Any) -> Any:
    """An application that sends these messages. An item may also be an application to call, or an error to raise."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in messages:
            if isinstance(message, BaseException | type):
                raise message
            await (message(scope, receive, send) if callable(message) else send(message))

    return app


def start(status: int = 200, *headers: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"type": "http.response.start", "status": status, "headers": list(headers)}


def body(data: bytes = b"", more_body: bool = False) -> dict[str, Any]:
    return {"type": "http.response.body", "body": data, "more_body": more_body}


class Scopes:
    """An application that keeps the scopes that it gets."""

    def __init__(self) -> None:
        self.scopes: list[Any] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scopes.append(scope)
        await respond()(scope, receive, send)


class Reads:
    """An application that reads the whole body, keeps the events, and answers with the number of bytes."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        while not self.events or self.events[-1].get("more_body"):
            self.events.append(await receive())
        await respond(b"%d" % self.size)(scope, receive, send)

    @property
    def size(self) -> int:
        """The number of bytes that the application has received."""
        return sum(len(event.get("body", b"")) for event in self.events)


class Records(logging.Handler):
    """A log handler that keeps its records."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    @property
    def lines(self) -> list[str]:
        return [record.getMessage() for record in self.records]


class Peer:
    """One of our protocols, with a connection.

    Args:
        protocol_class: the class under test.
        app: the application.
        loop: the loop of the protocol.
        transport: the transport of the protocol.
        app_state: the lifespan state.
        server_state: shared with other connections.
        options: the options of the `Config`.
    """

    def __init__(
        self,
        protocol_class: Any,
        app: Any,
        *,
        loop: Any,
        transport: Any,
        app_state: dict[str, Any] | None = None,
        server_state: ServerState | None = None,
        **options: Any,
    ) -> None:
        self.config = Config(app, **{"lifespan": "off", "log_config": None, "proxy_headers": False, **options})
        self.config.load()
        self.loop = loop
        self.transport = transport
        self.state = server_state or ServerState()
        if server_state is None:
            self.state.default_headers = [(b"server", b"uvicorn")]
        self.protocol = protocol_class(
            config=self.config, server_state=self.state, app_state=app_state or {}, _loop=self.loop
        )
        self.transport.protocol = self.protocol
        self.protocol.connection_made(self.transport)

    @property
    def wire(self) -> bytes:
        """The bytes that were written since the last clear."""
        return bytes(self.transport.buffer)

    @property
    def ended(self) -> bool:
        """Whether the client has seen the end of the connection."""
        return bool(self.transport.closed or getattr(self.transport, "eof_written", False))

    def fill(self, unsent: int) -> None:
        """Let the client stop reading: this number of bytes waits in the transport."""
        self.transport.unsent = unsent
        self.protocol.pause_writing()

    def fill_with_writes(self) -> None:
        """Let the client stop reading: everything that is written from now on stays in the transport."""
        write = self.transport.write

        def keep(data: bytes) -> None:
            write(data)
            self.fill(self.transport.unsent + len(data))

        self.transport.write = keep


P = TypeVar("P", bound=Peer)


def connections_of(make: Callable[..., P]) -> Iterator[Callable[..., P]]:
    """Yield a function that makes connections; at the end, close their tasks that have not run."""
    connections: list[P] = []

    def connect(*arguments: Any, **options: Any) -> P:
        connections.append(make(*arguments, **options))
        return connections[-1]

    yield connect
    for connection in connections:
        if isinstance(connection.loop, MockLoop):
            connection.loop.discard()


class Http1Connection(Peer):
    """One connection, already made.

    Args:
        transport: the transport; a plain `MockTransport` by default.
        full: use a `FullTransport`.
        loop: the loop; a `MockLoop` by default.
        options: options for `Peer`.
    """

    def __init__(
        self,
        protocol_class: Any,
        app: Any,
        *,
        transport: MockTransport | None = None,
        full: bool = False,
        loop: asyncio.AbstractEventLoop | None = None,
        **options: Any,
    ) -> None:
        transport = transport or (FullTransport() if full else MockTransport())
        super().__init__(protocol_class, app, loop=loop or MockLoop(), transport=transport, **{"ws": "none", **options})

    def feed(self, data: bytes) -> "Http1Connection":
        """Let the server receive the bytes, if there are any; return the connection."""
        if data:
            self.transport.protocol.data_received(data)
        return self

    async def run(self, data: bytes = b"") -> "Http1Connection":
        """Let the server receive the bytes, run the oldest application task to its end, and return the connection."""
        self.feed(data)
        await self.loop.run_one()
        return self

    async def run_all(self, data: bytes = b"") -> "Http1Connection":
        """Let the server receive the bytes, run applications until no task waits, and return the connection."""
        self.feed(data)
        while self.loop.waiting:
            await self.loop.run_one()
        return self

    async def start(self, data: bytes = b"") -> "asyncio.Task[None]":
        """Let the server receive the bytes, run the oldest task until it waits, and return the task to await."""
        self.feed(data)
        task: asyncio.Task[None] = self.loop.start_one()
        await turns()
        return task

    async def ask(self, data: bytes) -> Response:
        """Send one request, run the application, and return the response."""
        await self.run(data)
        response = self.responses()[-1]
        self.transport.clear_buffer()
        return response

    def responses(self, *methods: str) -> tuple[Response, ...]:
        return parse_responses(self.wire, list(methods), ended=self.ended)

    @property
    def statuses(self) -> list[int]:
        return [response.status for response in self.responses()]

    def lose(self, error: Exception | None = None) -> None:
        """Report the connection as lost."""
        self.transport.closed = True
        self.transport.protocol.connection_lost(error)
