"""The answers that the server gives without the application (400, 503), and the log lines about them."""

import logging
from typing import Any

import pytest

from tests.cases.case import head
from tests.protocols.http.connection import GET, Http1Connection, respond
from uvicorn.protocols.http.flow_control import service_unavailable

BAD = b"GET / HTTP/1.1\r\nno colon\r\n\r\n"
BAD_REQUEST = (
    b"HTTP/1.1 400 Bad Request\r\nserver: uvicorn\r\ncontent-type: text/plain; charset=utf-8\r\n"
    b"content-length: 30\r\nconnection: close\r\n\r\nInvalid HTTP request received."
)
UNAVAILABLE = (
    b"HTTP/1.1 503 Service Unavailable\r\nserver: uvicorn\r\ncontent-type: text/plain; charset=utf-8\r\n"
    b"content-length: 19\r\nconnection: close\r\n\r\nService Unavailable"
)


async def test_bad_request(connect: Any, caplog: pytest.LogCaptureFixture) -> None:
    connection = connect(respond()).feed(BAD)
    assert connection.wire == BAD_REQUEST
    assert connection.loop.waiting == 0
    assert [(record.name, record.levelno) for record in caplog.records] == [("uvicorn.error", logging.WARNING)]
    assert "Invalid HTTP request received." in caplog.text


async def test_the_client_and_the_reason_of_a_bad_request_are_logged_at_level_debug(
    connect: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="uvicorn.error")
    connect(respond()).feed(b"\x00\r\n\r\n")
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", "Invalid HTTP request received."),
        (
            "DEBUG",
            "127.0.0.1:12345 - Invalid HTTP request, answered with 400: the request line does not begin with a method",
        ),
    ]


@pytest.mark.parametrize("size", [1, 2, 200])
async def test_https_on_a_port_without_tls_is_logged(size: int, connect: Any, caplog: pytest.LogCaptureFixture) -> None:
    connection = connect(respond()).feed((b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\n" * 200)[:size])
    assert connection.wire == BAD_REQUEST
    [record] = caplog.records
    assert record.getMessage() == ("Invalid HTTP request received. The client speaks TLS (https) to a port without it.")


async def test_a_rejected_client_can_read_the_answer(connect: Any) -> None:
    """The server reads and drops further bytes for a while: a reset would destroy the answer (RFC 9112 9.6)."""
    connection = connect(respond(), full=True).feed(BAD)
    assert connection.transport.eof_written
    assert not connection.transport.closed
    connection.feed(b"x" * 1000)
    assert connection.wire == BAD_REQUEST
    assert not connection.transport.closed
    stays = connection.protocol.eof_received()
    assert connection.transport.closed or not stays


async def test_cuts_off_a_rejected_client_that_keeps_sending(connect: Any) -> None:
    connection = connect(respond(), full=True).feed(BAD)
    fed = 0
    while not connection.transport.closed and fed < 1_000_000:
        connection.feed(b"x" * 1000)
        fed += 1000
    assert connection.transport.closed
    assert fed <= 70_000
    assert connection.wire == BAD_REQUEST


async def test_a_rejected_client_that_stays_silent_is_closed(connect: Any) -> None:
    connection = connect(respond(), full=True).feed(BAD)
    assert not connection.transport.closed
    connection.loop.run_later(with_delay=2)
    assert connection.transport.closed


async def test_a_rejected_client_on_a_plain_transport_is_closed(connect: Any) -> None:
    connection = connect(respond()).feed(BAD)
    connection.loop.run_later(with_delay=2)
    assert connection.transport.closed
    assert connection.wire == BAD_REQUEST


async def test_removes_a_rejected_client_that_leaves(connect: Any) -> None:
    connection = connect(respond(), full=True).feed(BAD)
    connection.lose()
    connection.loop.run_later(with_delay=60)
    assert connection.state.connections == set()
    assert connection.loop.timers == []


async def test_a_shutdown_still_drains_a_rejected_client(connect: Any) -> None:
    connection = connect(respond(), full=True).feed(BAD)
    connection.protocol.shutdown()
    connection.loop.run_later(with_delay=2)
    assert connection.transport.closed
    assert connection.wire == BAD_REQUEST


@pytest.mark.parametrize(
    ("request_bytes", "status", "phrase"),
    [
        (head(b"GET / HTTP/2.0"), 505, b"HTTP Version Not Supported"),
        (head(b"POST / HTTP/1.1", b"Transfer-Encoding: gzip"), 501, b"Not Implemented"),
    ],
)
async def test_answers_other_rejections(connect: Any, request_bytes: bytes, status: int, phrase: bytes) -> None:
    connection = connect(respond()).feed(request_bytes)
    [response] = connection.responses()
    assert response.status == status
    assert connection.wire.startswith(b"HTTP/1.1 %d %b\r\nserver: uvicorn\r\n" % (status, phrase))
    assert (b"connection", b"close") in response.headers
    assert (b"content-type", b"text/plain; charset=utf-8") in response.headers
    assert response.body
    assert connection.loop.waiting == 0


async def test_limit_concurrency_counts_connections(connect: Any, caplog: pytest.LogCaptureFixture) -> None:
    called = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        called.append(scope)

    connection: Http1Connection = await connect(app, limit_concurrency=1).run_all(GET)
    assert connection.wire == UNAVAILABLE
    assert called == []
    assert connection.ended
    assert [record.getMessage() for record in caplog.records if record.name == "uvicorn.error"] == [
        "Exceeded concurrency limit."
    ]
    assert caplog.records[0].levelno == logging.WARNING


async def test_serves_requests_below_the_limit_of_concurrency(connect: Any) -> None:
    connection = connect(respond(), limit_concurrency=2)
    assert (await connection.ask(GET)).status == 200
    other = connect(respond(), limit_concurrency=2, server_state=connection.state)
    assert (await other.ask(GET)).status == 503


async def test_limit_concurrency_counts_tasks(connect: Any) -> None:
    connection = connect(respond(), limit_concurrency=2)
    connection.state.tasks.update({object(), object()})
    assert (await connection.ask(GET)).status == 503


async def test_a_503_drops_the_body_of_the_request(connect: Any) -> None:
    connection = connect(respond(), limit_concurrency=1, full=True)
    await connection.run_all(head(b"POST / HTTP/1.1", b"Content-Length: 5") + b"he")
    connection.feed(b"llo" + GET) if not connection.transport.closed else None
    assert connection.statuses == [503]


async def test_service_unavailable_is_an_application(connect: Any) -> None:
    connection = await connect(service_unavailable).run(GET)
    assert connection.wire == UNAVAILABLE
    assert connection.ended
