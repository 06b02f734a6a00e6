"""Decodes chunked bodies (RFC 9112 section 7.1). This source runs as it is, and compiled as `_chunked_c`.

state     what the next byte belongs to                    next state
SIZE      the first line of a chunk: size and extensions   DATA; after the size 0: LAST
DATA      the data of a chunk                              DATA_END
DATA_END  the CRLF after the data                          SIZE
LAST      the trailer section, which `RequestReader` reads
"""

from uvicorn._speedups._scan_py import cut, find_byte, parse_hex
from uvicorn._speedups.errors import RequestRejected
from uvicorn._speedups.tables import CHUNK_LINE, MAX_CHUNK_EXTENSIONS, MAX_CONTENT_LENGTH

SIZE, DATA, DATA_END, LAST = range(4)


class ChunkedBody:
    """The chunks of one body.

    Attributes:
        state: SIZE, DATA, DATA_END or LAST.
    """

    __slots__ = ("extensions", "line", "pieces", "remaining", "state")

    def __init__(self) -> None:
        self.state = SIZE
        self.line = b""
        self.remaining = 0
        self.extensions = 0
        self.pieces: list[bytes] = []

    def decode(self, data: bytes, pos: int) -> int:
        """Decode `data[pos:]`, at most up to the end of the last chunk. `take` then returns the data.

        Returns:
            The index of the first byte that was not decoded.

        Raises:
            RequestRejected: the coding is not valid, or its extensions are too long.
        """
        size = len(data)
        state = self.state
        remaining = self.remaining
        # Each pass of this loop consumes bytes, or raises.
        while pos < size and state != LAST:
            if state == SIZE:
                end = find_byte(data, 10, pos, size) + 1
                remaining = -1
                if end - pos > 2 and not self.line and data[pos] != 48 and data[end - 2] == 13:
                    remaining = parse_hex(data, pos, end - 2)
                if remaining < 0:
                    end = self._take_line(data, pos, end if end else size)
                    remaining = self.remaining
                    state = self.state
                else:
                    state = DATA
            elif state == DATA:
                end = pos + remaining if remaining < size - pos else size
                self.pieces.append(cut(data, pos, end) if end - pos < size else data)
                remaining -= end - pos
                if not remaining:
                    state = DATA_END
                    if size - end >= 2 and data[end] == 13 and data[end + 1] == 10:
                        state = SIZE
                        end += 2
            else:
                end = pos + 1
                if data[pos] == 13 and not self.line:
                    self.line = b"\r"
                elif data[pos] == 10 and self.line:
                    self.line = b""
                    state = SIZE
                else:
                    raise RequestRejected(400, "chunk data longer than its size")
            pos = end
        self.state = state
        self.remaining = remaining
        return pos

    def take(self) -> bytes:
        """The data that was decoded since the last call."""
        pieces = self.pieces
        if not pieces:
            return b""
        self.pieces = []
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _take_line(self, data: bytes, pos: int, end: int) -> int:
        """Read the first line of a chunk if it is more than a size, or a part of it."""
        line = self.line + cut(data, pos, end)
        if line[-1] != 10:
            if len(line) > MAX_CHUNK_EXTENSIONS:
                raise RequestRejected(400, "chunk extensions too large")
            self.line = line
            self.state = SIZE
            return end
        self.line = b""
        match = CHUNK_LINE.fullmatch(line)
        if match is None:
            raise RequestRejected(400, "malformed chunk size or extension")
        # Leading zeros of a size count like an extension.
        self.extensions += len(line) - 2 - len(match[1].lstrip(b"0"))
        if self.extensions > MAX_CHUNK_EXTENSIONS + 64:
            raise RequestRejected(400, "chunk extensions too large")
        size = int(match[1], 16)
        if size > MAX_CONTENT_LENGTH:
            raise RequestRejected(400, "chunk size too large")
        self.remaining = size
        self.state = DATA if size else LAST
        return end


def new_chunks() -> ChunkedBody:
    """Make a decoder. Other compiled modules call this function, because they cannot import the class."""
    return ChunkedBody()
