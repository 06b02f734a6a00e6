"""What programs do with subclasses of the protocol classes, on a real loop and real sockets."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trustme

from tests.cases.case import head
from tests.cases.outcome import Response, parse_responses
from tests.protocols.http.connection import GET, HELLO, Scopes, post, respond
from tests.protocols.http.test_hooks import OF_A_REQUEST, traced
from tests.protocols.websockets.connection import request as handshake
from tests.protocols.websockets.frames import close
from uvicorn.config import Config
from uvicorn.protocols.exchange import RequestResponseCycle
from uvicorn.server_state import ServerState

TIMEOUT = 20


@asynccontextmanager
async def listening(protocol_class: Any, app: Any, **options: Any) -> AsyncIterator[int]:
    """Serve the application on a free port, with TLS if it is configured."""
    config = Config(app, **{"lifespan": "off", "log_config": None, "ws": "none", **options})
    config.load()
    state = ServerState()

    def make() -> Any:
        return protocol_class(config=config, server_state=state, app_state={})

    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0, ssl=config.ssl)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for connection in list(state.connections):
            connection.shutdown()
        await asyncio.wait_for(state.connections.wait_empty(), TIMEOUT)
        await asyncio.wait_for(server.wait_closed(), TIMEOUT)


async def ask(port: int, data: bytes, context: ssl.SSLContext | None = None) -> tuple[Response, ...]:
    """Send the requests and read until the server closes; the last request asks it to close."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    try:
        writer.write(data)
        received = await asyncio.wait_for(reader.read(), TIMEOUT)
    finally:
        writer.transport.abort()
    return parse_responses(received, [], ended=True)


LAST = head(b"GET /last HTTP/1.1", b"Connection: close")


@pytest.mark.parametrize("required", [True, False], ids=["required", "optional"])
async def test_client_certificates(http_protocol_cls: Any, tmp_path: Any, required: bool) -> None:
    """The application sees the client's certificate, and a client without a certificate is refused."""

    class ClientCertificates(http_protocol_cls):  # type: ignore[misc]  # the class comes from a fixture
        def on_headers_complete(self) -> None:
            super().on_headers_complete()
            certificate = self.transport.get_extra_info("ssl_object").getpeercert()
            if certificate:
                self.scope["client_certificate"] = certificate
            elif required:
                self.send_400_response("A client certificate is required.")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        certificate = scope.get("client_certificate", {})
        await respond(json.dumps([name for kind, name in certificate.get("subjectAltName", ())]).encode())(
            scope, receive, send
        )

    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    options = {
        "ssl_certfile": str(tmp_path / "server.pem"),
        "ssl_ca_certs": str(tmp_path / "ca.pem"),
        "ssl_cert_reqs": int(ssl.CERT_OPTIONAL),
    }
    known, unknown = ssl.create_default_context(), ssl.create_default_context()
    for context in (known, unknown):
        authority.configure_trust(context)
    authority.issue_cert("client@example.org").configure_cert(known)
    async with listening(ClientCertificates, app, **options) as port:
        for response in await ask(port, GET + LAST, known):
            assert json.loads(response.body) == ["client@example.org"]
        [response, *_] = await ask(port, LAST, unknown)
    expected = (400, b"A client certificate is required.") if required else (200, b"[]")
    assert (response.status, response.body) == expected


async def test_limit_of_the_target(http_protocol_cls: Any) -> None:
    """A hook refuses the request with its own answer. The requests before it are served."""
    app = Scopes()

    class Limited(http_protocol_cls):  # type: ignore[misc]  # the class comes from a fixture
        def on_url(self, url: bytes) -> None:
            if len(url) > 20:
                self.transport.write(b"HTTP/1.1 414 URI Too Long\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
                self.transport.close()
            super().on_url(url)

    async with listening(Limited, app) as port:
        assert [response.status for response in await ask(port, GET + LAST)] == [200, 200]
        assert [response.status for response in await ask(port, head(b"GET /%b HTTP/1.1" % (b"a" * 20)))] == [414]
    assert [scope["path"] for scope in app.scopes] == ["/", "/last"]


async def test_trace_of_everything(http_protocol_cls: Any) -> None:
    """Pipelined requests are read before the first is answered, and each request causes all its calls."""
    recorded: list[Any] = []
    names = (*OF_A_REQUEST, "on_response_complete", "data_received", "connection_made", "connection_lost")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["more_body"]:
            pass
        recorded.append("app")
        await respond()(scope, receive, send)

    async with listening(traced(http_protocol_cls, recorded, *names), app) as port:
        responses = await ask(port, post(b"hello") + LAST)
    calls = [call if isinstance(call, str) else call[0] for call in recorded]
    assert [response.body for response in responses] == [HELLO, HELLO]
    assert (calls[0], calls[-1]) == ("connection_made", "connection_lost")
    counts = {name: calls.count(name) for name in (*names, "app")}
    assert counts == {
        **dict.fromkeys(counts, 2),
        "on_header": 4,
        "on_body": 1,
        "connection_made": 1,
        "connection_lost": 1,
        "data_received": counts["data_received"],
    }
    first = [call for call in calls if call in ("on_message_begin", "on_url", "on_headers_complete", "app")]
    assert first[:3] == ["on_message_begin", "on_url", "on_headers_complete"]
    assert calls.index("on_message_complete") < calls.index("app") < calls.index("on_response_complete")


async def test_h11_upgrade_by_path(build: str) -> None:
    """A subclass that accepts WebSockets on one path only."""
    pytest.importorskip("websockets")
    from tests.protocols.http.classes import protocol_class

    base = protocol_class("h11", build)

    class OnePath(base):  # type: ignore[misc,valid-type]  # made at run time
        def handle_websocket_upgrade(self, event: Any) -> None:
            if event.target == b"/live":
                super().handle_websocket_upgrade(event)
            else:
                self.send_400_response("No WebSocket here.")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close"})

    async with listening(OnePath, app, ws="websockets") as port:
        [response, *_] = await ask(port, handshake(line=b"GET /live HTTP/1.1") + close(1000))
        assert response.status == 101
        [response] = await ask(port, handshake(line=b"GET /other HTTP/1.1"))
        assert (response.status, response.body) == (400, b"No WebSocket here.")


@pytest.mark.parametrize("where", ["class", "module"])
async def test_wrapped_run_asgi(
    http_protocol_cls: Any, parser: str, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """A tracing tool starts a span for each request and replaces the application."""
    spans: list[str] = []
    original = RequestResponseCycle.run_asgi

    async def run_asgi(self: Any, app: Any) -> None:
        async def named(scope: Any, receive: Any, send: Any) -> None:
            await app({**scope, "span": len(spans)}, receive, send)

        spans.append(self.scope["path"])
        await original(self, named)
        spans.append("failed" if not self.response_started else "done")

    if where == "class":
        monkeypatch.setattr(RequestResponseCycle, "run_asgi", run_asgi)
    else:
        cycle = type("Cycle", (RequestResponseCycle,), {"run_asgi": run_asgi})
        monkeypatch.setattr(f"uvicorn.protocols.http.{parser}_impl.RequestResponseCycle", cycle)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/last":
            raise ZeroDivisionError
        await respond(b"%d" % scope["span"])(scope, receive, send)

    async with listening(http_protocol_cls, app) as port:
        responses = await ask(port, GET + GET + LAST)
    assert [(response.status, response.body) for response in responses] == [
        *((200, b"1"), (200, b"3"), (500, b"Internal Server Error")),
    ]
    assert spans == ["/", "done", "/", "done", "/last", "failed"]
