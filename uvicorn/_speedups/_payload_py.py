"""Payloads of WebSocket frames (RFC 6455 sections 5.2 and 5.3): one source, run as it is or compiled as `_payload_c`.

As in `_scan_py.py`, each function has two bodies, and a property test compares them. In C a mask is taken
off eight bytes at a time, straight into the object that the application gets, and a frame is one allocation and one
copy. Python cannot do either; there the mask is left to the C function of `websockets` if that is installed.

Callers pass indexes of existing bytes: 0 <= start <= stop <= len(data).
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    # Cython takes the name from _payload_c.pxd.
    from uvicorn._speedups import c_payload  # noqa: TC004  # only the compiled bodies have it at run time

COMPILED = not __name__.endswith("_py")

# The second byte of a frame whose length is in the 2 or the 8 bytes that follow.
_LENGTH_IN_2, _LENGTH_IN_8 = 126, 127

ApplyMask = Callable[[bytes, bytes], bytes]

_apply_mask: ApplyMask | None = None


def unmask(data: bytes, start: int, stop: int, mask: int) -> bytes:
    """`data[start:stop]` without its mask, of which the first byte is the highest of `mask`."""
    if COMPILED:  # pragma: no cover - never true where coverage can see it
        return c_payload.unmask_into_bytes(data, start, stop, mask)
    return _choose_apply_mask()(data[start:stop], mask.to_bytes(4, "big"))


def unmask_text(data: bytes, start: int, stop: int, mask: int) -> str | bytes:
    """The same, as a str if it is ASCII."""
    if COMPILED:  # pragma: no cover - never true where coverage can see it
        return c_payload.unmask_into_text(data, start, stop, mask)
    payload = _choose_apply_mask()(data[start:stop], mask.to_bytes(4, "big"))
    try:
        return payload.decode("ascii")
    except UnicodeDecodeError:
        return payload


def new_message(size: int, text: bool) -> Any:
    """An object into which a message of `size` bytes, at least one, is unmasked in pieces; `text` must be ASCII."""
    if COMPILED:  # pragma: no cover - never true where coverage can see it
        return c_payload.new_text(size) if text else c_payload.new_bytes(size)
    return bytearray(size)


def unmask_into(message: Any, place: int, data: bytes, start: int, stop: int, mask: int) -> bool:
    """Unmask `data[start:stop]` into a message, at `place`; whether it is ASCII. No other code has the message."""
    if COMPILED:  # pragma: no cover - never true where coverage can see it
        return c_payload.unmask_into_message(message, place, data, start, stop, mask)
    payload = unmask(data, start, stop, mask)
    message[place : place + stop - start] = payload
    return payload.isascii()


def take_message(message: Any, size: int, text: bool) -> Any:
    """The first `size` bytes of a message, which are unmasked, as what the application gets."""
    taken = message if size == len(message) else message[:size]
    if COMPILED:  # pragma: no cover - never true where coverage can see it
        return taken
    return taken.decode("ascii") if text else bytes(taken)


def read_number(data: bytes, start: int, stop: int) -> int:
    """The number that `data[start:stop]` is, at most 8 bytes of which the highest bit is zero."""
    if COMPILED:  # pragma: no cover - never true where coverage can see it
        buf = data
        number = 0
        for i in range(start, stop):
            number = number << 8 | buf[i]
        return number
    return int.from_bytes(data[start:stop], "big")


def frame(first: int, payload: bytes) -> bytes:
    """A server's frame with this first byte."""
    if COMPILED:  # pragma: no cover - never true where coverage can see it
        return c_payload.new_frame(first, payload)
    size = len(payload)
    if size < _LENGTH_IN_2:
        return bytes((first, size)) + payload
    if size < 1 << 16:
        return bytes((first, _LENGTH_IN_2)) + size.to_bytes(2, "big") + payload
    return bytes((first, _LENGTH_IN_8)) + size.to_bytes(8, "big") + payload


def text_frame(first: int, text: str) -> bytes:
    """The same, of text. Raises UnicodeEncodeError for lone surrogates."""
    if COMPILED and text.isascii():  # pragma: no cover - never true where coverage can see it
        return c_payload.new_ascii_frame(first, text)
    return frame(first, text.encode())


def _choose_apply_mask() -> ApplyMask:
    """The function that takes off masks in Python. Chosen at the first frame, to import nothing that is unused."""
    global _apply_mask
    if _apply_mask is None:
        try:
            from websockets.speedups import apply_mask
        except ImportError:
            _apply_mask = apply_mask_by_int
        else:
            _apply_mask = apply_mask
    return _apply_mask


def apply_mask_by_int(data: bytes, mask: bytes) -> bytes:
    """Unmask by one XOR of two large integers: the fastest way in pure Python."""
    size = len(data)
    repeated = mask * (size // 4) + mask[: size % 4]
    return (int.from_bytes(data, "little") ^ int.from_bytes(repeated, "little")).to_bytes(size, "little")
