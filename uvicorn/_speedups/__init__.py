"""The code that exists in two builds: as plain Python (pure), and compiled by Cython from the same source.

The environment variable `UVICORN_SPEEDUPS` chooses the build when this package is imported: `auto` takes the compiled
build if it is installed, `off` takes the pure build, `require` raises ImportError without the compiled build.

Attributes:
    HALF: the build that runs, "compiled" or "pure". Programs read it under this name.
    REASON: why this build runs.
    REMEDY: how to get the compiled build; empty if it runs already, or cannot run here.
"""

import importlib
import os
import sys
import warnings
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from uvicorn._speedups.errors import RequestRejected as RequestRejected

if TYPE_CHECKING:
    from uvicorn._speedups._access_line_py import AccessLineFormat as AccessLineFormat
    from uvicorn._speedups._access_line_py import LineOfParts as LineOfParts
    from uvicorn._speedups._access_line_py import Part as Part
    from uvicorn._speedups._access_line_py import quote_path as quote_path
    from uvicorn._speedups._access_line_py import quote_query as quote_query
    from uvicorn._speedups._access_line_py import quote_text as quote_text
    from uvicorn._speedups._chunked_py import ChunkedBody as ChunkedBody
    from uvicorn._speedups._hpack_py import Decoder as Decoder
    from uvicorn._speedups._hpack_py import Encoder as Encoder
    from uvicorn._speedups._http2_fields_py import FieldsReader as FieldsReader
    from uvicorn._speedups._http2_py import Session as Session
    from uvicorn._speedups._recorder_py import Recorder as Recorder
    from uvicorn._speedups._request_py import RequestHead as RequestHead
    from uvicorn._speedups._request_py import RequestReader as RequestReader
    from uvicorn._speedups._response_py import Http2Framer as Http2Framer
    from uvicorn._speedups._response_py import Outcome as Outcome
    from uvicorn._speedups._response_py import ResponseFramer as ResponseFramer
    from uvicorn._speedups._websocket_py import WebSocketCodec as WebSocketCodec

# Name -> the module that gives it, without the suffix of its build.
_MODULES = {
    "AccessLineFormat": "_access_line",
    "ChunkedBody": "_chunked",
    "LineOfParts": "_access_line",
    "Outcome": "_response",
    "Part": "_access_line",
    "RequestHead": "_request",
    "RequestReader": "_request",
    "ResponseFramer": "_response",
    "WebSocketCodec": "_websocket",
    "quote_path": "_access_line",
    "quote_query": "_access_line",
    "quote_text": "_access_line",
}
# Names for HTTP/2, metrics and access formats. Most servers do not need them, so they are imported on first use.
_OPTIONAL_MODULES = {
    "Decoder": "_hpack",
    "Encoder": "_hpack",
    "FieldsReader": "_http2_fields",
    "Http2Framer": "_response",
    "Recorder": "_recorder",
    "Session": "_http2",
}


def _get(build: str, module: str, name: str) -> Any:
    suffix = "_c" if build == "compiled" else "_py"
    return getattr(importlib.import_module(f"{__name__}.{module}{suffix}"), name)


def load(build: str, modules: dict[str, str] = _MODULES | _OPTIONAL_MODULES) -> SimpleNamespace:
    """Import the names of one build.

    Args:
        build: "compiled" or "pure".
        modules: for each name, the module that has it, without the suffix of the build. All names by default.

    Raises:
        ImportError: the build is not installed, or cannot be loaded.
        AttributeError: a module was compiled from other sources and lacks the name.
    """
    return SimpleNamespace(**{name: _get(build, module, name) for name, module in modules.items()})


def __getattr__(name: str) -> Any:
    if name not in _OPTIONAL_MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = _get(HALF, _OPTIONAL_MODULES[name], name)
    return value


# Only a checkout has this file. There the sources can be newer than the modules that were compiled from them.
_SETUP = os.path.join(os.path.dirname(__file__), "..", "..", "setup.py")


def _select() -> tuple[str, str, str, SimpleNamespace]:
    choice = os.environ.get("UVICORN_SPEEDUPS", "auto")
    if choice not in ("auto", "off", "require"):
        raise ImportError(f"UVICORN_SPEEDUPS is {choice!r}; it can be auto, off or require.")
    if choice == "off":
        return "pure", "UVICORN_SPEEDUPS=off", "", load("pure", _MODULES)
    if sys.implementation.name == "pypy":
        reason, remedy, unexpected = "PyPy compiles the pure build itself", "", False
    else:
        compiled, reason, remedy, unexpected = _load_compiled()
        if compiled is not None:
            return "compiled", f"UVICORN_SPEEDUPS={choice}", "", compiled
    if choice == "require":
        raise ImportError(f"UVICORN_SPEEDUPS=require, but {reason}. {remedy}".rstrip())
    if unexpected:
        warnings.warn(f"uvicorn runs without its speedups: {reason}. {remedy}", RuntimeWarning, stacklevel=3)
    return "pure", reason, remedy, load("pure", _MODULES)


def _load_compiled() -> tuple[SimpleNamespace | None, str, str, bool]:
    """Load the compiled build.

    Returns:
        The names of the build, or None if it cannot be used; then also the reason, the remedy, and whether to warn.
    """
    compiled, error = None, None
    try:
        compiled = load("compiled", _MODULES)
    except (ImportError, AttributeError) as exc:
        error = exc
    if compiled is not None and not os.path.exists(_SETUP):
        return compiled, "", "", False

    from uvicorn._speedups import build_state

    if isinstance(error, ModuleNotFoundError):
        return None, build_state.explain_absence(), build_state.BUILD_AGAIN, False
    newer = os.path.exists(_SETUP) and build_state.find_newer_source()
    if newer:
        return None, f"the compiled build is older than {newer}", build_state.REBUILD, True
    if error is not None:
        return None, f"the compiled build is broken: {error}", build_state.BUILD_AGAIN, True
    return compiled, "", "", False


HALF, REASON, REMEDY, _selected = _select()
globals().update(vars(_selected))
