"""Reads the field sections of HTTP/2 requests. This source runs as it is, and compiled as `_http2_fields_c`.

The rules are those of RFC 9113 section 8. `Session` (`_http2_py.py`) calls the reader. Rules about a single field are
checked once for each field in the tables of the decoder, so a field that is sent again costs little.

A request that breaks a rule raises RequestRejected. With the status 400 it is malformed, and its stream is reset. With
another status, it is answered.
"""

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from uvicorn._speedups._hpack_py import list_static_fields, new_decoder
from uvicorn._speedups._request_py import new_head, parse_content_length, split_target
from uvicorn._speedups._scan_py import find_path_end, is_field_value
from uvicorn._speedups.errors import RequestRejected
from uvicorn._speedups.flags import (
    BODY_FOLLOWS,
    EXPECTS_CONTINUE,
    HAS_FORWARDED,
    HEAD_REQUEST,
    KEEP_ALIVE,
    WANTS_UPGRADE,
)
from uvicorn._speedups.http2_codes import DEFAULT_PRIORITY
from uvicorn._speedups.request_line import is_authority, is_same_host, other_method
from uvicorn._speedups.tables import (
    CONNECTION,
    CONTENT_LENGTH,
    EXPECT,
    FORWARDED,
    HOST,
    KNOWN_FIELDS,
    METHODS,
    PLAIN,
    TOKEN_CHARS,
    TRANSFER_ENCODING,
    UPGRADE,
)

if TYPE_CHECKING:
    # Imported under another name, because `RequestHead` is a C type in the compiled build.
    from uvicorn._speedups._request_py import RequestHead as Head

# More kinds of fields. The pseudo-header fields are last, from METHOD on.
COOKIE, PRIORITY, METHOD, SCHEME, AUTHORITY, PATH, PROTOCOL = range(EXPECT + 1, EXPECT + 8)

_PSEUDO_FIELDS = {
    b":method": METHOD,
    b":scheme": SCHEME,
    b":authority": AUTHORITY,
    b":path": PATH,
    b":protocol": PROTOCOL,
}
# Sets of kinds, with one bit for each kind.
_SCHEME = 1 << SCHEME
_AUTHORITY = 1 << AUTHORITY
_PSEUDO = 31 << METHOD
_OF_REQUESTS = 1 << METHOD | _SCHEME | 1 << PATH
_OF_CONNECT = 1 << METHOD | _AUTHORITY
_OF_EXTENDED_CONNECT = _OF_REQUESTS | _AUTHORITY | 1 << PROTOCOL

_KINDS = {b"cookie": COOKIE, b"priority": PRIORITY}
# Connection-specific fields that are forbidden here (section 8.2.2), but have no kind of their own.
_CONNECTION_FIELDS = frozenset((b"keep-alive", b"proxy-connection"))


def parse_priority(value: bytes) -> int:
    """Parse a Priority field, or the value of a PRIORITY_UPDATE frame (RFC 9218 section 4).

    Returns:
        The urgency times two, plus one if the response is incremental. Missing and invalid parts have their defaults.
    """
    urgency, incremental = DEFAULT_PRIORITY >> 1, DEFAULT_PRIORITY & 1
    for member in value.split(b","):
        word = member.split(b";")[0].strip(b" \t")
        if len(word) == 3 and word[:2] == b"u=" and 48 <= word[2] <= 55:
            urgency = word[2] - 48
        elif word == b"i" or word == b"i=?1":
            incremental = 1
        elif word == b"i=?0":
            incremental = 0
    return urgency << 1 | incremental


def _judge(field: Any) -> int:
    """Check a field by itself, and set its kind and meaning.

    Returns:
        The kind.

    Raises:
        RequestRejected: the field is not valid.
    """
    name, value = field.field
    if name[:1] == b":":
        return _judge_pseudo_field(field, name, value)
    known = KNOWN_FIELDS.get(name)
    if known is None and (not name or name.strip(TOKEN_CHARS)):
        raise RequestRejected(400, "a field name that is not a token")
    if name != (name.lower() if known is None else known[0]):
        raise RequestRejected(400, "a field name that is not in lower case")
    if not is_field_value(value, 0, len(value)) or value[:1] in (b" ", b"\t") or value[-1:] in (b" ", b"\t"):
        raise RequestRejected(400, "a field value with a control character, or with spaces around it")
    kind = PLAIN if known is None else known[1]
    if kind in (CONNECTION, TRANSFER_ENCODING, UPGRADE) or name in _CONNECTION_FIELDS:
        raise RequestRejected(400, "a connection-specific field")
    if kind == HOST:
        if not is_authority(value):
            raise RequestRejected(400, "malformed Host field")
    elif kind == CONTENT_LENGTH:
        field.meaning = parse_content_length(value)
    elif kind == EXPECT:
        field.meaning = b"100-continue" in [element.strip(b" \t") for element in value.lower().split(b",")]
    elif kind == PLAIN:
        kind = _KINDS.get(name, PLAIN)
        if kind == PRIORITY:
            field.meaning = parse_priority(value)
        elif name == b"te" and value.lower() != b"trailers":
            raise RequestRejected(400, "a TE field that is not trailers")
    field.kind = kind
    return kind


def _judge_pseudo_field(field: Any, name: bytes, value: bytes) -> int:
    """Do what `_judge` does, for a pseudo-header field (section 8.3.1)."""
    kind = _PSEUDO_FIELDS.get(name, PLAIN)
    if kind == PLAIN:
        raise RequestRejected(400, "a pseudo-header field that requests do not have")
    if kind == METHOD:
        field.meaning = METHODS.get(value) or other_method(value)
    elif kind == SCHEME:
        if value not in (b"https", b"http"):
            raise RequestRejected(400, ":scheme is neither http nor https")
    elif kind == AUTHORITY:
        if not value or not is_authority(value):
            raise RequestRejected(400, "malformed :authority")
        field.meaning = (b"host", value)
    elif kind == PATH:
        path = find_path_end(value)
        if path < 0 and value != b"*":
            raise RequestRejected(400, ":path does not begin with a slash, or has a control character or a fragment")
        head = new_head()
        split_target(head, value, path if path >= 0 else 1)
        field.meaning = (head.path, head.raw_path, head.query_string)
    elif not value or value.strip(TOKEN_CHARS):
        raise RequestRejected(400, ":protocol is not a token")
    else:
        field.meaning = value.lower()
    field.kind = kind
    return kind


def _judge_static_fields() -> None:
    """Judge the fields that all connections share.

    It is done now, because without the GIL no thread may do it later.
    """
    for field in list_static_fields():
        # A field that is refused stays unjudged, so that it is refused each time.
        with suppress(RequestRejected):
            _judge(field)


_judge_static_fields()


class FieldsReader:
    """Reads the field sections that one client sends, in their order.

    Args:
        limits: the bytes of `:method` and `:path` together, the number of fields, the bytes of a section, and the bytes
            of a body (-1: no limit). In a section, each field counts 32 bytes more (RFC 9113 section 6.5.2).

    Attributes:
        connect_protocol: whether requests may have `:protocol` (RFC 8441).
        tunnel: whether the last request is for a WebSocket.
        content_length: the Content-Length of the last request; -1 without one.
        priority: the priority of the last request, as `parse_priority` returns it; -1 without one.
    """

    __slots__ = (
        "authority",
        "connect_protocol",
        "content_length",
        "cookie",
        "crumbs",
        "decoder",
        "head",
        "limit_body",
        "limit_fields",
        "limit_line",
        "priority",
        "secure",
        "seen",
        "tunnel",
    )

    def __init__(self, limits: tuple[int, int, int, int]) -> None:
        self.limit_line, self.limit_fields, limit_section, self.limit_body = limits
        self.decoder = new_decoder(self.limit_fields + len(_PSEUDO_FIELDS), limit_section)
        self.connect_protocol = False
        self.tunnel = False
        self.cookie = 0

    def skip(self, block: bytes) -> None:
        """Read a section that is not needed, because it may change the table of the decoder.

        Raises:
            HpackError: the block cannot be decoded; the connection has to end.
        """
        self.decoder.decode(block)

    def read_trailers(self, block: bytes) -> None:
        """Read a trailer section. Its fields are dropped, as in HTTP/1.1.

        Raises:
            HpackError: the block cannot be decoded; the connection has to end.
            RequestRejected: a field is not valid, or the section exceeds a limit.
        """
        fields = self._decode(block)
        self._count(len(fields))
        for field in fields:
            kind = field.kind
            if kind < 0:
                kind = _judge(field)
            if kind >= METHOD or FORWARDED < kind <= EXPECT:
                # Such a field must not be a trailer (RFC 9113 section 8.1, RFC 9110 section 6.5.1).
                raise RequestRejected(400, "a field that is not allowed in trailers")

    def read_request(self, block: bytes, body_follows: bool) -> "Head":
        """Read the header section of a request.

        Args:
            block: the field block.
            body_follows: whether the stream goes on after it.

        Raises:
            HpackError: the block cannot be decoded; the connection has to end.
            RequestRejected: the request is malformed (400), or has to be answered with another status.
        """
        fields = self._decode(block)
        head = new_head()
        self.head: Any = head
        head.http_version = "2"
        head.flags = KEEP_ALIVE
        head.upgrade = b""
        headers: list[tuple[bytes, bytes]] = []
        head.headers = headers
        self.seen = 0
        self.content_length = -1
        self.priority = -1
        self.tunnel = False
        self.crumbs: list[bytes] | None = None
        pseudo_fields = 0
        late = False
        for field in fields:
            kind = field.kind
            if kind < 0:
                kind = _judge(field)
            if kind == PLAIN:
                late = True
                headers.append(field.field)
            elif kind < METHOD:
                late = True
                if self._take_field(kind, field):
                    headers.append(field.field)
            else:
                if late:
                    raise RequestRejected(400, "a pseudo-header field after other fields")
                self._take_pseudo_field(kind, field)
                pseudo_fields += 1
        self._count(len(fields) - pseudo_fields)
        if self.crumbs is not None:
            # Several Cookie fields become one (RFC 9113 section 8.2.3).
            headers[self.cookie] = (b"cookie", b"; ".join(self.crumbs))
        self._end(body_follows)
        # From now on, the head belongs to the application.
        self.head = self.crumbs = None
        return head

    def _decode(self, block: bytes) -> list[Any]:
        fields: list[Any] = self.decoder.decode(block)
        if self.decoder.exceeded:
            raise RequestRejected(431, "request head too large")
        return fields

    def _count(self, fields: int) -> None:
        if fields > self.limit_fields:
            raise RequestRejected(431, "too many header fields")

    def _take_pseudo_field(self, kind: int, field: Any) -> None:
        bit = 1 << kind
        if self.seen & bit:
            raise RequestRejected(400, "a pseudo-header field that is given twice")
        self.seen |= bit
        head = self.head
        if kind == METHOD:
            head.method = field.meaning
        elif kind == PATH:
            head.target = field.field[1]
            head.path, head.raw_path, head.query_string = field.meaning
        elif kind == AUTHORITY:
            # The authority becomes the first header, and replaces Host (ASGI specification, HTTP).
            self.authority = field.field[1]
            head.headers.append(field.meaning)
        elif kind == SCHEME:
            self.secure = field.field[1] == b"https"
        else:
            if not self.connect_protocol:
                raise RequestRejected(400, ":protocol, although no setting allows it")
            head.upgrade = field.meaning
            head.flags |= WANTS_UPGRADE

    def _take_field(self, kind: int, field: Any) -> bool:
        """Apply a field that has a meaning for the server. Returns whether the application gets it unchanged."""
        head = self.head
        value = field.field[1]
        bit = 1 << kind
        seen = self.seen & bit
        self.seen |= bit
        if kind == COOKIE:
            if seen:
                if self.crumbs is None:
                    self.crumbs = [head.headers[self.cookie][1]]
                self.crumbs.append(value)
                return False
            self.cookie = len(head.headers)
        elif kind == FORWARDED:
            head.flags |= HAS_FORWARDED
        elif kind == PRIORITY:
            self.priority = field.meaning
        elif kind == EXPECT:
            if field.meaning:
                head.flags |= EXPECTS_CONTINUE
        elif seen:
            raise RequestRejected(400, "more than one Host or Content-Length field")
        elif kind == CONTENT_LENGTH:
            self.content_length = field.meaning
        elif self.seen & _AUTHORITY:
            if not is_same_host(self.authority, value, self.seen & _SCHEME != 0 and self.secure):
                raise RequestRejected(400, "a Host field that differs from :authority")
            return False
        return True

    def _end(self, body_follows: bool) -> None:
        """Check the rules about all fields together (sections 8.1.1, 8.3.1 and 8.5, RFC 8441 section 4)."""
        head = self.head
        pseudo_fields = self.seen & _PSEUDO
        if pseudo_fields & ~_AUTHORITY != _OF_REQUESTS or head.method == "CONNECT":
            self._connect(pseudo_fields)
        elif head.method == "HEAD":
            head.flags |= HEAD_REQUEST
        if not self.seen & (_AUTHORITY | 1 << HOST):
            raise RequestRejected(400, "neither :authority nor Host")
        target = head.target
        if target == b"*" and head.method != "OPTIONS":
            raise RequestRejected(400, "the target * is only for OPTIONS")
        if len(head.method) + len(target) > self.limit_line:
            raise RequestRejected(414, "request line too long")
        if body_follows:
            head.flags |= BODY_FOLLOWS
            if 0 <= self.limit_body < self.content_length:
                raise RequestRejected(413, "request body too large")
        elif self.content_length > 0:
            raise RequestRejected(400, "a Content-Length without a body")
        else:
            head.flags &= ~EXPECTS_CONTINUE

    def _connect(self, pseudo_fields: int) -> None:
        """Check the pseudo-header fields of a CONNECT: only `:authority`, or all with `:protocol` (section 8.5)."""
        head = self.head
        if not pseudo_fields & 1 << METHOD or head.method != "CONNECT":
            raise RequestRejected(400, "a pseudo-header field is missing, or does not fit the method")
        if pseudo_fields == _OF_EXTENDED_CONNECT:
            if head.upgrade != b"websocket":
                # 501 is the status for an unknown protocol (RFC 9220 section 3).
                raise RequestRejected(501, ":protocol is not websocket")
            self.tunnel = True
            return
        if pseudo_fields != _OF_CONNECT:
            raise RequestRejected(400, "a CONNECT with pseudo-header fields other than :authority")
        target = self.authority
        if b":" not in target or target[-1:] == b":":
            raise RequestRejected(400, "the target of CONNECT is not host:port")
        head.target = target
        split_target(head, target, len(target))


def new_fields_reader(limits: tuple[int, int, int, int]) -> FieldsReader:
    """Make a reader. Other compiled modules call this function, because they cannot import the class."""
    return FieldsReader(limits)
