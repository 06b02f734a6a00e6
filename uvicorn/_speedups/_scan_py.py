"""Loops over bytes. This source runs as it is, and compiled as `_scan_c`.

In C, a loop over bytes takes at most a third of the instructions that the methods of bytes take. In Python, it takes
many times as many. So each function here has two bodies, one for each build, and a property test compares them. All
other compiled modules have one body, except `_payload_py.py` and one function of `_response_py.py`.
"""

import struct
from typing import TYPE_CHECKING, Any

from uvicorn._speedups.tables import (
    FORBIDDEN_IN_VALUE,
    HEX_NUMBER,
    ORIGIN_FORM,
    PLAIN_PATH,
    PLAIN_QUERY,
    PLAIN_TEXT,
    TOKEN,
    TOKEN_CHARS,
)

if TYPE_CHECKING:
    # Cython takes the name from _scan_c.pxd.
    from uvicorn._speedups import c_text  # noqa: TC004  # only the compiled bodies have it at run time

COMPILED = not __name__.endswith("_py")

# Up to this many bytes, a loop in C is faster than a call of bytes.find.
_NEAR = 128

# 1 for each byte that a token may have (RFC 9110 section 5.6.2).
_TOKEN_TABLE = bytes(byte in TOKEN_CHARS for byte in range(256))

# 1 for each ASCII character that the access log shows unchanged in a path, in a query and between quotes.
_PATH_TABLE, _QUERY_TABLE, _TEXT_TABLE = (
    bytes(plain.fullmatch(chr(code)) is not None for code in range(128))
    for plain in (PLAIN_PATH, PLAIN_QUERY, PLAIN_TEXT)
)

# The head of a frame of HTTP/2 (RFC 9113 section 4.1): the 24 bits of the length are one byte and two.
_FRAME_HEAD = struct.Struct(">BHBBL")


def cut(data: bytes, start: int, stop: int) -> bytes:
    """Return `data[start:stop]`, where 0 <= start <= stop <= len(data). Cython's own slice takes ten times as long."""
    buf = data
    return buf[start:stop]


def join(parts: list[bytes]) -> bytes:
    """Return b"".join(parts). All parts must be bytes, not subclasses; so the C body takes half of the instructions."""
    if COMPILED:  # pragma: no cover - coverage is measured on the pure build
        return join_in_c(parts)  # type: ignore[name-defined,no-any-return]  # noqa: F821  # in the .pxd
    return b"".join(parts)


def join_text(parts: list[str]) -> str:
    """ "".join(parts), in half of the instructions for parts that are ASCII."""
    if COMPILED:  # pragma: no cover - coverage is measured on the pure build
        return c_text.join_text(parts)
    return "".join(parts)


def find_field(fields: tuple[Any, ...], names: tuple[bytes, ...], start: int) -> int:
    """The index of the first field from `start` on whose name is one of `names`, -1 if there is none."""
    if COMPILED:  # pragma: no cover - coverage is measured on the pure build
        return c_text.find_field(fields, names, start)
    for place in range(start, len(fields)):
        if fields[place][0] in names:
            return place
    return -1


def find_byte(data: bytes, byte: int, start: int, stop: int) -> int:
    """Find the first `byte` in `data[start:stop]`. Returns its index in `data`, or -1."""
    if COMPILED:  # pragma: no cover - coverage is measured on the pure build
        buf = data
        near = stop if stop - start <= _NEAR else start + _NEAR
        for i in range(start, near):
            if buf[i] == byte:
                return i
        return -1 if near == stop else data.find(byte, near, stop)
    return data.find(byte, start, stop)


def find_path_end(target: bytes) -> int:
    """Return the length of the path of a target in origin-form (RFC 9112 section 3.2.1); -1 for another form."""
    if COMPILED:  # pragma: no cover - coverage is measured on the pure build
        buf = target
        size = len(target)
        if not size or buf[0] != 47:
            return -1
        path = size
        for i in range(size):
            if buf[i] <= 32 or buf[i] >= 127 or buf[i] == 35:
                return -1
            if buf[i] == 63 and path == size:
                path = i
        return path
    match = ORIGIN_FORM.fullmatch(target)
    return -1 if match is None else match.end(1)


def find_colon(data: bytes, start: int, stop: int) -> int:
    """Find the colon after a field name that begins at `start`. Returns its index, or -1 if there is no such name."""
    if COMPILED:  # pragma: no cover - coverage is measured on the pure build
        buf = data
        table = _TOKEN_TABLE
        for i in range(start, stop):
            if not table[buf[i]]:
                return i if buf[i] == 58 and i > start else -1
        return -1
    match = TOKEN.match(data, start, stop)
    return -1 if match is None or data[match.end() : match.end() + 1] != b":" or match.end() >= stop else match.end()


def is_field_value(data: bytes, start: int, stop: int) -> bool:
    """Whether `data[start:stop]` has no control characters except HTAB (RFC 9110 section 5.5)."""
    if COMPILED:  # pragma: no cover - coverage is measured on the pure build
        buf = data
        bad = 0
        # The loop has no early exit, so that the compiler can check 16 bytes at a time.
        for i in range(start, stop):
            bad |= ((buf[i] < 32) & (buf[i] != 9)) | (buf[i] == 127)
        return not bad
    return FORBIDDEN_IN_VALUE.search(data, start, stop) is None


def parse_hex(data: bytes, start: int, stop: int) -> int:
    """Parse `data[start:stop]` as a hexadecimal number. -1 if it is not one, or has more than 15 digits."""
    if COMPILED:  # pragma: no cover - coverage is measured on the pure build
        buf = data
        if not 0 < stop - start <= 15:
            return -1
        number = 0
        for i in range(start, stop):
            c = buf[i]
            if 48 <= c <= 57:
                number = number * 16 + c - 48
            elif 97 <= c | 32 <= 102:
                number = number * 16 + (c | 32) - 87
            else:
                return -1
        return number
    digits = data[start:stop]
    return int(digits, 16) if HEX_NUMBER.fullmatch(digits) else -1


def is_plain_path(text: str) -> bool:
    """Whether the access log shows a path unchanged."""
    if COMPILED:  # pragma: no cover - coverage is measured on the pure build
        return c_text.is_plain(text, _PATH_TABLE)
    return PLAIN_PATH.fullmatch(text) is not None


def is_plain_query(text: str) -> bool:
    """Whether the access log shows a query unchanged: it is printable ASCII without spaces."""
    if COMPILED:  # pragma: no cover - coverage is measured on the pure build
        return c_text.is_plain(text, _QUERY_TABLE)
    return PLAIN_QUERY.fullmatch(text) is not None


def is_plain_text(text: str) -> bool:
    """Whether a text between quotes can stay unchanged: it is printable ASCII without a quote or a backslash."""
    if COMPILED:  # pragma: no cover - coverage is measured on the pure build
        return c_text.is_plain(text, _TEXT_TABLE)
    return PLAIN_TEXT.fullmatch(text) is not None


def frame_head(length: int, kind: int, flags: int, stream: int) -> bytes:
    """Make the head of a frame of HTTP/2 (RFC 9113 section 4.1)."""
    if COMPILED:  # pragma: no cover - coverage is measured on the pure build
        # The bytes are written into a new object, without a call of Python and without a copy.
        head: bytes = new_bytes(9)  # type: ignore[name-defined]  # noqa: F821  # in the .pxd
        buf = head
        buf[0] = length >> 16  # type: ignore[index]  # in C it is a pointer
        buf[1] = (length >> 8) & 255  # type: ignore[index]
        buf[2] = length & 255  # type: ignore[index]
        buf[3] = kind  # type: ignore[index]
        buf[4] = flags  # type: ignore[index]
        buf[5] = stream >> 24  # type: ignore[index]
        buf[6] = (stream >> 16) & 255  # type: ignore[index]
        buf[7] = (stream >> 8) & 255  # type: ignore[index]
        buf[8] = stream & 255  # type: ignore[index]
        return head
    return _FRAME_HEAD.pack(length >> 16, length & 65535, kind, flags, stream)


def get_uint32(data: bytes, start: int) -> int:
    """Read the 32-bit number `data[start:start + 4]`, most significant byte first."""
    if COMPILED:  # pragma: no cover - coverage is measured on the pure build
        buf = data
        number = 0
        for i in range(start, start + 4):
            number = number << 8 | buf[i]
        return number
    return int.from_bytes(data[start : start + 4], "big")
