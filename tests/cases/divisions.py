"""The ways in which the bytes of one case may arrive."""

from collections.abc import Iterator

# Up to this many bytes, every split is tried and every byte is sent alone; above it, a sample is tried.
SHORT = 160
SAMPLES = 40


def splits(data: bytes) -> list[int]:
    """The positions to split at: all of them if `data` is short, else those around each line end and a sample."""
    if len(data) <= SHORT:
        return list(range(1, len(data)))
    ends = [position for position, byte in enumerate(data) if byte in b"\r\n"]
    around = {position + step for position in ends[:SAMPLES] + ends[-SAMPLES:] for step in (0, 1)}
    spread = range(1, len(data), max(1, len(data) // SAMPLES))
    return sorted((around | set(spread)) - {0, len(data)})


def singly(data: bytes, dense: int = 2000) -> Iterator[bytes]:
    """The data byte by byte; after `dense` bytes, pieces whose length shares no factor with a power of two."""
    for position in range(min(dense, len(data))):
        yield data[position : position + 1]
    for position in range(dense, len(data), 997):
        yield data[position : position + 997]


def halves(data: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """The two pieces of the data, for each position to split at."""
    for position in splits(data):
        yield position, [data[:position], data[position:]]
