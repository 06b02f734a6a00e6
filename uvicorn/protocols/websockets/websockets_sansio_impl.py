"""`--ws websockets-sansio`: the same as `--ws websockets`, whose codec knows no I/O either."""

from uvicorn.protocols.websockets.websockets_impl import WebSocketProtocol

__all__ = ["WebSocketsSansIOProtocol"]


class WebSocketsSansIOProtocol(WebSocketProtocol):
    """`WebSocketProtocol` by the name that other programs import."""

    __slots__ = ()
