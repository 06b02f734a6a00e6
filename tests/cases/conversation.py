"""One wire case, run against a protocol in this process over a test transport that behaves like asyncio's."""

import asyncio
from collections.abc import Iterable
from typing import Any

from tests.cases.case import Case
from tests.cases.outcome import Outcome, Seen, parse_responses
from tests.doubles import FullTransport
from uvicorn.server import ServerState

# If nothing observable happens in this many passes of the loop, the server is waiting for the client.
QUIET_PASSES = 4


class Pipe(FullTransport):
    """A transport that calls `connection_lost` of the protocol after it has closed, as real transports do."""

    def close(self) -> None:
        super().close()
        self._lose()

    def abort(self) -> None:
        super().abort()
        self._lose()

    def _lose(self) -> None:
        asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)


class Conversation:
    """A client and a protocol in this process.

    Args:
        protocol_class: the HTTP protocol to talk to.
        config: a loaded `Config` whose application is `tests.cases.echo:app`.
    """

    def __init__(self, protocol_class: Any, config: Any) -> None:
        self.seen: list[Seen] = []
        self._at_rest = False
        self.state = ServerState()
        self.transport = Pipe()
        protocol = protocol_class(config=config, server_state=self.state, app_state={"seen": self.seen})
        self.transport.protocol = protocol
        protocol.connection_made(self.transport)

    @property
    def _observed(self) -> tuple[object, ...]:
        transport = self.transport
        progress = [len(request.body) + request.complete for request in self.seen]
        return len(transport.writes), transport.closed, transport.eof_written, transport.reading, progress

    async def settle(self) -> None:
        """Let the server do everything that it can do without another byte."""
        before, quiet = self._observed, QUIET_PASSES if self._at_rest else 0
        while quiet < QUIET_PASSES:
            await asyncio.sleep(0)
            now = self._observed
            quiet = quiet + 1 if now == before else 0
            before = now
        self._at_rest = True

    async def say(self, pieces: Iterable[bytes], *, settled: bool) -> None:
        """Send the pieces, each as one read from the socket.

        Args:
            pieces: the bytes.
            settled: whether the server comes to rest after each piece; if not, one pass of the loop follows each piece.
        """
        for piece in pieces:
            if not self.transport.reading:
                await self.settle()
            if self.transport.closed or not self.transport.reading:
                return
            self._at_rest = False
            self.transport.protocol.data_received(piece)
            await (self.settle() if settled else asyncio.sleep(0))

    async def finish(self) -> None:
        """Send the client's FIN."""
        await self.settle()
        if self.transport.closed:
            return
        self._at_rest = False
        stays_open = self.transport.protocol.eof_received()
        if not stays_open and not self.transport.closed:
            self.transport.close()
        await self.settle()

    async def outcome(self) -> Outcome:
        """What the client and the application saw; the client then leaves, and the server must keep nothing."""
        await self.settle()
        transport = self.transport
        ended = transport.closed or transport.eof_written
        methods = [request.method for request in self.seen]
        responses = parse_responses(transport.buffer, methods, ended=ended)
        # This is a copy, because what happens to requests after the client has left is not part of the outcome.
        seen = tuple(Seen(request.method, request.path, request.body, request.complete) for request in self.seen)
        await self.finish()
        if not transport.closed:
            transport.abort()
            self._at_rest = False
            await self.settle()
        assert not self.state.connections, "a connection was not removed"
        assert not self.state.tasks, "a task was not removed"
        return Outcome(responses, seen, ended)


async def converse(protocol_class: Any, config: Any, case: Case, pieces: Iterable[bytes], *, settled: bool) -> Outcome:
    """Run the case against a protocol of the class and return the outcome."""
    conversation = Conversation(protocol_class, config)
    await conversation.say(pieces, settled=settled)
    if case.half_close:
        await conversation.finish()
    return await conversation.outcome()
