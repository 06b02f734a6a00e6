"""What an abusive client may do and no browser does: the server keeps none of it without a limit, or forever."""

import asyncio
import errno
from typing import Any

import pytest

from tests.cases.case import head
from tests.protocols.http.connection import GET, body, post, respond, send_all, start
from uvicorn._speedups import request_line
from uvicorn.protocols.connection import LINGER_BYTES

UPGRADE = head(b"GET /ws HTTP/1.1", b"Connection: Upgrade", b"Upgrade: websocket")
BIG = b"x" * 200_000


class Slow:
    """An application that answers when the test sets its event."""

    def __init__(self) -> None:
        self.go = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.go.wait()
        await respond()(scope, receive, send)


def _upgrading(connect: Any, app: Any) -> Any:
    """A connection that would hand over to the WebSocket class if no earlier request were being served."""
    connection = connect(app, full=True)
    connection.protocol.ws_protocol_class = object
    return connection


async def test_reading_pauses_while_an_upgrade_waits(connect: Any) -> None:
    app = Slow()
    connection = _upgrading(connect, app).feed(GET + UPGRADE)
    task = connection.loop.start_one()
    assert not connection.transport.reading
    app.go.set()
    connection.protocol.ws_protocol_class = None
    connection.lose()
    await task


async def test_drops_an_upgrade_followed_by_a_fin(connect: Any) -> None:
    app = Slow()
    connection = _upgrading(connect, app).feed(GET + UPGRADE)
    task = connection.loop.start_one()
    assert connection.protocol.eof_received()
    app.go.set()
    await task
    assert connection.statuses == [200]
    assert connection.transport.closed


async def test_aborts_a_client_that_sends_requests_and_reads_nothing(connect: Any) -> None:
    connection = await connect(send_all(start(), body(BIG)), full=True).run(GET)
    connection.fill(len(BIG))
    task = connection.feed(GET).loop.start_one()
    await asyncio.sleep(0)
    connection.loop.run_later(60)
    assert connection.transport.aborted
    connection.lose()
    await task


async def test_does_not_abort_a_client_that_reads_late(connect: Any) -> None:
    connection = connect(respond(), full=True)
    await connection.ask(GET)
    connection.transport.unsent = 100
    connection.loop.run_later(5)
    assert not connection.ended
    connection.transport.unsent = 0
    connection.loop.run_later(60)
    assert connection.transport.closed
    assert not connection.transport.aborted


async def test_closes_a_client_that_reads_late_and_keeps_its_body(connect: Any) -> None:
    connection = connect(send_all(start(), body(BIG)), full=True).feed(head(b"POST / HTTP/1.1", b"Content-Length: 10"))
    task = connection.loop.start_one()
    await asyncio.sleep(0)
    connection.fill(len(BIG))
    await task
    connection.loop.run_later(2)
    assert not connection.ended
    connection.transport.unsent = 0
    connection.protocol.resume_writing()
    connection.loop.run_later(2)
    assert connection.transport.closed
    assert not connection.transport.aborted


async def test_serves_nothing_after_a_body_that_was_cut_off(connect: Any) -> None:
    connection = connect(respond(), full=True)
    await connection.run(head(b"POST / HTTP/1.1", b"Content-Length: %d" % (LINGER_BYTES + 10)))
    connection.feed(b"x" * (LINGER_BYTES + 10) + GET)
    assert connection.transport.closed
    assert connection.loop.waiting == 0
    assert connection.state.total_requests == 1


async def test_keeps_nothing_of_cancelled_receives(connect: Any) -> None:
    cycles: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for _ in range(3):
            task = asyncio.ensure_future(receive())
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
        cycles.append(connection.protocol.cycle.waiters)
        await respond()(scope, receive, send)

    connection = connect(app)
    await connection.run(head(b"POST / HTTP/1.1", b"Content-Length: 5"))
    assert not any(cycles)
    # When the response was made, no receive was waiting for the body any more.
    assert 60 not in connection.loop.timers


async def test_keeps_reading_while_the_response_is_made(connect: Any) -> None:
    """The server only notices a disconnect while it reads."""
    app = Slow()
    read: list[Any] = []

    async def reading(scope: Any, receive: Any, send: Any) -> None:
        read.append(await receive())
        await app(scope, receive, send)

    connection = connect(reading).feed(post(b"x" * 70_000))
    assert not connection.transport.reading
    task = connection.loop.start_one()
    await asyncio.sleep(0)
    assert connection.transport.reading
    app.go.set()
    await task
    assert len(read[0]["body"]) == 70_000


def test_the_memory_for_host_names_is_bounded() -> None:
    for number in range(3000):
        assert request_line.is_authority(b"host-%d.example" % number)
    assert len(request_line.GOOD_AUTHORITIES) <= 1024


def test_long_host_names_are_not_remembered() -> None:
    name = b"a" * 100_000
    assert request_line.is_authority(name)
    assert name not in request_line.GOOD_AUTHORITIES


@pytest.mark.parametrize("method", [b"M-SEARCH", b"PURGE", b"GET"])
async def test_bytes_after_a_head_without_fields_are_not_read_as_fields(connect: Any, method: bytes) -> None:
    """The bytes after an HTTP/1.0 request without fields are not part of its head, whatever the method."""
    connection = connect(respond()).feed(method + b" / HTTP/1.0\r\n\r\nGET /evil HTTP/1.1\r\n\r\n")
    assert connection.protocol.scope["headers"] == []
    await connection.run()
    assert connection.statuses == [200]
    assert connection.loop.waiting == 0


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ((b"Transfer-Encoding: gzip",), 501),
        ((b"Transfer-Encoding: gzip, chunked",), 400),
        ((b"Transfer-Encoding: gzip", b"Transfer-Encoding: chunked"), 400),
        ((b"Transfer-Encoding: gzip", b"Content-Length: 5"), 400),
        ((b"Content-Length: 5", b"Transfer-Encoding: gzip"), 400),
    ],
)
def test_refuses_transfer_codings(connect: Any, fields: tuple[bytes, ...], status: int) -> None:
    """Both parsers give the same status, although one of them checks the fields before the request builder does."""
    connection = connect(respond()).feed(head(b"POST / HTTP/1.1", *fields))
    assert connection.statuses == [status]


async def test_does_not_half_close_after_a_reset(connect: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """shutdown(2) fails before the loop has reported the reset; the application must not see this error."""
    connection = connect(respond(), full=True)

    def write_eof() -> None:
        raise OSError(errno.ENOTCONN, "Transport endpoint is not connected")

    monkeypatch.setattr(connection.transport, "write_eof", write_eof)
    await connection.run(head(b"GET / HTTP/1.1", b"Connection: close"))
    assert connection.statuses == [200]
    assert connection.transport.closed
    assert connection.loop.timers == []


async def test_answers_a_waiting_broken_head_request_without_a_body(connect: Any) -> None:
    app = Slow()
    connection = connect(app, full=True).feed(GET + head(b"HEAD / HTTP/1.1", b"Transfer-Encoding: chunked") + b"x\r\n")
    task = connection.loop.start_one()
    await asyncio.sleep(0)
    app.go.set()
    await task
    assert [response.status for response in connection.responses("GET", "HEAD")] == [200, 400]
    assert connection.wire.endswith(b"connection: close\r\n\r\n")


async def test_checks_hosts_after_more_names_than_it_remembers(connect: Any) -> None:
    connection = connect(respond())
    for number in range(1100):
        await connection.run(head(host=b"host-%d.example" % number))
    assert connection.statuses == [200] * 1100
    connection.transport.clear_buffer()
    connection.feed(head(host=b"host-<.example"))
    assert connection.statuses == [400]
