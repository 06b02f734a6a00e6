"""HPACK: the rules (RFC 7541), the examples of the RFC, and a comparison with another implementation."""

import importlib
import itertools
from collections.abc import Iterable
from types import ModuleType
from typing import Any

import hpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cases.hpack import PATH, Fields, stories
from tests.fuzz.hpack import LIMITS, make_field, pairs, sections
from tests.fuzz.parsing import BUILDS
from uvicorn import _speedups
from uvicorn._speedups.errors import HpackError
from uvicorn._speedups.hpack_tables import HUFFMAN_LENGTHS, STATIC_TABLE

# The index of the newest entry of the dynamic table.
FIRST = 62


@pytest.fixture
def module(build: str) -> ModuleType:
    """The HPACK module of the build."""
    return importlib.import_module(f"uvicorn._speedups._hpack_{'c' if build == 'compiled' else 'py'}")


@pytest.fixture
def decoder(speedups: Any) -> Any:
    return speedups.Decoder(*LIMITS)


def decode(decoder: Any, block: bytes) -> Fields:
    return [field.field for field in decoder.decode(block)]


def encode(speedups: Any, encoder: Any, section: Iterable[tuple[bytes, bytes]], status: int = 0) -> bytes:
    """The block of a section, made in the same way as by the framer of responses."""
    block: bytes = encoder.encode(status, [encoder.find(pair) or make_field(speedups, pair) for pair in section])
    return block


def literal(name: bytes, value: bytes, first: int = 0x40) -> bytes:
    """A literal representation with a new name; name and value are short and without Huffman coding."""
    return bytes([first, len(name)]) + name + bytes([len(value)]) + value


# The vectors


@pytest.mark.skipif(not PATH.exists(), reason="the shared cases are missing")
def test_vectors(speedups: Any) -> None:
    assert len({story.encoder for story in stories()}) == 5
    assert len(stories()) > 150
    for story in stories():
        decoder = speedups.Decoder(10_000, 1 << 24)
        for block, fields, table_size in story.blocks:
            if table_size is not None:
                decoder.max_table_size = table_size
            assert decode(decoder, block) == fields


@pytest.mark.skipif(not PATH.exists(), reason="the shared cases are missing")
def test_another_decoder_reads_the_sections_of_the_vectors(speedups: Any) -> None:
    encoder, decoder = speedups.Encoder(), hpack.Decoder()
    for story in stories()[::8]:
        for _, fields, _ in story.blocks:
            assert [tuple(pair) for pair in decoder.decode(encode(speedups, encoder, fields), raw=True)] == fields


# The examples of appendix C

REQUESTS = [
    [(b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/"), (b":authority", b"www.example.com")],
    [
        *[(b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/"), (b":authority", b"www.example.com")],
        (b"cache-control", b"no-cache"),
    ],
    [
        *[(b":method", b"GET"), (b":scheme", b"https"), (b":path", b"/index.html")],
        *[(b":authority", b"www.example.com"), (b"custom-key", b"custom-value")],
    ],
]
RESPONSES = [
    [
        *[(b":status", b"302"), (b"cache-control", b"private"), (b"date", b"Mon, 21 Oct 2013 20:13:21 GMT")],
        (b"location", b"https://www.example.com"),
    ],
    [
        *[(b":status", b"307"), (b"cache-control", b"private"), (b"date", b"Mon, 21 Oct 2013 20:13:21 GMT")],
        (b"location", b"https://www.example.com"),
    ],
    [
        *[(b":status", b"200"), (b"cache-control", b"private"), (b"date", b"Mon, 21 Oct 2013 20:13:22 GMT")],
        *[(b"location", b"https://www.example.com"), (b"content-encoding", b"gzip")],
        (b"set-cookie", b"foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"),
    ],
]


@pytest.mark.parametrize(
    ("block", "field"),
    [
        ("400a637573746f6d2d6b65790d637573746f6d2d686561646572", (b"custom-key", b"custom-header")),
        ("040c2f73616d706c652f70617468", (b":path", b"/sample/path")),
        ("100870617373776f726406736563726574", (b"password", b"secret")),
        ("82", (b":method", b"GET")),
    ],
)
def test_examples_of_representations(decoder: Any, block: str, field: tuple[bytes, bytes]) -> None:
    assert decode(decoder, bytes.fromhex(block)) == [field]


@pytest.mark.parametrize(
    ("blocks", "sections"),
    [
        (
            [
                "828684410f7777772e6578616d706c652e636f6d",
                "828684be58086e6f2d6361636865",
                "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
            ],
            REQUESTS,
        ),
        (
            [
                "828684418cf1e3c2e5f23a6ba0ab90f4ff",
                "828684be5886a8eb10649cbf",
                "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
            ],
            REQUESTS,
        ),
        (
            # A table of 256 bytes, which the encoder announces first.
            [
                "3fe101488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8"
                "e9ae82ae43d3",
                "4883640effc1c0bf",
                "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960"
                "d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
            ],
            RESPONSES,
        ),
    ],
)
def test_examples_of_sections(decoder: Any, blocks: list[str], sections: list[Fields]) -> None:
    for block, section in zip(blocks, sections, strict=True):
        assert decode(decoder, bytes.fromhex(block)) == section


# Integers (section 5.1)


@pytest.mark.parametrize("size", [0, 1, 126, 127, 128, 254, 255, 256, 383, 16510, 16511])
def test_lengths(speedups: Any, decoder: Any, size: int) -> None:
    """Lengths around each limit of a prefix and of the bytes after it, encoded and decoded.

    The bytes of these strings have long codes, so Huffman coding is not used.
    """
    section = [(b"a", b"\xff" * size)]
    block = encode(speedups, speedups.Encoder(), section)
    assert decode(decoder, block) == section
    assert [tuple(pair) for pair in hpack.Decoder(1 << 20).decode(block, raw=True)] == section
    if size >= 127:
        assert block[4] & 127 == (size - 127) & 127


def test_a_long_integer_may_have_zeros(decoder: Any) -> None:
    assert decode(decoder, b"\x00\x01a\x7f\x80\x80\x80\x00" + b"b" * 127) == [(b"a", b"b" * 127)]


@pytest.mark.parametrize(
    "block",
    [
        b"\xff",
        b"\xff\x80",
        b"\xff\x80\x80\x80\x80\x80\x01",
        b"\xff\x80\x80\x80\x80\x80\x00",
        b"\xff\xff\xff\xff\xff\x0f",
        b"\xff" * 40 + b"\x01",
        b"\x3f\xff\xff\xff\xff\x7f",
        b"\x00\x7f\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01a",
    ],
)
def test_refuses_integers_that_are_too_large_or_unfinished(decoder: Any, block: bytes) -> None:
    with pytest.raises(HpackError, match="an integer that is too large or incomplete"):
        decoder.decode(block)


# Strings (section 5.2)


@pytest.mark.parametrize("block", [b"\x00", b"\x00\x01a", b"\x01", b"\x40\x00", b"\x10"])
def test_refuses_a_block_that_ends_within_a_field(decoder: Any, block: bytes) -> None:
    with pytest.raises(HpackError, match="a block that ends within a field"):
        decoder.decode(block)


@pytest.mark.parametrize("block", [b"\x00\x02a", b"\x00\x01a\x03bc", b"\x01\x81", b"\x01\xfe" + b"a" * 125])
def test_refuses_a_string_longer_than_its_block(decoder: Any, block: bytes) -> None:
    with pytest.raises(HpackError, match="a string that is longer than its block"):
        decoder.decode(block)


def test_every_code(module: ModuleType) -> None:
    """Each byte alone, and pairs of bytes, so that each code starts at many bit positions.

    The other implementation decodes the strings.
    """
    other = hpack.Decoder()
    for text in itertools.chain((bytes([byte]) for byte in range(256)), (bytes(two) for two in pairs_of_bytes())):
        size = module.huffman_size(text)
        assert size == (sum(HUFFMAN_LENGTHS[byte] for byte in text) + 7) // 8
        coded = module.encode_huffman(text, size)
        assert module.decode_huffman(b"\0" + coded + b"\0", 1, 1 + size) == text
        block = b"\x00\x01a" + bytes([0x80 | size]) + coded
        assert other.decode(block, raw=True)[0][1] == text


def pairs_of_bytes() -> Iterable[tuple[int, int]]:
    """Each byte before and after one byte for each length of code."""
    firsts = {length: byte for byte, length in enumerate(HUFFMAN_LENGTHS)}.values()
    for first, second in itertools.product(firsts, range(256)):
        yield first, second
        yield second, first


@pytest.mark.parametrize("coded", [b"\xff" * 4, b"\x1f\xff\xff\xff\xff", b"\xff\xff\xff\xfc", b"\xff\xff\xff\xff\xff"])
def test_refuses_eos_within_a_string(module: ModuleType, coded: bytes) -> None:
    with pytest.raises(HpackError):
        module.decode_huffman(coded, 0, len(coded))


def test_refuses_eos_before_the_end_of_a_string(module: ModuleType) -> None:
    """Thirty one-bits are EOS, whatever follows."""
    with pytest.raises(HpackError, match="EOS within a Huffman-coded string"):
        module.decode_huffman(b"\xff\xff\xff\xfd\xff", 0, 5)


@pytest.mark.parametrize("coded", [b"\x1f\xff", b"\xff", b"\xff\xff", b"\xff\xff\xff", b"\x1f\xff\xff"])
def test_refuses_padding_of_a_byte_and_more(module: ModuleType, coded: bytes) -> None:
    with pytest.raises(HpackError, match="a Huffman-coded string ends within a code"):
        module.decode_huffman(coded, 0, len(coded))


@pytest.mark.parametrize("coded", [b"\x18", b"\x1e", b"\x1d", b"\x10"])
def test_refuses_padding_that_is_not_ones(module: ModuleType, coded: bytes) -> None:
    """The string has the code of "a", padded with zeros."""
    with pytest.raises(HpackError, match="the padding of a Huffman-coded string is not ones"):
        module.decode_huffman(coded, 0, len(coded))


def test_an_empty_string_has_no_code(module: ModuleType) -> None:
    assert module.decode_huffman(b"", 0, 0) == b""
    assert module.encode_huffman(b"", 0) == b""


@given(st.binary(max_size=80))
def test_huffman_and_its_reverse(text: bytes) -> None:
    for build in BUILDS:
        module = importlib.import_module(f"uvicorn._speedups._hpack_{'c' if build == 'compiled' else 'py'}")
        coded = module.encode_huffman(text, module.huffman_size(text))
        assert module.decode_huffman(coded, 0, len(coded)) == text


# Tables (sections 2.3 and 4)


def test_the_static_table(decoder: Any) -> None:
    for index, field in enumerate(STATIC_TABLE, 1):
        assert decode(decoder, bytes([0x80 | index])) == [field]
    assert len(STATIC_TABLE) == 61


@pytest.mark.parametrize("block", [b"\x80", b"\xbe", b"\xff\x00", b"\x7e\x01a", b"\x0f\x2f\x01a", b"\x1f\x80\x7f\x01a"])
def test_refuses_an_index_outside_the_tables(decoder: Any, block: bytes) -> None:
    with pytest.raises(HpackError, match="an index outside of the tables"):
        decoder.decode(block)


def test_indexed_fields_are_the_same_objects(decoder: Any) -> None:
    """Equal objects keep the facts that the reader has found out about the field."""
    [first] = decoder.decode(literal(b"a", b"b"))
    first.kind, first.meaning = 5, "x"
    [second] = decoder.decode(bytes([0x80 | FIRST]))
    assert second is first
    assert (second.kind, second.meaning, second.size) == (5, "x", 34)


def test_the_newest_entry_comes_first(decoder: Any) -> None:
    decoder.decode(literal(b"a", b"1") + literal(b"b", b"2") + literal(b"c", b"3"))
    newest = [(b"c", b"3"), (b"b", b"2"), (b"a", b"1")]
    assert decode(decoder, bytes([0xBE, 0xBF, 0xC0])) == newest
    with pytest.raises(HpackError, match="an index outside of the tables"):
        decoder.decode(b"\xc1")


def test_equal_entries_are_separate_entries(decoder: Any) -> None:
    decoder.decode(literal(b"a", b"1") * 2)
    assert decode(decoder, b"\xbe\xbf") == [(b"a", b"1")] * 2


@pytest.mark.parametrize("first", [0x00, 0x10])
def test_a_literal_without_indexing_is_not_indexed(decoder: Any, first: int) -> None:
    assert decode(decoder, literal(b"a", b"b", first)) == [(b"a", b"b")]
    with pytest.raises(HpackError, match="an index outside of the tables"):
        decoder.decode(b"\xbe")


@pytest.mark.parametrize("first", [0x00, 0x10])
def test_names_by_index(decoder: Any, first: int) -> None:
    """The prefix has four bits; with indexing it has six bits."""
    decoder.decode(literal(b"a", b"1"))
    assert decode(decoder, bytes([first | 15, FIRST - 15, 1]) + b"2") == [(b"a", b"2")]
    assert decode(decoder, bytes([0x40 | FIRST, 1]) + b"3") == [(b"a", b"3")]
    assert decode(decoder, b"\xbe\xbf") == [(b"a", b"3"), (b"a", b"1")]
    assert decode(decoder, bytes([first | 14, 1]) + b"3") == [(b":status", b"3")]


def test_the_oldest_entry_is_evicted(decoder: Any) -> None:
    """The table of 300 bytes has room for three entries of 100 bytes."""
    block = b"".join(literal(b"%d" % number, b"x" * 67) for number in range(4))
    assert len(decode(decoder, b"\x3f\x8d\x02" + block)) == 4
    assert [name for name, _ in decode(decoder, b"\xbe\xbf\xc0")] == [b"3", b"2", b"1"]
    with pytest.raises(HpackError, match="an index outside of the tables"):
        decoder.decode(b"\xc1")


def test_an_entry_larger_than_the_table_empties_it(decoder: Any) -> None:
    """This is not an error (section 4.4)."""
    decoder.decode(b"\x3f\x45" + literal(b"a", b"1"))
    assert decode(decoder, b"\xbe") == [(b"a", b"1")]
    assert decode(decoder, literal(b"b", b"x" * 70)) == [(b"b", b"x" * 70)]
    with pytest.raises(HpackError, match="an index outside of the tables"):
        decoder.decode(b"\xbe")


def test_an_entry_may_take_its_name_from_one_that_it_evicts(decoder: Any) -> None:
    decoder.decode(b"\x3f\x0f" + literal(b"name", b"1"))
    assert decode(decoder, bytes([0x40 | FIRST, 5]) + b"22222") == [(b"name", b"22222")]
    assert decode(decoder, b"\xbe") == [(b"name", b"22222")]


def test_an_entry_of_exactly_the_size_of_the_table(decoder: Any) -> None:
    decoder.decode(b"\x3f\x09" + literal(b"abcd", b"efgh"))
    assert decode(decoder, b"\xbe") == [(b"abcd", b"efgh")]
    decoder.decode(b"\x3f\x08")
    with pytest.raises(HpackError, match="an index outside of the tables"):
        decoder.decode(b"\xbe")


def test_size_updates(decoder: Any) -> None:
    """A block may begin with several updates; a size of 0 empties the table."""
    decoder.decode(literal(b"a", b"b"))
    assert decode(decoder, b"\x20\x3f\xe1\x1f" + literal(b"c", b"d")) == [(b"c", b"d")]
    assert decode(decoder, b"\xbe") == [(b"c", b"d")]
    with pytest.raises(HpackError, match="an index outside of the tables"):
        decoder.decode(b"\xbf")


def test_refuses_a_size_update_above_the_maximum(decoder: Any) -> None:
    decoder.decode(b"\x3f\xe1\x1f")
    with pytest.raises(HpackError, match="a table size above the maximum"):
        decoder.decode(b"\x3f\xe2\x1f")
    decoder.max_table_size = 4097
    decoder.decode(b"\x3f\xe2\x1f")


@pytest.mark.parametrize("block", [b"\x82\x20", literal(b"a", b"b") + b"\x20", b"\x20\x82\x3f\xe1\x1f"])
def test_refuses_a_size_update_after_a_field(decoder: Any, block: bytes) -> None:
    with pytest.raises(HpackError, match="a table size update after the beginning of a block"):
        decoder.decode(block)


# Limits


def test_drops_a_section_over_the_size_and_keeps_the_table_in_step(speedups: Any) -> None:
    decoder = speedups.Decoder(100, 3 * 34)
    block = b"".join(literal(bytes([name]), b"x") for name in b"abc")
    assert len(decoder.decode(block)) == 3
    assert not decoder.exceeded
    assert decode(decoder, block + literal(b"d", b"x")) == []
    assert decoder.exceeded
    assert decode(decoder, b"\xbe\xbf") == [(b"d", b"x"), (b"c", b"x")]
    assert not decoder.exceeded


def test_drops_a_section_with_too_many_fields(speedups: Any) -> None:
    decoder = speedups.Decoder(3, 10_000)
    assert len(decoder.decode(b"\x82\x82\x82")) == 3
    assert not decoder.exceeded
    assert decoder.decode(b"\x82\x82\x82\x82") == []
    assert decoder.exceeded


def peak_of_a_bomb(decoder: Any) -> int:
    """The peak of allocated bytes for a block of 60,000 bytes, each of which refers to the newest entry."""
    tracemalloc = pytest.importorskip("tracemalloc", reason="this interpreter does not trace allocations")
    block = b"\xbe" * 60_000
    tracemalloc.start()
    try:
        assert decoder.decode(block) == []
        assert decoder.exceeded
        peak: int = tracemalloc.get_traced_memory()[1]
        return peak
    finally:
        tracemalloc.stop()


def test_a_bomb_of_a_large_field(speedups: Any) -> None:
    """Copies of the field would take 240 MB (CVE-2016-6581)."""
    decoder = speedups.Decoder(256, 131_072)
    decoder.decode(b"\x40\x01a\x7f\xdf\x1e" + b"x" * 4062)
    assert decode(decoder, b"\xbe") == [(b"a", b"x" * 4062)]
    assert peak_of_a_bomb(decoder) < 1_000_000


def test_a_bomb_of_small_fields(speedups: Any) -> None:
    """Each field counts 32 bytes more than its name and value have (CVE-2026-49975)."""
    decoder = speedups.Decoder(100_000, 131_072)
    decoder.decode(literal(b"a", b""))
    assert len(decoder.decode(b"\xbe" * (131_072 // 33))) == 131_072 // 33
    assert decoder.decode(b"\xbe" * (131_072 // 33 + 1)) == []
    assert peak_of_a_bomb(decoder) < 1_000_000


def test_empty_names_count(speedups: Any) -> None:
    """Empty fields count towards the limits too (CVE-2019-9516)."""
    decoder = speedups.Decoder(100_000, 320)
    assert decode(decoder, b"\x00\x00\x00" * 10) == [(b"", b"")] * 10
    assert decode(decoder, b"\x00\x00\x00" * 11) == []
    assert decoder.exceeded


# The encoder


@pytest.mark.parametrize("change", ["trailers", "informational", "limit", "limits"])
def test_a_repeated_head_after_a_change_of_the_table(speedups: Any, change: str) -> None:
    """The encoder only reuses the block while the table is unchanged."""
    encoder, decoder = speedups.Encoder(), hpack.Decoder()
    fields = [make_field(speedups, (b"a", b"1")), make_field(speedups, (b"b", b"2"))]
    more = [make_field(speedups, (b"c", b"3"))]

    def send(status: int, section: Any) -> bytes:
        block: bytes = encoder.encode(status, section)
        decoded = [tuple(pair) for pair in decoder.decode(block, raw=True)]
        assert decoded == [(b":status", b"%d" % status)] * bool(status) + [field.field for field in section]
        return block

    assert [len(send(200, fields)) for _ in range(4)] == [11, 11, 3, 3]
    for size in (0, 4096) if change == "limits" else (100,) if change == "limit" else ():
        encoder.set_table_size(size)
    if change == "trailers":
        send(0, more)
        send(0, more)
    elif change == "informational":
        send(103, more)
        send(103, more)
    else:
        assert send(200, fields)[0] & 0xE0 == 0x20, "the block must begin with the new size"
    assert [len(send(200, fields)) for _ in range(2)] == [3, 3]
    assert [len(send(404, section)) for section in (fields, fields[::-1], fields[:1])] == [3, 3, 2]


def test_indexes_fields_that_repeat(speedups: Any) -> None:
    encoder = speedups.Encoder()
    section = [(b"content-type", b"text/plain"), (b"x-a", b"b")]
    first, second, third = (encode(speedups, encoder, section, 200) for _ in range(3))
    assert first[:2] == b"\x88\x0f"
    assert second[:2] == b"\x88\x5f"
    assert third == b"\x88\xbf\xbe"
    other = hpack.Decoder()
    for block in (first, second, third):
        assert other.decode(block, raw=True) == [(b":status", b"200"), *section]


def test_does_not_index_values_that_always_change(speedups: Any) -> None:
    encoder = speedups.Encoder()
    for number in range(100):
        block = encode(speedups, encoder, [(b"x-request-id", b"%d" % number)])
        assert block[0] == 0
    assert encoder.find((b"x-request-id", b"99")) is None


def test_refers_to_a_name_in_the_table(speedups: Any) -> None:
    encoder = speedups.Encoder()
    for _ in range(2):
        encode(speedups, encoder, [(b"x-name", b"1")])
    assert encode(speedups, encoder, [(b"x-name", b"2")]) == b"\x0f\x2f\x01" + b"2"


@pytest.mark.parametrize("name", [b"authorization", b"cookie", b"proxy-authorization", b"set-cookie"])
def test_short_secrets_are_never_indexed(speedups: Any, name: bytes) -> None:
    """They could be guessed (RFC 7541 section 7.1.3). The representation also forbids intermediaries to index them."""
    encoder = speedups.Encoder()
    for _ in range(3):
        block = encode(speedups, encoder, [(name, b"a" * 19)])
        assert block[0] & 0xF0 == 0x10
    for _ in range(2):
        block = encode(speedups, encoder, [(name, b"a" * 20)])
    assert block[0] & 0xC0 == 0x40


@pytest.mark.parametrize("status", [200, 204, 206, 304, 400, 404, 500])
def test_common_statuses_take_one_byte(speedups: Any, status: int) -> None:
    block = speedups.Encoder().encode(status, [])
    assert len(block) == 1
    assert hpack.Decoder().decode(block) == [(":status", str(status))]


def test_indexes_other_statuses_when_they_repeat(speedups: Any) -> None:
    encoder, decoder = speedups.Encoder(), hpack.Decoder()
    blocks = [encoder.encode(status, []) for status in (503, 503, 201, 503, 201, 201)]
    statuses = [decoder.decode(block)[0][1] for block in blocks]
    assert statuses == ["503", "503", "201", "503", "201", "201"]
    assert [len(block) for block in blocks] == [5, 5, 4, 1, 4, 1]


def test_uses_huffman_coding_if_it_is_shorter(speedups: Any) -> None:
    assert encode(speedups, speedups.Encoder(), [(b"server", b"wwww")]) == b"\x0f\x27\x04wwww"
    assert encode(speedups, speedups.Encoder(), [(b"server", b"aaa")]) == b"\x0f\x27\x82\x18\xc7"
    assert encode(speedups, speedups.Encoder(), [(b"server", b"{{{")]) == b"\x0f\x27\x03{{{"


def test_does_not_index_a_field_that_would_evict_the_others(speedups: Any) -> None:
    encoder = speedups.Encoder()
    for size in (2048 - 33, 2048 - 32):
        for _ in range(2):
            encode(speedups, encoder, [(b"a", b"x" * size)])
        assert (encoder.find((b"a", b"x" * size)) is None) is (size == 2048 - 32)


def test_entries_are_evicted(speedups: Any) -> None:
    """The other decoder evicts the same entries. Evicted fields can be indexed again."""
    encoder, decoder = speedups.Encoder(), hpack.Decoder()
    numbers = [*(number // 2 for number in range(200)), 0, 0, 0, 99, 99]
    for number in numbers:
        section = [(b"x-%d" % number, b"y" * 60)]
        assert decoder.decode(encode(speedups, encoder, section), raw=True) == section
    assert encoder.find((b"x-50", b"y" * 60)) is None
    assert encoder.find((b"x-0", b"y" * 60)) is not None


def test_equal_fields_of_one_section(speedups: Any) -> None:
    """Equal fields may become two entries. Evicting the older entry must not affect the newer one."""
    encoder, decoder = speedups.Encoder(), hpack.Decoder()
    for turn, count in enumerate((3, 3, 100, 0, 0, 0, 3)):
        section = [(b"x-a", b"y" * 60)] * count
        section += [(b"x-%d-%d" % (turn, number % 12), b"z" * 60) for number in range(24)]
        assert decoder.decode(encode(speedups, encoder, section), raw=True) == section


def test_many_names(speedups: Any) -> None:
    """The test uses more names than the encoder remembers."""
    encoder, decoder = speedups.Encoder(), hpack.Decoder()
    for number in range(1100):
        section = [(b"x-%d" % number, b"a")]
        assert decoder.decode(encode(speedups, encoder, section), raw=True) == section


@pytest.mark.parametrize(
    ("sizes", "update"),
    [
        ([4096], b""),
        ([100], b"\x3f\x45"),
        ([1 << 20], b""),
        ([100, 4096], b"\x3f\x45\x3f\xe1\x1f"),
        ([100, 50, 1000], b"\x3f\x13\x3f\xc9\x07"),
        ([0], b"\x20"),
        ([0, 1 << 31], b"\x20\x3f\xe1\x1f"),
        ([100, 50], b"\x3f\x13"),
    ],
)
def test_the_size_that_the_peer_allows(speedups: Any, sizes: list[int], update: bytes) -> None:
    """The next block begins with the lowest size and the last size, once (section 4.2)."""
    encoder = speedups.Encoder()
    section = [(b"x-a", b"b")]
    for _ in range(2):
        encode(speedups, encoder, section)
    for size in sizes:
        encoder.set_table_size(size)
    block = encode(speedups, encoder, section)
    assert block[: len(update)] == update
    kept = min(sizes) >= 36
    assert (len(block) == len(update) + 1) is kept
    assert encode(speedups, encoder, section)[:1] not in (b"\x20", b"\x3f")
    assert (encoder.find(section[0]) is None) is (max(sizes[-1], 36) == 36)


# Against another implementation


@given(st.lists(sections, max_size=8), st.booleans(), st.lists(st.integers(0, 5000), max_size=8))
def test_decodes_blocks_of_another_encoder(many: list[Fields], huffman: bool, sizes: list[int]) -> None:
    encoder = hpack.Encoder()
    decoders = [_speedups.load(build).Decoder(*LIMITS) for build in BUILDS]
    for section, size in itertools.zip_longest(many, sizes[: len(many)]):
        if size is not None:
            encoder.header_table_size = min(size, 4096)
        block = encoder.encode(section, huffman=huffman)
        for decoder in decoders:
            assert decode(decoder, block) == section


@given(st.lists(sections, max_size=8), st.lists(st.integers(0, 5000), max_size=8))
def test_encodes_blocks_for_another_decoder(many: list[Fields], sizes: list[int]) -> None:
    for build in BUILDS:
        speedups = _speedups.load(build)
        encoder, decoder = speedups.Encoder(), hpack.Decoder()
        own = speedups.Decoder(*LIMITS)
        for section, size in itertools.zip_longest(many, sizes[: len(many)]):
            if size is not None:
                encoder.set_table_size(size)
                decoder.max_allowed_table_size = size
            block = encode(speedups, encoder, section)
            assert [tuple(pair) for pair in decoder.decode(block, raw=True)] == section
            assert decode(own, block) == section


@given(st.lists(pairs, min_size=1, max_size=4))
def test_a_repeated_section_takes_one_byte_for_each_field(section: Fields) -> None:
    for build in BUILDS:
        speedups = _speedups.load(build)
        encoder = speedups.Encoder()
        for _ in range(20):
            block = encode(speedups, encoder, section)
        indexed = [pair for pair in section if encoder.find(pair) is not None]
        assert len(block) >= len(indexed)
