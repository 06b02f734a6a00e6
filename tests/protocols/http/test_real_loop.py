"""The protocol on a real loop and socket, in this process: an application may end within `data_received`."""

import asyncio
import contextvars
import importlib.util
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cases.case import head
from tests.cases.outcome import parse_responses
from tests.doubles import FullTransport
from tests.processes import exchange, serve
from tests.protocols.http.connection import GET, HELLO, body, respond, send_all, start
from tests.waiting import turns
from uvicorn.config import Config
from uvicorn.server import ServerState

TIMEOUT = 20


@asynccontextmanager
async def serving(
    protocol_class: Any, app: Any, **options: Any
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter, ServerState]]:
    """Serve the application, and yield one client of it."""
    config = Config(app, lifespan="off", log_config=None, ws="none", proxy_headers=False, **options)
    config.load()
    state = ServerState()

    def make() -> Any:
        return protocol_class(config=config, server_state=state, app_state={})

    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer, state
    finally:
        writer.transport.abort()
        server.close()
        await asyncio.wait_for(state.connections.wait_empty(), TIMEOUT)
        await asyncio.wait_for(server.wait_closed(), TIMEOUT)
        # A task that has ended is removed in the next pass of the loop.
        if state.tasks:
            await asyncio.wait(state.tasks, timeout=TIMEOUT)
            await asyncio.sleep(0)
    assert state.tasks == set()


async def read_responses(reader: asyncio.StreamReader, count: int) -> list[int]:
    """The status codes of this number of responses."""
    data = b""
    while True:
        responses = parse_responses(data, [], ended=False) if data.endswith(HELLO) else ()
        if len(responses) >= count:
            return [response.status for response in responses]
        data += await asyncio.wait_for(reader.read(65536), TIMEOUT)


async def test_answers_many_pipelined_requests(http_protocol_cls: Any) -> None:
    async with serving(http_protocol_cls, respond()) as (reader, writer, state):
        writer.write(GET * 200)
        assert await read_responses(reader, 200) == [200] * 200
        assert state.total_requests == 200


@pytest.mark.skipif(sys.version_info < (3, 12), reason="each application runs in its own turn")
@pytest.mark.parametrize(("seconds", "started"), [(0.0005, 4), (0.001, 2), (0.003, 1)])
async def test_a_client_that_pipelines_does_not_block_the_loop(
    http_protocol_cls: Any, monkeypatch: pytest.MonkeyPatch, seconds: float, started: int
) -> None:
    """A pass ends after 2 ms of work on one connection."""
    now = 0.0
    calls = 0

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal now, calls
        calls += 1
        now += seconds
        await respond()(scope, receive, send)

    monkeypatch.setattr("uvicorn.protocols.http.http1.monotonic", lambda: now)
    config = Config(app, lifespan="off", log_config=None, ws="none", proxy_headers=False)
    protocol = http_protocol_cls(
        config=config, server_state=ServerState(), app_state={}, _loop=asyncio.get_running_loop()
    )
    transport = FullTransport()
    transport.protocol = protocol
    protocol.connection_made(transport)
    protocol.data_received(GET * 7)
    for _ in range(3):
        # More requests neither make this pass longer nor add a pass.
        protocol.data_received(GET)
    passes = [calls]
    while calls < 10:
        await asyncio.sleep(0)
        passes.append(calls)
    assert passes == [min(number * started, 10) for number in range(1, len(passes) + 1)]


async def test_answers_pipelined_requests_if_the_application_waits(http_protocol_cls: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(0)
        await respond()(scope, receive, send)

    async with serving(http_protocol_cls, app) as (reader, writer, _):
        writer.write(GET * 50)
        assert await read_responses(reader, 50) == [200] * 50


async def test_pipelined_requests_do_not_see_each_other(http_protocol_cls: Any) -> None:
    """The next application does not see what an application sets in its context."""
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(variable.get())
        variable.set("set")
        await asyncio.sleep(0)
        await respond()(scope, receive, send)

    async with serving(http_protocol_cls, app) as (reader, writer, _):
        writer.write(GET * 5)
        assert await read_responses(reader, 5) == [200] * 5
    assert seen == ["unset"] * 5


async def test_reset_contextvars(http_protocol_cls: Any) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")
    variable.set("of the server")
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(variable.get())
        await respond()(scope, receive, send)

    async with serving(http_protocol_cls, app, reset_contextvars=True) as (reader, writer, _):
        writer.write(GET * 2)
        assert await read_responses(reader, 2) == [200] * 2
    assert seen == ["unset", "unset"]


async def test_an_application_knows_its_task(http_protocol_cls: Any) -> None:
    tasks = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        tasks.append(asyncio.current_task())
        await respond()(scope, receive, send)

    async with serving(http_protocol_cls, app) as (reader, writer, _):
        writer.write(GET * 2)
        assert await read_responses(reader, 2) == [200] * 2
    assert None not in tasks
    assert len(set(tasks)) == 2
    assert asyncio.current_task() not in tasks


async def test_serves_an_application_that_is_not_a_coroutine_function(http_protocol_cls: Any) -> None:
    """The server calls it within its task, whatever the application does."""
    tasks = []

    async def later(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(0)
        await respond()(scope, receive, send)

    def app(scope: Any, receive: Any, send: Any) -> Any:
        tasks.append(asyncio.current_task())
        if len(tasks) == 3:
            raise ValueError("at once")
        return (respond() if len(tasks) == 1 else later)(scope, receive, send)

    async with serving(http_protocol_cls, app, interface="asgi3") as (reader, writer, _):
        for _ in range(2):
            writer.write(GET)
            assert await read_responses(reader, 1) == [200]
        writer.write(GET)
        assert (await asyncio.wait_for(reader.read(), TIMEOUT)).startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert None not in tasks
    assert asyncio.current_task() not in tasks


async def test_answers_500_if_the_application_is_cancelled_at_once(http_protocol_cls: Any) -> None:
    async with serving(http_protocol_cls, send_all(asyncio.CancelledError)) as (reader, writer, _):
        writer.write(GET)
        answer = await asyncio.wait_for(reader.read(), TIMEOUT)
    assert answer.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")


EXITING = """
import asyncio, sys

async def app(scope, receive, send):
    if scope["path"] == "/late":
        await asyncio.sleep(0.01)
    sys.exit(4)
"""


@pytest.mark.parametrize("path", ["/", "/late"])
def test_answers_500_if_the_application_exits(loop: str, path: str, parser: str, tmp_path: Path) -> None:
    """The client gets the same as for any other exception; the process ends."""
    (tmp_path / "exiting.py").write_text(EXITING)
    options = ["exiting:app", "--app-dir", str(tmp_path), "--lifespan", "off", "--loop", loop, "--http", parser]
    with serve(*options) as server:
        answer = exchange((server.host, server.port), f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        assert answer.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
        assert server.wait() == 4


async def test_answers_500_if_the_application_fails_at_once(http_protocol_cls: Any) -> None:
    async with serving(http_protocol_cls, send_all(ValueError("at once"))) as (reader, writer, _):
        writer.write(GET)
        answer = await asyncio.wait_for(reader.read(), TIMEOUT)
    assert answer.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")


async def test_a_task_factory_is_used(http_protocol_cls: Any) -> None:
    made = []

    def factory(loop: Any, coroutine: Any, **options: Any) -> Any:
        made.append(coroutine)
        return asyncio.Task(coroutine, loop=loop, **options)

    loop = asyncio.get_running_loop()
    loop.set_task_factory(factory)
    try:
        async with serving(http_protocol_cls, respond()) as (reader, writer, _):
            before = len(made)
            writer.write(GET)
            assert await read_responses(reader, 1) == [200]
            assert len(made) > before
    finally:
        loop.set_task_factory(None)


async def test_resets_a_truncated_stream_to_an_http_1_0_client(http_protocol_cls: Any) -> None:
    async with serving(http_protocol_cls, send_all(start(), body(b"abc", True))) as (reader, writer, _):
        writer.write(head(b"GET / HTTP/1.0"))
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(reader.read(), TIMEOUT)


async def test_a_reset_disconnects_the_application(http_protocol_cls: Any) -> None:
    events = []
    left = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        events.append(await receive())
        left.set()

    async with serving(http_protocol_cls, app) as (_, writer, state):
        writer.write(GET)
        while not state.tasks:
            await asyncio.sleep(0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        writer.transport.abort()
        await asyncio.wait_for(left.wait(), TIMEOUT)
    assert events == [{"type": "http.disconnect"}]


async def test_an_idle_connection_is_closed(http_protocol_cls: Any) -> None:
    async with serving(http_protocol_cls, respond(), timeout_keep_alive=1) as (reader, writer, _):
        writer.write(GET)
        assert await read_responses(reader, 1) == [200]
        assert await asyncio.wait_for(reader.read(), TIMEOUT) == b""


async def test_a_rejected_client_gets_its_answer(http_protocol_cls: Any) -> None:
    """The client is still sending when the server writes the 400; no reset must overtake the answer."""
    async with serving(http_protocol_cls, respond()) as (reader, writer, _):
        writer.write(b"GET / HTTP/1.1\r\nno colon\r\n\r\n")
        for _ in range(10):
            writer.write(b"x" * 1000)
            await asyncio.sleep(0)
        answer = await asyncio.wait_for(reader.read(), TIMEOUT)
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert answer.endswith(b"Invalid HTTP request received.")


async def test_the_application_waits_for_a_slow_client(http_protocol_cls: Any) -> None:
    """The application waits for the client, whatever the size of the response is."""
    sent = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(start())
        for number in range(200):
            await send(body(b"x" * 100_000, True))
            sent.append(number)
        await send(body())

    async with serving(http_protocol_cls, app) as (reader, writer, _):
        writer.write(head(b"GET / HTTP/1.1", b"Connection: close"))
        await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), TIMEOUT)
        await turns(100)
        assert len(sent) < 200
        rest = await asyncio.wait_for(reader.read(), TIMEOUT)
    assert rest.count(b"x") == 20_000_000
    assert rest.endswith(b"0\r\n\r\n")


@pytest.mark.skipif(importlib.util.find_spec("uvloop") is None, reason="uvloop is not installed")
def test_uvloop(http_protocol_cls: Any) -> None:
    import uvloop

    async def main() -> None:
        checks: list[Callable[[Any], Any]] = [
            test_answers_many_pipelined_requests,
            test_answers_pipelined_requests_if_the_application_waits,
            test_pipelined_requests_do_not_see_each_other,
            test_an_application_knows_its_task,
            test_resets_a_truncated_stream_to_an_http_1_0_client,
            test_a_reset_disconnects_the_application,
            test_a_rejected_client_gets_its_answer,
            test_the_application_waits_for_a_slow_client,
        ]
        for check in checks:
            await asyncio.wait_for(check(http_protocol_cls), TIMEOUT)

    loop = uvloop.new_event_loop()
    try:
        loop.run_until_complete(main())
    finally:
        loop.close()
