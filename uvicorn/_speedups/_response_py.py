"""Frames responses: one source, run as it is or compiled as `_response_c`.

No message of an application makes a wrong byte (RFC 9112 sections 4, 6 and 7, RFC 9113 section 8), but an error for the
developer. `Response` knows what every version of HTTP checks.
"""

from typing import Any

from uvicorn._speedups._hpack_py import new_field
from uvicorn._speedups._scan_py import join
from uvicorn._speedups.buffers import as_bytes
from uvicorn._speedups.errors import UnexpectedMessage
from uvicorn._speedups.flags import (
    CHUNKED,
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

# Digits of a content-length that a signed 64-bit number has room for.
_MAX_DIGITS = 18

COMPILED = not __name__.endswith("_py")

# Names that are known to be tokens: the common ones, and others until the dict is full.
_good_names = KNOWN_FIELDS.copy()
_GOOD_NAMES_MAX = 1024


# (status line, default headers, both without the end of the last line) of the last head: the next one begins alike.
# It is one object, so that another thread never sees a part of a change.
_memo: tuple[bytes, bytes, bytes] = (b"", b"", b"")

# The size lines of small chunks: formatting such a line would take longer than the rest of the work.
_chunk_heads: dict[int, bytes] = {}
_SMALL = 1024

# Fields that HTTP/2 drops, like Upgrade (RFC 9113 section 8.2.2).
_CONNECTION_FIELDS = frozenset((b"keep-alive", b"proxy-connection"))

# Fields that say how the body is to be read, so they cannot be trailers (RFC 9110 section 6.5.1).
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
    """Whether a field value has no control character but HTAB (RFC 9110 section 5.5)."""
    if COMPILED:  # pragma: no cover - never true where coverage can see it
        for c in value:  # noqa: SIM110  # a generator would not become a loop in C
            if (c < 32 and c != 9) or c == 127:
                return False
        return True
    return FORBIDDEN_IN_VALUE.search(value) is None


def _check_value(value: Any) -> bytes:
    if type(value) is not bytes:
        value = as_bytes(value, "header value")
    if not _is_clean(value):
        raise RuntimeError("Invalid HTTP header value.")
    return value  # type: ignore[no-any-return]  # of which it was made sure


class Response:
    """The messages of one response, checked.

    Attributes:
        state: EXPECT_START, EXPECT_BODY, SENDING_FILE, EXPECT_TRAILERS or COMPLETE.
        status: once the start was accepted.
        keep_alive: may be set to False until the head is given out.
        head_sent: whether the head was given out.
        sent: bytes of the body that were accepted, and belong on the wire.
        framing: what ends the body, once the start was accepted: NO_BODY and so on, of `flags`.
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
        "sent",
        "state",
        "status",
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
    sent: int
    state: int
    status: int
    # (name, value) of those that go out with the end of the body.
    trailers: list[tuple[bytes, bytes]] | None

    def _decide(self, kind: int, value: bytes, status: int) -> bytes | None:
        """The value as it is to be written, or None."""
        if kind == CONTENT_LENGTH:
            # A 204 has none (RFC 9110 section 8.6).
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
        """Note a content-length; its digits, or None if they were noted before."""
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
        """Note whether the body is to be chunked."""
        for coding in _split_list(value):
            name = coding.lower()
            if name == b"chunked":
                self.coded = True
            elif name != b"identity":
                raise RuntimeError("Unsupported transfer-encoding: only 'chunked' can be sent.")

    def _take_options(self, value: bytes) -> None:
        """Note connection options: they are written in one line, with `close` where it applies."""
        options = self.options
        if options is None:
            options = self.options = []
        for option in _split_list(value):
            if option.lower() == b"close":
                self.persist = False
            else:
                options.append(option)

    def _take_body(self, message: Any) -> bytes:
        """Accept `http.response.body`; what of it belongs on the wire."""
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
        return data

    def check_size(self, size: int, more_body: bool) -> None:
        """Check a part of the body against the content-length. Raises RuntimeError."""
        if self.framing == LENGTH:
            if size > self.expected:
                raise RuntimeError("Response content longer than Content-Length")
            if not more_body and self.expected != size:
                raise RuntimeError("Response content shorter than Content-Length")

    def skip(self, size: int) -> None:
        """Count bytes of a body with a content-length that were sent without this framer, as a file."""
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
        """Accept fields of `http.response.trailers`; they are dropped unless they are wanted and have a place.

        Raises:
            RuntimeError, TypeError: they would make no valid trailer section; none of them counts as accepted.
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
        """Whether the message has a place for trailers."""
        return self.framing != NO_BODY

    def end_trailers(self) -> None:
        """The trailers are complete. They go out with an empty last part of the body, which has to follow."""
        self.state = EXPECT_BODY
        self.last = COMPLETE

    def end(self) -> int:
        if self.state != COMPLETE:
            return OPEN
        return PERSISTS if self.keep_alive else CLOSES


class ResponseFramer(Response):
    """Turns the messages of one response into the bytes of HTTP/1.1.

    Args:
        flags: of the request: KEEP_ALIVE, OLD_VERSION and HEAD_REQUEST.

    Attributes:
        begun: whether the last call of `body` gave out the head.
    """

    __slots__ = ("begun", "lines")

    def __init__(self, flags: int) -> None:
        self.begin(flags)

    def begin(self, flags: int) -> None:
        """Expect the response to another request."""
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
        """An informational response (RFC 9110 section 15.2); nothing for HTTP/1.0, which has none."""
        lines = [STATUS_LINES[status][:-2]]
        for name, value in headers:
            lines.append(_check_name(name)[2])
            lines.append(_check_value(value))
        lines.append(b"\r\n\r\n")
        return b"" if self.flags & OLD_VERSION else join(lines)

    def start(self, message: Any, default_block: bytes) -> None:
        """Accept `http.response.start`.

        Args:
            default_block: the default headers in their wire form.

        Raises:
            RuntimeError, TypeError: it would make no valid head; nothing counts as started.
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
        # Nearly all messages have three items; to look for another costs more than to count.
        has_more = len(fields) > 3 or headers is _NOTHING
        self.last = EXPECT_TRAILERS if has_more and fields.get("trailers") else COMPLETE
        self.lines = lines
        self.status = status
        self.state = EXPECT_BODY

    def _frame(self, lines: list[bytes], status: int) -> None:
        """Decide what ends the body (RFC 9112 section 6.3)."""
        if self.coded and self.expected >= 0:
            # The coding overrides the length, and must stand alone.
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
            The bytes for the wire: the head too, if this is the first part.

        Raises:
            RuntimeError, TypeError: it does not go with what was announced; nothing of it counts as sent.
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
            # The usual case of _end_head, inlined.
            lines.append(b"\r\n\r\n")
        else:
            lines.append(self._end_head())
        if size or framing == CHUNKED:
            lines.append(_chunk(data, size, more_body) if framing == CHUNKED else data)
        return join(lines)

    def _last_chunk(self) -> bytes:
        """The last chunk and the trailers (RFC 9112 section 7.1.2)."""
        lines = [b"0"]
        for name, value in self.trailers or ():
            lines.append(b"\r\n%b: " % name)
            lines.append(value)
        lines.append(b"\r\n\r\n")
        return join(lines)

    def has_trailers(self) -> bool:
        """Whether the message has a place for trailers: only chunks have one (RFC 9112 section 7.1)."""
        return self.framing == CHUNKED

    def head(self) -> bytes:
        """The head alone, once, after the start and before any part of the body."""
        lines = self.lines or []
        self.lines = None
        self.head_sent = True
        lines.append(self._end_head())
        return join(lines)

    def _end_head(self) -> bytes:
        """The end of the head, from which on `keep_alive` stays as it is."""
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
        """The bytes for the wire, None for the start."""
        if self.state == EXPECT_BODY:
            return self.body(message)
        if self.state == EXPECT_START:
            self.start(message, default_block)
            return None
        raise UnexpectedMessage(self.state, message["type"])


class Http2Framer(Response):
    """Turns the messages of one response into a field block and data of HTTP/2.

    The block is made when the head is given out: blocks must leave in the order in which they were made.

    Args:
        encoder: of the connection.
        flags: of the request: KEEP_ALIVE and HEAD_REQUEST.
    """

    __slots__ = ("encoder", "fields")

    def __init__(self, encoder: Any, flags: int) -> None:
        self.begin(encoder, flags)

    def begin(self, encoder: Any, flags: int) -> None:
        """Expect the response to a request."""
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
            default_headers: names lower-cased.

        Raises:
            RuntimeError, TypeError: it would make no valid head; nothing counts as started.
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
            # As HTTP/1.1 does.
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
        """The field block of an informational response (RFC 9110 section 15.2)."""
        fields = [self._make_field(name, value) for name, value in headers]
        return self.encoder.encode(status, fields)  # type: ignore[no-any-return]  # of the encoder

    def _take_defaults(self, headers: list[tuple[bytes, bytes]]) -> None:
        """Make fields of the default headers, which stay the same for a second."""
        taken: list[Any] = []
        for header in headers:
            name, value = header
            field = self._make_field(name, value)
            if field.kind not in (CONNECTION, TRANSFER_ENCODING, UPGRADE):
                taken.append(field)
        self.encoder.default_fields = taken
        self.encoder.default_headers = headers

    def _make_field(self, name: Any, value: Any) -> Any:
        """The field of a header; UPGRADE is the kind of those that HTTP/2 drops."""
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
        """Accept `http.response.body`; its data. The head comes before it.

        Raises:
            RuntimeError, TypeError: it does not go with what was announced; nothing of it counts as sent.
        """
        if self.state != EXPECT_BODY:
            raise UnexpectedMessage(self.state, message["type"])
        return self._take_body(message)

    def trailer_block(self) -> bytes:
        """The field block of the trailers."""
        fields = [self._make_field(name, value) for name, value in self.trailers or ()]
        return self.encoder.encode(0, fields)  # type: ignore[no-any-return]  # of the encoder

    def head(self) -> bytes:
        """The field block, once, after the start."""
        fields, self.fields = self.fields, None
        self.head_sent = True
        return self.encoder.encode(self.status, fields)  # type: ignore[no-any-return]  # of the encoder


def _chunk(data: bytes, size: int, more_body: bool) -> bytes:
    """One chunk, and the last one behind it (RFC 9112 section 7.1)."""
    if not size:
        return b"" if more_body else b"0\r\n\r\n"
    head = _chunk_heads.get(size)
    if head is None:
        head = b"%x\r\n" % size
        if size < _SMALL:
            _chunk_heads[size] = head
    return join([head, data, b"\r\n" if more_body else b"\r\n0\r\n\r\n"])


def _unusual_status_line(status: object) -> bytes:
    """The phrase may be empty (RFC 9112 section 4)."""
    if not isinstance(status, int) or isinstance(status, bool):
        raise TypeError(f"status must be an int, got {type(status).__name__}: {status!r}")
    if not 200 <= status <= 999:
        raise RuntimeError(f"Invalid HTTP status {int(status)}: a final response has a status from 200 to 999.")
    return b"HTTP/1.1 %d \r\n" % status


def _parse_length(value: bytes) -> int:
    """The number of a content-length, -1 if it is none."""
    length = 0
    # Zeros in front count: some clients take twenty digits only.
    if not 0 < len(value) <= _MAX_DIGITS:
        return -1
    for c in value:
        if not 48 <= c <= 57:
            return -1
        length = length * 10 + c - 48
    return length


def _split_list(value: bytes) -> list[bytes]:
    """The members of a list (RFC 9110 section 5.6.1)."""
    members = [member.strip(b" \t") for member in value.split(b",")]
    return [member for member in members if member]


def new_http2_framer(encoder: Any, flags: int) -> Http2Framer:
    """A framer that expects a response. Compiled modules cannot import a class from each other, only functions."""
    framer = Http2Framer.__new__(Http2Framer)
    # Half the cost of a call of the class.
    framer.begin(encoder, flags)
    return framer
