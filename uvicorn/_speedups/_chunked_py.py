"""Decodes the chunked transfer coding: one source, run as it is or compiled as `_chunked_c`.

The libraries differ in what they let pass in the line of a chunk, and neither tells how long it was (RFC 9112 section
7.1). The trailer section stays with the library.
"""

from typing import Any

from uvicorn._speedups.facts import CHUNK_LINE, MAX_CHUNK_EXTENSIONS, MAX_CONTENT_LENGTH, RequestRejected

# What the next byte belongs to.
SIZE, DATA, DATA_END, TRAILERS = range(4)


class ChunkedDecoder:
    """Takes one chunked body up to its trailer section.

    Args:
        sink: its `on_body(data)` is called with the data of the chunks.
    """

    __slots__ = ("extensions", "line", "remaining", "sink", "state")

    def __init__(self, sink: Any) -> None:
        self.sink = sink
        self.state = SIZE
        self.line = b""
        self.remaining = 0
        self.extensions = 0

    def feed(self, data: bytes, pos: int) -> int:
        """Decode `data[pos:]` as far as the coding reaches, and return where that is.

        Each pass of the loop takes at least one byte, or it raises.

        Raises:
            RequestRejected: the coding is wrong, or its extensions exceed their limit.
        """
        size = len(data)
        while pos < size and self.state != TRAILERS:
            if self.state == DATA:
                end = pos + self.remaining if self.remaining < size - pos else size
                self.sink.on_body(data[pos:end])
                self.remaining -= end - pos
                pos = end
                if not self.remaining:
                    self.state = DATA_END
            elif self.state == SIZE:
                end = data.find(b"\n", pos) + 1
                if end:
                    self._take_size(self.line + data[pos:end] if self.line else data[pos:end])
                    self.line = b""
                    pos = end
                else:
                    self.line += data[pos:]
                    pos = size
                    if len(self.line) > MAX_CHUNK_EXTENSIONS:
                        raise RequestRejected(400, "chunk extensions too large")
            else:
                end = pos + 2 - len(self.line)
                self.line += data[pos:end]
                pos = end if end < size else size
                if self.line == b"\r\n":
                    self.state = SIZE
                    self.line = b""
                elif self.line != b"\r":
                    raise RequestRejected(400, "chunk data longer than its size")
        return pos

    def _take_size(self, line: bytes) -> None:
        match = CHUNK_LINE.fullmatch(line)
        if match is None:
            raise RequestRejected(400, "malformed chunk size or extension")
        # Zeros in front of a size count like an extension.
        self.extensions += len(line) - 2 - len(match[1].lstrip(b"0"))
        if self.extensions > MAX_CHUNK_EXTENSIONS + 64:
            raise RequestRejected(400, "chunk extensions too large")
        size = int(match[1], 16)
        if size > MAX_CONTENT_LENGTH:
            raise RequestRejected(400, "chunk size too large")
        self.remaining = size
        self.state = DATA if size else TRAILERS
