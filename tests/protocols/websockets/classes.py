"""The codecs under test: our own on each build of the speedups, and those over each installed library."""

import functools
import importlib.util
from typing import Any

from uvicorn import _speedups
from uvicorn.importer import import_from_string
from uvicorn.protocols.websockets.codec import Codec

_BUILTIN = "uvicorn.protocols.websockets.builtin_impl:BuiltinWebSocketProtocol"

# Name -> (the public class, the build of the speedups if it has two).
CODECS = {
    "builtin-pure": (_BUILTIN, "pure"),
    "builtin-compiled": (_BUILTIN, "compiled"),
    "websockets": ("uvicorn.protocols.websockets.websockets_impl:WebSocketProtocol", ""),
    "wsproto": ("uvicorn.protocols.websockets.wsproto_impl:WSProtocol", ""),
}
# The values of --ws that the live tests use, each with the library that it needs.
SERVED = {"builtin": "uvicorn", "websockets": "websockets", "wsproto": "wsproto"}


@functools.cache
def codec_protocol(name: str) -> Any:
    """The protocol class that uses the codec. Raises ImportError if the library or the build is missing."""
    path, build = CODECS[name]
    if not build and importlib.util.find_spec(name) is None:
        raise ImportError(f"{name} is not installed")
    public = import_from_string(path)
    if not build:
        return public
    namespace = {"__slots__": (), "codec_class": _speedups.load(build).WebSocketCodec}
    return type(f"{build.title()}{public.__name__}", (public,), namespace)


def installed() -> dict[str, type[Codec]]:
    """Name -> class, for all codecs that are installed."""
    found = {}
    for name in CODECS:
        try:
            found[name] = codec_protocol(name).codec_class
        except ImportError:
            continue
    return found
