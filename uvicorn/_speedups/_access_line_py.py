"""Formats the lines of the access log. This source runs as it is, and compiled as `_access_line_c`.

A line of the default format is made by `AccessLineFormat`: `uvicorn.access_log` lets the formatter of the log make one
line, and splits it at its arguments. A line of another format is made of parts, by `LineOfParts` (see
`uvicorn.access_format`).
"""

import binascii
from collections.abc import Callable
from time import gmtime, localtime, strftime, time
from typing import Any

from uvicorn._speedups._scan_py import find_field, is_plain_path, is_plain_query, is_plain_text, join_text
from uvicorn._speedups.atoms import (
    CLIENT,
    MAYBE_QUERY,
    METHOD,
    MICROSECONDS,
    MICROSECONDS_OF_DURATION,
    MILLISECONDS_OF_DURATION,
    MILLISECONDS_OF_TIME,
    OF_THE_END,
    OF_THE_TIME,
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
    USER,
    VERSION,
)

# How each byte is logged. A path is quoted as by `urllib.parse.quote`. In a query, printable ASCII except the space
# stays: RFC 3986 section 3.4 allows most of it, and clients send the rest too.
_PATH_ESCAPES = tuple(chr(code) if is_plain_path(chr(code)) else f"%{code:02X}" for code in range(256))
_QUERY_ESCAPES = tuple(chr(code) if is_plain_query(chr(code)) else f"%{code:02X}" for code in range(256))

# The beginnings of lines are kept for at most this many clients.
_CLIENTS_MAX = 1024


def quote_path(path: str) -> str:
    """Percent-encode a path. The result is ASCII, also if an application has changed the path."""
    if type(path) is str and is_plain_path(path):
        return path
    return path.encode("utf-8", "replace").decode("latin-1").translate(_PATH_ESCAPES)


def quote_query(query: bytes) -> str:
    """Percent-encode the bytes of a query that are not printable ASCII."""
    raw = query if type(query) is bytes else bytes(query)
    text = raw.decode("latin-1")
    return text if is_plain_query(text) else text.translate(_QUERY_ESCAPES)


class AccessLineFormat:
    """Makes lines of the default format.

    Args:
        parts: the texts before the client, the method, the path and the version.
        make_ending: returns the text after the version, for a status.
    """

    def __init__(self, parts: list[str], make_ending: Callable[[int], str]) -> None:
        self.opening, self.before_method, self.before_path, self.before_version = parts
        self.make_ending = make_ending
        # Client -> the beginning of a line; version -> status -> the end of a line.
        self.beginnings: dict[Any, str] = {}
        self.endings: dict[str, dict[int, str]] = {}

    def format(self, scope: Any, status: int) -> str | None:
        """Make the line of a response. None if it is not ASCII."""
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
        """Make the beginning of a line, up to the method."""
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
        """Make the end of a line, after the path."""
        ending = f"{self.before_version}{version}{self.make_ending(status)}"
        self.endings.setdefault(version, {})[status] = ending
        return ending


# The longest line and value that are kept for the next line.
_KEPT_MAX = 4096

# How characters that are not plain text are written between quotes.
_TEXT_ESCAPES = {code: f"\\x{code:02x}" for code in range(256) if not is_plain_text(chr(code))} | {
    ord('"'): '\\"',
    ord("\\"): "\\\\",
}
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# The numbers below 1000 as text: for a status, and for groups of digits of a fraction of a second.
_THREE_DIGITS = tuple([f"{number:03d}" for number in range(1000)])


def quote_text(text: str) -> str:
    """Escape a text of a client, decoded as Latin-1, so that it cannot end the quotes around it."""
    # An application can put any characters into its scope.
    return text.translate(_TEXT_ESCAPES).encode("ascii", "backslashreplace").decode("ascii")


class Part:
    """A part of a line.

    Args:
        kind: one of `uvicorn._speedups.atoms`.
        text: the text, for the kind TEXT.
        name: the name of the field in lower case, for the kinds of fields.
    """

    __slots__ = ("key", "kind", "name", "place", "text", "value")

    def __init__(self, kind: int, text: str = "", name: bytes = b"") -> None:
        self.kind = kind
        self.text = text
        self.name = name
        # Its index in the line.
        self.place = 0
        # The value of a field in this line, and the value whose text the last line had. If they are equal, the text is
        # used again.
        self.value: Any = None
        self.key: Any = None


class Fields:
    """The parts of a line that show header fields. If a field is repeated, the first one is shown.

    Args:
        parts: the parts.
    """

    def __init__(self, parts: list[Any]) -> None:
        self.parts = parts
        self.count = len(parts)
        self.names = tuple({part.name for part in parts})

    def find(self, headers: Any) -> None:
        """Set the values of the parts. The names of `headers` are in lower case."""
        fields = tuple(headers)
        missing = self.count
        for part in self.parts:
            # An error may have left one.
            part.value = None
        place = find_field(fields, self.names, 0)
        while place >= 0:
            name, value = fields[place]
            for part in self.parts:
                if part.value is None and name == part.name:
                    part.value = value
                    missing -= 1
            place = find_field(fields, self.names, place + 1) if missing else -1


class LineOfParts:
    """Makes lines of a format other than the default.

    The texts of a line are kept for the next line, which replaces those that differ.

    Args:
        parts: the parts of a line.
        escape: escapes a value that is not plain text, so that it cannot end the quotes around it.
        in_json: whether the line is JSON. Then a missing value is null, otherwise "-".
    """

    def __init__(self, parts: list[Any], escape: Callable[[str], str], in_json: bool) -> None:
        self.escape = escape
        self.in_json = in_json
        self.missing = "null" if in_json else "-"
        self.texts = [part.text for part in parts]
        for place, part in enumerate(parts):
            part.place = place
        of_request = [part for part in parts if part.kind in (REQUEST_FIELD, USER)]
        of_response = [part for part in parts if part.kind == RESPONSE_FIELD]
        self.fields_of_request = Fields(of_request)
        self.fields_of_response = Fields(of_response)
        self.parts = [part for part in parts if part.kind not in (TEXT, REQUEST_FIELD, RESPONSE_FIELD, USER)]
        kinds = {part.kind for part in parts}
        # Whether lines are written at the end of the response.
        self.at_end = not kinds.isdisjoint(OF_THE_END)
        self.has_headers = RESPONSE_FIELD in kinds
        self.has_time = not kinds.isdisjoint(OF_THE_TIME)
        # The second for which `time` was made, and the milliseconds of the present time.
        self.second = -1
        self.milliseconds = 0
        self.time = ""

    def format(self, exchange: Any, status: int) -> str:
        """Format the line of a response. It is ASCII.

        Args:
            exchange: the scope of the request, or the `uvicorn._speedups.Outcome` if the line is written at the end.
            status: the status code, if the line is written at the start of the response.
        """
        texts = self.texts
        micros = 0
        size = -1
        if self.at_end:
            outcome = exchange
            scope = outcome.scope
            status = outcome.status
            size = outcome.sent
            micros = int(outcome.duration * 1e6)
            if self.has_headers:
                # An application may write names in any case.
                headers = [(bytes(name).lower(), value) for name, value in outcome.headers]
                self._show_fields(self.fields_of_response, headers)
        else:
            scope = exchange
        if self.fields_of_request.count:
            self._show_fields(self.fields_of_request, scope["headers"])
        if self.has_time:
            self._read_clock()
        for part in self.parts:
            kind = part.kind
            if kind <= VERSION:
                if kind == CLIENT:
                    value = scope.get("client")
                elif kind == METHOD:
                    # A WebSocket has no method.
                    value = scope.get("method", "GET")
                else:
                    value = scope["http_version"]
                if value is part.key and value is not None:
                    continue
                text = self._show(part, value)
            elif kind == PATH:
                # A quoted path has no character that needs an escape.
                text = quote_path(scope["path"])
            elif kind <= MAYBE_QUERY:
                text = self._query(kind, scope["query_string"])
            else:
                text = self._value(kind, status, size, micros)
            texts[part.place] = text
        line = join_text(texts)
        if len(line) > _KEPT_MAX:
            self._forget()
        return line

    def _value(self, kind: int, status: int, size: int, micros: int) -> str:
        """Format a number or the time."""
        if kind == STATUS:
            return _THREE_DIGITS[status] if 100 <= status < 1000 else f"{status}"
        if kind == SIZE:
            return self.missing if size < 0 else f"{size}"
        if kind == SIZE_OR_DASH:
            return self.missing if size <= 0 else f"{size}"
        if kind == TIME:
            return self.time
        if kind == MILLISECONDS_OF_TIME:
            return _THREE_DIGITS[self.milliseconds]
        return _duration(kind, micros)

    def _query(self, kind: int, query: bytes) -> str:
        if not query:
            return ""
        return self._escape(quote_query(query if kind == QUERY else b"?" + query))

    def _escape(self, text: Any) -> str:
        return text if type(text) is str and is_plain_text(text) else self.escape(text)

    def _quote(self, text: str) -> str:
        """Format a value that is not missing."""
        text = self._escape(text)
        return f'"{text}"' if self.in_json else text

    def _show(self, part: Any, value: Any) -> str:
        """Format a client, a method or a version. The text is used again for the same object, which cannot change."""
        if part.kind != CLIENT:
            text = self._escape(value)
        else:
            text = self._quote(value[0]) if value else self.missing
        part.key = value if type(value) is tuple or type(value) is str else None
        return text

    def _show_fields(self, fields: Any, headers: Any) -> None:
        fields.find(headers)
        for part in fields.parts:
            value = part.value
            part.value = None
            if value is None:
                part.key = None
                self.texts[part.place] = self.missing
                continue
            field = value if type(value) is bytes else bytes(value)
            if field != part.key:
                text = self._user(field) if part.kind == USER else self._quote(field.decode("latin-1"))
                self.texts[part.place] = text
                part.key = field if len(field) <= _KEPT_MAX else None

    def _user(self, credentials: bytes) -> str:
        """Read the user name from credentials of the scheme Basic (RFC 7617)."""
        if credentials[:6].lower() != b"basic ":
            return self.missing
        try:
            user = binascii.a2b_base64(credentials[6:]).partition(b":")[0]
        except ValueError:
            return self.missing
        return self._quote(user.decode("latin-1")) if user else self.missing

    def _read_clock(self) -> None:
        now = time()
        second = int(now)
        self.milliseconds = int((now - second) * 1000)
        if second == self.second:
            return
        self.second = second
        if self.in_json:
            self.time = strftime("%Y-%m-%dT%H:%M:%S", gmtime(second))
        else:
            local = localtime(second)
            # strftime would write the month in the language of the locale.
            self.time = strftime(f"[%d/{_MONTHS[local.tm_mon - 1]}/%Y:%H:%M:%S %z]", local)

    def _forget(self) -> None:
        """Drop the texts of a long line, because a client could make them use much memory."""
        for part in [*self.parts, *self.fields_of_request.parts, *self.fields_of_response.parts]:
            part.key = None
            self.texts[part.place] = ""


def _duration(kind: int, micros: int) -> str:
    if kind == SECONDS:
        return f"{micros // 1000000}"
    if kind == MILLISECONDS_OF_DURATION:
        return _THREE_DIGITS[micros // 1000 % 1000]
    if kind == MICROSECONDS_OF_DURATION:
        return _THREE_DIGITS[micros % 1000]
    if kind == MICROSECONDS:
        return f"{micros}"
    return f"{micros // 1000}"
