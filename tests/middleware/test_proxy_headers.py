"""Who is believed, and what of what they say."""

import asyncio
import inspect
import time
from typing import Any

import pytest

from tests.middleware.conversation import http_scope
from tests.processes import run_async
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware, _TrustedHosts

PEER = ("127.0.0.1", 54321)


def seen(
    *headers: tuple[bytes, bytes], trusted: list[str] | str = "127.0.0.1", client: Any = PEER, type: str = "http"
) -> tuple[Any, str]:
    """Client and scheme that the application sees."""
    scope = http_scope(type=type, client=client, headers=[(b"host", b"example.org"), *headers])
    if type == "websocket":
        scope["scheme"] = "ws"
    scopes: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scopes.append(scope)

    run_async(ProxyHeadersMiddleware(app, trusted)(scope, None, None))  # type: ignore[arg-type]  # neither is used
    # In place: the access log is written from the server's own scope.
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
def test_who_is_believed(trusted: list[str] | str, peer: str, believed: bool) -> None:
    client = (peer, 54321)
    expected = ("1.2.3.4", 0) if believed else client
    assert forwarded_for("1.2.3.4", trusted, client) == expected
    # The second answer is the remembered one.
    middleware = ProxyHeadersMiddleware(_nothing, trusted)
    for _ in range(2):
        scope: Any = http_scope(client=client, headers=[(b"x-forwarded-for", b"1.2.3.4")])
        run_async(middleware(scope, None, None))  # type: ignore[arg-type]  # neither is used
        assert scope["client"] == expected


@pytest.mark.parametrize("trusted", ["10.0.0.1/8", ["127.0.0.1", "10.0.0.1/8"], "10.0.0.0/64", "::/x"])
def test_a_network_that_is_none_is_an_error(trusted: list[str] | str) -> None:
    with pytest.raises(ValueError):
        ProxyHeadersMiddleware(_nothing, trusted)


def test_a_star_among_others_is_told(caplog: pytest.LogCaptureFixture) -> None:
    ProxyHeadersMiddleware(_nothing, "*")
    assert caplog.messages == []
    ProxyHeadersMiddleware(_nothing, "10.0.0.1,*")
    assert caplog.messages == ["Trusted proxies: '*' trusts every peer only if it stands alone, and is left out here."]


def test_the_hosts_can_be_asked() -> None:
    hosts = _TrustedHosts("127.0.0.1, 10.0.0.0/8, proxy")
    assert [host in hosts for host in ("127.0.0.1", "10.1.1.1", "proxy")] == [True] * 3
    assert [host in hosts for host in ("127.0.0.2", "*", "", None)] == [False] * 4
    assert [host in _TrustedHosts("*") for host in ("127.0.0.2", "", None)] == [True] * 3


@pytest.mark.parametrize(
    ("trusted", "expected"), [("*", ("1.2.3.4", 0)), ("127.0.0.1", None), (["0.0.0.0/0", "/run/x.sock"], None)]
)
def test_the_peers_of_a_unix_socket_are_covered_by_the_star_alone(trusted: list[str] | str, expected: Any) -> None:
    assert forwarded_for("1.2.3.4", trusted, client=None) == expected


@pytest.mark.parametrize(
    ("value", "trusted", "expected"),
    [
        ("1.2.3.4", "127.0.0.1", ("1.2.3.4", 0)),
        ("1.2.3.4:5678", "127.0.0.1", ("1.2.3.4", 5678)),
        ("2001:db8::1", "127.0.0.1", ("2001:db8::1", 0)),
        ("[2001:db8::1]", "127.0.0.1", ("2001:db8::1", 0)),
        ("[2001:db8::1]:443", "127.0.0.1", ("2001:db8::1", 443)),
        # An address in brackets is one, whatever follows.
        ("[2001:db8::1]:http", "127.0.0.1", ("2001:db8::1", 0)),
        ("[2001:db8::1]:", "127.0.0.1", ("2001:db8::1", 0)),
        ("[2001:db8::1]:99999", "127.0.0.1", ("2001:db8::1", 0)),
        ("6.6.6.6, [2001:db8::1]:x", "127.0.0.1", ("2001:db8::1", 0)),
        ("1.2.3.4:0", "127.0.0.1", ("1.2.3.4", 0)),
        ("1.2.3.4:65535", "127.0.0.1", ("1.2.3.4", 65535)),
        # From the right, the first that is not trusted.
        ("6.6.6.6, 1.2.3.4", "127.0.0.1", ("1.2.3.4", 0)),
        ("6.6.6.6, 1.2.3.4, 10.0.0.2, 10.0.0.1:80", "127.0.0.1,10.0.0.0/8", ("1.2.3.4", 0)),
        ("6.6.6.6,1.2.3.4,proxy", "127.0.0.1,proxy", ("1.2.3.4", 0)),
        ("6.6.6.6,1.2.3.4,::ffff:10.0.0.1", "127.0.0.1,10.0.0.1", ("1.2.3.4", 0)),
        ("\t1.2.3.4 \t, 10.0.0.1 ", "127.0.0.1,10.0.0.1", ("1.2.3.4", 0)),
        # An empty element ends the walk: what is left of it was written by a client.
        ("6.6.6.6,, 10.0.0.1", "127.0.0.1,10.0.0.1", PEER),
        ("6.6.6.6, \t, 10.0.0.1", "127.0.0.1,10.0.0.1", PEER),
        ("6.6.6.6,", "127.0.0.1", PEER),
        ("6.6.6.6,, 1.2.3.4", "127.0.0.1", ("1.2.3.4", 0)),
        (", 10.0.0.1", "127.0.0.1,10.0.0.1", PEER),
        # All of them trusted: where it started.
        ("10.0.0.1, 10.0.0.2", "127.0.0.1,10.0.0.0/8", ("10.0.0.1", 0)),
        ("proxy, 10.0.0.2", "127.0.0.1,10.0.0.2,proxy", ("proxy", 0)),
        # Everybody trusted: the leftmost.
        ("1.2.3.4:5, 10.0.0.1", "*", ("1.2.3.4", 5)),
        (" 1.2.3.4 \t, x", "*", ("1.2.3.4", 0)),
        (" , 1.2.3.4 \t, x", "*", PEER),
    ],
)
def test_which_address_it_is(value: str, trusted: str, expected: tuple[str, int]) -> None:
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
    # What stands to the left of it could have been written by anybody.
    assert forwarded_for(f"{value}, {value}", trusted) == PEER


def test_garbage_in_the_place_of_the_client_is_not_skipped() -> None:
    assert forwarded_for("6.6.6.6, unknown, 10.0.0.1", "127.0.0.1,10.0.0.1") == PEER


def test_an_empty_line_ends_the_walk() -> None:
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
        # Garbage changes nothing, and what stands before it does not come instead.
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


def test_both_at_once_and_other_headers_left_alone() -> None:
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


def test_it_is_seen_to_be_an_asgi3_application() -> None:
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
    """The processor time, the shortest of several, that a header of this value takes."""
    middleware: Any = ProxyHeadersMiddleware(_nothing, trusted)
    best = float("inf")
    for _ in range(5):
        scope = http_scope(headers=[(b"x-forwarded-for", value)])
        start = time.thread_time()
        coroutine = middleware._call(scope, None, None)
        best = min(best, time.thread_time() - start)
        coroutine.close()
    return best


# The address sanitizer looks at the whole range in which a byte is searched for.
@pytest.mark.timing
@pytest.mark.parametrize("element", [b",", b" ,\t", b"127.0.0.1,", b"1.2.3.4,", b"unknown,", b"[::1]:1,"])
@pytest.mark.parametrize("trusted", ["127.0.0.1", "127.0.0.1,0.0.0.0/0,::/0", "*"])
def test_the_time_grows_no_faster_than_the_header(element: bytes, trusted: str) -> None:
    # Eight times the length takes 8 times as long, and more than 20 times as long where each step copies what is left.
    # A busy machine is given several chances to come in below 14; what takes less than 400 us is not worth measuring.
    for _ in range(10):
        short, long = (_seconds(element * (size // len(element)), trusted) for size in (30_000, 240_000))
        if long < max(short * 14, 400e-6):
            return
    pytest.fail(f"{short} s for a short header, {long} s for one of eight times its length")
