import asyncio
from typing import Any

import pytest

from uvicorn._compat import asyncio_run


class Recording(asyncio.SelectorEventLoop):
    """A loop that records the calls of its exception handler."""

    def __init__(self) -> None:
        super().__init__()
        self.contexts: list[dict[str, Any]] = []

    def call_exception_handler(self, context: Any) -> None:
        self.contexts.append(context)


async def running() -> tuple[asyncio.AbstractEventLoop, bool]:
    loop = asyncio.get_running_loop()
    return loop, loop.get_debug()


def test_a_loop_of_the_factory_is_run_and_closed() -> None:
    loop, debug = asyncio_run(running(), loop_factory=Recording)
    assert isinstance(loop, Recording)
    assert loop.is_closed()
    assert not debug


def test_a_loop_of_asyncio() -> None:
    loop, debug = asyncio_run(running(), debug=True)
    assert isinstance(loop, asyncio.AbstractEventLoop)
    assert loop.is_closed()
    assert debug


def test_an_exception_is_raised() -> None:
    async def fail() -> None:
        raise KeyError("of the coroutine")

    with pytest.raises(KeyError, match="of the coroutine"):
        asyncio_run(fail(), loop_factory=Recording)


def test_remaining_tasks_are_cancelled() -> None:
    events = []

    async def stay(name: str, error: Exception | None) -> None:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            events.append(name)
            if error is not None:
                raise error from None
            raise

    async def generate() -> Any:
        try:
            yield 1
        finally:
            events.append("generator")

    async def leave() -> Any:
        tasks = [asyncio.ensure_future(stay("quiet", None)), asyncio.ensure_future(stay("loud", OSError("loud")))]
        generator = generate()
        await generator.__anext__()
        await asyncio.get_running_loop().run_in_executor(None, events.append, "executor")
        await asyncio.sleep(0)
        return asyncio.get_running_loop(), tasks, generator

    loop, tasks, _ = asyncio_run(leave(), loop_factory=Recording)
    assert sorted(events) == ["executor", "generator", "loud", "quiet"]
    assert all(task.done() for task in tasks)
    (context,) = loop.contexts
    assert str(context["exception"]) == "loud"


def test_running_a_loop_within_a_loop_raises() -> None:
    async def inner() -> None:
        """Never run."""

    async def outer() -> None:
        coroutine = inner()
        with pytest.raises(RuntimeError, match="cannot be called from a running event loop"):
            asyncio_run(coroutine, loop_factory=Recording)
        coroutine.close()

    asyncio_run(outer())
