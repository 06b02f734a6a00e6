"""Sends files as parts of a response body: `http.response.pathsend` and `http.response.zerocopysend`.

The kernel sends the file if the stream supports that. Otherwise a thread reads the file in pieces. The length is taken
once, when sending starts: bytes that are added later are not sent, and a file that becomes shorter is an error.
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

# The most bytes that a thread reads in one call. A file of at most SMALL bytes is read in the call that opens it.
PIECE = 262144
SMALL = 65536

# Without this flag, opening a named pipe would wait until another process opens its other end.
_NONBLOCK = getattr(os, "O_NONBLOCK", 0)


async def send_path(exchange: "RequestResponseCycle", message: Any) -> None:
    """Send the file `path` of the message as the rest of the body. Raises RuntimeError if it cannot be read."""
    path = os.fspath(message["path"])
    with _sending(exchange):
        file, size, data = await _open(path, exchange.stream.framer.framing != NO_BODY)
        with file:
            await _send(exchange, file.fileno(), 0, size, False, data)


async def send_descriptor(exchange: "RequestResponseCycle", message: Any) -> None:
    """Send a part of an open file as a part of the body.

    Args:
        exchange: the exchange of the request.
        message: `file` is a file object or a descriptor; `offset` and `count` are in bytes, and may be left out.

    Raises:
        RuntimeError: the file is not a regular one, or does not have these bytes.
    """
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
        # Move the position of the file, as if the application had read the bytes.
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
        exchange: the exchange of the request.
        file: the descriptor.
        offset: the position of the first byte.
        size: the number of bytes.
        more_body: whether other parts of the body follow.
        data: the first bytes, if they were read already.
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
    """Open a file. Returns the file, its size, and its bytes if `reads` and the file is small."""
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
