"""`--ws builtin`, the default: our own code for frames, which needs no library."""

from uvicorn._speedups import WebSocketCodec
from uvicorn.protocols.websockets.protocol import WebSocketProtocol

__all__ = ["BuiltinWebSocketProtocol"]


class BuiltinWebSocketProtocol(WebSocketProtocol):
    """`uvicorn.protocols.websockets.protocol.WebSocketProtocol` over this codec."""

    __slots__ = ()

    codec_class = WebSocketCodec
