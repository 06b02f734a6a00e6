"""Request streams through both parsers on both builds."""

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.grammar import chunked_bodies, mutated, positions, streams
from tests.fuzz.parsing import LIMITS, UNLIMITED, check_chunks, check_requests


@given(streams, positions, st.sampled_from([UNLIMITED, UNLIMITED, LIMITS]))
def test_requests(data: bytes, cuts: Iterable[int], limits: tuple[int, int, int, int]) -> None:
    check_requests(data, cuts, limits)


@given(st.binary(max_size=60), positions)
def test_noise(data: bytes, cuts: Iterable[int]) -> None:
    verdict = check_requests(b"GET / HTTP/1.1\r\nHost: a.example\r\n" + data, cuts)
    assert verdict.status in (0, 400, 501)


@given(mutated(chunked_bodies()), positions)
def test_chunks(data: bytes, cuts: Iterable[int]) -> None:
    check_chunks(data, cuts)
