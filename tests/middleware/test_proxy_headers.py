"""Which peers are trusted, and which of their headers change the scope."""

import asyncio
import inspect
import time
from typing import Any

import pytest

from tests.middleware.conversation import http_scope
from tests.processes import exchange, run_async, serve
from uvicorn.config import Config
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware, _TrustedHosts

PEER = ("127.0.0.1", 54321)


def seen(
    *headers: tuple[bytes, bytes], trusted: list[str] | str = "127.0.0.1", client: Any = PEER, type: str = "http"
) -> tuple[Any, str]:
    """Return the client and the scheme that the application sees."""
    scope = http_scope(type=type, client=client, headers=[(b"host", b"example.org"), *headers])
    if type == "websocket":
        scope["scheme"] = "ws"
    scopes: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scopes.append(scope)

    run_async(ProxyHeadersMiddleware(app, trusted)(scope, None, None))  # type: ignore[arg-type]  # neither is used
    # The middleware changes the scope in place, because the access log reads the server's scope.
    assert scopes[0] is scope
    return scope["client"], scope["scheme"]


def forwarded_for(value: str, trusted: list[str] | str = "127.0.0.1", client: Any = PEER) -> Any:
    return seen((b"x-forwarded-for", value.encode("latin-1")), trusted=trusted, client=client)[0]


@pytest.mark.parametrize(
    ("trusted", "peer", "believed"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "127.0.0.2", False),
        ("127.0.0.1", "::ffff:127.0.0.1", True),
        ("::1", "::1", True),
        ("::1", "0:0:0:0:0:0:0:1", True),
        ("127.0.0.1,::1", "::1", True),
        (" 10.0.0.1 , 10.0.0.2 ", "10.0.0.2", True),
        ("10.0.0.0/8", "10.255.0.1", True),
        ("10.0.0.0/8", "11.0.0.1", False),
        ("10.0.0.0/8", "::1", False),
        ("fe80::/10", "fe80::1%eth0", True),
        ("2001:db8::/32", "2001:db8:1::1", True),
        (["10.0.0.0/8", "127.0.0.1"], "127.0.0.1", True),
        (["127.0.0.1, 10.0.0.1"], "127.0.0.1", False),
        ([], "127.0.0.1", False),
        ("", "127.0.0.1", False),
        ("*", "203.0.113.9", True),
        ([" * "], "203.0.113.9", True),
        ("10.0.0.1,*", "203.0.113.9", False),
        ("10.0.0.1,*", "10.0.0.1", True),
        (["10.0.0.1", "*"], "203.0.113.9", False),
        ("*,*", "203.0.113.9", False),
        ("*,*", "*", False),
        ("testclient", "testclient", True),
        ("testclient", "127.0.0.1", False),
        ("10.0.0.1", "testclient", False),
        ("/run/x.sock", "/run/x.sock", True),
        ("127.0.0.1", "", False),
    ],
)
def test_trusted_peers(trusted: list[str] | str, peer: str, believed: bool) -> None:
    client = (peer, 54321)
    expected = ("1.2.3.4", 0) if believed else client
    assert forwarded_for("1.2.3.4", trusted, client) == expected
    # The second answer comes from the cache.
    middleware = ProxyHeadersMiddleware(_nothing, trusted)
    for _ in range(2):
        scope: Any = http_scope(client=client, headers=[(b"x-forwarded-for", b"1.2.3.4")])
        run_async(middleware(scope, None, None))  # type: ignore[arg-type]  # neither is used
        assert scope["client"] == expected


@pytest.mark.parametrize("trusted", ["10.0.0.1/8", ["127.0.0.1", "10.0.0.1/8"], "10.0.0.0/64", "::/x"])
def test_an_invalid_network_is_an_error(trusted: list[str] | str) -> None:
    with pytest.raises(ValueError):
        ProxyHeadersMiddleware(_nothing, trusted)


def test_a_star_among_others_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    ProxyHeadersMiddleware(_nothing, "*")
    assert caplog.messages == []
    ProxyHeadersMiddleware(_nothing, "10.0.0.1,*")
    assert caplog.messages == ["Trusted proxies: '*' trusts every peer only if it stands alone, and is left out here."]


def test_the_hosts_support_the_in_operator() -> None:
    hosts = _TrustedHosts("127.0.0.1, 10.0.0.0/8, proxy")
    assert [host in hosts for host in ("127.0.0.1", "10.1.1.1", "proxy")] == [True] * 3
    assert [host in hosts for host in ("127.0.0.2", "*", "", None)] == [False] * 4
    assert [host in _TrustedHosts("*") for host in ("127.0.0.2", "", None)] == [True] * 3


@pytest.mark.parametrize(
    ("trusted", "expected"), [("*", ("1.2.3.4", 0)), ("127.0.0.1", None), (["0.0.0.0/0", "/run/x.sock"], None)]
)
def test_only_the_star_covers_the_peers_of_a_unix_socket(trusted: list[str] | str, expected: Any) -> None:
    assert forwarded_for("1.2.3.4", trusted, client=None) == expected


@pytest.mark.parametrize(
    ("value", "trusted", "expected"),
    [
        ("1.2.3.4", "127.0.0.1", ("1.2.3.4", 0)),
        ("1.2.3.4:5678", "127.0.0.1", ("1.2.3.4", 5678)),
        ("2001:db8::1", "127.0.0.1", ("2001:db8::1", 0)),
        ("[2001:db8::1]", "127.0.0.1", ("2001:db8::1", 0)),
        ("[2001:db8::1]:443", "127.0.0.1", ("2001:db8::1", 443)),
        # An address in brackets is valid, whatever follows the brackets.
        ("[2001:db8::1]:http", "127.0.0.1", ("2001:db8::1", 0)),
        ("[2001:db8::1]:", "127.0.0.1", ("2001:db8::1", 0)),
        ("[2001:db8::1]:99999", "127.0.0.1", ("2001:db8::1", 0)),
        ("6.6.6.6, [2001:db8::1]:x", "127.0.0.1", ("2001:db8::1", 0)),
        ("1.2.3.4:0", "127.0.0.1", ("1.2.3.4", 0)),
        ("1.2.3.4:65535", "127.0.0.1", ("1.2.3.4", 65535)),
        # The client is the first untrusted address from the right.
        ("6.6.6.6, 1.2.3.4", "127.0.0.1", ("1.2.3.4", 0)),
        ("6.6.6.6, 1.2.3.4, 10.0.0.2, 10.0.0.1:80", "127.0.0.1,10.0.0.0/8", ("1.2.3.4", 0)),
        ("6.6.6.6,1.2.3.4,proxy", "127.0.0.1,proxy", ("1.2.3.4", 0)),
        ("6.6.6.6,1.2.3.4,::ffff:10.0.0.1", "127.0.0.1,10.0.0.1", ("1.2.3.4", 0)),
        ("\t1.2.3.4 \t, 10.0.0.1 ", "127.0.0.1,10.0.0.1", ("1.2.3.4", 0)),
        # An empty element ends the search: a client may have written the elements to the left of it.
        ("6.6.6.6,, 10.0.0.1", "127.0.0.1,10.0.0.1", PEER),
        ("6.6.6.6, \t, 10.0.0.1", "127.0.0.1,10.0.0.1", PEER),
        ("6.6.6.6,", "127.0.0.1", PEER),
        ("6.6.6.6,, 1.2.3.4", "127.0.0.1", ("1.2.3.4", 0)),
        (", 10.0.0.1", "127.0.0.1,10.0.0.1", PEER),
        # If all addresses are trusted, the client is the leftmost one.
        ("10.0.0.1, 10.0.0.2", "127.0.0.1,10.0.0.0/8", ("10.0.0.1", 0)),
        ("proxy, 10.0.0.2", "127.0.0.1,10.0.0.2,proxy", ("proxy", 0)),
        # If every peer is trusted, the client is the leftmost address.
        ("1.2.3.4:5, 10.0.0.1", "*", ("1.2.3.4", 5)),
        (" 1.2.3.4 \t, x", "*", ("1.2.3.4", 0)),
        (" , 1.2.3.4 \t, x", "*", PEER),
    ],
)
def test_the_address_of_the_client(value: str, trusted: str, expected: tuple[str, int]) -> None:
    assert forwarded_for(value, trusted) == expected


@pytest.mark.parametrize("trusted", ["127.0.0.1", "*"])
@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        ",",
        " ,\t, ",
        "unknown",
        "*",
        "_hidden",
        "unix:",
        "1.2.3",
        "1.2.3.4.5",
        "01.2.3.4",
        "1.2.3.4:",
        "1.2.3.4:http",
        "1.2.3.4:-1",
        "1.2.3.4:65536",
        "1.2.3.4:\xb2",
        "1.2.3.4 5.6.7.8",
        "[1.2.3.4]:80",
        "[::1",
        "[::1]80",
        "[]",
        "::1]:80",
        "[::1%\x1b[31m]:80",
        "::1%\x9b",
        "::1%" + "z" * 100,
        "\x1b[31m",
        "1" * 60000,
        "\xf0\xfd\xfd",
    ],
)
def test_garbage_changes_nothing(value: str, trusted: str) -> None:
    assert forwarded_for(value, trusted) == PEER
    # A client may have written the elements to the left of the garbage, so they are ignored.
    assert forwarded_for(f"{value}, {value}", trusted) == PEER


def test_garbage_ends_the_search_for_the_client() -> None:
    assert forwarded_for("6.6.6.6, unknown, 10.0.0.1", "127.0.0.1,10.0.0.1") == PEER


def test_an_empty_line_ends_the_search() -> None:
    lines = [(b"x-forwarded-for", b"6.6.6.6"), (b"x-forwarded-for", b"")]
    assert seen(*lines)[0] == PEER


def test_several_lines_are_one_list() -> None:
    lines = [(b"x-forwarded-for", b"6.6.6.6"), (b"x-forwarded-for", b"1.2.3.4, 127.0.0.1")]
    assert seen(*lines)[0] == ("1.2.3.4", 0)
    assert seen(*lines, trusted="*")[0] == ("6.6.6.6", 0)


@pytest.mark.parametrize(
    ("values", "http", "websocket"),
    [
        ([b"http"], "http", "ws"),
        ([b"https"], "https", "wss"),
        ([b" HTTPS\t"], "https", "wss"),
        ([b"ws"], "ws", "ws"),
        ([b"wss"], "wss", "wss"),
        ([b"http", b"https"], "https", "wss"),
        ([b"https", b"http"], "http", "ws"),
        ([b"http, https"], "https", "wss"),
        # Garbage changes nothing, and the element before it is not used instead.
        ([b"https", b"gopher"], "http", "ws"),
        ([b"https,"], "http", "ws"),
        ([b""], "http", "ws"),
        ([b"https\x1b"], "http", "ws"),
        ([b"\xff"], "http", "ws"),
    ],
)
def test_scheme(values: list[bytes], http: str, websocket: str) -> None:
    headers = [(b"x-forwarded-proto", value) for value in values]
    assert seen(*headers) == (PEER, http)
    assert seen(*headers, type="websocket") == (PEER, websocket)
    assert seen(*headers, trusted="10.0.0.1") == (PEER, "http")


def test_scheme_and_client_change_and_other_headers_stay() -> None:
    headers = [
        (b"x-forwarded-proto", b"https"),
        (b"x-forwarded-host", b"other.org"),
        (b"x_forwarded_for", b"6.6.6.6"),
        (b"x-forwarded-for", b"1.2.3.4:5"),
    ]
    assert seen(*headers) == (("1.2.3.4", 5), "https")


def test_a_lifespan_and_a_scope_without_headers_pass() -> None:
    for scope in ({"type": "lifespan"}, {"type": "http"}):
        scopes: list[Any] = []

        async def app(scope: Any, receive: Any, send: Any, scopes: list[Any] = scopes) -> None:
            scopes.append(dict(scope))

        call: Any = ProxyHeadersMiddleware(app, "*")
        run_async(call(scope, None, None))
        assert scopes == [scope]


async def _nothing(scope: Any, receive: Any, send: Any) -> None:
    pass


def test_the_middleware_is_detected_as_an_asgi3_application() -> None:
    middleware = ProxyHeadersMiddleware(_nothing)
    assert inspect.iscoroutinefunction(middleware.__call__)
    call: Any = middleware
    coroutine = call(http_scope(), None, None)
    assert asyncio.iscoroutine(coroutine)
    run_async(coroutine)


def test_decisions_are_remembered_for_a_bounded_number_of_peers() -> None:
    middleware = ProxyHeadersMiddleware(_nothing)
    trusts = middleware.trusted_hosts.trusts
    for number in range(3000):
        assert not trusts(f"10.0.{number // 256}.{number % 256}")
    assert trusts("127.0.0.1")
    info = trusts.cache_info()
    assert info.maxsize is not None
    assert info.currsize == info.maxsize < 3000


def _seconds(value: bytes, trusted: str) -> float:
    """Measure the processor seconds for a header of this value. Returns the shortest of several runs."""
    middleware: Any = ProxyHeadersMiddleware(_nothing, trusted)
    best = float("inf")
    for _ in range(5):
        scope = http_scope(headers=[(b"x-forwarded-for", value)])
        start = time.thread_time()
        coroutine = middleware._call(scope, None, None)
        best = min(best, time.thread_time() - start)
        coroutine.close()
    return best


# Not for the sanitizers: the address sanitizer checks the whole range that is searched for a byte.
@pytest.mark.timing
@pytest.mark.parametrize("element", [b",", b" ,\t", b"127.0.0.1,", b"1.2.3.4,", b"unknown,", b"[::1]:1,"])
@pytest.mark.parametrize("trusted", ["127.0.0.1", "127.0.0.1,0.0.0.0/0,::/0", "*"])
def test_parsing_takes_linear_time(element: bytes, trusted: str) -> None:
    # Eight times the length takes 8 times as long. If each step copied the rest, it would take more than 20 times.
    # On a busy machine several attempts may be needed to get below 14. Times below 400 us are too short to measure.
    for _ in range(10):
        short, long = (_seconds(element * (size // len(element)), trusted) for size in (30_000, 240_000))
        if long < max(short * 14, 400e-6):
            return
    pytest.fail(f"{short} s for a short header, {long} s for one of eight times its length")


# --- Unix sockets -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trusted", "peer", "server", "believed"),
    [
        ("unix", None, ("/run/app.sock", None), True),
        ("10.0.0.1, unix", None, ("/run/app.sock", None), True),
        (["unix"], None, ("/run/app.sock", None), True),
        ("10.0.0.1", None, ("/run/app.sock", None), False),
        # The peer is unknown.
        ("unix", None, ("127.0.0.1", 80), False),
        ("unix", None, None, False),
        ("unix", ("127.0.0.1", 1), ("127.0.0.1", 80), False),
        ("unix", ("unix", 1), ("127.0.0.1", 80), False),
    ],
)
def test_the_peers_of_unix_sockets(trusted: Any, peer: Any, server: Any, believed: bool) -> None:
    middleware = ProxyHeadersMiddleware(_nothing, trusted)
    assert (middleware.for_peer(peer, server) == middleware._call_trusted) is believed
    scope = http_scope(client=peer, server=server, headers=[(b"x-forwarded-for", b"192.0.2.7")])
    run_async(middleware(scope, None, None))  # type: ignore[arg-type]  # neither is used
    assert scope["client"] == (("192.0.2.7", 0) if believed else peer)


def test_an_element_unix_is_a_client() -> None:
    scope = http_scope(client=None, server=("/run/app.sock", None))
    scope["headers"] = [(b"x-forwarded-for", b"192.0.2.7, unix")]
    run_async(ProxyHeadersMiddleware(_nothing, "unix")(scope, None, None))  # type: ignore[arg-type]  # as above
    assert scope["client"] is None


# --- --forwarded-header -----------------------------------------------------------------------------------------------


def changes_of(
    forwarded_header: str | None, *headers: tuple[bytes, bytes], trusted: str = "127.0.0.1", **changes: Any
) -> dict[str, Any]:
    """Return what the middleware changes in the scope of `GET http://example.org/` from 127.0.0.1."""
    before = http_scope(client=PEER, headers=[(b"host", b"example.org"), *headers], raw_path=b"/", root_path="")
    scope = {**before, **changes}
    middleware = ProxyHeadersMiddleware(_nothing, trusted, forwarded_header)
    run_async(middleware(scope, None, None))  # type: ignore[arg-type]  # neither is used
    host = dict(scope["headers"])[b"host"]
    assert [name for name, _ in scope["headers"]].count(b"host") == 1
    changed = {name: value for name, value in scope.items() if value != before[name] and name != "headers"}
    return changed | ({"host": host} if host != b"example.org" else {})


ALL = (
    (b"x-forwarded-for", b"192.0.2.7"),
    (b"x-forwarded-proto", b"https"),
    (b"x-forwarded-host", b"public.example"),
    (b"x-forwarded-port", b"8443"),
    (b"x-forwarded-prefix", b"/api/"),
    (b"forwarded", b"for=192.0.2.8;proto=wss;host=forwarded.example"),
)


def test_the_fields_of_each_choice() -> None:
    assert changes_of(None, *ALL) == {"client": ("192.0.2.7", 0), "scheme": "https"}
    assert changes_of("x-forwarded", *ALL) == {
        "client": ("192.0.2.7", 0),
        "scheme": "https",
        "host": b"public.example:8443",
        "root_path": "/api",
        "path": "/api/",
        "raw_path": b"/api/",
    }
    assert changes_of("forwarded", *ALL) == {"client": ("192.0.2.8", 0), "scheme": "wss", "host": b"forwarded.example"}


@pytest.mark.parametrize("choice", ["x-forwarded", "forwarded"])
def test_headers_of_an_untrusted_peer_change_nothing(choice: str) -> None:
    assert changes_of(choice, *ALL, trusted="10.0.0.1") == {}


@pytest.mark.parametrize(
    ("value", "host"),
    [
        (b"public.example", b"public.example"),
        (b"public.example:8443", b"public.example:8443"),
        (b"[2001:db8::1]:80", b"[2001:db8::1]:80"),
        (b"forged.example, public.example", b"public.example"),
        (b"", None),
        (b"a b", None),
        (b"user@public.example", None),
        (b"public.example/path", None),
        (b"public.example:port", None),
        (b"public.example\xff", None),
    ],
)
def test_the_host(value: bytes, host: bytes | None) -> None:
    assert changes_of("x-forwarded", (b"x-forwarded-host", value)) == ({} if host is None else {"host": host})


def test_the_last_line_counts() -> None:
    lines = [(b"x-forwarded-host", b"forged.example"), (b"x-forwarded-host", b"public.example")]
    assert changes_of("x-forwarded", *lines) == {"host": b"public.example"}


@pytest.mark.parametrize(
    ("host", "scheme", "port", "expected"),
    [
        (b"a.example", b"http", b"8080", b"a.example:8080"),
        (b"a.example:1", b"http", b"8080", b"a.example:8080"),
        (b"a.example:1", b"https", b"443", b"a.example"),
        (b"a.example:1", b"http", b"80", b"a.example"),
        (b"a.example", b"http", b"443", b"a.example:443"),
        (b"[::1]:1", b"http", b"8080", b"[::1]:8080"),
        (b"a.example", b"http", b"65536", b"a.example"),
        (b"a.example", b"http", b"x", b"a.example"),
        (b"a.example", b"http", b"", b"a.example"),
    ],
)
def test_the_port_belongs_to_the_host(host: bytes, scheme: bytes, port: bytes, expected: bytes) -> None:
    fields = ((b"x-forwarded-host", host), (b"x-forwarded-proto", scheme), (b"x-forwarded-port", port))
    assert changes_of("x-forwarded", *fields)["host"] == expected
    # Without X-Forwarded-Host, the port replaces that of Host.
    fields = ((b"host", host), (b"x-forwarded-proto", scheme), (b"x-forwarded-port", port))
    assert changes_of("x-forwarded", *fields[1:], headers=list(fields)).get("host") == expected


def test_a_port_without_a_host() -> None:
    scope = http_scope(client=PEER, headers=[(b"x-forwarded-port", b"8080")])
    run_async(ProxyHeadersMiddleware(_nothing, "127.0.0.1", "x-forwarded")(scope, None, None))  # type: ignore[arg-type]
    assert scope["headers"] == [(b"x-forwarded-port", b"8080")]


@pytest.mark.parametrize(
    ("value", "prefix"),
    [
        (b"/api", "/api"),
        (b"/api/v1/", "/api/v1"),
        (b"/", None),
        (b"api", None),
        (b"//evil.example", None),
        (b"/a//b", None),
        (b"/a?b", None),
        (b"/a%2Fb", None),
        (b"/a\\b", None),
        (b"/\xc3\xa4", None),
        (b"", None),
    ],
)
def test_the_prefix(value: bytes, prefix: str | None) -> None:
    fields = (b"x-forwarded-prefix", value)
    changed = changes_of("x-forwarded", fields, path="/root/x", raw_path=b"/root/x", root_path="/root")
    if prefix is None:
        prefix = ""
    assert changed["root_path"] == f"{prefix}/root"
    assert changed["path"] == f"{prefix}/root/x"
    assert changed["raw_path"] == f"{prefix}/root/x".encode()


def test_a_prefix_without_a_raw_path() -> None:
    assert changes_of("x-forwarded", (b"x-forwarded-prefix", b"/api"), raw_path=None)["raw_path"] is None


# The nodes of RFC 7239, sections 4 and 6.
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"for=192.0.2.60;proto=http;by=203.0.113.43", {"client": ("192.0.2.60", 0)}),
        (b"For=192.0.2.60; PROTO=HTTPS", {"client": ("192.0.2.60", 0), "scheme": "https"}),
        (b'For="[2001:db8:cafe::17]:4711"', {"client": ("2001:db8:cafe::17", 4711)}),
        (b'for="192.0.2.60:4711"', {"client": ("192.0.2.60", 4711)}),
        (b"for=192.0.2.60:4711", {"client": ("192.0.2.60", 4711)}),
        (b'host="a.example:80";proto="wss"', {"scheme": "wss", "host": b"a.example:80"}),
        (b'host="a\\.example"', {"host": b"a.example"}),
        # The element of the last trusted proxy has its client, and the host and the scheme of its request.
        (
            b"for=192.0.2.1, for=192.0.2.2;host=a.example, for=127.0.0.1;host=b",
            {"client": ("192.0.2.2", 0), "host": b"a.example"},
        ),
        (b"for=192.0.2.1;proto=https", {"client": ("192.0.2.1", 0), "scheme": "https"}),
        (b"for=127.0.0.1;proto=https,for=127.0.0.1", {"client": ("127.0.0.1", 0), "scheme": "https"}),
        (b"for=192.0.2.1,for=unknown;proto=https", {"scheme": "https"}),
        (b"for=192.0.2.1,for=_hidden;host=a.example", {"host": b"a.example"}),
        (b'for=192.0.2.1,for="_hidden:_port"', {}),
        # Elements that a client has sent cannot change how the last element is parsed.
        (b'for="192.0.2.1, for=192.0.2.2', {"client": ("192.0.2.2", 0)}),
        (b"garbage,for=192.0.2.2", {"client": ("192.0.2.2", 0)}),
        (b'"""",,for=127.0.0.1;proto=https', {"client": ("127.0.0.1", 0), "scheme": "https"}),
        (b'for=192.0.2.2;by="a,b,\\",c"', {"client": ("192.0.2.2", 0)}),
        (b"", {}),
        (b"garbage", {}),
        (b"for", {}),
        (b"for=192.0.2.1;for=192.0.2.2", {}),
        (b"for=192.0.2.1,", {}),
        (b"for=192.0.2.1 for=192.0.2.2", {}),
        (b'for="192.0.2.1', {}),
        (b"proto=gopher;host=a/b;for=nonsense", {}),
        (b'"' + b"," * 5000, {}),
        (b"for=192.0.2.1," + b"," * 5000 + b"x", {}),
    ],
)
def test_forwarded(value: bytes, expected: dict[str, Any]) -> None:
    assert changes_of("forwarded", (b"forwarded", value)) == expected


def test_the_star_trusts_every_element() -> None:
    value = b"for=192.0.2.1;proto=https, for=192.0.2.2;proto=http"
    assert changes_of("forwarded", (b"forwarded", value), trusted="*") == {
        "client": ("192.0.2.1", 0),
        "scheme": "https",
    }


def test_several_lines_of_forwarded_are_one_list() -> None:
    lines = [(b"forwarded", b"for=192.0.2.1;proto=https"), (b"forwarded", b"for=127.0.0.1")]
    assert changes_of("forwarded", *lines) == {"client": ("192.0.2.1", 0), "scheme": "https"}


def test_a_websocket_has_its_own_schemes() -> None:
    assert changes_of("forwarded", (b"forwarded", b"proto=https"), type="websocket", scheme="ws")["scheme"] == "wss"


# --- In a server ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choice", "is_wrapped", "by_connection"),
    [(None, True, True), ("x-forwarded", True, False), ("forwarded", True, False), ("none", False, False)],
)
def test_the_connection_or_the_wrapper_calls_the_middleware(choice: Any, is_wrapped: bool, by_connection: bool) -> None:
    """By default the connection calls the middleware, for requests that have one of its two fields."""
    config = Config("tests.apps:asgi3_app", forwarded_header=choice, log_config=None)
    config.load()
    assert isinstance(config.loaded_app, ProxyHeadersMiddleware) is is_wrapped
    assert (config.proxy_headers_middleware is not None) is by_connection


async def telling_app(scope: Any, receive: Any, send: Any) -> None:
    seen = f"{scope['client'][0]} {scope['scheme']} {dict(scope['headers'])[b'host'].decode()} {scope['path']}"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": seen.encode()})


@pytest.mark.parametrize(
    ("choice", "seen"),
    [
        ("forwarded", b"192.0.2.8 wss forwarded.example /x"),
        ("x-forwarded", b"192.0.2.7 https public.example:8443 /api/x"),
        ("none", b"127.0.0.1 http test /x"),
    ],
)
def test_the_fields_of_each_choice_in_a_server(choice: str, seen: bytes) -> None:
    fields = b"".join(b"%b: %b\r\n" % field for field in ALL)
    arguments = ["tests.middleware.test_proxy_headers:telling_app", "--lifespan", "off", "--forwarded-header", choice]
    with serve(*arguments) as server:
        request = b"GET /x HTTP/1.1\r\nhost: test\r\n%bconnection: close\r\n\r\n" % fields
        assert seen in exchange(("127.0.0.1", server.port), request)
        # The access log has the same client as the scope.
        server.wait_stdout(f'{seen.split()[0].decode()}:\\d+ - "GET {seen.split()[3].decode()} HTTP/1.1" 200')
