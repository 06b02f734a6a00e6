"""Puts access lines together: one source, run as it is or compiled as `_access_line_c`.

What a line looks like, the formatter knows that would write it otherwise.
"""

import re
from collections.abc import Callable
from typing import Any

# What `urllib.parse.quote` changes in a path.
_find_quotable = re.compile(r"[^A-Za-z0-9_.~/-]").search


class AccessLineFormat:
    """The parts of a line that are the same for all requests.

    Args:
        parts: what stands in front of the client, the method, the path and the version.
        make_ending: gives what stands behind the version.
        quote: gives the path as it is logged, with the query.
    """

    def __init__(self, parts: list[str], make_ending: Callable[[int], str], quote: Callable[[Any], str]) -> None:
        self.opening, self.before_method, self.before_path, self.before_version = parts
        self.make_ending = make_ending
        self.quote = quote
        self.endings: dict[int, str] = {}

    def format(self, scope: Any, status: int) -> str | None:
        """The line of a response, None where it is not ASCII."""
        method = scope["method"]
        path = scope["path"]
        version = scope["http_version"]
        if scope["query_string"] or _find_quotable(path) is not None:
            path = self.quote(scope)
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
            f"{self.before_version}{version}{ending}"
        )
        return line if line.isascii() else None
