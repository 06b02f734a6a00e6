"""The frames that one HTTP/2 connection has to send. This source runs as it is, and compiled as `_http2_output_c`.

`Session` (`_http2_py.py`) puts frames into an `Output`, and takes all of them once for each turn of the loop. DATA is
sent as far as the windows of the client allow (RFC 9113 section 5.2). The rest is queued with its stream, and sent
later in the order of priorities (RFC 9218).
"""

from typing import TYPE_CHECKING, Any

from uvicorn._speedups._scan_py import frame_head
from uvicorn._speedups.errors import ConnectionFault
from uvicorn._speedups.http2_codes import (
    CONTINUATION,
    DATA,
    DEFAULT_WINDOW,
    END_HEADERS,
    END_STREAM,
    ENHANCE_YOUR_CALM,
    FRAME_MAX,
    GOAWAY,
    HEADERS,
)

if TYPE_CHECKING:
    # Imported under another name, because `Stream` is a C type in the compiled build.
    from uvicorn._speedups._http2_stream_py import Stream as SessionStream

# The most bytes of bodies in one write. The order of the rest is decided again for the next write.
OUTPUT_MAX = 262144

# The most bytes of answers to control frames that may wait, if a client sends frames but does not read (CVE-2019-9512,
# -9515).
CONTROL_MAX = 65536

_join = b"".join


class Output:
    """The frames of one connection.

    Attributes:
        send_window: the send window of the connection, in bytes.
        sent: how many bytes of bodies were put into frames, ever.
        size: how many bytes of bodies are in frames that were not taken yet.
        blocked: the streams with a queue.
        drained: the streams whose queue was sent completely, since `take_drained`.
    """

    __slots__ = ("blocked", "control_size", "drained", "frames", "send_window", "sent", "size", "turn")

    def __init__(self) -> None:
        self.send_window = DEFAULT_WINDOW
        self.sent = 0
        self.frames: list[Any] = []
        self.size = 0
        self.control_size = 0
        self.blocked: list[SessionStream] = []
        self.drained: list[SessionStream] = []
        self.turn = 0

    # Frames

    def put(self, kind: int, flags: int, number: int, payload: bytes) -> None:
        """Add a frame other than DATA."""
        frames = self.frames
        frames.append(frame_head(len(payload), kind, flags, number))
        if payload:
            frames.append(payload)

    def put_control(self, kind: int, flags: int, number: int, payload: bytes) -> None:
        """Add the answer to a frame. Raises ConnectionFault if the client does not read the answers."""
        self.put(kind, flags, number, payload)
        self.control_size += 9 + len(payload)
        if self.control_size > CONTROL_MAX:
            self.frames = []
            raise ConnectionFault(ENHANCE_YOUR_CALM, "the client does not read the answers to its frames")

    def put_goaway(self, number: int, code: int, reason: bytes) -> None:
        """Add GOAWAY.

        Args:
            number: the highest stream that is served.
            code: the error code.
            reason: the debug data.
        """
        self.put(GOAWAY, 0, 0, number.to_bytes(4, "big") + code.to_bytes(4, "big") + reason)

    def put_block(self, number: int, flags: int, block: bytes) -> None:
        """Add a field block: HEADERS, and CONTINUATION frames if it is too long for one frame."""
        size = len(block)
        if size <= FRAME_MAX:
            self.put(HEADERS, flags | END_HEADERS, number, block)
            return
        self.put(HEADERS, flags, number, block[:FRAME_MAX])
        pos = FRAME_MAX
        while size - pos > FRAME_MAX:
            self.put(CONTINUATION, 0, number, block[pos : pos + FRAME_MAX])
            pos += FRAME_MAX
        self.put(CONTINUATION, END_HEADERS, number, block[pos:])

    # Bodies

    def put_data(self, stream: "SessionStream", data: bytes, ends: bool) -> bool:
        """Send a part of a body, or queue it.

        Args:
            stream: the stream.
            data: the part; may be empty.
            ends: whether the stream ends with it.

        Returns:
            Whether all of it was put into frames, with END_STREAM if `ends`. Otherwise it was queued.
        """
        size = len(data)
        if stream.queue is None:
            if not size or (size <= stream.send_window and size <= self.send_window and self.size + size <= OUTPUT_MAX):
                self._put_frames(stream, data, size, ends)
                return True
            stream.queue = []
            stream.turn = self.turn
            self.blocked.append(stream)
        if size:
            stream.queue.append(data)
            stream.queued += size
        stream.end_queued = ends
        return False

    def _put_frames(self, stream: "SessionStream", data: bytes, size: int, ends: bool) -> None:
        """Add DATA frames. The windows have room for them."""
        if size <= FRAME_MAX:
            self._put_frame(stream, data, size, ends)
            return
        # With a memoryview, the bytes are copied only once: when the frames are joined.
        view = memoryview(data)
        pos = 0
        while size - pos > FRAME_MAX:
            self._put_frame(stream, view[pos : pos + FRAME_MAX], FRAME_MAX, False)
            pos += FRAME_MAX
        self._put_frame(stream, view[pos:], size - pos, ends)

    def _put_frame(self, stream: "SessionStream", data: Any, size: int, ends: bool) -> None:
        """Add one DATA frame."""
        frames = self.frames
        frames.append(frame_head(size, DATA, END_STREAM if ends else 0, stream.number))
        if size:
            frames.append(data)
            stream.send_window -= size
            self.send_window -= size
            stream.sent += size
            self.sent += size
            self.size += size

    def pick(self) -> "SessionStream | None":
        """Choose the queued stream that sends next (RFC 9218 section 10). None if no window has room."""
        if self.send_window <= 0:
            return None
        in_order: SessionStream | None = None
        shared: SessionStream | None = None
        urgency = 8
        for stream in self.blocked:
            if stream.send_window <= 0 or stream.priority >> 1 > urgency:
                continue
            if stream.priority >> 1 < urgency:
                urgency = stream.priority >> 1
                in_order = shared = None
            if stream.priority & 1:
                if shared is None or stream.turn < shared.turn:
                    shared = stream
            elif in_order is None or stream.number < in_order.number:
                in_order = stream
        # Incremental responses take turns with the first response that is not incremental.
        if shared is None or (in_order is not None and in_order.turn <= shared.turn):
            return in_order
        return shared

    def put_queued(self, stream: "SessionStream") -> bool:
        """Add one DATA frame from the queue of a stream.

        Returns:
            Whether the body is complete. Then the frame has END_STREAM, unless trailers follow.
        """
        queue: Any = stream.queue
        part: bytes = queue[0]
        start = stream.queue_pos
        size = min(len(part) - start, FRAME_MAX, stream.send_window, self.send_window)
        data = memoryview(part)[start : start + size]
        if start + size < len(part):
            stream.queue_pos = start + size
        else:
            stream.queue_pos = 0
            del queue[0]
        stream.queued -= size
        self.turn += 1
        stream.turn = self.turn
        if stream.queued:
            self._put_frame(stream, data, size, False)
            return False
        stream.queue = None
        self.blocked.remove(stream)
        self.drained.append(stream)
        ends = stream.end_queued
        self._put_frame(stream, data, size, ends and stream.framer.trailers is None)
        return ends

    def forget(self, stream: "SessionStream") -> None:
        """Drop the queue of a stream."""
        if stream.queue is not None:
            stream.queue = None
            stream.queued = 0
            self.blocked.remove(stream)

    # Taking the output

    def has_room(self) -> bool:
        """Whether the next write has room for more DATA."""
        return self.size < OUTPUT_MAX

    def can_send(self) -> bool:
        """Whether there are frames, or a queue that the windows have room for."""
        return bool(self.frames) or (bool(self.blocked) and self.pick() is not None)

    def take(self) -> bytes:
        """Take the frames, as bytes."""
        frames = self.frames
        if not frames:
            return b""
        self.frames = []
        self.size = 0
        self.control_size = 0
        return frames[0] if len(frames) == 1 else _join(frames)

    def has_queues(self) -> bool:
        """Whether streams have a queue, or have had one since `take_drained`."""
        return bool(self.blocked) or bool(self.drained)

    def take_drained(self) -> "list[SessionStream]":
        """The streams whose queue has become empty since the last call."""
        drained = self.drained
        if drained:
            self.drained = []
        return drained


def new_output() -> Output:
    """Make an output. Other compiled modules call this function, because they cannot import the class."""
    return Output()
