"""`--ws auto`: the first library that is installed."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uvicorn.protocols.websockets.protocol import WebSocketProtocol

AutoWebSocketsProtocol: "type[WebSocketProtocol] | None"

try:
    from uvicorn.protocols.websockets.websockets_impl import WebSocketProtocol as AutoWebSocketsProtocol
except ImportError:
    try:
        from uvicorn.protocols.websockets.wsproto_impl import WSProtocol as AutoWebSocketsProtocol
    except ImportError:
        AutoWebSocketsProtocol = None
