"""HTTP/2: what applications receive, and what they may answer."""

import asyncio
import contextvars
import logging
from typing import Any

import pytest

from tests.fuzz.parsing import JUDGES
from tests.http2 import block, data, frame, headers, reset, settings
from tests.protocols.http.apps import app as bad_app
from tests.protocols.http.connection import Reads, Records, Scopes, body, respond, send_all, start
from tests.protocols.http.http2 import until
from tests.protocols.http.test_hooks import Wrapping
from uvicorn._speedups import http2_codes as codes
from uvicorn.protocols.exchange import RequestResponseCycle
from uvicorn.protocols.extensions import HTTP_EXTENSIONS
from uvicorn.server_state import ServerState


async def test_scope(connect_http2: Any) -> None:
    app = Scopes()
    state = {"pool": 1}
    connection = connect_http2(app, app_state=state)
    connection.feed(headers(1, (b"x-a", b"b"), (b"cookie", b"a=1"), (b"cookie", b"b=2"), path=b"/caf%C3%A9?q=1"))
    assert (await connection.get(1)).status == 200
    [scope] = app.scopes
    assert scope == {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "2",
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 12345),
        "scheme": "http",
        "method": "GET",
        "root_path": "",
        "path": "/café",
        "raw_path": b"/caf%C3%A9",
        "query_string": b"q=1",
        "headers": [(b"host", b"a"), (b"x-a", b"b"), (b"cookie", b"a=1; b=2")],
        "state": {"pool": 1},
        "extensions": {**HTTP_EXTENSIONS, "uvicorn.shutdown": {"event": connection.state.shutdown_event}},
    }
    assert scope["state"] is not state


async def test_root_path(connect_http2: Any) -> None:
    app = Scopes()
    await connect_http2(app, root_path="/root").fetch(headers(1, path=b"/x"))
    assert (app.scopes[0]["path"], app.scopes[0]["raw_path"]) == ("/root/x", b"/root/x")


@pytest.mark.parametrize("eager", [True, False])
async def test_a_response(connect_http2: Any, eager: bool) -> None:
    app = respond(b"Hello")
    connection = connect_http2(app if eager else Scopes()).feed(headers(1))
    answer = await connection.get(1)
    assert answer.headers[0] == (b"server", b"uvicorn")
    assert answer.status == 200
    await until(lambda: not connection.state.tasks)
    assert connection.protocol.session.active == 0


async def test_answers_all_requests_of_one_read_in_one_write(connect_http2: Any) -> None:
    connection = connect_http2(respond()).feed(*(headers(number) for number in range(1, 21, 2)))
    await connection.get(19)
    assert connection.state.total_requests == 10
    if connection.protocol._eager:
        connection.feed(headers(21), headers(23))
        assert len(connection.transport.writes) == 1
        assert connection.answer(23).ended


async def test_responses_are_sent_when_they_are_ready(connect_http2: Any) -> None:
    go: dict[str, asyncio.Event] = {"/1": asyncio.Event(), "/3": asyncio.Event()}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await go[scope["path"]].wait()
        await respond()(scope, receive, send)

    connection = connect_http2(app).feed(headers(1, path=b"/1"), headers(3, path=b"/3"))
    go["/3"].set()
    assert (await connection.get(3)).ended
    assert not connection.answer(1).ended
    go["/1"].set()
    assert (await connection.get(1)).ended


async def test_the_head_is_sent_before_the_body(connect_http2: Any) -> None:
    go = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(0)
        await send(start())
        await go.wait()
        await send(body(b"x", True))
        await send(body(b"y"))

    connection = connect_http2(app).feed(headers(1))
    await until(lambda: connection.answer(1).heads)
    assert not connection.answer(1).body
    go.set()
    assert (await connection.get(1)).body == b"xy"


async def test_the_head_of_a_first_step_is_sent_before_the_body(connect_http2: Any, access: Records) -> None:
    go = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(start())
        await go.wait()
        await send(body(b"x"))

    connection = connect_http2(app).feed(headers(1))
    await until(lambda: connection.answer(1).heads)
    assert len(access.lines) == 1
    go.set()
    assert (await connection.get(1)).body == b"x"
    assert len(access.lines) == 1


@pytest.mark.parametrize(
    ("method", "messages", "expected"),
    [
        (b"HEAD", [start(200, (b"content-length", b"3")), body(b"abc")], (200, b"")),
        (b"HEAD", [start(200), body()], (200, b"")),
        (b"GET", [start(204), body(b"abc")], (204, b"")),
        (b"GET", [start(304, (b"content-length", b"3")), body(b"abc")], (304, b"")),
        (b"GET", [start(200, (b"content-length", b" 3 ")), body(b"ab", True), body(b"c")], (200, b"abc")),
        (b"GET", [start(200, (b"transfer-encoding", b"chunked"), (b"connection", b"close")), body(b"a")], (200, b"a")),
    ],
)
async def test_bodies_and_framing_fields_of_responses(
    connect_http2: Any, method: bytes, messages: list[Any], expected: tuple[int, bytes]
) -> None:
    connection = connect_http2(send_all(*messages)).feed(headers(1, method=method))
    answer = await connection.get(1)
    assert (answer.status, answer.body) == expected
    assert not {b"connection", b"transfer-encoding"} & dict(answer.headers).keys()
    connection.feed(headers(3))
    assert await connection.get(3)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/raises", "raised on purpose"),
        ("/returns-early", "ASGI callable returned without starting response."),
        ("/returns-after-start", "ASGI callable returned without completing response."),
        ("/wrong-message", "Expected ASGI message 'http.response.start', but got 'http.response.body'."),
        ("/lf-in-value", "Invalid HTTP header value."),
        ("/crlf-in-name", "Invalid HTTP header name."),
        ("/too-much", "Response content longer than Content-Length"),
        ("/too-little", "Response content shorter than Content-Length"),
    ],
)
async def test_answers_500_to_a_failure_before_the_response(
    connect_http2: Any, access: Records, caplog: pytest.LogCaptureFixture, path: str, text: str
) -> None:
    connection = connect_http2(bad_app).feed(headers(1, path=path.encode()))
    answer = await connection.get(1)
    if path == "/returns-after-start" and answer.reset is not None:
        # The start of the response was sent in an earlier turn.
        return
    assert (answer.status, answer.body) == (500, b"Internal Server Error")
    assert answer.headers[1:] == [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"21")]
    assert text in caplog.text
    assert access.lines == [f'127.0.0.1:12345 - "GET {path} HTTP/2" 500']
    assert (await connection.fetch(headers(3, path=b"/"), stream=3)).body == b"abc"


async def test_resets_the_stream_after_a_failure_within_the_body(
    connect_http2: Any, caplog: pytest.LogCaptureFixture
) -> None:
    connection = connect_http2(bad_app).feed(headers(1, path=b"/raises-in-the-middle"), headers(3, path=b"/"))
    assert (await connection.get(1)).reset == codes.INTERNAL_ERROR
    assert "raised on purpose" in caplog.text
    assert (await connection.get(3)).body == b"abc"
    assert not connection.ended


async def test_logs_an_exception_after_the_response(connect_http2: Any, caplog: pytest.LogCaptureFixture) -> None:
    connection = connect_http2(send_all(respond(b"done"), ValueError("too late"))).feed(headers(1))
    assert (await connection.get(1)).reset is None
    await until(lambda: "too late" in caplog.text)
    assert (await connection.fetch(headers(3), stream=3)).status == 200


async def test_resets_a_response_left_incomplete_after_a_disconnect(connect_http2: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(start())
        await send(body(b"x", True))
        while (await receive())["type"] != "http.disconnect":
            pass

    connection = connect_http2(app, double=True).feed(headers(1))
    task = connection.loop.start_one()
    await until(lambda: connection.answer(1).body)
    [stream] = connection.protocol.session.streams.values()
    # This does half of what a leaving client causes: the exchange ends, but the stream stays open.
    stream.owner.cycle.end()
    await task
    assert connection.answer(1).reset == codes.INTERNAL_ERROR


async def test_the_access_line(connect_http2: Any, access: Records) -> None:
    await connect_http2(respond(status=404)).fetch(headers(1, path=b"/x?y=1"))
    [record] = access.records
    assert record.args == ("127.0.0.1:12345", "GET", "/x?y=1", "2", 404)


async def test_logs_nothing_without_handlers(connect_http2: Any) -> None:
    logger = logging.getLogger("uvicorn.access")
    logger.handlers.clear()
    logger.propagate = False
    connection = connect_http2(bad_app)
    assert not connection.protocol.access_log
    connection.feed(headers(1, path=b"/"), headers(3, path=b"/raises"))
    assert (await connection.get(3)).status == 500


async def test_headers_of_a_proxy(connect_http2: Any) -> None:
    app = Scopes()
    connection = connect_http2(app, proxy_headers=True)
    connection.feed(headers(1, (b"x-forwarded-for", b"1.2.3.4"), (b"x-forwarded-proto", b"https")), headers(3))
    await connection.get(3)
    assert [(scope["client"][0], scope["scheme"]) for scope in app.scopes] == [
        ("1.2.3.4", "https"),
        ("127.0.0.1", "http"),
    ]


async def test_limit_concurrency(connect_http2: Any, caplog: pytest.LogCaptureFixture) -> None:
    answer = await connect_http2(respond(), limit_concurrency=1).fetch(headers(1))
    assert (answer.status, answer.body) == (503, b"Service Unavailable")
    assert "Exceeded concurrency limit." in caplog.text


async def test_requests_are_counted(connect_http2: Any) -> None:
    state = ServerState()
    state.request_limit = 2
    reached: list[int] = []
    state.on_request_limit = lambda: reached.append(state.total_requests)
    await connect_http2(respond(), server_state=state).fetch(headers(1), headers(3), headers(5), stream=5)
    assert state.total_requests == 3
    assert reached == [2]


# Bodies of requests


async def test_a_body_that_arrives_with_its_head(connect_http2: Any) -> None:
    app = Reads()
    connection = connect_http2(app)
    connection.feed(headers(1, method=b"POST", end=False), data(1, b"abc"), data(1, b"def", end=True))
    assert (await connection.get(1)).status == 200
    assert app.events == [{"type": "http.request", "body": b"abcdef", "more_body": False}]


async def test_a_body_that_arrives_later(connect_http2: Any) -> None:
    app = Reads()
    connection = connect_http2(app).feed(headers(1, method=b"POST", end=False))
    await asyncio.sleep(0)
    connection.feed(data(1, b"abc"))
    await until(lambda: app.events)
    trailers = frame(codes.HEADERS, codes.END_HEADERS | codes.END_STREAM, 1, block((b"x-sum", b"1")))
    connection.feed(data(1, b"def"), trailers)
    assert (await connection.get(1)).status == 200
    assert [event["body"] for event in app.events] == [b"abc", b"def"]


async def test_gives_credit_for_a_large_body_as_it_is_received(connect_http2: Any) -> None:
    app = Reads()
    connection = connect_http2(app).feed(headers(1, method=b"POST", end=False))
    sent = 0

    def allowed(number: int) -> int:
        updates = connection.read().of_kind("WINDOW_UPDATE")
        return 65535 - sent + sum(update.number for update in updates if update.stream == number)

    # Each pass sends a piece of the body.
    while sent < 1_000_000:
        await until(lambda: allowed(0) and allowed(1))
        size = min(16384, allowed(0), allowed(1))
        connection.feed(data(1, b"x" * size))
        sent += size
    connection.feed(data(1, end=True))
    assert (await connection.get(1)).body == b"%d" % sent
    assert connection.reader.of_kind("WINDOW_UPDATE")[0].stream == 0


async def test_a_body_that_is_not_received_is_bounded(connect_http2: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.Event().wait()

    connection = connect_http2(app).feed(headers(1, method=b"POST", end=False))
    for _ in range(3):
        connection.feed(data(1, b"x" * 16384))
    connection.feed(data(1, b"x" * 16383))
    await asyncio.sleep(0)
    assert [update.stream for update in connection.read().of_kind("WINDOW_UPDATE")] == [0]
    connection.feed(data(1, b"x"))
    assert connection.answer(1).reset == codes.FLOW_CONTROL_ERROR
    for task in connection.state.tasks:
        task.cancel()


async def test_the_memory_for_bodies_is_bounded_for_the_server(
    connect_http2: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("uvicorn.protocols.http.http2.WIDE_WINDOWS", 1)
    state = ServerState()
    first, second = (connect_http2(Reads(), server_state=state) for _ in range(2))
    for connection in (first, second, first):
        connection.feed(headers(1 + 2 * connection.state.total_requests, method=b"POST", end=False))
    assert [update.number for update in first.read().of_kind("WINDOW_UPDATE") if not update.stream] == [
        (1 << 20) - 65535
    ]
    assert not [update for update in second.read().of_kind("WINDOW_UPDATE") if not update.stream]
    first.protocol.connection_lost(None)
    second.protocol.connection_lost(None)
    assert state.wide_windows == 0


async def test_an_early_response_resets_the_rest_of_the_body(connect_http2: Any) -> None:
    connection = connect_http2(respond(b"enough")).feed(headers(1, method=b"POST", end=False))
    answer = await connection.get(1)
    assert (answer.body, answer.ended) == (b"enough", True)
    connection.feed(data(1, b"late", end=True), headers(3))
    assert connection.answer(1).reset == codes.NO_ERROR
    assert (await connection.get(3)).status == 200


async def test_expect_continue(connect_http2: Any) -> None:
    connection = connect_http2(Reads()).feed(headers(1, (b"expect", b"100-continue"), method=b"POST", end=False))
    await until(lambda: connection.answer(1).heads)
    assert connection.answer(1).status == 100
    connection.feed(data(1, b"abc", end=True))
    assert (await connection.get(1)).status == 200


async def test_expect_continue_with_a_body_that_has_arrived(connect_http2: Any) -> None:
    connection = connect_http2(Reads())
    connection.feed(headers(1, (b"expect", b"100-continue"), method=b"POST", end=False), data(1, b"abc", end=True))
    assert len((await connection.get(1)).heads) == 1


async def test_a_reset_disconnects_the_application(connect_http2: Any) -> None:
    events: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        events.append(await receive())
        await respond()(scope, receive, send)

    connection = connect_http2(app).feed(headers(1), headers(3))
    await asyncio.sleep(0)
    connection.feed(reset(1))
    await until(lambda: events)
    assert events == [{"type": "http.disconnect"}]
    await until(lambda: len(connection.state.tasks) == 1)
    assert not connection.answer(1).heads
    connection.feed(reset(3))
    await until(lambda: not connection.state.tasks)


async def test_receive_after_the_body_waits_for_a_disconnect(connect_http2: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        look = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        look.cancel()
        await asyncio.sleep(0)
        assert not connection.protocol.watched
        await send(start())
        await send(body(b"x"))
        assert (await receive())["type"] == "http.disconnect"

    connection = connect_http2(app)
    assert (await connection.fetch(headers(1, method=b"POST", end=False), data(1, b"abc"))).body == b"x"
    assert not connection.protocol.watched


async def test_a_receive_during_the_response_ends_with_the_stream(connect_http2: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        look = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        await respond(b"x")(scope, receive, send)
        assert (await look)["type"] == "http.disconnect"

    connection = connect_http2(app).feed(headers(1))
    assert (await connection.get(1)).body == b"x"
    await until(lambda: not connection.state.tasks)


async def test_a_receive_of_the_body_ends_with_the_response(connect_http2: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        look = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        assert connection.protocol.watched
        await respond(b"x")(scope, receive, send)
        assert (await look)["type"] == "http.disconnect"

    connection = connect_http2(app)
    assert (await connection.fetch(headers(1, method=b"POST", end=False))).body == b"x"
    assert not connection.protocol.watched


async def test_answers_413_to_a_body_over_its_limit(connect_http2: Any, caplog: pytest.LogCaptureFixture) -> None:
    connection = connect_http2(Reads(), limit_request_body=10)
    connection.feed(
        headers(1, method=b"POST", end=False),
        headers(3, (b"content-length", b"11"), method=b"POST", end=False),
        headers(5, method=b"POST", end=False),
        data(5, b"x" * 11),
    )
    await asyncio.sleep(0)
    connection.feed(data(1, b"x" * 11))
    for number in (1, 3, 5):
        assert ((await connection.get(number)).status, connection.answer(number).body) == (
            413,
            b"Content Too Large",
        ) or (connection.answer(number).status == 413)
    await until(lambda: not connection.state.tasks)
    assert connection.protocol.session.active == 0
    assert caplog.text.count("Invalid HTTP request received.") == 3


async def test_resets_a_started_response_if_the_body_is_over_its_limit(connect_http2: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(start())
        await send(body(b"x", True))
        await Reads()(scope, receive, send)

    connection = connect_http2(app, limit_request_body=10).feed(headers(1, method=b"POST", end=False))
    await until(lambda: connection.answer(1).body)
    connection.feed(data(1, b"x" * 11))
    assert (await connection.get(1)).reset == codes.INTERNAL_ERROR


async def test_answers_431_to_a_head_over_its_limit(connect_http2: Any) -> None:
    connection = connect_http2(respond(), limit_request_head=300).feed(headers(1, (b"x-a", b"b" * 300)), headers(3))
    assert (await connection.get(1)).status == 431
    assert (await connection.get(3)).status == 200


async def test_resets_the_stream_of_a_malformed_request(connect_http2: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "uvicorn.error")
    app = Scopes()
    connection = connect_http2(app).feed(headers(1, (b"connection", b"close")), headers(3))
    assert (await connection.get(1)).reset == codes.PROTOCOL_ERROR
    assert (await connection.get(3)).status == 200
    assert len(app.scopes) == 1
    assert "Invalid HTTP request received." in caplog.text
    assert "127.0.0.1:12345 - An error of the client resets the stream: a connection-specific field" in caplog.text


async def test_a_running_application_counts_until_it_returns(connect_http2: Any) -> None:
    go = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await go.wait()
        await respond()(scope, receive, send)

    connection = connect_http2(app, http2_max_concurrent_streams=3)
    for number in (1, 3, 5):
        connection.feed(headers(number))
    await asyncio.sleep(0)
    for number in (1, 3, 5):
        connection.feed(reset(number))
    connection.feed(headers(7))
    assert connection.answer(7).reset == codes.REFUSED_STREAM
    go.set()
    await until(lambda: not connection.state.tasks)
    assert (await connection.fetch(headers(9), stream=9)).status == 200


_number = contextvars.ContextVar("number", default=0)


@pytest.mark.parametrize("replaced", [False, True])
async def test_each_request_has_an_empty_context(
    connect_http2: Any, monkeypatch: pytest.MonkeyPatch, replaced: bool
) -> None:
    seen: list[int] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(_number.get())
        _number.set(2)
        await respond()(scope, receive, send)

    if replaced:
        monkeypatch.setattr(RequestResponseCycle, "run_asgi", Wrapping.wrap(RequestResponseCycle.run_asgi))
    _number.set(1)
    assert (await connect_http2(app, reset_contextvars=True).fetch(headers(1), headers(3), stream=3)).status == 200
    assert seen == [0, 0]


async def test_run_asgi_replaced(connect_http2: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RequestResponseCycle, "run_asgi", Wrapping.wrap(RequestResponseCycle.run_asgi))
    assert (await connect_http2(respond()).fetch(headers(1))).status == 200
    await until(lambda: Wrapping.calls == ["begin", "end"])


@pytest.mark.parametrize("library", JUDGES)
async def test_cycle_replaced_in_its_module(connect_http2: Any, monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    """Requests over HTTP/2 are served by the exchange class of the HTTP/1.1 class."""

    class Cycle(RequestResponseCycle):
        run_asgi = Wrapping.wrap(RequestResponseCycle.run_asgi)

    monkeypatch.setattr(f"uvicorn.protocols.http.{library}_impl.RequestResponseCycle", Cycle)
    assert (await connect_http2(respond(), http=library).fetch(headers(1))).status == 200
    await until(lambda: Wrapping.calls == ["begin", "end"])


async def test_an_http1_class_without_an_exchange_class(connect_http2: Any) -> None:
    assert (await connect_http2(respond(), http=asyncio.Protocol).fetch(headers(1))).status == 200


async def test_leaves_turns_for_other_connections(connect_http2: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("uvicorn.protocols.http.http2.PASS_SECONDS", 0.0)
    connection = connect_http2(respond()).feed(*(headers(number) for number in range(1, 13, 2)))
    if connection.protocol._eager:
        assert not connection.answer(9).ended
    # A request that arrives meanwhile waits for the earlier ones.
    connection.feed(headers(13))
    for number in range(1, 15, 2):
        assert (await connection.get(number)).status == 200


async def test_serves_nothing_after_the_end(connect_http2: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("uvicorn.protocols.http.http2.PASS_SECONDS", 0.0)
    app = Scopes()
    connection = connect_http2(app).feed(*(headers(number) for number in range(1, 13, 2)))
    connection.protocol.connection_lost(None)
    before = connection.state.total_requests
    await asyncio.sleep(0.01)
    assert before < 6
    assert connection.state.total_requests == before


async def test_settings_and_requests_in_any_order(connect_http2: Any) -> None:
    connection = connect_http2(respond(b"abc")).feed(settings((codes.INITIAL_WINDOW_SIZE, 1)), headers(1))
    await until(lambda: connection.answer(1).body)
    connection.feed(settings((codes.INITIAL_WINDOW_SIZE, 100)))
    assert (await connection.get(1)).ended
