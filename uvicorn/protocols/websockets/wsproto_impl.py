"""`--ws wsproto`: the WebSocket conversation over the `wsproto` library."""

from uvicorn.protocols.websockets.protocol import WebSocketProtocol
from uvicorn.protocols.websockets.wsproto_codec import WSProtoCodec

__all__ = ["WSProtocol"]


class WSProtocol(WebSocketProtocol):
    """`uvicorn.protocols.websockets.protocol.WebSocketProtocol` with its codec named."""

    __slots__ = ()

    codec_class = WSProtoCodec
