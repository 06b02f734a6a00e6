"""The server counts why it closes accepted connections before a protocol gets them."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.waiting import until
from uvicorn.config import Config
from uvicorn.net.listeners import AcceptingServer, Connector
from uvicorn.server_state import Connections

REQUEST = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
NO_ADDRESS = b"PROXY UNKNOWN\r\n"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    trustme = pytest.importorskip("trustme")
    path: Path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(trustme.CA().issue_cert("localhost").private_key_and_cert_chain_pem.bytes())
    return path


@contextlib.asynccontextmanager
async def connecting(data: bytes, **options: Any) -> AsyncIterator[Connections]:
    """Start a server with these options. A client has connected to it and has sent `data`."""
    config = Config("tests.metrics.app:app", log_config=None, **options)
    config.load()
    connections = Connections()
    listener = socket.create_server(("127.0.0.1", 0))
    connector = Connector(config, asyncio.Protocol, connections)
    server = AcceptingServer(listener, connector, connections, config.backlog)
    try:
        with socket.create_connection(listener.getsockname()) as client:
            client.sendall(data)
            yield connections
    finally:
        server.close()
        await until(lambda: server.sockets == ())


async def test_a_tls_handshake_that_fails(certificate: Path) -> None:
    async with connecting(REQUEST, ssl_certfile=str(certificate)) as connections:
        await until(lambda: connections.refused)
    assert (connections.accepted, connections.refused) == (1, {"tls_handshake": 1})


async def test_a_missing_header_of_a_proxy() -> None:
    async with connecting(REQUEST, proxy_protocol=True) as connections:
        await until(lambda: connections.refused)
    assert (connections.accepted, connections.refused) == (1, {"proxy_protocol": 1})


async def test_a_tls_handshake_that_fails_after_the_header_of_a_proxy(certificate: Path) -> None:
    options = {"proxy_protocol": True, "ssl_certfile": str(certificate)}
    async with connecting(NO_ADDRESS + REQUEST, **options) as connections:
        await until(lambda: connections.refused)
    assert (connections.accepted, connections.refused) == (1, {"tls_handshake": 1})


async def test_a_shutdown_before_the_header() -> None:
    async with connecting(b"", proxy_protocol=True) as connections:
        await until(lambda: connections.setups)
        connections.give_up_setups()
        await until(lambda: not connections.setups)
    assert (connections.accepted, connections.refused) == (1, {"shutdown": 1})


async def test_a_client_that_has_disconnected(monkeypatch: pytest.MonkeyPatch) -> None:
    async def connect(*arguments: Any) -> None:
        raise OSError("the client has gone")

    monkeypatch.setattr(asyncio.get_running_loop(), "connect_accepted_socket", connect)
    async with connecting(NO_ADDRESS, proxy_protocol=True) as connections:
        await until(lambda: connections.refused)
    assert (connections.accepted, connections.refused) == (1, {"other": 1})


async def test_a_connection_that_is_made() -> None:
    async with connecting(NO_ADDRESS, proxy_protocol=True) as connections:
        await until(lambda: connections.accepted and not connections.setups)
    assert not connections.refused
