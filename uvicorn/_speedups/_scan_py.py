"""The few loops over bytes that are written twice: one source, run as it is or compiled as `_scan_c`.

In C a loop over bytes takes a third of the instructions that the methods of bytes do, or fewer; in Python it takes many
times as many. So each function here has two bodies, and a property test compares them. Apart from this module, only
that of WebSocket payloads asks whether it is compiled.
"""

import struct

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

COMPILED = not __name__.endswith("_py")

# Up to this many bytes, a loop of ours is faster than a call of bytes.find.
_NEAR = 128

# 1 for each byte that a token may have (RFC 9110 section 5.6.2).
_TOKEN_TABLE = bytes(byte in TOKEN_CHARS for byte in range(256))

# 1 for each ASCII character that a path is logged with as it is.
_PATH_TABLE = bytes(PLAIN_PATH.fullmatch(chr(code)) is not None for code in range(128))

# The head of a frame of HTTP/2 (RFC 9113 section 4.1), with the first byte of its length apart.
_FRAME_HEAD = struct.Struct(">BHBBL")


def cut(data: bytes, start: int, stop: int) -> bytes:
    """`data[start:stop]`, where 0 <= start <= stop <= len(data), in a tenth of the instructions of Cython's slice."""
    buf = data
    return buf[start:stop]


def join(parts: list[bytes]) -> bytes:
    """b"".join(parts), for parts that are bytes, in half of the instructions."""
    if COMPILED:  # pragma: no cover - never true where coverage can see it
        return join_in_c(parts)  # type: ignore[name-defined,no-any-return]  # noqa: F821  # in the .pxd
    return b"".join(parts)


def find_byte(data: bytes, byte: int, start: int, stop: int) -> int:
    """The index of the first `byte` in `data[start:stop]`, -1 if there is none."""
    if COMPILED:  # pragma: no cover - never true where coverage can see it
        buf = data
        near = stop if stop - start <= _NEAR else start + _NEAR
        for i in range(start, near):
            if buf[i] == byte:
                return i
        return -1 if near == stop else data.find(byte, near, stop)
    return data.find(byte, start, stop)


def find_path_end(target: bytes) -> int:
    """The index at which the path of a target in origin-form ends (RFC 9112 section 3.2.1), -1 for another form."""
    if COMPILED:  # pragma: no cover - never true where coverage can see it
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
    """The index of the colon after a field name that begins at `start`; -1 if no token with a colon is there."""
    if COMPILED:  # pragma: no cover - never true where coverage can see it
        buf = data
        table = _TOKEN_TABLE
        for i in range(start, stop):
            if not table[buf[i]]:
                return i if buf[i] == 58 and i > start else -1
        return -1
    match = TOKEN.match(data, start, stop)
    return -1 if match is None or data[match.end() : match.end() + 1] != b":" or match.end() >= stop else match.end()


def is_field_value(data: bytes, start: int, stop: int) -> bool:
    """Whether `data[start:stop]` has no control character but HTAB (RFC 9110 section 5.5)."""
    if COMPILED:  # pragma: no cover - never true where coverage can see it
        buf = data
        bad = 0
        # Without an early exit, the compiler checks 16 bytes at a time.
        for i in range(start, stop):
            bad |= ((buf[i] < 32) & (buf[i] != 9)) | (buf[i] == 127)
        return not bad
    return FORBIDDEN_IN_VALUE.search(data, start, stop) is None


def parse_hex(data: bytes, start: int, stop: int) -> int:
    """The number that `data[start:stop]` is in hexadecimal; -1 if it is none, or has more than 15 digits."""
    if COMPILED:  # pragma: no cover - never true where coverage can see it
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
    """Whether a path is logged as it is."""
    if COMPILED:  # pragma: no cover - never true where coverage can see it
        table = _PATH_TABLE
        for c in text:  # noqa: SIM110  # a generator would not become a loop in C
            if ord(c) >= 128 or not table[ord(c)]:
                return False
        return True
    return PLAIN_PATH.fullmatch(text) is not None


def is_plain_query(text: str) -> bool:
    """Whether a query is logged as it is: all of it is printable ASCII, and nothing is a space."""
    if COMPILED:  # pragma: no cover - never true where coverage can see it
        for c in text:  # noqa: SIM110  # a generator would not become a loop in C
            if not 32 < ord(c) < 127:
                return False
        return True
    return PLAIN_QUERY.fullmatch(text) is not None


def is_plain_text(text: str) -> bool:
    """Whether a text may stand between quotes as it is: printable ASCII, without a quote or a backslash."""
    if COMPILED:  # pragma: no cover - never true where coverage can see it
        for c in text:  # noqa: SIM110  # a generator would not become a loop in C
            if not 32 <= ord(c) < 127 or ord(c) == 34 or ord(c) == 92:
                return False
        return True
    return PLAIN_TEXT.fullmatch(text) is not None


def frame_head(length: int, kind: int, flags: int, stream: int) -> bytes:
    """The head of a frame of HTTP/2 (RFC 9113 section 4.1)."""
    if COMPILED:  # pragma: no cover - never true where coverage can see it
        # The bytes are written into a new object: no call into Python, no copy.
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
    """The 32-bit number at `data[start:start + 4]`."""
    if COMPILED:  # pragma: no cover - never true where coverage can see it
        buf = data
        number = 0
        for i in range(start, start + 4):
            number = number << 8 | buf[i]
        return number
    return int.from_bytes(data[start : start + 4], "big")
