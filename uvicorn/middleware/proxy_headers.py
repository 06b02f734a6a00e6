"""Client address and scheme as a trusted reverse proxy reports them."""

from __future__ import annotations

import functools
import inspect
import ipaddress
import logging
import sys
from collections.abc import Awaitable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from uvicorn._speedups.tables import FORWARDED_FOR, FORWARDED_PROTO
from uvicorn.config.kinds import network

if TYPE_CHECKING:
    from uvicorn._types import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, Scope

    Address = ipaddress.IPv4Address | ipaddress.IPv6Address
    Network = ipaddress.IPv4Network | ipaddress.IPv6Network

logger = logging.getLogger("uvicorn.error")

_FORWARDED = frozenset({FORWARDED_FOR, FORWARDED_PROTO})

# What X-Forwarded-Proto may say, and what it is for a WebSocket.
_WEBSOCKET_SCHEMES = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}

# The longest address: INET6_ADDRSTRLEN, a zone ("%" and IF_NAMESIZE), brackets, ":" and a port. It bounds the memory of
# the cached decisions.
_MAX_ENTRY_LENGTH = 46 + 17 + 2 + 6
_CACHED_DECISIONS = 1024


def _parse_address(text: str) -> Address | None:
    """An IPv4 address that is mapped into IPv6 (RFC 4291, section 2.5.5.2) is what it was."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


@functools.lru_cache(maxsize=_CACHED_DECISIONS)
def _split_port(entry: str) -> tuple[str, int] | None:
    """An entry of X-Forwarded-For as (address, port), port 0 where it has none."""
    host, port = entry, "0"
    if entry.startswith("["):
        host, bracket, rest = entry[1:].partition("]")
        if not bracket or ":" not in host or (rest and not rest.startswith(":")):
            return None
        # An address in brackets is one, whatever follows it.
        port = rest[1:] if _is_port(rest[1:]) else port
    elif entry.count(":") == 1:
        host, _, port = entry.partition(":")
    # To ipaddress a zone may hold anything, and the host is going to be logged.
    if not (host.isascii() and host.isprintable()) or _parse_address(host) is None:
        return None
    return (host, int(port)) if _is_port(port) else None


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdecimal() and int(text) <= 0xFFFF


def _from_right(elements: bytes) -> Iterator[bytes]:
    """The elements of a comma list, last one first, each looked at only when asked for."""
    end = len(elements)
    while end >= 0:
        comma = elements.rfind(b",", 0, end)
        yield elements[comma + 1 : end].strip(b" \t")
        end = comma


class _TrustedHosts:
    """Who may say where a request comes from: see `ProxyHeadersMiddleware`."""

    def __init__(self, trusted_hosts: str | Iterable[str]) -> None:
        entries = trusted_hosts.split(",") if isinstance(trusted_hosts, str) else trusted_hosts
        hosts = [str(entry).strip() for entry in entries]
        self.always_trust = hosts == ["*"]
        self._addresses: set[Address] = set()
        self._networks: list[Network] = []
        self._literals: set[str] = set()
        for host in filter(None, hosts):
            if host == "*":
                if not self.always_trust:
                    logger.warning(
                        "Trusted proxies: '*' trusts every peer only if it stands alone, and is left out here."
                    )
            elif address := _parse_address(host):
                self._addresses.add(address)
            elif (found := network(host)) is not None:
                self._networks.append(found)
            else:
                self._literals.add(host)
        # The few proxies of a deployment stay.
        self.trusts = functools.lru_cache(maxsize=_CACHED_DECISIONS)(self._decide)

    def __contains__(self, host: str | None) -> bool:
        return self.always_trust or bool(host and self.trusts(host))

    def _decide(self, host: str) -> bool:
        if host in self._literals:
            return True
        address = _parse_address(host)
        if address is None:
            return False
        return address in self._addresses or any(address in network for network in self._networks)

    def client(self, forwarded_for: bytes) -> tuple[str, int] | None:
        """Proxies append, so nothing to the left of the rightmost untrusted address can be relied on.

        An element that is no address, an empty one too, ends the walk: no trusted proxy wrote it. If all are trusted,
        the leftmost is where the request started.
        """
        if self.always_trust:
            return self._locate(forwarded_for.partition(b",")[0].strip(b" \t"))
        client = None
        for element in _from_right(forwarded_for):
            client = self._locate(element)
            if client is None or not self.trusts(client[0]):
                break
        return client

    def _locate(self, element: bytes) -> tuple[str, int] | None:
        entry = element.decode("latin-1")
        if entry in self._literals:
            return entry, 0
        return _split_port(entry) if len(entry) <= _MAX_ENTRY_LENGTH else None


class ProxyHeadersMiddleware:
    """Takes `scope["client"]` and `scope["scheme"]` from X-Forwarded-For and X-Forwarded-Proto of a trusted peer.

    The scope is changed in place, so that the access log tells the client's address as well.

    Args:
        app: the application.
        trusted_hosts: addresses, CIDR networks and literals, as a comma list or as a list; `*` alone trusts every peer,
            those of a unix socket too.

    Raises:
        ValueError: a network has host bits set, or a wrong mask.
    """

    def __init__(self, app: ASGI3Application, trusted_hosts: list[str] | str = "127.0.0.1") -> None:
        self.app = app
        self.trusted_hosts = _TrustedHosts(trusted_hosts)

    def for_peer(self, peer: tuple[str, int] | None) -> ASGI3Application:
        """What to call for those requests of the connection with `peer` that have a field of a proxy."""
        return self._call_trusted if self._is_trusted(peer) else self.app

    def _is_trusted(self, peer: tuple[str, int] | None) -> bool:
        return (peer[0] if peer else None) in self.trusted_hosts

    def _call_trusted(self, scope: Any, receive: ASGIReceiveCallable, send: ASGISendCallable) -> Awaitable[None]:
        self._forward(scope)
        return self.app(scope, receive, send)

    def _call(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> Awaitable[None]:
        if scope["type"] != "lifespan" and self._is_trusted(scope.get("client")):
            for name, _ in scope.get("headers", ()):
                if name in _FORWARDED:
                    self._forward(scope)
                    break
        return self.app(scope, receive, send)

    if sys.version_info >= (3, 12):
        # Handing on the application's own coroutine saves a frame per request (0.04 us of 0.11) and a step per
        # suspension; the mark keeps it a coroutine function for all who look.
        __call__ = inspect.markcoroutinefunction(_call)
    else:  # pragma: no cover - coverage is measured on a newer Python

        async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
            return await self._call(scope, receive, send)

    def _forward(self, scope: Any) -> None:
        # Several lines are one list (RFC 9110, section 5.3).
        lines: dict[bytes, list[bytes]] = {FORWARDED_FOR: [], FORWARDED_PROTO: []}
        for name, value in scope["headers"]:
            if name in _FORWARDED:
                lines[name].append(value)
        if lines[FORWARDED_PROTO]:
            scheme = lines[FORWARDED_PROTO][-1].rpartition(b",")[2].strip(b" \t").decode("latin-1").lower()
            if scheme in _WEBSOCKET_SCHEMES:
                scope["scheme"] = _WEBSOCKET_SCHEMES[scheme] if scope["type"] == "websocket" else scheme
        if lines[FORWARDED_FOR]:
            client = self.trusted_hosts.client(b",".join(lines[FORWARDED_FOR]))
            if client is not None:
                scope["client"] = client
