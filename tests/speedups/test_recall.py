"""What is kept of a connection's fields changes nothing of what is read: it is the same as on a new connection."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.parsing import HALVES, PARSERS, Recorder, make_parser
from uvicorn._speedups._request_py import _SLOTS, _find_known, _slot
from uvicorn._speedups.facts import KNOWN_FIELDS, RequestRejected

SECTIONS = (
    b"Host: a\r\n",
    b"Host: b\r\nAccept: */*\r\n",
    b"Host: a\r\nConnection: keep-alive\r\nX-Own: 1\r\n",
    b"Host: a\r\nConnection: close\r\n",
    b"Host: a\r\nContent-Length: 0\r\n",
    b"Host: a\r\nExpect: 100-continue\r\n",
    b"Host: a\r\nUpgrade: h2c\r\n",
    b"Host: a\r\nHost: a\r\n",
    b"Host: \r\nX-Long: " + b"x" * 3000 + b"\r\n",
    b"",
)
LINES = (
    b"GET / HTTP/1.1\r\n",
    b"HEAD /a?b HTTP/1.1\r\n",
    b"OPTIONS * HTTP/1.1\r\n",
    b"GET http://b/ HTTP/1.1\r\n",
    b"GET / HTTP/1.0\r\n",
    b"CONNECT a:1 HTTP/1.1\r\n",
    b"CONNECT /a HTTP/1.1\r\n",
    b"OPTIONS /a HTTP/1.1\r\n",
    b"OWN /a HTTP/1.1\r\n",
    b"GET /a HTTP/1.2\r\n",
    b"GET /a HTTP/2.0\r\n",
    b"\r\nGET /a?b=%20 HTTP/1.1\r\n",
    b"GET  /a HTTP/1.1\r\n",
    b"GET /a#b HTTP/1.1\r\n",
)


def read(library: str, half: str, requests: list[bytes]) -> list[Any]:
    """What is told of each request; the last may be a rejection, behind which nothing is read."""
    recorder = Recorder()
    parser = make_parser(library, half, recorder)
    told = []
    for request in requests:
        seen = len(recorder.events)
        try:
            parser.feed(request)
        except RequestRejected as rejected:
            return [*told, (rejected.status, rejected.reason)]
        if len(recorder.events) == seen:
            break
        told.append(recorder.events[-1])
    return told


requests_in_a_row = st.lists(
    st.builds(lambda line, section: line + section + b"\r\n", st.sampled_from(LINES), st.sampled_from(SECTIONS)),
    min_size=2,
    max_size=8,
)


@given(requests_in_a_row)
def test_each_request_is_read_as_on_a_new_connection(requests: list[bytes]) -> None:
    for library in PARSERS:
        for half in HALVES:
            told = read(library, half, requests)
            assert told
            for request, seen in zip(requests, told, strict=False):
                assert [seen] == read(library, half, [request])


@pytest.mark.parametrize("library", PARSERS)
@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("target", [b"%c", b"/%c", b"//%c@%c", b"/a?%c", b"/a/%c?b%c"])
def test_any_byte_in_a_target_before_known_fields(library: str, half: str, target: bytes) -> None:
    """The library is not shown fields that it let pass before, nor the line before them."""
    fields = b" HTTP/1.1\r\nHost: a\r\n\r\n"
    for byte in range(256):
        request = b"GET " + target.replace(b"%c", bytes([byte])) + fields
        assert read(library, half, [b"GET /" + fields, request])[1:] == read(library, half, [request]), byte


@pytest.mark.parametrize("library", PARSERS)
@pytest.mark.parametrize("half", HALVES)
def test_the_library_is_not_shown_what_it_let_pass(library: str, half: str) -> None:
    recorder = Recorder()
    parser = make_parser(library, half, recorder)
    request = b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n"
    parser.feed(request % 1)
    shown = []
    parse, parser.builder.parse = parser.builder.parse, shown.append
    parser.feed(request % 2 + request % 3)
    assert (shown, len(recorder.events)) == ([], 3)
    parser.builder.parse = parse
    parser.feed(b"POST /4 HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx" + request % 5)
    assert [event[0] for event in recorder.events] == ["request"] * 4 + ["body", "complete", "request"]


@pytest.mark.parametrize("library", PARSERS)
@pytest.mark.parametrize("half", HALVES)
def test_the_list_of_headers_is_the_applications(library: str, half: str) -> None:
    class Sink(Recorder):
        def on_request(self, head: Any, facts: int) -> None:
            super().on_request(head, facts)
            head.headers.append((b"x-added", b"1"))
            head.headers[0] = (b"host", b"changed")

            seen.append(head.headers)

    seen: list[Any] = []
    parser = make_parser(library, half, Sink())
    for _ in range(5):
        parser.feed(b"GET / HTTP/1.1\r\nHost: a\r\nAccept: b\r\n\r\n")
    assert seen == [[(b"host", b"changed"), (b"accept", b"b"), (b"x-added", b"1")]] * 5


def headers_of(half: str, *sections: bytes) -> list[Any]:
    heads = []

    class Sink(Recorder):
        def on_request(self, head: Any, facts: int) -> None:
            heads.append(head.headers)

    parser = make_parser("h11", half, Sink())
    for section in sections:
        parser.feed(b"GET / HTTP/1.1\r\n" + section + b"\r\n")
    return heads


@pytest.mark.parametrize("half", HALVES)
def test_what_is_repeated_is_recalled_and_what_is_not_costs_little(half: str) -> None:
    """The values of a section that is recalled are the same objects."""
    same = b"Host: a\r\nAccept: b\r\n"
    first, second = headers_of(half, same, same)
    assert first == second
    assert first is not second
    assert first[1][1] is second[1][1]
    # After a few sections that were kept in vain none is kept, until one comes again.
    varying = [b"Host: a\r\nX-Id: id-%d\r\n" % i for i in range(9)]
    *_, last, again = headers_of(half, *varying, varying[-1])
    assert last == again
    assert last[1][1] is not again[1][1]
    # And a large one is not kept at all.
    large = b"Host: a\r\nCookie: %b\r\n" % (b"c" * 3000)
    first, second = headers_of(half, large, large)
    assert first == second
    assert first[1][1] is not second[1][1]


@pytest.mark.parametrize("half", HALVES)
def test_known_fields(half: str) -> None:
    """Each known field has a slot of its own, and is found however it is spelt; what is like it is not."""
    names = {field[0] for field in KNOWN_FIELDS.values()}
    assert {field[0] for field in _SLOTS if field is not None} == names
    assert len({_slot(name, 0, len(name)) for name in names}) == len(names)
    for name in sorted(
        names - {b"host", b"content-length", b"transfer-encoding", b"expect", b"upgrade", b"connection"}
    ):
        for spelt in (name.upper(), name.title(), name.swapcase(), name + b"x", name[:-1] + b"~", b"x" + name[1:]):
            [headers] = headers_of(half, b"Host: a\r\n%b: v\r\n" % spelt)
            assert headers[1] == (spelt.lower(), b"v")
            # What the compiled half does, as Python.
            known = _find_known(b"\n%b:" % spelt, 1, 1 + len(spelt))
            assert (None if known is None else known[0]) == (name if spelt.lower() == name else None)
    assert _find_known(b":", 0, 0) is None
    # The same slot and the same length.
    assert _slot(b"axcept", 0, 6) == _slot(b"accept", 0, 6)
    assert _find_known(b"axcept", 0, 6) is None
    assert headers_of(half, b"Host: a\r\naxcept: v\r\n")[0][1] == (b"axcept", b"v")
