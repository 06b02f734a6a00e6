"""The HTTP protocol classes under test: each judge on each build of the speedups."""

import functools
from typing import Any

from uvicorn import _speedups
from uvicorn.importer import import_from_string

PUBLIC = {
    "h11": "uvicorn.protocols.http.h11_impl:H11Protocol",
    "httptools": "uvicorn.protocols.http.httptools_impl:HttpToolsProtocol",
}


@functools.cache
def protocol_class(parser: str, build: str) -> Any:
    """A subclass of the public class that takes its speedups from the given build, whichever was chosen at import.

    Raises:
        ImportError: the parser or the build is missing.
    """
    speedups = _speedups.load(build)
    base = import_from_string(PUBLIC[parser])
    # `base` has slots. Without slots here, instances would be searched for hooks, which takes another code path.
    namespace = {
        "__slots__": (),
        "request_reader_class": speedups.RequestReader,
        "response_framer_class": speedups.ResponseFramer,
    }
    return type(f"{build.title()}{base.__name__}", (base,), namespace)
