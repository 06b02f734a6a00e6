"""Compiles the formats of `--access-log-format`. The placeholders (atoms) have the names that gunicorn uses."""

import os
import re
from json.encoder import encode_basestring_ascii

from uvicorn._speedups import LineOfParts, Part, quote_text
from uvicorn._speedups import atoms as kinds

# The format of Apache and nginx, which most tools can read.
COMBINED = '%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s"'

# A placeholder for the id of the process, which is known only when a worker has started.
_PROCESS_ID = -1

# Atom -> its parts: kinds and texts.
_ATOMS: dict[str, tuple[int | str, ...]] = {
    "h": (kinds.CLIENT,),
    "l": ("-",),
    "u": (kinds.USER,),
    "t": (kinds.TIME,),
    "r": (kinds.METHOD, " ", kinds.PATH, kinds.MAYBE_QUERY, " HTTP/", kinds.VERSION),
    "m": (kinds.METHOD,),
    "U": (kinds.PATH,),
    "q": (kinds.QUERY,),
    "H": ("HTTP/", kinds.VERSION),
    "s": (kinds.STATUS,),
    "B": (kinds.SIZE,),
    "b": (kinds.SIZE_OR_DASH,),
    "f": (kinds.REQUEST_FIELD,),
    "a": (kinds.REQUEST_FIELD,),
    "T": (kinds.SECONDS,),
    "M": (kinds.MILLISECONDS,),
    "D": (kinds.MICROSECONDS,),
    "L": (kinds.SECONDS, ".", kinds.MILLISECONDS_OF_DURATION, kinds.MICROSECONDS_OF_DURATION),
    "p": ("<", _PROCESS_ID, ">"),
}
# Atom -> its header field.
_FIELDS = {"u": b"authorization", "f": b"referer", "a": b"user-agent"}

# The keys of a JSON line in their order -> kinds and texts. Clients and fields can be missing, so quotes are added
# later.
_KEYS: dict[str, tuple[int | str, ...]] = {
    "time": ('"', kinds.TIME, ".", kinds.MILLISECONDS_OF_TIME, 'Z"'),
    "client": (kinds.CLIENT,),
    "method": ('"', kinds.METHOD, '"'),
    "path": ('"', kinds.PATH, '"'),
    "query": ('"', kinds.QUERY, '"'),
    "version": ('"HTTP/', kinds.VERSION, '"'),
    "status": (kinds.STATUS,),
    "bytes": (kinds.SIZE,),
    "duration": _ATOMS["L"],
    "request_id": (kinds.REQUEST_FIELD,),
    "user_agent": (kinds.REQUEST_FIELD,),
    "pid": (_PROCESS_ID,),
}
_KEY_FIELDS = {"request_id": b"x-request-id", "user_agent": b"user-agent"}

_PLACE = re.compile(r"%(?:\((?P<name>[^()]*)\)s|(?P<percent>%))")
# A field of the request (i) or of the response (o), or an environment variable (e).
_NAMED = re.compile(r"\{(?P<name>[^{}]+)\}(?P<where>[ioe])")

KNOWN = ", ".join([*(f"%({name})s" for name in _ATOMS), "%({name}i)s", "%({name}o)s", "%({name}e)s"])


class UnknownAtom(ValueError):
    """A format has an unknown placeholder, or a character that is not printable ASCII."""


def compile_format(text: str, ending: str = "") -> LineOfParts:
    """Compile a format.

    Args:
        text: "combined", "json" or a format.
        ending: the text at the end of each line.

    Raises:
        UnknownAtom: the format is not valid.
    """
    escape = quote_text
    if text == "json":
        escape = _escape_json
        parts = _parts_of_json()
    else:
        parts = _parts_of(COMBINED if text == "combined" else text)
    parts.append(Part(kinds.TEXT, ending))
    return LineOfParts(_joined(parts), escape, text == "json")


def _escape_json(text: str) -> str:
    """Escape a text for the inside of a JSON string."""
    return encode_basestring_ascii(text)[1:-1]


def _parts_of(text: str) -> list[Part]:
    parts: list[Part] = []
    end = 0
    for place in _PLACE.finditer(text):
        parts.append(Part(kinds.TEXT, _text(text[end : place.start()])))
        parts += _make("%") if place["percent"] else _atom(place["name"])
        end = place.end()
    parts.append(Part(kinds.TEXT, _text(text[end:])))
    return parts


def _text(text: str) -> str:
    if "%" in text:
        raise UnknownAtom(f"{text[text.index('%') :]!r} is not an atom; %% is a percent sign")
    if not (text.isascii() and text.isprintable()):
        raise UnknownAtom(f"{text!r} is not printable ASCII")
    return text


def _atom(name: str) -> list[Part]:
    named = _NAMED.fullmatch(name)
    if named is None:
        if name not in _ATOMS:
            raise UnknownAtom(f"%({name})s is not an atom")
        return _make(*_ATOMS[name], field=_FIELDS.get(name, b""))
    if named["where"] == "e":
        value = os.fsencode(os.environ.get(named["name"], "-"))
        return _make(quote_text(value.decode("latin-1")))
    kind = kinds.REQUEST_FIELD if named["where"] == "i" else kinds.RESPONSE_FIELD
    return _make(kind, field=named["name"].lower().encode())


def _parts_of_json() -> list[Part]:
    parts: list[Part] = []
    for key, items in _KEYS.items():
        parts += _make(f'{", " if parts else "{"}"{key}": ', *items, field=_KEY_FIELDS.get(key, b""))
    return parts + _make("}")


def _make(*items: int | str, field: bytes = b"") -> list[Part]:
    """Make parts from kinds and texts. `field` is the name of the field for kinds of fields."""
    return [_make_part(str(os.getpid()) if item == _PROCESS_ID else item, field) for item in items]


def _make_part(item: int | str, field: bytes) -> Part:
    return Part(kinds.TEXT, item) if isinstance(item, str) else Part(item, "", field)


def _joined(parts: list[Part]) -> list[Part]:
    """Join neighbouring parts that are text."""
    joined: list[Part] = []
    for part in parts:
        if part.kind != kinds.TEXT or not joined or joined[-1].kind != kinds.TEXT:
            joined.append(part)
        else:
            joined[-1] = Part(kinds.TEXT, joined[-1].text + part.text)
    return [part for part in joined if part.kind != kinds.TEXT or part.text]
