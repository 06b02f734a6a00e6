"""The data of one HTTP/2 stream. This source runs as it is, and compiled as `_http2_stream_c`.

`Session` (`_http2_py.py`) changes the state of a stream, and `Output` (`_http2_output_py.py`) sends its data.
"""

from typing import Any

from uvicorn._speedups.http2_codes import DEFAULT_PRIORITY, DEFAULT_WINDOW, OPEN


class Stream:
    """One stream, from the head of its request on.

    Args:
        number: the identifier of the stream.
        send_window: the initial send window, in bytes.

    Attributes:
        state: OPEN, HALF_CLOSED_REMOTE or CLOSED.
        more_body: whether more of the request body follows.
        body_pending: whether an event for the body is waiting.
        framer: the framer of the response.
        queued: how many bytes of the response wait for a window, or for their turn.
        sent: how many bytes of the response were put into frames.
        send_window: how many bytes the client accepts now; may be negative.
        owner: the object that the wire has for this stream; None when the response was sent completely.
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
        """Initialize. `new_stream` calls this; it costs half as much as calling the class with an `__init__`."""
        self.number = number
        self.send_window = send_window
        self.state = OPEN
        self.priority = DEFAULT_PRIORITY
        self.turn = 0
        self.owner: Any = None
        # Whether the wire has got the stream with an event. It then calls `Session.release`.
        self.given_out = False
        # Whether the stream carries the bytes of a WebSocket, not a request body and a response.
        self.tunnel = False
        # The body of the request; all numbers are bytes.
        # abandoned_body: whether the rest of the body is dropped.
        # remaining: how many are missing, by Content-Length; -1 without it.
        # body_size: how many have arrived.
        # body: the parts that no event has returned.
        # unread: how many the application has not taken.
        # window: how many the client may send now.
        # window_target: how many it may send when the application has taken everything.
        # owed: how many of the window have to be given back.
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
        # The response. end_queued: whether END_STREAM follows the queue.
        self.framer: Any = None
        self.queue: list[bytes] | None = None
        self.queue_pos = 0
        self.queued = 0
        self.end_queued = False
        self.sent = 0


def new_stream(number: int, send_window: int) -> Stream:
    """Make a stream. Other compiled modules call this function, because they cannot import the class."""
    stream = Stream.__new__(Stream)
    stream.begin(number, send_window)
    return stream
