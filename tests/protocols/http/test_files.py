"""Files as parts of a body: `http.response.pathsend` and `http.response.zerocopysend`."""

import asyncio
import contextlib
import errno
import os
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cases.case import head
from tests.cases.outcome import parse_responses
from tests.doubles import FullTransport
from tests.http2 import headers, reset, settings, window_update
from tests.protocols.http.connection import GET, Http1Connection, body, respond, start
from tests.protocols.http.test_extensions import PROMISED, SUM, hint, refusal, trailers
from tests.protocols.http.test_real_loop import serving
from tests.waiting import turns, until
from uvicorn._speedups import http2_codes as codes
from uvicorn.protocols import files
from uvicorn.protocols.connection import Due
from uvicorn.protocols.transfer import can_transfer
from uvicorn.protocols.utils import ClientDisconnected

HEAD = head(b"HEAD / HTTP/1.1")

# More bytes than the buffers of both sockets hold.
LARGE = 32 << 20

sends_files = pytest.mark.skipif(not hasattr(os, "sendfile"), reason="the system has no sendfile")


def path_of(path: Any) -> dict[str, Any]:
    return {"type": "http.response.pathsend", "path": path}


def part_of(file: Any, **more: Any) -> dict[str, Any]:
    return {"type": "http.response.zerocopysend", "file": file, **more}


def sized(size: int, status: int = 200) -> dict[str, Any]:
    """A start message with content-length."""
    return start(status, (b"content-length", b"%d" % size))


def send_each(*messages: dict[str, Any]) -> Any:
    """An application that sends these messages and counts its completed runs."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in messages:
            await send(message)
        app.sent += 1  # type: ignore[attr-defined]  # an attribute of a function

    app.sent = 0  # type: ignore[attr-defined]  # as above
    return app


@pytest.fixture
def make_file(tmp_path: Path) -> Callable[[int], Path]:
    """Make a file of the given size, in which no two parts are equal."""

    def make(size: int) -> Path:
        path = tmp_path / f"{size}.bin"
        path.write_bytes(b"".join(b"%07d\n" % number for number in range(size // 8 + 1))[:size])
        return path

    return make


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A large file that takes no space on the disk."""
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(LARGE)
    return path


def is_open(path: Path) -> bool:
    """Whether this process has the file open. This can only be seen on Linux."""
    if sys.platform != "linux":
        return False
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            if link.readlink() == path:
                return True
    return False


@pytest.fixture(params=["http1", "http2"])
def ask(request: pytest.FixtureRequest, connect: Any, connect_http2: Any) -> Any:
    """Send a request to an application over one of the wires, on a test transport; return status and body."""

    async def http1(app: Any, method: str = "GET") -> tuple[int, bytes]:
        connection = connect(app)
        response = await connection.ask(head(method.encode() + b" / HTTP/1.1", b"TE: trailers"))
        return response.status, response.body

    async def http2(app: Any, method: str = "GET") -> tuple[int, bytes]:
        connection = connect_http2(app)
        connection.feed(headers(1, method=method.encode()), window_update(0, 1 << 24), window_update(1, 1 << 24))
        await until(lambda: connection.answer(1).ended or connection.answer(1).reset is not None)
        answer = connection.answer(1)
        assert answer.reset is None
        return answer.status, bytes(answer.body)

    return http1 if request.param == "http1" else http2


SIZES = [0, 1, files.SMALL, files.SMALL + 1, files.PIECE * 2 + 1]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("has_length", [True, False])
async def test_sends_a_file(ask: Any, make_file: Any, size: int, has_length: bool) -> None:
    path = make_file(size)
    app = send_each(sized(size) if has_length else start(), path_of(str(path)))
    status, data = await ask(app)
    assert (status, data) == (200, path.read_bytes())
    await until(lambda: app.sent == 1)
    assert not is_open(path)


@pytest.mark.parametrize("size", [5, files.PIECE])
async def test_the_head_of_a_file(ask: Any, make_file: Any, size: int) -> None:
    assert await ask(send_each(sized(size), path_of(make_file(size))), "HEAD") == (200, b"")
    assert await ask(send_each(sized(size, 304), path_of(make_file(size)))) == (304, b"")


async def test_sends_a_file_with_a_relative_path(ask: Any, make_file: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(make_file(9).parent)
    assert await ask(send_each(start(), path_of("9.bin"))) == (200, b"0000000\n0")


async def test_a_file_and_trailers(connect: Any, connect_http2: Any, make_file: Any) -> None:
    app = send_each(PROMISED, path_of(make_file(9)), trailers(SUM))
    connection = await connect(app).run(head(b"GET / HTTP/1.1", b"TE: trailers"))
    assert connection.wire.endswith(b"\r\n9\r\n0000000\n0\r\n0\r\nx-sum: 5\r\n\r\n")
    connection = connect_http2(app)
    connection.feed(headers(1))
    await until(lambda: connection.answer(1).ended)
    assert (connection.answer(1).body, connection.answer(1).heads[1:]) == (b"0000000\n0", [[(b"x-sum", b"5")]])


async def test_parts_of_files(ask: Any, make_file: Any) -> None:
    path = make_file(files.PIECE * 2)
    data = path.read_bytes()
    with path.open("rb") as file:
        app = send_each(
            start(),
            body(b"begin ", True),
            part_of(file, offset=8, count=16, more_body=True),
            part_of(file.fileno(), offset=len(data) - 8, more_body=True),
            part_of(file, offset=0, count=0, more_body=True),
            part_of(file, offset=5, count=None, more_body=True),
            body(b" end"),
        )
        assert await ask(app) == (200, b"begin " + data[8:24] + data[-8:] + data[5:] + b" end")
        assert not file.closed


@pytest.mark.parametrize("is_descriptor", [True, False])
async def test_the_position_of_a_file(ask: Any, make_file: Any, is_descriptor: bool) -> None:
    with make_file(100).open("rb") as file:
        file.read(8)
        if is_descriptor:
            os.lseek(file.fileno(), 8, os.SEEK_SET)
        each = file.fileno() if is_descriptor else file
        app = send_each(start(), part_of(each, count=3, more_body=True), part_of(each, count=5))
        assert await ask(app) == (200, b"0000001\n")
        assert (os.lseek(file.fileno(), 0, os.SEEK_CUR) if is_descriptor else file.tell()) == 16


async def test_sends_a_file_on_systems_without_pread(ask: Any, make_file: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "pread", raising=False)
    path = make_file(files.PIECE * 2)
    assert await ask(send_each(start(), path_of(path))) == (200, path.read_bytes())


# Files that cannot be sent


async def test_files_that_cannot_be_sent(connect: Any, connect_http2: Any, tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    for path, reason in (
        (missing, os.strerror(errno.ENOENT)),
        (str(tmp_path), os.strerror(errno.EACCES if sys.platform == "win32" else errno.EISDIR)),
        ("a\0b", "embedded null"),
    ):
        text = await refusal(connect, connect_http2, start(), path_of(path))
        assert text.startswith(f"The file {str(path)!r} cannot be sent: {reason}")
    assert "not int" in await refusal(connect, connect_http2, start(), path_of(5))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
async def test_only_regular_files_are_sent(connect: Any, connect_http2: Any, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    text = await refusal(connect, connect_http2, start(), path_of(fifo))
    assert text == f"The file {str(fifo)!r} cannot be sent: it is not a regular file."
    assert not is_open(fifo)
    ends = os.pipe()
    try:
        text = await refusal(connect, connect_http2, start(), part_of(ends[0]))
        assert text == f"The file {ends[0]} cannot be sent: it is not a regular file."
    finally:
        for end in ends:
            os.close(end)


async def test_refuses_parts_beyond_the_end_of_the_file(connect: Any, connect_http2: Any, make_file: Any) -> None:
    with make_file(100).open("rb") as file:
        number = file.fileno()
        for options, text in (
            ({"offset": 0, "count": 101}, f"The file {number} has 100 bytes: it cannot be sent from 0 to 101."),
            ({"offset": 101}, f"The file {number} has 100 bytes: it cannot be sent from 101 to 101."),
            ({"offset": -1}, "The offset of a file must be a number of bytes, got -1."),
            ({"count": "5"}, "The count of a file must be a number of bytes, got '5'."),
        ):
            assert await refusal(connect, connect_http2, start(), part_of(number, **options)) == text
    text = await refusal(connect, connect_http2, start(), part_of(number))
    assert text == f"The file {number} cannot be sent: {os.strerror(errno.EBADF)}."


@pytest.mark.parametrize("size", [100, files.PIECE * 2])
@pytest.mark.parametrize(("more", "what"), [(-1, "longer"), (1, "shorter")])
async def test_refuses_a_length_that_differs_from_the_file(
    ask: Any, make_file: Any, size: int, more: int, what: str
) -> None:
    """No byte of the file counts as sent."""
    caught: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(sized(size + more))
        with make_file(size).open("rb") as file:
            for message in (path_of(file.name), part_of(file)):
                with pytest.raises(RuntimeError) as error:
                    await send(message)
                caught.append(str(error.value))
        await send(body(b"x" * (size + more)))

    assert await ask(app) == (200, b"x" * (size + more))
    assert caught == [f"Response content {what} than Content-Length"] * 2


async def test_an_uncaught_error_is_a_500(ask: Any, tmp_path: Path) -> None:
    assert await ask(send_each(start(), path_of(tmp_path / "missing"))) == (500, b"Internal Server Error")


async def test_refuses_messages_while_a_file_is_sent(connect: Any, connect_http2: Any, make_file: Any) -> None:
    for make, request in ((connect, GET), (connect_http2, headers(1))):
        caught: list[str] = []

        async def app(scope: Any, receive: Any, send: Any, caught: list[str] = caught) -> None:
            await send(start())
            sending = asyncio.ensure_future(send(path_of(make_file(files.PIECE))))
            await asyncio.sleep(0)
            for message in (body(b"x"), path_of("x"), hint(), start()):
                with pytest.raises(RuntimeError) as error:
                    await send(message)
                caught.append(str(error.value))
            await sending

        connection = make(app).feed(request)
        if make is connect:
            await connection.run()
            assert connection.responses()[0].body == make_file(files.PIECE).read_bytes()
        await until(lambda caught=caught: len(caught) == 4)
        kinds = ("body", "pathsend", "early_hint", "start")
        assert caught == [
            f"Unexpected ASGI message 'http.response.{kind}' sent, while a file is being sent." for kind in kinds
        ]


async def test_a_file_that_becomes_shorter_cuts_off_the_response(
    connect: Any, connect_http2: Any, make_file: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The client must be able to see that the response is incomplete."""
    read = files._read

    def shorten(file: int, offset: int, size: int) -> bytes:
        data = read(file, offset, size)
        os.truncate(path, offset + len(data))
        return data

    monkeypatch.setattr(files, "_read", shorten)
    path = make_file(files.PIECE * 2)
    connection = await connect(send_each(sized(files.PIECE * 2), path_of(path))).run(GET)
    assert connection.wire.partition(b"\r\n\r\n")[2] == path.read_bytes()
    assert connection.transport.closed
    path = make_file(files.PIECE * 2)
    connection = connect_http2(send_each(sized(files.PIECE * 2), path_of(path)))
    connection.feed(headers(1), window_update(0, 1 << 24), window_update(1, 1 << 24))
    await until(lambda: connection.answer(1).reset == codes.INTERNAL_ERROR)
    assert caplog.text.count("RuntimeError: A file has become shorter while it was sent.") == 2


async def test_sends_the_first_size_of_a_file_that_grows(
    ask: Any, make_file: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = files._read

    def grow(file: int, offset: int, size: int) -> bytes:
        with path.open("ab") as end:
            end.write(b"more")
        return read(file, offset, size)

    monkeypatch.setattr(files, "_read", grow)
    path = make_file(files.PIECE + 9)
    expected = path.read_bytes()
    assert await ask(send_each(start(), path_of(path))) == (200, expected)


# Clients


async def test_reads_the_file_only_as_fast_as_the_client_reads(connect_http2: Any, make_file: Any) -> None:
    path = make_file(files.PIECE * 4)
    app = send_each(start(), path_of(path))
    connection = connect_http2(app).feed(settings((codes.INITIAL_WINDOW_SIZE, 9)), headers(1))
    await until(lambda: connection.answer(1).body == b"0000000\n0")
    assert is_open(path) or sys.platform != "linux"
    connection.feed(reset(1))
    await until(lambda: app.sent == 1)
    assert not is_open(path)


async def test_sends_nothing_if_the_client_leaves_while_a_file_is_opened(connect: Any, make_file: Any) -> None:
    app = send_each(start(), path_of(make_file(100)))
    connection = connect(app).feed(GET)
    task = connection.loop.start_one()
    await asyncio.sleep(0)
    connection.lose()
    await task
    assert app.sent == 1
    assert connection.wire == b""


@pytest.mark.parametrize("exists", [True, False])
async def test_an_application_that_is_cancelled_while_a_file_is_opened(
    connect: Any, make_file: Any, monkeypatch: pytest.MonkeyPatch, exists: bool
) -> None:
    go, opened = threading.Event(), threading.Event()
    open_now = files._open_now

    def wait(path: Any, reads: bool) -> Any:
        go.wait()
        try:
            return open_now(path, reads)
        finally:
            opened.set()

    monkeypatch.setattr(files, "_open_now", wait)
    path = make_file(100)
    if not exists:
        path.unlink()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(start())
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(send(path_of(path)), 0.01)
        # The response is unchanged.
        await send(body(b"another"))

    connection = connect(app)
    assert (await connection.ask(GET)).body == b"another"
    go.set()
    await until(opened.is_set)
    await until(lambda: not is_open(path))


# Files that the kernel sends


class Sendfile:
    """`os.sendfile`, with a count of the calls.

    Attributes:
        calls: the number of calls.
        sent: the number of bytes that were sent.
        failures: number of the call -> the exception that it raises instead.
        transport: if it is set, each call notes how many bytes this transport still holds.
        held_back: the noted numbers.
    """

    def __init__(self) -> None:
        self.calls = 0
        self.sent = 0
        self.failures: dict[int, OSError] = {}
        self.transport: Any = None
        self.held_back: list[int] = []
        self._sendfile = os.sendfile

    def __call__(self, out: int, file: int, offset: int, count: int) -> int:
        assert count > 0
        self.calls += 1
        if self.transport is not None:
            self.held_back.append(self.transport.get_write_buffer_size())
        if self.calls in self.failures:
            raise self.failures[self.calls]
        sent = self._sendfile(out, file, offset, count)
        self.sent += sent
        return sent


@pytest.fixture
def sendfile(monkeypatch: pytest.MonkeyPatch) -> Sendfile:
    if not hasattr(os, "sendfile"):
        pytest.skip("the system has no sendfile")
    double = Sendfile()
    monkeypatch.setattr(os, "sendfile", double)
    return double


async def read_body(reader: asyncio.StreamReader) -> bytes:
    """The body of the next response, whose length is known."""
    block = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
    [length] = [line for line in block.split(b"\r\n") if line.startswith(b"content-length: ")]
    return await asyncio.wait_for(reader.readexactly(int(length[16:])), 20)


@pytest.mark.parametrize("size", [files.SMALL, files.SMALL + 1, 5 << 20])
async def test_the_kernel_sends_files(http_protocol_cls: Any, make_file: Any, sendfile: Sendfile, size: int) -> None:
    path = make_file(size)
    app = send_each(sized(size), path_of(path))
    async with serving(http_protocol_cls, app) as (reader, writer, _):
        writer.write(GET * 2)
        for _ in range(2):
            assert await read_body(reader) == path.read_bytes()
    assert sendfile.sent == (0 if size == files.SMALL else size * 2)
    assert not is_open(path)


@sends_files
async def test_the_kernel_sends_parts_in_their_order(
    http_protocol_cls: Any, make_file: Any, sendfile: Sendfile
) -> None:
    path = make_file(1 << 20)
    data = path.read_bytes()
    before = b"b" * (4 << 20)
    with path.open("rb") as file:
        app = send_each(
            sized(len(before) + len(data) * 2 + 3),
            body(before, True),
            part_of(file, offset=0, more_body=True),
            body(b"and", True),
            part_of(file, offset=0),
        )
        async with serving(http_protocol_cls, app) as (reader, writer, _):
            writer.write(GET)
            assert await read_body(reader) == before + data + b"and" + data
    assert sendfile.sent == len(data) * 2


async def test_a_body_in_chunks_is_read(http_protocol_cls: Any, make_file: Any, sendfile: Sendfile) -> None:
    path = make_file(1 << 20)
    async with serving(http_protocol_cls, send_each(start(), path_of(path))) as (reader, writer, _):
        writer.write(head(b"GET / HTTP/1.1", b"Connection: close"))
        [response] = parse_responses(await asyncio.wait_for(reader.read(), 20), [], ended=True)
        assert response.body == path.read_bytes()
    assert sendfile.calls == 0


@pytest.mark.parametrize("call", [1, 3])
async def test_a_file_that_the_kernel_does_not_send_is_read(
    http_protocol_cls: Any, make_file: Any, sendfile: Sendfile, call: int
) -> None:
    sendfile.failures[call] = OSError(errno.EINVAL, "of another kind")
    path = make_file(5 << 20)
    async with serving(http_protocol_cls, send_each(sized(5 << 20), path_of(path))) as (reader, writer, _):
        writer.write(GET)
        assert await read_body(reader) == path.read_bytes()
    assert sendfile.calls == call


async def test_waits_for_a_full_socket(http_protocol_cls: Any, make_file: Any, sendfile: Sendfile) -> None:
    sendfile.failures = {1: BlockingIOError(), 3: BlockingIOError()}
    path = make_file(5 << 20)
    async with serving(http_protocol_cls, send_each(sized(5 << 20), path_of(path))) as (reader, writer, _):
        writer.write(GET)
        assert await read_body(reader) == path.read_bytes()
    assert sendfile.sent == 5 << 20


async def test_unsent_bytes_go_out_before_the_file(http_protocol_cls: Any, make_file: Any, sendfile: Sendfile) -> None:
    part = b"b" * 32768

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(sized(LARGE))
        [protocol] = state.connections
        left = LARGE
        while not protocol.connection.unsent():
            await send(body(part, True))
            left -= len(part)
            await asyncio.sleep(0)
        assert not protocol.flow.write_paused
        sendfile.transport = protocol.transport
        with path.open("rb") as file:
            waiting.set()
            await send(part_of(file, count=1 << 20, more_body=True))
        await send(body(b"a" * (left - (1 << 20))))

    waiting = asyncio.Event()
    path = make_file(1 << 20)
    async with serving(http_protocol_cls, app) as (reader, writer, state):
        writer.write(GET)
        await asyncio.wait_for(waiting.wait(), 20)
        data = await read_body(reader)
        file = data.strip(b"ab")
    assert file == path.read_bytes()
    assert sendfile.sent == 1 << 20
    assert set(sendfile.held_back) == {0}


class Stalled:
    """A client that has read the beginning of a large file, on its own server.

    Attributes:
        protocol: the server's side.
    """

    def __init__(self, writer: asyncio.StreamWriter, state: Any) -> None:
        self.writer = writer
        [self.protocol] = state.connections

    @property
    def left(self) -> int:
        """The number of bytes of the file that the kernel has not taken; 0 if no file is being sent."""
        transfer = self.protocol.connection.transfer
        return 0 if transfer is None else transfer.left

    async def wait(self) -> None:
        """Return when the kernel takes no more bytes."""
        await until(lambda: self.left)
        before = -1
        while before != self.left:
            before = self.left
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def stalled(http_protocol_cls: Any, app: Any, **options: Any) -> Any:
    async with serving(http_protocol_cls, app, **options) as (reader, writer, state):
        writer.write(GET)
        await reader.readuntil(b"\r\n\r\n")
        client = Stalled(writer, state)
        await client.wait()
        yield client, reader


@sends_files
async def test_keeps_a_client_that_reads_a_file_slowly(http_protocol_cls: Any, large: Path) -> None:
    app = send_each(sized(LARGE), path_of(large))
    async with stalled(http_protocol_cls, app) as (client, reader):
        deadline = client.protocol.connection.deadline
        assert deadline.reason is Due.SEND
        before = client.left
        while client.left == before:
            await reader.read(1 << 20)
        deadline.pass_now()
        assert deadline.reason is Due.SEND
        assert not client.protocol.transport.is_closing()
        while client.left:
            await reader.read(1 << 20)
        await until(lambda: app.sent == 1)
        assert deadline.reason is Due.KEEP_ALIVE


@sends_files
async def test_cuts_off_a_client_that_stops_reading_a_file(http_protocol_cls: Any, large: Path) -> None:
    app = send_each(sized(LARGE), path_of(large))
    async with stalled(http_protocol_cls, app, timeout_send=30) as (client, _):
        connection = client.protocol.connection
        # The client has read the first bytes.
        connection.deadline.pass_now()
        assert not client.protocol.transport.is_closing()
        connection.deadline.pass_now()
        await until(lambda: app.sent == 1)
        assert connection.transfer is None
        assert client.protocol.is_closed
    assert not is_open(large)


@sends_files
async def test_a_client_that_leaves_ends_the_file(http_protocol_cls: Any, large: Path) -> None:
    app = send_each(sized(LARGE), path_of(large))
    async with stalled(http_protocol_cls, app) as (client, _):
        client.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.writer.transport.abort()
        await until(lambda: app.sent == 1)
    assert not is_open(large)


@sends_files
async def test_send_raises_with_asgi_http_2_4_when_the_client_leaves(
    http_protocol_cls: Any, large: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caught: list[type[Exception]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(sized(LARGE))
        try:
            await send(path_of(large))
        except Exception as exc:
            caught.append(type(exc))
            raise

    async with stalled(http_protocol_cls, app, asgi_http_version="2.4") as (client, _):
        client.writer.transport.abort()
        await until(lambda: caught)
    assert caught == [ClientDisconnected]
    assert "Exception in ASGI application" not in caplog.text


async def test_a_reset_from_sendfile_ends_the_file(http_protocol_cls: Any, make_file: Any, sendfile: Sendfile) -> None:
    sendfile.failures[1] = ConnectionResetError()
    app = send_each(sized(1 << 20), path_of(make_file(1 << 20)))
    async with serving(http_protocol_cls, app) as (reader, writer, _):
        writer.write(GET)
        await until(lambda: app.sent == 1)
        with contextlib.suppress(ConnectionResetError):
            assert b"0000000\n" not in await asyncio.wait_for(reader.read(), 20)


@sends_files
async def test_a_cancelled_file_can_be_sent_in_another_way(http_protocol_cls: Any, large: Path) -> None:
    left: list[int] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(sized(LARGE))
        sending = asyncio.ensure_future(send(path_of(large)))
        await go.wait()
        left.append(client.left)
        sending.cancel()
        await asyncio.wait([sending])
        # The application may send the rest in another way.
        await send(body(b"r" * left[0]))

    go = asyncio.Event()
    async with stalled(http_protocol_cls, app) as (client, reader):
        go.set()
        data = await asyncio.wait_for(reader.readexactly(LARGE), 60)
        assert data.endswith(b"r" * left[0])
        assert data.count(b"r") == left[0]
        await until(lambda: client.protocol.cycle is None)
        assert not client.protocol.connection.flow.write_paused


@sends_files
async def test_another_message_waits_for_the_file(http_protocol_cls: Any, large: Path) -> None:
    caught: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(sized(LARGE))
        sending = asyncio.ensure_future(send(path_of(large)))
        await go.wait()
        other = asyncio.ensure_future(send(body(b"x")))
        await turns()
        assert not other.done()
        await sending
        with pytest.raises(RuntimeError) as error:
            await other
        caught.append(str(error.value))

    go = asyncio.Event()
    async with stalled(http_protocol_cls, app) as (_, reader):
        go.set()
        await asyncio.wait_for(reader.readexactly(LARGE), 60)
        await until(lambda: caught)
    [text] = caught
    assert "while a file is being sent" in text or "after response already completed" in text


async def test_sends_no_file_on_a_closing_connection(
    http_protocol_cls: Any, make_file: Any, sendfile: Sendfile
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(sized(1 << 20))
        [protocol] = state.connections
        protocol.transport.close()
        await send(path_of(make_file(1 << 20)))

    async with serving(http_protocol_cls, app) as (reader, writer, state):
        writer.write(GET)
        assert await asyncio.wait_for(reader.read(), 20) == b""
    assert sendfile.calls == 0


async def test_which_connections_the_kernel_can_send_to() -> None:
    class Full(FullTransport):
        def set_write_buffer_limits(self, high: int | None = None) -> None:
            """This transport has no such limits."""

    def can_send_files(transport: Any) -> bool:
        connection = Http1Connection(H11, respond(), transport=transport)
        return can_transfer(connection.protocol.connection)

    from uvicorn.protocols.http.h11_impl import H11Protocol as H11

    assert not can_send_files(FullTransport())
    plain, secure = Full(), Full(sslcontext=True)
    assert not can_send_files(plain)
    for transport in (plain, secure):
        transport._extra["socket"] = socket.socket()
    try:
        assert can_send_files(plain) == hasattr(os, "sendfile")
        assert not can_send_files(secure)
    finally:
        for transport in (plain, secure):
            transport._extra["socket"].close()
