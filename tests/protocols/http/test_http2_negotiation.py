"""Which HTTP version a client speaks: its first bytes or ALPN decide."""

import asyncio
from typing import Any

import pytest

from tests.cases.case import head
from tests.doubles import FullTransport, TlsObject
from tests.http2 import HELLO, Reader, headers
from tests.protocols.http.connection import GET, parse_responses, respond
from tests.protocols.http.http2 import http2_class, until
from uvicorn._speedups import http2_codes as codes
from uvicorn.config import Config
from uvicorn.protocols.http.negotiation import Negotiation
from uvicorn.server import Server
from uvicorn.server_state import ServerState


class Client:
    """A client, and the connection that has to find out which version the client speaks."""

    def __init__(self, build: str, **options: Any) -> None:
        self.config = Config(
            respond(b"Hello"), lifespan="off", log_config=None, http2=True, proxy_headers=False, **options
        )
        self.config.load()
        self.state = ServerState()
        self.transport = FullTransport()
        self.protocol = Negotiation(config=self.config, server_state=self.state, app_state={})
        self.protocol.http2_class = http2_class(build)
        self.transport.protocol = self.protocol

    def connect(self) -> None:
        self.protocol.connection_made(self.transport)

    def feed(self, data: bytes) -> None:
        self.transport.protocol.data_received(data)

    @property
    def http2(self) -> Reader:
        return Reader().read(self.transport.buffer)


@pytest.fixture
def client(build: str) -> Any:
    return lambda **options: Client(build, **options)


async def test_other_first_bytes_select_http_1_1(client: Any) -> None:
    peer = client()
    peer.connect()
    assert peer.state.connections == {peer.protocol}
    assert peer.protocol.transport is peer.transport
    peer.feed(GET)
    await until(lambda: peer.transport.buffer)
    assert parse_responses(peer.transport.buffer, [], ended=False)[0].body == b"Hello"
    assert peer.state.connections == {peer.transport.protocol}


@pytest.mark.parametrize("step", [1, 7, 1000])
async def test_a_preface_selects_http_2(client: Any, step: int) -> None:
    peer = client()
    peer.connect()
    wire = HELLO + headers(1)
    for i in range(0, len(wire), step):
        peer.feed(wire[i : i + step])
    await until(lambda: peer.http2.answers.get(1) and peer.http2.answers[1].ended)
    assert peer.http2.answers[1].body == b"Hello"
    assert peer.state.connections == {peer.transport.protocol}


@pytest.mark.parametrize("first", [b"P", b"PRI * HTTP/2.0\r\n\r\n"])
async def test_bytes_that_only_begin_like_the_preface(client: Any, first: bytes) -> None:
    peer = client()
    peer.connect()
    peer.feed(first)
    assert not peer.transport.buffer
    peer.feed(b"OST / HTTP/1.1\r\nhost: a\r\n\r\n")
    await until(lambda: peer.transport.buffer)
    [response] = parse_responses(peer.transport.buffer, [], ended=True)
    assert response.status == (200 if first == b"P" else 505)


async def test_a_request_line_without_a_version_is_a_wrong_preface(client: Any) -> None:
    peer = client()
    peer.connect()
    peer.feed(b"INVALID CONNECTION PREFACE\r\n\r\n")
    assert peer.http2.goaway.code == codes.PROTOCOL_ERROR


@pytest.mark.parametrize("line", [b"GET /\r\n\r\n", b"GET / HTTP/1.7x\r\n\r\n", b"\x16\x03\x01\r\n"])
async def test_answers_other_faults_as_http_1_1(client: Any, line: bytes) -> None:
    peer = client()
    peer.connect()
    peer.feed(line)
    await until(lambda: peer.transport.buffer)
    assert peer.transport.buffer.startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize("chosen", ["h2", "http/1.1", None])
async def test_alpn(client: Any, chosen: str | None) -> None:
    peer = client()
    peer.transport._extra.update(sslcontext=True, ssl_object=TlsObject(protocol=chosen))
    peer.connect()
    assert peer.transport.protocol is not peer.protocol
    if chosen == "h2":
        assert peer.http2.of_kind("SETTINGS"), "the settings must be sent at once"
        peer.feed(HELLO + headers(1))
        await until(lambda: peer.http2.answers.get(1) and peer.http2.answers[1].ended)
    else:
        peer.feed(GET)
        await until(lambda: peer.transport.buffer)
        assert peer.transport.buffer.startswith(b"HTTP/1.1 200")


async def test_a_client_that_sends_nothing(client: Any) -> None:
    peer = client(timeout_request_head=0.05)
    peer.connect()
    await asyncio.wait_for(_closed(peer.transport), 5)
    assert peer.transport.buffer.startswith(b"HTTP/1.1 408")


async def _closed(transport: FullTransport) -> None:
    while not (transport.closed or transport.eof_written):
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("first", [b"", b"PRI", head(b"GET / HTTP/1.1")[:3]])
async def test_an_end_of_input_is_handled_as_http_1_1(client: Any, first: bytes) -> None:
    """An incomplete request is answered as HTTP/1.1. If the client sent nothing, the server answers nothing."""
    peer = client()
    peer.connect()
    if first:
        peer.feed(first)
    peer.transport.protocol.eof_received()
    assert peer.transport.closed
    assert isinstance(peer.transport.protocol, peer.config.http_protocol_class)
    assert peer.transport.buffer.startswith(b"HTTP/1.1 400 Bad Request\r\n" if first else b"")
    assert bool(peer.transport.buffer) == bool(first)


async def test_removes_a_lost_connection(client: Any) -> None:
    peer = client()
    peer.connect()
    peer.protocol.pause_writing()
    peer.protocol.resume_writing()
    peer.protocol.connection_lost(None)
    assert not peer.state.connections


async def test_a_shutdown_closes_the_connection(client: Any) -> None:
    peer = client()
    peer.connect()
    peer.protocol.shutdown()
    assert peer.transport.closed


@pytest.mark.parametrize("http2", [False, True])
async def test_negotiates_only_if_http_2_is_on(http2: bool) -> None:
    config = Config(respond(), lifespan="off", log_config=None, http2=http2)
    config.load()
    server = Server(config)
    server.lifespan = config.lifespan_class(config)
    assert isinstance(server._create_protocol(), Negotiation if http2 else config.http_protocol_class)
