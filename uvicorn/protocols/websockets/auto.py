"""`--ws auto`: the same as `--ws builtin`."""

from uvicorn.protocols.websockets.builtin_impl import BuiltinWebSocketProtocol as AutoWebSocketsProtocol

__all__ = ["AutoWebSocketsProtocol"]
