"""One stream of HTTP/2: one source, run as it is or compiled as `_http2_stream_c`.

`Session` decides what happens to it, and `Output` what of it is sent when.
"""

from typing import Any

from uvicorn._speedups.http2_codes import DEFAULT_PRIORITY, DEFAULT_WINDOW, OPEN


class Stream:
    """One stream, of which a request has come.

    Args:
        number: its identifier.
        send_window: bytes that the client takes at first.

    Attributes:
        state: OPEN, HALF_CLOSED_REMOTE or CLOSED.
        more_body: whether more of the request's body follows.
        body_pending: whether some of it, or its end, has come and was not given out.
        framer: of the response.
        queued: bytes of the response that wait for a window, or for their turn.
        sent: bytes of the response that were put into the output.
        send_window: bytes that the client takes now; it may be negative.
        owner: what the wire keeps with it, until a response that is complete need not be queued.
    """

    __slots__ = (
        "abandoned_body",
        "body",
        "body_pending",
        "body_size",
        "end_queued",
        "framer",
        "given_out",
        "more_body",
        "number",
        "owed",
        "owner",
        "priority",
        "queue",
        "queue_pos",
        "queued",
        "remaining",
        "send_window",
        "sent",
        "state",
        "tunnel",
        "turn",
        "unread",
        "window",
        "window_target",
    )

    def begin(self, number: int, send_window: int) -> None:
        """Expect nothing yet: `new_stream` makes a stream, for half the cost of a call of the class."""
        self.number = number
        self.send_window = send_window
        self.state = OPEN
        self.priority = DEFAULT_PRIORITY
        self.turn = 0
        self.owner: Any = None
        # Whether the wire has the stream; it then releases it.
        self.given_out = False
        # Whether the stream carries bytes of another protocol in both directions, not a body and a response.
        self.tunnel = False
        # The body of the request, in bytes. remaining: to come, by its content-length, or -1. body_size: come so far.
        # body: not given out. unread: not taken by the application. window: what the client may send.
        # window_target: what it may send once all is taken. owed: credit that it has not got yet.
        self.more_body = True
        self.abandoned_body = False
        self.remaining = -1
        self.body_size = 0
        self.body: list[bytes] | None = None
        self.body_pending = False
        self.unread = 0
        self.window = DEFAULT_WINDOW
        self.window_target = DEFAULT_WINDOW
        self.owed = 0
        # The response.
        self.framer: Any = None
        self.queue: list[bytes] | None = None
        self.queue_pos = 0
        self.queued = 0
        self.end_queued = False
        self.sent = 0


def new_stream(number: int, send_window: int) -> Stream:
    """A stream that has just come. Compiled modules cannot import a class from each other, only functions."""
    stream = Stream.__new__(Stream)
    stream.begin(number, send_window)
    return stream
