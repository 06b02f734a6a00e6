"""Formats of access lines, by the names that gunicorn gives to what a line may have, and compiled once."""

import os
import re
from collections.abc import Callable

from uvicorn._speedups import LineOfParts, Part, quote_text
from uvicorn._speedups import atoms as kinds

# What most tools that read logs know: the format of Apache and nginx.
COMBINED = '%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s"'

_ATOMS = {
    "h": kinds.CLIENT,
    "l": kinds.TEXT,
    "u": kinds.USER,
    "t": kinds.TIME,
    "r": kinds.REQUEST_LINE,
    "m": kinds.METHOD,
    "U": kinds.PATH,
    "q": kinds.QUERY,
    "H": kinds.VERSION,
    "s": kinds.STATUS,
    "B": kinds.SIZE,
    "b": kinds.SIZE_OR_DASH,
    "f": kinds.REQUEST_FIELD,
    "a": kinds.REQUEST_FIELD,
    "T": kinds.SECONDS,
    "M": kinds.MILLISECONDS,
    "D": kinds.MICROSECONDS,
    "L": kinds.DECIMAL_SECONDS,
    "p": kinds.TEXT,
}
_FIELDS = {"f": b"referer", "a": b"user-agent"}

# The keys of a line in JSON, in their order.
_KEYS = {
    "time": kinds.TIME_IN_JSON,
    "client": kinds.CLIENT,
    "method": kinds.METHOD,
    "path": kinds.PATH,
    "query": kinds.QUERY,
    "version": kinds.VERSION,
    "status": kinds.STATUS,
    "bytes": kinds.SIZE,
    "duration": kinds.DECIMAL_SECONDS,
    "request_id": kinds.REQUEST_FIELD,
    "user_agent": kinds.REQUEST_FIELD,
    "pid": kinds.TEXT,
}
_KEY_FIELDS = {"request_id": b"x-request-id", "user_agent": b"user-agent"}

_PLACE = re.compile(r"%(?:\((?P<name>[^()]*)\)s|(?P<percent>%))")
# A field of the request (i) or response (o), a variable of the environment (e).
_NAMED = re.compile(r"\{(?P<name>[^{}]+)\}(?P<where>[ioe])")

KNOWN = ", ".join([*(f"%({name})s" for name in _ATOMS), "%({name}i)s", "%({name}o)s", "%({name}e)s"])


class UnknownAtom(ValueError):
    """A format has a place that nothing is known for."""


def compile_format(text: str, ending: str = "") -> LineOfParts:
    """What makes the lines of a format.

    Args:
        text: "combined", "json" or a format.
        ending: of each line.

    Raises:
        UnknownAtom: the format is not valid.
    """
    quote_json: Callable[[str], str] | None = None
    if text == "json":
        from json.encoder import encode_basestring_ascii

        quote_json = encode_basestring_ascii
        parts = _parts_of_json()
    else:
        parts = _parts_of(COMBINED if text == "combined" else text)
    parts.append(Part(kinds.TEXT, ending))
    found = {part.kind for part in parts}
    at_end = not found.isdisjoint(kinds.OF_THE_END)
    return LineOfParts(_joined(parts), quote_json, at_end, kinds.RESPONSE_FIELD in found)


def _parts_of(text: str) -> list[Part]:
    parts: list[Part] = []
    end = 0
    for place in _PLACE.finditer(text):
        parts.append(Part(kinds.TEXT, _text(text[end : place.start()])))
        parts.append(Part(kinds.TEXT, "%") if place["percent"] else _atom(place["name"]))
        end = place.end()
    parts.append(Part(kinds.TEXT, _text(text[end:])))
    return parts


def _text(text: str) -> str:
    if "%" in text:
        raise UnknownAtom(f"{text[text.index('%') :]!r} is no atom; %% is a percent sign")
    if not (text.isascii() and text.isprintable()):
        raise UnknownAtom(f"{text!r} is not printable ASCII")
    return text


def _atom(name: str) -> Part:
    named = _NAMED.fullmatch(name)
    if named is None:
        if name not in _ATOMS:
            raise UnknownAtom(f"%({name})s is no atom")
        text = {"l": "-", "p": f"<{os.getpid()}>"}.get(name, "")
        return Part(_ATOMS[name], text, _FIELDS.get(name, b""))
    if named["where"] == "e":
        value = os.fsencode(os.environ.get(named["name"], "-"))
        return Part(kinds.TEXT, quote_text(value.decode("latin-1")))
    kind = kinds.REQUEST_FIELD if named["where"] == "i" else kinds.RESPONSE_FIELD
    return Part(kind, "", named["name"].lower().encode())


def _parts_of_json() -> list[Part]:
    parts: list[Part] = []
    for key, kind in _KEYS.items():
        parts.append(Part(kinds.TEXT, f'{", " if parts else "{"}"{key}": '))
        parts.append(Part(kind, str(os.getpid()) if kind == kinds.TEXT else "", _KEY_FIELDS.get(key, b"")))
    parts.append(Part(kinds.TEXT, "}"))
    return parts


def _joined(parts: list[Part]) -> list[Part]:
    """The parts, with what is text in one."""
    joined: list[Part] = []
    for part in parts:
        if part.kind != kinds.TEXT or not joined or joined[-1].kind != kinds.TEXT:
            joined.append(part)
        else:
            joined[-1] = Part(kinds.TEXT, joined[-1].text + part.text)
    return [part for part in joined if part.kind != kinds.TEXT or part.text]
