"""Which parts of a response share a write: seen by a transport, on a real loop."""

import asyncio
import time
from typing import Any

import pytest

from tests.doubles import FullTransport
from tests.protocols.http.connection import GET
from uvicorn.config import Config
from uvicorn.protocols.http.connection import OUTBOX_MAX
from uvicorn.server import ServerState

CHUNKED = {"type": "http.response.start", "status": 200, "headers": []}


async def serve(http_protocol_cls: Any, app: Any, *requests: bytes, until: int = 1) -> FullTransport:
    """Send the requests, one after the other; return once `until` responses are complete or the connection closes."""
    config = Config(app, lifespan="off", log_config=None, ws="none", proxy_headers=False)
    config.load()
    loop = asyncio.get_running_loop()
    protocol = http_protocol_cls(config=config, server_state=ServerState(), app_state={}, _loop=loop)
    transport = FullTransport()
    transport.protocol = protocol
    protocol.connection_made(transport)
    for request in requests or (GET,):
        protocol.data_received(request)
    deadline = time.monotonic() + 10
    while not transport.is_closing() and transport.buffer.count(b"0\r\n\r\n") < until:
        assert time.monotonic() < deadline
        await asyncio.sleep(0)
    return transport


def stream(*parts: Any) -> Any:
    """An application that sends each part, or calls it."""

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
    """However slow the machine, parts follow each other closely."""
    monkeypatch.setattr("uvicorn.protocols.http.connection.OUTBOX_GAP", 60.0)


@pytest.mark.usefixtures("patient")
async def test_the_first_part_goes_at_once_and_those_that_follow_closely_together(http_protocol_cls: Any) -> None:
    transport = await serve(http_protocol_cls, stream(b"a", b"b", b"c", b"d"))
    first, rest = transport.writes
    assert first.endswith(b"\r\n1\r\na\r\n")
    assert rest == b"1\r\nb\r\n1\r\nc\r\n1\r\nd\r\n0\r\n\r\n"


@pytest.mark.usefixtures("patient")
async def test_nothing_waits_longer_than_for_the_loop(http_protocol_cls: Any) -> None:
    async def turn() -> None:
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    transport = await serve(http_protocol_cls, stream(b"a", b"b", b"c", turn, b"d", turn, turn, b"e", b"f"))
    assert transport.writes[1:] == [
        b"1\r\nb\r\n1\r\nc\r\n",
        b"1\r\nd\r\n",
        b"1\r\ne\r\n1\r\nf\r\n0\r\n\r\n",
    ]


async def test_an_application_that_keeps_the_loop_from_running_is_not_held_up(http_protocol_cls: Any) -> None:
    async def work() -> None:
        time.sleep(0.005)

    transport = await serve(http_protocol_cls, stream(b"a", work, b"b", work, b"c", work))
    assert transport.writes[1:] == [b"1\r\nb\r\n", b"1\r\nc\r\n", b"0\r\n\r\n"]


@pytest.mark.usefixtures("patient")
async def test_much_does_not_wait(http_protocol_cls: Any) -> None:
    large = b"x" * (OUTBOX_MAX + 1)
    transport = await serve(http_protocol_cls, stream(b"a", b"b", large, b"c"))
    assert transport.writes[1] == b"1\r\nb\r\n%x\r\n%b\r\n" % (len(large), large)
    assert transport.writes[2] == b"1\r\nc\r\n0\r\n\r\n"


@pytest.mark.usefixtures("patient")
async def test_what_was_sent_before_an_error_arrives(http_protocol_cls: Any) -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    transport = await serve(http_protocol_cls, stream(b"a", b"b", b"c", fail))
    assert transport.is_closing()
    assert bytes(transport.buffer).endswith(b"1\r\na\r\n1\r\nb\r\n1\r\nc\r\n")


@pytest.mark.usefixtures("patient")
async def test_responses_stay_in_order(http_protocol_cls: Any) -> None:
    """Also one in one part behind one in many."""

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
async def test_a_client_that_has_left_is_written_nothing(http_protocol_cls: Any) -> None:
    transports: list[FullTransport] = []

    async def leave() -> None:
        transports[0].close()
        transports[0].protocol.connection_lost(None)

    config = Config(stream(b"a", b"b", leave, b"c"), lifespan="off", log_config=None, ws="none", proxy_headers=False)
    config.load()
    protocol = http_protocol_cls(
        config=config, server_state=ServerState(), app_state={}, _loop=asyncio.get_running_loop()
    )
    transport = FullTransport()
    transport.protocol = protocol
    transports.append(transport)
    protocol.connection_made(transport)
    protocol.data_received(GET)
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(transport.writes) == 1
