"""Access lines, and the escaping of everything from a client in the log."""

import asyncio
import logging
import re
from typing import Any

import pytest

from tests.cases.case import head
from tests.doubles import MockTransport
from tests.protocols.http.connection import GET, Records, body, respond, send_all, start
from tests.waiting import turns


async def test_line(connect: Any, access: Records) -> None:
    connection = connect(respond())
    await connection.ask(head(b"GET /caf%C3%A9?q=1&r HTTP/1.1"))
    [record] = access.records
    assert record.getMessage() == '127.0.0.1:12345 - "GET /caf%C3%A9?q=1&r HTTP/1.1" 200'
    assert record.args == ("127.0.0.1:12345", "GET", "/caf%C3%A9?q=1&r", "1.1", 200)
    assert record.msg == '%s - "%s %s HTTP/%s" %d'
    assert record.levelno == logging.INFO


async def test_line_of_an_http_1_0_client(connect: Any, access: Records) -> None:
    await connect(respond(status=404)).run(head(b"POST / HTTP/1.0"))
    assert access.lines == ['127.0.0.1:12345 - "POST / HTTP/1.0" 404']


async def test_no_client_address(connect: Any, access: Records) -> None:
    connection = connect(respond(), transport=MockTransport(sockname="/run/app.sock", peername=""))
    await connection.ask(GET)
    assert access.records[0].args == ("", "GET", "/", "1.1", 200)


async def test_root_path_is_part_of_the_path(connect: Any, access: Records) -> None:
    connection = connect(respond(), root_path="/root")
    await connection.ask(head(b"GET /x HTTP/1.1"))
    assert access.lines == ['127.0.0.1:12345 - "GET /root/x HTTP/1.1" 200']


@pytest.mark.parametrize("turns", [0, 1])
async def test_writes_the_line_when_the_head_is_sent(connect: Any, access: Records, turns: int) -> None:
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(start())
        seen.append(len(access.records))
        for _ in range(turns):
            await asyncio.sleep(0)
            seen.append(len(access.records))
        await send(body(b"x", True))
        seen.append(len(access.records))
        await send(body(b"y"))

    await connect(app).run(GET)
    assert seen == [0] + [1] * turns + [1]
    assert len(access.records) == 1


@pytest.mark.parametrize("fail", [True, False])
async def test_logs_the_error_that_replaces_a_start(connect: Any, access: Records, fail: bool) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(start(201))
        if fail:
            raise ZeroDivisionError

    connection = await connect(app).run(GET)
    assert connection.statuses == [500]
    assert access.lines == ['127.0.0.1:12345 - "GET / HTTP/1.1" 500']


async def test_an_error_after_the_head_is_logged_with_the_status_sent(connect: Any, access: Records) -> None:
    connection = await connect(send_all(start(201), body(b"x", True))).run(GET)
    assert connection.transport.closed
    assert access.lines == ['127.0.0.1:12345 - "GET / HTTP/1.1" 201']


async def test_does_not_log_a_refused_start(connect: Any, access: Records) -> None:
    await connect(send_all(start(200, (b"x", b"\n")))).run(GET)
    assert [record.args[-1] for record in access.records if isinstance(record.args, tuple)] == [500]


async def test_server_error_is_logged(connect: Any, access: Records) -> None:
    await connect(send_all()).run(GET)
    assert access.lines == ['127.0.0.1:12345 - "GET / HTTP/1.1" 500']


async def test_service_unavailable_is_logged(connect: Any, access: Records) -> None:
    await connect(respond(), limit_concurrency=1).run(GET)
    assert access.lines == ['127.0.0.1:12345 - "GET / HTTP/1.1" 503']


async def test_access_log_off_writes_no_lines(connect: Any, access: Records) -> None:
    connection = connect(respond(), access_log=False)
    await connection.ask(GET)
    assert access.records == []


async def test_a_level_above_info(connect: Any, access: Records) -> None:
    logging.getLogger("uvicorn.access").setLevel(logging.WARNING)
    connection = connect(respond())
    await connection.ask(GET)
    assert access.records == []


async def test_filters_see_the_five_arguments(connect: Any, access: Records) -> None:
    class NoHealth(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            assert isinstance(record.args, tuple)
            return record.args[2] != "/health"

    logging.getLogger("uvicorn.access").addFilter(NoHealth())
    connection = connect(respond())
    await connection.ask(head(b"GET /health HTTP/1.1"))
    await connection.ask(head(b"GET /other HTTP/1.1"))
    assert access.lines == ['127.0.0.1:12345 - "GET /other HTTP/1.1" 200']


async def test_propagated_lines(connect: Any, access: Records, caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("uvicorn.access").propagate = True
    connection = connect(respond())
    with caplog.at_level(logging.INFO):
        await connection.ask(GET)
    assert '"GET / HTTP/1.1" 200' in caplog.text
    assert len(access.records) == 1


@pytest.mark.parametrize(
    "target",
    [b"/%0d%0aSet-Cookie:%20a=b", b"/%1b[31mred", b"/%00", b"/%7f", b"/%c2%85", b"/%9b", b"/%e2%80%a8", b'/%22%20"'],
    ids=["crlf", "escape", "nul", "del", "next line", "csi", "line separator", "quote"],
)
async def test_control_characters_are_quoted(connect: Any, access: Records, target: bytes) -> None:
    connection = connect(respond()).feed(head(b"GET " + target + b" HTTP/1.1"))
    if connection.loop.waiting:
        await connection.run()
    for line in access.lines:
        assert re.search(r"[\x00-\x1f\x7f-\x9f\u2028]", line) is None
        assert line.count('"') == 2


@pytest.mark.parametrize(
    "data",
    [
        b"GET /\x1b[31m HTTP/1.1\r\n\r\n",
        b"\x1b]0;x\x07\r\n\r\n",
        b"GET / HTTP/1.1\r\n\x9b: y\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: \x1b\r\n\r\n",
    ],
)
async def test_rejections_log_nothing_raw(connect: Any, caplog: pytest.LogCaptureFixture, data: bytes) -> None:
    connection = connect(respond()).feed(data)
    assert connection.statuses == [400]
    for record in caplog.records:
        assert re.search(r"[\x00-\x1f\x7f-\x9f]", record.getMessage()) is None


async def test_unsupported_upgrade_logs_nothing_raw(connect: Any, caplog: pytest.LogCaptureFixture) -> None:
    connection = connect(respond())
    await connection.ask(head(b"GET / HTTP/1.1", b"Connection: upgrade", b"Upgrade: \x9b31m\xff"))
    for record in caplog.records:
        assert re.search(r"[\x00-\x1f\x7f-\x9f]", record.getMessage()) is None


async def test_trace_lines(connect: Any, caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("uvicorn.error").setLevel(5)
    with caplog.at_level(5, logger="uvicorn.error"):
        connection = connect(respond(), log_level="trace")
        await connection.ask(GET)
        connection.lose()
    lines = [record.getMessage() for record in caplog.records if record.name == "uvicorn.error"]
    assert lines == ["127.0.0.1:12345 - HTTP connection made", "127.0.0.1:12345 - HTTP connection lost"]


async def test_no_trace_lines_above_the_trace_level(connect: Any, caplog: pytest.LogCaptureFixture) -> None:
    connection = connect(respond())
    await connection.ask(GET)
    connection.lose()
    assert caplog.records == []


async def test_no_trace_without_an_address(connect: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(5, logger="uvicorn.error"):
        connection = connect(respond(), log_level="trace", transport=MockTransport(sockname=None, peername=None))
        connection.lose()
    lines = [record.getMessage() for record in caplog.records if record.name == "uvicorn.error"]
    assert lines == ["HTTP connection made", "HTTP connection lost"]


async def test_an_error_for_a_client_that_has_left_has_no_access_line(connect: Any, access: Records) -> None:
    connection = connect(send_all(ValueError("too late"))).feed(GET)
    connection.lose()
    await connection.run()
    assert access.lines == []


@pytest.mark.parametrize("parts", [1, 2, 5])
async def test_one_line_for_a_response_on_a_real_loop(connect: Any, access: Records, parts: int) -> None:
    messages = [start(), *[body(b"x", True)] * (parts - 1), body(b"x")]
    connection = connect(send_all(*messages), loop=asyncio.get_running_loop())
    for number in (1, 2):
        connection.feed(GET)
        await turns()
        assert [response.whole for response in connection.responses()] == [True] * number
    assert access.lines == ['127.0.0.1:12345 - "GET / HTTP/1.1" 200'] * 2
