"""Reads HTTP/1.1 requests. This source runs as it is, and compiled as `_request_c`.

`RequestReader` alone decides where a message begins and ends, and what its head means (RFC 9112 sections 2.2, 3, 6, 7
and 9). Each connection (`uvicorn.protocols.http.http1.Http1`) has a reader: it feeds the bytes of the client, and asks
for the next event when it can handle one. Handshakes for an HTTP class of another package are read with it too
(`uvicorn.protocols.websockets.handshake.HeadReader`).

    state     what the next byte belongs to                 next state
    LINE      the request line, or empty lines before it    FIELDS
    FIELDS    the field section                             LINE, LENGTH, CHUNKS, CLOSED
    LENGTH    a body with Content-Length                    LINE, CLOSED
    CHUNKS    a chunked body                                TRAILERS
    TRAILERS  the trailer section                           LINE, CLOSED
    CLOSED    nothing: the last request asked for the end of the connection, or a message was refused

Clients send the same lines again and again. If a request line or field line equals the line at the same place in the
last head of the connection, byte for byte, it is neither parsed nor judged again.

Rule of the compiled modules: every pass of a loop over input consumes bytes, changes the state or raises.
"""

from collections.abc import Callable
from typing import Any

from uvicorn._speedups._chunked_py import LAST, new_chunks
from uvicorn._speedups._scan_py import cut, find_byte, find_colon, find_path_end, is_field_value
from uvicorn._speedups.errors import SPEAKS_TLS, TLS_HANDSHAKE, RequestRejected
from uvicorn._speedups.flags import (
    BODY_FOLLOWS,
    EXPECTS_CONTINUE,
    HAS_FORWARDED,
    HEAD_REQUEST,
    KEEP_ALIVE,
    OLD_VERSION,
    UNREAD,
    WANTS_UPGRADE,
)
from uvicorn._speedups.request_line import (
    is_authority,
    other_method,
    other_version,
    replace_host,
    split_absolute_form,
)
from uvicorn._speedups.tables import (
    CONNECTION,
    CONTENT_LENGTH,
    EXPECT,
    FORWARDED,
    HOST,
    KNOWN_FIELDS,
    MAX_CONTENT_LENGTH,
    METHODS,
    PLAIN,
    TRANSFER_ENCODING,
    UPGRADE,
)

LINE, FIELDS, LENGTH, CHUNKS, TRAILERS, CLOSED = range(6)

# The longest line, in bytes, that is kept and compared with the next head.
_REUSED_MAX = 1024

_HTTP_1_1 = b"HTTP/1.1\r\n"

# What the scopes of a connection have in common: the scope of a GET without a query, its "asgi", the root path as text
# and as bytes, and its "extensions".
ScopeTemplate = tuple[dict[str, Any], dict[str, str], str, bytes, dict[str, Any]]

# Gets lines of a field section, each with its CRLF. Raises RequestRejected if they do not follow the grammar.
Judge = Callable[[bytes], None]


def _split_list(value: bytes) -> list[bytes]:
    """Split a comma-separated list, in lower case (RFC 9110 section 5.6.1)."""
    return [element.strip(b" \t") for element in value.lower().split(b",")]


class RequestLine:
    """The contents of the first line of a request, or of the pseudo-header fields of HTTP/2.

    Attributes:
        flags: KEEP_ALIVE and other flags of `uvicorn._speedups.flags`.
        method: the method as sent.
        target: the request target as sent.
        path: the path, percent-decoded.
        raw_path: the path as sent, without the query.
        query_string: the query as sent, without the question mark.
        http_version: "1.0", "1.1" or "2"; a higher minor version counts as 1.1 (RFC 9110 section 2.5).
    """

    __slots__ = ("flags", "http_version", "method", "path", "query_string", "raw_path", "target")

    flags: int
    method: str
    target: bytes
    path: str
    raw_path: bytes
    query_string: bytes
    http_version: str

    def describe(self, template: ScopeTemplate) -> dict[str, Any]:
        """The part of the HTTP scope that does not depend on header fields. The caller has to copy the dicts in it."""
        common, _, root_path, raw_root_path, _ = template
        scope = common.copy()
        if self.method != "GET":
            scope["method"] = self.method
        if self.query_string:
            scope["query_string"] = self.query_string
        if root_path:
            scope["path"] = root_path + self.path
            scope["raw_path"] = raw_root_path + self.raw_path
        else:
            scope["path"] = self.path
            scope["raw_path"] = self.raw_path
        return scope


class RequestHead(RequestLine):
    """The head of a request.

    Attributes:
        headers: pairs of name and value in the order of the request; names are in lower case.
        upgrade: the value of Upgrade in lower case, if Connection has the option `upgrade`. In HTTP/2 the value of
            `:protocol`. Otherwise b"".
    """

    __slots__ = ("headers", "upgrade")

    headers: list[tuple[bytes, bytes]]
    upgrade: bytes

    def build_scope(self, template: ScopeTemplate, state: dict[str, Any]) -> dict[str, Any]:
        """Make the HTTP scope of the request (ASGI specification, HTTP).

        Args:
            template: the template of the connection, with its client and version.
            state: the state of the lifespan; the scope gets a copy.
        """
        scope = self.describe(template)
        asgi = template[1]
        extensions = template[4]
        scope["asgi"] = asgi.copy()
        scope["headers"] = self.headers
        scope["state"] = state.copy()
        # A copy, because middleware adds to it.
        scope["extensions"] = extensions.copy()
        return scope


class KeptLine(RequestLine):
    """The request line of the last head.

    Attributes:
        raw: the line with its CRLF; b"" if it is too long to be kept.
        authority: the authority of a target in absolute-form; None for other targets.
        scope: the result of `describe`; None until the line was sent twice.
        is_reused: whether the line was sent twice.
    """

    __slots__ = ("authority", "is_reused", "raw", "scope")

    raw: bytes
    authority: bytes | None
    scope: dict[str, Any] | None
    is_reused: bool


def new_head() -> RequestHead:
    """Make an empty head. Other compiled modules call this function, because they cannot import the class."""
    return RequestHead.__new__(RequestHead)


def split_target(line: RequestLine, target: bytes, path: int) -> None:
    """Set path and query of a line. `path` is the length of the path in the target."""
    if path == len(target):
        line.raw_path = target
        line.query_string = b""
    else:
        line.raw_path = cut(target, 0, path)
        line.query_string = cut(target, path + 1, len(target))
    text = line.raw_path.decode("ascii")
    if "%" in text:
        # Imported here, because the import takes long and few paths are percent-encoded.
        from urllib.parse import unquote

        text = unquote(text)
    line.path = text


def parse_content_length(value: bytes) -> int:
    """Parse Content-Length = 1*DIGIT (RFC 9110 section 8.6). Raises RequestRejected."""
    if not value.isdigit():
        raise RequestRejected(400, "malformed Content-Length")
    # Leading zeros are allowed, but more than 20 digits are not converted.
    length = int(value) if len(value) <= 20 else MAX_CONTENT_LENGTH + 1
    if length > MAX_CONTENT_LENGTH:
        raise RequestRejected(400, "Content-Length too large")
    return length


class FieldLine:
    """A line of the last field section.

    Attributes:
        raw: the line with its CRLF; b"" if it is too long to be kept.
        name: the field name as it was sent.
        kind: the kind of the field: PLAIN, HOST and others of `uvicorn._speedups.tables`.
    """

    __slots__ = ("kind", "name", "raw")

    raw: bytes
    name: bytes
    kind: int


def _take_method(line: KeptLine, name: bytes) -> None:
    method = METHODS.get(name)
    if method is None:
        method = other_method(name)
        if method == "CONNECT":
            # After the head, the client expects to speak another protocol. No other request can follow.
            line.flags &= ~KEEP_ALIVE
    elif name == b"HEAD":
        line.flags |= HEAD_REQUEST
    line.method = method


def _parse_target(line: KeptLine, target: bytes) -> None:
    """Parse a request target in any of its four forms (RFC 9112 section 3.2)."""
    line.target = target
    line.authority = None
    path = -1 if line.method == "CONNECT" else find_path_end(target)
    if path < 0:
        target = _take_other_target(line, target)
        path = target.find(b"?")
        if path < 0:
            path = len(target)
    split_target(line, target, path)


def _take_other_target(line: KeptLine, target: bytes) -> bytes:
    """Parse a target that is not in origin-form. Returns its path and query."""
    try:
        text = target.decode("ascii")
    except UnicodeDecodeError:
        raise RequestRejected(400, "the request target is not ASCII") from None
    if not text.isprintable() or "#" in text:
        raise RequestRejected(400, "the request target has a control character or a fragment")
    if line.method == "CONNECT":
        if not is_authority(target) or b":" not in target or target[-1:] == b":":
            raise RequestRejected(400, "the target of CONNECT is not host:port")
    elif target == b"*":
        if line.method != "OPTIONS":
            raise RequestRejected(400, "the target * is only for OPTIONS")
    else:
        line.authority, text = split_absolute_form(text, line.method)
        return text.encode()
    return target


class RequestReader:
    """Reads the requests of one connection, one after the other.

    Args:
        judge: called once for each head, with the field lines that were not in the last head. The fields that frame or
            route the message are left out: the reader itself checks them.
        limits: the bytes of a request line, the number of fields, the bytes of a head, and the bytes of a body (-1: no
            limit).

    Attributes:
        state: LINE, FIELDS, LENGTH, CHUNKS, TRAILERS or CLOSED.
        more_body: whether more of the body of the current message follows.
        remaining: the number of bytes of the body that were not read; -1 for a chunked body.
    """

    __slots__ = (
        "body_size",
        "chunks",
        "client",
        "coding",
        "content_length",
        "data",
        "field_count",
        "flags",
        "head_size",
        "headers",
        "host",
        "judge",
        "kept_fields",
        "known_host",
        "later",
        "lifespan_state",
        "limit_body",
        "limit_fields",
        "limit_head",
        "limit_line",
        "line",
        "lines",
        "more_body",
        "partial",
        "pos",
        "remaining",
        "state",
        "template",
        "to_judge",
        "unread",
        "upgrade",
    )

    def __init__(self, judge: Judge, limits: tuple[int, int, int, int]) -> None:
        self.judge = judge
        self.limit_line, self.limit_fields, self.limit_head, self.limit_body = limits
        self.data = b""
        self.pos = 0
        self.unread = 0
        self.later: list[bytes] | None = None
        self.partial: bytearray | None = None
        self.line: KeptLine | None = None
        # The lines of the last head, and the field of each line. A line that is too long to be kept has no field.
        self.lines: list[FieldLine] = []
        self.kept_fields: list[tuple[bytes, bytes] | None] = []
        self.headers: list[tuple[bytes, bytes]] = []
        self.known_host: bytes | None = None
        self.remaining = 0
        self._begin()

    def _begin(self) -> None:
        """Expect a request."""
        self.state = LINE
        self.more_body = False
        self.head_size = 0

    def set_template(self, template: ScopeTemplate, client: tuple[str, int] | None, state: dict[str, Any]) -> None:
        """Set what the scopes of the connection have in common.

        Args:
            template: see `uvicorn.protocols.scope.get_http_template`.
            client: the peer's (host, port), or None.
            state: the state of the lifespan; each scope gets a copy.
        """
        self.template = template
        self.client = client
        self.lifespan_state = state

    def in_head(self) -> bool:
        """Whether a part of a head was read."""
        return self.state == FIELDS or self.partial is not None

    def in_message(self) -> bool:
        """Whether a part of a message was read, but not its end."""
        return self.state == LENGTH or self.state == CHUNKS or self.state == TRAILERS or self.in_head()

    def has_unread(self) -> bool:
        """Whether there are bytes that were fed, but not read."""
        return self.unread > 0

    def feed(self, data: bytes) -> None:
        """Take bytes. They are read when `next` or `read_head` is called."""
        if self.unread:
            if self.later is None:
                self.later = []
            self.later.append(data)
        else:
            self.data = data
            self.pos = 0
        self.unread += len(data)

    def read(self, data: bytes) -> int:
        """Take bytes, and read a head: `feed` and `read_head` in one call."""
        self.feed(data)
        return self.read_head()

    def take_rest(self) -> bytes:
        """Return the unread bytes, and read nothing more."""
        rest = self._take_unread()
        self.data = b""
        self.pos = 0
        self.unread = 0
        self.state = CLOSED
        return rest

    def next(self) -> "RequestHead | bytes | None":
        """Read the next event.

        Returns:
            A head, or a part of the body, or None if more bytes are needed. A body follows a head only if its flags
            have BODY_FOLLOWS. `more_body` says whether a part is the last one; the last part may be empty.

        Raises:
            RequestRejected: the message is not valid. Nothing more is read.
        """
        if self.state == LINE or self.state == FIELDS:
            return self.get_head() if self.read_head() >= 0 else None
        if self.later is not None:
            self._join_unread()
        try:
            if self.state == LENGTH:
                return self._read_length()
            if self.state != CLOSED:
                return self._read_chunks()
        except BaseException:
            self.state = CLOSED
            raise
        self._consume(len(self.data))
        return None

    def read_head(self) -> int:
        """Read a head. Unlike `next`, this does not make a `RequestHead`; `get_head` and `build_scope` use the result.

        Returns:
            The flags of the head, with UNREAD if bytes follow it; -1 if more bytes are needed.

        Raises:
            RequestRejected: the message is not valid. Nothing more is read.
        """
        if self.later is not None:
            self._join_unread()
        try:
            if self.state == LINE:
                self._read_line()
            if self.state == FIELDS and self._read_section():
                self._end_head()
                return self.flags | UNREAD if self.unread else self.flags
        except BaseException:
            self.state = CLOSED
            raise
        if self.state == CLOSED:
            self._consume(len(self.data))
        return -1

    # The head that was read last

    def get_head(self) -> RequestHead:
        """Make a `RequestHead` of the head that was read last."""
        head = RequestHead()
        line: Any = self.line
        head.flags = self.flags
        head.method = line.method
        head.target = line.target
        head.path = line.path
        head.raw_path = line.raw_path
        head.query_string = line.query_string
        head.http_version = line.http_version
        head.headers = self.headers
        head.upgrade = self.upgrade if self.flags & WANTS_UPGRADE else b""
        return head

    def build_scope(self) -> dict[str, Any]:
        """Make the HTTP scope of the head that was read last (ASGI specification, HTTP). Call it once for each head."""
        line: Any = self.line
        scope: dict[str, Any] = line.scope
        if scope is None:
            scope = line.describe(self.template)
            scope["client"] = self.client
            if line.http_version != "1.1":
                scope["http_version"] = line.http_version
            if line.is_reused:
                # The next scope of this line is a copy, in which only the differing keys are set.
                line.scope = scope.copy()
        else:
            scope = scope.copy()
        asgi = self.template[1]
        extensions = self.template[4]
        scope["asgi"] = asgi.copy()
        scope["headers"] = self.headers
        scope["state"] = self.lifespan_state.copy()
        # A copy, because middleware adds to it.
        scope["extensions"] = extensions.copy()
        return scope

    def sent_names(self) -> list[bytes]:
        """The field names of the last head, as they were sent."""
        return [line.name for line in self.lines]

    def _take_unread(self) -> bytes:
        later, self.later = self.later, None
        rest = cut(self.data, self.pos, len(self.data))
        return rest if later is None else b"".join([rest, *later])

    def _join_unread(self) -> None:
        self.data = self._take_unread()
        self.pos = 0

    def _consume(self, pos: int) -> None:
        """Drop the bytes before `pos`: they were read."""
        self.unread = len(self.data) - pos
        if self.unread:
            self.pos = pos
        else:
            # An idle connection should use no memory for bytes.
            self.data = b""
            self.pos = 0

    # The request line (RFC 9112 section 3)

    def _read_line(self) -> None:
        """Read the request line, and the empty lines before it (section 2.2)."""
        data = self.data
        pos = self.pos
        size = len(data)
        line = self.line
        if line is not None and line.raw and self.partial is None and data.startswith(line.raw, pos):
            line.is_reused = True
            pos += len(line.raw)
            self.head_size += len(line.raw)
            self._begin_head(line)
        while pos < size and self.state == LINE:
            end = find_byte(data, 10, pos, size) + 1
            if end and self.partial is None and data[pos] > 32:
                self._parse_line(data, pos, end)
            else:
                if not end:
                    end = size
                self._take_line_part(cut(data, pos, end))
            pos = end
        self._consume(pos)

    def _take_line_part(self, data: bytes) -> None:
        """Take an empty line, or a line that arrives in parts."""
        if self.partial is None:
            self.partial = bytearray()
        part = self.partial
        part += data
        if part[0] <= 32 and part != b"\r" and part != b"\r\n":
            reason = SPEAKS_TLS if part[0] == TLS_HANDSHAKE else "the request line does not begin with a method"
            raise RequestRejected(400, reason)
        if part[-1] != 10:
            # A CR at the end may belong to the CRLF, so it is not counted.
            if len(part) - (part[-1] == 13) > self.limit_line:
                raise RequestRejected(414, "request line too long")
            return
        line = bytes(part)
        self.partial = None
        if line == b"\r\n":
            # This ends a connection on which a client sends only empty lines.
            self.head_size += 2
            if self.head_size > self.limit_line:
                raise RequestRejected(400, "too many empty lines")
        else:
            self._parse_line(line, 0, len(line))

    def _parse_line(self, data: bytes, pos: int, end: int) -> None:
        """Parse request-line = method SP request-target SP HTTP-version CRLF."""
        self.head_size += end - pos
        if end - pos - 2 > self.limit_line:
            raise RequestRejected(414, "request line too long")
        first = find_byte(data, 32, pos, end)
        second = find_byte(data, 32, first + 1, end)
        if first < 0 or second < 0 or find_byte(data, 32, second + 1, end) >= 0:
            raise RequestRejected(400, "malformed request line")
        line = KeptLine.__new__(KeptLine)
        line.raw = cut(data, pos, end) if end - pos <= _REUSED_MAX else b""
        line.flags = KEEP_ALIVE
        line.scope = None
        line.is_reused = False
        if data.startswith(_HTTP_1_1, second + 1):
            line.http_version = "1.1"
        else:
            word = cut(data, second + 1, end)
            if word == b"HTTP/1.0\r\n":
                line.http_version = "1.0"
                line.flags = OLD_VERSION
            else:
                line.http_version = other_version(word)
        if first - pos == 3 and data.startswith(b"GET", pos):
            line.method = "GET"
        else:
            _take_method(line, cut(data, pos, first))
        _parse_target(line, cut(data, first + 1, second))
        self.line = line
        self._begin_head(line)

    def _begin_head(self, line: KeptLine) -> None:
        """Expect the fields after a request line."""
        self.flags = line.flags
        self.host: bytes | None = None
        self.coding: bytes | None = None
        self.content_length = -1
        self.upgrade = b""
        self._begin_fields(FIELDS)

    # The field section and the trailer section, which have the same grammar (RFC 9112 sections 5 and 7.1.2)

    def _begin_fields(self, state: int) -> None:
        self.state = state
        self.to_judge: list[bytes] | None = None
        self.field_count = 0

    def _read_section(self) -> bool:
        """Read the lines of a field section. Returns whether its end was reached."""
        data = self.data
        pos = self.pos
        size = len(data)
        while pos < size:
            if self.state == FIELDS and self.partial is None:
                pos = self._reuse_lines(data, pos)
                if pos == size:
                    break
            end = find_byte(data, 10, pos, size) + 1
            if not end or self.partial is not None:
                complete = self._take_field_part(cut(data, pos, end if end else size))
                pos = end if end else size
                if complete:
                    self._consume(pos)
                    return True
                continue
            self.head_size += end - pos
            if self.head_size > self.limit_head:
                raise RequestRejected(431, "request head too large")
            if end - pos == 2 and data[pos] == 13:
                self._consume(end)
                return True
            self._parse_field(data, pos, end)
            pos = end
        self._consume(pos)
        return False

    def _reuse_lines(self, data: bytes, pos: int) -> int:
        """Read the lines that equal those of the last head. Returns the position of the first line that differs."""
        lines = self.lines
        start = count = self.field_count
        begin = pos
        while count < len(lines):
            line = lines[count]
            if not line.raw or not data.startswith(line.raw, pos):
                break
            if line.kind != PLAIN:
                field: Any = self.kept_fields[count]
                self._decide(line.kind, field[1])
            pos += len(line.raw)
            count += 1
        if not start:
            self.headers = self.kept_fields[:count]  # type: ignore[assignment]  # the field of a kept line is kept
        elif count > start:
            self.headers += self.kept_fields[start:count]  # type: ignore[arg-type]  # as above
        self.field_count = count
        self.head_size += pos - begin
        return pos

    def _take_field_part(self, data: bytes) -> bool:
        """Take a part of a line. Returns whether it completes the empty line at the end of the section."""
        if self.partial is None:
            self.partial = bytearray()
        self.partial += data
        self.head_size += len(data)
        if self.head_size > self.limit_head:
            raise RequestRejected(431, "request head too large")
        if data[-1] != 10:
            return False
        line = bytes(self.partial)
        self.partial = None
        if line == b"\r\n":
            return True
        self._parse_field(line, 0, len(line))
        return False

    def _parse_field(self, data: bytes, start: int, end: int) -> None:
        """Parse field-line = field-name ":" OWS field-value OWS CRLF (RFC 9112 section 5)."""
        stop = end - 2
        colon = find_colon(data, start, stop) if stop > start and data[stop] == 13 else -1
        if colon < 0:
            raise RequestRejected(
                400, "malformed field line: it needs a name, a colon and a value, and CRLF at its end"
            )
        first = colon + 1
        while first < stop and (data[first] == 32 or data[first] == 9):
            first += 1
        while stop > first and (data[stop - 1] == 32 or data[stop - 1] == 9):
            stop -= 1
        if not is_field_value(data, first, stop):
            raise RequestRejected(400, "control character in a field value")
        name = sent = cut(data, start, colon)
        known = KNOWN_FIELDS.get(name)
        if known is None:
            name = name.lower()
            known = KNOWN_FIELDS.get(name)
        kind = PLAIN
        if known is not None:
            name, kind, _ = known
        raw = cut(data, start, end)
        if kind <= FORWARDED:
            if self.to_judge is None:
                self.to_judge = []
            self.to_judge.append(raw)
        count = self.field_count
        if count == self.limit_fields:
            raise RequestRejected(431, "too many header fields")
        self.field_count = count + 1
        if self.state == TRAILERS:
            if kind > FORWARDED:
                # Such a field must not be a trailer (RFC 9110 section 6.5.1).
                raise RequestRejected(400, "a field that is not allowed in trailers")
            return
        field = (name, cut(data, first, stop))
        line = FieldLine.__new__(FieldLine)
        line.name = sent
        line.kind = kind
        is_kept = end - start <= _REUSED_MAX
        line.raw = raw if is_kept else b""
        if count < len(self.lines):
            self.lines[count] = line
            self.kept_fields[count] = field if is_kept else None
        else:
            self.lines.append(line)
            self.kept_fields.append(field if is_kept else None)
        self.headers.append(field)
        if kind != PLAIN:
            self._decide(kind, field[1])

    def _decide(self, kind: int, value: bytes) -> None:
        """Apply a field that frames or routes the message."""
        if kind == FORWARDED:
            self.flags |= HAS_FORWARDED
        elif kind == HOST:
            if self.host is not None:
                raise RequestRejected(400, "more than one Host field")
            self.host = value
        elif kind == CONNECTION:
            if value == b"close":
                self.flags &= ~KEEP_ALIVE
            elif value != b"keep-alive":
                options = _split_list(value)
                if b"close" in options:
                    self.flags &= ~KEEP_ALIVE
                if b"upgrade" in options:
                    self.flags |= WANTS_UPGRADE
        elif kind == CONTENT_LENGTH:
            self._take_content_length(value)
        elif kind == TRANSFER_ENCODING:
            if self.coding is not None:
                raise RequestRejected(400, "more than one Transfer-Encoding field")
            self.coding = value.lower()
        elif kind == UPGRADE:
            self.upgrade = self.upgrade + b"," + value.lower() if self.upgrade else value.lower()
        elif kind == EXPECT and b"100-continue" in _split_list(value):
            self.flags |= EXPECTS_CONTINUE

    def _take_content_length(self, value: bytes) -> None:
        """Content-Length may be given only once (RFC 9112 section 6.3)."""
        if self.content_length >= 0:
            raise RequestRejected(400, "more than one Content-Length field")
        self.content_length = parse_content_length(value)

    # The head

    def _end_head(self) -> None:
        """Called at the end of a head: check it, and decide what it means."""
        if len(self.lines) > self.field_count:
            del self.lines[self.field_count :]
            del self.kept_fields[self.field_count :]
        if self.to_judge is not None:
            self.judge(b"".join(self.to_judge))
            self.to_judge = None
        flags = self.flags
        old = flags & OLD_VERSION != 0
        self._check_host(old)
        self._frame(old)
        if self.coding is not None or self.content_length > 0:
            flags |= BODY_FOLLOWS
        if old or not flags & BODY_FOLLOWS:
            flags &= ~EXPECTS_CONTINUE
        if old or not self.upgrade:
            flags &= ~WANTS_UPGRADE
        line: Any = self.line
        if line.authority is not None:
            self.headers = replace_host(self.headers, line.authority)
        self.flags = flags
        if not flags & BODY_FOLLOWS:
            self._end()

    def _check_host(self, old: bool) -> None:
        """Check the Host field (RFC 9112 sections 3.2 and 3.2.2)."""
        host = self.host
        if host is None:
            if not old:
                raise RequestRejected(400, "Host field missing")
            return
        if host is not self.known_host:
            if not is_authority(host):
                raise RequestRejected(400, "malformed Host field")
            self.known_host = host

    def _frame(self, old: bool) -> None:
        """Decide where the message ends (RFC 9112 section 6.3)."""
        if self.coding is not None:
            if old or self.content_length >= 0:
                raise RequestRejected(400, "Transfer-Encoding with HTTP/1.0, or together with Content-Length")
            if self.coding != b"chunked":
                # 501 is for a transfer coding that the server does not know (RFC 9112 section 6.1).
                malformed = not self.coding or b"chunked" in self.coding
                raise RequestRejected(400 if malformed else 501, "unsupported Transfer-Encoding")
            self.chunks: Any = new_chunks()
            self.remaining = -1
            self.state = CHUNKS
        elif self.content_length > 0:
            if 0 <= self.limit_body < self.content_length:
                raise RequestRejected(413, "request body too large")
            self.remaining = self.content_length
            self.state = LENGTH
        else:
            return
        self.body_size = 0
        self.more_body = True

    def _end(self) -> None:
        """End a message."""
        keep_alive = self.flags & KEEP_ALIVE
        self.remaining = 0
        self._begin()
        if not keep_alive:
            self.state = CLOSED

    # Bodies

    def _read_length(self) -> bytes | None:
        data = self.data
        pos = self.pos
        size = len(data)
        if pos == size:
            return None
        end = pos + self.remaining if self.remaining < size - pos else size
        self.remaining -= end - pos
        if end - pos != size:
            data = cut(data, pos, end)
        self._consume(end)
        if not self.remaining:
            self._end()
        return data

    def _read_chunks(self) -> bytes | None:
        chunks = self.chunks
        body = b""
        if self.state == CHUNKS:
            self._consume(chunks.decode(self.data, self.pos))
            body = chunks.take()
            self.body_size += len(body)
            if 0 <= self.limit_body < self.body_size:
                raise RequestRejected(413, "request body too large")
            if chunks.state != LAST:
                return body if body else None
            self.chunks = None
            self.head_size = 0
            self._begin_fields(TRAILERS)
        if self._read_section():
            self._end()
            return body
        return body if body else None
