"""The seam between the WebSocket conversation and the library that puts it on the wire.

A codec knows frames (RFC 6455 section 5) and nothing of applications, transports or clocks.
"""

import enum
import io
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from uvicorn.protocols.websockets.deflate import PerMessageDeflate


class CloseCode(enum.IntEnum):
    """Those that the server itself gives or reports (RFC 6455 section 7.4.1)."""

    NORMAL_CLOSURE = 1000
    PROTOCOL_ERROR = 1002
    NO_STATUS_RECEIVED = 1005
    ABNORMAL_CLOSURE = 1006
    INVALID_DATA = 1007
    MESSAGE_TOO_BIG = 1009
    INTERNAL_ERROR = 1011
    SERVICE_RESTART = 1012


# What a close frame may carry: the codes of IANA's registry but for those that stand for the lack of a frame, then the
# ranges of RFC 6455 section 7.4.2.
SENDABLE_CODES = frozenset({1000, 1001, 1002, 1003, *range(1007, 1015), *range(3000, 5000)})

# Of the 125 bytes of a control frame two are the code (RFC 6455 sections 5.5 and 5.5.1).
_MAX_REASON = 123

_FAILURE_REASONS = {
    CloseCode.PROTOCOL_ERROR: "protocol error",
    CloseCode.INVALID_DATA: "invalid frame payload data",
    CloseCode.MESSAGE_TOO_BIG: "message too big",
}


def fitting_reason(reason: str) -> str:
    """The longest beginning of `reason` that a close frame has room for."""
    encoded = reason.encode()
    return reason if len(encoded) <= _MAX_REASON else encoded[:_MAX_REASON].decode(errors="ignore")


class Pong(enum.Enum):
    """Asked for or not (RFC 6455 section 5.5.3)."""

    RECEIVED = enum.auto()


@dataclass(frozen=True, slots=True)
class _Closed:
    code: int
    reason: str


class PeerClosed(_Closed):
    """The peer's close frame, code 1005 where it had none; ours is among the replies, unless sent before."""

    __slots__ = ()


class Failed(_Closed):
    """The peer broke the protocol or a limit: so says our close frame among the replies."""

    __slots__ = ()


def failure(code: CloseCode) -> Failed:
    """The failure of this code, in our words."""
    return Failed(code, _FAILURE_REASONS[code])


Message: TypeAlias = str | bytes
Event: TypeAlias = str | bytes | Pong | PeerClosed | Failed


class Codec(Protocol):
    """The server's side of one WebSocket connection, behind an accepted handshake.

    Args:
        max_size: bytes of the largest message that is taken.
        deflate: permessage-deflate where it was negotiated.

    Attributes:
        replies: what `feed` wants to be sent: pongs and close frames. Whoever sends them empties the list.
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
