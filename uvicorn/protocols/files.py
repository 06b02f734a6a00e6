"""Files as parts of a response's body: two rows of the table in `uvicorn.protocols.extensions`.

A file goes from the kernel straight into the socket if the stream can do that, else in pieces that a thread reads. The
length of a file is that at its opening: one that grows is sent up to it, and one that shrinks is an error.
"""

import asyncio
import contextlib
import os
import stat
from asyncio import Future
from collections.abc import Iterator
from io import FileIO
from typing import TYPE_CHECKING, Any, NoReturn

from uvicorn._speedups.flags import NO_BODY

if TYPE_CHECKING:
    from uvicorn.protocols.exchange import RequestResponseCycle

# Bytes that a thread reads at once. A file up to the second size is read by the thread that opens it.
PIECE = 262144
SMALL = 65536

# To open a named pipe without it would wait for its other end.
_NONBLOCK = getattr(os, "O_NONBLOCK", 0)


async def send_path(exchange: "RequestResponseCycle", message: Any) -> None:
    """Send a file as the rest of the body."""
    path = os.fspath(message["path"])
    with _sending(exchange):
        file, size, data = await _open(path, exchange.stream.framer.framing != NO_BODY)
        with file:
            await _send(exchange, file.fileno(), 0, size, False, data)


async def send_descriptor(exchange: "RequestResponseCycle", message: Any) -> None:
    """Send a part of a file that the application has opened, as a part of the body."""
    fields = dict(message)
    file = fields["file"]
    descriptor: int = file if isinstance(file, int) else file.fileno()
    offset, count = fields.get("offset"), fields.get("count")
    try:
        available = _get_size(descriptor)
        position = os.lseek(descriptor, 0, os.SEEK_CUR) if isinstance(file, int) else file.tell()
    except (OSError, ValueError) as exc:
        _refuse(file, exc)
    start = position if offset is None else offset
    for name, value in (("offset", start), ("count", count)):
        if value is not None and (not isinstance(value, int) or value < 0):
            raise RuntimeError(f"The {name} of a file must be a number of bytes, got {value!r}.")
    size = max(available - start, 0) if count is None else count
    if start + size > available:
        raise RuntimeError(
            f"The file {file!r} has {available} bytes: it cannot be sent from {start} to {start + size}."
        )
    with _sending(exchange):
        await _send(exchange, descriptor, start, size, fields.get("more_body", False), b"")
    if offset is None:
        # As if the application had read it.
        if isinstance(file, int):
            os.lseek(descriptor, start + size, os.SEEK_SET)
        else:
            file.seek(start + size)


@contextlib.contextmanager
def _sending(exchange: "RequestResponseCycle") -> Iterator[None]:
    exchange.begin_file()
    try:
        yield
    finally:
        exchange.end_file()


async def _send(
    exchange: "RequestResponseCycle", file: int, offset: int, size: int, more_body: bool, data: bytes
) -> None:
    """Send a part of a file.

    Args:
        data: its first bytes, if they were read.
    """
    stream = exchange.stream
    framer = stream.framer
    framer.check_size(size, more_body)
    left = 0 if framer.framing == NO_BODY else size
    if left > SMALL:
        sent = await stream.send_file(file, offset, left)
        offset += sent
        left -= sent
    # Each pass sends bytes, or ends.
    while True:
        if left and not data:
            data = await asyncio.get_running_loop().run_in_executor(None, _read, file, offset, min(left, PIECE))
            if not data:
                raise RuntimeError("A file has become shorter while it was sent.")
        if exchange.is_gone:
            return
        offset += len(data)
        left -= len(data)
        framer.resume()
        stream.send({"type": "http.response.body", "body": data, "more_body": more_body or left > 0})
        if not left:
            return
        framer.suspend()
        data = b""
        if stream.flow.write_paused:
            await stream.drain()


async def _open(path: str | bytes, reads: bool) -> tuple[FileIO, int, bytes]:
    opening = asyncio.get_running_loop().run_in_executor(None, _open_now, path, reads)
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(_close_unused)
        raise


def _close_unused(opening: "Future[tuple[FileIO, int, bytes]]") -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result()[0].close()


def _open_now(path: str | bytes, reads: bool) -> tuple[FileIO, int, bytes]:
    """Open a file: with its size, and its bytes if they are few."""
    try:
        file = FileIO(path, opener=lambda name, flags: os.open(name, flags | _NONBLOCK))
    except (OSError, ValueError) as exc:
        _refuse(path, exc)
    try:
        size = _get_size(file.fileno())
        return file, size, _read(file.fileno(), 0, size) if reads and size <= SMALL else b""
    except (OSError, ValueError) as exc:
        file.close()
        _refuse(path, exc)


def _get_size(file: int) -> int:
    status = os.fstat(file)
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("it is not a regular file")
    return status.st_size


def _refuse(file: Any, exc: Exception) -> NoReturn:
    reason = exc.strerror if isinstance(exc, OSError) else exc
    raise RuntimeError(f"The file {file!r} cannot be sent: {reason}.") from exc


def _read(file: int, offset: int, size: int) -> bytes:
    if hasattr(os, "pread"):
        data: bytes = os.pread(file, size, offset)
        return data
    os.lseek(file, offset, os.SEEK_SET)
    return os.read(file, size)
