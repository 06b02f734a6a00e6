"""Reusing the lines of the last head does not change the result: each request is read as on a new connection."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.parsing import BUILDS, PARSERS, make_reader, read
from uvicorn import _speedups
from uvicorn._speedups.errors import RequestRejected
from uvicorn._speedups.flags import BODY_FOLLOWS, KEEP_ALIVE, OLD_VERSION, UNREAD

SECTIONS = (
    b"Host: a\r\n",
    b"Host: b\r\nAccept: */*\r\n",
    b"Host: a\r\nConnection: keep-alive\r\nX-Own: 1\r\n",
    b"Host: a\r\nConnection: close\r\n",
    b"Host: a\r\nContent-Length: 0\r\n",
    b"Host: a\r\nExpect: 100-continue\r\n",
    b"Host: a\r\nUpgrade: h2c\r\n",
    b"Host: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\n",
    b"Host: a\r\nHost: a\r\n",
    b"Host: \r\nX-Long: " + b"x" * 3000 + b"\r\n",
    b"X-Forwarded-For: 1.2.3.4\r\nHost: a\r\nX-Own: 1\r\n",
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


def read_each(library: str, build: str, requests: list[bytes]) -> list[Any]:
    """The events of each request. The last item may be a rejection, after which the reader reads nothing."""
    reader = make_reader(library, build)
    events_of_each: list[Any] = []
    for request in requests:
        events: list[Any] = []
        try:
            read(reader, request, events)
        except RequestRejected as rejected:
            return [*events_of_each, (rejected.status, rejected.reason)]
        if not events:
            break
        events_of_each.append(events)
    return events_of_each


requests_in_a_row = st.lists(
    st.builds(lambda line, section: line + section + b"\r\n", st.sampled_from(LINES), st.sampled_from(SECTIONS)),
    min_size=2,
    max_size=8,
)


@given(requests_in_a_row)
def test_each_request_is_read_as_on_a_new_connection(requests: list[bytes]) -> None:
    for library in PARSERS:
        for build in BUILDS:
            events_of_each = read_each(library, build, requests)
            assert events_of_each
            for request, seen in zip(requests, events_of_each, strict=False):
                assert [seen] == read_each(library, build, [request])


@pytest.mark.parametrize("library", PARSERS)
@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("target", [b"%c", b"/%c", b"//%c@%c", b"/a?%c", b"/a/%c?b%c"])
def test_any_byte_in_a_target_before_known_fields(library: str, build: str, target: bytes) -> None:
    fields = b" HTTP/1.1\r\nHost: a\r\n\r\n"
    for byte in range(256):
        request = b"GET " + target.replace(b"%c", bytes([byte])) + fields
        events_of_each = read_each(library, build, [b"GET /" + fields, request])
        assert events_of_each[1:] == read_each(library, build, [request]), byte


def judged(build: str, *heads: bytes, limits: Any = (65536, 256, 131072, -1)) -> list[bytes]:
    """The lines that the reader passes to the judge for each head; b"" if it passes none."""
    shown: list[bytes] = []
    reader = _speedups.load(build).RequestReader(shown.append, limits)
    for head in heads:
        before = len(shown)
        reader.feed(head)
        while reader.next() is not None:
            pass
        if len(shown) == before:
            shown.append(b"")
    return shown


@pytest.mark.parametrize("build", BUILDS)
def test_passes_changed_lines_to_the_judge(build: str) -> None:
    head = b"GET / HTTP/1.1\r\nHost: a\r\nAccept: b\r\nX-Id: %d\r\nTE: c\r\n\r\n"
    assert judged(build, head % 1, head % 1, head % 2) == [b"Accept: b\r\nX-Id: 1\r\nTE: c\r\n", b"", b"X-Id: 2\r\n"]


@pytest.mark.parametrize("build", BUILDS)
def test_does_not_pass_framing_and_routing_fields_to_the_judge(build: str) -> None:
    """Only the reader handles the fields that announce a body, an upgrade or the end of the connection."""
    fields = (b"Host: a", b"Connection: close, upgrade", b"Upgrade: h2c", b"Expect: 100-continue")
    for framing in (b"Content-Length: 0", b"Transfer-Encoding: chunked"):
        others = (b"X-Forwarded-For: b", b"X: y")
        head = b"POST / HTTP/1.1\r\n" + b"\r\n".join([*fields, framing, *others]) + b"\r\n\r\n"
        assert judged(build, head) == [b"X-Forwarded-For: b\r\nX: y\r\n"]


@pytest.mark.parametrize("build", BUILDS)
def test_passes_split_lines_to_the_judge_but_no_trailers(build: str) -> None:
    data = (
        b"POST / HTTP/1.1\r\nHost: a\r\nX: y\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nZ: z\r\n\r\n"
        b"GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n"
    )
    assert [shown for shown in judged(build, *(data[i : i + 1] for i in range(len(data)))) if shown] == [
        b"X: y\r\n"
    ] * 2


@pytest.mark.parametrize("build", BUILDS)
def test_refuses_a_head_that_the_judge_refuses(build: str) -> None:
    def refuse(lines: bytes) -> None:
        raise RequestRejected(400, "no")

    reader = _speedups.load(build).RequestReader(refuse, (65536, 256, 131072, -1))
    reader.feed(b"GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
    with pytest.raises(RequestRejected):
        reader.next()
    assert reader.next() is None


@pytest.mark.parametrize("build", BUILDS)
def test_changes_to_the_list_of_headers_do_not_reach_later_requests(build: str) -> None:
    reader = make_reader("h11", build)
    for _ in range(5):
        reader.feed(b"GET / HTTP/1.1\r\nHost: a\r\nAccept: b\r\n\r\n")
        headers = reader.next().headers
        assert headers == [(b"host", b"a"), (b"accept", b"b")]
        headers.append((b"x-added", b"1"))
        headers[0] = (b"host", b"changed")


@pytest.mark.parametrize("build", BUILDS)
def test_an_unchanged_line_gives_the_same_object(build: str) -> None:
    """A line that is too long for reuse gives a new object."""
    head = b"GET / HTTP/1.1\r\nHost: a\r\nX-Id: %d\r\nAccept: b\r\nCookie: %b\r\n\r\n"
    reader = make_reader("h11", build)
    both = []
    for number, size in ((1, 100), (2, 100), (2, 3000), (2, 3000)):
        reader.feed(head % (number, b"c" * size))
        both.append(reader.next().headers)
    assert [one is two for one, two in zip(both[0], both[1], strict=True)] == [True, False, True, True]
    assert [one is two for one, two in zip(both[2], both[3], strict=True)] == [True, True, True, False]


@pytest.mark.parametrize("build", BUILDS)
def test_changes_to_a_scope_do_not_reach_later_requests(build: str) -> None:
    """The later requests repeat the same lines, and must not see what the application did to the scope."""
    asgi = {"version": "3.0"}
    common = {"type": "http", "asgi": asgi, "http_version": "1.1", "method": "GET", "client": None}
    reader = make_reader("h11", build)
    reader.set_template((common, asgi, "/r", b"/r", {"e": {}}), ("a", 1), {"key": "value"})
    for number in range(5):
        reader.feed(b"PUT /%61?q HTTP/1.1\r\nHost: a\r\n\r\n" if number < 4 else b"GET /b HTTP/1.1\r\nHost: a\r\n\r\n")
        assert reader.read_head() >= 0
        scope = reader.build_scope()
        method, path = ("PUT", "a") if number < 4 else ("GET", "b")
        assert (scope["method"], scope["path"]) == (method, "/r/" + path)
        assert scope["headers"] == [(b"host", b"a")]
        assert scope["raw_path"] == (b"/r/%61" if number < 4 else b"/r/b")
        assert scope.get("query_string", b"") == (b"q" if number < 4 else b"")
        assert (scope["asgi"], scope["state"], scope["client"]) == ({"version": "3.0"}, {"key": "value"}, ("a", 1))
        assert scope["extensions"] == {"e": {}}
        for name in ("asgi", "state", "extensions"):
            scope[name].clear()
        scope.clear()


@pytest.mark.parametrize("build", BUILDS)
def test_read_returns_the_flags_of_a_head_and_whether_bytes_follow(build: str) -> None:
    reader = make_reader("h11", build)
    head = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    assert reader.read(head[:-1]) == -1
    assert reader.read(head[-1:] + head) == KEEP_ALIVE | UNREAD
    assert reader.read_head() == KEEP_ALIVE
    assert reader.read(b"") == -1
    assert reader.read(b"POST / HTTP/1.0\r\nContent-Length: 1\r\n\r\n") == OLD_VERSION | BODY_FOLLOWS
    assert reader.read(b"a") == -1
    assert reader.next() == b"a"
    assert reader.read(head) == -1
    assert not reader.has_unread()
