"""Converts what applications send to bytes."""

from typing import Any


def as_bytes(value: Any, what: str) -> bytes:
    """Copy a buffer of any type, item size and shape.

    Args:
        value: the buffer.
        what: what the value is, for the error.

    Raises:
        TypeError: the value is not a buffer.
    """
    try:
        # `bytes(value)` would call the `__bytes__` of a subclass.
        return memoryview(value).tobytes()
    except TypeError:
        raise TypeError(f"{what} must be bytes, got {type(value).__name__}: {value!r}") from None
