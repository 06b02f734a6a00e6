"""The rare turns of a request line, in plain Python for both halves (RFC 9112 section 3)."""

import re
import socket

from uvicorn._speedups.facts import (
    BAD_PERCENT,
    HTTP_VERSION,
    IP_LITERAL,
    METHODS,
    REG_NAME,
    TOKEN_CHARS,
    RequestRejected,
)

# Host values that were found well-formed: most connections name the same few. Emptied when full; a name longer than
# any in the DNS (RFC 1035 section 2.3.4) is not kept.
GOOD_AUTHORITIES: set[bytes] = set()
_GOOD_AUTHORITIES_MAX = 1024
_GOOD_HOST_SIZE = 255 + len(":65535")

_ABSOLUTE_FORM = re.compile("https?://([^/?]*)(.*)", re.IGNORECASE)


def is_authority(value: bytes) -> bool:
    """Whether `value` is uri-host [ ":" port ]."""
    if value in GOOD_AUTHORITIES:
        return True
    if value[:1] == b"[":
        match = IP_LITERAL.fullmatch(value)
        if match is None:
            return False
        if match[1] is not None:
            try:
                socket.inet_pton(socket.AF_INET6, match[1].decode())
            except OSError:
                return False
    elif REG_NAME.fullmatch(value) is None or BAD_PERCENT.search(value) is not None:
        return False
    if len(value) <= _GOOD_HOST_SIZE:
        if len(GOOD_AUTHORITIES) >= _GOOD_AUTHORITIES_MAX:
            GOOD_AUTHORITIES.clear()
        GOOD_AUTHORITIES.add(value)
    return True


def other_version(word: bytes) -> str:
    """The version where it is neither 1.1 nor 1.0: a higher minor one counts as 1.1."""
    match = HTTP_VERSION.fullmatch(word)
    if match is None:
        raise RequestRejected(400, "malformed HTTP version")
    if match[1] != b"1":
        raise RequestRejected(505, "HTTP version not supported")
    return "1.1"


def other_method(name: bytes) -> str:
    """A method outside the common ones: any token, but not a common one in another case (RFC 9110 section 9.1)."""
    if not name or name.strip(TOKEN_CHARS):
        raise RequestRejected(400, "a method is a token")
    if name.upper() in METHODS:
        raise RequestRejected(501, "methods are case-sensitive")
    return name.decode("ascii")


def split_absolute_form(text: str, method: str) -> tuple[bytes, str]:
    """The authority of an absolute-form target, and its path and query (section 3.2.2)."""
    match = _ABSOLUTE_FORM.fullmatch(text)
    if match is None:
        raise RequestRejected(400, "a target is a path, or an http URI")
    authority, path = match[1].encode(), match[2]
    if not authority or not is_authority(authority):
        raise RequestRejected(400, "malformed authority in the target")
    if path[:1] == "/":
        return authority, path
    # An empty path is "/", but for OPTIONS, which then asks for the server itself (RFC 9112 section 3.2.4).
    return authority, "*" if method == "OPTIONS" and not path else "/" + path
