"""Formats access lines: one source, run as it is or compiled as `_access_line_c`.

The formatter of the access log alone knows what a line looks like: it formats one, which is split at the arguments.
"""

import re
from collections.abc import Callable
from typing import Any

_find_unsafe = re.compile(r"[^A-Za-z0-9_.~/-]").search

# How each byte is logged. In a path as `urllib.parse.quote` has it; in a query all of printable ASCII stays but the
# space: RFC 3986 section 3.4, and the other punctuation that clients send.
_PATH_ESCAPES = tuple(f"%{code:02X}" if _find_unsafe(chr(code)) else chr(code) for code in range(256))
_QUERY_ESCAPES = tuple(chr(code) if 0x20 < code < 0x7F else f"%{code:02X}" for code in range(256))


def quote_path(path: str) -> str:
    """A path, percent-encoded again, whatever an application has made of it."""
    if _find_unsafe(path) is None:
        return path
    return path.encode("utf-8", "replace").decode("latin-1").translate(_PATH_ESCAPES)


def quote_query(query: bytes) -> str:
    """The bytes of a query as they came, those percent-encoded that are not printable ASCII."""
    text = query.decode("latin-1")
    if text.isascii() and text.isprintable() and " " not in text:
        return text
    return text.translate(_QUERY_ESCAPES)


class AccessLineFormat:
    """The parts of a line that are the same for all requests.

    Args:
        parts: what stands in front of the client, the method, the path and the version.
        make_ending: gives what stands behind the version.
    """

    def __init__(self, parts: list[str], make_ending: Callable[[int], str]) -> None:
        self.opening, self.before_method, self.before_path, self.before_version = parts
        self.make_ending = make_ending
        self.endings: dict[int, str] = {}

    def format(self, scope: Any, status: int) -> str | None:
        """The line of a response, None if it is not ASCII."""
        method = scope["method"]
        path = quote_path(scope["path"])
        query = scope["query_string"]
        if query:
            path = f"{path}?{quote_query(query)}"
        ending = self.endings.get(status)
        if ending is None:
            ending = self.endings[status] = self.make_ending(status)
        client = scope.get("client")
        address = ""
        if client:
            host, port = client
            address = f"{host}:{port}"
        line = (
            f"{self.opening}{address}{self.before_method}{method}{self.before_path}{path}"
            f"{self.before_version}{scope['http_version']}{ending}"
        )
        return line if line.isascii() else None
