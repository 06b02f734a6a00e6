"""The opening handshake (RFC 6455 section 4.2), after every parser and before every codec."""

import asyncio
import contextvars
import logging
from typing import Any

import pytest

from tests.doubles import MockTransport
from tests.protocols.http.test_send import BYTES_LIKE
from tests.protocols.websockets.connection import ACCEPT, DEFLATE, request, settle
from tests.protocols.websockets.frames import TEXT, close, frame
from uvicorn.config import Config
from uvicorn.server_state import ServerState


async def test_scope(connect: Any, entry: Any) -> None:
    connection = connect(entry, app_state={"db": 1}, root_path="/api")
    data = request(
        b"Sec-WebSocket-Protocol: a , b",
        b"Sec-WebSocket-Protocol: c,,",
        b"X-Under_Score: \xff",
        line=b"GET /ws%20x/%E2%82%AC?q=%201 HTTP/1.1",
    )
    await connection.ask(data)
    scope = connection.script.scope
    headers = scope.pop("headers")
    assert scope == {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "scheme": "ws",
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 12345),
        "root_path": "/api",
        "path": "/api/ws x/€",
        "raw_path": b"/api/ws%20x/%E2%82%AC",
        "query_string": b"q=%201",
        "subprotocols": ["a", "b", "c"],
        "state": {"db": 1},
        "extensions": {"websocket.http.response": {}, "uvicorn.shutdown": {"event": connection.state.shutdown_event}},
    }
    assert headers[0] == (b"host", b"a.example")
    assert headers[-1] == (b"x-under_score", b"\xff")
    assert (b"sec-websocket-protocol", b"a , b") in headers
    assert scope["state"] is not connection.protocol.app_state
    assert connection.state.total_requests == 1
    assert connection.state.connections == {connection.protocol}


async def test_accept(connect: Any, entry: Any) -> None:
    connection = await connect(entry).ask()
    await connection.send("accept", subprotocol="chat", headers=[(b"X-Ours", b"1"), [b"set-cookie", b"a"]])
    assert connection.wire == (
        b"HTTP/1.1 101 Switching Protocols\r\n"
        b"server: uvicorn\r\n"
        b"upgrade: websocket\r\n"
        b"connection: Upgrade\r\n"
        b"sec-websocket-accept: " + ACCEPT + b"\r\n"
        b"sec-websocket-protocol: chat\r\n"
        b"x-ours: 1\r\n"
        b"set-cookie: a\r\n"
        b"\r\n"
    )
    assert len(connection.transport.writes) == 1


@pytest.mark.parametrize("accept", [{}, {"subprotocol": None, "headers": None}])
async def test_bytes_after_the_request(connect: Any, entry: Any, accept: Any) -> None:
    connection = await connect(entry).ask(request() + frame(TEXT, b"one") + frame(TEXT, b"two")[:4])
    connection.feed(frame(TEXT, b"two")[4:])
    await connection.send("accept", **accept)
    assert [(await connection.receive())["text"] for _ in range(2)] == ["one", "two"]


async def test_the_request_byte_by_byte(connect: Any, entry: Any) -> None:
    connection = connect(entry)
    data = request()
    for position in range(len(data) - 1):
        connection.feed(data[position : position + 1])
    await connection.open(data[-1:])
    assert not connection.transport.closed


async def test_pauses_reading_if_too_much_arrives_before_the_answer(connect: Any) -> None:
    connection = await connect().ask()
    early = frame(TEXT, b"x" * 65536)
    connection.feed(early[:65536])
    assert connection.transport.reading
    connection.feed(early[65536:])
    assert not connection.transport.reading
    await connection.send("accept")
    assert connection.transport.reading
    assert len((await connection.receive())["text"]) == 65536


@pytest.mark.parametrize(("end", "code"), [(close(3000, b"bye"), 3000), (frame(TEXT, b"\xff"), 1007)])
async def test_the_client_leaves_before_the_answer(connect: Any, end: bytes, code: int) -> None:
    """The application receives what the client sent before it left, and then the disconnect."""
    connection = await connect().ask()
    connection.feed(frame(TEXT, b"early") + end)
    await connection.send("accept")
    assert connection.wire.startswith(b"HTTP/1.1 101 ")
    assert connection.transport.closed
    assert (await connection.receive())["text"] == "early"
    assert (await connection.disconnect())[0] == code


async def test_the_client_reads_again_before_the_answer(connect: Any) -> None:
    connection = await connect().ask()
    connection.protocol.pause_writing()
    answering = asyncio.ensure_future(connection.send("accept"))
    await settle()
    assert connection.wire == b""
    connection.protocol.resume_writing()
    await answering
    assert connection.wire.startswith(b"HTTP/1.1 101 ")


@pytest.mark.parametrize(
    ("status", "changes"),
    [
        (400, {"line": b"HEAD /ws HTTP/1.1"}),
        (400, {"line": b"POST /ws HTTP/1.1"}),
        (400, {"sec_websocket_version": None}),
        (426, {"sec_websocket_version": b"8"}),
        (426, {"sec_websocket_version": b"13, 8"}),
        (426, {"sec_websocket_version": b"013"}),
        (400, {"sec_websocket_key": None}),
        (400, {"sec_websocket_key": b""}),
        (400, {"sec_websocket_key": b"dGhlIHNhbXBsZSBub25jZQ"}),
        (400, {"sec_websocket_key": b"dGhlIHNhbXBsZSBub25jZTE="}),
        (400, {"sec_websocket_key": b"dGhlIHNhbXBsZSBub25jZ!=="}),
        (400, {"sec_websocket_extensions": b"permessage-deflate; a=\x22b\x22c"}),
        (400, {"sec_websocket_protocol": b"caf\xc3\xa9"}),
        (400, {"content_length": b"5"}),
        (400, {"transfer_encoding": b"chunked"}),
    ],
    ids=lambda value: repr(value) if isinstance(value, dict) else value,
)
async def test_rejected(connect: Any, entry: Any, status: int, changes: Any) -> None:
    connection = connect(entry).feed(request(**changes))
    assert connection.loop.waiting == 0
    method = changes.get("line", b"GET").split()[0].decode()
    response = connection.response(method)
    headers = dict(response.headers)
    assert response.status == status
    assert headers[b"content-type"] == b"text/plain; charset=utf-8"
    assert headers[b"server"] == b"uvicorn"
    assert b"close" in headers[b"connection"]
    assert bool(response.body) == (method != "HEAD")
    assert connection.transport.closed
    assert connection.state.total_requests == 1


async def test_a_refusal_names_the_supported_version(connect: Any, entry: Any) -> None:
    connection = connect(entry).feed(request(sec_websocket_version=b"7"))
    headers = connection.response().headers
    assert (b"sec-websocket-version", b"13") in headers
    assert (b"upgrade", b"websocket") in headers
    assert [value for name, value in headers if name == b"connection"] == [b"upgrade, close"]
    assert connection.response().body == b"Sec-WebSocket-Version must be 13."


async def test_a_repeated_key_or_version(connect: Any, entry: Any) -> None:
    for field in (b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", b"Sec-WebSocket-Version: 13"):
        connection = connect(entry).feed(request(field))
        assert connection.response().status in (400, 426)


async def test_old_http(connect: Any) -> None:
    connection = connect().feed(request(line=b"GET / HTTP/1.0"))
    assert connection.response().status == 400


@pytest.mark.parametrize("changes", [{"upgrade": None}, {"connection": None}, {"upgrade": b"h2c"}])
async def test_no_upgrade(connect: Any, changes: Any) -> None:
    connection = connect().feed(request(**changes))
    response = connection.response()
    assert (response.status, response.body) == (426, b"This is a WebSocket endpoint.")
    assert (b"upgrade", b"websocket") in response.headers
    assert (b"connection", b"upgrade, close") in response.headers


async def test_answers_400_to_a_request_that_is_not_http(connect: Any, caplog: pytest.LogCaptureFixture) -> None:
    connection = connect().feed(b"\x00\x01\r\n\r\n")
    assert connection.response().status == 400
    assert connection.response().body == b"Invalid HTTP request received."
    assert (b"connection", b"close") in connection.response().headers
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", "Invalid HTTP request received.")
    ]


async def test_a_body_of_length_zero_is_accepted(connect: Any, entry: Any) -> None:
    connection = await connect(entry).open(request(b"Content-Length: 0"))
    assert not connection.transport.closed


async def test_limit_concurrency(connect: Any, entry: Any, caplog: pytest.LogCaptureFixture) -> None:
    connection = connect(entry, limit_concurrency=1).feed(request())
    while connection.loop.waiting:
        await connection.loop.run_one()
    assert connection.response().status == 503
    assert connection.response().body == b"Service Unavailable"
    assert "Exceeded concurrency limit." in [record.getMessage() for record in caplog.records]


async def test_the_limit_is_not_reached(connect: Any, entry: Any) -> None:
    connection = await connect(entry, limit_concurrency=2).open()
    assert not connection.transport.closed


@pytest.mark.parametrize(
    ("headers", "error"),
    [
        ([(b"x y", b"")], "Invalid HTTP header name."),
        ([(b"", b"")], "Invalid HTTP header name."),
        ([(b"x", b"a\r\nb: c")], "Invalid HTTP header value."),
    ],
)
async def test_the_application_can_accept_after_invalid_headers(connect: Any, headers: Any, error: str) -> None:
    connection = await connect().ask()
    with pytest.raises(RuntimeError) as caught:
        await connection.send("accept", headers=headers)
    assert str(caught.value) == error
    assert connection.wire == b""
    await connection.send("accept")
    assert connection.wire.startswith(b"HTTP/1.1 101 ")


@pytest.mark.parametrize(
    "name",
    [b"Content-Length", b"transfer-encoding", b"Connection", b"upgrade", b"sec-websocket-accept",
     b"Sec-WebSocket-Extensions"],
)  # fmt: skip
async def test_ignores_headers_that_only_the_server_may_send(connect: Any, name: bytes) -> None:
    connection, plain = connect(), connect()
    for each in (connection, plain):
        await each.ask()
    await plain.send("accept", headers=[(b"x", b"1"), (b"y", b"2")])
    await connection.send("accept", headers=[(b"x", b"1"), (name, b"5"), (b"y", b"2")])
    assert connection.wire == plain.wire


@pytest.mark.parametrize("kind", BYTES_LIKE)
async def test_headers_of_any_type_of_bytes(connect: Any, kind: str) -> None:
    make = BYTES_LIKE[kind]
    connection = await connect().ask()
    await connection.send("accept", headers=[(make(b"X-Aa"), make(b"abcd")), (make(b"connection"), make(b"ab"))])
    assert connection.wire.endswith(b"=\r\nx-aa: abcd\r\n\r\n")


@pytest.mark.parametrize("header", [("x", b"1"), (b"x", "1"), (1, b"1"), (b"x", None)])
async def test_headers_that_are_not_bytes(connect: Any, header: Any) -> None:
    connection = await connect().ask()
    with pytest.raises(TypeError, match=r"header (name|value) must be bytes, got"):
        await connection.send("accept", headers=[header])
    await connection.send("accept")
    assert connection.wire.startswith(b"HTTP/1.1 101 ")


async def test_an_empty_subprotocol_is_not_sent(connect: Any) -> None:
    connection = await connect().ask()
    await connection.send("accept", subprotocol="")
    assert b"sec-websocket-protocol" not in connection.wire


async def test_an_invalid_subprotocol(connect: Any) -> None:
    connection = await connect().ask()
    with pytest.raises(RuntimeError, match="Invalid HTTP header value"):
        await connection.send("accept", subprotocol="a\r\nb: c")
    with pytest.raises(UnicodeEncodeError):
        await connection.send("accept", subprotocol="€")


async def test_a_subprotocol_as_a_header(connect: Any) -> None:
    connection = await connect().ask()
    await connection.send("accept", headers=[(b"Sec-WebSocket-Protocol", b"b")])
    assert connection.wire.count(b"sec-websocket-protocol: b\r\n") == 1


async def test_a_subprotocol_given_twice(connect: Any) -> None:
    connection = await connect().ask()
    with pytest.raises(RuntimeError, match="two subprotocols"):
        await connection.send("accept", subprotocol="a", headers=[(b"Sec-WebSocket-Protocol", b"b")])
    await connection.send("accept", subprotocol="b", headers=[(b"Sec-WebSocket-Protocol", b"b")])
    assert connection.wire.count(b"sec-websocket-protocol") == 1
    assert connection.wire.count(b"sec-websocket-protocol: b\r\n") == 1


async def test_deflate_is_negotiated(connect: Any, entry: Any) -> None:
    connection = await connect(entry).ask(request(DEFLATE))
    await connection.send("accept")
    assert (
        b"\r\nsec-websocket-extensions: permessage-deflate; server_max_window_bits=12; client_max_window_bits=12\r\n"
        in connection.wire
    )


async def test_deflate_is_switched_off(connect: Any, entry: Any) -> None:
    connection = await connect(entry, ws_per_message_deflate=False).ask(request(DEFLATE))
    await connection.send("accept")
    assert b"sec-websocket-extensions" not in connection.wire


async def test_an_encrypted_transport(connect: Any) -> None:
    connection = await connect(transport=MockTransport(sslcontext=True, peername=None, sockname="/run/socket")).ask()
    scope = connection.script.scope
    assert (scope["scheme"], scope["client"], scope["server"]) == ("wss", None, ("/run/socket", None))
    assert connection.protocol.scheme == "wss"


async def test_reset_contextvars(ws_protocol_cls: Any) -> None:
    variable = contextvars.ContextVar("variable", default="empty")
    variable.set("full")
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(variable.get())

    for reset in (False, True):
        config = Config(app, log_config=None, reset_contextvars=reset)
        state = ServerState()
        protocol = ws_protocol_cls(config=config, server_state=state, app_state={})
        protocol.connection_made(MockTransport())
        protocol.data_received(request())
        while state.tasks:
            await settle()
    assert seen == ["full", "empty"]


async def test_trace_lines(connect: Any, caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("uvicorn.error").setLevel(5)
    with caplog.at_level(5, logger="uvicorn.error"):
        connection = connect()
        connection.lose()
    assert [record.getMessage() for record in caplog.records] == [
        "127.0.0.1:12345 - WebSocket connection made",
        "127.0.0.1:12345 - WebSocket connection lost",
    ]
    assert connection.state.connections == set()


async def test_config_is_loaded(ws_protocol_cls: Any) -> None:
    config = Config(lambda scope: None, log_config=None)
    protocol = ws_protocol_cls(config=config, server_state=ServerState(), app_state={})
    assert config.loaded
    assert protocol.app is config.loaded_app


async def test_an_upgrade_among_others(connect: Any) -> None:
    """RFC 9110 section 7.8: the server names the protocol that it has chosen."""
    connection = await connect().ask(request(upgrade=b"h2c , WebSocket"))
    await connection.send("accept")
    head, _, rest = connection.wire.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 ")
    assert [line for line in head.split(b"\r\n") if line.startswith(b"upgrade:")] == [b"upgrade: websocket"]
    assert rest == b""
    connection.feed(frame(TEXT, b"x"))
    assert (await connection.receive())["text"] == "x"


async def test_extensions_in_several_fields(connect: Any, entry: Any) -> None:
    connection = connect(entry)
    await connection.ask(request(b"Sec-WebSocket-Extensions: x-other", DEFLATE, b"Sec-WebSocket-Extensions: x-more"))
    await connection.send("accept", subprotocol="chat", headers=[(b"x-ours", b"1")])
    head, _, rest = connection.wire.partition(b"\r\n\r\n")
    assert rest == b""
    assert [line.partition(b":")[0] for line in head.split(b"\r\n")[1:]] == [
        b"server",
        b"upgrade",
        b"connection",
        b"sec-websocket-accept",
        b"sec-websocket-extensions",
        b"sec-websocket-protocol",
        b"x-ours",
    ]


async def test_trace_lines_on_a_unix_socket(connect: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(5, "uvicorn.error")
    connect(transport=MockTransport(sockname="/run/ws.sock", peername=""))
    assert [record.getMessage() for record in caplog.records] == ["WebSocket connection made"]
