"""Types of the ASGI specification 3.0 and, for the WSGI adapter, of PEP 3333."""

import sys
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from types import TracebackType
from typing import Any, Literal, Protocol, TypeAlias

if sys.version_info >= (3, 11):
    from typing import NotRequired, TypedDict
else:  # pragma: no cover - coverage is measured on a newer Python
    from typing_extensions import NotRequired, TypedDict

Headers: TypeAlias = Iterable[tuple[bytes, bytes]]

# --- PEP 3333 ---------------------------------------------------------------------------------------------------------

Environ: TypeAlias = MutableMapping[str, Any]
ExcInfo: TypeAlias = tuple[type[BaseException], BaseException, TracebackType | None]
WriteCallable: TypeAlias = Callable[[bytes], object]


class StartResponse(Protocol):
    """What a WSGI application begins its response with."""

    def __call__(
        self, status: str, response_headers: list[tuple[str, str]], exc_info: ExcInfo | None = None, /
    ) -> WriteCallable: ...


WSGIApp: TypeAlias = Callable[[Environ, StartResponse], Iterable[bytes]]

# --- Scopes -----------------------------------------------------------------------------------------------------------


class ASGIVersions(TypedDict):
    """`scope["asgi"]`."""

    version: Literal["2.0", "3.0"]
    spec_version: str


class HTTPScope(TypedDict):
    """One request (ASGI HTTP specification, "HTTP Connection Scope")."""

    type: Literal["http"]
    asgi: ASGIVersions
    http_version: str
    method: str
    scheme: str
    path: str
    raw_path: bytes
    query_string: bytes
    root_path: str
    headers: Headers
    client: tuple[str, int] | None
    server: tuple[str, int | None] | None
    state: NotRequired[dict[str, Any]]
    extensions: NotRequired[dict[str, dict[object, object]]]


class WebSocketScope(TypedDict):
    """One WebSocket connection (ASGI HTTP specification, "WebSocket Connection Scope")."""

    type: Literal["websocket"]
    asgi: ASGIVersions
    http_version: str
    scheme: str
    path: str
    raw_path: bytes
    query_string: bytes
    root_path: str
    headers: Headers
    client: tuple[str, int] | None
    server: tuple[str, int | None] | None
    subprotocols: Iterable[str]
    state: NotRequired[dict[str, Any]]
    extensions: NotRequired[dict[str, dict[object, object]]]


class LifespanScope(TypedDict):
    """The life of the application in one event loop (ASGI lifespan specification)."""

    type: Literal["lifespan"]
    asgi: ASGIVersions
    state: NotRequired[dict[str, Any]]


WWWScope: TypeAlias = HTTPScope | WebSocketScope
Scope: TypeAlias = HTTPScope | WebSocketScope | LifespanScope

# --- Events: HTTP -----------------------------------------------------------------------------------------------------


class HTTPRequestEvent(TypedDict):
    """A part of the request's body."""

    type: Literal["http.request"]
    body: bytes
    more_body: bool


class HTTPDisconnectEvent(TypedDict):
    """The client has gone, or the response is complete."""

    type: Literal["http.disconnect"]


class HTTPResponseDebugEvent(TypedDict):
    """What a test client wants to know of the response."""

    type: Literal["http.response.debug"]
    info: dict[str, object]


class HTTPResponseStartEvent(TypedDict):
    """The head of the response."""

    type: Literal["http.response.start"]
    status: int
    headers: NotRequired[Headers]
    trailers: NotRequired[bool]


class HTTPResponseBodyEvent(TypedDict):
    """A part of the response's body."""

    type: Literal["http.response.body"]
    body: NotRequired[bytes]
    more_body: NotRequired[bool]


class HTTPResponseTrailersEvent(TypedDict):
    """Trailer fields, where the server offers the extension."""

    type: Literal["http.response.trailers"]
    headers: Headers
    more_trailers: NotRequired[bool]


class HTTPServerPushEvent(TypedDict):
    """A promised request, where the server offers the extension."""

    type: Literal["http.response.push"]
    path: str
    headers: Headers


# --- Events: WebSocket ------------------------------------------------------------------------------------------------


class WebSocketConnectEvent(TypedDict):
    """The client has asked for the WebSocket."""

    type: Literal["websocket.connect"]


class WebSocketAcceptEvent(TypedDict):
    """The application takes it."""

    type: Literal["websocket.accept"]
    subprotocol: NotRequired[str | None]
    headers: NotRequired[Headers]


class _WebSocketReceiveBytes(TypedDict):
    type: Literal["websocket.receive"]
    bytes: bytes
    text: NotRequired[None]


class _WebSocketReceiveText(TypedDict):
    type: Literal["websocket.receive"]
    bytes: NotRequired[None]
    text: str


WebSocketReceiveEvent: TypeAlias = _WebSocketReceiveBytes | _WebSocketReceiveText


class _WebSocketSendBytes(TypedDict):
    type: Literal["websocket.send"]
    bytes: bytes
    text: NotRequired[None]


class _WebSocketSendText(TypedDict):
    type: Literal["websocket.send"]
    bytes: NotRequired[None]
    text: str


WebSocketSendEvent: TypeAlias = _WebSocketSendBytes | _WebSocketSendText


class WebSocketResponseStartEvent(TypedDict):
    """The head of a denial response (extension `websocket.http.response`)."""

    type: Literal["websocket.http.response.start"]
    status: int
    headers: NotRequired[Headers]


class WebSocketResponseBodyEvent(TypedDict):
    """A part of the body of a denial response."""

    type: Literal["websocket.http.response.body"]
    body: NotRequired[bytes]
    more_body: NotRequired[bool]


class WebSocketDisconnectEvent(TypedDict):
    """The WebSocket is closed, or was never opened."""

    type: Literal["websocket.disconnect"]
    code: int
    reason: NotRequired[str | None]


class WebSocketCloseEvent(TypedDict):
    """The application closes or refuses the WebSocket."""

    type: Literal["websocket.close"]
    code: NotRequired[int]
    reason: NotRequired[str | None]


# --- Events: lifespan -------------------------------------------------------------------------------------------------


class LifespanStartupEvent(TypedDict):
    """The server is about to take connections."""

    type: Literal["lifespan.startup"]


class LifespanShutdownEvent(TypedDict):
    """The last connection has gone."""

    type: Literal["lifespan.shutdown"]


class LifespanStartupCompleteEvent(TypedDict):
    """The application is ready."""

    type: Literal["lifespan.startup.complete"]


class LifespanStartupFailedEvent(TypedDict):
    """The application cannot be served."""

    type: Literal["lifespan.startup.failed"]
    message: NotRequired[str]


class LifespanShutdownCompleteEvent(TypedDict):
    """The application has cleaned up."""

    type: Literal["lifespan.shutdown.complete"]


class LifespanShutdownFailedEvent(TypedDict):
    """The application could not clean up."""

    type: Literal["lifespan.shutdown.failed"]
    message: NotRequired[str]


LifespanReceiveMessage: TypeAlias = LifespanStartupEvent | LifespanShutdownEvent
LifespanSendMessage: TypeAlias = (
    LifespanStartupCompleteEvent
    | LifespanStartupFailedEvent
    | LifespanShutdownCompleteEvent
    | LifespanShutdownFailedEvent
)

WebSocketEvent: TypeAlias = WebSocketConnectEvent | WebSocketReceiveEvent | WebSocketDisconnectEvent

ASGIReceiveEvent: TypeAlias = HTTPRequestEvent | HTTPDisconnectEvent | WebSocketEvent | LifespanReceiveMessage
ASGISendEvent: TypeAlias = (
    HTTPResponseStartEvent
    | HTTPResponseBodyEvent
    | HTTPResponseTrailersEvent
    | HTTPServerPushEvent
    | HTTPResponseDebugEvent
    | WebSocketAcceptEvent
    | WebSocketSendEvent
    | WebSocketResponseStartEvent
    | WebSocketResponseBodyEvent
    | WebSocketCloseEvent
    | LifespanSendMessage
)

# --- Applications -----------------------------------------------------------------------------------------------------

ASGIReceiveCallable: TypeAlias = Callable[[], Awaitable[ASGIReceiveEvent]]
ASGISendCallable: TypeAlias = Callable[[ASGISendEvent], Awaitable[None]]


class ASGI2Protocol(Protocol):
    """An application of ASGI 2: built from the scope, then called once."""

    def __init__(self, scope: Scope) -> None: ...

    async def __call__(self, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None: ...


ASGI2Application: TypeAlias = type[ASGI2Protocol]
ASGI3Application: TypeAlias = Callable[[Scope, ASGIReceiveCallable, ASGISendCallable], Awaitable[None]]
ASGIApplication: TypeAlias = ASGI2Application | ASGI3Application
