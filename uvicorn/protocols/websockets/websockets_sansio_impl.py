"""`--ws websockets-sansio`: another name of `--ws websockets`, whose codec knows no I/O either."""

from uvicorn.protocols.websockets.websockets_impl import WebSocketProtocol as WebSocketsSansIOProtocol

__all__ = ["WebSocketsSansIOProtocol"]
