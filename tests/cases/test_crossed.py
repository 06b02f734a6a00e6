"""Every combination of upgrade, Connection, body, version and what follows means the same to both parsers and builds.

The number of calls is bounded by the number of bytes: one of these requests once kept a parser in a loop forever.
"""

import logging
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from tests.cases import echo
from tests.cases.conversation import Conversation
from tests.cases.crossed import COMBINATIONS, Crossed, complaint
from tests.cases.divisions import singly
from tests.cases.outcome import Outcome
from tests.processes import PATIENCE_FOR_MANY, run_async
from tests.protocols.http.classes import protocol_class
from tests.steps import bounded
from uvicorn.config import Config

# Calls in a conversation, the loop's and the application's included; a byte that comes alone costs about 50.
STEPS = 4000
STEPS_PER_BYTE = 150


@pytest.fixture(autouse=True)
def _no_log() -> None:
    logging.getLogger("uvicorn.error").disabled = True


async def answer_unread(scope: Any, receive: Any, send: Any) -> None:
    """Answer at once, whatever is still to come of the body."""
    if scope["type"] == "websocket":
        await echo.app(scope, receive, send)
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body"})


def divisions(combination: Crossed) -> Iterator[tuple[list[bytes], bool]]:
    """Whole, byte by byte, and split behind the head and behind the body."""
    data = combination.data
    yield [data], True
    yield list(singly(data)), False
    for edge in combination.edges:
        yield [data[:edge], data[edge:]], True


def expected_unread(combination: Crossed) -> tuple[tuple[int, ...], bool]:
    """The final status codes, and whether the server closes."""
    statuses, _, closes = combination.expected()
    # A body that may be long, or that the client has not been asked for, is not waited for.
    unwanted = combination.body == "chunked" or (combination.body == "whole" and combination.option == "expect")
    return ((200,), True) if statuses[:1] == (200,) and unwanted else (statuses, closes)


class Server:
    """One parser on one build, and an application."""

    def __init__(self, parser: str, build: str, app: Any) -> None:
        self._protocol_class = protocol_class(parser, build)
        self._config = Config(app, http=parser, lifespan="off", log_config=None, proxy_headers=False)
        self._config.load()

    async def converse(self, pieces: Iterable[bytes], *, settled: bool) -> Outcome:
        conversation = Conversation(self._protocol_class, self._config)
        await conversation.say(pieces, settled=settled)
        return await conversation.outcome()

    async def converse_bounded(self, combination: Crossed, pieces: list[bytes], *, settled: bool) -> Outcome:
        """Hold the conversation to its number of steps."""
        with bounded(STEPS + STEPS_PER_BYTE * len(combination.data), combination):
            outcome = await self.converse(pieces, settled=settled)
        return outcome

    async def warm_up(self) -> None:
        """Have loaded what is loaded once."""
        for combination in COMBINATIONS[:: len(COMBINATIONS) // 48]:
            await self.converse([combination.data], settled=True)


def test_there_are_1440() -> None:
    assert len({combination.data for combination in COMBINATIONS}) == 1440


def test_every_combination(parser: str, build: str) -> None:
    async def converse() -> list[str]:
        wrong = []
        server = Server(parser, build, echo.app)
        await server.warm_up()
        for combination in COMBINATIONS:
            for pieces, settled in divisions(combination):
                outcome = await server.converse_bounded(combination, pieces, settled=settled)
                if (reason := complaint(combination, outcome)) is not None:
                    wrong.append(f"{combination} in {len(pieces)}: {reason}")
        return wrong

    wrong = run_async(converse(), timeout=PATIENCE_FOR_MANY)
    assert not wrong, "\n".join(wrong)


def test_answered_before_the_body_comes(parser: str, build: str) -> None:
    """The rest of the body is no request, and what follows it is one."""

    async def converse() -> list[str]:
        wrong = []
        server = Server(parser, build, answer_unread)
        await server.warm_up()
        for combination in COMBINATIONS:
            data, edge = combination.data, combination.edges[0] if combination.edges else 0
            outcome = await server.converse_bounded(
                combination, [piece for piece in (data[:edge], data[edge:]) if piece], settled=True
            )
            expected = expected_unread(combination)
            if combination.body != "short" and (outcome.statuses, outcome.ended) != expected:
                wrong.append(f"{combination}: {(outcome.statuses, outcome.ended)}, not {expected}")
        return wrong

    wrong = run_async(converse(), timeout=PATIENCE_FOR_MANY)
    assert not wrong, "\n".join(wrong)
