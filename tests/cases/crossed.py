"""All combinations of what decides where a message ends: upgrade, Connection, body, version and the bytes after it.

A model gives what this server does for each combination: RFC 9110 section 7.8, RFC 9112 sections 6, 9.3 and 9.6.
"""

import dataclasses
import itertools

from tests.cases.outcome import Outcome

KEY = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
UPGRADES = {
    "none": b"",
    "field": b"Upgrade: t\r\n",
    "option": b"Connection: upgrade\r\n",
    "both": b"Connection: upgrade\r\nUpgrade: t\r\n",
    "websocket": b"Connection: upgrade\r\nUpgrade: websocket\r\n" + KEY,
    "h2c": b"Connection: upgrade\r\nUpgrade: h2c\r\n",
}
OPTIONS = {
    "none": b"",
    "close": b"Connection: close\r\n",
    "proxy_close": b"Proxy-Connection: close\r\n",
    "upgrade_close": b"Connection: upgrade, close\r\n",
    "expect": b"Expect: 100-continue\r\n",
}
BODIES = {
    "empty": (b"Content-Length: 0\r\n", b""),
    "whole": (b"Content-Length: 5\r\n", b"hello"),
    "short": (b"Content-Length: 5\r\n", b"he"),
    "chunked": (b"Transfer-Encoding: chunked\r\n", b"5\r\nhello\r\n0\r\n\r\n"),
}
FOLLOWING = {
    "nothing": b"",
    "byte": b"G",
    "lf": b"\n",
    "crlf": b"\r\n",
    "request": b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n",
    "nul": b"\x00",
}
VERSIONS = (b"1.1", b"1.0")


@dataclasses.dataclass(frozen=True)
class Crossed:
    """One combination, given by the keys of the tables above."""

    upgrade: str
    option: str
    body: str
    following: str
    version: bytes

    def __str__(self) -> str:
        return "-".join((self.upgrade, self.option, self.body, self.following, self.version.decode()))

    @property
    def head(self) -> bytes:
        method = b"GET" if self.upgrade == "websocket" else b"POST"
        line = method + b" / HTTP/" + self.version + b"\r\nHost: a\r\n"
        return line + UPGRADES[self.upgrade] + OPTIONS[self.option] + BODIES[self.body][0] + b"\r\n"

    @property
    def data(self) -> bytes:
        return self.head + BODIES[self.body][1] + FOLLOWING[self.following]

    @property
    def edges(self) -> list[int]:
        """The positions at which the head and the body end."""
        end = len(self.head)
        return sorted({end, end + len(BODIES[self.body][1])} - {len(self.data)})

    @property
    def _closes(self) -> bool:
        return self.version == b"1.0" or self.option in ("close", "upgrade_close")

    @property
    def is_handshake(self) -> bool:
        return self.upgrade == "websocket" and self.version == b"1.1"

    def expected(self) -> tuple[tuple[int, ...], list[bytes], bool]:
        """The final status codes, the bodies of the complete requests, and whether the server closes."""
        if self.is_handshake:
            if self.body == "empty":
                # A WebSocket frame has at least two bytes. The bytes of these two are not a valid frame.
                return (101,), [], self.following in ("crlf", "request")
            return (400,), [], True
        if self.body == "chunked" and self.version == b"1.0":
            return (400,), [], True
        body, rest = b"hello", FOLLOWING[self.following]
        if self.body == "empty":
            body = b""
        elif self.body == "short":
            body, rest = (b"he" + rest)[:5], rest[3:]
            if len(body) < 5:
                return (), [], False
        if self._closes:
            return (200,), [body], True
        if rest == FOLLOWING["request"]:
            return (200, 200), [body, b""], False
        if rest in (b"", b"\r\n", b"G"):
            return (200,), [body], False
        if self.body == "short":
            # The rest of "GET /next HTTP/1.1" remains after the body.
            return (200, 400), [body], True
        return (200, 400), [body], True


COMBINATIONS = [Crossed(*parts) for parts in itertools.product(UPGRADES, OPTIONS, BODIES, FOLLOWING, VERSIONS)]


def complaint(combination: Crossed, outcome: Outcome) -> str | None:
    """How the outcome differs from the model, or None."""
    statuses, bodies, closes = combination.expected()
    seen = (outcome.statuses, [request.body for request in outcome.complete], outcome.ended)
    return None if seen == (statuses, bodies, closes) else f"{seen}, not {(statuses, bodies, closes)}"
