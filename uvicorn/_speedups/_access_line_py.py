"""Formats access lines: one source, run as it is or compiled as `_access_line_c`.

The formatter of the access log alone knows what a stock line looks like: it formats one, which is split at the
arguments. Any other line is made of parts, as a format says.
"""

import binascii
from collections.abc import Callable
from time import gmtime, localtime, strftime, time
from typing import Any

from uvicorn._speedups._scan_py import is_plain_path, is_plain_query, is_plain_text
from uvicorn._speedups.atoms import (
    CLIENT,
    DECIMAL_SECONDS,
    METHOD,
    MICROSECONDS,
    MILLISECONDS,
    PATH,
    QUERY,
    REQUEST_FIELD,
    RESPONSE_FIELD,
    SECONDS,
    SIZE,
    SIZE_OR_DASH,
    STATUS,
    TEXT,
    TIME,
    TIME_IN_JSON,
    USER,
    VERSION,
)

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
        """The part of a line that follows the path."""
        ending = f"{self.before_version}{version}{self.make_ending(status)}"
        self.endings.setdefault(version, {})[status] = ending
        return ending


# How bytes that are not plain text are written between quotes.
_TEXT_ESCAPES = {code: f"\\x{code:02x}" for code in range(256) if not is_plain_text(chr(code))} | {
    ord('"'): '\\"',
    ord("\\"): "\\\\",
}
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# The ends of a time of day in JSON, by milliseconds.
_MILLISECONDS = tuple([f".{number:03d}Z" for number in range(1000)])


def quote_text(text: str) -> str:
    """A text that a client has sent, in Latin-1, escaped so that it cannot end a quotation."""
    if is_plain_text(text):
        return text
    # An application may have put anything into its scope.
    return text.translate(_TEXT_ESCAPES).encode("ascii", "backslashreplace").decode("ascii")


class Part:
    """A part of a line: text, or what `kind` says, of the field `name`."""

    __slots__ = ("kind", "name", "text")

    def __init__(self, kind: int, text: str = "", name: bytes = b"") -> None:
        self.kind = kind
        self.text = text
        self.name = name


class LineOfParts:
    """A line in a format of the user's.

    Args:
        parts: each a `Part`.
        quote_json: makes a string of JSON, where values are such, and null if they are missing; else they are "-".
        at_end: whether lines are written at the end of the response.
        needs_headers: whether they show headers of the response.
    """

    def __init__(self, parts: list[Any], quote_json: Any, at_end: bool, needs_headers: bool) -> None:
        self.parts = parts
        self.quote_json = quote_json
        self.at_end = at_end
        self.needs_headers = needs_headers
        self.missing = "-" if quote_json is None else "null"
        # The second for which the text of the time was made.
        self.second = -1
        self.time = ""

    def format(self, scope: Any, response: Any) -> str:
        """The line of a response: ASCII.

        Args:
            scope: of the request.
            response: its status; at its end, what the client was given (`uvicorn._speedups.Outcome`).
        """
        micros = 0
        size = -1
        headers: Any = ()
        status = response
        if self.at_end:
            status = response.status
            size = response.sent
            headers = response.headers
            micros = int(response.duration * 1e6)
        texts = []
        for part in self.parts:
            kind = part.kind
            if kind == TEXT:
                text = part.text
            elif kind == STATUS:
                text = str(status)
            elif kind == SIZE:
                text = self.missing if size < 0 else str(size)
            elif kind == SIZE_OR_DASH:
                text = self.missing if size <= 0 else str(size)
            elif kind == REQUEST_FIELD:
                text = self._field(scope["headers"], part.name)
            elif kind >= SECONDS and kind <= DECIMAL_SECONDS:
                text = _duration(kind, micros)
            elif kind == RESPONSE_FIELD:
                text = self._field(headers, part.name)
            else:
                text = self._of_request(kind, scope)
            texts.append(text)
        return "".join(texts)

    def _of_request(self, kind: int, scope: Any) -> str:
        if kind == TIME or kind == TIME_IN_JSON:  # noqa: SIM109  # in C a tuple is made for it
            return self._now(kind)
        if kind == CLIENT:
            client = scope.get("client")
            return self._quote(client[0]) if client else self.missing
        if kind == USER:
            return self._user(scope["headers"])
        if kind == METHOD:
            return self._quote(scope.get("method", "GET"))
        if kind == PATH:
            return self._quote(quote_path(scope["path"]))
        if kind == VERSION:
            return self._quote("HTTP/" + scope["http_version"])
        query = quote_query(scope["query_string"])
        if kind == QUERY:
            return self._quote(query)
        # REQUEST_LINE. A WebSocket has no method.
        method, version = scope.get("method", "GET"), scope["http_version"]
        path = quote_path(scope["path"])
        target = f"{path}?{query}" if query else path
        return self._quote(f"{method} {target} HTTP/{version}")

    def _quote(self, text: str) -> str:
        if self.quote_json is not None:
            return self.quote_json(text)  # type: ignore[no-any-return]  # a str
        return quote_text(text)

    def _field(self, headers: Any, name: bytes) -> str:
        """The value of the first field of a name."""
        for header in headers:
            key, value = header
            if key == name or (len(key) == len(name) and bytes(key).lower() == name):
                return self._quote(bytes(value).decode("latin-1"))
        return self.missing

    def _user(self, headers: Any) -> str:
        """The name in the credentials of the scheme Basic (RFC 7617)."""
        for name, value in headers:
            if name == b"authorization" and value[:6].lower() == b"basic ":
                try:
                    user = binascii.a2b_base64(value[6:]).partition(b":")[0]
                except ValueError:
                    break
                return self._quote(user.decode("latin-1")) if user else self.missing
        return self.missing

    def _now(self, kind: int) -> str:
        now = time()
        second = int(now)
        if second != self.second:
            self.second = second
            if kind == TIME:
                local = localtime(second)
                # strftime would name the month in the language of the locale.
                self.time = strftime(f"[%d/{_MONTHS[local.tm_mon - 1]}/%Y:%H:%M:%S %z]", local)
            else:
                self.time = strftime("%Y-%m-%dT%H:%M:%S", gmtime(second))
        if kind == TIME:
            return self.time
        return f'"{self.time}{_MILLISECONDS[int((now - second) * 1000)]}"'


def _duration(kind: int, micros: int) -> str:
    if kind == MICROSECONDS:
        return str(micros)
    if kind == MILLISECONDS:
        return str(micros // 1000)
    if kind == SECONDS:
        return str(micros // 1000000)
    return f"{micros // 1000000}.{micros % 1000000:06d}"
