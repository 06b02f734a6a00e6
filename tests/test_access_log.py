"""The access log: how a line is written, when it is written, and what a server's standard output contains."""

import asyncio
import logging
import os
import re
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.access_logger import LOGGER, stock_handler
from tests.processes import PATIENCE, ROOT, ServerProcess, free_port, receive_until
from uvicorn import access_log, line_stream
from uvicorn.access_log import AccessLog

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows does not report the room in a pipe")

LINE = 'INFO:     127.0.0.1:5000 - "GET /{} HTTP/1.1" 200 OK\n'


def scope(path: Any = "") -> dict[str, Any]:
    return {
        "client": ("127.0.0.1", 5000),
        "method": "GET",
        "path": f"/{path}",
        "query_string": b"",
        "http_version": "1.1",
    }


class Log:
    """An access log, its handler, and the file that both write to."""

    def __init__(self, handler: Any, path: Path) -> None:
        self.handler = handler
        self.path = path
        self.access_log = AccessLog()

    def write(self, path: Any = "", status: int = 200) -> None:
        self.access_log.write(LOGGER, scope(path), status)

    @property
    def text(self) -> str:
        return self.path.read_text()


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    with stock_handler(tmp_path / "log") as handler:
        yield Log(handler, tmp_path / "log")


@pytest.fixture
def records(monkeypatch: pytest.MonkeyPatch) -> list[logging.LogRecord]:
    """Collect the records that are made from now on. This does not count as a change of the set-up."""
    made: list[logging.LogRecord] = []
    make = logging.LogRecord.__init__

    def keep(record: logging.LogRecord, *args: Any, **options: Any) -> None:
        make(record, *args, **options)
        if record.args and len(record.args) == 5 and "\0" not in record.args:
            made.append(record)

    monkeypatch.setattr(logging.LogRecord, "__init__", keep)
    return made


async def test_the_lines_of_a_pass_are_written_at_its_end(log: Log, records: list[logging.LogRecord]) -> None:
    log.write(1)
    log.write(2)
    assert log.text == ""
    await asyncio.sleep(0)
    assert log.text == LINE.format(1) + LINE.format(2)
    log.write(3)
    await asyncio.sleep(0)
    assert log.text == LINE.format(1) + LINE.format(2) + LINE.format(3)
    assert records == []


def test_without_a_loop_each_line_is_written_at_once(log: Log, records: list[logging.LogRecord]) -> None:
    log.write(1)
    log.write(2)
    assert log.text == LINE.format(1) + LINE.format(2)

    async def write() -> None:
        log.write(3)
        log.write(4)

    asyncio.run(write())
    log.write(5)
    assert log.text == "".join(map(LINE.format, range(1, 6)))
    assert records == []


async def test_a_line_alone_in_its_pass_is_written_at_once(log: Log) -> None:
    """After 1, 3, 7, 15 and 31 such lines, one line waits, to check whether its pass has several lines."""
    waiting = []
    for number in range(sum((1, 3, 7, 15, 31, 31)) + 7):
        before = log.text
        log.write(number)
        waiting.append(log.text == before)
        await asyncio.sleep(0)
        assert log.text == before + LINE.format(number)
    assert [index for index, waits in enumerate(waiting) if waits] == [0, 2, 6, 14, 30, 62, 94]


async def test_after_a_pass_of_several_lines_lines_share_a_write(log: Log) -> None:
    for number in range(4):
        log.write(number)
        await asyncio.sleep(0)
    text = log.text
    # The first two lines are written alone. The others share the write of their pass.
    for number in range(4, 9):
        log.write(number)
    assert log.text == text + LINE.format(4) + LINE.format(5)
    await asyncio.sleep(0)
    text = log.text
    log.write(9)
    assert log.text == text
    await asyncio.sleep(0)
    assert log.text == "".join(map(LINE.format, range(10)))


def test_one_loop_after_another(log: Log) -> None:
    async def write(number: int) -> None:
        log.write(number)
        # The first loop ends before it can flush.
        asyncio.get_running_loop().stop()

    for number in range(2):
        loop = asyncio.new_event_loop()
        task = loop.create_task(write(number))
        loop.run_forever()
        assert task.done()
        loop.close()
    log.access_log.close()
    assert log.text == LINE.format(0) + LINE.format(1)


async def test_a_change_of_the_set_up(log: Log, records: list[logging.LogRecord]) -> None:
    log.write(1)
    await asyncio.sleep(0)
    LOGGER.addFilter(lambda record: "/2" not in record.getMessage())
    log.write(2)
    log.write(3)
    LOGGER.filters.clear()
    log.write(4)
    await asyncio.sleep(0)
    assert log.text == LINE.format(1) + LINE.format(3) + LINE.format(4)
    assert [record.args[2] for record in records if isinstance(record.args, tuple)] == ["/2", "/3"]


async def test_records_and_lines_keep_their_order(log: Log) -> None:
    log.write(1)
    log.handler.stream.write("printed\n")
    LOGGER.info("%s", "said")
    log.write(2)
    log.write("é")
    log.access_log.write(LOGGER, {**scope(), "client": ("ä", 1)}, 200)
    log.write(3)
    await asyncio.sleep(0)
    said = 'INFO:     - - "said" -\n'
    odd = 'INFO:     ä:1 - "GET / HTTP/1.1" 200 OK\n'
    assert log.text == LINE.format(1) + "printed\n" + said + LINE.format(2) + LINE.format("%C3%A9") + odd + LINE.format(
        3
    )


async def test_another_logger_replaces_the_access_logger(log: Log) -> None:
    lines: list[str] = []

    class Adapter:
        def info(self, message: str, *args: object) -> None:
            lines.append(message % args)

    log.write(1)
    log.access_log.write(Adapter(), scope(), 404)
    await asyncio.sleep(0)
    assert log.text == LINE.format(1)
    assert lines == ['127.0.0.1:5000 - "GET / HTTP/1.1" 404']


async def test_another_stream(log: Log, tmp_path: Path) -> None:
    log.write(1)
    await asyncio.sleep(0)
    with open(tmp_path / "second", "w", encoding="utf-8") as second:
        former = log.handler.setStream(second)
        log.write(2)
        await asyncio.sleep(0)
        assert (tmp_path / "second").read_text() == LINE.format(2)
        log.handler.setStream(former)
        log.write(3)
        await asyncio.sleep(0)
    assert log.text == LINE.format(1) + LINE.format(3)


async def test_a_level_above_info_makes_no_records(log: Log, records: list[logging.LogRecord]) -> None:
    LOGGER.setLevel(logging.WARNING)
    log.access_log.write(LOGGER, {}, 200)
    assert records == []


class Errors:
    """Counts the calls of a handler's `handleError`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.messages: list[str] = []
        self.errors: list[BaseException | None] = []
        monkeypatch.setattr(logging.Handler, "handleError", self._keep)

    def _keep(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())
        self.errors.append(sys.exc_info()[1])


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no device that is always full")
async def test_a_stream_that_fails_is_reported_once(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    errors = Errors(monkeypatch)
    with open("/dev/full", "w", encoding="utf-8") as full:
        log.handler.setStream(full)
        for number in range(3):
            log.write(number)
            await asyncio.sleep(0)
        assert errors.messages == ["lines of the access log"]
        assert isinstance(errors.errors[0], OSError)
        # The stream works again, and then fails a second time.
        null = os.open(os.devnull, os.O_WRONLY)
        spare = os.dup(full.fileno())
        os.dup2(null, full.fileno())
        log.write()
        await asyncio.sleep(0)
        os.dup2(spare, full.fileno())
        log.write()
        await asyncio.sleep(0)
        log.write()
        log.access_log.close()
        assert len(errors.messages) == 2
        os.dup2(null, full.fileno())
        os.close(null)
        os.close(spare)


async def test_a_stream_that_is_closed_within_a_pass(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    errors = Errors(monkeypatch)
    log.write()
    log.handler.stream.close()
    log.write(2)
    await asyncio.sleep(0)
    assert errors.messages == [LINE.format(2)]
    log.write(3)
    await asyncio.sleep(0)
    assert len(errors.messages) == 1


@pytest.fixture
def pipe(log: Log) -> Iterator[int]:
    """The reading end of a pipe to which the access log writes."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    with os.fdopen(writer, "w", encoding="utf-8") as stream:
        log.handler.setStream(stream)
        yield reader
        os.close(reader)


def fill(descriptor: int) -> None:
    os.set_blocking(descriptor, False)
    try:
        while True:
            os.write(descriptor, b"\n" * select.PIPE_BUF)
    except BlockingIOError:
        os.set_blocking(descriptor, True)


def read_all(descriptor: int) -> str:
    text = b""
    try:
        while True:
            text += os.read(descriptor, 65536)
    except BlockingIOError:
        return text.decode().lstrip("\n")


@posix
async def test_a_late_reader_gets_every_line(log: Log, pipe: int, caplog: pytest.LogCaptureFixture) -> None:
    log.write(0)
    await asyncio.sleep(0)
    assert read_all(pipe) == LINE.format(0)
    fill(log.handler.stream.fileno())
    for number in range(200):
        log.write(number)
        await asyncio.sleep(0)
    expected = "".join(LINE.format(number) for number in range(200))
    text = ""
    # There is no further request, so a timer writes the rest.
    while len(text) < len(expected):
        text += read_all(pipe)
        await asyncio.sleep(0.001)
    assert text == expected
    assert "lost" not in caplog.text


@posix
async def test_lost_lines_are_logged(
    log: Log, pipe: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(line_stream, "HELD_LIMIT", 1000)
    fill(log.handler.stream.fileno())
    for number in range(400):
        log.write(number)
        await asyncio.sleep(0)
    text = read_all(pipe)
    for _ in range(1000):
        if "lost" in caplog.text:
            break
        log.write("last")
        await asyncio.sleep(0.001)
        text += read_all(pipe)
    [warning] = [record.getMessage() for record in caplog.records if "lost" in record.getMessage()]
    count = int(warning.split()[0])
    assert warning == f"{count} lines of the access log were lost, because their reader has stopped."
    written = [int(number) for number in re.findall(r"GET /(\d+) ", text + read_all(pipe))]
    assert written == [*range(len(written))]
    assert 400 - len(written) <= count < 400


@posix
async def test_closing_the_log_does_not_wait_forever(
    log: Log, pipe: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(access_log, "CLOSE_PATIENCE", 0.01)
    fill(log.handler.stream.fileno())
    for number in range(400):
        log.write(number)
    log.access_log.close()
    assert "lines of the access log were lost" in caplog.text
    read_all(pipe)


async def test_an_error_while_closing_is_handled_as_for_a_record(
    log: Log, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(self: Any, patience: float) -> None:
        raise OSError("the disk is full")

    log.write(1)
    monkeypatch.setattr(type(log.access_log._lines), "close", fail)
    log.access_log.close()
    log.access_log.close()
    assert capsys.readouterr().err.count("--- Logging error ---") == 1


def test_closing_a_log_without_lines() -> None:
    log = AccessLog()
    log.close()
    assert log._lines is None


# Server processes

TARGETS = ("/", "/a%20b", "/caf%C3%A9?q=1&r", "/%1b[31m", "/?%00", "/x/y.z~-_", "/?q=%22", "/missing", "/status/599")

APP = """
import os, re, sys, threading

async def app(scope, receive, send):
    if scope["type"] != "http":
        raise RuntimeError
    path = scope["path"]
    status = 404 if path == "/missing" else int(path[8:]) if path.startswith("/status/") else 200
    if path == "/print":
        print("before")
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body"})
    if path == "/print":
        print("after")
    if path == "/raise":
        raise ValueError
"""


@pytest.fixture
def app(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(APP)
    # The same application with a filter that changes nothing. The filter makes each line a record.
    filtering = "import logging\nlogging.getLogger('uvicorn.access').addFilter(lambda record: True)\n"
    (tmp_path / "filtering.py").write_text(f"{filtering}from app import app\n")
    return tmp_path


def served(folder: Path, name: str, *options: str, env: dict[str, str] | None = None) -> ServerProcess:
    variables = {"PYTHONPATH": os.pathsep.join((str(ROOT), str(folder))), "PYTHONUNBUFFERED": "", **(env or {})}
    return ServerProcess(f"{name}:app", *options, env=variables)


def writing_to(descriptor: int, *arguments: str) -> list[str]:
    """Make the command of a server whose standard output is the given descriptor."""
    code = "import os, sys; os.dup2(int(sys.argv[1]), 1); os.execv(sys.executable, [sys.executable, *sys.argv[2:]])"
    return [sys.executable, "-c", code, str(descriptor), "-m", "uvicorn", *arguments, "--port", "0"]


def ask(server: ServerProcess, *targets: str) -> None:
    """Send all requests in one write on one connection, and wait for the responses."""
    data = "".join(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n" for target in targets).encode()
    with socket.create_connection((server.host, server.port), timeout=PATIENCE) as client:
        client.sendall(data)
        received = b""
        while received.count(b"\r\n\r\n") < len(targets):
            piece = client.recv(65536)
            assert piece
            received += piece


@pytest.mark.parametrize("colours", ["--use-colors", "--no-use-colors"])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_both_ways_write_the_same_bytes(app: Path, colours: str, unbuffered: str) -> None:
    seen = []
    for name in ("app", "filtering"):
        # Both servers use one port, because colour codes may separate the address and the port.
        port = free_port()
        with served(app, name, colours, "--port", str(port), env={"PYTHONUNBUFFERED": unbuffered}) as server:
            server.port = port
            ask(server, *TARGETS, "/print", "/print")
            ask(server, "/")
            server.wait_stdout("HTTP/1.1", count=len(TARGETS) + 3)
            server.stop()
            seen.append(re.sub(r"127\.0\.0\.1:\d+", "client", server.stdout))
    assert seen[0] == seen[1]
    assert ("\x1b[32m200 OK\x1b[0m" in seen[0]) == (colours == "--use-colors")
    assert re.findall('before|after|"(?:\x1b\\[1m)?GET /print', seen[0].replace("\x1b[1m", "")) == [
        *("before", '"GET /print', "after"),
        *("before", '"GET /print', "after"),
    ]


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_nothing_is_lost_at_the_end(app: Path, number: int) -> None:
    with served(app, "app") as server:
        ask(server, *(f"/{n}" for n in range(16)))
        server.stop(number)
        assert re.findall(r"GET /(\d+) ", server.stdout) == [str(n) for n in range(16)]


@posix
def test_nothing_is_lost_if_the_application_fails(app: Path) -> None:
    with served(app, "app") as server:
        ask(server, "/1", "/raise")
        ask(server, "/2")
        server.stop(signal.SIGTERM)
        assert re.findall(r"GET /(\w+) ", server.stdout) == ["1", "raise", "2"]
        assert server.stderr.count("Exception in ASGI application") == 1


@posix
def test_a_killed_process_loses_no_earlier_line(app: Path) -> None:
    with served(app, "app") as server:
        ask(server, "/1")
        # The response arrives in a later pass of the loop, so the first line has been written.
        ask(server, "/2")
        server.stop(signal.SIGKILL)
        assert "GET /1 " in server.stdout


BLOCKED = """
import os
reader, writer = os.pipe()
os.dup2(writer, 1)

async def app(scope, receive, send):
    body = os.read(reader, 1 << 20) if scope["path"] == "/read" else b""
    length = b"%d" % len(body)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]})
    await send({"type": "http.response.body", "body": body})
"""


@posix
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_standard_output_without_a_reader_does_not_stop_requests(tmp_path: Path, unbuffered: str) -> None:
    (tmp_path / "app.py").write_text(BLOCKED)
    with served(tmp_path, "app", env={"PYTHONUNBUFFERED": unbuffered}) as server:
        for start in range(0, 3000, 10):
            ask(server, *(f"/{n}" for n in range(start, start + 10)))
        text = b""
        with socket.create_connection((server.host, server.port), timeout=PATIENCE) as client:
            deadline = time.monotonic() + PATIENCE
            while b"GET /2999 " not in text and time.monotonic() < deadline:
                client.sendall(b"GET /read HTTP/1.1\r\nHost: x\r\n\r\n")
                answer = receive_until(client, lambda received: b"\r\n\r\n" in received)
                head, _, body = answer.partition(b"\r\n\r\n")
                length = int(re.search(rb"content-length: (\d+)", head)[1])  # type: ignore[index]  # it is there
                text += receive_until(client, lambda received, length=length: len(received) >= length, body)
        assert re.findall(r"GET /(\d+) ", text.decode()) == [str(n) for n in range(3000)]


@posix
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_standard_output_without_a_reader_does_not_stop_the_exit(app: Path, unbuffered: str) -> None:
    reader, writer = os.pipe()
    fill(writer)
    command = writing_to(writer, "app:app")
    env = {"PYTHONPATH": os.pathsep.join((str(ROOT), str(app))), "PYTHONUNBUFFERED": unbuffered}
    try:
        with ServerProcess(command=command, env=env, pass_fds=(writer,)) as server:
            ask(server, "/1", "/2")
            assert server.stop(signal.SIGINT) == 0
            assert "2 lines of the access log were lost" in server.stderr
    finally:
        os.close(reader)
        os.close(writer)


@posix
def test_a_standard_output_without_a_reader_is_reported_once(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("import app_\nfrom app_ import app\nimport os\nos.close(app_.reader)\n")
    (tmp_path / "app_.py").write_text(BLOCKED)
    with served(tmp_path, "app") as server:
        for _ in range(5):
            ask(server, "/")
        server.stop(signal.SIGTERM)
        assert server.stderr.count("--- Logging error ---") == 1
        assert "BrokenPipeError" in server.stderr


@pytest.mark.skipif(not hasattr(os, "pipe2"), reason="only Linux has pipes that keep writes separate")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_workers_that_share_a_pipe_write_whole_lines(app: Path, unbuffered: str) -> None:
    reader, writer = os.pipe2(os.O_DIRECT)  # type: ignore[attr-defined,unused-ignore]  # only Linux has it
    writes: list[str] = []
    thread = threading.Thread(target=lambda: writes.extend(iter(lambda: os.read(reader, 65536).decode(), "")))
    thread.start()
    command = writing_to(writer, "app:app", "--workers", "2")
    env = {"PYTHONPATH": os.pathsep.join((str(ROOT), str(app))), "PYTHONUNBUFFERED": unbuffered}
    try:
        with ServerProcess(command=command, env=env, pass_fds=(writer,)) as server:
            os.close(writer)
            server.wait_stderr("Application startup complete", count=2)
            for _ in range(20):
                ask(server, *(f"/{n}" for n in range(16)))
            server.stop()
    finally:
        thread.join(PATIENCE)
        os.close(reader)
    assert all(write.endswith(" 200 OK\n") and len(write) <= select.PIPE_BUF for write in writes)
    assert len("".join(writes).splitlines()) == 320
    if not unbuffered and sys.version_info >= (3, 12):
        # Before Python 3.12, each application starts in a separate pass of the loop.
        assert len(writes) < 320
