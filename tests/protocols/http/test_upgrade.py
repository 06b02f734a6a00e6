"""Upgrades: handed over to the WebSocket class, or served as plain HTTP (RFC 9110 section 7.8)."""

import logging
from typing import Any, ClassVar

import pytest

from tests.cases.case import head
from tests.protocols.http.connection import GET, HELLO, Http1Connection, respond

HANDSHAKE = head(
    b"GET /ws?q HTTP/1.1",
    b"Connection: keep-alive, Upgrade",
    b"Upgrade: WebSocket",
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    b"Sec-WebSocket-Version: 13",
    b"X-Any: \xff",
)
UNSUPPORTED = "Unsupported upgrade request."
NO_LIBRARY = (
    "No supported WebSocket library detected. Please use \"pip install 'uvicorn[standard]'\", "
    "or install 'websockets' or 'wsproto' manually."
)


class Foreign:
    """A WebSocket protocol of another package, which receives the request as bytes."""

    made: ClassVar["list[Foreign]"] = []

    def __init__(self, config: Any, server_state: Any, app_state: Any, _loop: Any = None) -> None:
        self.config, self.server_state, self.app_state = config, server_state, app_state
        self.received = b""
        self.transport: Any = None
        self.lost = False
        type(self).made.append(self)

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.server_state.connections.add(self)

    def data_received(self, data: bytes) -> None:
        self.received += data

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        self.server_state.connections.discard(self)


class Seamed(Foreign):
    """A WebSocket protocol that accepts the parsed head."""

    made: ClassVar["list[Foreign]"] = []
    head: Any = None
    trailing = b""

    def handle_upgrade(self, head: Any, trailing: bytes) -> None:
        self.head, self.trailing = head, trailing


@pytest.fixture(autouse=True)
def _forget() -> None:
    Foreign.made = []
    Seamed.made = []


async def test_hands_over_the_parsed_head(connect: Any) -> None:
    connection = connect(respond(), ws=Seamed, app_state={"a": 1}).feed(HANDSHAKE + b"frames")
    [taker] = Seamed.made
    assert isinstance(taker, Seamed)
    assert connection.transport.protocol is taker
    assert taker.transport is connection.transport
    assert taker.app_state == {"a": 1}
    head = taker.head
    assert (head.method, head.target, head.path, head.raw_path) == ("GET", b"/ws?q", "/ws", b"/ws")
    assert (head.query_string, head.http_version, head.upgrade) == (b"q", "1.1", b"websocket")
    assert head.headers[-1] == (b"x-any", b"\xff")
    assert taker.trailing == b"frames"
    assert taker.received == b""
    assert connection.state.connections == {taker}
    assert connection.loop.waiting == 0
    assert connection.wire == b""


async def test_hands_over_without_trailing_bytes(connect: Any) -> None:
    connection = connect(respond(), ws=Seamed)
    for position in range(len(HANDSHAKE)):
        connection.feed(HANDSHAKE[position : position + 1])
    [taker] = Seamed.made
    assert isinstance(taker, Seamed)
    assert taker.trailing == b""
    connection.feed(b"frames")
    assert taker.received == b"frames"


async def test_looks_up_the_addresses_once(connect: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("websockets")
    connection = connect(respond(), ws="websockets")
    monkeypatch.setattr(connection.transport, "get_extra_info", None)
    connection.feed(HANDSHAKE)
    taker = connection.transport.protocol
    assert connection.state.connections == {taker}
    assert (taker.server, taker.client, taker.scheme) == (("127.0.0.1", 8000), ("127.0.0.1", 12345), "ws")
    connection.loop.discard()


async def test_hands_over_that_the_client_does_not_read(connect: Any) -> None:
    """The transport reports its full buffer only once, so the WebSocket must get this state from the HTTP protocol."""
    connection = connect(respond(), ws=Seamed, timeout_send=7)
    connection.protocol.pause_writing()
    connection.feed(HANDSHAKE)
    taker: Any = Seamed.made[0]
    assert taker.connection.flow.write_paused
    assert connection.loop.timers == [7.0]


async def test_a_foreign_class_gets_the_request_again(connect: Any) -> None:
    connection = connect(respond(), ws=Foreign).feed(HANDSHAKE + b"frames")
    [taker] = Foreign.made
    assert taker.received.startswith(b"GET /ws?q HTTP/1.1\r\n")
    request, _, rest = taker.received.partition(b"\r\n\r\n")
    fields = [line.partition(b": ") for line in request.split(b"\r\n")[1:]]
    assert {(name.lower(), value) for name, _, value in fields} >= {
        (b"host", b"a.example"),
        (b"upgrade", b"WebSocket"),
        (b"sec-websocket-version", b"13"),
        (b"x-any", b"\xff"),
    }
    assert rest == b"frames"
    assert connection.state.connections == {taker}


async def test_hands_over_after_a_request(connect: Any) -> None:
    connection = connect(respond(), ws=Seamed)
    await connection.ask(GET)
    connection.feed(HANDSHAKE)
    assert len(Seamed.made) == 1


async def test_the_upgrade_after_a_pipelined_request_waits(connect: Any) -> None:
    connection = connect(respond(), ws=Seamed).feed(GET + HANDSHAKE + b"frames")
    assert Seamed.made == []
    await connection.run()
    assert connection.statuses == [200]
    [taker] = Seamed.made
    assert isinstance(taker, Seamed)
    assert taker.trailing + taker.received == b"frames"


async def test_timers_of_the_old_protocol_are_gone(connect: Any) -> None:
    connection = connect(respond(), ws=Seamed, timeout_keep_alive=1)
    await connection.ask(GET)
    connection.feed(HANDSHAKE)
    connection.loop.run_later(with_delay=1000)
    assert not connection.transport.closed


async def test_trace_line(connect: Any, caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("uvicorn.error").setLevel(5)
    with caplog.at_level(5, logger="uvicorn.error"):
        connect(respond(), ws=Seamed, log_level="trace").feed(HANDSHAKE)
    assert "127.0.0.1:12345 - Upgrading to WebSocket" in [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize("name", ["h2c", "foo/2", "TLS/1.0", ""])
async def test_other_upgrades_are_plain_http(connect: Any, name: str, caplog: pytest.LogCaptureFixture) -> None:
    connection = connect(respond(), ws=Seamed)
    request = head(b"POST / HTTP/1.1", b"Connection: Upgrade", b"Upgrade: " + name.encode(), b"Content-Length: 5")
    await connection.run(request + b"hello" + GET)
    await connection.run()
    assert [response.body for response in connection.responses()] == [HELLO, HELLO]
    assert Seamed.made == []
    if name:
        assert UNSUPPORTED in [record.getMessage() for record in caplog.records]
        assert {record.levelno for record in caplog.records} == {logging.WARNING}


async def test_the_body_of_a_refused_upgrade_arrives(connect: Any) -> None:
    bodies = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        bodies.append((await receive())["body"])
        await respond()(scope, receive, send)

    connection: Http1Connection = connect(app)
    fields = b"Connection: Upgrade", b"Upgrade: h2c"
    chunked = head(b"POST / HTTP/1.1", *fields, b"Transfer-Encoding: chunked")
    for data in (head(b"POST / HTTP/1.1", *fields, b"Content-Length: 5") + b"hello", chunked + b"2\r\nhi\r\n0\r\n\r\n"):
        await connection.run(data)
    for byte in chunked + b"2\r\nhi\r\n0\r\n\r\n":
        connection.feed(bytes([byte]))
    await connection.run()
    assert bodies == [b"hello", b"hi", b"hi"]
    assert connection.statuses == [200, 200, 200]


@pytest.mark.parametrize("ws", ["none", None])
async def test_serves_plain_http_without_a_websocket_class(
    connect: Any, ws: Any, caplog: pytest.LogCaptureFixture
) -> None:
    connection = connect(respond(), ws=ws)
    assert (await connection.ask(HANDSHAKE)).status == 200
    assert [record.getMessage() for record in caplog.records] == [UNSUPPORTED, NO_LIBRARY]


async def test_upgrade_in_http_10_is_ignored(connect: Any) -> None:
    connection = await connect(respond(), ws=Seamed).run(HANDSHAKE.replace(b"HTTP/1.1", b"HTTP/1.0"))
    assert connection.statuses == [200]
    assert Seamed.made == []


async def test_serves_plain_http_if_connection_does_not_name_upgrade(connect: Any) -> None:
    connection = await connect(respond(), ws=Seamed).run(HANDSHAKE.replace(b"keep-alive, Upgrade", b"keep-alive"))
    assert connection.statuses == [200]
    assert Seamed.made == []


async def test_limit_concurrency_counts_upgrades_too(connect: Any) -> None:
    connection = await connect(respond(), ws=Seamed, limit_concurrency=1).run_all(HANDSHAKE)
    assert connection.statuses == [503]
    assert Seamed.made == []


async def test_hands_over_bytes_that_arrive_while_an_upgrade_waits(connect: Any) -> None:
    Seamed.made = []
    connection = connect(respond(), ws=Seamed).feed(GET + HANDSHAKE).feed(b"frames")
    assert Seamed.made == []
    await connection.run()
    [taker] = Seamed.made
    assert isinstance(taker, Seamed)
    assert taker.trailing + taker.received == b"frames"


async def test_resumes_reading_after_an_upgrade_has_waited(connect: Any) -> None:
    connection = connect(respond(), ws=Seamed).feed(GET + HANDSHAKE)
    assert not connection.transport.reading
    await connection.run()
    assert len(Seamed.made) == 1
    assert connection.transport.reading


async def test_a_handshake_with_a_body_is_refused(connect: Any, caplog: pytest.LogCaptureFixture) -> None:
    connection = connect(respond(), ws=Seamed)
    caplog.set_level(logging.DEBUG, logger="uvicorn.error")
    connection.feed(HANDSHAKE.replace(b"X-Any: \xff", b"Content-Length: 5") + b"hello")
    assert connection.statuses == [400]
    assert Seamed.made == []
    assert caplog.messages[-1].endswith("answered with 400: a WebSocket handshake has no body")


async def test_hands_over_if_the_client_also_sends_close(connect: Any) -> None:
    connection = connect(respond(), ws=Seamed).feed(HANDSHAKE.replace(b"keep-alive, Upgrade", b"close, Upgrade"))
    assert len(Seamed.made) == 1
    assert connection.protocol.is_closed
    assert connection.wire == b""


async def test_ignores_late_calls_to_the_http_protocol(connect: Any) -> None:
    """A double may report the end to the HTTP protocol, although the WebSocket protocol uses the connection now."""
    connection = connect(respond(), ws=Foreign)
    http = connection.protocol
    connection.feed(HANDSHAKE)
    assert connection.transport.protocol is not http
    before = set(connection.state.connections)
    http.connection_lost(None)
    assert connection.state.connections == before
