"""Tables, grammar and limits that both builds of the speedups share."""

import re
from http import HTTPStatus

# Kinds of fields. PLAIN: no meaning for the server. FORWARDED: a proxy names the client. The others frame or route the
# message (RFC 9112 sections 3.2, 6 and 9, RFC 9110 section 10.1.1).
PLAIN, FORWARDED, HOST, CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE, EXPECT = range(8)
FORWARDED_FOR = b"x-forwarded-for"
FORWARDED_PROTO = b"x-forwarded-proto"

_KINDS = {
    FORWARDED_FOR: FORWARDED,
    FORWARDED_PROTO: FORWARDED,
    b"host": HOST,
    b"connection": CONNECTION,
    b"content-length": CONTENT_LENGTH,
    b"transfer-encoding": TRANSFER_ENCODING,
    b"upgrade": UPGRADE,
    b"expect": EXPECT,
}

# Common field names of requests. The names of responses are added when they are sent for the first time.
_COMMON_NAMES = (
    *("Accept", "Accept-Charset", "Accept-Encoding", "Accept-Language", "Access-Control-Request-Headers"),
    *("Access-Control-Request-Method", "Authorization", "Cache-Control", "Connection", "Content-Encoding"),
    *("Content-Language", "Content-Length", "Content-Range", "Content-Type", "Cookie", "DNT", "Date", "Expect"),
    *("Forwarded", "From", "Host", "If-Match", "If-Modified-Since", "If-None-Match", "If-Range"),
    *("If-Unmodified-Since", "Keep-Alive", "Origin", "Pragma", "Priority", "Range", "Referer", "Sec-CH-UA"),
    *("Sec-CH-UA-Mobile", "Sec-CH-UA-Platform", "Sec-Fetch-Dest", "Sec-Fetch-Mode", "Sec-Fetch-Site"),
    *("Sec-Fetch-User", "Sec-GPC", "Sec-WebSocket-Extensions", "Sec-WebSocket-Key", "Sec-WebSocket-Protocol"),
    *("Sec-WebSocket-Version", "TE", "Traceparent", "Trailer", "Transfer-Encoding", "Upgrade"),
    *("Upgrade-Insecure-Requests", "User-Agent", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Port"),
    *("X-Forwarded-Proto", "X-Real-IP", "X-Request-ID", "X-Requested-With"),
)

# The name in lower case, the kind, and the bytes that begin a line with this name in a response (CRLF, name, ": ").
Field = tuple[bytes, int, bytes]


def describe_field(lower: bytes) -> Field:
    return (lower, _KINDS.get(lower, PLAIN), b"\r\n" + lower + b": ")


# Field names in their common spellings -> the field.
KNOWN_FIELDS: dict[bytes, Field] = {}
for _name in _COMMON_NAMES:
    _field = describe_field(_name.lower().encode())
    KNOWN_FIELDS[_field[0]] = KNOWN_FIELDS[_name.encode()] = KNOWN_FIELDS[_name.title().encode()] = _field

# token = 1*tchar (RFC 9110 section 5.6.2).
TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
TOKEN_CHARS = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

# The methods that both parsers know. CONNECT is not here, because it needs special treatment.
METHODS = {
    name.encode(): name
    for name in (
        *("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"),
        *("COPY", "LOCK", "MKCOL", "MOVE", "PROPFIND", "PROPPATCH", "SEARCH", "UNLOCK", "REPORT"),
    )
}

# Bytes that are forbidden in a field value: all but VCHAR, obs-text, SP and HTAB (RFC 9110 section 5.5).
FORBIDDEN_IN_VALUE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")

# absolute-path [ "?" query ] (RFC 9112 section 3.2.1).
ORIGIN_FORM = re.compile(rb"(/[!\"$->@-~]*)(?:\?[!\"$-~]*)?")

# Paths and queries that the access log shows unchanged: paths of characters that `urllib.parse.quote` keeps, queries of
# printable ASCII.
PLAIN_PATH = re.compile(r"[A-Za-z0-9_.~/-]*")
PLAIN_QUERY = re.compile(r"[!-~]*")
# Text that a line of a custom format shows unchanged.
PLAIN_TEXT = re.compile(r"[ !#-\[\]-~]*")

# chunk-size [ chunk-ext ] CRLF (RFC 9112 section 7.1).
_QUOTED = rb'"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff])*"'
CHUNK_LINE = re.compile(
    rb"([0-9A-Fa-f]+)(?:[\t ]*;[\t ]*%b(?:[\t ]*=[\t ]*(?:%b|%b))?)*\r\n" % (TOKEN.pattern, TOKEN.pattern, _QUOTED)
)

HEX_NUMBER = re.compile(rb"[0-9A-Fa-f]{1,15}")

# The largest signed 64-bit integer: other parsers cannot count further.
MAX_CONTENT_LENGTH = 2**63 - 1

# The most bytes of chunk extensions in one body. Applications cannot read them, so more are an attack.
MAX_CHUNK_EXTENSIONS = 16 * 1024

STATUS_LINES = {status.value: b"HTTP/1.1 %d %b\r\n" % (status.value, status.phrase.encode()) for status in HTTPStatus}
