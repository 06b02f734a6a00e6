"""Attacks on the server: no figure exceeds its bound. `make abuse`, or `pytest -m abuse tests/abuse -k NAME`.

Each attack starts its own server process and connects to it over 127.0.0.1.
"""

import resource
from collections.abc import Callable, Iterator

import pytest

from tests.abuse import attacks_http, attacks_system, attacks_websocket
from tests.abuse.attacks_http import Figure

pytestmark = [
    pytest.mark.abuse,
    pytest.mark.once,
    pytest.mark.timeout(600),
    # Some attacks leave hundreds of sockets to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]

ATTACKS = [
    attacks_http.slowloris,
    attacks_http.slow_body,
    attacks_http.pipeline_unread,
    attacks_http.slow_reader,
    attacks_http.reader_gone,
    attacks_http.upload_unread,
    attacks_http.quadratic,
    attacks_http.dripped,
    attacks_http.resets,
    attacks_websocket.deflate_bomb,
    attacks_websocket.fragments,
    attacks_websocket.pings_unread,
    attacks_websocket.messages_unread,
    attacks_system.few_descriptors,
    attacks_system.failing_accept,
]


@pytest.fixture(autouse=True)
def many_descriptors() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard if hard > 0 else 20_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_every_figure_is_within_its_bound(attack: Callable[[], Iterator[Figure]]) -> None:
    figures = list(attack())
    for what, value, bound, unit in figures:
        print(f"{what}: {value:.2f} {unit} (bound {bound:g})")
    assert [figure for figure in figures if figure[1] > figure[2]] == []
