"""One worker's listeners, in this process."""

import asyncio
import errno
import socket
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trustme

from tests.waiting import until
from uvicorn.config import Config
from uvicorn.supervisors.fair_listeners import (
    ABSENT,
    COURTESY_DELAY,
    SLACK,
    FairListeners,
    PublishedConnections,
    Scoreboard,
    Share,
)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="not used there")


class Answer(asyncio.Protocol):
    """A protocol that sends "hello" and keeps the connection open."""

    def __init__(self, connections: PublishedConnections) -> None:
        self._connections = connections

    def connection_made(self, transport: Any) -> None:
        self._connections.add(self)
        self._transport = transport
        transport.write(b"hello")

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)
        self._transport.close()  # Without this, the TLS transport of Python 3.10 reports that it is open.


class Worker:
    """The listeners of a worker, its share, and the share of another worker."""

    def __init__(self, sock: socket.socket, listeners: FairListeners, share: Share, other: Share) -> None:
        self.address = sock.getsockname()
        self.sock = sock
        self.listeners = listeners
        self.share = share
        self.other = other

    @property
    def load(self) -> int:
        return self.share.read()[self.share.index]


@asynccontextmanager
async def listening(context: ssl.SSLContext | None = None) -> AsyncIterator[Worker]:
    scoreboard = Scoreboard()
    share, other = scoreboard.take(), scoreboard.take()
    assert share is not None
    assert other is not None
    config = Config(app=None, log_config=None, timeout_ssl_handshake=0.2)
    config.ssl = context
    connections = PublishedConnections(share)
    with socket.create_server(("127.0.0.1", 0)) as sock:
        listeners = FairListeners(config, lambda: Answer(connections), connections)
        await listeners.open([sock])
        try:
            yield Worker(sock, listeners, share, other)
        finally:
            listeners.close()
            for connection in list(connections):
                connections.remove(connection)
            scoreboard.close()


async def test_connections_are_accepted_and_published() -> None:
    async with listening() as worker:
        assert worker.load == 0
        reader, writer = await asyncio.open_connection(*worker.address)
        assert await reader.readexactly(5) == b"hello"
        assert worker.load == 1
        writer.close()
        await until(lambda: worker.load == 0)
        worker.listeners.close()
        assert worker.load == ABSENT
        assert worker.sock.fileno() == -1
        worker.listeners.servers[0].close()  # a second close does nothing


async def test_a_worker_that_is_ahead_waits_a_little() -> None:
    async with listening() as worker:
        worker.share.publish(SLACK + 1)
        worker.other.publish(0)
        begun = asyncio.get_running_loop().time()
        reader, writer = await asyncio.open_connection(*worker.address)
        assert await reader.readexactly(5) == b"hello"
        assert asyncio.get_running_loop().time() - begun >= COURTESY_DELAY * 0.9
        writer.close()


async def test_a_connection_that_another_worker_took_is_no_error() -> None:
    async with listening() as worker:
        worker.share.publish(SLACK + 1)
        worker.other.publish(0)
        reader, writer = await asyncio.open_connection(*worker.address)
        await until(lambda: worker.listeners.servers[0]._timer is not None)  # type: ignore[attr-defined]
        taken, _ = worker.sock.accept()
        await until(lambda: worker.listeners.servers[0]._timer is None)  # type: ignore[attr-defined]
        taken.sendall(b"taken")
        assert await reader.readexactly(5) == b"taken"
        taken.close()
        writer.close()


async def test_a_worker_stops_waiting_when_its_connections_end() -> None:
    async with listening() as worker:
        clients = [await asyncio.open_connection(*worker.address) for _ in range(SLACK + 1)]
        for reader, _ in clients:
            await reader.readexactly(5)
        worker.other.publish(0)
        late = await asyncio.open_connection(*worker.address)
        await until(lambda: worker.listeners.servers[0]._timer is not None)  # type: ignore[attr-defined]
        clients[0][1].close()
        await until(lambda: worker.listeners.servers[0]._timer is None)  # type: ignore[attr-defined]
        assert await late[0].readexactly(5) == b"hello"
        for _, writer in [*clients[1:], late]:
            writer.close()


async def test_a_worker_that_does_not_wait_ignores_closed_connections() -> None:
    async with listening() as worker:
        server: Any = worker.listeners.servers[0]
        server._reconsider()
        reader, writer = await asyncio.open_connection(*worker.address)
        assert await reader.readexactly(5) == b"hello"
        writer.close()


async def test_listeners_can_be_closed_while_they_wait() -> None:
    async with listening() as worker:
        worker.share.publish(SLACK + 1)
        worker.other.publish(0)
        _, writer = await asyncio.open_connection(*worker.address)
        await until(lambda: worker.listeners.servers[0]._timer is not None)  # type: ignore[attr-defined]
        worker.listeners.close()
        await asyncio.sleep(COURTESY_DELAY * 2)
        assert worker.load == ABSENT
        writer.close()


class Failing:
    """A listening socket whose next `accept` fails."""

    def __init__(self, sock: socket.socket, error: OSError) -> None:
        self._sock = sock
        self._errors = [error]

    def accept(self) -> Any:
        if self._errors:
            raise self._errors.pop()
        return self._sock.accept()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


@pytest.mark.parametrize("text", ["Too many open files", "an unknown error"])
async def test_accepting_goes_on_after_an_error(
    text: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("uvicorn.net.listeners.ACCEPT_RETRY_DELAY", 0.1)
    async with listening() as worker:
        server: Any = worker.listeners.servers[0]
        server._sock = Failing(worker.sock, OSError(errno.EMFILE if "files" in text else 0, text))
        reader, writer = await asyncio.open_connection(*worker.address)
        await until(lambda: worker.load == ABSENT)  # This worker is absent, so the others do not wait for it.
        assert await reader.readexactly(5) == b"hello"
        assert worker.load == 1
        writer.close()
    assert caplog.text.count(f"Cannot accept connections: {text}. Trying again in 0.1 s.") == 1


async def test_a_client_that_has_already_disconnected(caplog: pytest.LogCaptureFixture) -> None:
    async with listening() as worker:
        server: Any = worker.listeners.servers[0]
        server._sock = Failing(worker.sock, ConnectionAbortedError(errno.ECONNABORTED, "gone"))
        reader, writer = await asyncio.open_connection(*worker.address)
        assert await reader.readexactly(5) == b"hello"
        writer.close()
    assert "Cannot accept" not in caplog.text


@pytest.fixture
def context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(context)
    return context


async def test_tls(context: ssl.SSLContext) -> None:
    trusting = ssl.create_default_context()
    trusting.check_hostname = False
    trusting.verify_mode = ssl.CERT_NONE
    async with listening(context) as worker:
        reader, writer = await asyncio.open_connection(*worker.address, ssl=trusting)
        assert await reader.readexactly(5) == b"hello"
        assert worker.load == 1
        writer.close()
        await until(lambda: worker.load == 0)


@pytest.mark.parametrize("sent", [b"GET / HTTP/1.1\r\n\r\n", b""], ids=["no-tls", "silence"])
async def test_a_handshake_that_fails_is_forgotten(context: ssl.SSLContext, sent: bytes) -> None:
    async with listening(context) as worker:
        _, writer = await asyncio.open_connection(*worker.address)
        await until(lambda: worker.load == 1)
        writer.write(sent)
        await until(lambda: worker.load == 0)
        writer.transport.abort()
        # The failed connection was subtracted once: the next connection counts as one.
        _, other = await asyncio.open_connection(*worker.address)
        await until(lambda: worker.load != 0)
        assert worker.load == 1
        other.transport.abort()


async def test_a_connection_that_is_being_set_up_counts() -> None:
    scoreboard = Scoreboard()
    share = scoreboard.take()
    assert share is not None
    connections = PublishedConnections(share)
    connections.accepting(True)
    made: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def connect() -> None:
        await made

    connections.set_up(connect())
    assert share.read()[share.index] == 1
    made.set_result(None)
    await connections.wait_empty()
    assert share.read()[share.index] == 0
    scoreboard.close()
