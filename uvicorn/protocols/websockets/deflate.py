"""permessage-deflate (RFC 7692): the negotiation, compression and decompression. Every codec uses it."""

import re
import sys
import zlib
from dataclasses import dataclass
from typing import TypeAlias

from uvicorn._speedups.websocket_events import CloseCode, FrameRejected
from uvicorn._speedups.websocket_events import MessageTooBig as MessageTooBig

EXTENSION_NAME = "permessage-deflate"

# With these values zlib needs a tenth of the memory that its defaults need, and messages of common size become only a
# little longer.
_WINDOW_BITS = 12
_MEMORY_LEVEL = 5
# Logarithms of window sizes. 15 applies if none is negotiated (RFC 7692 section 7.1.2). zlib cannot compress with a
# window of 256 bytes, which is 8.
_MAX_WINDOW_BITS = 15
_MIN_DEFLATE_BITS = 9
_AGREED_BITS: dict[str | None, int] = {str(bits): min(bits, _WINDOW_BITS) for bits in range(8, _MAX_WINDOW_BITS + 1)}

# The sender removes these bytes from the end of a message, and the receiver adds them (RFC 7692 section 7.2).
_TAIL = b"\x00\x00\xff\xff"

# A message may consist of several deflate streams (section 7.2.3.4). Each needs a new zlib object, so there is a limit.
_MAX_STREAM_ENDS = 4

# A message is decompressed in one step up to this size, or up to twice the compressed size. If it becomes larger, its
# size is measured first, by decompressing pieces that are dropped. So a message over the limit takes no memory.
_UNMEASURED = 1 << 18
_PIECE = 1 << 16

# Up to this size, a copy of the bytes with the tail is cheaper than a second call of zlib for the tail.
_SMALL = 2048

Offer: TypeAlias = tuple[str, list[tuple[str, str | None]]]

_FLAGS = ("server_no_context_takeover", "client_no_context_takeover")

_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
# token [ "=" ( token / quoted-string ) ], with white space around it and the separator after it
_ITEM = re.compile(rf'[ \t]*({_TOKEN})[ \t]*(?:=[ \t]*(?:({_TOKEN})|"((?:[^"\\]|\\.)*)")[ \t]*)?([,;]|\Z)')
_IS_TOKEN = re.compile(_TOKEN).fullmatch
_ESCAPED = re.compile(r"\\(.)")
_BLANK = re.compile(r"[ \t]*(,|\Z)")


def parse_extensions(value: str) -> list[Offer]:
    """Parse a Sec-WebSocket-Extensions field (RFC 6455 section 9.1). Raises ValueError if it is malformed."""
    offers: list[Offer] = []
    position, separator = 0, ","
    while position < len(value) or separator == ";":
        if separator == "," and (blank := _BLANK.match(value, position)):
            # An empty element of the list is allowed (RFC 9110 section 5.6.1).
            position = blank.end()
            continue
        item = _ITEM.match(value, position)
        if item is None:
            raise ValueError("malformed Sec-WebSocket-Extensions")
        name, parameter, quoted, following = item.groups()
        if quoted is not None:
            parameter = _ESCAPED.sub(r"\1", quoted)
        if separator == ";":
            offers[-1][1].append((name, parameter))
        else:
            offers.append((name, []))
        if parameter is not None and (separator == "," or not _IS_TOKEN(parameter)):
            raise ValueError("malformed Sec-WebSocket-Extensions")
        position, separator = item.end(), following
    return offers


@dataclass(frozen=True, slots=True)
class DeflateParameters:
    """The negotiated parameters (RFC 7692 section 7.1).

    Attributes:
        server_no_context_takeover, client_no_context_takeover: whether each message is compressed on its own.
        server_window_bits, client_window_bits: base-2 logarithms of the window sizes in bytes. None for the client if
            it did not offer the parameter, so that we may not send it.
    """

    server_no_context_takeover: bool
    client_no_context_takeover: bool
    server_window_bits: int
    client_window_bits: int | None

    @property
    def response(self) -> bytes:
        """The value of Sec-WebSocket-Extensions in the answer."""
        value = f"{EXTENSION_NAME}; server_max_window_bits={self.server_window_bits}"
        if self.client_window_bits is not None:
            value += f"; client_max_window_bits={self.client_window_bits}"
        for flag in _FLAGS:
            if getattr(self, flag):
                value += f"; {flag}"
        return value.encode()


def negotiate(offers: list[Offer]) -> DeflateParameters | None:
    """Accept the first offer that we support (RFC 7692 section 5.1)."""
    for name, parameters in offers:
        if name == EXTENSION_NAME and (accepted := _accept(parameters)) is not None:
            return accepted
    return None


def _accept(parameters: list[tuple[str, str | None]]) -> DeflateParameters | None:
    """Accept an offer. None if a parameter is unknown, repeated or malformed (RFC 7692 section 7.1)."""
    given = dict(parameters)
    # This parameter may have no value: the client then only says that it supports the parameter.
    client = given.get("client_max_window_bits") or str(_MAX_WINDOW_BITS)
    client_bits = _AGREED_BITS.get(client, 0) if "client_max_window_bits" in given else None
    server_bits = _AGREED_BITS.get(given.get("server_max_window_bits", str(_MAX_WINDOW_BITS)), 0)
    if (
        len(given) != len(parameters)
        or given.keys() - {*_FLAGS, "server_max_window_bits", "client_max_window_bits"}
        or any(given.get(flag) is not None for flag in _FLAGS)
        or client_bits == 0
        or server_bits < _MIN_DEFLATE_BITS
    ):
        return None
    server_flag, client_flag = (flag in given for flag in _FLAGS)
    return DeflateParameters(server_flag, client_flag, server_bits, client_bits)


class InflateError(FrameRejected):
    """The payload is not valid deflate data."""

    code = CloseCode.INVALID_DATA


def wire_limit(limit: int) -> int:
    """The length of the longest compressed frame whose content can be within `limit` bytes.

    Bad compression makes data longer: fixed Huffman codes take up to 9 bits for a byte (RFC 1951 section 3.2.6), and
    stored blocks take 5 bytes more.
    """
    return limit + (limit >> 3) + 64


class PerMessageDeflate:
    """Compresses and decompresses the messages of one connection.

    zlib needs about 40 KiB for both directions. They are allocated with the first compressed message of each direction.
    """

    __slots__ = ("_compressor", "_decompressor", "_parameters")

    wire_limit = staticmethod(wire_limit)

    def __init__(self, parameters: DeflateParameters) -> None:
        self._parameters = parameters
        self._compressor: zlib._Compress | None = None
        self._decompressor: zlib._Decompress | None = None

    def compress(self, message: bytes) -> bytes:
        """Compress a message to the payload of one frame (RFC 7692 section 7.2.1)."""
        compressor = self._compressor
        if compressor is None:
            compressor = zlib.compressobj(wbits=-self._parameters.server_window_bits, memLevel=_MEMORY_LEVEL)
            if not self._parameters.server_no_context_takeover:
                self._compressor = compressor
        return (compressor.compress(message) + compressor.flush(zlib.Z_SYNC_FLUSH))[: -len(_TAIL)]

    def decompress(self, piece: bytes, last: bool, limit: int) -> bytes:
        """Decompress a part of a message (RFC 7692 section 7.2.2).

        Args:
            piece: the compressed bytes.
            last: whether the message ends with this part.
            limit: the most bytes that the result may have.

        Raises:
            MessageTooBig: the result is longer. At most one byte more than `limit` was decompressed at once.
            InflateError: the bytes are not valid deflate data.
        """
        small = last and len(piece) < _SMALL
        message = self._inflate(piece + _TAIL if small else piece, limit)
        if last and not small:
            message += self._inflate(_TAIL, limit - len(message))
        if last and self._parameters.client_no_context_takeover:
            self._decompressor = None
        return message

    def _inflate(self, data: bytes, limit: int) -> bytes:
        output = b""
        for _ in range(_MAX_STREAM_ENDS):
            decompressor = self._decompressor
            if decompressor is None:
                bits = self._parameters.client_window_bits or _MAX_WINDOW_BITS
                decompressor = self._decompressor = zlib.decompressobj(wbits=-bits)
            # One byte more than the limit shows whether the message is too long, and lets zlib return all its output.
            room = min(limit - len(output) + 1, sys.maxsize)
            try:
                output += _inflate_some(decompressor, data, room)
            except zlib.error as error:
                raise InflateError from error
            if len(output) > limit:
                raise MessageTooBig
            if not decompressor.eof:
                return output
            self._decompressor = None
            data = decompressor.unused_data
            if not data:
                return output
        raise InflateError


def _inflate_some(decompressor: "zlib._Decompress", data: bytes, room: int) -> bytes:
    """Decompress up to `room` bytes. Raises MessageTooBig if the measured size is larger."""
    first = min(room, max(_UNMEASURED, 2 * len(data)))
    output = decompressor.decompress(data, first)
    if len(output) == first < room and not decompressor.eof:
        rest = decompressor.unconsumed_tail
        # Not every Python has this method.
        if hasattr(decompressor, "copy"):
            _measure(decompressor.copy(), rest, room - first - 1)
        output += decompressor.decompress(rest, room - first)
    return output


def _measure(decompressor: "zlib._Decompress", data: bytes, limit: int) -> None:
    """Decompress and drop the output. Raises MessageTooBig if it has more than `limit` bytes."""
    while True:
        # Each call copies the rest of the input, so the pieces have to grow with the input.
        size = max(_PIECE, len(data) // 4)
        inflated = len(decompressor.decompress(data, size))
        limit -= inflated
        if limit < 0:
            raise MessageTooBig
        if inflated < size:
            return
        data = decompressor.unconsumed_tail
