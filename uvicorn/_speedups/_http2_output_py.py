"""What one HTTP/2 connection has to send: one source, run as it is or compiled as `_http2_output_c`.

Frames are gathered, and taken once for each pass of the loop. DATA goes out as far as the windows of the client have
room (RFC 9113 section 5.2); the rest is queued with its stream, and goes out in the order of RFC 9218.
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
    # Under another name, because the class is a C type in the compiled build.
    from uvicorn._speedups._http2_stream_py import Stream as SessionStream

# Bytes of responses that go into one write. What is left is put into a new order for the next write.
OUTPUT_MAX = 262144

# Bytes of answers to control frames that wait for a client which does not read (CVE-2019-9512, -9515).
CONTROL_MAX = 65536

_join = b"".join


class Output:
    """The frames of one connection.

    Attributes:
        send_window: bytes that the client takes on all streams together.
        sent: bytes of bodies that were put into frames.
        size: bytes of bodies in the frames that were not taken.
        blocked: the streams that have a queue.
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
        """Any frame but DATA."""
        frames = self.frames
        frames.append(frame_head(len(payload), kind, flags, number))
        if payload:
            frames.append(payload)

    def put_control(self, kind: int, flags: int, number: int, payload: bytes) -> None:
        """Answer a frame of a client, which has to take the answers."""
        self.put(kind, flags, number, payload)
        self.control_size += 9 + len(payload)
        if self.control_size > CONTROL_MAX:
            self.frames = []
            raise ConnectionFault(ENHANCE_YOUR_CALM, "the client does not read the answers to its frames")

    def put_goaway(self, number: int, code: int, reason: bytes) -> None:
        self.put(GOAWAY, 0, 0, number.to_bytes(4, "big") + code.to_bytes(4, "big") + reason)

    def put_block(self, number: int, flags: int, block: bytes) -> None:
        """HEADERS, and CONTINUATION for what one frame has no room for."""
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

        Returns:
            Whether it is in frames, and END_STREAM if it ends the body.
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
        """DATA, of which the windows have room for."""
        if size <= FRAME_MAX:
            self._put_frame(stream, data, size, ends)
            return
        # The only copy is that into the write.
        view = memoryview(data)
        pos = 0
        while size - pos > FRAME_MAX:
            self._put_frame(stream, view[pos : pos + FRAME_MAX], FRAME_MAX, False)
            pos += FRAME_MAX
        self._put_frame(stream, view[pos:], size - pos, ends)

    def _put_frame(self, stream: "SessionStream", data: Any, size: int, ends: bool) -> None:
        """One DATA frame."""
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
        """The queued stream whose turn it is (RFC 9218 section 10)."""
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
        # Incremental responses take turns with the first of those that are not incremental.
        if shared is None or (in_order is not None and in_order.turn <= shared.turn):
            return in_order
        return shared

    def put_queued(self, stream: "SessionStream") -> bool:
        """Send a frame of a queued stream.

        Returns:
            Whether it is the last one: it has END_STREAM, unless trailers follow.
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
        """Drop what is queued of a stream."""
        if stream.queue is not None:
            stream.queue = None
            stream.queued = 0
            self.blocked.remove(stream)

    # What is to be written

    def has_room(self) -> bool:
        """Whether more of the queues goes into this write."""
        return self.size < OUTPUT_MAX

    def can_send(self) -> bool:
        """Whether there is something that can be sent."""
        return bool(self.frames) or (bool(self.blocked) and self.pick() is not None)

    def take(self) -> bytes:
        """The frames, as bytes."""
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
    """As `new_stream`."""
    return Output()
