"""connectrpc over HTTP/2: with its own client for Connect, gRPC-Web and gRPC, and with the client of grpcio."""

import asyncio
import queue
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from tests.frameworks.conftest import needs
from tests.processes import PATIENCE, ServerProcess, run_async, serve

pytestmark = needs("connectrpc", "grpc")


@pytest.fixture(scope="module", params=["auto", "off"])
def server(request: pytest.FixtureRequest) -> Iterator[ServerProcess]:
    env = {"UVICORN_SPEEDUPS": request.param}
    with serve("tests.frameworks.apps.connect_app:app", "--http2", env=env) as server:
        yield server
        assert "Traceback" not in server.stderr


@pytest.mark.parametrize("protocol", ["CONNECT", "GRPC_WEB", "GRPC"])
def test_its_own_client(server: ServerProcess, protocol: str) -> None:
    from connectrpc.client import ConnectClient
    from connectrpc.errors import ConnectError
    from connectrpc.protocol import ProtocolType
    from protobuf.wkt.google.protobuf.wrappers_pb import StringValue
    from pyqwest import Client, HTTPTransport, HTTPVersion

    from tests.frameworks.apps.connect_app import CHAT, GREET, JOIN, SPELL

    async def names(*values: str) -> AsyncIterator[StringValue]:
        for value in values:
            yield StringValue(value=value)

    async def call() -> None:
        async with HTTPTransport(http_version=HTTPVersion.HTTP2) as transport:
            client = ConnectClient(server.url, protocol=ProtocolType[protocol], http_client=Client(transport))
            answers = await asyncio.gather(
                *(client.execute_unary(request=StringValue(value=f"{n}"), method=GREET) for n in range(50))
            )
            assert [answer.value for answer in answers] == [f"Hello, {n}!" for n in range(50)]
            large = StringValue(value="x" * 1_000_000)
            assert len((await client.execute_unary(request=large, method=GREET)).value) == 1_000_008
            with pytest.raises(ConnectError, match="a name is needed: \u00fc") as caught:
                await client.execute_unary(request=StringValue(value=""), method=GREET)
            assert caught.value.code.name == "INVALID_ARGUMENT"
            letters = client.execute_server_stream(request=StringValue(value="abc"), method=SPELL)
            assert [letter.value async for letter in letters] == ["a", "b", "c"]
            joined = await client.execute_client_stream(request=names("a", "b"), method=JOIN)
            assert joined.value == "ab"
            loud = client.execute_bidi_stream(request=names("a", "b"), method=CHAT)
            assert [answer.value async for answer in loud] == ["A", "B"]

    run_async(call())
    server.wait_stdout(r'"POST /test\.Greeter/Chat HTTP/2" 200')


def test_the_client_of_grpcio(server: ServerProcess) -> None:
    """The client expects the status in trailers. It sends each message of a stream after the answer to the last one."""
    import grpc
    from protobuf.wkt.google.protobuf.wrappers_pb import StringValue

    def of(channel: Any, kind: str, name: str) -> Any:
        return getattr(channel, kind)(
            f"/test.Greeter/{name}",
            request_serializer=lambda text: StringValue(value=text).to_binary(),
            response_deserializer=lambda data: StringValue.from_binary(data).value,
        )

    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        greet = of(channel, "unary_unary", "Greet")
        assert greet("you", timeout=PATIENCE) == "Hello, you!"
        calls = [greet.future(f"{n}", timeout=PATIENCE) for n in range(50)]
        assert [call.result() for call in calls] == [f"Hello, {n}!" for n in range(50)]
        assert len(greet("x" * 1_000_000, timeout=PATIENCE)) == 1_000_008
        with pytest.raises(grpc.RpcError) as caught:
            greet("", timeout=PATIENCE)
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert caught.value.details() == "a name is needed: \u00fc"
        spelt = of(channel, "unary_stream", "Spell")("ok?", timeout=PATIENCE)
        assert [next(spelt) for _ in range(3)] == ["o", "k", "?"]
        with pytest.raises(grpc.RpcError) as caught:
            next(spelt)
        assert caught.value.code() is grpc.StatusCode.ABORTED
        assert of(channel, "stream_unary", "Join")(iter("abc"), timeout=PATIENCE) == "abc"
        answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        heard: list[str] = []

        def one_after_the_other() -> Iterator[str]:
            for number in range(5):
                yield f"message {number}"
                heard.append(answers.get(timeout=PATIENCE))

        for answer in of(channel, "stream_stream", "Chat")(one_after_the_other(), timeout=PATIENCE):
            answers.put(answer)
        assert heard == [f"MESSAGE {number}" for number in range(5)]
