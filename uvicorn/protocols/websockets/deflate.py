"""permessage-deflate (RFC 7692): its negotiation, and the two directions of it, the same for every codec.

zlib's buffers, some 40 KiB for both directions, come with the first compressed message and not with the connection.
"""

import re
import sys
import zlib
from dataclasses import dataclass
from typing import TypeAlias

EXTENSION_NAME = "permessage-deflate"

# Our side of the bargain: a window of 4 KiB and a small hash table cost a tenth of zlib's default in memory, and little
# in compression for messages of common size. Both directions, where the peer agrees.
_WINDOW_BITS = 12
_MEMORY_LEVEL = 5
# Without agreement a window has 32 KiB (RFC 7692 section 7.1.2); zlib cannot deflate with one of 256 bytes.
_MAX_WINDOW_BITS = 15
_MIN_DEFLATE_BITS = 9
_WINDOW_BITS_VALUES = {str(bits): bits for bits in range(8, 16)}

# What ends a message is cut off by the sender and put back by the receiver (RFC 7692 section 7.2).
_TAIL = b"\x00\x00\xff\xff"

# A message may end a deflate stream and go on with another (section 7.2.3.4). Nobody does it more than once; every
# time costs a new zlib object.
_MAX_STREAM_ENDS = 4

# Up to here, or twice what has come, a message is inflated at once. What would become more is measured first, in pieces
# that are dropped, so that the one that is over the limit is refused before it has taken the memory.
_UNMEASURED = 1 << 18
_PIECE = 1 << 16

# Up to here a copy with the tail behind it is cheaper than a second call of zlib.
_SMALL = 2048

# name and parameters, each a name with a value or None
Offer: TypeAlias = tuple[str, list[tuple[str, str | None]]]

_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
# token [ "=" ( token / quoted-string ) ], with the white space around it (RFC 6455 section 9.1)
_ITEM = re.compile(rf'[ \t]*({_TOKEN})[ \t]*(?:=[ \t]*(?:({_TOKEN})|"((?:[^"\\]|\\.)*)")[ \t]*)?')
_IS_TOKEN = re.compile(_TOKEN).fullmatch
_ESCAPED = re.compile(r"\\(.)")
_BLANK = re.compile(r"[ \t]*(,|$)")


def parse_extensions(value: str) -> list[Offer]:
    """The offers of a Sec-WebSocket-Extensions field, in order of preference (RFC 6455 section 9.1).

    Args:
        value: the field's value, several joined with commas.

    Raises:
        ValueError: the value is not of the grammar.
    """
    offers: list[Offer] = []
    position, end = 0, len(value)
    separator = ","
    while position < end:
        if separator == "," and (blank := _BLANK.match(value, position)):
            # An empty element (RFC 9110 section 5.6.1).
            position = blank.end()
            continue
        item = _ITEM.match(value, position)
        if item is None:
            raise ValueError("malformed Sec-WebSocket-Extensions")
        name, parameter = item[1], item[2]
        if item[3] is not None:
            parameter = _ESCAPED.sub(r"\1", item[3])
            if not _IS_TOKEN(parameter):
                raise ValueError("malformed Sec-WebSocket-Extensions")
        if separator == ";":
            offers[-1][1].append((name, parameter))
        elif parameter is None:
            offers.append((name, []))
        else:
            raise ValueError("malformed Sec-WebSocket-Extensions")
        position = item.end()
        separator = value[position : position + 1]
        if separator not in ("", ",", ";"):
            raise ValueError("malformed Sec-WebSocket-Extensions")
        position += 1
    if separator == ";":
        raise ValueError("malformed Sec-WebSocket-Extensions")
    return offers


@dataclass(frozen=True, slots=True)
class DeflateParameters:
    """What both sides agreed on (RFC 7692 section 7.1).

    Attributes:
        server_no_context_takeover: whether each of our messages is compressed on its own.
        client_no_context_takeover: whether each of the client's is.
        server_window_bits: base-2 logarithm of our window in bytes.
        client_window_bits: the same of the client's window, None where the client did not let us ask.
    """

    server_no_context_takeover: bool
    client_no_context_takeover: bool
    server_window_bits: int
    client_window_bits: int | None

    @property
    def response(self) -> bytes:
        """The value of our Sec-WebSocket-Extensions field."""
        value = f"{EXTENSION_NAME}; server_max_window_bits={self.server_window_bits}"
        if self.client_window_bits is not None:
            value += f"; client_max_window_bits={self.client_window_bits}"
        if self.server_no_context_takeover:
            value += "; server_no_context_takeover"
        if self.client_no_context_takeover:
            value += "; client_no_context_takeover"
        return value.encode()


def negotiate(offers: list[Offer]) -> DeflateParameters | None:
    """The first offer that can be taken, None where there is none (RFC 7692 section 5.1)."""
    for name, parameters in offers:
        if name == EXTENSION_NAME and (accepted := _accept(parameters)) is not None:
            return accepted
    return None


def _accept(parameters: list[tuple[str, str | None]]) -> DeflateParameters | None:
    """Hold one offer against RFC 7692 section 7.1: unknown, repeated and malformed parameters decline it."""
    given = dict(parameters)
    if len(given) != len(parameters):
        return None
    flags = ("server_no_context_takeover", "client_no_context_takeover")
    if any(given.get(flag) is not None for flag in flags):
        return None
    server_bits = _WINDOW_BITS
    if "server_max_window_bits" in given:
        server_bits = min(server_bits, _WINDOW_BITS_VALUES.get(given["server_max_window_bits"] or "", 0))
        if server_bits < _MIN_DEFLATE_BITS:
            return None
    client_bits = None
    if "client_max_window_bits" in given:
        # Without a value the client only says that it understands the parameter.
        limit = given["client_max_window_bits"]
        client_bits = _WINDOW_BITS if limit is None else min(_WINDOW_BITS, _WINDOW_BITS_VALUES.get(limit, 0))
        if client_bits == 0:
            return None
    if given.keys() - {*flags, "server_max_window_bits", "client_max_window_bits"}:
        return None
    return DeflateParameters(flags[0] in given, flags[1] in given, server_bits, client_bits)


class InflateError(Exception):
    """A compressed message that is not deflate data."""


class MessageTooBig(Exception):
    """A message that is over the limit, or would be when inflated."""


class PerMessageDeflate:
    """Both directions of one connection."""

    __slots__ = ("_compressor", "_decompressor", "_parameters")

    def __init__(self, parameters: DeflateParameters) -> None:
        self._parameters = parameters
        self._compressor: zlib._Compress | None = None
        self._decompressor: zlib._Decompress | None = None

    def compress(self, message: bytes | bytearray | memoryview) -> bytes:
        """The payload of a frame that carries all of `message` (RFC 7692 section 7.2.1)."""
        compressor = self._compressor
        if compressor is None:
            compressor = zlib.compressobj(wbits=-self._parameters.server_window_bits, memLevel=_MEMORY_LEVEL)
            if not self._parameters.server_no_context_takeover:
                self._compressor = compressor
        return (compressor.compress(message) + compressor.flush(zlib.Z_SYNC_FLUSH))[: -len(_TAIL)]

    def decompress(self, piece: bytes, last: bool, limit: int) -> bytes:
        """Inflate a piece of a message (RFC 7692 section 7.2.2).

        Args:
            piece: payload data, in order.
            last: whether the message ends with it.
            limit: bytes that may come out of it; at most one more is ever inflated.

        Raises:
            MessageTooBig: there is more.
            InflateError: this is not deflate data.
        """
        if last and len(piece) < _SMALL:
            piece += _TAIL
            message = self._inflate(piece, limit)
        else:
            message = self._inflate(piece, limit)
            if last:
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
            # One byte over the limit tells that there is more, and room for it that zlib holds nothing back.
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
    """Inflate up to `room` bytes. Raises MessageTooBig where it is found out early that more would come."""
    first = min(room, max(_UNMEASURED, 2 * len(data)))
    output = decompressor.decompress(data, first)
    if len(output) == first < room and not decompressor.eof:
        rest = decompressor.unconsumed_tail
        # Not every Python's zlib can copy.
        if hasattr(decompressor, "copy"):
            _measure(decompressor.copy(), rest, room - first - 1)
        output += decompressor.decompress(rest, room - first)
    return output


def _measure(decompressor: "zlib._Decompress", data: bytes, limit: int) -> None:
    """Inflate for nothing. Raises MessageTooBig where more than `limit` bytes come of it."""
    while True:
        # More of it where more is left, which zlib copies each time.
        size = max(_PIECE, len(data) // 4)
        inflated = len(decompressor.decompress(data, size))
        limit -= inflated
        if limit < 0:
            raise MessageTooBig
        if inflated < size:
            return
        data = decompressor.unconsumed_tail


def wire_limit(limit: int) -> int:
    """The length of a compressed frame above which its content is over `limit`, however badly it was compressed."""
    # Fixed Huffman codes have at most 9 bits for a byte (RFC 1951 section 3.2.6), stored blocks 5 bytes of overhead.
    return limit + (limit >> 3) + 64
