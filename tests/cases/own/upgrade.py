"""Upgrades that the server ignores, and WebSocket handshakes that it refuses (RFC 9110 7.8, RFC 6455 4.2)."""

from tests.cases.case import Case, Expect, accept, agree, head

KEY = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
VERSION = b"Sec-WebSocket-Version: 13"
UPGRADE = (b"Connection: Upgrade", b"Upgrade: websocket")


def _refused(id: str, *fields: bytes, status: tuple[int, ...] = (400, 426), start: bytes = b"GET /ws HTTP/1.1") -> Case:
    """A handshake that the server answers with an error, without calling the application."""
    return Case(id, head(start, *fields), Expect.REJECT_4XX, status=status, requests=0, rfc="6455 4.2.1")


CASES: list[Case] = [
    accept(
        "UP-own-h2c",
        head(
            b"GET / HTTP/1.1", b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAAQ"
        ),
        rfc="9110 7.8",
    ),
    accept(
        "UP-own-h2c-body",
        head(b"POST / HTTP/1.1", b"Connection: Upgrade", b"Upgrade: h2c", b"Content-Length: 5") + b"hello",
        bodies=(b"hello",),
        rfc="9110 7.8",
    ),
    accept(
        "UP-own-chunked-body",
        head(b"POST / HTTP/1.1", b"Connection: upgrade", b"Upgrade: foo", b"Transfer-Encoding: chunked")
        + b"5\r\nhello\r\n0\r\n\r\n",
        bodies=(b"hello",),
        rfc="9110 7.8",
    ),
    accept("UP-own-twice", head(b"GET / HTTP/1.1", b"Connection: upgrade", b"Upgrade: foo") * 2, bodies=(b"", b"")),
    accept("UP-own-close", head(b"GET / HTTP/1.1", b"Connection: upgrade, close", b"Upgrade: foo"), close=True),
    # This once sent a parser into an endless loop: an upgrade, a body, the end of the connection and one more byte.
    *(
        accept(
            f"UP-own-body-{name}",
            head(start, *fields, b"Upgrade: t", b"Content-Length: 5") + b"helloG",
            bodies=(b"hello",),
            canary=False,
            close=closes,
            rfc="9112 6.3",
            why="A body ends where its length does, whatever else the head says.",
        )
        for name, start, fields, closes in (
            ("close", b"POST / HTTP/1.1", (b"Connection: upgrade, close",), True),
            ("proxy-close", b"POST / HTTP/1.1", (b"Connection: upgrade", b"Proxy-Connection: close"), False),
            ("10", b"POST / HTTP/1.0", (b"Connection: upgrade",), True),
        )
    ),
    accept(
        "UP-own-then-refused",
        head(b"GET / HTTP/1.1", b"Connection: upgrade", b"Upgrade: t")
        + head(b"POST / HTTP/1.0", b"Transfer-Encoding: chunked")
        + b"0\r\n\r\n",
        canary=False,
        close=True,
        answers=(200, 400),
        rfc="9112 6.1",
        why="What comes after an upgrade in the same read is judged as ever.",
    ),
    accept(
        "UP-own-ws-frames-close",
        head(b"GET /ws HTTP/1.1", b"Connection: upgrade, close", b"Upgrade: websocket", KEY, VERSION)
        + b"\x88\x82\0\0\0\0\x03\xe8",
        canary=False,
        status=(101,),
        bodies=(),
        close=True,
        rfc="9110 7.8",
        why="What follows the handshake is frames, also beside `close`: they reach the WebSocket.",
    ),
    accept(
        "UP-own-field-alone",
        head(b"GET / HTTP/1.1", b"Upgrade: websocket", KEY, VERSION),
        rfc="9110 7.8",
        why="Connection does not name it.",
    ),
    accept(
        "UP-own-other-option",
        head(b"GET / HTTP/1.1", b"Connection: upgraded", b"Upgrade: websocket", KEY, VERSION),
        rfc="9110 7.6.1",
    ),
    accept("UP-own-tls", head(b"OPTIONS * HTTP/1.1", b"Connection: Upgrade", b"Upgrade: TLS/1.0"), rfc="2817"),
    accept(
        "UP-own-ws-10",
        head(b"GET / HTTP/1.0", *UPGRADE, KEY, VERSION),
        close=True,
        rfc="9110 7.8",
        why="In HTTP/1.0 Upgrade is ignored.",
    ),
    agree(
        "UP-own-ws-second", head(b"GET / HTTP/1.1", b"Connection: upgrade", b"Upgrade: foo, websocket", KEY, VERSION)
    ),
    Case("UP-own-ws", head(b"GET /ws HTTP/1.1", *UPGRADE, KEY, VERSION), Expect.ACCEPT, status=(101,)),
    Case(
        "UP-own-ws-lines",
        head(
            b"GET /ws HTTP/1.1", b"Connection: keep-alive", b"Connection: UPGRADE", b"upgrade: WEBSOCKET", KEY, VERSION
        ),
        Expect.ACCEPT,
        status=(101,),
    ),
    _refused("UP-own-ws-no-key", *UPGRADE, VERSION),
    _refused("UP-own-ws-empty-key", *UPGRADE, VERSION, b"Sec-WebSocket-Key:"),
    _refused("UP-own-ws-short-key", *UPGRADE, VERSION, b"Sec-WebSocket-Key: c2hvcnQ="),
    _refused("UP-own-ws-long-key", *UPGRADE, VERSION, b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZXh4eHh4eA=="),
    _refused("UP-own-ws-no-version", *UPGRADE, KEY),
    _refused("UP-own-ws-version-8", *UPGRADE, KEY, b"Sec-WebSocket-Version: 8", status=(426,)),
    _refused("UP-own-ws-version-x", *UPGRADE, KEY, b"Sec-WebSocket-Version: x"),
    _refused("UP-own-ws-two-hosts", *UPGRADE, KEY, VERSION, b"Host: b.example", status=(400,)),
    _refused("UP-own-ws-protocol-bytes", *UPGRADE, KEY, VERSION, b"Sec-WebSocket-Protocol: \xff"),
    Case(
        "UP-own-ws-extension-bytes",
        head(b"GET /ws HTTP/1.1", *UPGRADE, KEY, VERSION, b"Sec-WebSocket-Extensions: caf\xc3\xa9"),
        Expect.ACCEPT,
        status=(101,),
    ),
]
