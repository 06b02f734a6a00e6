"""The interface between the WebSocket protocol and the code that reads and writes frames.

A codec knows only frames (RFC 6455 section 5). It knows no application, transport or clock.
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

# A control frame has at most 125 bytes, and the close code takes two of them (RFC 6455 sections 5.5 and 5.5.1).
_MAX_REASON = 123


def fitting_reason(reason: str) -> str:
    """Shorten a reason to the length that a close frame can have."""
    encoded = reason.encode()
    return reason if len(encoded) <= _MAX_REASON else encoded[:_MAX_REASON].decode(errors="ignore")


Message: TypeAlias = str | bytes
Event: TypeAlias = str | bytes | Pong | PeerClosed | Failed


class Codec(Protocol):
    """The frames of one WebSocket connection, from the accepted handshake on.

    Args:
        max_size: the largest message to accept, in bytes.
        deflate: permessage-deflate if it was negotiated, otherwise None.

    Attributes:
        replies: frames that `feed` has made: pongs and close frames. The caller sends them and empties the list.
    """

    replies: list[bytes]

    def __init__(self, max_size: int, deflate: PerMessageDeflate | None) -> None: ...

    def feed(self, data: bytes) -> list[Event]:
        """Read bytes of the peer. Returns the complete events; none follows `PeerClosed` or `Failed`."""
        ...

    def text(self, message: str) -> bytes:
        """Make the frame of a text message. Raises UnicodeEncodeError for lone surrogates."""
        ...

    def binary(self, message: bytes) -> bytes:
        """Make the frame of a binary message."""
        ...

    def ping(self) -> bytes:
        """Make a ping without payload."""
        ...

    def close(self, code: int, reason: str) -> bytes:
        """Make a close frame.

        Args:
            code: one of `SENDABLE_CODES`.
            reason: a result of `fitting_reason`.
        """
        ...


def new_fragments(text: bool) -> Any:
    """Make a buffer for a message that comes in several parts. It stays small also for many small parts."""
    return io.StringIO() if text else io.BytesIO()
