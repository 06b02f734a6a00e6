"""The methods that subclasses of the HTTP protocol classes override, and who calls them.

A connection needs none of these methods to serve a request. If a class overrides a hook that belongs to a request, its
connections take requests with `take_request` of this module, which calls the hooks in order. Each server looks for
overridden hooks once for each class, so a class without hooks pays nothing.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from uvicorn._speedups import RequestHead, RequestRejected
from uvicorn._speedups.flags import BODY_FOLLOWS
from uvicorn.protocols.http import upgrade

if TYPE_CHECKING:
    from uvicorn.protocols.http.http1 import Http1

# The hooks of a request, in the order of the calls.
_OF_A_REQUEST = (
    *("on_message_begin", "on_url", "on_header", "on_headers_complete", "on_body", "on_message_complete"),
    "handle_websocket_upgrade",
)
_NAMES = frozenset((*_OF_A_REQUEST, "on_response_complete", "handle_events"))

_Function = TypeVar("_Function", bound=Callable[..., Any])

# Ids of the functions that are not overridden. A mark on the function would not do: a proxy around a function compares
# equal to it, and `functools.wraps` copies its attributes.
_ours: set[int] = set()


def hook(function: _Function) -> _Function:
    """Decorator: this method is the default of a hook."""
    _ours.add(id(function))
    return function


def is_overridden(cls: type, name: str) -> bool:
    """Whether a class has a hook of this name that is not the default."""
    return hasattr(cls, name) and id(getattr(cls, name)) not in _ours


def find_overridden(cls: type) -> list[str]:
    """The names of the hooks that a class overrides, sorted. Requests over HTTP/2 call no hooks."""
    return sorted(name for name in _NAMES if is_overridden(cls, name))


class Hooks:
    """Which hooks the connections of a class have to call.

    Args:
        http: a connection of the class.
        own: names of attributes that this connection has itself; they can be hooks too.

    Attributes:
        requests: whether any hook of a request is overridden.
        headers: whether `on_header` is overridden.
        responses: whether `on_response_complete` is overridden.
        events: whether `handle_events` is overridden.
        upgrades: whether `handle_websocket_upgrade` is overridden.
        by_instance: whether instances have a `__dict__`, so that hooks can be assigned to one connection.
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
        flags: the flags of the head (`uvicorn._speedups.flags`).
        head: the head; its headers are those that `on_header` passed on.
        scope: the scope that the application gets.
        accepted: whether `Hookable.on_headers_complete` was called, so that the connection serves the request.
        cycle: the exchange, once the request is accepted; None for an upgrade.
    """

    __slots__ = ("accepted", "cycle", "flags", "head", "scope")

    def __init__(self, flags: int, head: RequestHead, scope: dict[str, Any]) -> None:
        self.flags = flags
        self.head = head
        self.scope = scope
        self.accepted = False
        self.cycle: Any = None

    def change_target(self, target: bytes) -> None:
        """Replace the request target, in the head and in the scope."""
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
    """Call the hooks of a head, and start the exchange as `Http1.take_request` does.

    Raises:
        RequestRejected: a hook refused the request, closed the connection or raised an exception.
    """
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
            # The request had no Host field. The first header was made from the authority of an absolute-form target.
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
    """Call the hooks of a part of a body. Raises RequestRejected, like `take_request`."""
    if data:
        _call(http, "on_body", data)
    if not more_body:
        _call(http, "on_message_complete")


def switch(http: "Http1", hooks: Hooks | None) -> None:
    """Upgrade to a WebSocket: by `handle_websocket_upgrade` if there are hooks. Raises RequestRejected."""
    if hooks is None:
        upgrade.switch(http)
        return
    http.call_upgrade_hook(hooks)
    if http.upgrade is not None and not http.is_closed:
        raise RequestRejected(400, "handle_websocket_upgrade has not called super()")


def _call(http: "Http1", name: str, *arguments: bytes) -> None:
    """Call a hook.

    Raises:
        RequestRejected: the hook raised an exception or closed the connection. The connection then reads nothing more.
    """
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
    """The methods that a subclass may override.

    The methods here do what the server needs, so an override has to call `super()`.
    """

    __slots__ = ()

    @hook
    def on_message_begin(self) -> None:
        """Called first for each request, when its head is complete."""

    @hook
    def on_url(self: Any, url: bytes) -> None:
        """Called with the request target. An override can pass another target to `super()`.

        Args:
            url: the target as the client sent it.
        """
        message: Message | None = self.message
        if message is not None and url != message.head.target:
            message.change_target(url)

    @hook
    def on_header(self: Any, name: bytes, value: bytes) -> None:
        """Called for each header field; puts it into the headers of the scope.

        Args:
            name: as the client sent it. The scope has it in lower case.
            value: without white space around it.
        """
        self.headers.append((name.lower(), value))

    @hook
    def on_headers_complete(self: Any) -> None:
        """Called after the last header field; accepts the request. The application starts after the hooks."""
        message: Message | None = self.message
        if message is not None and not message.accepted and not self.is_closed:
            message.scope = self.scope
            message.accepted = True
            message.cycle = self.take_request(message.flags, message.scope)

    @hook
    def on_body(self: Any, body: bytes) -> None:
        """Called for each part of the body; gives it to the application."""
        self.cycle.on_body(body, True)

    @hook
    def on_message_complete(self: Any) -> None:
        """Called when the request is complete; tells the application that the body has ended."""
        if self.message is None and self.cycle is not None:
            self.cycle.on_body(b"", False)

    @hook
    def on_response_complete(self) -> None:
        """Called when the response has been sent."""

    def call_upgrade_hook(self: Any, hooks: Hooks) -> None:
        """Call `handle_websocket_upgrade` with the arguments of the class."""
        self.handle_websocket_upgrade()

    @hook
    def handle_websocket_upgrade(self: Any) -> None:
        """Called for a request that becomes a WebSocket; gives the connection to the WebSocket class."""
        upgrade.switch(self)

    def timeout_keep_alive_handler(self: Any) -> None:
        """Called when the connection has been idle for `timeout_keep_alive` seconds; closes it."""
        self.close_idle()

    def send_400_response(self: Any, msg: str) -> None:
        """Answer with status 400 and this text, and close the connection."""
        self.answer(400, msg)

    @property
    def parser(self) -> Any:
        """Not available; raises AttributeError with what to use instead."""
        raise AttributeError(_no_parser(self, "parser"))

    @property
    def conn(self) -> Any:
        """Not available; raises AttributeError with what to use instead."""
        raise AttributeError(_no_parser(self, "conn"))


def _no_parser(http: Hookable, name: str) -> str:
    return (
        f"{type(http).__name__} has no {name!r}: the parser of this server has no such interface. "
        "Read self.scope and self.headers in on_headers_complete, or override on_url, on_header or on_body."
    )
