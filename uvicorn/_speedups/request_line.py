"""Rare forms of a request line, in plain Python for both builds (RFC 9112 section 3)."""

import re
import socket

from uvicorn._speedups.errors import RequestRejected
from uvicorn._speedups.tables import METHODS, TOKEN_CHARS

# Valid hosts, so that each is checked only once. A full set is emptied. Values longer than any name of the DNS are not
# kept (RFC 1035 section 2.3.4).
GOOD_AUTHORITIES: set[bytes] = set()
_GOOD_AUTHORITIES_MAX = 1024
_GOOD_HOST_SIZE = 255 + len(":65535")

# uri-host [ ":" port ] (RFC 3986 section 3.2.2). A comma is not accepted, because proxies join Host fields with one.
# Percent-encoding has a pattern of its own, because `re` needs a hundred bytes for each repetition of a group.
_REG_NAME = re.compile(rb"[A-Za-z0-9\-._~!$&'()*+;=%]*(?::[0-9]*)?")
_BAD_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_IP_LITERAL = re.compile(rb"\[(?:([0-9A-Fa-f:.]+)|[vV][0-9A-Fa-f]+\.[A-Za-z0-9\-._~!$&'()*+,;=:]+)\](?::[0-9]*)?")

_VERSION = re.compile(rb"HTTP/([0-9])\.[0-9]\r\n")
_ABSOLUTE_FORM = re.compile("https?://([^/?]*)(.*)", re.IGNORECASE)


def is_authority(value: bytes) -> bool:
    """Whether `value` is uri-host [ ":" port ]."""
    if value in GOOD_AUTHORITIES:
        return True
    if value[:1] == b"[":
        match = _IP_LITERAL.fullmatch(value)
        if match is None:
            return False
        if match[1] is not None:
            try:
                socket.inet_pton(socket.AF_INET6, match[1].decode())
            except OSError:
                return False
    elif _REG_NAME.fullmatch(value) is None or _BAD_PERCENT.search(value) is not None:
        return False
    if len(value) <= _GOOD_HOST_SIZE:
        if len(GOOD_AUTHORITIES) >= _GOOD_AUTHORITIES_MAX:
            GOOD_AUTHORITIES.clear()
        GOOD_AUTHORITIES.add(value)
    return True


def other_version(word: bytes) -> str:
    """Parse a version other than 1.0 and 1.1. A higher minor version counts as 1.1. Raises RequestRejected."""
    match = _VERSION.fullmatch(word)
    if match is None:
        raise RequestRejected(400, "malformed HTTP version")
    if match[1] != b"1":
        raise RequestRejected(505, "HTTP version not supported")
    return "1.1"


def other_method(name: bytes) -> str:
    """Check a method that is not common: any token, but not a common method in lower case (RFC 9110 section 9.1)."""
    if not name or name.strip(TOKEN_CHARS):
        raise RequestRejected(400, "the method is not a token")
    if name.upper() in METHODS:
        raise RequestRejected(501, "unknown method: methods are case-sensitive")
    return name.decode("ascii")


def split_absolute_form(text: str, method: str) -> tuple[bytes, str]:
    """Split a target in absolute-form into its authority, and its path and query (RFC 9112 section 3.2.2)."""
    match = _ABSOLUTE_FORM.fullmatch(text)
    if match is None:
        raise RequestRejected(400, "the request target is neither a path nor an http URI")
    authority, path = match[1].encode(), match[2]
    if authority[:1] in (b"", b":") or not is_authority(authority):
        # The host of an http URI is not empty (RFC 9110 section 4.2.1).
        raise RequestRejected(400, "malformed authority in the target")
    if path[:1] == "/":
        return authority, path
    # Without a path, OPTIONS asks for the server itself (RFC 9112 section 3.2.4).
    return authority, "*" if method == "OPTIONS" and not path else "/" + path


def replace_host(fields: list[tuple[bytes, bytes]], authority: bytes) -> list[tuple[bytes, bytes]]:
    """Replace the value of Host by the authority of a target in absolute-form (RFC 9112 section 3.2.2)."""
    if all(name != b"host" for name, _ in fields):
        # HTTP/1.0 may have no Host field. It is added as the first one (RFC 9110 section 7.2).
        return [(b"host", authority), *fields]
    return [(name, authority if name == b"host" else value) for name, value in fields]


def is_same_host(authority: bytes, host: bytes, secure: bool) -> bool:
    """Whether Host and `:authority` are equivalent (RFC 9113 section 8.3.1, RFC 3986 section 6.2.3)."""
    port = b":443" if secure else b":80"
    first, second = (value.lower().removesuffix(port).removesuffix(b":") for value in (authority, host))
    return first == second
