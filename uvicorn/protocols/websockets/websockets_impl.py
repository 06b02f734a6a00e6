"""`--ws websockets`: the WebSocket conversation over the `websockets` library."""

from uvicorn.protocols.websockets.protocol import WebSocketProtocol as _WebSocketProtocol
from uvicorn.protocols.websockets.websockets_codec import WebsocketsCodec

__all__ = ["WebSocketProtocol"]


class WebSocketProtocol(_WebSocketProtocol):
    """`uvicorn.protocols.websockets.protocol.WebSocketProtocol` with its codec named."""

    __slots__ = ()

    codec_class = WebsocketsCodec
