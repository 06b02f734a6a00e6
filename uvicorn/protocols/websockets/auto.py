"""`--ws auto`: the server's own frames."""

from uvicorn.protocols.websockets.builtin_impl import BuiltinWebSocketProtocol as AutoWebSocketsProtocol

__all__ = ["AutoWebSocketsProtocol"]
