"""Builds the head of a request: one source, run as it is or compiled as `_request_c`.

The request line, the limits and every rule that parsers leave open are here (RFC 9112 sections 2.2, 3, 6 and 9). A
parser checks the grammar of the fields and frames the body; fields that it let pass are split here, at half the cost of
taking them over one by one.
"""

from typing import Any

from uvicorn._speedups.facts import (
    BODY_FOLLOWS,
    CONNECTION,
    CONTENT_LENGTH,
    EXPECT,
    EXPECTS_CONTINUE,
    FORWARDED,
    HAS_FORWARDED,
    HEAD_REQUEST,
    HOST,
    KEEP_ALIVE,
    KNOWN_FIELDS,
    MAX_CONTENT_LENGTH,
    METHODS,
    OLD_VERSION,
    ORIGIN_FORM,
    SPEAKS_TLS,
    TLS_HANDSHAKE,
    TRANSFER_ENCODING,
    UPGRADE,
    WANTS_UPGRADE,
    Field,
    RequestRejected,
)
from uvicorn._speedups.request_line import (
    is_authority,
    other_method,
    other_version,
    replace_host,
    split_absolute_form,
)

# Where in a message the next byte belongs.
LINE, FIELDS, BODY, TRAILERS, ENDED = range(5)

# Bytes of a field section that may be kept, and how often in a row in vain.
_SECTION_MAX = 2048
_MISSES_MAX = 4

# With C types, loops take a third of the instructions that the methods of bytes do, or fewer.
COMPILED = not __name__.endswith("_py")

_HTTP_1_1 = b"HTTP/1.1\r\n"
_MALFORMED_LINE = "a field line is not of the grammar"


def _slot(data: bytes, start: int, stop: int) -> int:
    size = stop - start
    last = data[stop - 1] | 32
    return (size * 8 + (data[start] | 32) * 57 + (data[start + size * 3 // 4] | 32) * 51 + last * 37) & 511


def _find_known(data: bytes, start: int, stop: int) -> Field | None:
    if start == stop:
        return None
    known = _SLOTS[_slot(data, start, stop)]
    if known is None:
        return None
    word = known[0]
    if len(word) != stop - start:
        return None
    # As C sees it, an array.
    lower = word
    for i in range(stop - start):
        # The bit tells the cases of a letter apart; only CR, which is in no name, becomes a hyphen by it.
        if data[start + i] | 32 != lower[i]:
            return None
    return known


_SLOTS: list[Field | None] = [None] * 512
for _field in set(KNOWN_FIELDS.values()):
    _SLOTS[_slot(_field[0], 0, len(_field[0]))] = _field


def _measure_path(target: bytes) -> int:
    """Where the path of a target ends; -1 where it is not plainly in origin-form."""
    if COMPILED:  # pragma: no cover - never true where coverage can see it
        buf = target
        size = len(target)
        if not size or buf[0] != 47:
            return -1
        path = size
        for i in range(size):
            if buf[i] <= 32 or buf[i] >= 127 or buf[i] == 35:
                return -1
            if buf[i] == 63 and path == size:
                path = i
        return path
    match = ORIGIN_FORM.fullmatch(target)
    return -1 if match is None else match.end(1)


def _find_line_end(data: bytes, pos: int) -> int:
    """The index behind the next LF of `data[pos:]`, or 0."""
    if COMPILED:  # pragma: no cover - never true where coverage can see it
        buf = data
        size = len(data)
        for i in range(pos, size):
            if buf[i] == 10:
                return i + 1
        return 0
    return data.find(b"\n", pos) + 1


def _find_empty_line(data: bytes, pos: int) -> int:
    """The index behind the next CR LF CR LF of `data[pos:]`, or 0."""
    if COMPILED:  # pragma: no cover - never true where coverage can see it
        # Most bytes are neither: the four then begin behind them.
        buf = data
        size = len(data)
        i = pos + 3
        while i < size:
            if buf[i] == 10:
                if buf[i - 1] == 13 and buf[i - 2] == 10 and buf[i - 3] == 13:
                    return i + 1
                i += 2
            elif buf[i] == 13:
                i += 1
            else:
                i += 4
        return 0
    end = data.find(b"\r\n\r\n", pos)
    return end + 4 if end >= 0 else 0


def _split_list(value: bytes) -> list[bytes]:
    """#element, in lower case (RFC 9110 section 5.6.1)."""
    return [element.strip(b" \t") for element in value.lower().split(b",")]


# The scope of a GET over HTTP/1.1 without a query; its "asgi"; and the root path, as text and as bytes.
ScopeTemplate = tuple[dict[str, Any], dict[str, str], str, bytes]


class RequestHead:
    """What a request asks for.

    Attributes:
        target: as sent.
        path: percent-decoded.
        raw_path: as sent, without the query.
        http_version: "1.0" or "1.1"; a higher minor version counts as 1.1 (RFC 9110 section 2.5).
        headers: in the order of the wire, names lower-cased.
        upgrade: the lower-cased Upgrade value where Connection names it too, else b"".
    """

    __slots__ = ("headers", "http_version", "method", "path", "query_string", "raw_path", "target", "upgrade")

    method: str
    target: bytes
    path: str
    raw_path: bytes
    query_string: bytes
    http_version: str
    headers: list[tuple[bytes, bytes]]
    upgrade: bytes

    def build_scope(
        self, template: ScopeTemplate, client: tuple[str, int] | None, state: dict[str, Any]
    ) -> dict[str, Any]:
        common, asgi, root_path, raw_root_path = template
        scope = common.copy()
        scope["asgi"] = asgi.copy()
        scope["client"] = client
        if self.http_version != "1.1":
            scope["http_version"] = self.http_version
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
        scope["headers"] = self.headers
        scope["state"] = state.copy()
        return scope


class RequestBuilder:
    """Takes the bytes of requests, one after the other, and gives their heads to a sink.

    Args:
        sink: its `on_request(head, facts)` is called, and when the head announced a body, `on_content(data, more_body)`
            until that is False. The facts are bits: `facts.KEEP_ALIVE` and so on.
        limits: (request line in bytes, number of fields, whole head in bytes, body in bytes or -1).

    Attributes:
        parse: the parser's callable for bytes; it calls `on_headers_complete`, `on_body` and `on_message_complete`.
        hold: True keeps the next request from being taken.
        position: how far the parser has been fed, where it raised something.

    Raises:
        RequestRejected: from every method, with the status to answer.
    """

    __slots__ = (
        "authority",
        "block",
        "block_end",
        "block_start",
        "body_size",
        "chunked",
        "chunks",
        "coding",
        "content_length",
        "facts",
        "field_count",
        "head",
        "head_size",
        "headers",
        "hold",
        "host",
        "known_headers",
        "known_host",
        "known_section",
        "last",
        "limit_body",
        "limit_fields",
        "limit_head",
        "limit_line",
        "line",
        "misses",
        "parse",
        "phase",
        "pieces",
        "position",
        "prefix",
        "remaining",
        "sink",
        "start",
        "tail",
        "tell",
        "too_large",
        "upgrade",
    )

    def __init__(self, sink: Any, limits: tuple[int, int, int, int]) -> None:
        self.attach(sink)
        self.limit_line, self.limit_fields, self.limit_head, self.limit_body = limits
        self.parse: Any = None
        self.hold = False
        self.position = 0
        self.line = b""
        self.known_section = b""
        self.known_headers: list[tuple[bytes, bytes]] = []
        self.known_host: bytes | None = None
        self.misses = 0
        self._reset()

    def _reset(self) -> None:
        self.phase = LINE
        self.head: RequestHead | None = None
        self.head_size = 0
        self.too_large = False
        self.tail = b""
        self.block = b""
        self.block_start = 0
        self.block_end = 0
        self.pieces: bytearray | None = None
        self.prefix = b""
        self.start = 0
        self.facts = KEEP_ALIVE
        self.headers: list[tuple[bytes, bytes]] = None  # type: ignore[assignment]  # made with the first field
        self.host: bytes | None = None
        self.authority: bytes | None = None
        self.field_count = 0
        self.content_length = -1
        self.coding: bytes | None = None
        self.chunked = False
        self.upgrade = b""
        self.body_size = 0
        self.last = b""
        self.chunks = 0
        self.remaining = 0

    def attach(self, sink: Any) -> None:
        self.sink = sink
        self.tell = sink.on_request

    def release(self) -> None:
        """Forget whoever knows the builder too."""
        self.phase = ENDED
        self.hold = True
        self.sink = self.tell = self.parse = None

    def is_fresh(self) -> bool:
        return self.phase == LINE and not self.line and not self.head_size and not self.hold

    def in_head(self) -> bool:
        return self.phase == FIELDS or len(self.line) > 0

    def in_message(self) -> bool:
        return self.phase == BODY or self.phase == TRAILERS or self.in_head()

    def feed(self, data: bytes, pos: int) -> int:
        """Give the parser `data[pos:]`, one head or piece of a body at a time, so that it stops behind each.

        Each pass of the loop takes at least one byte, or it returns or raises.

        Returns:
            How many bytes were left: of what is held back, or of a chunked body.
        """
        size = len(data)
        while pos < size:
            if self.phase == LINE:
                if self.hold:
                    return size - pos
                pos = self.take_line(data, pos)
                if self.phase == LINE:
                    continue
                start = self.start
                end = self.take_fields(data, start, pos)
                if self.prefix:
                    prefix = self.prefix
                    self.prefix = b""
                    self.parse(prefix)
                elif self._is_known_good():
                    self._finish_head(True)
                    self.on_message_complete()
                    pos = end
                    continue
            elif self.phase == FIELDS:
                start = pos
                end = self.take_fields(data, pos, pos)
            elif self.phase == ENDED:
                # What follows a handshake is the WebSocket's.
                return size - pos if self.hold else 0
            elif self.chunked:
                return size - pos
            elif self.remaining > 0:
                start = pos
                end = pos + self.remaining if self.remaining < size - pos else size
            else:
                raise RequestRejected(400, "the parser does not end the body where its length does")
            self.position = end
            self.parse(data if end - start == size else data[start:end])
            if self.too_large:
                raise RequestRejected(431, "request head too large")
            pos = end
        return 0

    def take_line(self, data: bytes, pos: int) -> int:
        """Take the request line, and the empty lines before it (RFC 9112 section 2.2), from `data[pos:]`.

        Returns:
            The index behind them. The parser's bytes then begin at `start`, behind `prefix`: the line itself, or a
            plainer one where it could trip over it.
        """
        size = len(data)
        while pos < size and self.phase == LINE:
            eol = _find_line_end(data, pos)
            if eol and data[pos] > 32 and not self.line:
                self.start = pos
                self._parse_line(data, pos, eol)
                if self.prefix:
                    self.start = eol
                    # The line's own end may be the first half of the empty line.
                    self.tail = b"\r\n"
                return eol
            pos = self._take_piece(data, pos, eol if eol else size)
        return pos

    def _take_piece(self, data: bytes, pos: int, end: int) -> int:
        line = self.line + data[pos:end]
        if line == b"\r\n":
            self.line = b""
            # An endless stream of them comes to an end.
            self.head_size += 2
            if self.head_size > self.limit_line:
                raise RequestRejected(400, "too many empty lines")
        elif line[0] <= 32 and line != b"\r":
            raise RequestRejected(
                400, SPEAKS_TLS if line[0] == TLS_HANDSHAKE else "a request line begins with a method"
            )
        elif line[-1] != 10:
            # A CR may be the first half of the line's end.
            if len(line) - (line[-1] == 13) > self.limit_line:
                raise RequestRejected(414, "request line too long")
            self.line = line
        else:
            self.line = b""
            self._parse_line(line, 0, len(line))
            if not self.prefix:
                self.prefix = line
            self.start = end
            self.tail = b"\r\n"
        return end

    def take_fields(self, data: bytes, start: int, pos: int) -> int:
        """Take the fields of the head from `data[pos:]`, before which the request line stands where `start` is less."""
        # The line's own end may be the first half of the empty line.
        end = self._find_end(data, pos - 2 if start < pos else pos)
        self.head_size += end - pos
        if self.head_size > self.limit_head:
            # The parser may find an earlier fault.
            self.too_large = True
            end -= self.head_size - self.limit_head
            if end < pos:
                end = pos
        self._keep(data, pos, end)
        return end

    def _keep(self, data: bytes, pos: int, end: int) -> None:
        """Keep fields until the parser has let them pass. Nearly always there is nothing to copy."""
        if self.tail or self.pieces is not None:
            if self.pieces is None:
                self.pieces = bytearray()
            self.pieces += data[pos:end]
        else:
            self.block = data
            self.block_start = pos
            self.block_end = end

    def begin_trailers(self) -> None:
        self.phase = TRAILERS
        # The end of the last chunk's line may be the first half of the empty line.
        self.tail = b"\r\n"

    def take_trailers(self, data: bytes, pos: int) -> int:
        end = self._find_end(data, pos)
        self.head_size += end - pos
        if self.head_size > self.limit_head:
            raise RequestRejected(431, "trailer section too large")
        self._keep(data, pos, end)
        return end

    def _find_end(self, data: bytes, pos: int) -> int:
        """The index behind the next empty line, which may have begun earlier, or the end of `data`."""
        tail = self.tail
        if tail:
            end = (tail + data[pos : pos + 3]).find(b"\r\n\r\n")
            if end >= 0:
                self.tail = b""
                return pos + end + 4 - len(tail)
        end = _find_empty_line(data, pos)
        if end:
            self.tail = b""
            return end
        end = len(data)
        self.tail = data[end - 3 :] if end - pos >= 3 else (tail + data[pos:])[-3:]
        return end

    # The request line

    def _parse_line(self, data: bytes, pos: int, end: int) -> None:
        """request-line = method SP request-target SP HTTP-version CRLF (RFC 9112 section 3)."""
        self.head_size += end - pos
        if end - pos - 2 > self.limit_line:
            raise RequestRejected(414, "request line too long")
        if COMPILED:  # pragma: no cover - never true where coverage can see it
            buf = data
            first = pos
            while buf[first] != 32 and first < end - 1:
                first += 1
            second = first + 1
            while second < end and buf[second] != 32:
                second += 1
            third = second + 1
            while third < end and buf[third] != 32:
                third += 1
            if third != end:
                raise RequestRejected(400, "malformed request line")
            name = b"GET" if first - pos == 3 and data.startswith(b"GET", pos) else buf[pos:first]
            target = buf[first + 1 : second]
            version_word = _HTTP_1_1 if data.startswith(_HTTP_1_1, second + 1) else buf[second + 1 : end]
        else:
            words = data[pos:end].split(b" ")
            if len(words) != 3:
                raise RequestRejected(400, "malformed request line")
            name, target, version_word = words
        head = self.head = RequestHead.__new__(RequestHead)
        if version_word == _HTTP_1_1:
            head.http_version = "1.1"
        elif version_word == b"HTTP/1.0\r\n":
            head.http_version = "1.0"
            self.facts = OLD_VERSION
        else:
            head.http_version = other_version(version_word)
            version_word = _HTTP_1_1
            self.prefix = b"POST / HTTP/1.1\r\n"
        # Cheaper than a hash, and nearly always true.
        method = "GET" if name == b"GET" else METHODS.get(name)
        if method is None:
            method = other_method(name)
            if method == "CONNECT":
                # The client goes on with another protocol, whatever it was answered.
                self.facts &= ~KEEP_ALIVE
            # Parsers know a closed list of methods, which mean nothing to the framing.
            self.prefix = b"POST / " + version_word
        elif name == b"HEAD":
            self.facts |= HEAD_REQUEST
        head.method = method
        self._parse_target(head, target)
        self.phase = FIELDS

    def _parse_target(self, head: RequestHead, target: bytes) -> None:
        """Split the query off a target of whichever form (RFC 9112 section 3.2)."""
        head.target = target
        path = -1 if head.method == "CONNECT" else _measure_path(target)
        if path < 0:
            target = self._take_other_target(head, target)
            path = target.find(b"?")
            if path < 0:
                path = len(target)
        size = len(target)
        if path == size:
            head.raw_path = target
            head.query_string = b""
        else:
            head.raw_path = target[:path]
            head.query_string = target[path + 1 :]
        text = head.raw_path.decode("ascii")
        if "%" in text:
            # Its package takes long to import, and few paths need it.
            from urllib.parse import unquote

            text = unquote(text)
        head.path = text

    def _take_other_target(self, head: RequestHead, target: bytes) -> bytes:
        """The path and query of a target that is not plainly in origin-form."""
        try:
            text = target.decode("ascii")
        except UnicodeDecodeError:
            raise RequestRejected(400, "a target is ASCII") from None
        if not text.isprintable() or "#" in text:
            raise RequestRejected(400, "a target has no control characters and no fragment")
        if head.method == "CONNECT":
            if not is_authority(target) or b":" not in target or target[-1:] == b":":
                raise RequestRejected(400, "CONNECT takes host:port")
        elif target == b"*":
            if head.method != "OPTIONS":
                raise RequestRejected(400, "* is for OPTIONS only")
        else:
            self.authority, text = split_absolute_form(text, head.method)
            return text.encode()
        return target

    # What a parser tells

    def _split_fields(self) -> None:
        """Split the fields: name ":" OWS value OWS CRLF, and an empty line behind them.

        Any other line, which no parser lets pass, is refused: the halves would not split it alike.
        """
        if self.pieces is not None:
            self.block = bytes(self.pieces)
            self.block_start = 0
            self.block_end = len(self.block)
            self.pieces = None
        self.headers = []
        block = self.block
        pos = self.block_start
        end = self.block_end - 2
        if COMPILED:  # pragma: no cover - never true where coverage can see it
            buf = block
            while pos < end:
                i = pos
                while i < end and buf[i] != 58 and buf[i] != 13:
                    i += 1
                if buf[i] != 58:
                    raise RequestRejected(400, _MALFORMED_LINE)
                known = _find_known(block, pos, i)
                name = b"" if known is not None else buf[pos:i]
                i += 1
                while i < end and (buf[i] == 32 or buf[i] == 9):
                    i += 1
                pos = i
                while i < end and buf[i] != 13:
                    i += 1
                if buf[i + 1] != 10:
                    raise RequestRejected(400, _MALFORMED_LINE)
                stop = i
                while stop > pos and (buf[stop - 1] == 32 or buf[stop - 1] == 9):
                    stop -= 1
                self._take_field(known, name, buf[pos:stop])
                pos = i + 2
        else:
            for line in block[pos : end - 2].split(b"\r\n") if end > pos else ():
                name, colon, value = line.partition(b":")
                if not colon or b"\r" in line:
                    raise RequestRejected(400, _MALFORMED_LINE)
                self._take_field(KNOWN_FIELDS.get(name) or KNOWN_FIELDS.get(name.lower()), name, value.strip(b" \t"))

    def _take_field(self, known: Field | None, name: bytes, value: bytes) -> None:
        self.field_count += 1
        if self.field_count > self.limit_fields:
            raise RequestRejected(431, "too many header fields")
        if known is None:
            self.headers.append((name.lower(), value))
            return
        self.headers.append((known[0], value))
        kind = known[1]
        if kind:
            self._decide(kind, value)

    def _decide(self, kind: int, value: bytes) -> None:
        if kind == FORWARDED:
            self.facts |= HAS_FORWARDED
        elif kind == HOST:
            if self.host is not None:
                raise RequestRejected(400, "more than one Host field")
            self.host = value
        elif kind == CONNECTION:
            if value != b"keep-alive":
                options = _split_list(value)
                if b"close" in options:
                    self.facts &= ~KEEP_ALIVE
                if b"upgrade" in options:
                    self.facts |= WANTS_UPGRADE
        elif kind == CONTENT_LENGTH:
            self._note_content_length(value)
        elif kind == TRANSFER_ENCODING:
            if self.coding is not None:
                raise RequestRejected(400, "more than one Transfer-Encoding field")
            self.coding = value.lower()
        elif kind == UPGRADE:
            self.upgrade = self.upgrade + b"," + value.lower() if self.upgrade else value.lower()
        elif kind == EXPECT and b"100-continue" in _split_list(value):
            self.facts |= EXPECTS_CONTINUE

    def _note_content_length(self, value: bytes) -> None:
        """Content-Length = 1*DIGIT, once (RFC 9110 section 8.6, RFC 9112 section 6.3)."""
        if self.content_length >= 0:
            raise RequestRejected(400, "more than one Content-Length field")
        if not value.isdigit():
            raise RequestRejected(400, "malformed Content-Length")
        # Zeros in front are digits too.
        length = int(value) if len(value) <= 20 else MAX_CONTENT_LENGTH + 1
        if length > MAX_CONTENT_LENGTH:
            raise RequestRejected(400, "Content-Length too large")
        self.content_length = length

    def on_headers_complete(self) -> None:
        if self.phase == FIELDS:
            self._finish_head(self._is_known())

    def _finish_head(self, recalled: bool) -> None:
        if recalled:
            self.misses = 0
            # The list becomes the application's.
            self.headers = self.known_headers[:]
            self.host = self.known_host
        else:
            self._split_fields()
        head: RequestHead = self.head  # type: ignore[assignment]  # there since the request line
        facts = self.facts
        old = facts & OLD_VERSION != 0
        if self.host is not None:
            if self.host != self.known_host and not is_authority(self.host):
                raise RequestRejected(400, "malformed Host field")
        elif not old:
            raise RequestRejected(400, "Host field missing")
        if self.coding is not None:
            if old or self.content_length >= 0:
                raise RequestRejected(400, "Transfer-Encoding in HTTP/1.0 or beside Content-Length")
            if self.coding != b"chunked":
                # RFC 9112 section 6.1: 501 for a coding that is not understood.
                malformed = not self.coding or b"chunked" in self.coding
                raise RequestRejected(400 if malformed else 501, "unsupported Transfer-Encoding")
            self.chunked = True
        elif self.content_length > 0:
            self.remaining = self.content_length
            if 0 <= self.limit_body < self.remaining:
                raise RequestRejected(413, "request body too large")
        head.headers = self.headers
        if self.chunked or self.remaining:
            facts |= BODY_FOLLOWS
        if old or not facts & BODY_FOLLOWS:
            facts &= ~EXPECTS_CONTINUE
        if old or not self.upgrade:
            facts &= ~WANTS_UPGRADE
        head.upgrade = self.upgrade if facts & WANTS_UPGRADE else b""
        self.facts = facts
        self.phase = BODY
        self.tail = b""
        if not recalled and facts == KEEP_ALIVE and self.misses < _MISSES_MAX:
            self._remember_fields()
        if self.authority is not None:
            head.headers = replace_host(self.headers, self.authority)
        self.block = b""
        self.field_count = 0
        self.head_size = 0
        self.tell(head, facts)

    # Clients repeat their fields (RFC 7541 section 1.1): where a section is the same bytes as one before, so is what it
    # says.

    def _is_known(self) -> bool:
        size = len(self.known_section)
        return (
            size > 0
            and self.pieces is None
            and self.block_end - self.block_start == size
            and self.block.startswith(self.known_section, self.block_start)
        )

    def _is_known_good(self) -> bool:
        """Whether the parser let these very fields pass before. It lets every line pass that is in origin-form."""
        head: RequestHead = self.head  # type: ignore[assignment]  # there since the request line
        return self.facts == KEEP_ALIVE and head.target[0] == 47 and self._is_known()

    def _remember_fields(self) -> None:
        """Keep a section that leaves the connection open and says nothing else of the message."""
        self.misses += 1
        if self.block_end - self.block_start <= _SECTION_MAX:
            self.known_section = self.block[self.block_start : self.block_end]
            self.known_headers = self.headers[:]
            self.known_host = self.host

    def on_chunk_header(self) -> None:
        self.chunks += 1

    def on_body(self, data: bytes) -> None:
        size = len(data)
        self.remaining -= size
        self.body_size += size
        if 0 <= self.limit_body < self.body_size:
            raise RequestRejected(413, "request body too large")
        if self.remaining or self.chunked:
            self.sink.on_content(data, True)
        else:
            # Given out with the end, which the parser tells next.
            self.last = data

    def on_message_complete(self) -> None:
        if self.remaining > 0 or (self.chunked and not self.chunks):
            # The parser takes what follows an upgrade for no body.
            return
        if self.chunked:
            self._check_trailers()
        facts = self.facts
        last = self.last
        self._reset()
        if not facts & KEEP_ALIVE:
            self.phase = ENDED
        if facts & BODY_FOLLOWS:
            self.sink.on_content(last, False)

    def _check_trailers(self) -> None:
        """Drop the trailer fields, unless they would frame or route a message."""
        host, self.host = self.host, None
        self._split_fields()
        for name, _ in self.headers:
            known = KNOWN_FIELDS.get(name)
            if known is not None and known[1] > FORWARDED:
                # RFC 9110 section 6.5.1.
                raise RequestRejected(400, "a trailer field that decides about the message")
        self.host = host
