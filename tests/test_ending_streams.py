"""Responses that are being streamed when the server shuts down."""

import asyncio
import copy
import logging
import pickle
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.apps import live
from tests.processes import PATIENCE, receive_until, run_async
from tests.test_server import address_of, config_of, serving
from tests.waiting import eventually, until
from uvicorn import server as server_module
from uvicorn._compat import asyncio_run
from uvicorn.loops.uvloop import uvloop_loop_factory
from uvicorn.server import Server
from uvicorn.shutdown_event import ShutdownEvent

ENDING = "Ending {} streaming response(s), timeout stream shutdown exceeded"


class App:
    """An application that streams in several ways and records its events."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.release = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await live(receive, send)
            return
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
        await getattr(self, scope["path"][1:])(scope, receive, send)
        self.events.append(scope["path"])

    async def stream(self, scope: Any, receive: Any, send: Any) -> None:
        """Stream until `http.disconnect`."""
        await self.begin(send)
        await receive()
        assert await receive() == {"type": "http.disconnect"}

    async def late(self, scope: Any, receive: Any, send: Any) -> None:
        self.events.append("begun")
        await self.release.wait()
        await self.stream(scope, receive, send)

    async def asks(self, scope: Any, receive: Any, send: Any) -> None:
        """Stream until the event of the server's shutdown is set."""
        event = scope["extensions"]["uvicorn.shutdown"]["event"]
        assert not event.is_set()
        await self.begin(send)
        assert await event.wait()
        assert event.is_set()
        await self.end(send)

    async def socket(self, scope: Any, receive: Any, send: Any) -> None:
        assert await scope["extensions"]["uvicorn.shutdown"]["event"].wait()

    async def deaf(self, scope: Any, receive: Any, send: Any) -> None:
        await self.begin(send)
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            self.events.append("cancelled")
            raise

    async def begin(self, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"begin", "more_body": True})

    async def end(self, send: Any) -> None:
        await send({"type": "http.response.body", "body": b"end"})


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def ask(cls, server: Server, path: str, *fields: str) -> "Client":
        client = cls(*await asyncio.open_connection(*address_of(server)))
        client.writer.write("\r\n".join([f"GET {path} HTTP/1.1", "host: a", *fields, "", ""]).encode())
        return client

    async def read_end(self) -> bytes:
        data = await asyncio.wait_for(self.reader.read(), PATIENCE)
        self.writer.close()
        return data


async def streaming(server: Server, path: str) -> Client:
    client = await Client.ask(server, path)
    await asyncio.wait_for(client.reader.readuntil(b"begin"), PATIENCE)
    return client


LAST_CHUNKS = b"3\r\nend\r\n0\r\n\r\n"


@pytest.fixture
def messages(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    caplog.set_level(logging.INFO, logger="uvicorn.error")
    return lambda: [record.getMessage() for record in caplog.records if record.name == "uvicorn.error"]


def test_streams_end_and_other_requests_finish(loop: str, messages: Callable[[], list[str]]) -> None:
    async def main() -> None:
        app = App()
        server = Server(config_of(app, timeout_stream_shutdown=0.01, timeout_graceful_shutdown=PATIENCE))
        async with serving(server) as task:
            streams = [await streaming(server, "/stream") for _ in range(2)]
            waiting = await Client.ask(server, "/late")
            await until(lambda: app.events == ["begun"])
            server.should_exit = True
            # The final chunk is missing, so the client can see that the response is incomplete.
            assert [await stream.read_end() for stream in streams] == [b"\r\n"] * 2
            assert not task.done()
            # A stream that begins during the shutdown gets some time, too.
            app.release.set()
            assert (await waiting.read_end()).endswith(b"\r\n\r\n5\r\nbegin\r\n")
            await asyncio.wait_for(task, PATIENCE)
        assert app.events == ["begun", "/stream", "/stream", "/late"]

    asyncio_run(main(), loop_factory=uvloop_loop_factory() if loop == "uvloop" else None)
    assert ENDING.format(2) in messages()
    assert ENDING.format(1) in messages()
    assert not [message for message in messages() if message.startswith("Cancel")]


async def test_streams_are_ended_once(monkeypatch: pytest.MonkeyPatch, messages: Callable[[], list[str]]) -> None:
    """An application that does not receive is cancelled when the graceful shutdown ends."""
    monkeypatch.setattr(server_module, "LATE_STREAM_GRACE", 0.0)
    app = App()
    server = Server(config_of(app, timeout_stream_shutdown=0, timeout_graceful_shutdown=0.3))
    async with serving(server) as task:
        stream = await streaming(server, "/deaf")
        server.should_exit = True
        await asyncio.wait_for(task, PATIENCE)
        stream.writer.close()
    assert app.events == ["cancelled"]
    assert messages().count(ENDING.format(1)) == 1
    assert "Cancel 1 running task(s), timeout graceful shutdown exceeded" in messages()


@pytest.mark.parametrize(
    ("options", "seconds"),
    [
        ({}, None),
        ({"timeout_graceful_shutdown": 10}, 5),
        ({"timeout_graceful_shutdown": 0}, 0),
        ({"timeout_graceful_shutdown": 10, "timeout_stream_shutdown": 0}, 0),
        ({"timeout_stream_shutdown": 3}, 3),
    ],
)
async def test_the_default_is_half_of_the_graceful_timeout(
    options: dict[str, Any], seconds: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    delays: list[float] = []

    async def end_streams(seconds: float) -> None:
        delays.append(seconds)

    server = Server(config_of(App(), **options))
    monkeypatch.setattr(server, "_end_streams", end_streams)
    async with serving(server) as task:
        server.should_exit = True
        await asyncio.wait_for(task, PATIENCE)
    assert delays == ([] if seconds is None else [seconds])


async def test_an_application_can_wait_for_the_shutdown() -> None:
    app = App()
    server = Server(config_of(app))
    async with serving(server) as task:
        clients = [await streaming(server, "/asks") for _ in range(2)]
        upgrade = ("connection: upgrade", "upgrade: websocket", "sec-websocket-version: 13")
        websocket = await Client.ask(server, "/socket", *upgrade, "sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==")
        await asyncio.wait_for(websocket.reader.readuntil(b"\r\n\r\n"), PATIENCE)
        server.should_exit = True
        assert [await client.read_end() for client in clients] == [b"\r\n" + LAST_CHUNKS] * 2
        websocket.writer.close()
        await asyncio.wait_for(task, PATIENCE)
    assert sorted(app.events) == ["/asks", "/asks", "/socket"]


async def test_without_an_option_a_stream_continues_until_a_forced_exit() -> None:
    app = App()
    server = Server(config_of(app))
    async with serving(server) as task:
        stream = await streaming(server, "/stream")
        server.should_exit = True
        await until(server.server_state.shutdown_event.is_set)
        assert server._ending_streams is None
        server.force_exit = True
        await asyncio.wait_for(task, PATIENCE)
        stream.writer.close()
    assert app.events == []


@pytest.mark.parametrize("force", [False, True])
def test_a_program_that_stops_a_server_in_a_thread(force: bool) -> None:
    app = App()
    server = Server(config_of(app, timeout_stream_shutdown=None if force else 0.01))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        eventually(lambda: server.started or not thread.is_alive())
        with socket.create_connection(address_of(server), PATIENCE) as client:
            client.sendall(
                b"GET /deaf HTTP/1.1\r\nhost: a\r\n\r\n" if force else b"GET /stream HTTP/1.1\r\nhost: a\r\n\r\n"
            )
            received = receive_until(client, lambda received: b"begin" in received)
            server.should_exit = True
            eventually(server.server_state.shutdown_event.is_set)
            server.force_exit = force
            while piece := client.recv(65536):
                received += piece
        assert not received.endswith(b"0\r\n\r\n")
        thread.join(PATIENCE)
        assert not thread.is_alive()
    finally:
        server.force_exit = server.should_exit = True
        thread.join(PATIENCE)
    assert app.events == ["cancelled" if force else "/stream"]


async def test_a_cancelled_server_sets_the_event() -> None:
    server = Server(config_of(App(), timeout_stream_shutdown=1))
    async with serving(server) as task:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert server.server_state.shutdown_event.is_set()


# The event


def test_waiters_are_woken() -> None:
    async def main() -> None:
        event = ShutdownEvent()
        waiting = [asyncio.ensure_future(event.wait()) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        await asyncio.gather(waiting[0], return_exceptions=True)
        event.set()
        event.set()
        assert await asyncio.gather(*waiting[1:]) == [True, True]
        assert await event.wait()

    run_async(main())


def test_a_copy_of_a_scope_has_the_same_event() -> None:
    event = ShutdownEvent()
    assert copy.deepcopy({"event": event}) == {"event": event}
    event.set()
    # A pickled event belongs to no server, so it is not set.
    assert not pickle.loads(pickle.dumps(event)).is_set()
