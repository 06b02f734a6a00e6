"""`--ws websockets-sansio`: another name for `--ws websockets`, which does no I/O in the library either."""

from uvicorn.protocols.websockets.websockets_impl import WebSocketProtocol

__all__ = ["WebSocketsSansIOProtocol"]


class WebSocketsSansIOProtocol(WebSocketProtocol):
    """`WebSocketProtocol` under a name that other programs import."""

    __slots__ = ()
