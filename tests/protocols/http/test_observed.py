"""The report that observers get at the end of each exchange, exactly once."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.cases.case import head
from tests.doubles import MockTransport
from tests.http2 import headers, reset
from tests.protocols.http.connection import GET, body, get, respond, send_all, start
from tests.protocols.http.http2 import until
from uvicorn._speedups import http2_codes as codes
from uvicorn.protocols.exchange import RequestResponseCycle
from uvicorn.server_state import ServerState

EARLY_HINT = {"type": "http.response.early_hint", "links": [b"</a>; rel=preload"]}
WITH_TRAILERS = {**start(), "trailers": True}
TRAILERS = {"type": "http.response.trailers", "headers": [(b"x-a", b"b")]}
# The number of bytes in the body of the server's own answer.
ERROR = len(b"Internal Server Error")
MESSAGES = [
    ([start(), body(b"abc")], 200, 3),
    ([start(404), body(b"ab", more_body=True), body(b"c")], 404, 3),
    ([start(), body(memoryview(b"abcdefgh").cast("I"))], 200, 8),  # type: ignore[arg-type]  # as applications do
    ([EARLY_HINT, start(), body(b"abc")], 200, 3),
    ([WITH_TRAILERS, body(b"abc"), TRAILERS], 200, 3),
    ([start(204), body(b"abc")], 204, 0),
    ([start(304), body(b"")], 304, 0),
    ([], 500, ERROR),
    ([start()], 500, ERROR),
    ([start(), body(b"abc", more_body=True)], 200, 3),
    ([WITH_TRAILERS, body(b"abc")], 200, 3),
]


class Observed:
    """A server state with an observer, and its reports: (path, status, bytes, headers)."""

    def __init__(self) -> None:
        self.reports: list[tuple[str, int, int, Any]] = []
        self.state = ServerState()
        self.state.observers.append(self)

    def __call__(self, outcome: Any) -> None:
        assert 0.0 <= outcome.duration < 100.0
        self.reports.append((outcome.scope["path"], outcome.status, outcome.sent, outcome.headers))

    @property
    def given(self) -> list[tuple[int, int]]:
        """The (status, bytes) of each report."""
        return [report[1:3] for report in self.reports]


@pytest.fixture
def observed() -> Observed:
    return Observed()


@pytest.mark.parametrize(("messages", "status", "sent"), MESSAGES)
async def test_reports_the_end_of_a_response(
    connect: Any, observed: Observed, messages: list[Any], status: int, sent: int
) -> None:
    connection = connect(send_all(*messages), server_state=observed.state)
    connection.protocol.data_received(GET)
    while connection.loop.waiting:
        await connection.loop.run_one()
    connection.protocol.connection_lost(None)
    assert observed.given == [(status, sent)]


@pytest.mark.parametrize(("messages", "status", "sent"), MESSAGES)
async def test_reports_the_end_of_a_response_over_http2(
    connect_http2: Any, observed: Observed, messages: list[Any], status: int, sent: int
) -> None:
    connection = connect_http2(send_all(*messages), server_state=observed.state)
    connection.feed(headers(1))
    await connection.get(1)
    connection.protocol.connection_lost(None)
    assert observed.given == [(status, sent)]


async def test_reports_a_head_request(connect: Any, observed: Observed) -> None:
    connection = connect(respond(b"abc"), server_state=observed.state)
    await connection.ask(head(b"HEAD / HTTP/1.1"))
    assert observed.given == [(200, 0)]


async def test_reports_each_request_of_a_connection(connect: Any, observed: Observed) -> None:
    connection = connect(respond(b"abc"), server_state=observed.state)
    connection.protocol.data_received(get("/a") + get("/b") + get("/c"))
    while connection.loop.waiting:
        await connection.loop.run_one()
        connection.loop.run_later(with_delay=0)
    connection.protocol.connection_lost(None)
    assert [report[:3] for report in observed.reports] == [("/a", 200, 3), ("/b", 200, 3), ("/c", 200, 3)]


@pytest.mark.parametrize("size", [5, 100_000])
async def test_reports_the_size_of_a_file(connect: Any, observed: Observed, tmp_path: Path, size: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"a" * size)
    app = send_all(start(), {"type": "http.response.pathsend", "path": str(path)})
    await connect(app, server_state=observed.state).ask(GET)
    assert observed.given == [(200, size)]


async def test_reports_the_headers_of_the_application(connect: Any, observed: Observed) -> None:
    connection = connect(send_all(start(200, (b"X-A", b"b")), body()), server_state=observed.state)
    await connection.ask(get("/a"))
    assert observed.reports == [("/a", 200, 0, [(b"X-A", b"b")])]
    # The connection keeps them no longer.
    assert connection.protocol.framer.headers == ()


async def test_reports_headers_from_an_iterator(connect: Any, connect_http2: Any, observed: Observed) -> None:
    def app() -> Any:
        fields = iter([(b"x-a", b"b")])
        return send_all({"type": "http.response.start", "status": 200, "headers": fields}, body())

    response = await connect(app(), server_state=observed.state).ask(GET)
    assert (b"x-a", b"b") in response.headers
    connection = connect_http2(app(), server_state=observed.state)
    connection.feed(headers(1))
    assert (b"x-a", b"b") in (await connection.get(1)).headers
    assert [report[3] for report in observed.reports] == [[(b"x-a", b"b")]] * 2


async def test_without_observers_headers_are_not_kept(connect: Any) -> None:
    connection = connect(respond())
    await connection.ask(GET)
    assert connection.protocol.framer.observed is False


async def test_reports_499_if_the_client_left_before_the_response(connect: Any, observed: Observed) -> None:
    connection = connect(respond(), server_state=observed.state)
    connection.protocol.data_received(GET)
    connection.protocol.connection_lost(None)
    await connection.loop.run_one()
    assert observed.given == [(499, 0)]


@pytest.mark.parametrize(("more", "given"), [([], (499, 0)), ([body(b"abc", more_body=True)], (200, 3))])
async def test_reports_a_response_that_the_client_leaves(
    connect: Any, observed: Observed, more: list[Any], given: tuple[int, int]
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in (start(), *more):
            await send(message)
        connection.protocol.connection_lost(None)
        await send(body(b"def"))

    connection = connect(app, server_state=observed.state)
    connection.protocol.data_received(GET)
    await connection.loop.run_one()
    assert observed.given == [given]


async def test_reports_499_for_a_stream_that_the_client_resets(connect_http2: Any, observed: Observed) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await receive()

    connection = connect_http2(app, server_state=observed.state)
    connection.feed(headers(1))
    connection.feed(reset(1, codes.CANCEL))
    await until(lambda: not connection.state.tasks)
    connection.protocol.connection_lost(None)
    assert observed.given == [(499, 0)]


async def test_reports_the_answer_that_replaces_the_response(connect: Any, observed: Observed) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    connection = connect(app, server_state=observed.state, timeout_request_body=4)
    connection.feed(head(b"POST / HTTP/1.1", b"Content-Length: 5") + b"he")
    task = connection.loop.start_one()
    for _ in range(5):
        await asyncio.sleep(0)
    connection.loop.run_later(with_delay=4)
    await asyncio.wait_for(task, 5)
    connection.protocol.connection_lost(None)
    assert connection.statuses == [408]
    assert observed.given == [(408, len(b"Request Timeout"))]


async def test_reports_nothing_for_a_refused_request(connect: Any, observed: Observed) -> None:
    connection = connect(respond(), server_state=observed.state)
    connection.feed(b"GET / HTTP/1.1\r\n\r\n")
    connection.protocol.connection_lost(None)
    assert connection.statuses == [400]
    assert observed.reports == []


async def test_reports_once_with_a_replaced_exchange_class(
    connect: Any, observed: Observed, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = []

    class Own(RequestResponseCycle):
        __slots__ = ()

        async def send(self, message: Any) -> None:
            sent.append(message["type"])
            await super().send(message)

    for library in ("h11", "httptools"):
        monkeypatch.setattr(f"uvicorn.protocols.http.{library}_impl.RequestResponseCycle", Own)
    await connect(respond(b"abc"), server_state=observed.state).ask(GET)
    assert sent == ["http.response.start", "http.response.body"]
    assert observed.given == [(200, 3)]


async def test_reports_a_response_that_had_to_wait(connect: Any, observed: Observed) -> None:
    transport = MockTransport()
    connection = connect(send_all(start(), body(b"abc")), server_state=observed.state, transport=transport)
    connection.protocol.data_received(GET)
    connection.protocol.pause_writing()
    running = connection.loop.start_one()
    connection.protocol.resume_writing()
    await running
    assert observed.given == [(200, 3)]
