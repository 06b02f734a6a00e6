"""The methods that subclasses of the HTTP protocol classes override, and who calls them.

A connection needs none of these methods to serve a request. When a class overrides one that tells of a request, the
connection takes its requests through `take_request`, which calls the hooks in order. Each server looks once at each
class, so that a class without hooks pays nothing.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from uvicorn._speedups import RequestHead, RequestRejected
from uvicorn._speedups.flags import BODY_FOLLOWS
from uvicorn.protocols.http import upgrade

if TYPE_CHECKING:
    from uvicorn.protocols.http.http1 import Http1

# In the order of the calls.
_OF_A_REQUEST = (
    *("on_message_begin", "on_url", "on_header", "on_headers_complete", "on_body", "on_message_complete"),
    "handle_websocket_upgrade",
)
_NAMES = frozenset((*_OF_A_REQUEST, "on_response_complete", "handle_events"))

_Function = TypeVar("_Function", bound=Callable[..., Any])

# By identity: a proxy around a function equals it, and `functools.wraps` copies its attributes.
_ours: set[int] = set()


def hook(function: _Function) -> _Function:
    """Mark a method that may be overridden."""
    _ours.add(id(function))
    return function


def is_overridden(cls: type, name: str) -> bool:
    return hasattr(cls, name) and id(getattr(cls, name)) not in _ours


def find_overridden(cls: type) -> list[str]:
    """The hooks that a class overrides, sorted. Requests over HTTP/2 call none."""
    return sorted(name for name in _NAMES if is_overridden(cls, name))


class Hooks:
    """What a connection has to call beside its own methods.

    Attributes:
        requests: whether the hooks of a request are called.
        headers: whether `on_header` is one of them.
        responses: whether `on_response_complete` is called.
        events: whether `handle_events` is called.
        upgrades: whether `handle_websocket_upgrade` is one of them.
        by_instance: whether an instance can have hooks of its own.
    """

    __slots__ = ("by_instance", "events", "headers", "requests", "responses", "upgrades")

    def __init__(self, http: "Http1", own: "set[str] | frozenset[str]" = frozenset()) -> None:
        cls = type(http)
        names = own | {name for name in _NAMES if is_overridden(cls, name)}
        self.requests = not names.isdisjoint(_OF_A_REQUEST)
        self.headers = "on_header" in names
        self.responses = "on_response_complete" in names
        self.events = "handle_events" in names
        self.upgrades = "handle_websocket_upgrade" in names
        self.by_instance = hasattr(http, "__dict__")


class Message:
    """A request while its hooks are called.

    Attributes:
        flags: of the head.
        head: with the headers that `on_header` has passed on.
        scope: given to the application.
        accepted: whether `on_headers_complete` has given it to the connection.
        cycle: its exchange, once it is accepted; None for an upgrade.
    """

    __slots__ = ("accepted", "cycle", "flags", "head", "scope")

    def __init__(self, flags: int, head: RequestHead, scope: dict[str, Any]) -> None:
        self.flags = flags
        self.head = head
        self.scope = scope
        self.accepted = False
        self.cycle: Any = None

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


def take_request(http: "Http1", hooks: Hooks, flags: int) -> Any:
    """Call the hooks of a head, and take the request as `Http1.take_request` does. Raises RequestRejected."""
    if not hooks.requests:
        return http.take_request(flags, http.reader.build_scope())
    scope = http.reader.build_scope()
    head = http.reader.get_head()
    headers = head.headers
    if hooks.headers:
        scope["headers"] = head.headers = []
    http.scope = scope
    message = http.message = Message(flags, head, scope)
    _call(http, "on_message_begin")
    _call(http, "on_url", head.target)
    if hooks.headers:
        names = http.reader.sent_names()
        if len(names) < len(headers):
            # The authority of an absolute-form target, without a Host field.
            names.insert(0, b"host")
        for name, (_, value) in zip(names, headers, strict=True):
            _call(http, "on_header", name, value)
    _call(http, "on_headers_complete")
    if not message.accepted:
        raise RequestRejected(400, "on_headers_complete has not called super()")
    if not message.flags & BODY_FOLLOWS:
        _call(http, "on_message_complete")
    http.message = None
    return message.cycle


def take_body(http: "Http1", data: bytes, more_body: bool) -> None:
    """Call the hooks of a part of a body. Raises RequestRejected."""
    if data:
        _call(http, "on_body", data)
    if not more_body:
        _call(http, "on_message_complete")


def switch(http: "Http1", hooks: Hooks | None) -> None:
    """Call `handle_websocket_upgrade`, and do what it does if there are no hooks. Raises RequestRejected."""
    if hooks is None:
        upgrade.switch(http)
        return
    http.call_upgrade_hook(hooks)
    if http.upgrade is not None and not http.is_closed:
        raise RequestRejected(400, "handle_websocket_upgrade has not called super()")


def _call(http: "Http1", name: str, *arguments: bytes) -> None:
    """Call a hook. Nothing of the connection is read after one that has refused the request, or raised."""
    try:
        getattr(http, name)(*arguments)
    except RequestRejected:
        raise
    except Exception as exc:
        http.logger.error("Exception in %s.%s\n", type(http).__name__, name, exc_info=exc)
        raise RequestRejected(400, f"{name} has raised an exception") from None
    if http.is_closed or http.transport.is_closing():
        raise RequestRejected(400, f"{name} has closed the connection")


class Hookable:
    """What a subclass may override. Each method does what the server needs, so an override calls `super()`."""

    __slots__ = ()

    @hook
    def on_message_begin(self) -> None:
        """The head of a request is complete, and the other hooks follow."""

    @hook
    def on_url(self: Any, url: bytes) -> None:
        """Take the request target. Another target than the one sent may be passed on."""
        message: Message | None = self.message
        if message is not None and url != message.head.target:
            message.change_target(url)

    @hook
    def on_header(self: Any, name: bytes, value: bytes) -> None:
        """Put a field into the headers of the scope. The name is as it was sent; in the scope it is in lower case."""
        self.headers.append((name.lower(), value))

    @hook
    def on_headers_complete(self: Any) -> None:
        """Serve the request. The application starts after the hooks."""
        message: Message | None = self.message
        if message is not None and not message.accepted and not self.is_closed:
            message.scope = self.scope
            message.accepted = True
            message.cycle = self.take_request(message.flags, message.scope)

    @hook
    def on_body(self: Any, body: bytes) -> None:
        """Give the application a part of the body."""
        self.cycle.on_body(body, True)

    @hook
    def on_message_complete(self: Any) -> None:
        """End the body."""
        if self.message is None and self.cycle is not None:
            self.cycle.on_body(b"", False)

    @hook
    def on_response_complete(self) -> None:
        """The response has been sent."""

    def call_upgrade_hook(self: Any, hooks: Hooks) -> None:
        """Call `handle_websocket_upgrade` with the arguments of the class."""
        self.handle_websocket_upgrade()

    @hook
    def handle_websocket_upgrade(self: Any) -> None:
        """Give the connection to the WebSocket class."""
        upgrade.switch(self)

    def timeout_keep_alive_handler(self: Any) -> None:
        """Close the connection, which has been idle for too long."""
        self.close_idle()

    def send_400_response(self: Any, msg: str) -> None:
        """Answer 400 with this text, and close."""
        self.answer(400, msg)

    @property
    def parser(self) -> Any:
        raise AttributeError(_no_parser(self, "parser"))

    @property
    def conn(self) -> Any:
        raise AttributeError(_no_parser(self, "conn"))


def _no_parser(http: Hookable, name: str) -> str:
    return (
        f"{type(http).__name__} has no {name!r}: the parser of this server has no such interface. "
        "Read self.scope and self.headers in on_headers_complete, or override on_url, on_header or on_body."
    )
