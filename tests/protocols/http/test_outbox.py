"""Which parts of a response share a write, as a transport on a real loop sees it."""

import asyncio
import time
from typing import Any

import pytest

from tests.doubles import FullTransport
from tests.protocols.http.connection import GET
from uvicorn.config import Config
from uvicorn.protocols.http.outbox import OUTBOX_MAX, Outbox
from uvicorn.server import ServerState

CHUNKED = {"type": "http.response.start", "status": 200, "headers": []}


async def serve(
    http_protocol_cls: Any, app: Any, *requests: bytes, until: int = 1, made: list[FullTransport] | None = None
) -> FullTransport:
    """Send the requests one after the other. Return when `until` responses are complete or the connection closes.

    The transport is appended to `made` before the application is called.
    """
    config = Config(app, lifespan="off", log_config=None, ws="none", proxy_headers=False)
    config.load()
    loop = asyncio.get_running_loop()
    protocol = http_protocol_cls(config=config, server_state=ServerState(), app_state={}, _loop=loop)
    transport = FullTransport()
    transport.protocol = protocol
    if made is not None:
        made.append(transport)
    protocol.connection_made(transport)
    for request in requests or (GET,):
        protocol.data_received(request)
    deadline = time.monotonic() + 10
    while not transport.is_closing() and transport.buffer.count(b"0\r\n\r\n") < until:
        assert time.monotonic() < deadline
        await asyncio.sleep(0)
    return transport


def stream(*parts: Any) -> Any:
    """An application that sends each part; it calls a part that is a function."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(CHUNKED)
        for part in parts:
            if callable(part):
                await part()
            else:
                await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    return app


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Raise the time limit, so that the parts count as close together however slow the machine is."""
    monkeypatch.setattr("uvicorn.protocols.http.outbox.OUTBOX_GAP", 60.0)


async def turn() -> None:
    """Let the loop run."""
    await asyncio.sleep(0)
    await asyncio.sleep(0)


@pytest.mark.usefixtures("patient")
async def test_writes_two_parts_at_once_and_the_rest_of_the_turn_together(http_protocol_cls: Any) -> None:
    transport = await serve(http_protocol_cls, stream(b"a", b"b", b"c", b"d", b"e"))
    first, second, rest = transport.writes
    assert first.endswith(b"\r\n1\r\na\r\n")
    assert second == b"1\r\nb\r\n"
    assert rest == b"1\r\nc\r\n1\r\nd\r\n1\r\ne\r\n0\r\n\r\n"


@pytest.mark.usefixtures("patient")
async def test_parts_wait_at_most_for_the_next_turn_of_the_loop(http_protocol_cls: Any) -> None:
    parts = (b"a", b"b", b"c", b"d", turn, b"e", turn, turn, b"f", b"g", b"h", turn)
    transport = await serve(http_protocol_cls, stream(*parts))
    assert transport.writes[1:] == [
        b"1\r\nb\r\n",
        b"1\r\nc\r\n1\r\nd\r\n",
        b"1\r\ne\r\n",
        b"1\r\nf\r\n",
        b"1\r\ng\r\n1\r\nh\r\n",
        b"0\r\n\r\n",
    ]


@pytest.mark.usefixtures("patient")
async def test_writes_gathered_parts_at_the_end_of_the_first_step(http_protocol_cls: Any) -> None:
    """The gathered parts are written before any other callback of the loop runs."""
    seen: list[bytes] = []
    transports: list[FullTransport] = []

    async def look() -> None:
        asyncio.get_running_loop().call_soon(lambda: seen.append(transports[0].buffer))
        await turn()

    transport = await serve(http_protocol_cls, stream(b"a", b"b", b"c", look), made=transports)
    assert seen[0].endswith(b"\r\n1\r\na\r\n1\r\nb\r\n1\r\nc\r\n")
    assert len(transport.writes) == 4


@pytest.mark.usefixtures("patient")
async def test_writes_a_single_part_per_turn_at_once(http_protocol_cls: Any) -> None:
    """The outbox schedules almost no callbacks: only the few that check whether there is more to gather now."""
    loop = asyncio.get_running_loop()
    written, scheduled, transports = [], [], []

    async def note() -> None:
        written.append(len(transports[0].writes))
        await asyncio.sleep(0)

    def call_soon(callback: Any, *arguments: Any, **options: Any) -> Any:
        scheduled.append(callback)
        return type(loop).call_soon(loop, callback, *arguments, **options)

    events = [part for number in range(100) for part in (b"%d" % number, note)]
    loop.call_soon = call_soon  # type: ignore[method-assign]
    try:
        await serve(http_protocol_cls, stream(*events), made=transports)
    finally:
        del loop.call_soon
    assert written == list(range(1, 101))
    assert len([callback for callback in scheduled if getattr(callback, "__name__", "") == "end_turn"]) <= 3


@pytest.mark.usefixtures("patient")
async def test_gathers_again_when_a_stream_of_single_parts_becomes_fast(http_protocol_cls: Any) -> None:
    singles = [part for _ in range(20) for part in (b"a", turn)]
    transport = await serve(http_protocol_cls, stream(*singles, *[b"b"] * 300, turn, b"c", b"d", b"e", b"f"))
    sent = transport.writes
    assert len(sent) < 20 + 200
    assert sent[-3:] == [b"1\r\nc\r\n", b"1\r\nd\r\n", b"1\r\ne\r\n1\r\nf\r\n0\r\n\r\n"]


async def test_writes_at_once_while_the_application_blocks_the_loop(http_protocol_cls: Any) -> None:
    """Neither one part nor two parts wait for the work that follows them."""
    before: list[bytes] = []
    transports: list[FullTransport] = []

    async def work() -> None:
        before.append(transports[0].buffer[-6:])
        time.sleep(0.005)

    parts = (b"a", work, b"b", work, b"c", work, b"d", b"e", work, b"f", b"g", work)
    await serve(http_protocol_cls, stream(*parts), made=transports)
    assert before == [b"1\r\n%b\r\n" % part for part in (b"a", b"b", b"c", b"e", b"g")]


@pytest.mark.usefixtures("patient")
async def test_empty_parts_put_nothing_on_the_wire(http_protocol_cls: Any) -> None:
    """This holds among parts that are written at once, and among parts that are gathered."""
    parts = [b"a", b"", turn, b"b", b"", b"c", b"d", b"", b"e", b"", turn, b"", b"f"]
    transport = await serve(http_protocol_cls, stream(*parts))
    body = bytes(transport.buffer).partition(b"\r\n\r\n")[2]
    assert body == b"".join(b"1\r\n%c\r\n" % letter for letter in b"abcdef") + b"0\r\n\r\n"


async def test_large_parts_do_not_wait(http_protocol_cls: Any) -> None:
    large = b"x" * (OUTBOX_MAX + 1)
    transport = await serve(http_protocol_cls, stream(b"a", b"b", b"c", large, b"d"))
    assert transport.writes[2] == b"1\r\nc\r\n%x\r\n%b\r\n" % (len(large), large)
    assert transport.writes[3] == b"1\r\nd\r\n0\r\n\r\n"


@pytest.mark.usefixtures("patient")
async def test_bytes_sent_before_an_error_arrive(http_protocol_cls: Any) -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    transport = await serve(http_protocol_cls, stream(b"a", b"b", b"c", b"d", fail))
    assert transport.is_closing()
    assert bytes(transport.buffer).endswith(b"1\r\na\r\n1\r\nb\r\n1\r\nc\r\n1\r\nd\r\n")


@pytest.mark.usefixtures("patient")
async def test_responses_stay_in_order(http_protocol_cls: Any) -> None:
    """A response of one part follows a response of several parts, and both stay in order."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/":
            await stream(b"a", b"b")(scope, receive, send)
        else:
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
            await send({"type": "http.response.body", "body": b"0\r\n\r\n"})

    other = GET.replace(b"GET /", b"GET /other")
    transport = await serve(http_protocol_cls, app, GET + other + GET, other, until=4)
    bodies = [part.partition(b"\r\n\r\n")[2] for part in bytes(transport.buffer).split(b"HTTP/1.1 200 OK")[1:]]
    assert bodies == [b"1\r\na\r\n1\r\nb\r\n0\r\n\r\n", b"0\r\n\r\n"] * 2


@pytest.mark.usefixtures("patient")
async def test_writes_nothing_to_a_client_that_has_left(http_protocol_cls: Any) -> None:
    transports: list[FullTransport] = []

    async def leave() -> None:
        transports[0].close()
        transports[0].protocol.connection_lost(None)

    await serve(http_protocol_cls, stream(b"a", b"b", b"c", leave, b"d"), made=transports)
    assert len(transports[0].writes) == 2


class Timed:
    """An outbox whose clock and turns are moved by the test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self.writes: list[bytes] = []
        self.turns: list[Any] = []
        self._outbox = Outbox(self.writes.append, self.turns.append)
        monkeypatch.setattr("uvicorn.protocols.http.outbox.monotonic", lambda: self.now)

    def add(self, parts: bytes, at: float = 0.0) -> list[bytes]:
        """Add single bytes at this time and return what is written."""
        self.now = at
        before = len(self.writes)
        for part in parts:
            self._outbox.add(bytes([part]))
        return self.writes[before:]

    def add_large(self, size: int) -> None:
        self._outbox.add(b"x" * size)

    def end_turn(self) -> list[bytes]:
        before = len(self.writes)
        self.turns.pop()()
        return self.writes[before:]


def test_at_most_16_kib_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    timed = Timed(monkeypatch)
    assert timed.add(b"ab") == [b"a", b"b"]
    timed.add_large(16384)
    assert len(timed.writes) == 2
    assert timed.add(b"c") == [b"x" * 16384 + b"c"]
    # Bytes that were written are not counted again.
    timed.add_large(16384)
    assert len(timed.writes) == 3
    assert timed.add(b"d") == [b"x" * 16384 + b"d"]
    timed.add_large(16384)
    assert timed.end_turn() == [b"x" * 16384]


def test_parts_wait_at_most_about_a_millisecond(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a longer gap, the next two parts are written at once again: the late part and the one after it."""
    timed = Timed(monkeypatch)
    assert timed.add(b"ab", at=-1.0) == [b"a", b"b"]
    assert timed.add(b"c", at=0.0) == [b"c"]
    assert timed.add(b"de", at=0.001) == [b"d"]
    assert timed.add(b"fgh", at=0.0031) == [b"ef", b"g"]
    assert timed.add(b"ij", at=0.0036) == []
    assert timed.end_turn() == [b"hij"]


def test_writes_consecutive_late_parts_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    timed = Timed(monkeypatch)
    written = [part for number in range(5) for part in timed.add(b"a", at=float(number))]
    assert written == [b"a"] * 5
    assert timed.add(b"bcde", at=5.0) == [b"b", b"c"]
    assert timed.end_turn() == [b"de"]


def test_the_number_of_parts_written_at_once_grows_eightfold(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number grows after each turn with nothing to gather. After a turn that gathered parts, it is two again."""
    timed = Timed(monkeypatch)
    for direct in (2, 16, 128):
        assert len(timed.add(b"a" * direct)) == direct
        timed.end_turn()
    assert len(timed.add(b"a" * 1026)) == 1024
    assert timed.end_turn() == [b"aa"]
    assert len(timed.add(b"a" * 20)) == 2
