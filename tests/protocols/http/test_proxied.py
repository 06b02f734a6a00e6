"""Proxy headers on a connection: the server checks once whether the peer is trusted. Applications see no difference."""

from typing import Any

import pytest

from tests.cases.case import head
from tests.doubles import MockTransport
from tests.protocols.http.connection import GET, respond
from uvicorn.middleware.proxy_headers import _TrustedHosts

FORWARDED = head(b"GET / HTTP/1.1", b"X-Forwarded-For: 1.2.3.4", b"X-Forwarded-Proto: https")


class Seen:
    """An application that keeps the scopes that it gets."""

    def __init__(self) -> None:
        self.scopes: list[Any] = []
        self.respond = respond()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scopes.append(scope)
        await self.respond(scope, receive, send)


@pytest.mark.parametrize(
    ("trusted", "peername", "client", "scheme"),
    [
        ("127.0.0.1", ("127.0.0.1", 12345), ("1.2.3.4", 0), "https"),
        ("127.0.0.2", ("127.0.0.1", 12345), ("127.0.0.1", 12345), "http"),
        ("*", "", ("1.2.3.4", 0), "https"),
        ("127.0.0.1", "", None, "http"),
    ],
)
async def test_checks_the_peer_once_per_connection(
    connect: Any, monkeypatch: pytest.MonkeyPatch, trusted: str, peername: Any, client: Any, scheme: str
) -> None:
    asked: list[Any] = []
    has_peer = _TrustedHosts.has_peer

    def ask(self: _TrustedHosts, peer: Any, server: Any) -> bool:
        asked.append(peer)
        return has_peer(self, peer, server)

    monkeypatch.setattr(_TrustedHosts, "has_peer", ask)
    app = Seen()
    transport = MockTransport(sockname="/run/app.sock" if not peername else ("127.0.0.1", 8000), peername=peername)
    connection = connect(app, transport=transport, proxy_headers=True, forwarded_allow_ips=trusted)
    for _ in range(2):
        await connection.ask(FORWARDED)
    await connection.ask(GET)
    own = peername or None
    assert [(scope["client"], scope["scheme"]) for scope in app.scopes] == [(client, scheme)] * 2 + [(own, "http")]
    assert asked == [own]


async def test_an_application_that_replaces_the_middleware(connect: Any) -> None:
    connection = connect(respond(), proxy_headers=True, full=True)
    other = Seen()
    connection.protocol.app = other
    await connection.ask(FORWARDED)
    assert other.scopes[0]["scheme"] == "http"


async def test_uses_proxy_headers_for_the_last_request_too(connect: Any) -> None:
    app = Seen()
    connection = connect(app, proxy_headers=True, forwarded_allow_ips="127.0.0.1")
    await connection.run(head(b"GET / HTTP/1.1", b"X-Forwarded-For: 1.2.3.4", b"Connection: close"))
    assert app.scopes[0]["client"] == ("1.2.3.4", 0)
