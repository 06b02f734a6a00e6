"""WebSockets over HTTP/2 (RFC 8441): the handshake, the stream as a transport, and the end."""

import asyncio
import functools
import logging
from collections.abc import Callable
from typing import Any

import pytest

from tests.doubles import FullTransport
from tests.http2 import block, connect, data, frame, headers, reset, settings, window_update
from tests.protocols.http.http2 import Http2Connection, until
from tests.protocols.websockets.connection import Conversation, Script
from tests.protocols.websockets.frames import BINARY, CLOSE, PING, PONG, TEXT, ServerFrame, close, deflated, read_frames
from tests.protocols.websockets.frames import frame as ws_frame
from uvicorn._speedups import http2_codes as codes
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.server_state import ServerState

VERSION = (b"sec-websocket-version", b"13")
DEFLATE = (b"sec-websocket-extensions", b"permessage-deflate; client_max_window_bits")


def ask(stream: int, *fields: tuple[bytes, bytes], **options: Any) -> bytes:
    """A HEADERS frame that asks for a WebSocket."""
    return connect(stream, VERSION, *fields, **options)


class Client(Conversation, Http2Connection):
    """A connection with a WebSocket on its first stream."""

    def __init__(self, build: str, **options: Any) -> None:
        self.script = Script()
        app = options.pop("app", self.script)
        super().__init__(build, app, interface="asgi3", **options)

    async def ask(self, *fields: tuple[bytes, bytes], **options: Any) -> "Client":
        """Ask for the WebSocket, let the application receive `websocket.connect`, and return the connection."""
        self.feed(ask(1, *fields, **options))
        await until(lambda: self.script.scope is not None)
        assert await self.script.receive() == {"type": "websocket.connect"}
        return self

    async def open(self, *fields: tuple[bytes, bytes], **accept: Any) -> "Client":
        """Let the application accept, and return the connection."""
        await self.ask(*fields)
        await self.send("accept", **accept)
        await until(lambda: self.answer(1).heads)
        assert self.answer(1).status == 200
        return self

    async def turns(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)

    async def finish(self) -> None:
        """Let the application return."""
        self.script.finish()
        await until(lambda: not self.state.tasks)

    def frames(self, stream: int = 1) -> list[ServerFrame]:
        """The WebSocket frames that the client has received."""
        return read_frames(self.answer(stream).body)

    def credit(self, stream: int = 1) -> int:
        """The sum of all window updates that the server has sent for the stream."""
        return sum(each.number for each in self.read().of_kind("WINDOW_UPDATE") if each.stream == stream)


@pytest.fixture
def make(build: str) -> Callable[..., Client]:
    """Make connections."""
    return functools.partial(Client, build)


def enables_connect(client: Client) -> bool:
    [first] = [each for each in client.reader.of_kind("SETTINGS") if each.payload]
    return b"\0\x08\0\0\0\1" in [first.payload[pos : pos + 6] for pos in range(0, len(first.payload), 6)]


class Foreign:
    """A WebSocket class that only knows HTTP/1.1."""


# The handshake


@pytest.mark.parametrize(("options", "enabled"), [({}, True), ({"ws": "none"}, False), ({"ws": Foreign}, False)])
async def test_announces_extended_connect(make: Any, options: Any, enabled: bool) -> None:
    client = make(hello=False, **options)
    client.read()
    assert enables_connect(client) is enabled


async def test_no_extended_connect_without_the_setting(make: Any) -> None:
    client = make(ws="none").feed(ask(1))
    assert client.answer(1).reset == codes.PROTOCOL_ERROR


async def test_a_server_of_wsgi_has_no_websockets(build: str) -> None:
    client = Http2Connection(build, lambda environ, start: [], interface="wsgi").feed(ask(1))
    assert client.answer(1).reset == codes.PROTOCOL_ERROR


async def test_scope(make: Any) -> None:
    client = make(app_state={"db": 1}, root_path="/api", transport=FullTransport(sslcontext=True))
    fields = (b"sec-websocket-protocol", b"a , b"), (b"cookie", b"a=1"), (b"cookie", b"b=2")
    await client.ask(*fields, path=b"/w%20s?q=1")
    scope = client.script.scope
    assert scope["extensions"].pop("tls")
    assert scope.pop("headers") == [(b"host", b"a"), VERSION, fields[0], (b"cookie", b"a=1; b=2")]
    assert scope == {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "2",
        "scheme": "wss",
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 12345),
        "root_path": "/api",
        "path": "/api/w s",
        "raw_path": b"/api/w%20s",
        "query_string": b"q=1",
        "subprotocols": ["a", "b"],
        "state": {"db": 1},
        "extensions": {"websocket.http.response": {}, "uvicorn.shutdown": {"event": client.state.shutdown_event}},
    }
    assert client.state.total_requests == 1


async def test_accept(make: Any) -> None:
    client = await make().open(DEFLATE, subprotocol="chat", headers=[(b"X-App", b"1"), (b"connection", b"x")])
    assert client.answer(1).heads == [
        [
            (b":status", b"200"),
            (b"server", b"uvicorn"),
            (b"sec-websocket-extensions", b"permessage-deflate; server_max_window_bits=12; client_max_window_bits=12"),
            (b"sec-websocket-protocol", b"chat"),
            (b"x-app", b"1"),
        ]
    ]
    assert not client.answer(1).ended


async def test_a_bad_header_is_an_error_of_the_application(make: Any) -> None:
    client = await make().ask()
    with pytest.raises(RuntimeError, match=r"Invalid HTTP header value\."):
        await client.send("accept", headers=[(b"x", b"a\nb")])
    await client.send("accept")
    await until(lambda: client.answer(1).heads)


async def test_other_protocols_are_not_implemented(make: Any) -> None:
    client = make().feed(ask(1, protocol=b"connect-udp"), data(1, b"x"))
    assert client.answer(1).status == 501
    assert client.answer(1).ended


@pytest.mark.parametrize(
    ("status", "fields"),
    [
        (400, []),
        (426, [(b"sec-websocket-version", b"8")]),
        (400, [VERSION, (b"content-length", b"5")]),
        (400, [VERSION, (b"sec-websocket-protocol", b"\xff")]),
    ],
)
async def test_rejected(make: Any, status: int, fields: Any) -> None:
    client = make().feed(connect(1, *fields))
    answer = await client.get(1)
    assert (answer.status, answer.ended, answer.reset) == (status, True, codes.NO_ERROR)
    assert answer.body
    await client.turns()
    assert client.script.scope is None
    assert client.protocol.session.active == 0


async def test_a_content_length_of_zero_is_accepted(make: Any) -> None:
    client = await make().open((b"content-length", b"0"))
    client.feed(data(1, ws_frame(TEXT, b"x")))
    assert (await client.receive())["text"] == "x"


async def test_close_before_accept(make: Any, caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("uvicorn.error").setLevel(logging.INFO)
    client = await make().ask(path=b"/ws?q=1")
    await client.send("close")
    answer = await client.get(1)
    assert (answer.status, answer.body, answer.ended) == (403, b"", True)
    assert await client.receive() == {"type": "websocket.disconnect", "code": 1006}
    assert caplog.messages == ['127.0.0.1:12345 - "WebSocket /ws?q=1" 403', "connection rejected (403 Forbidden)"]


@pytest.mark.parametrize(("kind", "status"), [("accept", 200), ("close", 403)])
async def test_observers_are_called_once_at_the_end(make: Any, kind: str, status: int) -> None:
    state = ServerState()
    outcomes: list[Any] = []
    state.observers.append(outcomes.append)
    client = await make(server_state=state).ask()
    await client.send(kind)
    client.protocol.connection_lost(None)
    await client.turns()
    [outcome] = outcomes
    assert (outcome.status, outcome.sent, outcome.on_stream) == (status, -1, True)
    await client.finish()
    assert len(outcomes) == 1


@pytest.mark.parametrize("parts", [[b"not you"], [b"not ", b"you"]])
async def test_denial(make: Any, parts: list[bytes]) -> None:
    client = await make().ask()
    await client.send("http.response.start", status=401, headers=[(b"x", b"1"), (b"transfer-encoding", b"identity")])
    for part in parts:
        await client.send("http.response.body", body=part, more_body=part is not parts[-1])
    answer = await client.get(1)
    assert (answer.status, answer.body) == (401, b"not you")
    length = [(b"content-length", b"7")] if len(parts) == 1 else []
    assert answer.headers == [(b"server", b"uvicorn"), (b"x", b"1"), *length]


async def test_resets_a_denial_that_is_not_complete(make: Any) -> None:
    client = await make().ask()
    await client.send("http.response.start", status=401)
    await client.send("http.response.body", body=b"not ", more_body=True)
    await client.finish()
    answer = await client.get(1)
    assert (answer.body, answer.ended, answer.reset) == (b"not ", False, codes.CANCEL)


@pytest.mark.parametrize("start", [True, False])
async def test_answers_500_if_the_application_ends_before_its_answer(make: Any, start: bool) -> None:
    client = await make().ask()
    if start:
        await client.send("http.response.start", status=401, headers=[(b"content-length", b"3")])
    await client.finish()
    answer = await client.get(1)
    assert (answer.status, answer.body, answer.ended) == (500, b"Internal Server Error", True)
    await client.turns()
    assert client.protocol.session.active == 0


async def test_a_denial_waits_for_the_window(make: Any) -> None:
    client = await make().feed(settings((codes.INITIAL_WINDOW_SIZE, 10))).ask()
    await client.send("http.response.start", status=401)
    await client.send("http.response.body", body=b"x" * 100)
    await client.finish()
    assert client.answer(1).body == b"x" * 10
    client.feed(window_update(1, 100))
    answer = await client.get(1)
    assert (answer.body, answer.ended) == (b"x" * 100, True)


# Messages


async def test_messages_both_ways(ws_protocol_cls: Any, make: Any) -> None:
    client = await make(ws=ws_protocol_cls).open()
    message = ws_frame(TEXT, b"hello") + ws_frame(BINARY, b"x" * 200)
    for pos in range(0, len(message), 50):
        client.feed(data(1, message[pos : pos + 50]))
    assert (await client.receive())["text"] == "hello"
    assert (await client.receive())["bytes"] == b"x" * 200
    await client.send("send", text="hi")
    await client.send("send", bytes=b"x" * 70_000)
    client.feed(window_update(0, 1 << 20), window_update(1, 1 << 20))
    await until(lambda: len(client.answer(1).body) > 70_000)
    assert [each.payload for each in client.frames()] == [b"hi", b"x" * 70_000]


async def test_deflate(ws_protocol_cls: Any, make: Any) -> None:
    client = await make(ws=ws_protocol_cls).open(DEFLATE)
    client.feed(data(1, ws_frame(TEXT, deflated(b"hello"), rsv=4)))
    assert (await client.receive())["text"] == "hello"
    await client.send("send", text="hello")
    await until(client.frames)
    assert client.frames()[0].rsv == 4


async def test_receives_frames_that_arrive_before_the_answer(make: Any) -> None:
    client = make().feed(ask(1), data(1, ws_frame(TEXT, b"early")))
    await until(lambda: client.script.scope is not None)
    await client.script.receive()
    await client.send("accept")
    assert (await client.receive())["text"] == "early"


async def test_gives_no_credit_for_too_much_before_the_answer(make: Any) -> None:
    client = await make().ask()
    early = ws_frame(BINARY, b"x" * 300_000)
    sent = 0
    while sent + 16384 <= 65_535 + client.credit():
        client.feed(data(1, early[sent : sent + 16384]))
        sent += 16384
        await client.turns()
    # The client can send the window, and the bytes that the WebSocket keeps.
    assert 65_536 <= sent < 200_000
    await client.send("accept")
    while sent < len(early):
        await client.turns()
        assert sent + 16384 <= 65_535 + client.credit()
        client.feed(data(1, early[sent : sent + 16384]))
        sent += 16384
    assert len((await client.receive())["bytes"]) == 300_000


async def test_an_application_that_does_not_receive_stops_only_its_client(make: Any) -> None:
    client = await make(ws_max_queue=2).open()
    part = data(1, ws_frame(BINARY, b"x" * 16000))
    sent = 0
    while sent + 16008 <= 65_535 + client.credit():
        client.feed(part)
        sent += 16008
        await client.turns()
    assert sent < 300_000
    # Other streams can still use the window of the connection.
    client.feed(ask(3, path=b"/other"))
    await until(lambda: client.script.scope["path"] == "/other")
    connection_credit = sum(each.number for each in client.reader.of_kind("WINDOW_UPDATE") if each.stream == 0)
    assert 65_535 + connection_credit - sent >= 32_768


async def test_receiving_messages_reopens_the_window(make: Any) -> None:
    client = await make(ws_max_queue=1).open()
    message = ws_frame(BINARY, b"x" * 40_000)
    client.feed(*[data(1, message[pos : pos + 16384]) for pos in range(0, len(message), 16384)])
    await client.turns()
    assert client.credit() == 0
    await client.receive()
    await client.turns()
    assert client.credit() > 40_000


async def test_receiving_messages_resumes_reading(make: Any) -> None:
    client = await make(ws_max_queue=1).open()
    for number in range(5):
        client.feed(data(1, ws_frame(TEXT, b"%d" % number)))
    client.feed(data(1, end=True))
    assert [(await client.receive())["text"] for _ in range(5)] == ["0", "1", "2", "3", "4"]
    assert (await client.receive())["code"] == 1005


async def test_drops_unread_messages_at_the_end(make: Any) -> None:
    client = await make(ws_max_queue=1).open()
    for number in range(3):
        client.feed(data(1, ws_frame(TEXT, b"%d" % number)))
    event = asyncio.ensure_future(client.receive())
    await asyncio.sleep(0)
    client.feed(reset(1))
    assert (await event)["text"] == "0"
    await client.turns()
    assert (await client.receive())["code"] == 1005


async def test_pauses_again_before_reading_resumes(make: Any) -> None:
    """The bytes that arrived while reading was paused fill the queue again."""
    client = await make(ws_max_queue=1).open()
    for number in range(20):
        client.feed(data(1, ws_frame(TEXT, b"%d" % number)))
        transport = client.protocol.session.streams[1].owner
    transport.pause_reading()
    transport.resume_reading()
    transport.pause_reading()
    await client.turns()
    transport.resume_reading()
    transport.resume_reading()
    assert [(await client.receive())["text"] for _ in range(20)] == [str(number) for number in range(20)]


async def test_send_waits_for_the_window(make: Any) -> None:
    client = await make().feed(settings((codes.INITIAL_WINDOW_SIZE, 100))).open()
    await client.send("send", bytes=b"x" * 100_000)
    waiting = asyncio.ensure_future(client.send("send", text="y"))
    await client.turns()
    assert not waiting.done()
    assert len(client.answer(1).body) == 100
    client.feed(window_update(1, 99_000))
    await client.turns()
    assert not waiting.done()
    client.feed(window_update(1, 100_000), window_update(0, 100_000))
    await waiting
    await until(lambda: len(client.answer(1).body) == 100_000 + 10 + 3)
    assert client.frames()[1] == ServerFrame(TEXT, b"y")


async def test_websockets_share_the_connection(make: Any) -> None:
    """A WebSocket has no end, so no WebSocket waits for the end of another (RFC 9218)."""
    client = await make().feed(settings((codes.INITIAL_WINDOW_SIZE, 1 << 20))).open()
    await client.send("send", bytes=b"x" * 200_000)
    client.feed(ask(3, path=b"/other"))
    await until(lambda: client.script.scope["path"] == "/other")
    await client.script.receive()
    await client.send("accept")
    await client.send("send", bytes=b"y" * 200_000)
    client.feed(window_update(0, 65_536))
    await client.turns()
    assert len(client.answer(3).body) > 16_384


async def test_the_priority_of_the_client_counts(make: Any) -> None:
    client = make().feed(ask(1, (b"priority", b"u=1")))
    await until(lambda: client.script.scope is not None)
    assert client.script.scope["headers"][-1] == (b"priority", b"u=1")


async def test_the_limit_of_bodies_does_not_apply_to_websockets(make: Any) -> None:
    client = await make(limit_request_body=10).open()
    client.feed(data(1, ws_frame(TEXT, b"x" * 100)))
    assert len((await client.receive())["text"]) == 100


async def test_closes_with_1009_if_a_message_is_too_big(ws_protocol_cls: Any, make: Any) -> None:
    client = await make(ws=ws_protocol_cls, ws_max_size=10).open()
    client.feed(data(1, ws_frame(TEXT, b"x" * 11)))
    answer = await client.get(1)
    assert client.frames()[0].code == 1009
    assert answer.ended
    assert (await client.receive())["code"] == 1009


async def test_does_not_read_from_a_client_that_does_not_read_its_pongs(make: Any) -> None:
    client = await make().feed(settings((codes.INITIAL_WINDOW_SIZE, 0))).open()
    pings = ws_frame(PING, b"x" * 125) * 100
    # Send pings until the queue is full, and then until the window is used up.
    sent = 0
    while sent + len(pings) <= 65_535 + client.credit():
        client.feed(data(1, pings))
        sent += len(pings)
        assert sent < 1_000_000
    assert 65_536 < client.protocol.session.streams[1].queued < 100_000
    client.feed(window_update(1, 1 << 20), window_update(0, 1 << 20))
    await until(lambda: len(client.answer(1).body) == sent // 131 * 127)
    assert {each.opcode for each in client.frames()} == {PONG}


# The end


async def test_the_client_closes(ws_protocol_cls: Any, make: Any, caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("uvicorn.error").setLevel(logging.INFO)
    client = await make(ws=ws_protocol_cls).open()
    client.feed(data(1, close(4001, b"enough")))
    answer = await client.get(1)
    assert [(each.opcode, each.code, each.reason) for each in client.frames()] == [(CLOSE, 4001, "enough")]
    assert (answer.ended, answer.reset) == (True, codes.NO_ERROR)
    assert await client.receive() == {"type": "websocket.disconnect", "code": 4001, "reason": "enough"}
    client.feed(data(1, end=True))
    await client.finish()
    assert caplog.messages == ['127.0.0.1:12345 - "WebSocket /ws" [accepted]', "connection open", "connection closed"]
    # The connection is idle, and serves other requests.
    assert not client.ended
    assert client.protocol.session.active == 0
    assert client.protocol.connection.deadline.reason is not None


async def test_the_application_closes(make: Any) -> None:
    client = await make().open()
    await client.send("close", code=4000, reason="why")
    await until(client.frames)
    assert (client.frames()[0].code, client.frames()[0].reason) == (4000, "why")
    assert not client.answer(1).ended
    await client.finish()
    # The request counts until the stream is closed.
    assert client.protocol.session.active == 1
    client.feed(data(1, close(4000, b"why"), end=True))
    answer = await client.get(1)
    assert (answer.ended, answer.reset) == (True, None)
    await client.turns()
    assert client.protocol.session.active == 0


async def test_close_waits_until_all_is_sent(make: Any) -> None:
    client = await make().feed(settings((codes.INITIAL_WINDOW_SIZE, 100))).open()
    await client.send("send", bytes=b"x" * 1000)
    client.feed(data(1, close(1000)))
    client.feed(data(1, b"ignored", end=True))
    await client.turns()
    assert not client.answer(1).ended
    client.feed(window_update(1, 2000))
    answer = await client.get(1)
    assert answer.ended
    assert [each.opcode for each in client.frames()] == [BINARY, CLOSE]
    await client.turns()
    assert client.state.connections == {client.protocol}


@pytest.mark.parametrize("accepted", [True, False])
async def test_a_reset_disconnects_the_application(make: Any, accepted: bool) -> None:
    client = make()
    await (client.open() if accepted else client.ask())
    client.feed(reset(1))
    assert await client.receive() == {"type": "websocket.disconnect", "code": 1005 if accepted else 1006}
    with pytest.raises(ClientDisconnected):
        await client.send("send", text="x")
    # An application that still runs counts as an active stream.
    assert client.protocol.session.active == 1
    await client.finish()
    assert client.protocol.session.active == 0


async def test_the_client_resets_what_the_application_has_closed(make: Any) -> None:
    client = await make().open()
    await client.finish()
    assert client.protocol.session.active == 1
    client.feed(reset(1))
    await client.turns()
    assert client.protocol.session.active == 0
    assert client.state.connections == {client.protocol}


@pytest.mark.parametrize("accepted", [True, False])
async def test_the_client_ends_the_stream_without_a_close_frame(make: Any, accepted: bool) -> None:
    client = make()
    await (client.open() if accepted else client.ask())
    client.feed(data(1, ws_frame(TEXT, b"last") if accepted else b"", end=True))
    if accepted:
        assert (await client.receive())["text"] == "last"
    assert await client.receive() == {"type": "websocket.disconnect", "code": 1005 if accepted else 1006}
    answer = await client.get(1)
    assert (answer.ended, answer.reset) == ((True, None) if accepted else (False, codes.CANCEL))


async def test_resets_a_stream_that_ends_with_the_request(make: Any) -> None:
    client = make().feed(ask(1, end=True))
    assert (await client.get(1)).reset == codes.CANCEL
    await until(lambda: client.script.scope is not None)
    await client.script.receive()
    assert (await client.receive())["code"] == 1006


async def test_a_field_block_resets_the_stream_of_a_websocket(make: Any) -> None:
    client = await make().open()
    client.feed(frame(codes.HEADERS, codes.END_HEADERS | codes.END_STREAM, 1, block((b"x", b"1"))))
    assert client.answer(1).reset == codes.PROTOCOL_ERROR
    assert (await client.receive())["code"] == 1005


@pytest.mark.parametrize("end", ["lost", "eof", "fault"])
async def test_the_end_of_the_connection_disconnects_the_application(make: Any, end: str) -> None:
    client = await make().open()
    if end == "lost":
        client.protocol.connection_lost(None)
    elif end == "eof":
        client.protocol.eof_received()
    else:
        client.feed(data(0, b"x"))
    assert (await client.receive())["code"] == 1005


async def test_cuts_off_a_client_that_does_not_read(make: Any) -> None:
    client = await make(timeout_send=0.01).feed(settings((codes.INITIAL_WINDOW_SIZE, 10))).open()
    await client.send("send", bytes=b"x" * 100_000)
    with pytest.raises(ClientDisconnected):
        await client.send("send", text="y")
    assert client.answer(1).reset == codes.CANCEL
    assert not client.ended


async def test_resets_the_stream_of_a_client_that_can_no_longer_open_windows(make: Any) -> None:
    client = await make().feed(settings((codes.INITIAL_WINDOW_SIZE, 10))).ask()
    await client.send("accept")
    await client.send("send", bytes=b"x" * 100)
    client.feed(data(1, end=True))
    client.protocol.eof_received()
    await until(lambda: client.answer(1).reset is not None)


async def test_shutdown(make: Any) -> None:
    client = await make().open()
    assert not client.protocol.exchanges
    for connection in list(client.state.connections):
        connection.shutdown()
    await until(client.frames)
    assert client.frames()[0].code == 1012
    assert await client.receive() == {"type": "websocket.disconnect", "code": 1012}
    # The server opens no further WebSocket, because the new WebSocket would miss the shutdown.
    client.feed(ask(3))
    assert client.answer(3).reset == codes.REFUSED_STREAM
    client.feed(data(1, close(1012)))
    await client.get(1)
    await client.finish()
    client.feed(frame(codes.PING, codes.ACK, 0, b"shutdown"))
    await until(lambda: client.ended)


async def test_limit_concurrency(make: Any, caplog: pytest.LogCaptureFixture) -> None:
    client = await make(limit_concurrency=2).open()
    client.feed(ask(3))
    assert (await client.get(3)).status == 503
    assert client.state.total_requests == 2
    assert caplog.messages == ["Exceeded concurrency limit."]


async def test_a_websocket_counts_as_a_concurrent_stream(make: Any) -> None:
    client = await make(http2_max_concurrent_streams=1).open()
    client.feed(headers(3))
    assert client.answer(3).reset == codes.REFUSED_STREAM
    client.feed(data(1, close(1000)))
    await client.finish()
    client.feed(ask(5))
    await client.turns()
    assert client.state.total_requests == 2


async def test_serves_a_request_on_the_connection_of_a_websocket(make: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await client.script(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})

    client = make(app=app)
    await client.open()
    client.feed(headers(3), data(1, ws_frame(TEXT, b"x")))
    assert (await client.get(3)).body == b"ok"
    assert (await client.receive())["text"] == "x"


async def test_the_socket_belongs_to_the_connection(make: Any) -> None:
    """Closing or aborting the stream must not end the connection."""
    client = await make().ask()
    transport = client.protocol.session.streams[1].owner
    client.transport._extra["socket"] = object()
    assert transport.get_extra_info("socket") is None
    assert transport.get_extra_info("peername") == ("127.0.0.1", 12345)
    assert transport.get_extra_info("nothing", 5) == 5
    for _ in range(2):
        transport.close()
        transport.abort()
    transport.write(b"ignored")
    transport.resume_reading()
    assert (await client.get(1)).body == b""
