"""The field sections of requests (RFC 9113 section 8), rule by rule."""

from typing import Any

import hpack
import pytest

from uvicorn._speedups._http2_fields_py import DEFAULT_PRIORITY, parse_priority
from uvicorn._speedups.errors import HpackError, RequestRejected
from uvicorn._speedups.flags import (
    BODY_FOLLOWS,
    EXPECTS_CONTINUE,
    HAS_FORWARDED,
    HEAD_REQUEST,
    KEEP_ALIVE,
    WANTS_UPGRADE,
)

Section = list[tuple[bytes, bytes]]

METHOD, SCHEME = (b":method", b"GET"), (b":scheme", b"https")
PATH, AUTHORITY = (b":path", b"/"), (b":authority", b"a.example")
START = [METHOD, SCHEME, PATH, AUTHORITY]
CONNECT = (b":method", b"CONNECT")
HOST = (b"host", b"a.example")
LIMITS = (100, 8, 1000, 50)


@pytest.fixture
def reader(speedups: Any) -> Any:
    return speedups.FieldsReader(LIMITS)


def block_of(section: Section) -> bytes:
    """A block that does not change the table."""
    return bytes(hpack.Encoder().encode([hpack.NeverIndexedHeaderTuple(*pair) for pair in section]))


def read(reader: Any, section: Section, body_follows: bool = False) -> Any:
    return reader.read_request(block_of(section), body_follows)


def refused(reader: Any, section: Section, body_follows: bool = False) -> tuple[int, str]:
    """The reason of the refusal. The function also checks that the reader can read a good request afterwards."""
    with pytest.raises(RequestRejected) as caught:
        read(reader, section, body_follows)
    assert read(reader, START).headers == [HOST]
    return caught.value.status, caught.value.reason


def test_a_request(reader: Any) -> None:
    head = read(reader, [*START[:2], (b":path", b"/a%20b?c=%20d"), AUTHORITY, (b"accept", b"*/*"), (b"x-a", b"\xe9")])
    assert (head.method, head.http_version, head.upgrade) == ("GET", "2", b"")
    assert (head.target, head.path, head.raw_path, head.query_string) == (
        b"/a%20b?c=%20d",
        "/a b",
        b"/a%20b",
        b"c=%20d",
    )
    assert head.headers == [HOST, (b"accept", b"*/*"), (b"x-a", b"\xe9")]
    assert head.flags == KEEP_ALIVE
    assert (reader.content_length, reader.priority) == (-1, -1)


def test_the_scope_is_built_as_for_http1(reader: Any) -> None:
    template = (
        {"type": "http", "http_version": "2", "client": ("a", 1), "method": "GET", "query_string": b""},
        {"version": "3.0"},
        "",
        b"",
        {"extension": {}},
    )
    scope = read(reader, [(b":method", b"PUT"), *START[1:]]).build_scope(template, {"b": 2})
    assert scope == {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "2",
        "client": ("a", 1),
        "method": "PUT",
        "query_string": b"",
        "path": "/",
        "raw_path": b"/",
        "headers": [HOST],
        "state": {"b": 2},
        "extensions": {"extension": {}},
    }


def test_requests_that_repeat(reader: Any) -> None:
    """The reader reuses the facts about fields of the table, and no two requests share a list."""
    encoder = hpack.Encoder()
    section = [*START[:2], (b":path", b"/a%41?b"), AUTHORITY, (b"x-a", b"b"), (b"cookie", b"a=b"), (b"cookie", b"c=d")]
    section += [(b"content-length", b"5"), (b"priority", b"u=1"), (b"expect", b"100-continue")]
    heads = []
    for _ in range(3):
        heads.append(reader.read_request(encoder.encode(section), True))
        assert (reader.content_length, reader.priority) == (5, 2)
    for head in heads:
        assert (head.path, head.query_string, head.flags) == ("/aA", b"b", KEEP_ALIVE | BODY_FOLLOWS | EXPECTS_CONTINUE)
        assert head.headers == heads[0].headers
        assert head.headers[2] == (b"cookie", b"a=b; c=d")
        assert head.headers is heads[0].headers or head is not heads[0]
    assert heads[0].headers is not heads[1].headers


# Pseudo-header fields (section 8.3)


@pytest.mark.parametrize("field", START, ids=lambda field: field[0].decode())
def test_refuses_a_pseudo_field_twice(reader: Any, field: tuple[bytes, bytes]) -> None:
    assert refused(reader, [*START, field]) == (400, "a pseudo-header field that is given twice")


@pytest.mark.parametrize("field", START, ids=lambda field: field[0].decode())
def test_refuses_a_pseudo_field_after_a_field(reader: Any, field: tuple[bytes, bytes]) -> None:
    section = [other for other in START if other is not field] + [(b"x-a", b"b"), field]
    assert refused(reader, section) == (400, "a pseudo-header field after other fields")


@pytest.mark.parametrize("field", [HOST, (b"cookie", b"a"), (b"content-length", b"0"), (b"priority", b"i")])
def test_refuses_a_pseudo_field_after_a_known_field(reader: Any, field: tuple[bytes, bytes]) -> None:
    assert refused(reader, [*START[:3], field, AUTHORITY]) == (400, "a pseudo-header field after other fields")


@pytest.mark.parametrize("name", [b":status", b":x", b":", b":Path", b":method "])
def test_refuses_an_unknown_pseudo_field(reader: Any, name: bytes) -> None:
    assert refused(reader, [*START, (name, b"200")]) == (400, "a pseudo-header field that requests do not have")


@pytest.mark.parametrize("field", START[:3], ids=lambda field: field[0].decode())
def test_refuses_a_missing_pseudo_field(reader: Any, field: tuple[bytes, bytes]) -> None:
    reason = "a pseudo-header field is missing, or does not fit the method"
    assert refused(reader, [other for other in START if other is not field]) == (400, reason)


def test_refuses_a_section_without_fields(reader: Any) -> None:
    assert refused(reader, [])[0] == 400


@pytest.mark.parametrize(
    ("method", "status"), [(b"get", 501), (b"", 400), (b"G T", 400), (b"G\x00", 400), (b"\xe9", 400), (b"M-SEARCH", 0)]
)
def test_methods(reader: Any, method: bytes, status: int) -> None:
    """The same methods as with HTTP/1.1 are accepted."""
    section = [(b":method", method), *START[1:]]
    if status:
        assert refused(reader, section)[0] == status
    else:
        assert read(reader, section).method == method.decode()


def test_head(reader: Any) -> None:
    head = read(reader, [(b":method", b"HEAD"), *START[1:]])
    assert (head.method, head.flags) == ("HEAD", KEEP_ALIVE | HEAD_REQUEST)


@pytest.mark.parametrize("scheme", [b"", b"ftp", b"HTTPS", b"http ", b"h\x00"])
def test_schemes(reader: Any, scheme: bytes) -> None:
    assert refused(reader, [METHOD, (b":scheme", scheme), PATH, AUTHORITY]) == (
        400,
        ":scheme is neither http nor https",
    )
    assert read(reader, [METHOD, (b":scheme", b"http"), PATH, AUTHORITY]).target == b"/"


@pytest.mark.parametrize(
    "path", [b"", b"a", b"http://a.example/", b"/a b", b"/\x00", b"/\r\n", b"/\xe9", b"/a#b", b"/\t"]
)
def test_refuses_malformed_paths(reader: Any, path: bytes) -> None:
    reason = ":path does not begin with a slash, or has a control character or a fragment"
    assert refused(reader, [METHOD, SCHEME, (b":path", path), AUTHORITY]) == (400, reason)


@pytest.mark.parametrize("path", [b"/", b"//", b"/a//../b?c?d", b"/%zz", b"/?", b"/a?b=/"])
def test_paths(reader: Any, path: bytes) -> None:
    head = read(reader, [METHOD, SCHEME, (b":path", path), AUTHORITY])
    assert head.target == path
    assert head.raw_path + (b"?" + head.query_string if b"?" in path else b"") == path


def test_the_asterisk_is_for_options(reader: Any) -> None:
    asterisk = [SCHEME, (b":path", b"*"), AUTHORITY]
    head = read(reader, [(b":method", b"OPTIONS"), *asterisk])
    assert (head.target, head.path, head.raw_path, head.query_string) == (b"*", "*", b"*", b"")
    assert refused(reader, [METHOD, *asterisk]) == (400, "the target * is only for OPTIONS")


# :authority and Host (section 8.3.1)


@pytest.mark.parametrize("authority", [b"", b"u@a", b"a/b", b"a b", b"a\x00", b"[::1", b"a, b", b"%4"])
def test_refuses_malformed_authorities(reader: Any, authority: bytes) -> None:
    assert refused(reader, [*START[:3], (b":authority", authority)]) == (400, "malformed :authority")
    if authority and b"\x00" not in authority:
        assert refused(reader, [*START[:3], (b"host", authority)]) == (400, "malformed Host field")


def test_the_host_comes_first_and_once(reader: Any) -> None:
    """The host comes from :authority, whatever the order of the pseudo-header fields; the Host field is dropped."""
    section = [AUTHORITY, *START[:3], (b"x-a", b"b"), (b"host", b"A.Example:443"), (b"x-c", b"d")]
    assert read(reader, section).headers == [HOST, (b"x-a", b"b"), (b"x-c", b"d")]


def test_host_alone_stays_in_its_place(reader: Any) -> None:
    section = [*START[:3], (b"x-a", b"b"), (b"host", b"B.example")]
    assert read(reader, section).headers == [(b"x-a", b"b"), (b"host", b"B.example")]


@pytest.mark.parametrize(
    ("scheme", "authority", "host", "same"),
    [
        (b"https", b"a.example", b"a.example:443", True),
        (b"https", b"a.example:", b"A.EXAMPLE", True),
        (b"http", b"a.example:80", b"a.example", True),
        (b"http", b"a.example:443", b"a.example", False),
        (b"https", b"a.example:80", b"a.example", False),
        (b"https", b"a.example", b"b.example", False),
        (b"https", b"a.example", b"", False),
        (b"https", b"a.example:8080", b"a.example", False),
    ],
)
def test_a_host_and_an_authority(reader: Any, scheme: bytes, authority: bytes, host: bytes, same: bool) -> None:
    section = [METHOD, (b":scheme", scheme), PATH, (b":authority", authority), (b"host", host)]
    if same:
        assert read(reader, section).headers == [(b"host", authority)]
    else:
        assert refused(reader, section) == (400, "a Host field that differs from :authority")


def test_refuses_a_request_with_neither_authority_nor_host(reader: Any) -> None:
    assert refused(reader, START[:3]) == (400, "neither :authority nor Host")


@pytest.mark.parametrize("start", [START, START[:3]])
def test_refuses_two_hosts(reader: Any, start: Section) -> None:
    assert refused(reader, [*start, HOST, HOST]) == (400, "more than one Host or Content-Length field")


# CONNECT (section 8.5, RFC 8441 section 4)


def test_connect(reader: Any) -> None:
    head = read(reader, [CONNECT, (b":authority", b"a.example:80")], True)
    assert (head.method, head.target, head.path, head.raw_path) == (
        "CONNECT",
        b"a.example:80",
        "a.example:80",
        head.target,
    )
    assert head.headers == [(b"host", b"a.example:80")]
    assert head.flags == KEEP_ALIVE | BODY_FOLLOWS


@pytest.mark.parametrize("others", [[SCHEME], [PATH], [SCHEME, PATH]])
def test_refuses_connect_with_further_pseudo_fields(reader: Any, others: Section) -> None:
    section = [CONNECT, (b":authority", b"a.example:80"), *others]
    assert refused(reader, section) == (400, "a CONNECT with pseudo-header fields other than :authority")


def test_refuses_connect_with_missing_pseudo_fields(reader: Any) -> None:
    assert refused(reader, [CONNECT]) == (400, "a CONNECT with pseudo-header fields other than :authority")
    assert refused(reader, [CONNECT, HOST]) == (400, "a CONNECT with pseudo-header fields other than :authority")
    for authority in (b"a.example", b"a.example:"):
        assert refused(reader, [CONNECT, (b":authority", authority)]) == (400, "the target of CONNECT is not host:port")


def test_a_protocol(reader: Any) -> None:
    section = [CONNECT, *START[1:], (b":protocol", b"WebSocket")]
    assert refused(reader, section) == (400, ":protocol, although no setting allows it")
    reader.connect_protocol = True
    head = read(reader, section, True)
    assert (head.method, head.target, head.upgrade) == ("CONNECT", b"/", b"websocket")
    assert head.flags == KEEP_ALIVE | BODY_FOLLOWS | WANTS_UPGRADE


@pytest.mark.parametrize("protocol", [b"", b"a b", b"\x00"])
def test_refuses_malformed_protocols(reader: Any, protocol: bytes) -> None:
    reader.connect_protocol = True
    assert refused(reader, [CONNECT, *START[1:], (b":protocol", protocol)]) == (400, ":protocol is not a token")


def test_refuses_a_protocol_with_missing_fields(reader: Any) -> None:
    reader.connect_protocol = True
    protocol = (b":protocol", b"websocket")
    assert refused(reader, [METHOD, *START[1:], protocol])[0] == 400
    for missing in START[1:]:
        section = [CONNECT, *(field for field in START[1:] if field is not missing), protocol]
        assert refused(reader, section) == (400, "a CONNECT with pseudo-header fields other than :authority")


# Fields (section 8.2)


@pytest.mark.parametrize("name", [b"", b"x a", b"x\x00", b"x\r\n", b"x\x80", b"x:a", b"x\x7f", b"x{"])
def test_refuses_names_that_are_not_tokens(reader: Any, name: bytes) -> None:
    assert refused(reader, [*START, (name, b"a")]) == (400, "a field name that is not a token")


@pytest.mark.parametrize("name", [b"Accept", b"ACCEPT", b"aCCept", b"x-A", b"X"])
def test_refuses_names_in_upper_case(reader: Any, name: bytes) -> None:
    assert refused(reader, [*START, (name, b"a")]) == (400, "a field name that is not in lower case")


@pytest.mark.parametrize(
    "value", [b"a\r\nb", b"a\nb", b"a\rb", b"\x00", b"\x7f", b" a", b"a ", b"\ta", b"a\t", b" ", b"\x0b"]
)
def test_refuses_malformed_values(reader: Any, value: bytes) -> None:
    reason = "a field value with a control character, or with spaces around it"
    for name in (b"x-a", b"accept", b"cookie"):
        assert refused(reader, [*START, (name, value)]) == (400, reason)


@pytest.mark.parametrize("value", [b"", b"a b", b"a\tb", b"\xff", b"~"])
def test_accepts_good_values(reader: Any, value: bytes) -> None:
    assert read(reader, [*START, (b"x-a", value)]).headers[1] == (b"x-a", value)


@pytest.mark.parametrize(
    "field",
    [
        *[(b"connection", b"close"), (b"connection", b""), (b"keep-alive", b"5"), (b"proxy-connection", b"keep-alive")],
        *[(b"transfer-encoding", b"chunked"), (b"transfer-encoding", b"trailers"), (b"upgrade", b"websocket")],
    ],
)
def test_refuses_connection_specific_fields(reader: Any, field: tuple[bytes, bytes]) -> None:
    assert refused(reader, [*START, field]) == (400, "a connection-specific field")


def test_te(reader: Any) -> None:
    for value in (b"trailers", b"Trailers"):
        assert read(reader, [*START, (b"te", value)]).headers[1] == (b"te", value)
    for value in (b"", b"gzip", b"trailers, gzip", b"trailers;q=1"):
        assert refused(reader, [*START, (b"te", value)]) == (400, "a TE field that is not trailers")


def test_cookie_crumbs(reader: Any) -> None:
    """The crumbs are joined to one field, at the place of the first crumb (section 8.2.3)."""
    section = [*START, (b"cookie", b"a=b"), (b"x-a", b"b"), (b"cookie", b"c=d"), (b"x-c", b"d"), (b"cookie", b"")]
    assert read(reader, section).headers == [HOST, (b"cookie", b"a=b; c=d; "), (b"x-a", b"b"), (b"x-c", b"d")]
    assert read(reader, [*START, (b"cookie", b"a")]).headers == [HOST, (b"cookie", b"a")]
    assert read(reader, [*START, (b"x-a", b"b")]).headers == [HOST, (b"x-a", b"b")]


def test_forwarded_fields(reader: Any) -> None:
    for name in (b"x-forwarded-for", b"x-forwarded-proto"):
        head = read(reader, [*START, (name, b"a"), (name, b"b")])
        assert head.flags == KEEP_ALIVE | HAS_FORWARDED
        assert head.headers[1:] == [(name, b"a"), (name, b"b")]


def test_expect(reader: Any) -> None:
    for value, flag in ((b"100-continue", EXPECTS_CONTINUE), (b"a, 100-Continue", EXPECTS_CONTINUE), (b"x", 0)):
        section = [*START, (b"expect", value)]
        assert read(reader, section, True).flags == KEEP_ALIVE | BODY_FOLLOWS | flag
        assert read(reader, section, False).flags == KEEP_ALIVE


# Content-Length (section 8.1.1)


@pytest.mark.parametrize("value", [b"", b"-1", b"+1", b"1 1", b"1, 1", b"a", b"0x1", b"9223372036854775808", b"1" * 30])
def test_refuses_malformed_lengths(reader: Any, value: bytes) -> None:
    status, reason = refused(reader, [*START, (b"content-length", value)], True)
    assert (status, "Content-Length" in reason) == (400, True)


def test_lengths(reader: Any) -> None:
    for value, length in ((b"0", 0), (b"05", 5), (b"50", 50)):
        read(reader, [*START, (b"content-length", value)], True)
        assert reader.content_length == length
    read(reader, [*START, (b"content-length", b"0")])
    assert reader.content_length == 0
    read(reader, START)
    assert reader.content_length == -1


def test_refuses_a_length_without_a_body(reader: Any) -> None:
    assert refused(reader, [*START, (b"content-length", b"1")]) == (400, "a Content-Length without a body")


@pytest.mark.parametrize("second", [b"5", b"6"])
def test_refuses_two_lengths(reader: Any, second: bytes) -> None:
    section = [*START, (b"content-length", b"5"), (b"content-length", second)]
    assert refused(reader, section, True) == (400, "more than one Host or Content-Length field")


def test_refuses_a_length_over_the_limit(reader: Any, speedups: Any) -> None:
    section = [*START, (b"content-length", b"51")]
    assert refused(reader, section, True) == (413, "request body too large")
    read(speedups.FieldsReader((100, 8, 1000, -1)), section, True)


# Limits: the server answers requests that exceed them


def test_refuses_a_section_over_the_size(reader: Any) -> None:
    """Each field counts 32 bytes more than its name and value have."""
    start = sum(len(name) + len(value) + 32 for name, value in START)
    fits = (b"x-a", b"b" * (1000 - start - 35))
    read(reader, [*START, fits])
    assert refused(reader, [*START, (fits[0], fits[1] + b"b")]) == (431, "request head too large")


def test_refuses_too_many_fields(reader: Any) -> None:
    """The crumbs of a cookie count as fields, and pseudo-header fields do not."""
    for field in ((b"a", b""), (b"cookie", b"a")):
        read(reader, [*START, *[field] * 8])
        assert refused(reader, [*START, *[field] * 9]) == (431, "too many header fields")
        assert refused(reader, [*START, *[field] * 15]) == (431, "request head too large")


def test_refuses_a_request_line_over_the_limit(reader: Any) -> None:
    """The method and the path have 100 bytes together."""
    for method in (b"GET", b"OPTIONS"):
        start = [(b":method", method), SCHEME, AUTHORITY]
        path = b"/" * (100 - len(method))
        read(reader, [*start, (b":path", path)])
        assert refused(reader, [*start, (b":path", path + b"/")]) == (414, "request line too long")


# The state after a fault


@pytest.mark.parametrize(
    "fault",
    [(b"X", b"a"), (b"connection", b"a"), (b"content-length", b"x"), (b"a", b"x" * 1000)],
    ids=["1", "2", "3", "4"],
)
def test_keeps_the_table_in_step_after_a_refused_request(reader: Any, fault: tuple[bytes, bytes]) -> None:
    encoder = hpack.Encoder()
    with pytest.raises(RequestRejected):
        reader.read_request(encoder.encode([*START, fault, (b"x-a", b"b")]), False)
    block = encoder.encode([*START, (b"x-a", b"b")])
    assert len(block) == 5
    assert reader.read_request(block, False).headers == [HOST, (b"x-a", b"b")]


def test_keeps_the_table_in_step_after_a_skipped_section(reader: Any) -> None:
    encoder = hpack.Encoder()
    reader.skip(encoder.encode([*START, (b"x-a", b"b")]))
    assert reader.read_request(encoder.encode([*START, (b"x-a", b"b")]), False).headers == [HOST, (b"x-a", b"b")]


def test_refuses_a_bad_field_of_the_table_each_time(reader: Any) -> None:
    encoder = hpack.Encoder()
    for _ in range(3):
        with pytest.raises(RequestRejected, match="a connection-specific field"):
            reader.read_request(encoder.encode([*START, (b"keep-alive", b"5")]), False)


def test_passes_on_errors_of_hpack(reader: Any) -> None:
    for read_block in (reader.skip, reader.read_trailers, lambda block: reader.read_request(block, False)):
        with pytest.raises(HpackError):
            read_block(b"\x80")


# Trailers (section 8.1)


def test_drops_trailers_and_keeps_the_table_in_step(reader: Any) -> None:
    encoder = hpack.Encoder()
    reader.read_request(encoder.encode([*START, (b"content-length", b"5"), (b"priority", b"u=1")]), True)
    trailers = [(b"x-checksum", b"a"), (b"x-forwarded-for", b"b"), (b"cookie", b"c"), (b"priority", b"i")]
    reader.read_trailers(encoder.encode(trailers))
    reader.read_trailers(b"")
    assert (reader.content_length, reader.priority) == (5, 2), "trailers must not change the request"
    block = encoder.encode([*START, trailers[0]])
    assert len(block) == 5, "the block must refer to a field of the trailers"
    assert reader.read_request(block, False).headers == [HOST, trailers[0]]


@pytest.mark.parametrize(
    "field",
    [*START, HOST, (b"content-length", b"5"), (b"expect", b"x"), (b"expect", b"100-continue")],
    ids=lambda field: field[0].decode(),
)
def test_refuses_trailers_that_would_frame_or_route_the_message(reader: Any, field: tuple[bytes, bytes]) -> None:
    with pytest.raises(RequestRejected, match="a field that is not allowed in trailers") as caught:
        reader.read_trailers(block_of([(b"x-a", b"b"), field]))
    assert caught.value.status == 400


@pytest.mark.parametrize("field", [(b"X", b""), (b"", b""), (b"x", b" "), (b":status", b"200"), (b"upgrade", b"a")])
def test_refuses_malformed_trailers(reader: Any, field: tuple[bytes, bytes]) -> None:
    with pytest.raises(RequestRejected) as caught:
        reader.read_trailers(block_of([field]))
    assert caught.value.status == 400


def test_refuses_trailers_over_the_limits(reader: Any) -> None:
    reader.read_trailers(block_of([(b"a", b"")] * 8))
    for section in ([(b"a", b"")] * 9, [(b"a", b"b" * 1000)]):
        with pytest.raises(RequestRejected) as caught:
            reader.read_trailers(block_of(section))
        assert caught.value.status == 431


# Priorities (RFC 9218 section 4)


@pytest.mark.parametrize(
    ("value", "priority"),
    [
        (b"", DEFAULT_PRIORITY),
        (b"u=0", 0),
        (b"u=7", 14),
        (b"i", 7),
        (b"u=5, i", 11),
        (b"i=?1,u=1", 3),
        (b"i=?0", 6),
        (b"i, i=?0", 6),
        (b"u=1, u=2", 4),
        (b"u=2;a=b , i;c", 5),
        (b"u=8", 6),
        (b"u=-1, x=y", 6),
        (b"u=\x2f", 6),
        (b"u", 6),
        (b"u=10", 6),
        (b"I, U=1", 6),
    ],
)
def test_priorities(reader: Any, value: bytes, priority: int) -> None:
    assert parse_priority(value) == priority
    read(reader, [*START, (b"priority", value.replace(b"\x2f", b"/"))])
    assert reader.priority == priority
