"""The server side of the opening handshake (RFC 6455 section 4.2). `protocol.py` calls it."""

import asyncio
import base64
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from uvicorn._speedups import RequestHead, RequestReader, ResponseFramer
from uvicorn._speedups.buffers import as_bytes
from uvicorn._speedups.flags import HEAD_REQUEST
from uvicorn._speedups.tables import FORBIDDEN_IN_VALUE, TOKEN_CHARS
from uvicorn.protocols.http.h11_impl import judge
from uvicorn.protocols.http.service import request_limits
from uvicorn.protocols.websockets.deflate import DeflateParameters, negotiate, parse_extensions

if TYPE_CHECKING:
    from uvicorn.config import Config
    from uvicorn.server_state import ServerState

# The key is 16 bytes, in base64 (RFC 6455 section 4.1).
_KEY = re.compile(rb"[A-Za-z0-9+/]{22}==")
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

# Fields of the application that are dropped. We have negotiated them, and the answer 101 has no body (RFC 9110 sections
# 6.4.1 and 8.6).
_OURS = frozenset(
    {
        b"connection",
        b"content-length",
        b"sec-websocket-accept",
        b"sec-websocket-extensions",
        b"transfer-encoding",
        b"upgrade",
    }
)


class HeadReader:
    """Reads a head by the rules and limits of `Http1`, when an HTTP class of another package passes bytes on."""

    def __init__(self, config: "Config") -> None:
        self._reader = RequestReader(judge, request_limits(config))

    def feed(self, data: bytes) -> tuple[RequestHead, bytes] | None:
        """Read bytes. Returns the head and the bytes after it; None without a complete head. Raises RequestRejected."""
        self._reader.feed(data)
        # The first event of a reader is always a head.
        head: Any = self._reader.next()
        return (head, self._reader.take_rest()) if head is not None else None


class HandshakeRejected(Exception):
    """A request for a WebSocket that is refused.

    Args:
        text: the reason, which is the body of the answer.
        status: the status code of the answer.
        headers: further fields of the answer.
    """

    def __init__(self, text: str, status: int = 400, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        super().__init__(text)
        self.text = text
        self.status = status
        self.headers = headers


@dataclass(frozen=True, slots=True)
class Handshake:
    """A valid request for a WebSocket.

    Attributes:
        subprotocols: the subprotocols that the client offers, in its order.
        deflate: the parameters of permessage-deflate; None if it is not used.
    """

    subprotocols: list[str]
    deflate: DeflateParameters | None


def read_handshake(head: RequestHead, allow_deflate: bool) -> Handshake:
    """Check a head, as far as the rules are the same for every version of HTTP (RFC 6455 section 4.2.1).

    Args:
        head: the head of the request.
        allow_deflate: whether permessage-deflate may be negotiated.

    Raises:
        HandshakeRejected: the head breaks a rule.
    """
    fields: dict[bytes, list[bytes]] = {}
    for name, value in head.headers:
        if name.startswith(b"sec-websocket-") or name in (b"content-length", b"transfer-encoding"):
            fields.setdefault(name, []).append(value)
    if b"transfer-encoding" in fields or fields.get(b"content-length", [b"0"]) != [b"0"]:
        # The bytes after the head are frames, so they could not be distinguished from a body.
        raise HandshakeRejected("A WebSocket handshake has no body.")
    # No other version was ever published (RFC 6455 section 4.4).
    versions = fields.get(b"sec-websocket-version")
    if not versions:
        raise HandshakeRejected("Sec-WebSocket-Version is missing.")
    if versions != [b"13"]:
        headers = (b"sec-websocket-version", b"13"), (b"upgrade", b"websocket")
        raise HandshakeRejected("Sec-WebSocket-Version must be 13.", 426, headers)
    try:
        offered = b",".join(fields.get(b"sec-websocket-protocol", [])).decode("ascii").split(",")
    except UnicodeDecodeError:
        # Subprotocols are tokens (RFC 6455 section 4.1), and the application may send one back.
        raise HandshakeRejected("Sec-WebSocket-Protocol must be ASCII.") from None
    offers = b",".join(fields.get(b"sec-websocket-extensions", []))
    try:
        # A value that is not ASCII has no meaning for us (RFC 9110 section 5.5).
        extensions = parse_extensions(offers.decode()) if offers.isascii() else []
    except ValueError:
        raise HandshakeRejected("Malformed Sec-WebSocket-Extensions.") from None
    return Handshake(
        subprotocols=[subprotocol for item in offered if (subprotocol := item.strip(" \t"))],
        deflate=negotiate(extensions) if allow_deflate else None,
    )


def accept_fields(
    handshake: Handshake, subprotocol: str | None, headers: Iterable[tuple[bytes, bytes]]
) -> list[tuple[bytes, bytes]]:
    """The fields of the answer that opens the WebSocket (RFC 6455 section 4.2.2), for every version of HTTP.

    Args:
        handshake: the request.
        subprotocol: the subprotocol that the application has chosen.
        headers: the header fields of the application.

    Raises:
        RuntimeError: `subprotocol` and `headers` name different subprotocols.
        TypeError: a name or a value is not bytes.
    """
    fields: list[tuple[bytes, bytes]] = []
    if handshake.deflate is not None:
        fields.append((b"sec-websocket-extensions", handshake.deflate.response))
    if subprotocol:
        # Some applications choose a subprotocol that the client did not offer. It is sent, and the client decides.
        fields.append((b"sec-websocket-protocol", subprotocol.encode("ascii")))
    for name, value in headers:
        lower = as_bytes(name, "header name").lower()
        if lower in _OURS:
            continue
        value = as_bytes(value, "header value")
        if subprotocol and lower == b"sec-websocket-protocol":
            if value != subprotocol.encode("ascii"):
                raise RuntimeError("'websocket.accept' gives two subprotocols, one of them as a header.")
            continue
        fields.append((lower, value))
    return fields


class Http1Answer:
    """The answer to a handshake over HTTP/1.1; see `uvicorn.protocols.wire.Answer`.

    Args:
        transport: the transport of the connection.
        server_state: gives the default headers.
        head: the head of the request; None if it could not be read.
    """

    __slots__ = ("_accept", "_framer", "_head", "_server_state", "_transport")

    def __init__(self, transport: asyncio.Transport, server_state: "ServerState", head: RequestHead | None) -> None:
        self._transport = transport
        self._server_state = server_state
        self._head = head
        self._framer = ResponseFramer(HEAD_REQUEST if head is not None and head.method == "HEAD" else 0)
        self._accept = b""

    @property
    def head_sent(self) -> bool:
        return bool(self._framer.head_sent)

    @property
    def framing(self) -> int:
        return int(self._framer.framing)

    def check(self) -> None:
        """Check the method, the version, the Upgrade field and the key."""
        head = self._head
        assert head is not None
        if head.method != "GET":
            raise HandshakeRejected("A WebSocket handshake is a GET request.")
        if head.http_version != "1.1":
            raise HandshakeRejected("A WebSocket handshake needs HTTP/1.1.")
        if b"websocket" not in [protocol.strip(b" \t") for protocol in head.upgrade.split(b",")]:
            raise HandshakeRejected("This is a WebSocket endpoint.", 426, ((b"upgrade", b"websocket"),))
        keys = [value for name, value in head.headers if name == b"sec-websocket-key"]
        if len(keys) != 1 or _KEY.fullmatch(keys[0]) is None:
            raise HandshakeRejected("Sec-WebSocket-Key must be given once: 16 bytes in base64.")
        self._accept = base64.b64encode(hashlib.sha1(keys[0] + _GUID, usedforsecurity=False).digest())

    def accept(self, fields: Iterable[tuple[bytes, bytes]]) -> int:
        """Send the status 101 (Switching Protocols)."""
        lines = [
            b"HTTP/1.1 101 Switching Protocols\r\n",
            self._server_state.default_block,
            b"upgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: ",
            self._accept,
            b"\r\n",
            *[_field(name, value) for name, value in fields],
            b"\r\n",
        ]
        self._transport.write(b"".join(lines))
        return 101

    def start(self, message: Any) -> None:
        self._framer.start(message, self._server_state.default_block)

    def body(self, message: Any) -> None:
        data = self._framer.body(message)
        if data:
            self._transport.write(data)


def _field(name: bytes, value: bytes) -> bytes:
    if not name or name.strip(TOKEN_CHARS):
        raise RuntimeError("Invalid HTTP header name.")
    if FORBIDDEN_IN_VALUE.search(value):
        raise RuntimeError("Invalid HTTP header value.")
    return b"%b: %b\r\n" % (name, value)
