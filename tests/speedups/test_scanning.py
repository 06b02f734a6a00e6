"""The loops that the compiled build uses instead of methods of bytes, tested on both builds with every edge case."""

import importlib
import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.parsing import BUILDS, HEAD_ATTRIBUTES, check_requests
from tests.fuzz.run import QUIET
from tests.speedups.test_parity import Reading, outcome
from uvicorn._speedups import _scan_py
from uvicorn._speedups.flags import BODY_FOLLOWS
from uvicorn._speedups.tables import KNOWN_FIELDS, TOKEN_CHARS

_scan_c = importlib.import_module("uvicorn._speedups._scan_c") if len(BUILDS) == 2 else None

pytestmark = pytest.mark.skipif(len(BUILDS) < 2, reason="the compiled build is missing")

LINE = b"GET / HTTP/1.1\r\n"
NAMES = sorted({field[0] for field in KNOWN_FIELDS.values()})


def check(*pieces: bytes) -> list[Any]:
    """Feed the pieces to both builds, each piece as its own object, up to a rejection; return the events."""
    both = [Reading(build) for build in BUILDS]
    for piece in pieces:
        pure, compiled = (outcome(one.read, piece) for one in both)
        assert pure == compiled, pieces
        assert both[0].state() == both[1].state(), pieces
        if isinstance(pure, tuple):
            break
    return both[0].events


def check_cut(data: bytes) -> None:
    """Feed the data whole, split once at each position, and byte by byte."""
    check(data)
    for position in range(1, len(data)):
        check(data[:position], data[position:])
    check(*(data[position : position + 1] for position in range(len(data))))


def head_with(field: bytes) -> bytes:
    return LINE + b"Host: a\r\n" + field + b"\r\n\r\n"


@pytest.mark.parametrize("name", NAMES, ids=bytes.decode)
def test_names_similar_to_known_names(name: bytes) -> None:
    """Replace each byte of each known name: by one with a flipped bit, by a control character, by a byte above 127."""
    for place in range(len(name)):
        byte = name[place]
        for other in {byte ^ bit for bit in (1, 2, 4, 8, 16, 32, 64, 128)} | {0, 9, 32, 127, 128, 255}:
            check(head_with(name[:place] + bytes([other]) + name[place + 1 :] + b": 0"))
    for field in (name, name + b":", name[:-1] + b":", name[1:] + b":", name * 2 + b": 0", name + b"\0: 0"):
        check(head_with(field))


@pytest.mark.parametrize("name", NAMES, ids=bytes.decode)
def test_both_libraries_with_names_similar_to_known_names(name: bytes) -> None:
    """Such a field is never read as the known field, and only the grammar decides whether it is accepted."""
    for place in range(len(name)):
        byte = name[place]
        for other in {byte ^ 32, byte | 128, byte & 31, 95, 127, 0}:
            field = name[:place] + bytes([other]) + name[place + 1 :]
            verdict = check_requests(head_with(field + b": 0"), [20])
            if field.lower() == name:
                continue
            if field.strip(TOKEN_CHARS):
                assert verdict.status == 400
            else:
                [(_, attributes), *_] = verdict.events
                assert (field.lower(), b"0") in attributes[HEAD_ATTRIBUTES.index("headers")]
                assert not attributes[HEAD_ATTRIBUTES.index("flags")] & BODY_FOLLOWS


@pytest.mark.parametrize("filler", [b"a", b"A", b"-", b"\x00", b"\x80", b"\xff", b"h", b"z"], ids=repr)
def test_names_and_values_of_every_length(filler: bytes) -> None:
    """The lengths go up to the limit of a head."""
    for length in [*range(70), 250, 251, 252, 253, 254, 255, 256, 257]:
        text = filler * length
        for field in (text, text + b":", text + b": " + text, b":" + text, b"x:" + text, b"x: \t" + text + b" \t"):
            check(head_with(field))
            check(LINE + field + b"\r\n\r\n")


def test_sections_of_line_ends() -> None:
    """Every section of up to seven bytes made of CR, LF and an ordinary byte, also split at every position."""
    for length in range(8):
        for section in itertools.product(b"\r\na", repeat=length):
            data = LINE + bytes(section)
            check(data)
            for position in range(len(LINE) - 2, len(data)):
                check(data[:position], data[position:])


def test_the_empty_line_at_every_distance() -> None:
    """The loop searches for the empty line in steps of up to four bytes."""
    ends = (b"\r\n\r\n", b"\r\r\n\r\n", b"\n\r\n\r\n", b"\r\n\n", b"\n\n", b"\r\n\r", b"\r\n")
    for before, behind in itertools.product(range(1, 14), range(6)):
        for end in (*ends, b"\r\n\ra\r\n\r\n"):
            check_cut(LINE + b"Host:" + b"a" * before + end + b"b" * behind)


@pytest.mark.parametrize("byte", range(256))
def test_every_byte_everywhere_in_a_line(byte: int) -> None:
    """Each byte value replaces each byte, and is inserted between each two bytes and at the end of the data."""
    data = b"GET /a?b=c HTTP/1.1\r\n"
    one = bytes([byte])
    for place in range(len(data) + 1):
        for line in (data[:place] + one + data[place + 1 :], data[:place] + one + data[place:]):
            check(line)
            check(line + b"Host: a\r\n\r\n")
            check(line[: place + 1], line[place + 1 :] + b"Host: a\r\n\r\n")


def test_lines_of_few_bytes() -> None:
    """Every line of up to six bytes, made of the bytes that divide a line."""
    for length in range(1, 7):
        for line in itertools.product(b" /G\r", repeat=length):
            check(bytes(line) + b"\n")
            check(b"x " + bytes(line) + b"\n")
            check(bytes(line) + b" HTTP/1.1\r\n")
            check(bytes(line))


@pytest.mark.parametrize("target", [b"/", b"/a", b"", b"*", b"?", b"/?", b"/??", b"/a?b#", b"/a#?b", b"a:1"], ids=repr)
def test_targets(target: bytes) -> None:
    for method in (b"GET", b"HEAD", b"OPTIONS", b"CONNECT", b"X"):
        for byte in range(256):
            for tried in (target + bytes([byte]), bytes([byte]) + target):
                check(method + b" " + tried + b" HTTP/1.1\r\nHost: a\r\n\r\n")


buffers = st.binary(max_size=40) | st.text("\r\n :;\t\0\x7faH/?#019fFg", max_size=40).map(str.encode)


@settings(max_examples=1000, **QUIET)
@given(buffers, st.integers(0, 40), st.integers(0, 40), st.sampled_from(b"\n :;a"))
def test_both_versions_of_each_loop(data: bytes, start: int, stop: int, byte: int) -> None:
    start, stop = sorted((min(start, len(data)), min(stop, len(data))))
    for name, arguments in (
        ("cut", (data, start, stop)),
        ("join", ([data, b"", data[:start], data],)),
        ("find_byte", (data, byte, start, stop)),
        ("find_path_end", (data,)),
        ("find_colon", (data, start, stop)),
        ("is_field_value", (data, start, stop)),
        ("parse_hex", (data, start, stop)),
    ):
        pure, compiled = (getattr(scan, name)(*arguments) for scan in (_scan_py, _scan_c))
        assert pure == compiled, (name, arguments)


@settings(max_examples=300, **QUIET)
@given(st.text(st.characters(max_codepoint=300)) | st.text("/azAZ09_.~-?&= %\n\x7f"))
def test_both_versions_of_the_loops_over_text(text: str) -> None:
    for name in ("is_plain_path", "is_plain_query", "is_plain_text"):
        pure, compiled = (getattr(scan, name)(text) for scan in (_scan_py, _scan_c))
        assert pure == compiled, (name, text)


@pytest.mark.parametrize(
    ("name", "arguments", "result"),
    [
        ("is_plain_path", ("/a-Z_0.9~",), True),
        ("is_plain_path", ("/a%20",), False),
        ("is_plain_path", ("/a\n",), False),
        ("is_plain_path", ("/\xe9",), False),
        ("is_plain_query", ("a=!~",), True),
        ("is_plain_query", ("a b",), False),
        ("is_plain_query", ("a\x7f",), False),
        ("is_plain_query", ("\xe9",), False),
        ("is_plain_text", ("a ~",), True),
        *(("is_plain_text", (text,), False) for text in ('"', "\\", "\n", "\x7f", "\xe9")),
        ("cut", (b"abcd", 1, 3), b"bc"),
        ("cut", (b"abcd", 4, 4), b""),
        ("join", ([],), b""),
        ("join", ([b"ab", b"", b"c"],), b"abc"),
        ("find_byte", (b"abcb", 98, 0, 4), 1),
        ("find_byte", (b"abcb", 98, 2, 4), 3),
        ("find_byte", (b"abcb", 98, 2, 3), -1),
        *(("find_byte", (b"b" + b"a" * length + b"b", 98, 1, length + 2), length + 1) for length in range(100, 300)),
        *(("find_byte", (b"b" + b"a" * length + b"b", 98, 1, length + 1), -1) for length in range(100, 300)),
        ("find_path_end", (b"/a?b?",), 2),
        ("find_path_end", (b"/a",), 2),
        ("find_path_end", (b"a",), -1),
        ("find_path_end", (b"/a#",), -1),
        ("find_colon", (b"a:", 0, 2), 1),
        ("find_colon", (b"a:", 0, 1), -1),
        ("find_colon", (b"aa:", 1, 3), 2),
        ("find_colon", (b":a", 0, 2), -1),
        ("find_colon", (b"a :", 0, 3), -1),
        ("is_field_value", (b"\x00a\t\x00", 1, 3), True),
        ("is_field_value", (b"\x00a\t\x00", 0, 3), False),
        *(("is_field_value", (b"a" * at + b"\x7f" + b"a" * 40, 0, at + 41), False) for at in range(40)),
        ("is_field_value", (b"\x00a\t\x00", 1, 4), False),
        ("parse_hex", (b"x1fF\r", 1, 4), 0x1FF),
        ("parse_hex", (b"1" * 16, 0, 15), 0x111111111111111),
        ("parse_hex", (b"1" * 16, 0, 16), -1),
        ("parse_hex", (b"1g", 0, 2), -1),
        ("parse_hex", (b"1", 1, 1), -1),
    ],
)
def test_each_loop(name: str, arguments: Any, result: int | bytes) -> None:
    for scan in (_scan_py, _scan_c):
        assert getattr(scan, name)(*arguments) == result


@pytest.mark.parametrize("parts", [[], [""], ["a"], ["", "b", "cd" * 40], ["a", "\xe9"], ["\u20ac", "\U0001f600", "x"]])
def test_texts_are_joined(parts: list[str]) -> None:
    scans: list[Any] = [_scan_py, _scan_c]
    assert [scan.join_text(parts) for scan in scans] == ["".join(parts)] * 2


def test_refuses_to_join_items_that_are_not_text() -> None:
    scan: Any
    for scan in (_scan_py, _scan_c):
        with pytest.raises(TypeError):
            scan.join_text(["a", None])


_NAMES = (b"user-agent", b"referer", b"x" * 74)


@pytest.mark.parametrize(
    ("fields", "places"),
    [
        ((), []),
        (((b"host", b"a"), (b"connection", b"b"), (b"", b"")), []),
        (((b"referer", b"a"), (b"host", b"b"), (b"user-agent", b"c"), (b"referer", b"d")), [0, 2, 3]),
        (((b"Referer", b""), (b"refereR", b""), (b"xeferer", b""), (b"referer\0", b"")), []),
        (((b"x" * 74, b""), (b"x" * 10, b""), (b"x" * 138, b""), (b"x" * 73 + b"y", b"")), [0]),
        (
            ([b"referer", b"a"], (bytearray(b"referer"), b"b"), (memoryview(b"referer"), b"c"), ("referer", b"d")),
            [0, 1, 2],
        ),
    ],
)
def test_fields_are_found_by_their_names(fields: tuple[Any, ...], places: list[int]) -> None:
    scan: Any
    for scan in (_scan_py, _scan_c):
        found = []
        place = scan.find_field(fields, _NAMES, 0)
        while place >= 0:
            found.append(place)
            place = scan.find_field(fields, _NAMES, place + 1)
        assert found == places


@pytest.mark.parametrize("fields", [((),), (1,), (((b"host", b""), (1, b""), None))])
def test_items_that_are_not_fields(fields: Any) -> None:
    scans: list[Any] = [_scan_py, _scan_c]
    outcomes = [outcome(scan.find_field, fields, _NAMES, 0) for scan in scans]
    assert outcomes[0] == outcomes[1]
    assert isinstance(outcomes[0], tuple)


@settings(max_examples=300, **QUIET)
@given(st.lists(st.binary(max_size=30) | st.text("\r\n :\t\0aH", max_size=30).map(str.encode), max_size=4))
def test_noise(pieces: list[bytes]) -> None:
    check(*pieces)
    check(LINE, *pieces, b"\r\n\r\n")
