"""A service of connectrpc without generated code: its messages are the wrapper types of Protocol Buffers."""

from collections.abc import AsyncIterator
from typing import Any

from connectrpc.code import Code
from connectrpc.errors import ConnectError
from connectrpc.method import IdempotencyLevel, MethodInfo, StreamType
from connectrpc.server import ConnectASGIApplication, Endpoint
from protobuf.wkt.google.protobuf.wrappers_pb import StringValue

SERVICE = "test.Greeter"


def method(name: str, stream_type: StreamType) -> "MethodInfo[StringValue, StringValue]":
    return MethodInfo(
        name=name,
        service_name=SERVICE,
        input=StringValue,
        output=StringValue,
        idempotency_level=IdempotencyLevel.NO_SIDE_EFFECTS,
        stream_type=stream_type,
    )


GREET = method("Greet", StreamType.UNARY)
SPELL = method("Spell", StreamType.SERVER_STREAM)
JOIN = method("Join", StreamType.CLIENT_STREAM)
CHAT = method("Chat", StreamType.BIDI_STREAM)


class Greeter:
    async def greet(self, request: StringValue, context: Any) -> StringValue:
        if not request.value:
            raise ConnectError(Code.INVALID_ARGUMENT, "a name is needed: \u00fc")
        return StringValue(value=f"Hello, {request.value}!")

    async def spell(self, request: StringValue, context: Any) -> AsyncIterator[StringValue]:
        for letter in request.value:
            yield StringValue(value=letter)
        if request.value.endswith("?"):
            raise ConnectError(Code.ABORTED, "no answer")

    async def join(self, requests: AsyncIterator[StringValue], context: Any) -> StringValue:
        return StringValue(value="".join([request.value async for request in requests]))

    async def chat(self, requests: AsyncIterator[StringValue], context: Any) -> AsyncIterator[StringValue]:
        async for request in requests:
            yield StringValue(value=request.value.upper())


class Application(ConnectASGIApplication[Greeter]):
    @property
    def path(self) -> str:
        return f"/{SERVICE}"


app = Application(
    service=Greeter(),
    endpoints=lambda greeter: {
        f"/{SERVICE}/Greet": Endpoint.unary(method=GREET, function=greeter.greet),
        f"/{SERVICE}/Spell": Endpoint.server_stream(method=SPELL, function=greeter.spell),
        f"/{SERVICE}/Join": Endpoint.client_stream(method=JOIN, function=greeter.join),
        f"/{SERVICE}/Chat": Endpoint.bidi_stream(method=CHAT, function=greeter.chat),
    },
)
