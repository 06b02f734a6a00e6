"""The frames of one HTTP/2 connection. This source runs as it is, and compiled as `_http2_c`.

`Session` reads and writes frames, and keeps settings, windows, the states of streams, and limits (RFC 9113). The wire
(`uvicorn.protocols.http.http2.Http2`) calls it: it feeds the bytes of the client, takes the events one by one, gives
responses to `start` and `send`, and writes what `take_output` returns once for each turn of the loop. The session has
no clock; the wire passes the time.

All bytes are read when they are fed. So if a stream is opened and reset in the same read, its request never becomes an
event.

    state               event                             next state (RFC 9113 section 5.1)
    idle                HEADERS of the client             OPEN; with END_STREAM: HALF_CLOSED_REMOTE
    OPEN                END_STREAM of the client          HALF_CLOSED_REMOTE
    OPEN                our END_STREAM                    CLOSED; RST_STREAM with NO_ERROR is sent (section 8.1)
    HALF_CLOSED_REMOTE  our END_STREAM                    CLOSED
    any                 RST_STREAM of either side         CLOSED

Streams in the states "idle" and CLOSED are not in `Session.streams`. A stream is idle if its number is higher than all
numbers that the client has used.

After its request was returned as an event, a stream counts against the limit of streams until it is closed and its
application has returned (`release`). So a client that resets streams cannot start more applications (CVE-2023-44487).

Rule of the compiled modules: every pass of a loop over input consumes bytes, changes the state or raises.
"""

from typing import TYPE_CHECKING, Any

from uvicorn._speedups._hpack_py import new_encoder
from uvicorn._speedups._http2_fields_py import new_fields_reader, parse_priority
from uvicorn._speedups._http2_output_py import new_output
from uvicorn._speedups._http2_stream_py import new_stream
from uvicorn._speedups._response_py import new_http2_framer
from uvicorn._speedups._scan_py import cut, get_uint32
from uvicorn._speedups.errors import ConnectionFault, HpackError, RequestRejected
from uvicorn._speedups.flags import COMPLETE, EXPECT_BODY
from uvicorn._speedups.http2_codes import (
    ACK,
    BODY,
    CLOSED,
    COMPRESSION_ERROR,
    CONNECT,
    CONTINUATION,
    DATA,
    DEFAULT_PRIORITY,
    DEFAULT_WINDOW,
    ENABLE_CONNECT_PROTOCOL,
    ENABLE_PUSH,
    END_HEADERS,
    END_STREAM,
    ENHANCE_YOUR_CALM,
    FAULT,
    FLOW_CONTROL_ERROR,
    FRAME_MAX,
    FRAME_SIZE_ERROR,
    GOAWAY,
    HALF_CLOSED_REMOTE,
    HAS_PRIORITY,
    HEADER_TABLE_SIZE,
    HEADERS,
    INITIAL_WINDOW_SIZE,
    MAX_CONCURRENT_STREAMS,
    MAX_FRAME_SIZE,
    MAX_HEADER_LIST_SIZE,
    MAX_STREAM_ID,
    MAX_WINDOW,
    NO_ERROR,
    NO_RFC7540_PRIORITIES,
    PADDED,
    PING,
    PONG,
    PREFACE,
    PRIORITY,
    PRIORITY_UPDATE,
    PROTOCOL_ERROR,
    PUSH_PROMISE,
    QUEUED,
    REFUSED_STREAM,
    REJECTED,
    REQUEST,
    RESET,
    RST_STREAM,
    SETTINGS,
    STREAM_CLOSED,
    STREAM_ERROR,
    WINDOW_UPDATE,
)

if TYPE_CHECKING:
    # Imported under another name, because `Stream` is a C type in the compiled build.
    from uvicorn._speedups._http2_stream_py import Stream as SessionStream

# States of the session: what it reads next. In the state FAULTY it reads nothing.
AWAIT_PREFACE, AWAIT_SETTINGS, READY, FAULTY = range(4)

# The receive window of a stream, in bytes, when its application waits for the body: large enough for fast clients that
# are far away. Before that, a stream has the default window, so at most 64 KiB wait for a slow application.
STREAM_WINDOW = 262144

# Two token buckets. Each reset of a stream takes a token of the first (CVE-2023-44487, CVE-2025-8671). Each frame that
# neither makes a request nor carries data takes a token of the second (CVE-2019-9512, -9513, -9515, -9518). Requests
# and data add tokens to it.
RESETS_BURST = 1000.0
RESETS_PER_SECOND = 33.0
IDLE_FRAMES_BURST = 1000.0
IDLE_FRAMES_PER_SECOND = 33.0
IDLE_FRAMES_PER_REQUEST = 10.0
IDLE_FRAMES_PER_DATA = 4.0

# How many reset streams are remembered, because frames for them may still arrive.
ABANDONED_MAX = 256

# How many more CONTINUATION frames a field block may have than full frames would need (CVE-2024-27316).
CONTINUATIONS = 8

_PING_OF_SHUTDOWN = b"shutdown"

_join = b"".join


class Session:
    """The server side of one HTTP/2 connection.

    Args:
        limits: the limits of `FieldsReader`.
        max_streams: how many streams the client may have open at the same time.
        connect_protocol: whether streams may become WebSockets (RFC 8441).

    Attributes:
        streams: number -> stream, for the open streams.
        active: how many streams count against the limit.
        state: AWAIT_PREFACE, AWAIT_SETTINGS, READY or FAULTY.
        output: the frames to send.
        ending: whether new streams are ignored.
    """

    __slots__ = (
        "abandoned",
        "active",
        "block",
        "block_end_stream",
        "block_frames",
        "block_size",
        "block_stream",
        "early_priorities",
        "encoder",
        "ending",
        "events",
        "idle_frames",
        "initial_window",
        "last_served",
        "last_stream",
        "limit_block",
        "limit_body",
        "max_streams",
        "needed",
        "output",
        "owed",
        "partial",
        "partial_kind",
        "partial_size",
        "position",
        "reader",
        "resets",
        "state",
        "streams",
        "updated",
        "window",
        "window_target",
    )

    def __init__(self, limits: tuple[int, int, int, int], max_streams: int, connect_protocol: bool = False) -> None:
        self.reader: Any = new_fields_reader(limits)
        self.reader.connect_protocol = connect_protocol
        self.encoder: Any = new_encoder()
        self.output: Any = new_output()
        # At least one full frame is accepted, so that a request with a long head can be answered with 431.
        self.limit_block = max(limits[2], FRAME_MAX)
        self.limit_body = limits[3]
        self.max_streams = max_streams
        self.state = AWAIT_PREFACE
        self.streams: dict[int, SessionStream] = {}
        self.active = 0
        self.last_stream = 0
        self.last_served = 0
        self.ending = False
        self.abandoned: dict[int, None] = {}
        self.early_priorities: dict[int, int] = {}
        self.events: list[tuple[int, SessionStream | None, Any]] = []
        self.position = 0
        # The bytes of an incomplete frame.
        self.partial: list[bytes] = []
        self.partial_size = 0
        self.partial_kind = -1
        self.needed = len(PREFACE)
        # An incomplete field block.
        self.block: list[bytes] = []
        self.block_stream = 0
        self.block_end_stream = False
        self.block_frames = 0
        self.block_size = 0
        # The receive window of the connection, and the bytes that were not given back yet.
        self.window = DEFAULT_WINDOW
        self.window_target = DEFAULT_WINDOW
        self.owed = 0
        # How many bytes the client accepts on a new stream.
        self.initial_window = DEFAULT_WINDOW
        # The token buckets, and the time when tokens were added last.
        self.updated = -1.0
        self.resets = RESETS_BURST
        self.idle_frames = IDLE_FRAMES_BURST
        self._put_settings(limits[2], connect_protocol)

    def _put_settings(self, limit_head: int, connect_protocol: bool) -> None:
        settings = [
            (MAX_CONCURRENT_STREAMS, self.max_streams),
            (MAX_HEADER_LIST_SIZE, limit_head),
            (NO_RFC7540_PRIORITIES, 1),
        ]
        if connect_protocol:
            settings.append((ENABLE_CONNECT_PROTOCOL, 1))
        payload = _join([name.to_bytes(2, "big") + value.to_bytes(4, "big") for name, value in settings])
        self.output.put(SETTINGS, 0, 0, payload)

    # Bytes in

    def feed(self, data: bytes, now: float) -> None:
        """Read bytes of the client.

        Args:
            data: the bytes.
            now: the time, in seconds of a monotonic clock.
        """
        if self.state == FAULTY:
            return
        elapsed = now - self.updated
        if elapsed > 0:
            if self.updated >= 0:
                self.resets = min(self.resets + elapsed * RESETS_PER_SECOND, RESETS_BURST)
                self.idle_frames = min(self.idle_frames + elapsed * IDLE_FRAMES_PER_SECOND, IDLE_FRAMES_BURST)
            self.updated = now
        try:
            if self.partial_size:
                self.partial.append(data)
                self.partial_size += len(data)
                if self.partial_size < self.needed:
                    return
                data = _join(self.partial)
                self.partial = []
                self.partial_size = 0
            self._read_frames(data)
        except ConnectionFault as fault:
            self._fail(fault)
        except HpackError as error:
            self._fail(ConnectionFault(COMPRESSION_ERROR, str(error)))

    def in_head(self) -> bool:
        """Whether a part of a field block was read, or a part of its frame."""
        return self.block_stream > 0 or (
            self.partial_size > 0 and (self.partial_kind == HEADERS or self.partial_kind == CONTINUATION)
        )

    def next(self) -> "tuple[int, SessionStream | None, Any] | None":
        """Return the next event: its kind, the stream and the content. None if there is no event."""
        # Each pass of this loop takes one event.
        while self.position < len(self.events):
            event = self.events[self.position]
            self.position += 1
            if self.position == len(self.events):
                self.events = []
                self.position = 0
            stream = event[1]
            if stream is None:
                return event
            kind = event[0]
            if kind <= REJECTED:
                if stream.state == CLOSED or self.state == FAULTY:
                    # The stream was reset after this event was made.
                    continue
                if kind == BODY:
                    if not stream.body_pending:
                        # The wire has taken this part together with the request.
                        continue
                    return (BODY, stream, self.take_body(stream))
                stream.given_out = True
            elif not stream.given_out:
                if kind == RESET:
                    continue
                return (kind, None, event[2])
            return event
        return None

    def has_events(self) -> bool:
        """Whether `next` may return an event."""
        return self.position < len(self.events)

    def take_body(self, stream: "SessionStream") -> bytes:
        """Take the part of a body that has arrived, without waiting for its event."""
        stream.body_pending = False
        parts = stream.body
        stream.body = None
        if parts is None:
            return b""
        return parts[0] if len(parts) == 1 else _join(parts)

    def _read_frames(self, data: bytes) -> None:
        pos = 0
        size = len(data)
        if self.state == AWAIT_PREFACE:
            if not PREFACE.startswith(data[: len(PREFACE)]):
                raise ConnectionFault(PROTOCOL_ERROR, "no connection preface")
            if size < len(PREFACE):
                self._keep(data, 0, len(PREFACE), -1)
                return
            self.state = AWAIT_SETTINGS
            pos = len(PREFACE)
        buf = data
        # Each pass of this loop consumes one frame.
        while size - pos >= 9:
            length = buf[pos] << 16 | buf[pos + 1] << 8 | buf[pos + 2]
            if length > FRAME_MAX:
                raise ConnectionFault(FRAME_SIZE_ERROR, "a frame of more than 16,384 bytes")
            kind = buf[pos + 3]
            if length > size - pos - 9:
                self._keep(data, pos, 9 + length, kind)
                return
            number = get_uint32(data, pos + 5) & MAX_STREAM_ID
            self._take_frame(kind, buf[pos + 4], number, data, pos + 9, pos + 9 + length)
            pos += 9 + length
        if pos < size:
            self._keep(data, pos, 9, buf[pos + 3] if size - pos > 3 else -1)

    def _keep(self, data: bytes, pos: int, needed: int, kind: int) -> None:
        """Keep a part of a frame until all its bytes have arrived."""
        self.partial = [data[pos:]]
        self.partial_size = len(data) - pos
        self.partial_kind = kind
        self.needed = needed

    def _take_frame(self, kind: int, flags: int, number: int, data: bytes, pos: int, end: int) -> None:
        """Take a frame with the payload `data[pos:end]`."""
        if self.state == AWAIT_SETTINGS:
            if kind != SETTINGS or flags & ACK:
                raise ConnectionFault(PROTOCOL_ERROR, "the first frame is not SETTINGS")
            self.state = READY
            # Every client has to send this frame, so it costs no token.
            self.idle_frames += 1
        if self.block_stream:
            if kind != CONTINUATION or number != self.block_stream:
                raise ConnectionFault(PROTOCOL_ERROR, "a frame within a field block")
            self._take_continuation(flags, data, pos, end)
        elif kind == HEADERS:
            self._take_headers(flags, number, data, pos, end)
        elif kind == DATA:
            self._take_data(flags, number, data, pos, end)
        elif kind == WINDOW_UPDATE:
            self._take_window_update(number, data, pos, end)
        elif kind == SETTINGS:
            self._take_settings(flags, number, data, pos, end)
        elif kind == PING:
            self._take_ping(flags, number, data, pos, end)
        elif kind == RST_STREAM:
            self._take_rst_stream(number, end - pos)
        elif kind == PRIORITY:
            self._take_priority(number, data, pos, end)
        elif kind == PRIORITY_UPDATE:
            self._take_priority_update(number, data, pos, end)
        elif kind == GOAWAY:
            self._take_goaway(number, end - pos)
        elif kind in (PUSH_PROMISE, CONTINUATION):
            raise ConnectionFault(PROTOCOL_ERROR, "a frame that a client must not send here")
        else:
            # Unknown frames are ignored (section 5.5).
            self._spend_frame()

    # Requests

    def _take_headers(self, flags: int, number: int, data: bytes, pos: int, end: int) -> None:
        """Read HEADERS (section 6.2)."""
        if number & 1 == 0:
            raise ConnectionFault(PROTOCOL_ERROR, "HEADERS on a stream with an even number")
        if flags & PADDED:
            if pos == end or pos + 1 + data[pos] > end:
                raise ConnectionFault(PROTOCOL_ERROR, "padding that is longer than the frame")
            end -= data[pos]
            pos += 1
        if flags & HAS_PRIORITY:
            if end - pos < 5:
                raise ConnectionFault(FRAME_SIZE_ERROR, "HEADERS is too short for its priority")
            self._check_dependency(number, data, pos)
            pos += 5
        end_stream = flags & END_STREAM != 0
        if flags & END_HEADERS:
            self._take_block(number, end_stream, cut(data, pos, end))
        else:
            self.block = [cut(data, pos, end)]
            self.block_stream = number
            self.block_end_stream = end_stream
            self.block_frames = 0
            self.block_size = end - pos

    def _take_continuation(self, flags: int, data: bytes, pos: int, end: int) -> None:
        """Read CONTINUATION (section 6.10)."""
        self.block.append(cut(data, pos, end))
        self.block_size += end - pos
        self.block_frames += 1
        if self.block_size > self.limit_block:
            raise ConnectionFault(ENHANCE_YOUR_CALM, "a field block that is too long")
        if self.block_frames > self.limit_block // FRAME_MAX + CONTINUATIONS:
            raise ConnectionFault(ENHANCE_YOUR_CALM, "a field block in too many frames")
        if flags & END_HEADERS:
            number = self.block_stream
            block = _join(self.block)
            self.block = []
            self.block_stream = 0
            self._take_block(number, self.block_end_stream, block)

    def _take_block(self, number: int, end_stream: bool, block: bytes) -> None:
        """Read a complete field block: the head of a request, or trailers."""
        if number <= self.last_stream:
            self._take_trailers(number, end_stream, block)
            return
        self.last_stream = number
        if self.ending or self.active >= self.max_streams:
            self.reader.skip(block)
            self._abandon(number)
            # If the session is ending, GOAWAY has told the client already that new streams are ignored (section 6.8).
            if not self.ending:
                # Not logged as an error: the client may not know the limit yet, or that closed streams can still count.
                self.output.put_control(RST_STREAM, 0, number, REFUSED_STREAM.to_bytes(4, "big"))
                self._spend_reset()
            return
        rejected: Any = None
        head: Any = None
        try:
            head = self.reader.read_request(block, not end_stream)
        except RequestRejected as error:
            if error.status == 400:
                self._reset_number(number, PROTOCOL_ERROR, error.reason)
                return
            rejected = error
        stream = new_stream(number, self.initial_window)
        stream.framer = new_http2_framer(self.encoder, 0 if head is None else head.flags)
        if end_stream:
            stream.state = HALF_CLOSED_REMOTE
            stream.more_body = False
        self.streams[number] = stream
        self.active += 1
        self.idle_frames = min(self.idle_frames + IDLE_FRAMES_PER_REQUEST, IDLE_FRAMES_BURST)
        if rejected is None:
            if self.reader.priority >= 0:
                stream.priority = self.reader.priority
            elif self.reader.tunnel:
                # Other streams cannot wait for the end of a tunnel, so it is sent incrementally with them.
                stream.priority = DEFAULT_PRIORITY | 1
            if self.early_priorities:
                stream.priority = self.early_priorities.pop(number, stream.priority)
            if self.reader.tunnel:
                stream.tunnel = True
                self.events.append((CONNECT, stream, head))
            else:
                stream.remaining = self.reader.content_length
                self.events.append((REQUEST, stream, head))
        else:
            stream.abandoned_body = True
            self.events.append((REJECTED, stream, rejected))

    def _take_trailers(self, number: int, end_stream: bool, block: bytes) -> None:
        """Read trailers: the second field block of a stream (section 8.1)."""
        stream = self.streams.get(number)
        if stream is None:
            if number not in self.abandoned:
                raise ConnectionFault(STREAM_CLOSED, "HEADERS on a closed stream")
            self.reader.skip(block)
            return
        if not stream.more_body:
            self.reader.skip(block)
            self._reset(stream, STREAM_CLOSED, "HEADERS after the end of the stream")
            return
        if stream.tunnel:
            self.reader.skip(block)
            # A tunnel has only DATA (section 8.5).
            self._reset(stream, PROTOCOL_ERROR, "HEADERS within a tunnel")
            return
        try:
            self.reader.read_trailers(block)
        except RequestRejected as error:
            self._reset(stream, PROTOCOL_ERROR, error.reason)
            return
        if not end_stream:
            self._reset(stream, PROTOCOL_ERROR, "trailers that do not end the stream")
        else:
            self._end_body(stream)

    def _take_data(self, flags: int, number: int, data: bytes, pos: int, end: int) -> None:
        """Read DATA (section 6.1)."""
        flow = end - pos
        if not number:
            raise ConnectionFault(PROTOCOL_ERROR, "DATA on stream 0")
        if flow > self.window:
            raise ConnectionFault(FLOW_CONTROL_ERROR, "more DATA than the connection's window")
        self.window -= flow
        if flags & PADDED:
            if pos == end or pos + 1 + data[pos] > end:
                raise ConnectionFault(PROTOCOL_ERROR, "padding that is longer than the frame")
            end -= data[pos]
            pos += 1
        stream = self.streams.get(number)
        if stream is None:
            self._owe(flow)
            self._take_late_data(number)
            return
        if not stream.more_body:
            self._owe(flow)
            self._reset(stream, STREAM_CLOSED, "DATA after the end of the stream")
            return
        if flow > stream.window:
            self._owe(flow)
            self._reset(stream, FLOW_CONTROL_ERROR, "more DATA than the stream's window")
            return
        stream.window -= flow
        size = end - pos
        if flow > size:
            # The window of the padding is given back at once, because no application takes the padding.
            self._owe(flow - size)
            self._owe_stream(stream, flow - size)
        if stream.remaining >= 0:
            stream.remaining -= size
            if stream.remaining < 0:
                self._owe(size)
                self._reset(stream, PROTOCOL_ERROR, "a body longer than its content-length")
                return
        if size:
            self._earn_frames(1)
            self._take_part(stream, data, pos, end)
        elif not flags & END_STREAM:
            self._spend_frame()
        if flags & END_STREAM:
            self._end_body(stream)

    def _take_late_data(self, number: int) -> None:
        """Handle DATA on a stream that is not open."""
        if number > self.last_stream or number & 1 == 0:
            raise ConnectionFault(PROTOCOL_ERROR, "DATA on an idle stream")
        if number in self.abandoned:
            self._spend_frame()
        else:
            self._reset_number(number, STREAM_CLOSED, "DATA on a closed stream")

    def _take_part(self, stream: "SessionStream", data: bytes, pos: int, end: int) -> None:
        """Keep a part of a body for its event. All parts of one read become one event."""
        size = end - pos
        stream.body_size += size
        if stream.abandoned_body:
            self._owe(size)
            return
        if stream.tunnel:
            # The window of the connection is given back at once: a slow WebSocket must not block other streams. Its own
            # window waits until its application takes the bytes.
            self._owe(size)
        elif 0 <= self.limit_body < stream.body_size:
            self._owe(size)
            stream.abandoned_body = True
            self.events.append((REJECTED, stream, RequestRejected(413, "request body too large")))
            return
        else:
            stream.unread += size
        if stream.body is None:
            stream.body = [cut(data, pos, end)]
            self._report_body(stream)
        else:
            stream.body.append(cut(data, pos, end))

    def _report_body(self, stream: "SessionStream") -> None:
        """Make an event for the body, unless one is waiting already."""
        if not stream.body_pending:
            stream.body_pending = True
            self.events.append((BODY, stream, None))

    def _end_body(self, stream: "SessionStream") -> None:
        """Called when the client has ended the stream."""
        if stream.remaining > 0:
            self._reset(stream, PROTOCOL_ERROR, "a body shorter than its content-length")
            return
        stream.more_body = False
        stream.state = HALF_CLOSED_REMOTE
        if not stream.abandoned_body:
            self._report_body(stream)

    # Priorities (RFC 9218; those of RFC 7540 are only checked)

    def _check_dependency(self, number: int, data: bytes, pos: int) -> None:
        if get_uint32(data, pos) & MAX_STREAM_ID == number:
            raise ConnectionFault(PROTOCOL_ERROR, "a stream that depends on itself")

    def _take_priority(self, number: int, data: bytes, pos: int, end: int) -> None:
        """Read PRIORITY (section 6.3). It is deprecated, so only its format is checked."""
        if not number:
            raise ConnectionFault(PROTOCOL_ERROR, "PRIORITY on stream 0")
        if end - pos != 5:
            raise ConnectionFault(FRAME_SIZE_ERROR, "PRIORITY does not have 5 bytes")
        self._check_dependency(number, data, pos)
        self._spend_frame()

    def _take_priority_update(self, number: int, data: bytes, pos: int, end: int) -> None:
        """Read PRIORITY_UPDATE (RFC 9218 section 7.1)."""
        if number:
            raise ConnectionFault(PROTOCOL_ERROR, "PRIORITY_UPDATE on a stream")
        if end - pos < 4:
            raise ConnectionFault(FRAME_SIZE_ERROR, "PRIORITY_UPDATE is shorter than 4 bytes")
        number = get_uint32(data, pos) & MAX_STREAM_ID
        if number & 1 == 0:
            raise ConnectionFault(PROTOCOL_ERROR, "PRIORITY_UPDATE for a stream with an even number")
        self._spend_frame()
        priority = parse_priority(data[pos + 4 : end])
        stream = self.streams.get(number)
        if stream is not None:
            stream.priority = priority
        elif number > self.last_stream and len(self.early_priorities) < self.max_streams:
            self.early_priorities[number] = priority

    # The connection

    def _take_rst_stream(self, number: int, size: int) -> None:
        """Read RST_STREAM (section 6.4)."""
        if not number:
            raise ConnectionFault(PROTOCOL_ERROR, "RST_STREAM on stream 0")
        if size != 4:
            raise ConnectionFault(FRAME_SIZE_ERROR, "RST_STREAM does not have 4 bytes")
        stream = self.streams.get(number)
        if stream is not None:
            self._close(stream)
            self._spend_reset()
            self.events.append((RESET, stream, None))
        elif number > self.last_stream or number & 1 == 0:
            raise ConnectionFault(PROTOCOL_ERROR, "RST_STREAM on an idle stream")
        else:
            self._spend_frame()

    def _take_settings(self, flags: int, number: int, data: bytes, pos: int, end: int) -> None:
        """Read SETTINGS (section 6.5)."""
        if number:
            raise ConnectionFault(PROTOCOL_ERROR, "SETTINGS on a stream")
        if (end - pos) % 6 or (flags & ACK and end > pos):
            raise ConnectionFault(FRAME_SIZE_ERROR, "SETTINGS of a wrong length")
        self._spend_frame()
        if flags & ACK:
            return
        initial_window = self.initial_window
        # Each pass of this loop consumes one setting.
        while pos < end:
            name = data[pos] << 8 | data[pos + 1]
            value = get_uint32(data, pos + 2)
            pos += 6
            if name == HEADER_TABLE_SIZE:
                self.encoder.set_table_size(value)
            elif name == INITIAL_WINDOW_SIZE:
                if value > MAX_WINDOW:
                    raise ConnectionFault(FLOW_CONTROL_ERROR, "SETTINGS_INITIAL_WINDOW_SIZE is too large")
                initial_window = value
            elif name == MAX_FRAME_SIZE:
                if not FRAME_MAX <= value <= 16777215:
                    raise ConnectionFault(PROTOCOL_ERROR, "SETTINGS_MAX_FRAME_SIZE is out of range")
            elif value > 1 and (name in (ENABLE_PUSH, ENABLE_CONNECT_PROTOCOL, NO_RFC7540_PRIORITIES)):
                raise ConnectionFault(PROTOCOL_ERROR, "a setting that is neither 0 nor 1")
        if initial_window != self.initial_window:
            self._change_initial_window(initial_window)
        self.output.put_control(SETTINGS, ACK, 0, b"")

    def _change_initial_window(self, initial_window: int) -> None:
        """Change the initial window, which also changes the windows of open streams (section 6.9.2)."""
        change = initial_window - self.initial_window
        self.initial_window = initial_window
        for stream in self.streams.values():
            stream.send_window += change
            if stream.send_window > MAX_WINDOW:
                raise ConnectionFault(FLOW_CONTROL_ERROR, "a window above 2^31-1")

    def _take_ping(self, flags: int, number: int, data: bytes, pos: int, end: int) -> None:
        """Read PING (section 6.7)."""
        if number:
            raise ConnectionFault(PROTOCOL_ERROR, "PING on a stream")
        if end - pos != 8:
            raise ConnectionFault(FRAME_SIZE_ERROR, "PING does not have 8 bytes")
        payload = cut(data, pos, end)
        if not flags & ACK:
            self.output.put_control(PING, ACK, 0, payload)
        elif payload == _PING_OF_SHUTDOWN:
            self.events.append((PONG, None, None))
        self._spend_frame()

    def _take_goaway(self, number: int, size: int) -> None:
        """Read GOAWAY (section 6.8). It only says that the client accepts no pushed streams, and we push none."""
        if number:
            raise ConnectionFault(PROTOCOL_ERROR, "GOAWAY on a stream")
        if size < 8:
            raise ConnectionFault(FRAME_SIZE_ERROR, "GOAWAY is shorter than 8 bytes")
        self._spend_frame()

    def _take_window_update(self, number: int, data: bytes, pos: int, end: int) -> None:
        """Read WINDOW_UPDATE (section 6.9)."""
        if end - pos != 4:
            raise ConnectionFault(FRAME_SIZE_ERROR, "WINDOW_UPDATE does not have 4 bytes")
        self._spend_frame()
        increment = get_uint32(data, pos) & MAX_STREAM_ID
        if not number:
            self.output.send_window += increment
            if not increment:
                raise ConnectionFault(PROTOCOL_ERROR, "WINDOW_UPDATE with an increment of 0")
            if self.output.send_window > MAX_WINDOW:
                raise ConnectionFault(FLOW_CONTROL_ERROR, "a window above 2^31-1")
            return
        stream = self.streams.get(number)
        if stream is None:
            if number > self.last_stream or number & 1 == 0:
                raise ConnectionFault(PROTOCOL_ERROR, "WINDOW_UPDATE on an idle stream")
            return
        stream.send_window += increment
        if not increment:
            self._reset(stream, PROTOCOL_ERROR, "WINDOW_UPDATE with an increment of 0")
        elif stream.send_window > MAX_WINDOW:
            self._reset(stream, FLOW_CONTROL_ERROR, "a window above 2^31-1")

    # Limits

    def _spend_frame(self) -> None:
        """Take a token for a frame that neither makes a request nor carries data."""
        self.idle_frames -= 1
        if self.idle_frames < 0:
            raise ConnectionFault(ENHANCE_YOUR_CALM, "too many frames without a request or data")

    def _spend_reset(self) -> None:
        """Take a token for a stream that the client has reset, or has made us reset."""
        self.resets -= 1
        if self.resets < 0:
            raise ConnectionFault(ENHANCE_YOUR_CALM, "too many streams were reset")

    def _earn_frames(self, count: int) -> None:
        """Add tokens for frames of data, in both directions.

        The client needs tokens for the WINDOW_UPDATE frames with which it answers our data.
        """
        self.idle_frames = min(self.idle_frames + IDLE_FRAMES_PER_DATA * count, IDLE_FRAMES_BURST)

    # The end of streams

    def _reset(self, stream: "SessionStream", code: int, reason: str) -> None:
        """Reset a stream because of an error of the client."""
        self.output.put_control(RST_STREAM, 0, stream.number, code.to_bytes(4, "big"))
        self._abandon(stream.number)
        self._close(stream)
        self._spend_reset()
        self.events.append((STREAM_ERROR, stream, reason))

    def _reset_number(self, number: int, code: int, reason: str) -> None:
        """Reset a stream that is not open."""
        self.output.put_control(RST_STREAM, 0, number, code.to_bytes(4, "big"))
        self._abandon(number)
        self._spend_reset()
        self.events.append((STREAM_ERROR, None, reason))

    def _abandon(self, number: int) -> None:
        """Remember a stream, to ignore frames that the client sends before it learns that the stream is closed."""
        if len(self.abandoned) >= ABANDONED_MAX:
            del self.abandoned[next(iter(self.abandoned))]
        self.abandoned[number] = None

    def _close(self, stream: "SessionStream") -> None:
        """Mark a stream as closed, and drop what was not sent or taken."""
        stream.state = CLOSED
        del self.streams[stream.number]
        if not stream.given_out:
            self.active -= 1
        self.output.forget(stream)
        if stream.unread:
            self._owe(stream.unread)
            stream.unread = 0
            stream.body = None

    def _fail(self, fault: ConnectionFault) -> None:
        """End the connection because of an error of the client (section 5.4.1)."""
        self.output.put_goaway(self.last_served if self.ending else self.last_stream, fault.code, fault.reason.encode())
        self.state = FAULTY
        self.events.append((FAULT, None, fault))

    # Called by the wire

    def release(self, stream: "SessionStream") -> None:
        """Called when the application of a stream has returned, or was never called."""
        stream.given_out = False
        if stream.state == CLOSED:
            self.active -= 1

    def reset(self, stream: "SessionStream", code: int) -> None:
        """Reset a stream for a reason that is not an error of the client."""
        if stream.state != CLOSED:
            self.output.put(RST_STREAM, 0, stream.number, code.to_bytes(4, "big"))
            self._abandon(stream.number)
            self._close(stream)

    def credit(self, stream: "SessionStream") -> bool:
        """Called when the application has taken a part of the body, or waits for one. Gives the window back.

        Returns:
            Whether the application waits: it had taken everything before this call.
        """
        size = stream.unread
        waits = not size
        if size:
            stream.unread = 0
            self._owe(size)
        if stream.more_body and stream.state != CLOSED:
            if waits and stream.window_target < STREAM_WINDOW:
                size = STREAM_WINDOW - stream.window_target
                stream.window_target = STREAM_WINDOW
            self._owe_stream(stream, size)
        return waits

    def credit_tunnel(self, stream: "SessionStream", size: int) -> None:
        """Called when `size` bytes of a tunnel were taken. Gives the window back."""
        if stream.more_body and stream.state != CLOSED:
            if stream.framer.head_sent:
                size += STREAM_WINDOW - stream.window_target
                stream.window_target = STREAM_WINDOW
            self._owe_stream(stream, size)

    def widen(self, size: int) -> None:
        """Enlarge the receive window of the connection to `size` bytes."""
        size -= self.window_target
        if size > 0:
            self.window_target += size
            self._owe(size)

    def _owe(self, size: int) -> None:
        """Give window of the connection back to the client. WINDOW_UPDATE is sent when half of the window is due."""
        self.owed += size
        if self.owed * 2 >= self.window_target:
            self.output.put(WINDOW_UPDATE, 0, 0, self.owed.to_bytes(4, "big"))
            self.window += self.owed
            self.owed = 0

    def _owe_stream(self, stream: "SessionStream", size: int) -> None:
        """Give window of a stream back to the client, as `_owe` does."""
        stream.owed += size
        if stream.owed * 2 >= stream.window_target:
            self.output.put(WINDOW_UPDATE, 0, stream.number, stream.owed.to_bytes(4, "big"))
            stream.window += stream.owed
            stream.owed = 0

    def begin_shutdown(self) -> None:
        """Ask the client to open no more streams (section 6.8). Until `end_shutdown`, new streams are still served."""
        # The PING is sent first, because the library h2, which clients use, treats a PING after GOAWAY as an error.
        self.output.put(PING, 0, 0, _PING_OF_SHUTDOWN)
        self.output.put_goaway(MAX_STREAM_ID, NO_ERROR, b"")

    def end_shutdown(self) -> None:
        """Serve only the streams that are open, and ignore new ones."""
        if not self.ending:
            self.ending = True
            self.last_served = self.last_stream
            self.output.put_goaway(self.last_served, NO_ERROR, b"")

    def refuse(self, code: int, reason: str) -> None:
        """End the connection with an error that the wire has found."""
        if self.state != FAULTY:
            self._fail(ConnectionFault(code, reason))

    # Responses

    def start(self, stream: "SessionStream", message: Any, default_headers: list[tuple[bytes, bytes]]) -> None:
        """Accept `http.response.start`. The head is sent with the first part of the body, or by `send_head`.

        Args:
            stream: the stream.
            message: the message.
            default_headers: the default headers; names are in lower case.

        Raises:
            RuntimeError, TypeError: the message is not valid; the response does not count as started.
        """
        stream.framer.start(message, default_headers)

    def send(self, stream: "SessionStream", message: Any) -> int:
        """Accept `http.response.body`.

        Returns:
            COMPLETE after the last part; QUEUED if bytes wait for the window of the client; otherwise EXPECT_BODY, or
            EXPECT_TRAILERS after the last part before trailers.

        Raises:
            RuntimeError, TypeError: the message is not valid; nothing of it counts as sent.
        """
        framer = stream.framer
        data = framer.body(message)
        state: int = framer.state
        if stream.state != CLOSED:
            self._send_data(stream, data, state == COMPLETE)
        if state != COMPLETE:
            return QUEUED if stream.queued else state
        if not stream.queued:
            stream.owner = None
        return state

    def send_bytes(self, stream: "SessionStream", data: bytes, ends: bool) -> None:
        """Send bytes of a tunnel. `ends` says that they are the last ones."""
        if stream.state != CLOSED:
            self._send_data(stream, data, ends)

    def send_head(self, stream: "SessionStream") -> None:
        """Send the head of a response that has started, if it was not sent yet."""
        framer = stream.framer
        if framer.state == EXPECT_BODY and not framer.head_sent and stream.state != CLOSED:
            self.output.put_block(stream.number, 0, framer.head())

    def send_interim(self, stream: "SessionStream", status: int, headers: Any) -> None:
        """Send an informational response (RFC 9110 section 15.2).

        Raises:
            RuntimeError, TypeError: a field is not valid; nothing was sent.
        """
        if stream.state != CLOSED:
            self.output.put_block(stream.number, 0, stream.framer.interim(status, headers))

    def take_back(self, stream: "SessionStream") -> None:
        """Forget a response that was started but not sent, so that another one can be sent instead."""
        stream.framer.begin(self.encoder, stream.framer.flags)

    def _send_data(self, stream: "SessionStream", data: bytes, ends: bool) -> None:
        """Send a part of a body, with the head if that was not sent."""
        size = len(data)
        framer = stream.framer
        if ends and framer.trailers is not None:
            # The trailers are sent now, or after the queued data.
            if stream.queue is None:
                self._put_trailers(stream)
            else:
                stream.end_queued = True
            return
        if not framer.head_sent:
            if ends and not size:
                self.output.put_block(stream.number, END_STREAM, framer.head())
                self._end_response(stream)
                return
            self.output.put_block(stream.number, 0, framer.head())
        if (size or ends) and self.output.put_data(stream, data, ends):
            if size:
                self._earn_frames((size - 1) // FRAME_MAX + 1)
            if ends:
                self._end_response(stream)

    def _put_trailers(self, stream: "SessionStream") -> None:
        """Send the trailers, which end the stream (RFC 9113 section 8.1)."""
        self.output.put_block(stream.number, END_STREAM, stream.framer.trailer_block())
        self._end_response(stream)

    def _end_response(self, stream: "SessionStream") -> None:
        """Called when END_STREAM was sent."""
        if stream.more_body:
            # The rest of the request body is not needed (section 8.1).
            self.output.put(RST_STREAM, 0, stream.number, b"\0\0\0\0")
            self._abandon(stream.number)
        self._close(stream)

    def take_output(self) -> bytes:
        """Return the bytes to write now."""
        output = self.output
        if output.blocked:
            # Each pass of this loop sends one frame.
            while output.has_room():
                stream = output.pick()
                if stream is None:
                    break
                self._earn_frames(1)
                if not output.put_queued(stream):
                    continue
                if stream.framer.trailers is not None:
                    self._put_trailers(stream)
                else:
                    self._end_response(stream)
        data: bytes = output.take()
        return data
