"""Bytes through a parser of either library on either half, and everything that came of it."""

import dataclasses
import functools
import itertools
from collections.abc import Iterable
from typing import Any

from tests.steps import bounded
from uvicorn import _speedups
from uvicorn._speedups import RequestRejected
from uvicorn._speedups._chunked_py import TRAILERS
from uvicorn.protocols.http.h11_impl import H11Parser
from uvicorn.protocols.http.httptools_impl import HttpToolsParser

PARSERS = ("h11", "httptools")
# (request line in bytes, fields, head in bytes, body in bytes): small, so that short inputs reach them.
LIMITS = (200, 12, 600, 300)
UNLIMITED = (65536, 256, 131072, -1)

# What a check may take, which sends its bytes through the parsers up to ten times: calls, and calls for a byte.
STEPS = 10_000
STEPS_PER_BYTE = 200

# What ends a head, or a trailer section, wherever it has come to.
END = b"\r\n\r\n"

FACTS = ("method", "target", "path", "raw_path", "query_string", "http_version", "headers", "upgrade")


def _is_there(half: str) -> bool:
    try:
        _speedups.load(half)
    except ImportError:
        return False
    return True


# Without the compiled half, on PyPy say, the libraries and the ways to split are still held together.
HALVES = tuple(half for half in ("pure", "compiled") if _is_there(half))


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What a parser made of some bytes.

    Attributes:
        events: ("request", facts), ("body", data) and ("complete",) in order, bodies in one piece.
        status: of the rejection, 0 where there was none.
        reason: of the rejection.
        unfinished: whether the bytes end within a request.
    """

    events: tuple[tuple[Any, ...], ...]
    status: int
    reason: str
    unfinished: bool

    @property
    def gist(self) -> tuple[object, ...]:
        """What may depend on neither the library nor the way in which the bytes were split."""
        return self.events, self.status, self.unfinished and not self.status


class Recorder:
    """Takes what a parser tells."""

    def __init__(self) -> None:
        self.events: list[tuple[Any, ...]] = []

    def on_request(self, head: Any, facts: int) -> None:
        self.events.append(("request", (*(getattr(head, name) for name in FACTS), facts)))

    def on_content(self, data: bytes, more_body: bool) -> None:
        assert type(data) is bytes
        assert data or not more_body, "an empty piece of a body"
        if self.events[-1][0] == "body":
            data = self.events.pop()[1] + data
        if data:
            self.events.append(("body", data))
        if not more_body:
            self.events.append(("complete",))

    def on_body(self, data: bytes) -> None:
        """As the decoder of a chunked body tells it."""
        self.on_content(data, True)


@functools.cache
def _parser_class(library: str, half: str) -> Any:
    base = HttpToolsParser if library == "httptools" else H11Parser
    return type(base.__name__, (base,), {"chunked_decoder_class": _speedups.load(half).ChunkedDecoder})


def make_parser(library: str, half: str, sink: Any, limits: tuple[int, int, int, int] = UNLIMITED) -> Any:
    """A parser of the library with its leaves from one half."""
    builder = _speedups.load(half).RequestBuilder(sink, limits)
    parser_class = _parser_class(library, half)
    return parser_class(builder) if library == "httptools" else parser_class(builder, limits[2], limits[1])


def parse(library: str, half: str, pieces: Iterable[bytes], limits: tuple[int, int, int, int] = UNLIMITED) -> Verdict:
    """Feed the pieces, up to a rejection."""
    recorder = Recorder()
    parser = make_parser(library, half, recorder, limits)
    try:
        for piece in pieces:
            parser.feed(piece)
    except RequestRejected as rejected:
        return Verdict(tuple(recorder.events), rejected.status, rejected.reason, True)
    return Verdict(tuple(recorder.events), 0, "", parser.builder.in_message())


def cut(data: bytes, positions: Iterable[int]) -> list[bytes]:
    """The data, cut at the positions that lie within it."""
    edges = [0, *sorted({position for position in positions if 0 < position < len(data)}), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges) if end > start]


def check_requests(data: bytes, positions: Iterable[int], limits: tuple[int, int, int, int] = UNLIMITED) -> Verdict:
    """Hold both parsers on the halves together over the same bytes, whole and cut.

    Returns:
        The verdict they agree on.
    """
    pieces = cut(data, positions)
    with bounded(STEPS + STEPS_PER_BYTE * len(data), pieces):
        return _check_requests(data, pieces, limits)


def _check_requests(data: bytes, pieces: list[bytes], limits: tuple[int, int, int, int]) -> Verdict:
    verdicts = {}
    for library in PARSERS:
        whole, split = (parse(library, "pure", way, limits) for way in ([data], pieces))
        for half, (pure, way) in itertools.product(HALVES[1:], ((whole, [data]), (split, pieces))):
            other = parse(library, half, way, limits)
            assert other == pure, f"{library}: the halves differ over {way}:\n{other}\n{pure}"
        assert whole.gist == split.gist, f"{library}: the split matters: {pieces}\n{whole}\n{split}"
        verdicts[library] = whole
    h11, httptools = verdicts.values()
    if h11.status == 0 and h11.unfinished and httptools.status:
        # h11 is given whole heads and whole trailer sections: it says nothing before.
        data += END
        h11, httptools = (parse(library, "pure", [data], limits) for library in PARSERS)
    if (h11.status, httptools.status) == (431, 400):
        # Of two faults: h11 is not given a head with too many fields, the other has looked at the first ones by then.
        assert h11.events == httptools.events
        return httptools
    assert h11.gist == httptools.gist, f"the parsers differ over {data!r}:\n{h11}\n{httptools}"
    return h11


def _decode(half: str, pieces: list[bytes]) -> tuple[object, ...]:
    """What was decoded, how far it went, and the rejection."""
    recorder = Recorder()
    recorder.events.append(("request",))
    decoder = _speedups.load(half).ChunkedDecoder(recorder)
    taken = 0
    try:
        for piece in pieces:
            if decoder.state != TRAILERS:
                taken += decoder.feed(piece, 0)
    except RequestRejected as rejected:
        return recorder.events, rejected.status, rejected.reason
    return recorder.events, decoder.state, taken


def check_chunks(data: bytes, positions: Iterable[int]) -> None:
    """Hold the halves of the chunked decoder together, over the bytes whole and cut."""
    pieces = cut(data, positions)
    with bounded(STEPS + STEPS_PER_BYTE * len(data), pieces):
        pure = _decode("pure", [data])
        for half in HALVES:
            assert _decode(half, [data]) == pure
            assert _decode(half, pieces) == pure
