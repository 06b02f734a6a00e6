"""What observers get at the end of an exchange."""

from typing import Any

import pytest

from tests.cases.case import head
from tests.doubles import MockTransport
from tests.protocols.http.connection import GET, body, get, respond, send_all, start
from uvicorn._speedups import ResponseFramer
from uvicorn._speedups.flags import COMPLETE, EXPECT_BODY, EXPECT_START
from uvicorn.protocols.exchange import LISTENS, RequestResponseCycle
from uvicorn.protocols.observed import observe
from uvicorn.server_state import ServerState

EARLY_HINT = {"type": "http.response.early_hint", "links": [b"</a>; rel=preload"]}


class Observed:
    """A server state with an observer, and what was reported to it: (path, status, bytes, headers)."""

    def __init__(self) -> None:
        self.reports: list[tuple[str, int, int, Any]] = []
        self.state = ServerState()
        self.state.observers.append(self)  # type: ignore[arg-type]  # it is called

    def __call__(self, scope: Any, ended: Any) -> None:
        assert 0.0 <= ended.duration < 100.0
        self.reports.append((scope["path"], ended.status, ended.sent, ended.headers))


@pytest.fixture
def observed() -> Observed:
    return Observed()


@pytest.mark.parametrize(
    ("request_head", "messages", "status", "sent"),
    [
        (GET, [start(), body(b"abc")], 200, 3),
        (GET, [start(404), body(b"ab", more_body=True), body(b"c")], 404, 3),
        (GET, [start(), body(memoryview(b"abcdefgh").cast("I"))], 200, 8),  # type: ignore[arg-type]
        (GET, [EARLY_HINT, start(), body(b"abc")], 200, 3),
        (head(b"HEAD / HTTP/1.1"), [start(), body(b"abc")], 200, 0),
        (GET, [start(204), body(b"abc")], 204, 0),
        (GET, [start(304), body(b"")], 304, 0),
        (GET, [], 500, 0),
        (GET, [start()], 500, 0),
        (GET, [start(), body(b"abc", more_body=True)], 200, 3),
    ],
)
async def test_the_end_is_reported_once(
    connect: Any, observed: Observed, request_head: bytes, messages: list[Any], status: int, sent: int
) -> None:
    connection = connect(send_all(*messages), server_state=observed.state)
    connection.protocol.data_received(request_head)
    while connection.loop.waiting:
        await connection.loop.run_one()
    connection.protocol.connection_lost(None)
    assert [(report[1], report[2]) for report in observed.reports] == [(status, sent)]


async def test_the_headers_of_the_application(connect: Any, observed: Observed) -> None:
    app = send_all(start(200, (b"X-A", b"b")), body())
    await connect(app, server_state=observed.state).ask(get("/a"))
    asking = Observed()
    asking.state.keeps_headers = True
    await connect(app, server_state=asking.state).ask(get("/a"))
    assert observed.reports == [("/a", 200, 0, ())]
    assert asking.reports == [("/a", 200, 0, [(b"X-A", b"b")])]


async def test_a_client_that_has_left(connect: Any, observed: Observed) -> None:
    connection = connect(respond(), server_state=observed.state)
    connection.protocol.data_received(GET)
    connection.protocol.connection_lost(None)
    await connection.loop.run_one()
    assert [report[1] for report in observed.reports] == [499]


async def test_a_class_of_the_users_own_is_called(observed: Observed) -> None:
    sent = []

    class Own(RequestResponseCycle):
        __slots__ = ()

        async def send(self, message: Any) -> None:
            sent.append(message["type"])
            await super().send(message)

    cycle: Any = observe(Own, [observed], False)()  # type: ignore[list-item]  # it is called
    assert isinstance(cycle, Own)
    cycle.scope = {"path": "/", "method": "GET"}
    cycle.progress, cycle.client, cycle.waiters = EXPECT_START, LISTENS, None
    cycle.stream = Stream(cycle)
    await cycle.send(start())
    await cycle.send(body(b"abc"))
    assert sent == ["http.response.start", "http.response.body"]
    assert [report[1:3] for report in observed.reports] == [(200, 3)]


class Stream:
    """A stream that takes everything."""

    class Flow:
        write_paused = False

    def __init__(self, cycle: Any) -> None:
        self.flow = self.Flow()
        self.framer = ResponseFramer(0)
        self._cycle = cycle

    def send(self, message: Any) -> None:
        self.framer.send(message, b"")
        self._cycle.progress = EXPECT_BODY if message["type"] == "http.response.start" else COMPLETE


async def test_an_application_that_had_to_wait(connect: Any, observed: Observed) -> None:
    transport = MockTransport()
    connection = connect(send_all(start(), body(b"abc")), server_state=observed.state, transport=transport)
    connection.protocol.data_received(GET)
    connection.protocol.pause_writing()
    running = connection.loop.start_one()
    connection.protocol.resume_writing()
    await running
    assert [report[1:3] for report in observed.reports] == [(200, 3)]
