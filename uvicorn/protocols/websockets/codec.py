"""The seam between the WebSocket conversation and the library that puts it on the wire.

A codec knows frames (RFC 6455 section 5) and nothing of applications, transports or clocks.
"""

import io
from typing import Any, Protocol, TypeAlias

from uvicorn._speedups.websocket_events import SENDABLE_CODES as SENDABLE_CODES
from uvicorn._speedups.websocket_events import CloseCode as CloseCode
from uvicorn._speedups.websocket_events import Failed as Failed
from uvicorn._speedups.websocket_events import PeerClosed as PeerClosed
from uvicorn._speedups.websocket_events import Pong as Pong
from uvicorn._speedups.websocket_events import failure as failure
from uvicorn.protocols.websockets.deflate import PerMessageDeflate

# Of the 125 bytes of a control frame two are the code (RFC 6455 sections 5.5 and 5.5.1).
_MAX_REASON = 123


def fitting_reason(reason: str) -> str:
    """The longest beginning of `reason` that a close frame has room for."""
    encoded = reason.encode()
    return reason if len(encoded) <= _MAX_REASON else encoded[:_MAX_REASON].decode(errors="ignore")


Message: TypeAlias = str | bytes
Event: TypeAlias = str | bytes | Pong | PeerClosed | Failed


class Codec(Protocol):
    """The server's side of one WebSocket connection, after an accepted handshake.

    Args:
        max_size: bytes of the largest message that is taken.
        deflate: permessage-deflate where it was negotiated.

    Attributes:
        replies: what `feed` wants to be sent: pongs and close frames. The caller sends them and empties the list.
    """

    replies: list[bytes]

    def __init__(self, max_size: int, deflate: PerMessageDeflate | None) -> None: ...

    def feed(self, data: bytes) -> list[Event]:
        """What the peer's bytes complete; nothing comes after `PeerClosed` or `Failed`."""
        ...

    def text(self, message: str) -> bytes:
        """A frame. Raises UnicodeEncodeError for lone surrogates."""
        ...

    def binary(self, message: bytes) -> bytes: ...

    def ping(self) -> bytes: ...

    def close(self, code: int, reason: str) -> bytes:
        """The close frame. `code` must be sendable, `reason` fitting."""
        ...


def new_fragments(text: bool) -> Any:
    """A file for a message that comes in several pieces: one buffer, however small they are."""
    return io.StringIO() if text else io.BytesIO()
