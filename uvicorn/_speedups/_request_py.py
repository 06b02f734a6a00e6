"""Reads requests: one source, run as it is or compiled as `_request_c`.

`RequestReader` is the one owner of framing: it alone decides where a message begins and ends, and what its head means
(RFC 9112 sections 2.2, 3, 6, 7 and 9). It is fed bytes and asked for the next event; not asking is back-pressure.

    state     what the next byte belongs to               next state
    LINE      the request line, or empty lines before it  FIELDS
    FIELDS    the field section                           LINE, LENGTH, CHUNKS; CLOSED
    LENGTH    a body with Content-Length                  LINE, CLOSED
    CHUNKS    a chunked body                              TRAILERS
    TRAILERS  the trailer section                         LINE, CLOSED
    CLOSED    no message: the client asked for the end of the connection, or a message was refused

Clients repeat themselves (RFC 7541 section 1.1). A request line or field line that equals, byte for byte, the line at
its place in the last head of the connection means what it meant there; it is neither parsed nor judged again.

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

# Lines up to this size, in bytes, are kept to compare the next head with.
_REUSED_MAX = 1024

_HTTP_1_1 = b"HTTP/1.1\r\n"

# What the scopes of a connection have in common: the scope of a GET without a query; its "asgi"; the root path, as text
# and as bytes; its "extensions".
ScopeTemplate = tuple[dict[str, Any], dict[str, str], str, bytes, dict[str, Any]]

# Raises RequestRejected if the lines of a field section, each with its CRLF, do not follow the grammar.
Judge = Callable[[bytes], None]


def _split_list(value: bytes) -> list[bytes]:
    """#element, in lower case (RFC 9110 section 5.6.1)."""
    return [element.strip(b" \t") for element in value.lower().split(b",")]


class RequestLine:
    """What the first line of a request says, or the pseudo-header fields of HTTP/2.

    Attributes:
        flags: KEEP_ALIVE and so on, of `flags`.
        target: as sent.
        path: percent-decoded.
        raw_path: as sent, without the query.
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
        """The part of the HTTP scope that does not depend on fields; its dicts are to be copied."""
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
    """What a request asks for.

    Attributes:
        headers: in the order of the wire, names lower-cased.
        upgrade: the lower-cased Upgrade value if Connection names it too, or the `:protocol` of HTTP/2; else b"".
    """

    __slots__ = ("headers", "upgrade")

    headers: list[tuple[bytes, bytes]]
    upgrade: bytes

    def build_scope(self, template: ScopeTemplate, state: dict[str, Any]) -> dict[str, Any]:
        """The HTTP scope of the request (ASGI specification, HTTP).

        Args:
            template: with the client and the version too.
            state: of the lifespan, which is copied.
        """
        scope = self.describe(template)
        asgi = template[1]
        extensions = template[4]
        scope["asgi"] = asgi.copy()
        scope["headers"] = self.headers
        scope["state"] = state.copy()
        # Middleware adds to it.
        scope["extensions"] = extensions.copy()
        return scope


class KeptLine(RequestLine):
    """The request line of the last head.

    Attributes:
        raw: the line with its CRLF; b"" if it is too long to be kept.
        authority: of a target in absolute-form, else None.
        scope: as `describe` gives it; None until the line is sent again.
        is_reused: whether it was.
    """

    __slots__ = ("authority", "is_reused", "raw", "scope")

    raw: bytes
    authority: bytes | None
    scope: dict[str, Any] | None
    is_reused: bool


def new_head() -> RequestHead:
    """A head to be filled in. Compiled modules cannot import a class from each other, only functions."""
    return RequestHead.__new__(RequestHead)


def split_target(line: RequestLine, target: bytes, path: int) -> None:
    """Split a target whose path ends at `path`."""
    if path == len(target):
        line.raw_path = target
        line.query_string = b""
    else:
        line.raw_path = cut(target, 0, path)
        line.query_string = cut(target, path + 1, len(target))
    text = line.raw_path.decode("ascii")
    if "%" in text:
        # The import takes long, and few paths are percent-encoded.
        from urllib.parse import unquote

        text = unquote(text)
    line.path = text


def parse_content_length(value: bytes) -> int:
    """Content-Length = 1*DIGIT (RFC 9110 section 8.6)."""
    if not value.isdigit():
        raise RequestRejected(400, "malformed Content-Length")
    # Zeros before a number are digits too.
    length = int(value) if len(value) <= 20 else MAX_CONTENT_LENGTH + 1
    if length > MAX_CONTENT_LENGTH:
        raise RequestRejected(400, "Content-Length too large")
    return length


class FieldLine:
    """A line of the last field section.

    Attributes:
        raw: the line with its CRLF; b"" if it is too long to be kept.
        name: the field name as it was sent.
        kind: what it decides about: PLAIN, HOST and so on, of `tables`.
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
            # After this head, the client speaks another protocol, whatever the answer is.
            line.flags &= ~KEEP_ALIVE
    elif name == b"HEAD":
        line.flags |= HEAD_REQUEST
    line.method = method


def _parse_target(line: KeptLine, target: bytes) -> None:
    """Split the query off a target of any form (RFC 9112 section 3.2)."""
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
    """The path and query of a target that is not in origin-form."""
    try:
        text = target.decode("ascii")
    except UnicodeDecodeError:
        raise RequestRejected(400, "a target is ASCII") from None
    if not text.isprintable() or "#" in text:
        raise RequestRejected(400, "a target has no control characters and no fragment")
    if line.method == "CONNECT":
        if not is_authority(target) or b":" not in target or target[-1:] == b":":
            raise RequestRejected(400, "CONNECT takes host:port")
    elif target == b"*":
        if line.method != "OPTIONS":
            raise RequestRejected(400, "* is for OPTIONS only")
    else:
        line.authority, text = split_absolute_form(text, line.method)
        return text.encode()
    return target


class RequestReader:
    """Reads the requests of one connection, one after the other.

    Args:
        judge: is shown the field lines that were not in the last head, all of a head at once. The reader itself judges
            the fields that decide about the message, and keeps them to itself.
        limits: (request line in bytes, number of fields, whole head in bytes, body in bytes or -1).

    Attributes:
        state: LINE, FIELDS, LENGTH, CHUNKS, TRAILERS or CLOSED.
        more_body: whether more of the body of this message follows.
        remaining: bytes of the body that were not read; -1 for a chunked body.
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
        # `kept_fields` has the fields of `lines`; both are without lines that are too long to be kept.
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
        """Say what the scopes of the connection have in common; the lifespan's state is copied into each."""
        self.template = template
        self.client = client
        self.lifespan_state = state

    def in_head(self) -> bool:
        """Whether a part of a head was read."""
        return self.state == FIELDS or self.partial is not None

    def in_message(self) -> bool:
        """Whether a message was begun and not read to its end."""
        return self.state == LENGTH or self.state == CHUNKS or self.state == TRAILERS or self.in_head()

    def has_unread(self) -> bool:
        """Whether there are bytes that were fed and not read."""
        return self.unread > 0

    def feed(self, data: bytes) -> None:
        """Take bytes; they are read when `next` is asked."""
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
        """Give away the bytes that were not read."""
        rest = self._take_unread()
        self.data = b""
        self.pos = 0
        self.unread = 0
        self.state = CLOSED
        return rest

    def next(self) -> "RequestHead | bytes | None":
        """The next event.

        Returns:
            A head; or bytes of the body, which may be empty at its end, with `more_body`; or None if more bytes are
            needed. A body follows a head only if its flags have BODY_FOLLOWS.

        Raises:
            RequestRejected: nothing is read after it.
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
        """Read a head: what `next` does between two messages, without making a `RequestHead`.

        Returns:
            Its flags, of `flags`, and UNREAD if bytes follow it; -1 if more bytes are needed.

        Raises:
            RequestRejected: nothing is read after it.
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

    # What was read last

    def get_head(self) -> RequestHead:
        """The head that was read last."""
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
        """The HTTP scope of the head that was read last (ASGI specification, HTTP), once."""
        line: Any = self.line
        scope: dict[str, Any] = line.scope
        if scope is None:
            scope = line.describe(self.template)
            scope["client"] = self.client
            if line.http_version != "1.1":
                scope["http_version"] = line.http_version
            if line.is_reused:
                # Only the keys that differ are set.
                line.scope = scope.copy()
        else:
            scope = scope.copy()
        asgi = self.template[1]
        extensions = self.template[4]
        scope["asgi"] = asgi.copy()
        scope["headers"] = self.headers
        scope["state"] = self.lifespan_state.copy()
        # Middleware adds to it.
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
        """Drop the bytes before `pos`, which were read."""
        self.unread = len(self.data) - pos
        if self.unread:
            self.pos = pos
        else:
            # An idle connection keeps no bytes.
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
            reason = SPEAKS_TLS if part[0] == TLS_HANDSHAKE else "a request line begins with a method"
            raise RequestRejected(400, reason)
        if part[-1] != 10:
            # A CR may be the first half of the line's end.
            if len(part) - (part[-1] == 13) > self.limit_line:
                raise RequestRejected(414, "request line too long")
            return
        line = bytes(part)
        self.partial = None
        if line == b"\r\n":
            # Here a client that sends nothing but empty lines is refused.
            self.head_size += 2
            if self.head_size > self.limit_line:
                raise RequestRejected(400, "too many empty lines")
        else:
            self._parse_line(line, 0, len(line))

    def _parse_line(self, data: bytes, pos: int, end: int) -> None:
        """request-line = method SP request-target SP HTTP-version CRLF."""
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

    # The field section, and the trailer section, which is one too (RFC 9112 sections 5 and 7.1.2)

    def _begin_fields(self, state: int) -> None:
        self.state = state
        self.to_judge: list[bytes] | None = None
        self.field_count = 0

    def _read_section(self) -> bool:
        """Read the lines of a field section. Return whether its end was reached."""
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
        """Take the lines that equal those at their places in the last head; return where the first other one begins."""
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
        """Take a line that arrives in parts. Return whether it is the empty line."""
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
        """field-line = field-name ":" OWS field-value OWS CRLF (RFC 9112 section 5)."""
        stop = end - 2
        colon = find_colon(data, start, stop) if stop > start and data[stop] == 13 else -1
        if colon < 0:
            raise RequestRejected(400, "a field line is a name, a colon and a value, and ends with CRLF")
        first = colon + 1
        while first < stop and (data[first] == 32 or data[first] == 9):
            first += 1
        while stop > first and (data[stop - 1] == 32 or data[stop - 1] == 9):
            stop -= 1
        if not is_field_value(data, first, stop):
            raise RequestRejected(400, "a field value has no control characters")
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
                # RFC 9110 section 6.5.1.
                raise RequestRejected(400, "a trailer field that decides about the message")
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
        """It comes once (RFC 9112 section 6.3)."""
        if self.content_length >= 0:
            raise RequestRejected(400, "more than one Content-Length field")
        self.content_length = parse_content_length(value)

    # The head

    def _end_head(self) -> None:
        """Decide what the head means."""
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
        """RFC 9112 sections 3.2 and 3.2.2."""
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
                raise RequestRejected(400, "Transfer-Encoding in HTTP/1.0 or beside Content-Length")
            if self.coding != b"chunked":
                # RFC 9112 section 6.1: 501 for a coding that is not understood.
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
