"""Good and bad field sections and field blocks, and how the decoders of both builds read them."""

import importlib
from typing import Any

from hypothesis import strategies as st

from tests.fuzz.grammar import mutated
from tests.fuzz.parsing import BUILDS, UNLIMITED
from tests.steps import bounded
from uvicorn import _speedups
from uvicorn._speedups.errors import HpackError, RequestRejected
from uvicorn._speedups.hpack_tables import STATIC_TABLE

# The limits of a decoder: (number of fields, bytes of a section).
LIMITS = (1000, 1 << 20)
SMALL = (200, 12, 600, 300)

STEPS = 10_000
STEPS_PER_BYTE = 400

names = st.one_of(
    st.sampled_from([name for name, _ in STATIC_TABLE]),
    st.sampled_from([b"x-a", b"x-request-id", b"authorization", b"set-cookie", b""]),
    st.binary(max_size=10),
)
values = st.one_of(st.sampled_from([b"", b"a", b"text/plain", b"x" * 100, b"\xff" * 50]), st.binary(max_size=40))
pairs = st.tuples(names, values)
sections = st.lists(pairs, max_size=12)

# Field names and values of requests, mostly good.
_request_fields = st.sampled_from(
    [
        *[(b":method", b"GET"), (b":method", b"POST"), (b":method", b"HEAD"), (b":method", b"OPTIONS")],
        *[(b":method", b"CONNECT"), (b":method", b"get"), (b":method", b""), (b":method", b"M-SEARCH")],
        *[(b":scheme", b"http"), (b":scheme", b"https"), (b":scheme", b"ftp"), (b":scheme", b"")],
        *[(b":path", b"/"), (b":path", b"/a?b=c"), (b":path", b"*"), (b":path", b""), (b":path", b"/a b")],
        *[(b":path", b"/%41%ff"), (b":path", b"/a#b"), (b":path", b"a"), (b":path", b"/?"), (b":path", b"//a")],
        *[
            (b":authority", b"a.example"),
            (b":authority", b"a.example:80"),
            (b":authority", b""),
            (b":authority", b"u@a"),
        ],
        *[(b":protocol", b"websocket"), (b":protocol", b""), (b":status", b"200"), (b":x", b""), (b":", b"")],
        *[(b"host", b"a.example"), (b"host", b"A.EXAMPLE:80"), (b"host", b"b"), (b"host", b""), (b"Host", b"a")],
        *[(b"cookie", b"a=b"), (b"cookie", b"c=d; e"), (b"cookie", b""), (b"te", b"trailers"), (b"te", b"gzip")],
        *[(b"te", b"Trailers"), (b"connection", b"close"), (b"keep-alive", b"5"), (b"proxy-connection", b"x")],
        *[(b"transfer-encoding", b"chunked"), (b"upgrade", b"h2c"), (b"expect", b"100-continue"), (b"expect", b"x")],
        *[(b"content-length", b"5"), (b"content-length", b"0"), (b"content-length", b"-1"), (b"content-length", b"")],
        *[(b"content-length", b"9" * 30), (b"priority", b"u=1, i"), (b"priority", b"u=9"), (b"x-forwarded-for", b"1")],
        *[(b"x-a", b"b"), (b"X-A", b"b"), (b"x a", b"b"), (b"x-a", b" b"), (b"x-a", b"b\t"), (b"x-a", b"a\r\nb")],
        *[(b"x-a", b"a\x00"), (b"x-a", b"\xff"), (b"x-a", b"\x7f"), (b"x-a", b"a\tb"), (b"", b"a"), (b"x\x80", b"")],
    ]
)
_start = [(b":method", b"GET"), (b":scheme", b"https"), (b":path", b"/a?b"), (b":authority", b"a.example")]
requests = st.one_of(
    st.lists(_request_fields, max_size=4).map(lambda fields: _start + fields),
    st.tuples(st.integers(0, 3), st.lists(_request_fields, max_size=3)).map(
        lambda drawn: _start[: drawn[0]] + drawn[1] + _start[drawn[0] + 1 :]
    ),
    st.lists(_request_fields, max_size=8),
)


@st.composite
def _literals(draw: st.DrawFn) -> bytes:
    """A literal representation of any kind, with strings of either kind."""
    module = importlib.import_module("uvicorn._speedups._hpack_py")
    first, prefix = draw(st.sampled_from([(0x40, 0x3F), (0x00, 0x0F), (0x10, 0x0F)]))
    index = draw(st.sampled_from([0, 0, 1, 4, 8, 14, 15, 32, 61, 62, 63, 64, 70, 200]))
    out = bytearray()
    _write_integer(out, first, prefix, index)
    texts = [draw(values)] if index else [draw(names), draw(values)]
    for text in texts:
        coded = module.encode_huffman(text, module.huffman_size(text))
        if draw(st.booleans()):
            _write_integer(out, 0x80, 0x7F, len(coded))
            out += coded
        else:
            _write_integer(out, 0, 0x7F, len(text))
            out += text
    return bytes(out)


def _write_integer(out: bytearray, first: int, prefix: int, value: int) -> None:
    if value < prefix:
        out.append(first | value)
        return
    out.append(first | prefix)
    value -= prefix
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)


_representations = st.one_of(
    st.sampled_from([bytes([0x80 | index]) for index in (0, 1, 2, 3, 4, 6, 7, 8, 61, 62, 62, 63, 64, 65, 70)]),
    _literals(),
    st.sampled_from(
        [b"\x20", b"\x3f\x00", b"\x3f\x45", b"\x3f\xe1\x1f", b"\x3f\xe2\x1f", b"\xff\x00", b"\xff\x80\x01"]
    ),
)
# Size updates mostly come first, as RFC 7541 section 4.2 requires.
blocks = mutated(
    st.one_of(
        st.lists(_representations, max_size=8).map(b"".join),
        st.tuples(st.sampled_from([b"", b"\x20\x3f\xe1\x1f", b"\x3f\x45"]), st.lists(_literals(), max_size=8)).map(
            lambda drawn: drawn[0] + b"".join(drawn[1])
        ),
    )
)


def make_field(speedups: Any, pair: tuple[bytes, bytes]) -> Any:
    """A field of the same build as the names."""
    suffix = "c" if speedups.Encoder.__module__.endswith("_c") else "py"
    return importlib.import_module(f"uvicorn._speedups._hpack_{suffix}").new_field(*pair)


def _decode(build: str, many: list[bytes], limits: tuple[int, int]) -> list[Any]:
    decoder = _speedups.load(build).Decoder(*limits)
    decoded: list[Any] = []
    try:
        for block in many:
            fields = decoder.decode(block)
            assert sum(field.size for field in fields) <= limits[1]
            assert len(fields) <= limits[0]
            decoded.append(([field.field for field in fields], decoder.exceeded))
    except HpackError as error:
        decoded.append(str(error))
    return decoded


def check_blocks(many: list[bytes], limits: tuple[int, int] = LIMITS) -> list[Any]:
    """Compare the decoders of both builds, and return what they decode from the blocks of one connection."""
    with bounded(STEPS + STEPS_PER_BYTE * sum(map(len, many)), many):
        pure = _decode("pure", many, limits)
        for build in BUILDS:
            assert _decode(build, many, limits) == pure
    return pure


OF_A_HEAD = ("method", "target", "path", "raw_path", "query_string", "http_version", "headers", "upgrade", "flags")
OF_A_READER = ("content_length", "priority")


def _read(build: str, many: list[bytes], body_follows: bool, limits: tuple[int, int, int, int]) -> list[Any]:
    reader = _speedups.load(build).FieldsReader(limits)
    reader.connect_protocol = body_follows
    events: list[Any] = []
    for block in many:
        try:
            head = reader.read_request(block, body_follows)
            attributes = [getattr(head, name) for name in OF_A_HEAD]
            events.append((attributes, [getattr(reader, name) for name in OF_A_READER]))
        except RequestRejected as rejected:
            events.append((rejected.status, rejected.reason))
        except HpackError as error:
            events.append(str(error))
            break
        try:
            reader.read_trailers(block)
            events.append("trailers")
        except RequestRejected as rejected:
            events.append((rejected.status, rejected.reason))
        except HpackError as error:
            events.append(str(error))
            break
    return events


def check_sections(many: list[bytes], body_follows: bool, limits: tuple[int, int, int, int] = UNLIMITED) -> list[Any]:
    """Compare the readers of both builds over blocks that are read as a request and as trailers."""
    with bounded(STEPS + STEPS_PER_BYTE * sum(map(len, many)), many):
        pure = _read("pure", many, body_follows, limits)
        for build in BUILDS:
            assert _read(build, many, body_follows, limits) == pure
    for event in pure:
        if type(event) is tuple and type(event[0]) is list:
            check_head(dict(zip(OF_A_HEAD, event[0], strict=True)))
    return pure


def check_head(head: dict[str, Any]) -> None:
    """Check what an application may rely on, whatever the client sent (RFC 9113 section 8.2)."""
    names = [name for name, _ in head["headers"]]
    assert names.count(b"host") == 1
    assert names.count(b"cookie") <= 1
    assert names.count(b"content-length") <= 1
    assert not {b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"} & {*names}
    for name, value in head["headers"]:
        assert name
        assert name == name.lower()
        assert name[:1] != b":"
        assert not {*value} & {0, 10, 13}
        assert value == value.strip(b" \t")
    assert head["target"][:1] == b"/" or head["method"] in ("OPTIONS", "CONNECT")
    assert all(33 <= byte < 127 for byte in head["target"])
