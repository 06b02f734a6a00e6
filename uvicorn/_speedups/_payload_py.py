"""Payloads of WebSocket frames (RFC 6455 section 5). This source runs as it is, and compiled as `_payload_c`.

As in `_scan_py.py`, each function has two bodies, and a property test compares them. The C bodies unmask eight bytes at
a time, straight into the object that the application gets, and make a frame with one allocation and one copy. Python
cannot do that. The Python bodies use the C function of the package `websockets` for masks, if it is installed.

Callers pass indexes of existing bytes: 0 <= start <= stop <= len(data).
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    # Cython takes the name from _payload_c.pxd.
    from uvicorn._speedups import c_payload  # noqa: TC004  # only the compiled bodies use it

COMPILED = not __name__.endswith("_py")

# The second byte of a frame whose length is in the next 2, or in the next 8 bytes.
_LENGTH_IN_2, _LENGTH_IN_8 = 126, 127

ApplyMask = Callable[[bytes, bytes], bytes]

_apply_mask: ApplyMask | None = None


def unmask(data: bytes, start: int, stop: int, mask: int) -> bytes:
    """Unmask `data[start:stop]`. The first byte of the mask is the highest byte of `mask`."""
    if COMPILED:  # pragma: no cover - coverage is measured on the pure build
        return c_payload.unmask_into_bytes(data, start, stop, mask)
    return _choose_apply_mask()(data[start:stop], mask.to_bytes(4, "big"))


def unmask_text(data: bytes, start: int, stop: int, mask: int) -> str | bytes:
    """Unmask `data[start:stop]` to a str if it is ASCII, otherwise to bytes."""
    if COMPILED:  # pragma: no cover - coverage is measured on the pure build
        return c_payload.unmask_into_text(data, start, stop, mask)
    payload = _choose_apply_mask()(data[start:stop], mask.to_bytes(4, "big"))
    try:
        return payload.decode("ascii")
    except UnicodeDecodeError:
        return payload


def new_message(size: int, text: bool) -> Any:
    """Make an object into which a message is unmasked in parts.

    Args:
        size: the length of the message in bytes, at least one.
        text: whether the message is text. It must then be ASCII.
    """
    if COMPILED:  # pragma: no cover - coverage is measured on the pure build
        return c_payload.new_text(size) if text else c_payload.new_bytes(size)
    return bytearray(size)


def unmask_into(message: Any, place: int, data: bytes, start: int, stop: int, mask: int) -> bool:
    """Unmask `data[start:stop]` into a message.

    Args:
        message: a result of `new_message`. No other code may have it yet, because the object is changed.
        place: the position in the message.
        data, start, stop, mask: as for `unmask`.

    Returns:
        Whether the part is ASCII.
    """
    if COMPILED:  # pragma: no cover - coverage is measured on the pure build
        return c_payload.unmask_into_message(message, place, data, start, stop, mask)
    payload = unmask(data, start, stop, mask)
    message[place : place + stop - start] = payload
    return payload.isascii()


def take_message(message: Any, size: int, text: bool) -> Any:
    """Return the first `size` bytes of a message, as the str or bytes for the application."""
    taken = message if size == len(message) else message[:size]
    if COMPILED:  # pragma: no cover - coverage is measured on the pure build
        return taken
    return taken.decode("ascii") if text else bytes(taken)


def read_number(data: bytes, start: int, stop: int) -> int:
    """Read `data[start:stop]` as a number. It has at most 8 bytes, and its highest bit is zero."""
    if COMPILED:  # pragma: no cover - coverage is measured on the pure build
        buf = data
        number = 0
        for i in range(start, stop):
            number = number << 8 | buf[i]
        return number
    return int.from_bytes(data[start:stop], "big")


def frame(first: int, payload: bytes) -> bytes:
    """Make a frame, without a mask. `first` is its first byte."""
    if COMPILED:  # pragma: no cover - coverage is measured on the pure build
        return c_payload.new_frame(first, payload)
    size = len(payload)
    if size < _LENGTH_IN_2:
        return bytes((first, size)) + payload
    if size < 1 << 16:
        return bytes((first, _LENGTH_IN_2)) + size.to_bytes(2, "big") + payload
    return bytes((first, _LENGTH_IN_8)) + size.to_bytes(8, "big") + payload


def text_frame(first: int, text: str) -> bytes:
    """Make a frame of text. Raises UnicodeEncodeError for lone surrogates."""
    if COMPILED and text.isascii():  # pragma: no cover - coverage is measured on the pure build
        return c_payload.new_ascii_frame(first, text)
    return frame(first, text.encode())


def _choose_apply_mask() -> ApplyMask:
    """Choose the function of the Python bodies for masks. This waits for the first frame, because it may import."""
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
    """Unmask with one XOR of two large integers, which is the fastest way in pure Python."""
    size = len(data)
    repeated = mask * (size // 4) + mask[: size % 4]
    return (int.from_bytes(data, "little") ^ int.from_bytes(repeated, "little")).to_bytes(size, "little")
