"""The scope that the server passes to the application (ASGI specification, HTTP connection scope)."""

from typing import Any

import pytest

from tests.cases.case import head
from tests.doubles import MockTransport
from tests.protocols.http.connection import GET, Scopes
from uvicorn.protocols.extensions import HTTP_EXTENSIONS


@pytest.fixture
def recorder() -> Scopes:
    return Scopes()


async def test_whole_scope(connect: Any, recorder: Scopes) -> None:
    connection = connect(recorder)
    await connection.ask(
        b"GET /caf%C3%A9/%2F?q=%20&q HTTP/1.1\r\nHost: a.example\r\nX-One: 1\r\nx_two: 2\r\nX-ONE: 3\r\n\r\n"
    )
    [scope] = recorder.scopes
    assert scope == {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 12345),
        "scheme": "http",
        "method": "GET",
        "root_path": "",
        "path": "/caf\u00e9//",
        "raw_path": b"/caf%C3%A9/%2F",
        "query_string": b"q=%20&q",
        "headers": [(b"host", b"a.example"), (b"x-one", b"1"), (b"x_two", b"2"), (b"x-one", b"3")],
        "state": {},
        "extensions": {**HTTP_EXTENSIONS, "uvicorn.shutdown": {"event": connection.state.shutdown_event}},
    }
    assert isinstance(scope["headers"], list)
    assert all(type(name) is bytes and type(value) is bytes for name, value in scope["headers"])


@pytest.mark.parametrize(
    ("target", "path", "raw_path", "query"),
    [
        (b"/", "/", b"/", b""),
        (b"/?", "/", b"/", b""),
        (b"/a?b?c", "/a", b"/a", b"b?c"),
        (b"//a//b", "//a//b", b"//a//b", b""),
        (b"/%zz%1", "/%zz%1", b"/%zz%1", b""),
        (b"/%ff", "/\ufffd", b"/%ff", b""),
        (b"/%00", "/\0", b"/%00", b""),
        (b"/a+b", "/a+b", b"/a+b", b""),
        (b"http://a.example/x?y=1", "/x", b"/x", b"y=1"),
        (b"http://a.example", "/", b"/", b""),
        (b"http://a.example?y", "/", b"/", b"y"),
    ],
)
async def test_target(connect: Any, recorder: Scopes, target: bytes, path: str, raw_path: bytes, query: bytes) -> None:
    connection = connect(recorder)
    await connection.ask(head(b"GET " + target + b" HTTP/1.1"))
    [scope] = recorder.scopes
    assert (scope["path"], scope["raw_path"], scope["query_string"]) == (path, raw_path, query)


@pytest.mark.parametrize(
    ("start", "fields", "headers"),
    [
        (b"http://example.com:80/ HTTP/1.1", b"Host: example.com\r\n", [(b"host", b"example.com:80")]),
        (b"http://B.example HTTP/1.1", b"Host: a.example\r\n", [(b"host", b"B.example")]),
        (
            b"https://b.example/ HTTP/1.1",
            b"X: 1\r\nHOST: a.example\r\nX: 2\r\n",
            [(b"x", b"1"), (b"host", b"b.example"), (b"x", b"2")],
        ),
        (b"http://b.example/ HTTP/1.0", b"X: 1\r\n", [(b"host", b"b.example"), (b"x", b"1")]),
    ],
    ids=["default port", "other host", "between fields", "HTTP/1.0"],
)
async def test_authority_of_the_target_is_the_host(
    connect: Any, recorder: Scopes, start: bytes, fields: bytes, headers: list[tuple[bytes, bytes]]
) -> None:
    """The server ignores Host if the target has an authority (RFC 9112 3.2.2): no application sees two values."""
    connection = connect(recorder)
    await connection.ask(b"GET " + start + b"\r\n" + fields + b"\r\n")
    assert recorder.scopes[0]["headers"] == headers


async def test_authority_of_a_target_is_for_one_request(connect: Any, recorder: Scopes) -> None:
    """Field lines that are the same bytes as before are not split again."""
    connection = connect(recorder)
    for target in (b"/", b"http://b.example/", b"/", b"http://a.example/"):
        await connection.ask(head(b"GET %b HTTP/1.1" % target))
    hosts = [scope["headers"] for scope in recorder.scopes]
    assert hosts == [[(b"host", name)] for name in (b"a.example", b"b.example", b"a.example", b"a.example")]


@pytest.mark.parametrize(
    ("method", "rest", "path", "query"),
    [
        ("GET", b"", "/", b""),
        ("GET", b"?x", "/", b"x"),
        ("OPTIONS", b"", "*", b""),
        ("OPTIONS", b"?x", "/", b"x"),
        ("OPTIONS", b"/", "/", b""),
    ],
)
async def test_absolute_form_without_a_path(
    connect: Any, recorder: Scopes, method: str, rest: bytes, path: str, query: bytes
) -> None:
    connection = connect(recorder)
    await connection.ask(head(b"%b http://a.example%b HTTP/1.1" % (method.encode(), rest)))
    [scope] = recorder.scopes
    assert (scope["path"], scope["raw_path"], scope["query_string"]) == (path, path.encode(), query)


@pytest.mark.parametrize(
    ("start", "path"),
    [(b"OPTIONS * HTTP/1.1", "*"), (b"CONNECT a.example:443 HTTP/1.1", "a.example:443")],
    ids=["asterisk", "authority"],
)
async def test_forms_without_a_path(connect: Any, recorder: Scopes, start: bytes, path: str) -> None:
    connection = connect(recorder)
    await connection.ask(head(start))
    [scope] = recorder.scopes
    assert (scope["path"], scope["raw_path"], scope["query_string"]) == (path, path.encode(), b"")


@pytest.mark.parametrize(
    ("start", "method", "version"),
    [
        (b"GET / HTTP/1.0", "GET", "1.0"),
        (b"GET / HTTP/1.2", "GET", "1.1"),
        (b"X-PURGE / HTTP/1.1", "X-PURGE", "1.1"),
        (b"X-PURGE / HTTP/1.0", "X-PURGE", "1.0"),
        (b"QUERY / HTTP/1.1", "QUERY", "1.1"),
    ],
)
async def test_method_and_version(connect: Any, recorder: Scopes, start: bytes, method: str, version: str) -> None:
    connection = connect(recorder)
    await connection.ask(head(start))
    [scope] = recorder.scopes
    assert (scope["method"], scope["http_version"]) == (method, version)


async def test_root_path_precedes_both_paths(connect: Any, recorder: Scopes) -> None:
    connection = connect(recorder, root_path="/one")
    await connection.ask(head(b"GET /caf%C3%A9?x HTTP/1.1"))
    [scope] = recorder.scopes
    assert scope["root_path"] == "/one"
    assert scope["path"] == "/one/caf\u00e9"
    assert scope["raw_path"] == b"/one/caf%C3%A9"


async def test_unix_socket(connect: Any, recorder: Scopes) -> None:
    connection = connect(recorder, transport=MockTransport(sockname="/run/app.sock", peername=""))
    await connection.ask(GET)
    [scope] = recorder.scopes
    assert (scope["server"], scope["client"]) == (("/run/app.sock", None), None)


async def test_ipv6_addresses_have_two_parts(connect: Any, recorder: Scopes) -> None:
    transport = MockTransport(sockname=("::1", 8000, 0, 0), peername=("fe80::1", 9, 0, 2))
    connection = connect(recorder, transport=transport)
    await connection.ask(GET)
    [scope] = recorder.scopes
    assert (scope["server"], scope["client"]) == (("::1", 8000), ("fe80::1", 9))


async def test_unknown_addresses(connect: Any, recorder: Scopes) -> None:
    connection = connect(recorder, transport=MockTransport(sockname=None, peername=None))
    await connection.ask(GET)
    [scope] = recorder.scopes
    assert (scope["server"], scope["client"]) == (None, None)


async def test_scheme_over_tls(connect: Any, recorder: Scopes) -> None:
    connection = connect(recorder, transport=MockTransport(sslcontext=True))
    await connection.ask(GET)
    assert recorder.scopes[0]["scheme"] == "https"


async def test_each_request_has_its_own_scope(connect: Any, recorder: Scopes) -> None:
    connection = connect(recorder)
    await connection.ask(GET)
    recorder.scopes[0]["asgi"]["version"] = "changed"
    recorder.scopes[0]["headers"].append((b"x", b"y"))
    recorder.scopes[0]["extensions"]["of.a.middleware"] = {}
    await connection.ask(GET)
    assert recorder.scopes[1]["asgi"] == {"version": "3.0", "spec_version": "2.3"}
    assert recorder.scopes[1]["headers"] == [(b"host", b"a.example")]
    assert "of.a.middleware" not in recorder.scopes[1]["extensions"]


async def test_state_is_a_shallow_copy(connect: Any, recorder: Scopes) -> None:
    shared: list[int] = []
    connection = connect(recorder, app_state={"shared": shared, "own": 1})
    await connection.ask(GET)
    recorder.scopes[0]["state"]["own"] = 2
    recorder.scopes[0]["state"]["shared"].append(1)
    await connection.ask(GET)
    assert recorder.scopes[1]["state"] == {"shared": [1], "own": 1}
    assert recorder.scopes[1]["state"]["shared"] is shared


async def test_white_space_around_values_is_stripped(connect: Any, recorder: Scopes) -> None:
    connection = connect(recorder)
    await connection.ask(
        b"GET / HTTP/1.1\r\nHost:a.example\r\nA:  b \t\r\nC:\r\nD:\t \r\nE: \xa0f\x85\r\nG: h\ti \r\n\r\n"
    )
    assert recorder.scopes[0]["headers"] == [
        (b"host", b"a.example"),
        (b"a", b"b"),
        (b"c", b""),
        (b"d", b""),
        (b"e", b"\xa0f\x85"),
        (b"g", b"h\ti"),
    ]


async def test_headers_of_a_websocket_upgrade_that_is_refused(connect: Any, recorder: Scopes) -> None:
    connection = connect(recorder)
    await connection.ask(head(b"GET / HTTP/1.1", b"Connection: upgrade", b"Upgrade: websocket"))
    assert recorder.scopes[0]["type"] == "http"
    assert recorder.scopes[0]["headers"] == [
        (b"host", b"a.example"),
        (b"connection", b"upgrade"),
        (b"upgrade", b"websocket"),
    ]


async def test_trailers_are_not_headers(connect: Any, recorder: Scopes) -> None:
    connection = connect(recorder)
    chunked = head(b"POST / HTTP/1.1", b"Transfer-Encoding: chunked")
    await connection.ask(chunked + b"5\r\nhello\r\n0\r\nX-Trailer: y\r\n\r\n")
    assert recorder.scopes[0]["headers"] == [(b"host", b"a.example"), (b"transfer-encoding", b"chunked")]
    await connection.ask(GET)
    assert recorder.scopes[1]["headers"] == [(b"host", b"a.example")]
