"""The codecs under test: our own on each half of the speedups, and those over a library that is installed."""

import functools
import importlib
import importlib.util
from typing import Any

from uvicorn import _speedups
from uvicorn.protocols.websockets.codec import Codec
from uvicorn.protocols.websockets.protocol import WebSocketProtocol

# Name -> (value of --ws, half of the speedups).
CODECS = {
    "builtin-pure": ("builtin", "pure"),
    "builtin-compiled": ("builtin", "compiled"),
    "websockets": ("websockets", ""),
    "wsproto": ("wsproto", ""),
}
_LIBRARIES = {
    "websockets": "uvicorn.protocols.websockets.websockets_impl:WebsocketsCodec",
    "wsproto": "uvicorn.protocols.websockets.wsproto_impl:WSProtoCodec",
}


@functools.cache
def codec_class(name: str) -> Any:
    """The class of a codec. Raises ImportError if its library or its half is not there."""
    ws, half = CODECS[name]
    if half:
        return _speedups.load(half).WebSocketCodec
    module, _, attribute = _LIBRARIES[ws].partition(":")
    return getattr(importlib.import_module(module), attribute)


def installed() -> dict[str, type[Codec]]:
    """Name -> class, of all codecs that are there."""
    found = {}
    for name in CODECS:
        try:
            found[name] = codec_class(name)
        except ImportError:
            continue
    return found


@functools.cache
def protocol_class(name: str) -> type[WebSocketProtocol]:
    """A protocol over that codec. Raises as `codec_class` does."""
    return type(f"{name.title()}Protocol", (WebSocketProtocol,), {"__slots__": (), "codec_class": codec_class(name)})
