"""A whole connection: random bytes in random pieces, an application that may do anything, a client that may leave."""

import asyncio
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.cases.conversation import Pipe
from tests.fuzz.grammar import ends, messages, mutated, positions, streams
from tests.fuzz.parsing import BUILDS, PARSERS, check_requests, cut
from tests.fuzz.reading import read_with_h11
from tests.processes import run_async
from tests.protocols.http.classes import protocol_class
from tests.steps import bounded
from uvicorn.config import Config
from uvicorn.protocols.connection import Due
from uvicorn.protocols.http.http1 import State
from uvicorn.server_state import ServerState

# The function calls that one piece may cause, applications included, and those that each byte adds.
STEPS = 20_000
STEPS_PER_BYTE = 200

KINDS = [(parser, build) for parser in PARSERS for build in BUILDS]


class Recorded:
    """A server with one connection, whose application records each request and echoes the body."""

    def __init__(self, parser: str, build: str) -> None:
        self.seen: list[tuple[str, str, bytes, bool]] = []
        config = Config(self.app, lifespan="off", log_config=None, ws="none", proxy_headers=False, interface="asgi3")
        config.load()
        self.state = ServerState()
        self.transport = Pipe()
        self.protocol = protocol_class(parser, build)(config=config, server_state=self.state, app_state={})
        self.transport.protocol = self.protocol
        self.protocol.connection_made(self.transport)

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        index = len(self.seen)
        self.seen.append((scope["method"], scope["path"], b"", False))
        body, more_body = b"", True
        while more_body:
            event = await receive()
            if event["type"] == "http.disconnect":
                return
            body, more_body = body + event["body"], event["more_body"]
        self.seen[index] = (scope["method"], scope["path"], body, True)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
        await send({"type": "http.response.body", "body": body})

    async def converse(self, pieces: list[bytes]) -> tuple[list[tuple[str, str, bytes, bool]], list[int], bool]:
        """Send the pieces; return the requests, the status codes and whether the server ended the connection."""
        transport = self.transport
        for piece in pieces:
            for _ in range(200):
                if transport.reading:
                    break
                await asyncio.sleep(0)
            assert transport.reading, "the server has stopped reading, but the connection is open"
            if transport.closed:
                break
            self.protocol.data_received(piece)
            await asyncio.sleep(0)
        for _ in range(60):
            await asyncio.sleep(0)
        ended = transport.closed or transport.eof_written
        methods = [method for method, _, _, complete in self.seen if complete]
        # If a rejection ends the body of a request, it answers that request.
        broken = [method for method, _, _, complete in self.seen if not complete]
        if not broken and self.protocol.cycle is not None:
            broken = [self.protocol.cycle.scope["method"]]
        answers = read_with_h11(transport.buffer, methods + broken, ended=ended)
        assert all(answer.whole for answer in answers)
        # Compare how many requests the application saw and how many the client saw.
        assert [answer.status for answer in answers[: len(methods)]] == [200] * len(methods)
        bodies = [body for method, _, body, complete in self.seen if complete and method != "HEAD"]
        assert [answer.body for answer, method in zip(answers, methods, strict=False) if method != "HEAD"] == bodies
        assert [answer.status >= 400 for answer in answers[len(methods) :]] in ([], [True])
        if not transport.closed:
            transport.abort()
        for _ in range(5):
            await asyncio.sleep(0)
        assert not self.state.connections
        assert not self.state.tasks
        return [request for request in self.seen if request[3]], [answer.status for answer in answers], ended


@given(streams, positions)
def test_connection(data: bytes, cuts: Any) -> None:
    """Parsers, builds and splits make no visible difference, and the request builder alone gives the same result."""
    outcomes = []

    async def converse() -> None:
        for parser, build in KINDS:
            outcomes.append(await Recorded(parser, build).converse([data]))
            outcomes.append(await Recorded(parser, build).converse(cut(data, cuts)))

    verdict = check_requests(data, cuts)
    with bounded((STEPS + STEPS_PER_BYTE * len(data)) * len(KINDS), data):
        run_async(converse())
    if not verdict.status:
        # The parsers may differ after a fault: a parser that takes whole heads may still wait for the end of the head
        # when the other parser has already found the fault.
        assert all(outcome == outcomes[0] for outcome in outcomes)
    for seen, statuses, ended in outcomes:
        assert statuses[len(seen) :] in ([], [verdict.status])
        assert ended >= bool(verdict.status and statuses[len(seen) :])


class Machine(RuleBasedStateMachine):
    """A client, a network, an application and a clock, each of which may do anything at any time."""

    @initialize(
        kind=st.sampled_from(KINDS),
        limit_body=st.sampled_from([None, 50]),
        first=st.lists(ends(), max_size=3).map(b"".join),
    )
    def connect(self, kind: tuple[str, str], limit_body: int | None, first: bytes) -> None:
        """Connect and send the first requests, which no earlier event can cut off."""
        self.loop = asyncio.new_event_loop()
        self.calls: list[Any] = []
        self.started = 0
        options: dict[str, Any] = {"lifespan": "off", "log_config": None, "ws": "none", "proxy_headers": False}
        config = Config(self.app, interface="asgi3", limit_request_body=limit_body, **options)
        config.load()
        self.state = ServerState()
        self.state.default_headers = [(b"server", b"uvicorn")]
        self.transport = Pipe()
        self.loop.run_until_complete(self.make(kind, config))
        self.step(self.protocol.data_received, first or b"\r\n")

    async def make(self, kind: tuple[str, str], config: Config) -> None:
        self.protocol = protocol_class(*kind)(config=config, server_state=self.state, app_state={})
        self.transport.protocol = self.protocol
        self.protocol.connection_made(self.transport)

    async def app(self, scope: Any, receive: Any, send: Any) -> Any:
        """Follow the orders of the rules one after the other; the end of the test orders a return."""
        self.started += 1
        orders: asyncio.Queue[Any] = asyncio.Queue()
        self.calls.append((orders, scope))
        while True:
            order = await orders.get()
            if order == "receive":
                await self.attempt(receive())
            elif isinstance(order, dict):
                await self.attempt(send(order))
            elif isinstance(order, Exception):
                raise order
            else:
                return order[0]

    async def attempt(self, call: Any) -> None:
        """Await the call for a few turns of the loop. A timeout in seconds would make each run different."""
        task = asyncio.ensure_future(call)
        for _ in range(4):
            await asyncio.sleep(0)
        if not task.done():
            task.cancel()
            await asyncio.wait([task])
        if not task.cancelled():
            task.result()

    def step(self, call: Any = None, *arguments: Any) -> None:
        """Let the client or the clock do something, then let the server and the application come to rest."""

        async def run() -> None:
            if call is not None:
                call(*arguments)
            for _ in range(12):
                await asyncio.sleep(0)

        size = sum(len(argument) for argument in arguments if isinstance(argument, bytes))
        with bounded(STEPS + STEPS_PER_BYTE * size, arguments):
            self.loop.run_until_complete(run())

    @property
    def open(self) -> bool:
        return not self.transport.closed

    @precondition(lambda self: self.open and self.transport.reading)
    @rule(data=mutated(messages), end=st.integers(0, 3000))
    def send(self, data: bytes, end: int) -> None:
        self.step(self.protocol.data_received, data[:end] or b"\r\n")

    @precondition(lambda self: self.open and self.transport.reading)
    @rule(
        data=st.sampled_from(
            [b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 70000\r\n\r\n"]
        )
    )
    def send_good(self, data: bytes) -> None:
        self.step(self.protocol.data_received, data * 3)

    @precondition(lambda self: self.open and self.transport.reading)
    @rule(size=st.sampled_from([1, 5, 65_000, 140_000]))
    def send_body(self, size: int) -> None:
        self.step(self.protocol.data_received, b"x" * size)

    @precondition(lambda self: self.open and self.transport.reading and not self.protocol.connection.eof)
    @rule()
    def half_close(self) -> None:
        def fin() -> None:
            if not self.protocol.eof_received() and self.open:
                self.transport.close()

        self.step(fin)

    @precondition(lambda self: self.open)
    @rule()
    def leave(self) -> None:
        self.step(self.transport.abort)

    @precondition(lambda self: self.open)
    @rule(unsent=st.sampled_from([0, 1, 100_000]))
    def pause_writing(self, unsent: int) -> None:
        self.transport.unsent = unsent
        self.step(self.protocol.pause_writing)

    @precondition(lambda self: self.open and self.protocol.flow.write_paused)
    @rule()
    def resume_writing(self) -> None:
        self.transport.unsent = 0
        self.step(self.protocol.resume_writing)

    @precondition(lambda self: self.open and self.protocol.connection.deadline.reason is not None)
    @rule()
    def let_the_deadline_pass(self) -> None:
        self.step(self.protocol.connection.deadline.pass_now)

    @rule()
    def shut_down(self) -> None:
        self.state.draining = True
        self.step(self.protocol.shutdown)

    @precondition(lambda self: self.calls)
    @rule(
        which=st.integers(0, 3),
        order=st.sampled_from(
            [
                *(
                    "receive",
                    "receive",
                    {"type": "http.response.start", "status": 200},
                    ValueError("of the application"),
                ),
                {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]},
                {"type": "http.response.start", "status": 204, "headers": [(b"connection", b"close")]},
                *({"type": "http.response.body", "body": b"hello"}, {"type": "http.response.body", "more_body": True}),
                *({"type": "http.response.body", "body": b"hell", "more_body": True}, (None,), ("something",)),
            ]
        ),
    )
    def order(self, which: int, order: Any) -> None:
        self.calls[-1 - which % len(self.calls)][0].put_nowait(order)
        self.step()

    @invariant()
    def what_is_held_is_bounded(self) -> None:
        if not hasattr(self, "protocol"):
            return
        cycle = self.protocol.cycle
        held = 0 if cycle is None else len(cycle.body or b"")
        # Reading pauses above the mark, so the server may hold the mark and one more read.
        assert held <= 65_536 + 210_000
        if self.open and self.protocol.state is State.SERVING:
            # Only waiting requests and a body that the application has not received pause the reading.
            assert cycle is not None
            assert self.reading == (not self.unread and held <= 65_536)

    @invariant()
    def a_client_is_waited_for(self) -> None:
        """An open connection has a deadline, or an application works on it."""
        if not hasattr(self, "protocol") or not self.open:
            return
        protocol = self.protocol
        reason = protocol.connection.deadline.reason
        if protocol.state is not State.SERVING:
            assert reason is not None
            assert protocol.flow.write_paused or reason is not Due.BODY
        if protocol.flow.write_paused:
            assert reason in (Due.SEND, Due.LINGER)

    @invariant()
    def the_state_is_one_of_the_table(self) -> None:
        """At rest, the state is never STARTING, and an exchange exists exactly while a request is being served."""
        if not hasattr(self, "protocol"):
            return
        protocol = self.protocol
        assert protocol.state is not State.STARTING
        if protocol.state is State.SERVING:
            assert protocol.cycle is not None
            assert not protocol.cycle.response_complete
        elif protocol.state is not State.CLOSED:
            assert protocol.cycle is None
        assert not protocol.connection.lingering or protocol.state is State.CLOSED

    @property
    def unread(self) -> bool:
        return bool(self.protocol.reader.has_unread())

    @property
    def reading(self) -> bool:
        return self.open and bool(self.transport.reading)

    def teardown(self) -> None:
        if not hasattr(self, "protocol"):
            return
        for orders, _ in self.calls:
            orders.put_nowait((None,))
        self.step()
        self.loop.run_until_complete(asyncio.sleep(0.002))
        wire, methods = self.transport.buffer, [scope["method"] for _, scope in self.calls]
        ended = self.transport.closed or self.transport.eof_written
        answers = read_with_h11(wire, methods, ended=ended)
        # Every response except the last is whole. There is at most one response per request, and one for a rejection.
        assert all(answer.whole for answer in answers[:-1])
        assert len(answers) <= self.started + 1
        if self.open:
            self.step(self.transport.abort)
        for _ in range(20):
            for orders, _ in self.calls:
                orders.put_nowait((None,))
            self.step()
        assert not self.state.connections
        assert not self.state.tasks
        self.loop.close()


TestMachine = Machine.TestCase
TestMachine.settings = settings(
    max_examples=60, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
