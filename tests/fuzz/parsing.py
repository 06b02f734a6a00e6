"""Send bytes through a parser of either library on either build, and record everything that it returns."""

import dataclasses
import itertools
from collections.abc import Iterable
from typing import Any

from tests.steps import bounded
from uvicorn import _speedups
from uvicorn._speedups import RequestRejected
from uvicorn._speedups._chunked_py import LAST
from uvicorn.protocols.http import h11_impl, httptools_impl

JUDGES = {"h11": h11_impl.judge, "httptools": httptools_impl.judge}
PARSERS = tuple(JUDGES)
# (request line in bytes, fields, head in bytes, body in bytes): small, so that short inputs reach the limits.
LIMITS = (200, 12, 600, 300)
UNLIMITED = (65536, 256, 131072, -1)

# The function calls that one check may take, and those that each byte adds. A check sends its bytes through the
# parsers up to ten times.
STEPS = 10_000
STEPS_PER_BYTE = 200

HEAD_ATTRIBUTES = (
    "method",
    "target",
    "path",
    "raw_path",
    "query_string",
    "http_version",
    "headers",
    "upgrade",
    "flags",
)


def _is_there(build: str) -> bool:
    try:
        _speedups.load(build)
    except ImportError:
        return False
    return True


# Without the compiled build, for example on PyPy, the check still compares the libraries and the ways to split.
BUILDS = tuple(build for build in ("pure", "compiled") if _is_there(build))


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What a parser made of the bytes.

    Attributes:
        events: ("request", attributes), ("body", data) and ("complete",) in order; each body is joined into one piece.
        status: the status of the rejection, 0 if there was none.
        reason: the reason of the rejection.
        unfinished: whether the bytes end within a request.
    """

    events: tuple[tuple[Any, ...], ...]
    status: int
    reason: str
    unfinished: bool

    @property
    def gist(self) -> tuple[object, ...]:
        """The part that must depend neither on the library nor on the way in which the bytes were split."""
        events = self.events
        if self.status and events and events[-1][0] == "body":
            # A parser drops what arrives in the same read as a fault.
            events = events[:-1]
        return events, self.status, self.unfinished and not self.status


def make_reader(library: str, build: str, limits: tuple[int, int, int, int] = UNLIMITED) -> Any:
    """A reader of one build that uses the library as its judge."""
    return _speedups.load(build).RequestReader(JUDGES[library], limits)


def read(reader: Any, data: bytes, events: list[tuple[Any, ...]]) -> None:
    """Feed the data and append the resulting events; the pieces of a body are joined. Raises RequestRejected."""
    reader.feed(data)
    while (event := reader.next()) is not None:
        if type(event) is bytes:
            assert event or not reader.more_body, "an empty piece of a body"
            if events[-1][0] == "body":
                event = events.pop()[1] + event
            if event:
                events.append(("body", event))
            if not reader.more_body:
                events.append(("complete",))
        else:
            events.append(("request", tuple(getattr(event, name) for name in HEAD_ATTRIBUTES)))


def parse(library: str, build: str, pieces: Iterable[bytes], limits: tuple[int, int, int, int] = UNLIMITED) -> Verdict:
    """Read the pieces until the last one or a rejection."""
    events: list[tuple[Any, ...]] = []
    reader = make_reader(library, build, limits)
    try:
        for piece in pieces:
            read(reader, piece, events)
    except RequestRejected as rejected:
        assert reader.next() is None, "something was read after a rejection"
        return Verdict(tuple(events), rejected.status, rejected.reason, True)
    return Verdict(tuple(events), 0, "", reader.in_message())


def cut(data: bytes, positions: Iterable[int]) -> list[bytes]:
    """The data, split at those positions that lie within it."""
    edges = [0, *sorted({position for position in positions if 0 < position < len(data)}), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges) if end > start]


def check_requests(data: bytes, positions: Iterable[int], limits: tuple[int, int, int, int] = UNLIMITED) -> Verdict:
    """Compare both parsers on the builds over the same bytes, whole and split.

    Returns:
        The verdict that they agree on.
    """
    pieces = cut(data, positions)
    with bounded(STEPS + STEPS_PER_BYTE * len(data), pieces):
        return _check_requests(data, pieces, limits)


def _check_requests(data: bytes, pieces: list[bytes], limits: tuple[int, int, int, int]) -> Verdict:
    whole = parse(PARSERS[0], "pure", [data], limits)
    for library, build, way in itertools.product(PARSERS, BUILDS, ([data], pieces)):
        other = parse(library, build, way, limits)
        assert other.gist == whole.gist, f"{library}, {build}, {way}:\n{other}\n{whole}"
    return whole


def _decode(build: str, pieces: list[bytes]) -> tuple[object, ...]:
    """The decoded body, the position that the decoder reached, and the rejection."""
    chunks = _speedups.load(build).ChunkedBody()
    taken = 0
    body = b""
    try:
        for piece in pieces:
            if chunks.state != LAST:
                taken += chunks.decode(piece, 0)
                body += chunks.take()
    except RequestRejected as rejected:
        return rejected.status, rejected.reason
    return body, chunks.state, taken


def check_chunks(data: bytes, positions: Iterable[int]) -> None:
    """Compare the builds of the chunked decoder over the bytes, whole and split."""
    pieces = cut(data, positions)
    with bounded(STEPS + STEPS_PER_BYTE * len(data), pieces):
        pure = _decode("pure", [data])
        for build in BUILDS:
            assert _decode(build, [data]) == pure
            assert _decode(build, pieces) == pure
