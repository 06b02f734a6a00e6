"""What applications send as bytes."""

from typing import Any


def as_bytes(value: Any, what: str) -> bytes:
    """The bytes of a buffer of any type, item size and shape.

    Raises:
        TypeError: it is no buffer; the message begins with `what`.
    """
    try:
        # Not bytes(value): a subclass of bytes may have a __bytes__ of its own.
        return memoryview(value).tobytes()
    except TypeError:
        raise TypeError(f"{what} must be bytes, got {type(value).__name__}: {value!r}") from None
