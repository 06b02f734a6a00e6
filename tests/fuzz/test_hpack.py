"""Field blocks, read by the decoders and the readers of both builds."""

import hpack
from hypothesis import given
from hypothesis import strategies as st

from tests.cases.hpack import Fields
from tests.fuzz.hpack import LIMITS, SMALL, blocks, check_blocks, check_sections, requests
from tests.fuzz.parsing import UNLIMITED


@given(st.lists(blocks, max_size=4), st.sampled_from([LIMITS, LIMITS, (5, 300)]))
def test_blocks(many: list[bytes], limits: tuple[int, int]) -> None:
    check_blocks(many, limits)


@given(st.lists(st.binary(max_size=40), max_size=4))
def test_block_noise(many: list[bytes]) -> None:
    check_blocks(many)
    check_sections(many, False)


@given(st.lists(requests, max_size=4), st.booleans(), st.booleans(), st.sampled_from([UNLIMITED, UNLIMITED, SMALL]))
def test_sections(many: list[Fields], body_follows: bool, huffman: bool, limits: tuple[int, int, int, int]) -> None:
    encoder = hpack.Encoder()
    check_sections([encoder.encode(section, huffman=huffman) for section in many], body_follows, limits)
