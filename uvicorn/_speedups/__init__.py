"""The code with two halves: plain Python, and the same source compiled.

`UVICORN_SPEEDUPS` chooses at import: `auto` (compiled where it is there), `off`, or `require` (an error without it).

Attributes:
    HALF: "compiled" or "pure".
    REASON: why this half runs.
"""

import importlib
import os
import sys
import warnings
from types import SimpleNamespace
from typing import TYPE_CHECKING

from uvicorn._speedups.facts import RequestRejected

if TYPE_CHECKING:
    from uvicorn._speedups._access_line_py import AccessLineFormat
    from uvicorn._speedups._chunked_py import ChunkedDecoder
    from uvicorn._speedups._request_py import RequestBuilder, RequestHead
    from uvicorn._speedups._response_py import ResponseFramer

__all__ = [
    "HALF",
    "REASON",
    "AccessLineFormat",
    "ChunkedDecoder",
    "RequestBuilder",
    "RequestHead",
    "RequestRejected",
    "ResponseFramer",
    "load",
]

# Module (without its half) -> the names it gives.
_MODULES = {
    "_access_line": ("AccessLineFormat",),
    "_chunked": ("ChunkedDecoder",),
    "_request": ("RequestBuilder", "RequestHead"),
    "_response": ("ResponseFramer",),
}
_SUFFIXES = {"compiled": "_c", "pure": "_py"}


def load(half: str) -> SimpleNamespace:
    """All names of one half, "compiled" or "pure".

    Raises:
        ImportError: the compiled half is not there, or broken.
    """
    names = SimpleNamespace()
    for module_name, exported in _MODULES.items():
        module = importlib.import_module(f"{__name__}.{module_name}{_SUFFIXES[half]}")
        for name in exported:
            setattr(names, name, getattr(module, name))
    return names


def _select() -> tuple[str, str, SimpleNamespace]:
    choice = os.environ.get("UVICORN_SPEEDUPS", "auto")
    if choice not in ("auto", "off", "require"):
        raise ImportError(f"UVICORN_SPEEDUPS is {choice!r}; it can be auto, off or require.")
    if choice == "off":
        return "pure", "UVICORN_SPEEDUPS=off", load("pure")
    if sys.implementation.name == "pypy":
        reason = "PyPy compiles the pure half itself"
    else:
        try:
            return "compiled", f"UVICORN_SPEEDUPS={choice}", load("compiled")
        except ModuleNotFoundError:
            reason = "the compiled half is not installed"
        except ImportError as exc:
            reason = f"the compiled half is broken: {exc}"
            if choice == "auto":
                warnings.warn(f"uvicorn runs without its speedups: {reason}", RuntimeWarning, stacklevel=3)
    if choice == "require":
        raise ImportError(f"UVICORN_SPEEDUPS=require, but {reason}.")
    return "pure", reason, load("pure")


HALF, REASON, _selected = _select()
if not TYPE_CHECKING:  # pragma: no branch - it is never true here
    AccessLineFormat = _selected.AccessLineFormat
    ChunkedDecoder = _selected.ChunkedDecoder
    RequestBuilder = _selected.RequestBuilder
    RequestHead = _selected.RequestHead
    ResponseFramer = _selected.ResponseFramer
