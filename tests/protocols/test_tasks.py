"""How the protocols use an event loop, or a test double of a loop."""

import asyncio
import functools
from typing import Any

import pytest

from tests.doubles import MockLoop
from uvicorn.protocols.deadline import Timers
from uvicorn.protocols.tasks import Scheduler, get_scheduler, is_coroutine_function
from uvicorn.server_state import ServerState


async def application(scope: Any, receive: Any, send: Any) -> None: ...


class Callable:
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...

    async def method(self, scope: Any, receive: Any, send: Any) -> None: ...


class Returns:
    def __call__(self, scope: Any, receive: Any, send: Any) -> Any:
        return application(scope, receive, send)


@pytest.mark.parametrize(
    ("app", "expected"),
    [
        (application, True),
        (Callable(), True),
        (Callable().method, True),
        (Returns(), False),
        (lambda scope, receive, send: application(scope, receive, send), False),
        (functools.partial(application), False),
        (Callable, False),
        (print, False),
    ],
    ids=["function", "object", "method", "object-that-returns", "lambda", "partial", "class", "built-in"],
)
def test_recognizes_functions_that_only_make_a_coroutine(app: Any, expected: bool) -> None:
    assert is_coroutine_function(app) == expected


async def test_connections_on_a_loop_share_their_timers() -> None:
    state = ServerState()
    loop = asyncio.get_running_loop()
    assert isinstance(get_scheduler(state, loop).timers, Timers)
    assert get_scheduler(state, loop) is get_scheduler(state, loop)


def test_a_double_of_a_loop_has_its_own_timers() -> None:
    loop = MockLoop()
    scheduler = Scheduler(loop)
    assert not scheduler.real
    assert scheduler.timers is loop
