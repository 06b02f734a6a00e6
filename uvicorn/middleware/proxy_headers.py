"""Sets client, scheme, host and path prefix of a request to the values that a trusted reverse proxy has sent."""

from __future__ import annotations

import functools
import inspect
import ipaddress
import logging
import re
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from uvicorn._speedups.tables import FORWARDED_FOR, FORWARDED_PROTO
from uvicorn.config.kinds import network

if TYPE_CHECKING:
    from uvicorn._types import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, Scope

    Address = ipaddress.IPv4Address | ipaddress.IPv6Address
    Network = ipaddress.IPv4Network | ipaddress.IPv6Network

logger = logging.getLogger("uvicorn.error")

FORWARDED_HOST = b"x-forwarded-host"
FORWARDED_PORT = b"x-forwarded-port"
FORWARDED_PREFIX = b"x-forwarded-prefix"
FORWARDED = b"forwarded"

# Value of --forwarded-header (None without it) -> the fields that are read, in the order in which they are applied.
_FIELDS = {
    None: (FORWARDED_PROTO, FORWARDED_FOR),
    "x-forwarded": (FORWARDED_PROTO, FORWARDED_FOR, FORWARDED_HOST, FORWARDED_PORT, FORWARDED_PREFIX),
    "forwarded": (FORWARDED,),
}

# uri-host [ ":" port ] (RFC 9110, section 7.2); the host is a name or an address.
_HOST = re.compile(rb"(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?")
# Path segments (RFC 3986, section 3.3) without percent-encoding. Empty segments are refused: `//name` could be taken
# for another host.
_PREFIX = re.compile(rb"((?:/[A-Za-z0-9._~!$&'()*+,;=:@-]+)+)/?")
_DEFAULT_PORTS = {"http": b"80", "ws": b"80", "https": b"443", "wss": b"443"}

# forwarded-pair (RFC 7239, section 4). A value with a colon has to be quoted, but some proxies do not quote it.
_PAIR = re.compile(rb"""[ \t]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)=("(?:[^"\\]|\\.)*"|[^ \t",;]*)[ \t]*(?:;|$)""")
# The longest element of Forwarded, in bytes. Without a limit, a client could make the search for its beginning slow.
_MAX_ELEMENT_LENGTH = 1024

# The valid values of X-Forwarded-Proto -> the scheme for a WebSocket.
_WEBSOCKET_SCHEMES = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}

# In a list of trusted proxies, this word means the peers of unix sockets.
UNIX = "unix"

# The longest address: INET6_ADDRSTRLEN, a zone ("%" and IF_NAMESIZE), brackets, ":" and a port. This limits the memory
# of the cached decisions.
_MAX_ENTRY_LENGTH = 46 + 17 + 2 + 6
_CACHED_DECISIONS = 1024


def _parse_address(text: str) -> Address | None:
    """Parse an address. An IPv4-mapped IPv6 address becomes an IPv4 address (RFC 4291, section 2.5.5.2)."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


@functools.lru_cache(maxsize=_CACHED_DECISIONS)
def _split_port(entry: str) -> tuple[str, int] | None:
    """Split an entry of X-Forwarded-For into address and port. The port is 0 if there is none. None if not valid."""
    host, port = entry, "0"
    if entry.startswith("["):
        host, bracket, rest = entry[1:].partition("]")
        if not bracket or ":" not in host or (rest and not rest.startswith(":")):
            return None
        # An address in brackets is accepted, also if the text after it is not a port.
        port = rest[1:] if _is_port(rest[1:]) else port
    elif entry.count(":") == 1:
        host, _, port = entry.partition(":")
    # `ipaddress` accepts any characters in a zone. But the host will be logged.
    if not (host.isascii() and host.isprintable()) or _parse_address(host) is None:
        return None
    return (host, int(port)) if _is_port(port) else None


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdecimal() and int(text) <= 0xFFFF


def _from_right(elements: bytes) -> Iterator[bytes]:
    """Yield the elements of a comma-separated list, last one first. Only the requested elements are parsed."""
    end = len(elements)
    while end >= 0:
        comma = elements.rfind(b",", 0, end)
        yield elements[comma + 1 : end].strip(b" \t")
        end = comma


def _parse_element(text: bytes) -> dict[bytes, bytes] | None:
    """Parse the parameters of an element of Forwarded. None if it is malformed."""
    parameters: dict[bytes, bytes] = {}
    pos = 0
    while pos < len(text):
        pair = _PAIR.match(text, pos)
        if pair is None:
            return None
        pos = pair.end()
        name, value = pair[1].lower(), pair[2]
        if name in parameters:
            return None
        parameters[name] = re.sub(rb"\\(.)", rb"\1", value[1:-1]) if value.startswith(b'"') else value
    return parameters or None


def _elements_from_right(value: bytes) -> Iterator[dict[bytes, bytes]]:
    """Yield the elements of Forwarded, last one first, and stop at a malformed one, which a client has written.

    A comma can be inside a quoted string. Text before the last element cannot change how the last element is parsed.
    """
    end = len(value)
    while end >= 0:
        comma = value.rfind(b",", 0, end)
        while (element := _parse_element(value[comma + 1 : end])) is None:
            if comma < 0 or end - comma > _MAX_ELEMENT_LENGTH:
                return
            comma = value.rfind(b",", 0, comma)
        yield element
        end = comma


class _TrustedHosts:
    """The trusted proxies: see `ProxyHeadersMiddleware`."""

    def __init__(self, trusted_hosts: str | Iterable[str]) -> None:
        entries = trusted_hosts.split(",") if isinstance(trusted_hosts, str) else trusted_hosts
        hosts = [str(entry).strip() for entry in entries]
        self.always_trust = hosts == ["*"]
        self._addresses: set[Address] = set()
        self._networks: list[Network] = []
        self._literals: set[str] = set()
        self._trusts_unix = UNIX in hosts
        for host in filter(None, set(hosts) - {UNIX}):
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
        # The cache keeps the few proxies of a deployment.
        self.trusts = functools.lru_cache(maxsize=_CACHED_DECISIONS)(self._decide)

    def __contains__(self, host: str | None) -> bool:
        return self.always_trust or bool(host and self.trusts(host))

    def has_peer(self, peer: tuple[str, int] | None, server: tuple[str, int | None] | None) -> bool:
        """Whether the peer of a connection is trusted.

        Args:
            peer: the (host, port) of the peer, or None.
            server: our own (host, port), or (path, None) on a unix socket.
        """
        if peer is None and self._trusts_unix and server is not None and server[1] is None:
            return True
        return (peer[0] if peer else None) in self

    def _decide(self, host: str) -> bool:
        if host in self._literals:
            return True
        address = _parse_address(host)
        if address is None:
            return False
        return address in self._addresses or any(address in network for network in self._networks)

    def client(self, forwarded_for: bytes) -> tuple[str, int] | None:
        """Find the client in X-Forwarded-For.

        Each proxy appends the address of its peer. So the client is the rightmost address that is not trusted: a client
        can write anything to the left of it. An element that is not an address ends the search, also an empty one,
        because no trusted proxy has written it. If all addresses are trusted, the leftmost one is the client.
        """
        if self.always_trust:
            return self.locate(forwarded_for.partition(b",")[0].strip(b" \t"))
        client = None
        for element in _from_right(forwarded_for):
            client = self.locate(element)
            if client is None or not self.trusts(client[0]):
                break
        return client

    def forwarded(self, value: bytes) -> dict[bytes, bytes] | None:
        """Find the element of Forwarded about the request of the client. The first trusted proxy has written it.

        An element without an address (`unknown`, `_hidden`) ends the search, but its scheme and host are used.
        """
        element = None
        for element in _elements_from_right(value):
            client = self.locate(element.get(b"for", b""))
            if not self.always_trust and (client is None or not self.trusts(client[0])):
                break
        return element

    def locate(self, element: bytes) -> tuple[str, int] | None:
        """Parse an address with an optional port.

        Returns (host, port), with 0 for a missing port; None if not valid.
        """
        entry = element.decode("latin-1")
        if entry in self._literals:
            return entry, 0
        return _split_port(entry) if len(entry) <= _MAX_ENTRY_LENGTH else None


class ProxyHeadersMiddleware:
    """Takes the client and the scheme of a request from header fields of a trusted proxy; other values on request.

    The scope is changed in place, so that the access log has the address of the client too.

    Args:
        app: the application.
        trusted_hosts: addresses, CIDR networks and literals, as a comma list or as a list; `unix` trusts the peers of
            unix sockets, and `*` alone trusts every peer.
        forwarded_header: "x-forwarded" takes the host, its port and the prefix from the X-Forwarded fields too;
            "forwarded" takes client, scheme and host from Forwarded (RFC 7239), instead of X-Forwarded-For and
            X-Forwarded-Proto.

    Raises:
        ValueError: a network has host bits set, or a wrong mask.
    """

    def __init__(
        self,
        app: ASGI3Application,
        trusted_hosts: list[str] | str = "127.0.0.1",
        forwarded_header: str | None = None,
    ) -> None:
        self.app = app
        self.trusted_hosts = _TrustedHosts(trusted_hosts)
        self._fields = _FIELDS[forwarded_header]
        self._apply: dict[bytes, Callable[[Any, list[bytes]], None]] = {
            FORWARDED_PROTO: self._apply_proto,
            FORWARDED_FOR: self._apply_for,
            FORWARDED_HOST: self._apply_host,
            FORWARDED_PORT: self._apply_port,
            FORWARDED_PREFIX: self._apply_prefix,
            FORWARDED: self._apply_forwarded,
        }

    def for_peer(self, peer: tuple[str, int] | None, server: tuple[str, int | None] | None = None) -> ASGI3Application:
        """The application to call for requests of a connection that have a header field of a proxy.

        Args:
            peer, server: as for `_TrustedHosts.has_peer`.
        """
        return self._call_trusted if self.trusted_hosts.has_peer(peer, server) else self.app

    def _call_trusted(self, scope: Any, receive: ASGIReceiveCallable, send: ASGISendCallable) -> Awaitable[None]:
        self._forward(scope)
        return self.app(scope, receive, send)

    def _call(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> Awaitable[None]:
        if scope["type"] != "lifespan" and self.trusted_hosts.has_peer(scope.get("client"), scope.get("server")):
            for name, _ in scope.get("headers", ()):
                if name in self._fields:
                    self._forward(scope)
                    break
        return self.app(scope, receive, send)

    if sys.version_info >= (3, 12):
        # `_call` returns the coroutine of the application itself. This saves a frame for each request (0.04 us of
        # 0.11), and a step for each suspension. The mark makes it a coroutine function for code that checks this.
        __call__ = inspect.markcoroutinefunction(_call)
    else:  # pragma: no cover - coverage is measured on a newer Python

        async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
            return await self._call(scope, receive, send)

    def _forward(self, scope: Any) -> None:
        # Several lines of one field are one list (RFC 9110, section 5.3).
        lines: dict[bytes, list[bytes]] = {name: [] for name in self._fields}
        for name, value in scope["headers"]:
            if name in lines:
                lines[name].append(value)
        for name, values in lines.items():
            if values:
                self._apply[name](scope, values)

    def _apply_proto(self, scope: Any, values: list[bytes]) -> None:
        _set_scheme(scope, _last(values))

    def _apply_for(self, scope: Any, values: list[bytes]) -> None:
        client = self.trusted_hosts.client(b",".join(values))
        if client is not None:
            scope["client"] = client

    def _apply_host(self, scope: Any, values: list[bytes]) -> None:
        _set_host(scope, _last(values))

    def _apply_port(self, scope: Any, values: list[bytes]) -> None:
        """Add the port to the host, which comes from X-Forwarded-Host or from Host."""
        port = _last(values)
        found = _HOST.fullmatch(dict(scope["headers"]).get(b"host", b""))
        if found is not None and port.isdigit() and _is_port(port.decode("latin-1")):
            is_default = port == _DEFAULT_PORTS.get(scope["scheme"])
            _set_host(scope, found["host"] if is_default else found["host"] + b":" + port)

    def _apply_prefix(self, scope: Any, values: list[bytes]) -> None:
        """Put the prefix that the proxy has removed before the path, as --root-path does."""
        found = _PREFIX.fullmatch(_last(values))
        if found is not None:
            prefix = found[1].decode("ascii")
            scope["root_path"] = prefix + scope.get("root_path", "")
            scope["path"] = prefix + scope["path"]
            if scope.get("raw_path") is not None:
                scope["raw_path"] = found[1] + scope["raw_path"]

    def _apply_forwarded(self, scope: Any, values: list[bytes]) -> None:
        element = self.trusted_hosts.forwarded(b",".join(values))
        if element is not None:
            client = self.trusted_hosts.locate(element.get(b"for", b""))
            if client is not None:
                scope["client"] = client
            _set_scheme(scope, element.get(b"proto", b""))
            _set_host(scope, element.get(b"host", b""))


def _last(values: list[bytes]) -> bytes:
    """The last element, for fields that each proxy sets anew."""
    return values[-1].rpartition(b",")[2].strip(b" \t")


def _set_scheme(scope: Any, value: bytes) -> None:
    scheme = value.decode("latin-1").lower()
    if scheme in _WEBSOCKET_SCHEMES:
        scope["scheme"] = _WEBSOCKET_SCHEMES[scheme] if scope["type"] == "websocket" else scheme


def _set_host(scope: Any, value: bytes) -> None:
    if _HOST.fullmatch(value) is not None:
        others = [field for field in scope["headers"] if field[0] != b"host"]
        scope["headers"] = [(b"host", value), *others]
