"""The state that the protocols of one server share."""

import asyncio

import pytest

from tests.waiting import until
from uvicorn.server_state import Connections, ServerState


async def waiting(connections: Connections) -> "asyncio.Task[None]":
    """Start a task that waits for the end of the last connection."""
    task = asyncio.ensure_future(connections.wait_empty())
    await asyncio.sleep(0)
    return task


async def test_waiting_without_connections_ends_at_once() -> None:
    connections = Connections()
    await asyncio.wait_for(connections.wait_empty(), 5)
    assert not connections._waiters


async def test_the_last_connection_ends_the_wait() -> None:
    connections = Connections(["a", "b", "c"])
    task, other = await waiting(connections), await waiting(connections)
    connections.discard("a")
    connections.remove("b")
    connections.discard("unknown")
    await asyncio.sleep(0)
    assert not task.done()
    connections.remove("c")
    await asyncio.wait_for(asyncio.gather(task, other), 5)


async def test_discarding_ends_the_wait() -> None:
    connections = Connections(["a"])
    task = await waiting(connections)
    assert not task.done()
    connections.discard("a")
    await asyncio.wait_for(task, 5)


async def test_clearing_ends_the_wait() -> None:
    connections = Connections(["a", "b"])
    task = await waiting(connections)
    assert not task.done()
    connections.clear()
    await asyncio.wait_for(task, 5)


async def test_waits_for_a_connection_that_arrives_meanwhile() -> None:
    connections = Connections(["a"])
    task = await waiting(connections)
    connections.discard("a")
    connections.add("b")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not task.done()
    connections.discard("b")
    await asyncio.wait_for(task, 5)


@pytest.mark.parametrize("ends", ["made", "failed", "given up"])
async def test_waits_for_a_connection_that_is_being_set_up(ends: str) -> None:
    """Otherwise a shutdown would end the connection during its handshake."""
    connections = Connections()
    handshake: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def connect() -> None:
        await handshake
        if ends == "made":
            connections.add("a")

    connections.set_up(connect())
    task = await waiting(connections)
    assert not task.done()
    if ends == "given up":
        connections.give_up_setups()
    else:
        handshake.set_result(None)
    await until(lambda: not connections.setups)
    if ends == "made":
        assert not task.done()
        connections.discard("a")
    await asyncio.wait_for(task, 5)


async def test_a_cancelled_waiter_is_skipped() -> None:
    connections = Connections(["a"])
    task, other = await waiting(connections), await waiting(connections)
    task.cancel()
    connections.discard("a")
    await asyncio.wait_for(other, 5)
    assert task.cancelled()


def test_default_headers_have_a_wire_form() -> None:
    state = ServerState()
    assert (state.default_headers, state.default_block) == ([], b"")
    state.default_headers = [(b"date", b"now"), (b"server", b"uvicorn")]
    assert state.default_block == b"date: now\r\nserver: uvicorn\r\n"
    assert state.default_headers == [(b"date", b"now"), (b"server", b"uvicorn")]


def test_requests_are_counted_up_to_the_limit() -> None:
    reached = []
    state = ServerState()
    state.request_limit = 2
    for _ in range(3):
        state.count_request()
    assert state.total_requests == 3
    state = ServerState()
    state.request_limit = 2
    state.on_request_limit = lambda: reached.append(state.total_requests)
    for _ in range(3):
        state.count_request()
    assert reached == [2]
