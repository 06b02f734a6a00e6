"""How long the server waits for a client: head, body, idle, and a peer that takes nothing."""

import asyncio
from typing import Any

from tests.cases.case import head
from tests.protocols.http.connection import GET, Connection, body, post, respond, start


async def passes() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_silent_client(connect: Any) -> None:
    connection = connect(respond(), timeout_request_head=3)
    connection.loop.run_later(with_delay=2.9)
    assert not connection.ended
    connection.loop.run_later(with_delay=3)
    assert connection.ended


async def test_a_dripping_head(connect: Any) -> None:
    """The time counts from the first byte to the end of the head, however often something comes."""
    connection = connect(respond(), timeout_request_head=3)
    for byte in GET[:-4]:
        connection.feed(bytes([byte]))
    connection.loop.run_later(with_delay=3)
    assert connection.statuses == [408]
    assert connection.ended
    assert b"connection: close\r\n" in connection.wire
    assert connection.loop.waiting == 0


async def test_a_dripping_head_after_a_request(connect: Any) -> None:
    connection = connect(respond(), timeout_request_head=3, timeout_keep_alive=100)
    await connection.ask(GET)
    connection.feed(GET[:10])
    connection.loop.run_later(with_delay=3)
    assert connection.statuses == [408]
    assert connection.ended


async def test_a_head_in_time(connect: Any) -> None:
    connection = connect(respond(), timeout_request_head=3)
    connection.feed(GET[:10])
    connection.loop.run_later(with_delay=2)
    connection.feed(GET[10:])
    await connection.run()
    assert connection.statuses == [200]
    assert not connection.ended


async def test_a_body_that_stops_coming(connect: Any) -> None:
    events = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while not events or events[-1]["type"] != "http.disconnect":
            events.append(await receive())

    connection: Connection = connect(app, timeout_request_body=4)
    connection.feed(head(b"POST / HTTP/1.1", b"Content-Length: 5") + b"he")
    task = connection.loop.start_one()
    await passes()
    connection.loop.run_later(with_delay=4)
    await asyncio.wait_for(task, 5)
    assert [event["type"] for event in events] == ["http.request", "http.disconnect"]
    assert connection.statuses == [408]
    assert connection.ended


async def test_a_body_that_stops_coming_once_the_response_has_begun(connect: Any) -> None:
    events = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(start())
        await send(body(b"abc", True))
        while not events or events[-1]["type"] != "http.disconnect":
            events.append(await receive())

    connection: Connection = connect(app, timeout_request_body=4)
    connection.feed(head(b"POST / HTTP/1.1", b"Content-Length: 5") + b"he")
    task = connection.loop.start_one()
    await passes()
    connection.loop.run_later(with_delay=4)
    await asyncio.wait_for(task, 5)
    assert events[-1]["type"] == "http.disconnect"
    assert connection.statuses == [200]
    assert not connection.responses()[0].whole
    assert connection.ended


async def test_an_application_that_does_not_ask_for_the_body_may_take_its_time(connect: Any) -> None:
    release = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await release.wait()
        await respond()(scope, receive, send)

    connection: Connection = connect(app, timeout_request_body=4, timeout_request_head=4)
    connection.feed(post(b"hello"))
    task = connection.loop.start_one()
    await passes()
    connection.loop.run_later(with_delay=1000)
    assert not connection.ended
    release.set()
    await asyncio.wait_for(task, 5)
    assert connection.statuses == [200]


async def test_a_peer_that_takes_nothing(connect: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(start())
        while not (await_closed := connection.transport.closed):
            await send(body(b"x" * 1000, True))
        assert await_closed

    connection: Connection = connect(app, timeout_send=5, full=True)
    connection.feed(GET)
    connection.transport.unsent = 100_000
    connection.protocol.pause_writing()
    task = connection.loop.start_one()
    await passes()
    connection.loop.run_later(with_delay=5)
    assert connection.transport.aborted
    connection.lose()
    await asyncio.wait_for(task, 5)


async def test_a_peer_that_takes_some(connect: Any) -> None:
    connection: Connection = connect(respond(), timeout_send=5, full=True)
    connection.feed(GET)
    connection.transport.unsent = 100_000
    connection.protocol.pause_writing()
    task = connection.loop.start_one()
    await passes()
    connection.transport.unsent = 90_000
    connection.loop.run_later(with_delay=5)
    assert not connection.transport.closed
    connection.protocol.resume_writing()
    await asyncio.wait_for(task, 5)
    assert connection.statuses == [200]


async def test_one_timer_at_a_time(connect: Any) -> None:
    """However many requests there are, the loop holds one timer for the connection."""
    connection = connect(respond())
    for _ in range(50):
        await connection.ask(GET)
    assert len(connection.loop.timers) <= 2
