"""The methods that subclasses of the HTTP protocol classes override, and who calls them.

A connection needs none of these methods to serve a request. When a class overrides one that tells of a request, the
request builder speaks to a `HookedSink` instead of the connection. It calls the hooks, and the methods that they
override pass on what the connection would have been told. Each server looks once at each class, so that a class without
hooks pays nothing.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from uvicorn._speedups import RequestHead, RequestRejected
from uvicorn._speedups.facts import BODY_FOLLOWS
from uvicorn.protocols.http import upgrade

if TYPE_CHECKING:
    from uvicorn.protocols.http.protocol import HTTPProtocol

# In the order of the calls.
_OF_A_REQUEST = (
    *("on_message_begin", "on_url", "on_header", "on_headers_complete", "on_body", "on_message_complete"),
    "handle_websocket_upgrade",
)
_NAMES = frozenset((*_OF_A_REQUEST, "on_response_complete", "handle_events"))

INVALID_REQUEST = "Invalid HTTP request received."

_Function = TypeVar("_Function", bound=Callable[..., Any])

# By identity: a proxy around a function equals it, and `functools.wraps` copies its attributes.
_ours: set[int] = set()


def hook(function: _Function) -> _Function:
    """Mark a method that may be overridden."""
    _ours.add(id(function))
    return function


def is_overridden(cls: type, name: str) -> bool:
    return hasattr(cls, name) and id(getattr(cls, name)) not in _ours


class Hooks:
    """What a connection has to call beside its own methods.

    Attributes:
        cycle_class: what requests are served by.
        run_asgi: whether that has a `run_asgi` which is not ours.
        requests: whether the hooks of a request are called.
        headers: whether `on_header` is one of them.
        responses: whether `on_response_complete` is called.
        events: whether `handle_events` is called.
        upgrades: whether `handle_websocket_upgrade` is one of them.
        by_instance: whether an instance can have hooks of its own.
    """

    __slots__ = ("by_instance", "cycle_class", "events", "headers", "requests", "responses", "run_asgi", "upgrades")

    def __init__(self, connection: "HTTPProtocol", own: "set[str] | frozenset[str]" = frozenset()) -> None:
        cls = type(connection)
        names = own | {name for name in _NAMES if is_overridden(cls, name)}
        self.cycle_class = cls.get_cycle_class()
        self.run_asgi = is_overridden(self.cycle_class, "run_asgi")
        self.requests = not names.isdisjoint(_OF_A_REQUEST)
        self.headers = "on_header" in names
        self.responses = "on_response_complete" in names
        self.events = "handle_events" in names
        self.upgrades = "handle_websocket_upgrade" in names
        self.by_instance = hasattr(connection, "__dict__")


def find_hooks(connection: "HTTPProtocol") -> Hooks:
    """The hooks of a class, looked for at the first connection that a server has of it."""
    hooks = connection.server_state.hooks[type(connection)] = Hooks(connection)
    return hooks


class Message:
    """A request while its hooks are called. To the connection it is the head.

    Attributes:
        head: with the headers that `on_header` has passed on.
        facts: of the request builder.
        scope: given to the application.
        accepted: whether `on_headers_complete` has given it to the connection.
    """

    __slots__ = ("accepted", "facts", "head", "scope")

    def __init__(self, head: RequestHead, facts: int, scope: dict[str, Any]) -> None:
        self.head = head
        self.facts = facts
        self.scope = scope
        self.accepted = False

    @property
    def upgrade(self) -> bytes:
        return self.head.upgrade

    def build_scope(self, *template: Any) -> dict[str, Any]:
        return self.scope

    def change_target(self, target: bytes) -> None:
        from urllib.parse import unquote

        head, scope = self.head, self.scope
        root = scope["raw_path"][: len(scope["raw_path"]) - len(head.raw_path)]
        head.target = target
        head.raw_path, _, head.query_string = target.partition(b"?")
        head.path = unquote(head.raw_path.decode("latin-1"))
        scope["path"] = scope["root_path"] + head.path
        scope["raw_path"] = root + head.raw_path
        scope["query_string"] = head.query_string


class HookedSink:
    """Tells the hooks of a connection what the request builder tells."""

    __slots__ = ("_connection", "_headers")

    def __init__(self, connection: "HTTPProtocol", hooks: Hooks) -> None:
        self._connection = connection
        self._headers = hooks.headers

    def on_request(self, head: RequestHead, facts: int) -> None:
        connection = self._connection
        headers = head.headers
        if self._headers:
            head.headers = []
        scope = head.build_scope(connection._scope_template, connection.client, connection.app_state)
        connection.scope = scope  # type: ignore[assignment]  # as in on_request
        message = connection._message = Message(head, facts, scope)
        try:
            self._call("on_message_begin")
            self._call("on_url", head.target)
            if self._headers:
                for name, value in headers:
                    self._call("on_header", name, value)
            self._call("on_headers_complete")
            if not message.accepted:
                raise RequestRejected(400, "on_headers_complete has not called super()")
            if not facts & BODY_FOLLOWS:
                self._call("on_message_complete")
        except RequestRejected as rejected:
            rejected.method = head.method
            withdraw(connection)
            raise
        finally:
            connection._message = None

    def on_content(self, data: bytes, more_body: bool) -> None:
        if data:
            self._call("on_body", data)
        if not more_body:
            self._call("on_message_complete")

    def _call(self, name: str, *arguments: bytes) -> None:
        """Call a hook. Nothing of the connection is read after one that has refused the request, or raised."""
        connection = self._connection
        try:
            getattr(connection, name)(*arguments)
        except RequestRejected:
            raise
        except Exception as exc:
            connection.logger.error("Exception in %s.%s\n", type(connection).__name__, name, exc_info=exc)
            raise RequestRejected(400, f"{name} has raised an exception") from None
        if connection.transport.is_closing():
            connection._rejected = RequestRejected(400, f"{name} has closed the connection")
            connection._feed = None
        if connection._rejected is not None:
            raise connection._rejected


def withdraw(connection: "HTTPProtocol") -> None:
    """Take back the request whose hooks are called; its application has not been started."""
    message = connection._message
    if message is None or not message.accepted:
        return
    message.accepted = False
    if connection._upgrade is not None:
        connection._upgrade = None
    elif connection._pipeline:
        connection._pipeline.pop()
    else:
        connection.cycle = connection.to_start = None


def tell_response_complete(connection: "HTTPProtocol", cycle: Any, persists: bool) -> None:
    connection._answered = (cycle, persists)
    connection.on_response_complete()
    # It may have left out super().
    _finish_response(connection)


def _finish_response(connection: "HTTPProtocol") -> None:
    answered = connection._answered
    if answered is not None:
        try:
            connection.on_answered(*answered)
        finally:
            connection._answered = None


class Events:
    """Has `handle_events` feed the request builder."""

    __slots__ = ("_connection", "_data", "_feed")

    def __init__(self, connection: "HTTPProtocol", feed: Callable[[bytes, int], int]) -> None:
        self._connection = connection
        self._feed = feed
        self._data = b""

    def __call__(self, data: bytes, pos: int) -> int:
        self._data += data
        self._connection.handle_events()  # type: ignore[attr-defined]  # only H11Protocol has it, and uses this
        return 0

    def handle(self) -> None:
        data, self._data = self._data, b""
        left = self._feed(data, 0)
        if left:
            self._connection._parser.feed(data, len(data) - left)


class Hookable:
    """What a subclass may override. Each method does what the server needs, so an override calls `super()`."""

    __slots__ = ()

    def get_sink(self: Any) -> Any:
        """What is told of requests: the connection, unless it has hooks."""
        return HookedSink(self, self._hooks) if self._hooks.requests else self

    def _find_own_hooks(self: Any) -> None:
        """Look for what was assigned to the instance."""
        own = _NAMES & vars(self).keys()
        if own:
            self._hooks = Hooks(self, own)
            self._response_hook = self._hooks.responses

    @hook
    def on_message_begin(self) -> None:
        """The head of a request is complete, and the other hooks follow."""

    @hook
    def on_url(self: Any, url: bytes) -> None:
        """Take the request target. Another target than the one sent may be passed on."""
        message: Message | None = self._message
        if message is not None and url != message.head.target:
            message.change_target(url)

    @hook
    def on_header(self: Any, name: bytes, value: bytes) -> None:
        """Put a field into the headers of the scope. Names are in lower case."""
        self.headers.append((name.lower(), value))

    @hook
    def on_headers_complete(self: Any) -> None:
        """Serve the request. The application starts after the hooks."""
        message: Message | None = self._message
        if message is not None and not message.accepted and self._rejected is None:
            message.scope = self.scope
            self.on_request(message, message.facts)
            message.accepted = True
            if self._upgrade is message:
                self._upgrade = message.head

    @hook
    def on_body(self: Any, body: bytes) -> None:
        """Give the application a part of the body."""
        self.on_content(body, True)

    @hook
    def on_message_complete(self: Any) -> None:
        """End the body."""
        if self._message is None:
            self.on_content(b"", False)

    @hook
    def on_response_complete(self: Any) -> None:
        """Go on to the next request. The response has been sent."""
        _finish_response(self)

    def _call_upgrade_hook(self: Any, head: RequestHead) -> None:
        self.handle_websocket_upgrade()

    @hook
    def handle_websocket_upgrade(self: Any) -> None:
        """Give the connection to the WebSocket class."""
        upgrade.hand_over(self)

    def timeout_keep_alive_handler(self: Any) -> None:
        """Close the connection, which has been idle for too long."""
        self._close_sent()

    def send_400_response(self: Any, msg: str) -> None:
        """Answer 400 with this text after the responses to earlier requests, and close."""
        rejected: RequestRejected | None = self._rejected
        if rejected is None:
            rejected = RequestRejected(400, msg)
            rejected.text = msg
            if self._message is not None:
                rejected.method = self._message.head.method
                withdraw(self)
            self._reject(rejected)
        else:
            self._answer(400, msg, rejected.method)

    @property
    def parser(self) -> Any:
        raise AttributeError(_no_parser(self, "parser"))

    @property
    def conn(self) -> Any:
        raise AttributeError(_no_parser(self, "conn"))


def _no_parser(connection: Hookable, name: str) -> str:
    return (
        f"{type(connection).__name__} has no {name!r}: the parser of this server has no such interface. "
        "Read self.scope and self.headers in on_headers_complete, or override on_url, on_header or on_body."
    )
