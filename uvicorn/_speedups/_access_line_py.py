"""Formats access lines: one source, run as it is or compiled as `_access_line_c`.

The formatter of the access log alone knows what a line looks like: it formats one, which is split at the arguments.
"""

from collections.abc import Callable
from typing import Any

from uvicorn._speedups._scan_py import is_plain_path, is_plain_query

# How each byte is logged. In a path as `urllib.parse.quote` has it; in a query all of printable ASCII stays but the
# space: RFC 3986 section 3.4, and the other punctuation that clients send.
_PATH_ESCAPES = tuple(chr(code) if is_plain_path(chr(code)) else f"%{code:02X}" for code in range(256))
_QUERY_ESCAPES = tuple(chr(code) if is_plain_query(chr(code)) else f"%{code:02X}" for code in range(256))

# Clients whose part of a line is kept.
_CLIENTS_MAX = 1024


def quote_path(path: str) -> str:
    """A path, percent-encoded again, whatever an application has made of it."""
    if type(path) is str and is_plain_path(path):
        return path
    return path.encode("utf-8", "replace").decode("latin-1").translate(_PATH_ESCAPES)


def quote_query(query: bytes) -> str:
    """The bytes of a query as they came, those percent-encoded that are not printable ASCII."""
    text = query.decode("latin-1")
    return text if is_plain_query(text) else text.translate(_QUERY_ESCAPES)


class AccessLineFormat:
    """The parts of a line that are the same for all requests.

    Args:
        parts: what stands in front of the client, the method, the path and the version.
        make_ending: gives what stands behind the version.
    """

    def __init__(self, parts: list[str], make_ending: Callable[[int], str]) -> None:
        self.opening, self.before_method, self.before_path, self.before_version = parts
        self.make_ending = make_ending
        # The beginning of a line by client, and its end by version and status.
        self.beginnings: dict[Any, str] = {}
        self.endings: dict[str, dict[int, str]] = {}

    def format(self, scope: Any, status: int) -> str | None:
        """The line of a response, None if it is not ASCII."""
        method = scope["method"]
        path = quote_path(scope["path"])
        query = scope["query_string"]
        if query:
            path = f"{path}?{quote_query(query)}"
        client = scope.get("client")
        beginning = self.beginnings.get(client) if type(client) is tuple else None
        if beginning is None:
            beginning = self._begin(client)
        endings = self.endings.get(scope["http_version"])
        ending = None if endings is None else endings.get(status)
        if ending is None:
            ending = self._end(scope["http_version"], status)
        line = f"{beginning}{method}{self.before_path}{path}{ending}"
        return line if line.isascii() else None

    def _begin(self, client: Any) -> str:
        """A line up to the method."""
        address = ""
        if client:
            host, port = client
            address = f"{host}:{port}"
        beginning = f"{self.opening}{address}{self.before_method}"
        if type(client) is tuple:
            if len(self.beginnings) >= _CLIENTS_MAX:
                self.beginnings.clear()
            self.beginnings[client] = beginning
        return beginning

    def _end(self, version: str, status: int) -> str:
        """A line from behind the path."""
        ending = f"{self.before_version}{version}{self.make_ending(status)}"
        self.endings.setdefault(version, {})[status] = ending
        return ending
