"""The HTTP protocol classes under test: each judge on each half of the speedups."""

import functools
from typing import Any

from uvicorn import _speedups
from uvicorn.importer import import_from_string

PUBLIC = {
    "h11": "uvicorn.protocols.http.h11_impl:H11Protocol",
    "httptools": "uvicorn.protocols.http.httptools_impl:HttpToolsProtocol",
}


@functools.cache
def protocol_class(parser: str, half: str) -> Any:
    """A subclass of the public class that takes its leaves from one half, whichever was chosen at import.

    Raises:
        ImportError: the parser or the half is not there.
    """
    leaves = _speedups.load(half)
    base = import_from_string(PUBLIC[parser])
    # Without slots, it would have hooks assigned to the instance looked for, which is another way than that of `base`.
    namespace = {
        "__slots__": (),
        "request_reader_class": leaves.RequestReader,
        "response_framer_class": leaves.ResponseFramer,
    }
    return type(f"{half.title()}{base.__name__}", (base,), namespace)
