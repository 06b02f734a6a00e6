"""The events of a WebSocket codec besides messages: pongs, and the end of the connection (RFC 6455)."""

import enum


class CloseCode(enum.IntEnum):
    """The close codes that the server itself uses (RFC 6455 section 7.4.1)."""

    NORMAL_CLOSURE = 1000
    PROTOCOL_ERROR = 1002
    NO_STATUS_RECEIVED = 1005
    ABNORMAL_CLOSURE = 1006
    INVALID_DATA = 1007
    MESSAGE_TOO_BIG = 1009
    INTERNAL_ERROR = 1011
    SERVICE_RESTART = 1012


# The codes that a close frame may have: those of the IANA registry, except the ones that mean that there was no close
# frame, and the ranges for libraries and applications (RFC 6455 section 7.4.2).
SENDABLE_CODES = frozenset({1000, 1001, 1002, 1003, *range(1007, 1015), *range(3000, 5000)})

_FAILURE_REASONS = {
    CloseCode.PROTOCOL_ERROR: "protocol error",
    CloseCode.INVALID_DATA: "invalid frame payload data",
    CloseCode.MESSAGE_TOO_BIG: "message too big",
}


class Pong(enum.Enum):
    """A pong has arrived, as an answer to a ping or unasked (RFC 6455 section 5.5.3)."""

    RECEIVED = enum.auto()


class _Closed:
    """The end of the conversation. Not a dataclass: that module takes longer to import than all of `_speedups`."""

    __slots__ = ("code", "reason")

    def __init__(self, code: int, reason: str) -> None:
        self.code = code
        self.reason = reason

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and (self.code, self.reason) == (other.code, other.reason)

    def __hash__(self) -> int:
        return hash((self.code, self.reason))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.code}, {self.reason!r})"


class PeerClosed(_Closed):
    """The peer has sent a close frame. The code is 1005 if the frame had none.

    The answer is in the replies of the codec, unless our close frame was sent before.
    """

    __slots__ = ()


class Failed(_Closed):
    """The peer has broken the protocol or a limit. Our close frame with this code is in the replies of the codec."""

    __slots__ = ()


def failure(code: CloseCode) -> Failed:
    """Make the event for a code, with the reason that we send."""
    return Failed(code, _FAILURE_REASONS[code])


class FrameRejected(Exception):
    """The peer has broken the protocol.

    Attributes:
        code: the close code.
    """

    code = CloseCode.PROTOCOL_ERROR


class MessageTooBig(FrameRejected):
    """A message is longer than the limit, or would be after decompression."""

    code = CloseCode.MESSAGE_TOO_BIG
