"""Turns the messages of responses into bytes. This source runs as it is, and compiled as `_response_c`.

A message that would make an invalid response raises an exception, which the developer of the application sees (RFC 9112
sections 4, 6 and 7, RFC 9113 section 8). `Response` has the checks for every version of HTTP. `Http1` uses
`ResponseFramer`, and the `Session` of HTTP/2 uses `Http2Framer`.

    state            the application may send              next state
    EXPECT_START     http.response.start                   EXPECT_BODY
    EXPECT_BODY      http.response.body                    EXPECT_TRAILERS or COMPLETE after the last part
    SENDING_FILE     nothing: a file is being sent         EXPECT_BODY
    EXPECT_TRAILERS  http.response.trailers                EXPECT_BODY, for the empty last part that ends them
    COMPLETE         nothing

A framer has the status and the size of its response, and notices its end. So it is also the `Outcome` of the exchange,
which calls the observers (`uvicorn.server_state.ServerState.observers`).
"""

from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, Any

from uvicorn._speedups._hpack_py import new_field
from uvicorn._speedups._scan_py import join
from uvicorn._speedups.buffers import as_bytes
from uvicorn._speedups.errors import UnexpectedMessage
from uvicorn._speedups.flags import (
    CHUNKED,
    CLIENT_CLOSED_REQUEST,
    CLOSE,
    CLOSES,
    COMPLETE,
    EXPECT_BODY,
    EXPECT_START,
    EXPECT_TRAILERS,
    HEAD_REQUEST,
    KEEP_ALIVE,
    LENGTH,
    NO_BODY,
    OLD_VERSION,
    OPEN,
    PERSISTS,
    SENDING_FILE,
    STREAM,
)
from uvicorn._speedups.tables import (
    CONNECTION,
    CONTENT_LENGTH,
    FORBIDDEN_IN_VALUE,
    FORWARDED,
    KNOWN_FIELDS,
    STATUS_LINES,
    TOKEN_CHARS,
    TRANSFER_ENCODING,
    UPGRADE,
    Field,
    describe_field,
)

if TYPE_CHECKING:
    # Cython takes the name from _response_c.pxd.
    from uvicorn._speedups import c_clock  # noqa: TC004  # only the compiled body has it at run time

# The most digits of a Content-Length: with them, a signed 64-bit integer cannot overflow.
_MAX_DIGITS = 18

COMPILED = not __name__.endswith("_py")

# Names that are known to be tokens -> their field. A full dict is emptied, except for the common names.
_good_names = KNOWN_FIELDS.copy()
_GOOD_NAMES_MAX = 1024

# The beginning of the last head: the status line, the default headers, and both together without the last CRLF. Most
# heads begin alike. It is one tuple, so that another thread never sees a part of a change.
_memo: tuple[bytes, bytes, bytes] = (b"", b"", b"")

# Size -> the first line of a small chunk. Formatting this line would take longer than the rest of the work.
_chunk_heads: dict[int, bytes] = {}
_SMALL = 1024

# Fields that are dropped in HTTP/2, as Upgrade is (RFC 9113 section 8.2.2).
_CONNECTION_FIELDS = frozenset((b"keep-alive", b"proxy-connection"))

# Fields that say how to read the body, so they cannot be trailers (RFC 9110 section 6.5.1).
_NO_TRAILERS = _CONNECTION_FIELDS | {b"content-encoding", b"content-range", b"content-type", b"te", b"trailer"}

_NOTHING: tuple[Any, ...] = ()


def _remember(line: bytes, default_block: bytes) -> tuple[bytes, bytes, bytes]:
    global _memo
    _memo = (line, default_block, (line + default_block)[:-2])
    return _memo


def _check_name(name: Any) -> Field:
    if type(name) is not bytes:
        name = as_bytes(name, "header name")
    if not name or name.strip(TOKEN_CHARS):
        raise RuntimeError("Invalid HTTP header name.")
    lower = name.lower()
    known = KNOWN_FIELDS.get(lower) or describe_field(lower)
    if len(_good_names) >= _GOOD_NAMES_MAX:
        _good_names.clear()
        _good_names.update(KNOWN_FIELDS)
    _good_names[name] = known
    return known


def _is_clean(value: bytes) -> bool:
    """Whether a field value has no control characters except HTAB (RFC 9110 section 5.5)."""
    if COMPILED:  # pragma: no cover - coverage is measured on the pure build
        for c in value:  # noqa: SIM110  # Cython makes a C loop only of this form
            if (c < 32 and c != 9) or c == 127:
                return False
        return True
    return FORBIDDEN_IN_VALUE.search(value) is None


def _check_value(value: Any) -> bytes:
    if type(value) is not bytes:
        value = as_bytes(value, "header value")
    if not _is_clean(value):
        raise RuntimeError("Invalid HTTP header value.")
    return value  # type: ignore[no-any-return]  # as_bytes has converted it


def _read_clock() -> float:
    """Return what `time.monotonic` returns."""
    if COMPILED:  # pragma: no cover - never true where coverage can see it
        return c_clock.monotonic()
    return monotonic()


class Outcome:
    """What the client of an exchange was given, and the observers that are called at the end.

    `Http1` and `Http2` call `observe` or `begin` with the scope of a request; the response calls `report`. A WebSocket
    has an outcome that is no response.

    Args:
        on_stream: whether the exchange is a stream of HTTP/2.

    Attributes:
        observers: functions to call with this object at the end of an exchange; None without observers.
        observed: whether the observers still have to be called.
        scope: the scope of the exchange; set if there are observers.
        status: the status code that the client was given, or CLIENT_CLOSED_REQUEST.
        sent: the number of bytes of the body; -1 for a WebSocket, whose bytes are not counted.
        duration: seconds from the request to the end.
        headers: the headers of the response as the application gave them; () after the observers were called.
    """

    __slots__ = (
        "began",
        "duration",
        "headers",
        "observed",
        "observers",
        "on_stream",
        "scope",
        "sent",
        "status",
    )

    began: float
    duration: float
    headers: Any
    observed: bool
    observers: list[Callable[[Any], None]] | None
    on_stream: bool
    scope: Any
    sent: int
    status: int

    def __init__(self, on_stream: bool) -> None:
        self.on_stream = on_stream
        self.observed = False
        # A response sets these two when it begins.
        self.status = CLIENT_CLOSED_REQUEST
        self.sent = -1

    def observe(self, observers: list[Callable[[Any], None]], scope: Any) -> None:
        """Called at the beginning of an exchange, if there are observers."""
        self.observers = observers
        self.observed = True
        self.scope = scope
        self.headers = ()
        self.began = _read_clock()

    def report(self) -> None:
        """Call the observers, at the end of the exchange. Call this only while `observed` is true."""
        observers: Any = self.observers
        self.duration = _read_clock() - self.began
        self.observed = False
        for observer in observers:
            observer(self)
        self.headers = ()


class Response(Outcome):
    """Checks the messages of one response. The base of the framers.

    Attributes:
        state: see the table of the module.
        status: the status code, after the start was accepted.
        keep_alive: whether the connection may persist. May be set to False until the head is returned.
        head_sent: whether the head was returned.
        sent: the number of bytes of the body that were accepted, without those that are dropped.
        framing: how the end of the body is marked, after the start was accepted: NO_BODY or another constant of
            `uvicorn._speedups.flags`.
    """

    __slots__ = (
        "coded",
        "expected",
        "flags",
        "framing",
        "head_sent",
        "keep_alive",
        "last",
        "options",
        "persist",
        "state",
        "trailers",
    )

    coded: bool
    expected: int
    flags: int
    framing: int
    head_sent: bool
    keep_alive: bool
    # The state after the last part of the body.
    last: int
    options: list[bytes] | None
    persist: bool
    state: int
    # Pairs of name and value.
    trailers: list[tuple[bytes, bytes]] | None

    def _keep_headers(self, headers: Any) -> Any:
        """Keep the headers for the observers. Headers of an iterator are copied to a list. Returns them."""
        self.headers = headers if type(headers) is list else list(headers)
        return self.headers

    def _decide(self, kind: int, value: bytes, status: int) -> bytes | None:
        """Apply a field that frames the message. Returns the value to write, or None to drop the field."""
        if kind == CONTENT_LENGTH:
            # A 204 has no Content-Length (RFC 9110 section 8.6).
            return None if status == 204 else self._take_length(value)
        if kind == TRANSFER_ENCODING:
            if status != 204:
                self._take_codings(value)
            return None
        if kind == CONNECTION:
            self._take_options(value)
            return None
        return value

    def _take_length(self, value: bytes) -> bytes | None:
        """Apply a Content-Length. Returns its digits, or None if the field was given before."""
        length = _parse_length(value)
        if length < 0:
            value = value.strip(b" \t")
            length = _parse_length(value)
            if length < 0:
                raise RuntimeError("Invalid HTTP header value.")
        if self.expected >= 0:
            if self.expected != length:
                raise RuntimeError("Response has two different content-length headers.")
            return None
        self.expected = length
        return value

    def _take_codings(self, value: bytes) -> None:
        """Apply a Transfer-Encoding."""
        for coding in _split_list(value):
            name = coding.lower()
            if name == b"chunked":
                self.coded = True
            elif name != b"identity":
                raise RuntimeError("Unsupported transfer-encoding: only 'chunked' can be sent.")

    def _take_options(self, value: bytes) -> None:
        """Apply a Connection field. Its options are written later, in one line, perhaps with `close`."""
        options = self.options
        if options is None:
            options = self.options = []
        for option in _split_list(value):
            if option.lower() == b"close":
                self.persist = False
            else:
                options.append(option)

    def _take_body(self, message: Any) -> bytes:
        """Accept `http.response.body`. Returns the bytes to send."""
        fields = message if type(message) is dict else dict(message)
        if fields["type"] != "http.response.body":
            raise UnexpectedMessage(EXPECT_BODY, fields["type"])
        data = fields.get("body", b"")
        more_body = fields.get("more_body", False)
        if type(data) is not bytes:
            data = as_bytes(data, "response body") if data is not None else b""
        framing = self.framing
        if framing == LENGTH:
            size = len(data)
            self.check_size(size, more_body)
            self.expected -= size
        elif framing == NO_BODY:
            data = b""
        self.sent += len(data)
        if not more_body:
            self.state = self.last
            if self.observed and self.state == COMPLETE:
                self.report()
        return data

    def abandon(self) -> None:
        """End the exchange: nothing more reaches the client. Without a head, it was given no response."""
        if self.observed:
            if not self.head_sent:
                self.status = CLIENT_CLOSED_REQUEST
            self.report()

    def check_size(self, size: int, more_body: bool) -> None:
        """Check a part of the body against the content-length. Raises RuntimeError."""
        if self.framing == LENGTH:
            if size > self.expected:
                raise RuntimeError("Response content longer than Content-Length")
            if not more_body and self.expected != size:
                raise RuntimeError("Response content shorter than Content-Length")

    def skip(self, size: int) -> None:
        """Count bytes of a body with Content-Length that were sent without this framer, by `sendfile`."""
        self.expected -= size
        self.sent += size

    def suspend(self) -> None:
        """Accept no message until `resume`: a file is being sent."""
        self.state = SENDING_FILE

    def resume(self) -> None:
        """Accept parts of the body again, unless the state has changed since `suspend`."""
        if self.state == SENDING_FILE:
            self.state = EXPECT_BODY

    def add_trailers(self, headers: Any, wanted: bool) -> None:
        """Accept fields of `http.response.trailers`.

        Args:
            headers: pairs of name and value.
            wanted: whether the client wants trailers. If not, or if the message cannot have any, they are dropped.

        Raises:
            RuntimeError, TypeError: a field is not valid; none of them counts as accepted.
        """
        taken = []
        for name, value in headers:
            known = _check_name(name)
            if known[1] > FORWARDED or known[0] in _NO_TRAILERS:
                raise RuntimeError(f"The field '{known[0].decode()}' cannot be a trailer.")
            taken.append((known[0], _check_value(value)))
        if taken and wanted and self.has_trailers():
            self.trailers = taken if self.trailers is None else self.trailers + taken

    def has_trailers(self) -> bool:
        """Whether the message can have trailers."""
        return self.framing != NO_BODY

    def end_trailers(self) -> None:
        """Called when the trailers are complete. The caller then sends an empty last part, which writes them."""
        self.state = EXPECT_BODY
        self.last = COMPLETE

    def end(self) -> int:
        """What follows: OPEN, PERSISTS or CLOSES of `uvicorn._speedups.flags`."""
        if self.state != COMPLETE:
            return OPEN
        return PERSISTS if self.keep_alive else CLOSES


class ResponseFramer(Response):
    """Turns the messages of one response into the bytes of HTTP/1.1.

    Args:
        flags: the flags of the request: KEEP_ALIVE, OLD_VERSION and HEAD_REQUEST.

    Attributes:
        begun: whether the last call of `body` returned the head.
    """

    __slots__ = ("begun", "lines")

    def __init__(self, flags: int) -> None:
        self.on_stream = self.observed = False
        self.observers = None
        self.begin(flags, None)

    def begin(self, flags: int, scope: Any) -> None:
        """Expect the start of a response.

        Args:
            flags: the flags of the request.
            scope: the scope of the request; None if this response replaces the one that was begun for it.
        """
        if self.observers is not None and scope is not None:
            self.observe(self.observers, scope)
        self.flags = flags
        self.state = EXPECT_START
        self.status = 0
        self.keep_alive = self.flags & KEEP_ALIVE != 0
        self.begun = False
        self.head_sent = False
        self.framing = NO_BODY
        self.lines: list[bytes] | None = None
        self.options = None
        self.sent = 0

    def interim(self, status: int, headers: Any) -> bytes:
        """Make an informational response (RFC 9110 section 15.2). Empty for HTTP/1.0, which does not have them."""
        lines = [STATUS_LINES[status][:-2]]
        for name, value in headers:
            lines.append(_check_name(name)[2])
            lines.append(_check_value(value))
        lines.append(b"\r\n\r\n")
        return b"" if self.flags & OLD_VERSION else join(lines)

    def start(self, message: Any, default_block: bytes) -> None:
        """Accept `http.response.start`.

        Args:
            message: the message.
            default_block: the default headers as bytes, each line with its CRLF.

        Raises:
            RuntimeError, TypeError: the message is not valid; the response does not count as started.
        """
        fields = message if type(message) is dict else dict(message)
        if fields["type"] != "http.response.start":
            raise UnexpectedMessage(EXPECT_START, fields["type"])
        status = fields["status"]
        line = STATUS_LINES.get(status)
        if line is None or status < 200 or not isinstance(status, int):
            line = _unusual_status_line(status)
        memo = _memo
        if memo[0] is not line or memo[1] is not default_block:
            memo = _remember(line, default_block)
        lines = [memo[2]]
        self.expected = -1
        self.coded = False
        self.options = None
        self.persist = True
        headers = fields.get("headers", _NOTHING)
        if self.observed:
            headers = self._keep_headers(headers)
        for name, value in headers:
            known = _good_names.get(name) if type(name) is bytes else None
            if known is None:
                known = _check_name(name)
            value = _check_value(value)
            if known[1]:
                value = self._decide(known[1], value, status)
                if value is None:
                    continue
            lines.append(known[2])
            lines.append(value)
        self._frame(lines, status)
        if not self.persist:
            self.keep_alive = False
        self.trailers = None
        # Nearly all messages have three items. Counting them is cheaper than looking for `trailers`.
        has_more = len(fields) > 3 or headers is _NOTHING
        self.last = EXPECT_TRAILERS if has_more and fields.get("trailers") else COMPLETE
        self.lines = lines
        self.status = status
        self.state = EXPECT_BODY

    def _frame(self, lines: list[bytes], status: int) -> None:
        """Decide how the end of the body is marked (RFC 9112 section 6.3)."""
        if self.coded and self.expected >= 0:
            # Transfer-Encoding overrides Content-Length, and both must not be sent.
            index = lines.index(b"\r\ncontent-length: ")
            del lines[index : index + 2]
            self.expected = -1
        bodiless = status == 204 or status == 304
        if bodiless or self.flags & HEAD_REQUEST:
            self.framing = NO_BODY
            if bodiless or not self.coded:
                return
        elif self.expected >= 0:
            self.framing = LENGTH
            return
        else:
            self.framing = CLOSE if self.flags & OLD_VERSION else CHUNKED
        if not self.flags & OLD_VERSION:
            lines.append(b"\r\ntransfer-encoding: chunked")

    def body(self, message: Any) -> bytes:
        """Accept `http.response.body`.

        Returns:
            The bytes to write. The first part begins with the head.

        Raises:
            RuntimeError, TypeError: the message is not valid, or does not fit Content-Length; nothing of it counts as
                sent.
        """
        data = self._take_body(message)
        size = len(data)
        framing = self.framing
        more_body = self.state != COMPLETE
        if self.lines is None:
            self.begun = False
            if framing == CHUNKED:
                if self.trailers is not None and not more_body:
                    return self._last_chunk()
                return _chunk(data, size, more_body)
            return data
        lines = self.lines
        self.lines = None
        self.begun = self.head_sent = True
        if self.keep_alive and self.options is None and framing != CLOSE:
            # This is the common case of _end_head, inlined.
            lines.append(b"\r\n\r\n")
        else:
            lines.append(self._end_head())
        if size or framing == CHUNKED:
            lines.append(_chunk(data, size, more_body) if framing == CHUNKED else data)
        return join(lines)

    def _last_chunk(self) -> bytes:
        """Make the last chunk and the trailers (RFC 9112 section 7.1.2)."""
        lines = [b"0"]
        for name, value in self.trailers or ():
            lines.append(b"\r\n%b: " % name)
            lines.append(value)
        lines.append(b"\r\n\r\n")
        return join(lines)

    def has_trailers(self) -> bool:
        """Whether the message can have trailers: only a chunked body can (RFC 9112 section 7.1)."""
        return self.framing == CHUNKED

    def head(self) -> bytes:
        """Return the head alone. Call it after the start, once, if no part of the body was sent."""
        lines = self.lines or []
        self.lines = None
        self.head_sent = True
        lines.append(self._end_head())
        return join(lines)

    def _end_head(self) -> bytes:
        """Make the end of the head. After it, `keep_alive` must not change."""
        options = self.options
        if not self.keep_alive or self.framing == CLOSE:
            self.keep_alive = False
            if options is None:
                return b"\r\nconnection: close\r\n\r\n"
            options = [option for option in options if option.lower() != b"keep-alive"]
            options.append(b"close")
        if not options:
            return b"\r\n\r\n"
        return b"\r\nconnection: %b\r\n\r\n" % b", ".join(options)

    def send(self, message: Any, default_block: bytes) -> bytes | None:
        """Accept a start or a part of the body. Returns the bytes to write; None for the start."""
        if self.state == EXPECT_BODY:
            return self.body(message)
        if self.state == EXPECT_START:
            self.start(message, default_block)
            return None
        raise UnexpectedMessage(self.state, message["type"])


class Http2Framer(Response):
    """Turns the messages of one response into a field block and data of HTTP/2.

    The block is encoded when the head is returned, because field blocks have to be sent in the order of encoding.

    Args:
        encoder: the HPACK encoder of the connection.
        flags: the flags of the request: KEEP_ALIVE and HEAD_REQUEST.
    """

    __slots__ = ("encoder", "fields")

    def __init__(self, encoder: Any, flags: int) -> None:
        self.observed = False
        self.begin(encoder, flags)

    def begin(self, encoder: Any, flags: int) -> None:
        """Expect the start of a response. It may replace one that was begun for the same request."""
        self.on_stream = True
        self.encoder = encoder
        self.flags = flags
        self.state = EXPECT_START
        self.status = 0
        self.keep_alive = flags & KEEP_ALIVE != 0
        self.head_sent = False
        self.framing = NO_BODY
        self.options = None
        self.fields: Any = None
        self.sent = 0

    def start(self, message: Any, default_headers: list[tuple[bytes, bytes]]) -> None:
        """Accept `http.response.start`.

        Args:
            message: the message.
            default_headers: the default headers; names are in lower case.

        Raises:
            RuntimeError, TypeError: the message is not valid; the response does not count as started.
        """
        fields = message if type(message) is dict else dict(message)
        if fields["type"] != "http.response.start":
            raise UnexpectedMessage(EXPECT_START, fields["type"])
        status = fields["status"]
        if status not in STATUS_LINES or status < 200 or not isinstance(status, int):
            _unusual_status_line(status)
        self.expected = -1
        self.coded = False
        self.persist = True
        encoder = self.encoder
        if encoder.default_headers is not default_headers:
            self._take_defaults(default_headers)
        taken: list[Any] = encoder.default_fields[:]
        last = encoder.last_fields
        place = len(taken)
        headers = fields.get("headers", _NOTHING)
        if self.observed:
            headers = self._keep_headers(headers)
        for name, value in headers:
            field = last[place] if place < len(last) else None
            place += 1
            if (
                field is None
                or type(name) is not bytes
                or type(value) is not bytes
                or name != field.field[0]
                or value != field.field[1]
            ):
                field = self._make_field(name, value)
            kind = field.kind
            if kind and (kind == UPGRADE or self._decide(kind, field.field[1], status) is None):
                place -= 1
            else:
                taken.append(field)
        if self.coded and self.expected >= 0:
            # As in HTTP/1.1, Transfer-Encoding overrides Content-Length.
            taken = [field for field in taken if field.kind != CONTENT_LENGTH]
            self.expected = -1
        if status == 204 or status == 304 or self.flags & HEAD_REQUEST:
            self.framing = NO_BODY
        else:
            self.framing = LENGTH if self.expected >= 0 else STREAM
        if not self.persist:
            self.keep_alive = False
        self.trailers = None
        has_more = len(fields) > 3 or headers is _NOTHING
        self.last = EXPECT_TRAILERS if has_more and fields.get("trailers") else COMPLETE
        self.fields = taken
        self.status = status
        self.state = EXPECT_BODY

    def interim(self, status: int, headers: Any) -> bytes:
        """Make the field block of an informational response (RFC 9110 section 15.2)."""
        fields = [self._make_field(name, value) for name, value in headers]
        return self.encoder.encode(status, fields)  # type: ignore[no-any-return]  # of the encoder

    def _take_defaults(self, headers: list[tuple[bytes, bytes]]) -> None:
        """Make the fields of the default headers. These change only once a second, with the date."""
        taken: list[Any] = []
        for header in headers:
            name, value = header
            field = self._make_field(name, value)
            if field.kind not in (CONNECTION, TRANSFER_ENCODING, UPGRADE):
                taken.append(field)
        self.encoder.default_fields = taken
        self.encoder.default_headers = headers

    def _make_field(self, name: Any, value: Any) -> Any:
        """Make or find the field of a header. Fields that HTTP/2 drops get the kind UPGRADE."""
        known = _good_names.get(name) if type(name) is bytes else None
        if known is None:
            known = _check_name(name)
        value = _check_value(value).strip(b" \t")
        field = self.encoder.find((known[0], value))
        if field is None:
            field = new_field(known[0], value)
            field.kind = UPGRADE if known[0] in _CONNECTION_FIELDS else known[1]
        return field

    def body(self, message: Any) -> bytes:
        """Accept `http.response.body`. Returns its data, without the head.

        Raises:
            RuntimeError, TypeError: the message is not valid, or does not fit Content-Length; nothing of it counts as
                sent.
        """
        if self.state != EXPECT_BODY:
            raise UnexpectedMessage(self.state, message["type"])
        return self._take_body(message)

    def trailer_block(self) -> bytes:
        """Make the field block of the trailers."""
        fields = [self._make_field(name, value) for name, value in self.trailers or ()]
        return self.encoder.encode(0, fields)  # type: ignore[no-any-return]  # of the encoder

    def head(self) -> bytes:
        """Make the field block of the head. Call it once, after the start."""
        fields, self.fields = self.fields, None
        self.head_sent = True
        return self.encoder.encode(self.status, fields)  # type: ignore[no-any-return]  # of the encoder


def _chunk(data: bytes, size: int, more_body: bool) -> bytes:
    """Make a chunk, followed by the last chunk unless more of the body follows (RFC 9112 section 7.1)."""
    if not size:
        return b"" if more_body else b"0\r\n\r\n"
    head = _chunk_heads.get(size)
    if head is None:
        head = b"%x\r\n" % size
        if size < _SMALL:
            _chunk_heads[size] = head
    return join([head, data, b"\r\n" if more_body else b"\r\n0\r\n\r\n"])


def _unusual_status_line(status: object) -> bytes:
    """Make the status line of a status without a known phrase; the phrase is empty (RFC 9112 section 4)."""
    if not isinstance(status, int) or isinstance(status, bool):
        raise TypeError(f"status must be an int, got {type(status).__name__}: {status!r}")
    if not 200 <= status <= 999:
        raise RuntimeError(f"Invalid HTTP status {int(status)}: a final response has a status from 200 to 999.")
    return b"HTTP/1.1 %d \r\n" % status


def _parse_length(value: bytes) -> int:
    """Parse a Content-Length; -1 if it is not valid."""
    length = 0
    # Leading zeros count as digits too, because some clients accept only twenty digits.
    if not 0 < len(value) <= _MAX_DIGITS:
        return -1
    for c in value:
        if not 48 <= c <= 57:
            return -1
        length = length * 10 + c - 48
    return length


def _split_list(value: bytes) -> list[bytes]:
    """Split a comma-separated list (RFC 9110 section 5.6.1)."""
    members = [member.strip(b" \t") for member in value.split(b",")]
    return [member for member in members if member]


def new_http2_framer(encoder: Any, flags: int) -> Http2Framer:
    """Make a framer. Other compiled modules call this function, because they cannot import the class."""
    framer = Http2Framer.__new__(Http2Framer)
    # This costs half as much as a call of the class.
    framer.observed = False
    framer.begin(encoder, flags)
    return framer
