"""The events of a WebSocket codec: pongs, the end of a connection, and why it fails (RFC 6455)."""

import enum


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

_FAILURE_REASONS = {
    CloseCode.PROTOCOL_ERROR: "protocol error",
    CloseCode.INVALID_DATA: "invalid frame payload data",
    CloseCode.MESSAGE_TOO_BIG: "message too big",
}


class Pong(enum.Enum):
    """Asked for or not (RFC 6455 section 5.5.3)."""

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
    """The peer's close frame, code 1005 where it had none; ours is among the replies, unless sent before."""

    __slots__ = ()


class Failed(_Closed):
    """The peer broke the protocol or a limit: so says our close frame among the replies."""

    __slots__ = ()


def failure(code: CloseCode) -> Failed:
    """The failure of this code, in our words."""
    return Failed(code, _FAILURE_REASONS[code])


class FrameRejected(Exception):
    """Why a connection fails.

    Attributes:
        code: what it is closed with.
    """

    code = CloseCode.PROTOCOL_ERROR


class MessageTooBig(FrameRejected):
    """A message is over the limit, or would be when inflated."""

    code = CloseCode.MESSAGE_TOO_BIG
