"""Both parsers and both builds give the same result for every combination of `crossed`.

The number of function calls is limited by the number of bytes, because one of these requests once sent a parser into
an endless loop.
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

# The calls in a conversation, including those of the loop and the application; a byte sent alone causes about 50.
STEPS = 4000
STEPS_PER_BYTE = 150


@pytest.fixture(autouse=True)
def _no_log() -> None:
    logging.getLogger("uvicorn.error").disabled = True


async def answer_unread(scope: Any, receive: Any, send: Any) -> None:
    """Answer at once, without waiting for the rest of the body."""
    if scope["type"] == "websocket":
        await echo.app(scope, receive, send)
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body"})


def divisions(combination: Crossed) -> Iterator[tuple[list[bytes], bool]]:
    """The data whole, byte by byte, split after the head and split after the body."""
    data = combination.data
    yield [data], True
    yield list(singly(data)), False
    for edge in combination.edges:
        yield [data[:edge], data[edge:]], True


def expected_unread(combination: Crossed) -> tuple[tuple[int, ...], bool]:
    """The final status codes, and whether the server closes the connection."""
    statuses, _, closes = combination.expected()
    # The server does not wait for a body that may be long or that it has not asked the client for.
    unwanted = combination.body == "chunked" or (combination.body == "whole" and combination.option == "expect")
    return ((200,), True) if statuses[:1] == (200,) and unwanted else (statuses, closes)


class Server:
    """One parser on one build, with an application."""

    def __init__(self, parser: str, build: str, app: Any) -> None:
        self._protocol_class = protocol_class(parser, build)
        self._config = Config(app, http=parser, lifespan="off", log_config=None, proxy_headers=False)
        self._config.load()

    async def converse(self, pieces: Iterable[bytes], *, settled: bool) -> Outcome:
        conversation = Conversation(self._protocol_class, self._config)
        await conversation.say(pieces, settled=settled)
        return await conversation.outcome()

    async def converse_bounded(self, combination: Crossed, pieces: list[bytes], *, settled: bool) -> Outcome:
        """Run the conversation within its limit of function calls."""
        with bounded(STEPS + STEPS_PER_BYTE * len(combination.data), combination):
            outcome = await self.converse(pieces, settled=settled)
        return outcome

    async def warm_up(self) -> None:
        """Run some conversations, so that everything that is imported or built once is ready."""
        for combination in COMBINATIONS[:: len(COMBINATIONS) // 48]:
            await self.converse([combination.data], settled=True)


def test_there_are_1440_combinations() -> None:
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


def test_answers_before_the_body_arrives(parser: str, build: str) -> None:
    """The server drops the rest of the body and serves the request after it."""

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
