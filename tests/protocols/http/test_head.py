"""When the head of a response is sent: with the first part of the body, or alone at the loop's next turn."""

import asyncio
from typing import Any

import pytest

from tests.cases.case import head
from tests.doubles import FullTransport
from tests.protocols.http.connection import GET, Http1Connection, body, send_all, start
from tests.waiting import turns
from uvicorn.config import Config
from uvicorn.server import ServerState

HEAD = b"HTTP/1.1 200 OK\r\nserver: uvicorn\r\ncontent-length: 3\r\n\r\n"
START = start(200, (b"content-length", b"3"))


class Steps:
    """An application that sends one message, or calls a function, each time the test asks for it."""

    def __init__(self, *first: Any) -> None:
        self._steps: asyncio.Queue[Any] = asyncio.Queue()
        for step in first:
            self.do(step)

    def do(self, step: Any) -> None:
        self._steps.put_nowait(step)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        while (step := await self._steps.get()) is not None:
            if callable(step):
                await step()
            else:
                await send(step)


def on_real_loop(http_protocol_cls: Any, app: Any) -> tuple[Any, FullTransport]:
    config = Config(app, lifespan="off", log_config=None, ws="none", proxy_headers=False)
    config.load()
    state = ServerState()
    state.default_headers = [(b"server", b"uvicorn")]
    loop = asyncio.get_running_loop()
    protocol = http_protocol_cls(config=config, server_state=state, app_state={}, _loop=loop)
    transport = FullTransport()
    transport.protocol = protocol
    protocol.connection_made(transport)
    return protocol, transport


@pytest.mark.parametrize("steps", [[], [asyncio.sleep]], ids=["first step", "later step"])
async def test_the_head_goes_out_even_if_no_part_follows(http_protocol_cls: Any, steps: list[Any]) -> None:
    async def wait() -> None:
        await turns(2)

    app = Steps(*([wait] if steps else []), START)
    protocol, transport = on_real_loop(http_protocol_cls, app)
    protocol.data_received(GET)
    await turns()
    assert transport.writes == [HEAD]
    app.do(body(b"abc"))
    app.do(None)
    await turns()
    assert transport.writes == [HEAD, b"abc"]
    assert not transport.is_closing()


@pytest.mark.parametrize("wait", [False, True], ids=["first step", "later step"])
async def test_head_and_part_of_the_same_turn_share_a_write(http_protocol_cls: Any, wait: bool) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if wait:
            await turns(2)
        await send(START)
        # The loop does not run during these calls.
        await (await respond_later())(send)

    async def respond_later() -> Any:
        async def respond(send: Any) -> None:
            await send(body(b"abc"))

        return respond

    protocol, transport = on_real_loop(http_protocol_cls, app)
    protocol.data_received(GET)
    await turns()
    assert transport.writes == [HEAD + b"abc"]


async def test_an_empty_part_after_the_head_writes_nothing(http_protocol_cls: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        await turns()
        await send(body(b"", True))
        await send(body(b"abc"))

    protocol, transport = on_real_loop(http_protocol_cls, app)
    protocol.data_received(GET)
    await turns(12)
    assert transport.writes == [HEAD, b"abc"]


async def test_an_empty_end_of_a_stream_writes_nothing(http_protocol_cls: Any) -> None:
    """With a length, the end of the body has no bytes on the wire."""
    protocol, transport = on_real_loop(http_protocol_cls, send_all(START, body(b"abc", True), body()))
    protocol.data_received(GET)
    await turns(12)
    assert transport.writes == [HEAD + b"abc"]
    assert protocol.timeout_keep_alive_task is not None


async def test_without_an_access_log_nothing_is_logged(
    http_protocol_cls: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """This holds for a head that is sent alone, and for an application that fails."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/fail":
            raise ValueError
        await send(START)
        await turns()
        await send(body(b"abc"))

    for request, first in ((GET, HEAD), (head(b"GET /fail HTTP/1.1"), b"HTTP/1.1 500")):
        protocol, transport = on_real_loop(http_protocol_cls, app)
        protocol.access_log = False
        protocol.data_received(request)
        await turns(12)
        assert transport.writes[0].startswith(first)
    assert [record for record in caplog.records if record.name == "uvicorn.access"] == []


async def test_the_head_goes_out_on_doubles(connect: Any) -> None:
    app = Steps(START)
    connection: Http1Connection = connect(app).feed(GET)
    task = await connection.start()
    assert connection.transport.writes == [HEAD]
    app.do(body(b"abc"))
    app.do(None)
    await task
    assert connection.transport.writes == [HEAD, b"abc"]


def test_the_head_goes_out_at_once_without_a_loop(connect: Any) -> None:
    """Without a running loop, there is no turn to wait for."""
    writes = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        writes.append(list(connection.transport.writes))
        await send(body(b"abc"))

    connection: Http1Connection = connect(app)
    connection.feed(GET)
    with pytest.raises(StopIteration):
        connection.loop.run_one().send(None)
    assert writes == [[HEAD]]
    assert connection.transport.writes == [HEAD, b"abc"]


async def test_the_head_of_a_response_to_a_head_request(connect: Any) -> None:
    app = Steps(START)
    connection: Http1Connection = connect(app).feed(head(b"HEAD / HTTP/1.1"))
    task = await connection.start()
    assert connection.wire == HEAD
    app.do(body(b"abc"))
    app.do(None)
    await task
    assert connection.wire == HEAD
    assert not connection.ended


async def test_an_error_after_the_head_cuts_the_connection(connect: Any) -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    connection: Http1Connection = await connect(Steps(START, turns, fail)).run(GET)
    assert connection.wire == HEAD
    assert connection.transport.closed


async def test_an_error_in_the_same_turn_is_a_500(connect: Any) -> None:
    connection: Http1Connection = await connect(send_all(START, start())).run(GET)
    assert connection.statuses == [500]
    await turns()
    assert connection.statuses == [500]


async def test_announces_a_shutdown_in_a_head_that_was_not_sent_yet(connect: Any) -> None:
    async def shut_down() -> None:
        connection.protocol.shutdown()

    connection: Http1Connection = connect(Steps(START, shut_down, turns, body(b"abc"), None))
    await connection.run(GET)
    assert connection.wire == HEAD[:-2] + b"connection: close\r\n\r\nabc"
    assert connection.transport.closed


async def test_a_shutdown_after_the_head_closes_after_the_body(connect: Any) -> None:
    async def shut_down() -> None:
        connection.protocol.shutdown()

    connection: Http1Connection = connect(Steps(START, turns, shut_down, body(b"abc"), None))
    await connection.run(GET)
    assert connection.wire == HEAD + b"abc"
    assert connection.transport.closed


async def test_a_client_that_left_before_the_head_gets_nothing(connect: Any) -> None:
    async def leave() -> None:
        connection.lose()

    connection: Http1Connection = connect(Steps(START, leave, turns, body(b"abc"), None))
    await connection.run(GET)
    assert connection.wire == b""


async def test_writes_the_head_of_a_started_response_to_a_full_transport(connect: Any) -> None:
    async def fill() -> None:
        connection.protocol.pause_writing()

    app = Steps(START, fill)
    connection: Http1Connection = connect(app)
    task = await connection.start(GET)
    assert connection.wire == HEAD
    app.do(body(b"abc"))
    app.do(None)
    await turns()
    assert connection.wire == HEAD
    connection.protocol.resume_writing()
    await task
    assert connection.wire == HEAD + b"abc"


async def test_the_head_while_a_long_body_is_still_arriving(connect: Any) -> None:
    """The head cannot announce the end of the connection, because it is sent before the response is complete."""
    connection: Http1Connection = connect(Steps(START, turns, body(b"abc"), None))
    await connection.run(head(b"POST / HTTP/1.1", b"Content-Length: 1000000") + b"x")
    assert connection.wire == HEAD + b"abc"
    assert connection.transport.closed
