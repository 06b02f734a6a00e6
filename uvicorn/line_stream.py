"""A text stream that lines are written to without ever waiting for whoever reads it."""

import contextlib
import io
import os
import select
import stat
import sys
import time
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any

# Bytes of one write: into a pipe, what no write of another process comes between (POSIX, write()); elsewhere, what a
# text stream keeps without writing it by itself.
_PIPE_LIMIT: int = getattr(select, "PIPE_BUF", 512)
_LIMIT = 8192

# Characters that are held back for a reader that has stopped; further lines are lost.
HELD_LIMIT = 1 << 20

_open_streams: "weakref.WeakSet[LineStream]" = weakref.WeakSet()


class LineStream:
    """Lines of ASCII on their way into a text stream over a file descriptor.

    A line stands in the stream's own buffer at once, so in its place among all that others write. A write ends where a
    line does. Lines are held back while the descriptor takes none.

    Attributes:
        unbuffered: whether the stream writes each line by itself: that of a terminal, or any with PYTHONUNBUFFERED.
        buffered, room: characters in the stream's buffer, and those that it may hold.
        lost: lines that there was no room to hold back.
        sound: whether the stream took what it was given last; set to False by whoever catches its error.

    Every method raises the stream's OSError or ValueError; the lines that it was about are gone.
    """

    __slots__ = (
        "__weakref__",
        "_empty_room",
        "_held",
        "_held_size",
        "_limit",
        "_poll",
        "_write",
        "buffered",
        "lost",
        "room",
        "sound",
        "stream",
        "unbuffered",
    )

    def __init__(self, stream: io.TextIOWrapper) -> None:
        self.stream = stream
        self.unbuffered = stream.line_buffering or stream.write_through
        self._poll = _poll_for_room(stream.fileno())
        self._limit = _LIMIT if self._poll is None else _PIPE_LIMIT
        self._write = _get_raw_write(stream) if self._poll is None else None
        # Where a write may have to wait, nothing is buffered before there is room for it: the interpreter waits at its
        # exit until the buffer is written.
        self._empty_room = self._limit if self._poll is None else 0
        self.room = self._empty_room
        self.buffered = 0
        self._held: deque[str] = deque()
        self._held_size = 0
        self.lost = 0
        self.sound = True
        _open_streams.add(self)

    def write(self, line: str) -> None:
        """Have a line written by the next flush. Not for a stream that is unbuffered."""
        buffered = self.buffered + len(line)
        if buffered > self.room:
            buffered = len(line)
            # What is buffered must not have to wait.
            if not self.flush() or (self._poll is not None and (buffered > self._limit or not self._poll(0))):
                self._hold(line)
                return
            self.room = self._limit
        self.buffered = buffered
        self.stream.write(line)

    def write_at_once(self, line: str) -> bool:
        """Write out a line and all before it, as far as it can be without waiting; return whether nothing is left."""
        poll = self._poll
        if (self.buffered or self._held) and not self.flush():
            self._hold(line)
            return False
        if poll is not None and (len(line) > self._limit or not poll(0)):
            self._hold(line)
            return self.flush()
        if self._write is None:
            self.stream.write(line)
            self.stream.flush()
        else:
            # First what others have left in the stream's buffers. Through these a line costs 2,000 instructions more.
            self.stream.flush()
            written = self._write(line.encode())
            if written != len(line):
                self._hold(line[written:])
                return False
        self.sound = True
        return True

    def flush(self) -> bool:
        """Write out what can be without waiting; return whether nothing is left."""
        if self.buffered:
            if self._poll is not None and not self._poll(0):
                return False
            self.buffered = 0
            self.stream.flush()
            self.sound = True
        while self._held:
            if self._poll is not None and not self._poll(0):
                return False
            self.stream.write(self._take())
            self.stream.flush()
            self.sound = True
        self.room = self._empty_room
        return True

    def close(self, patience: float) -> None:
        """Write out everything; what a reader has not taken after `patience` seconds is lost."""
        deadline = time.monotonic() + patience
        while not self.flush() and self._poll is not None:
            left = deadline - time.monotonic()
            if left <= 0 or not self._poll(left * 1000):
                break
        self.lost += len(self._held)
        self._held.clear()
        self._held_size = 0

    def _hold(self, line: str) -> None:
        if self._held_size + len(line) > HELD_LIMIT:
            self.lost += 1
            return
        self.room = 0
        self._held.append(line)
        self._held_size += len(line)

    def _take(self) -> str:
        """As many of the lines held back as go into one write, or a part of one that is too long for a pipe."""
        held = self._held
        text = held.popleft()
        if self._poll is not None and len(text) > self._limit:
            held.appendleft(text[self._limit :])
            text = text[: self._limit]
        while held and len(text) + len(held[0]) <= self._limit:
            text += held.popleft()
        self._held_size -= len(text)
        return text


def _poll_for_room(descriptor: int) -> Callable[[float], list[Any]] | None:
    """Waits so many milliseconds until a write would not; None where no write waits."""
    if sys.platform == "win32":  # pragma: no cover - there is no way to ask
        return None
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode) or (stat.S_ISCHR(mode) and not os.isatty(descriptor)):
        return None
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return poll.poll


def _get_raw_write(stream: io.TextIOWrapper) -> Callable[[bytes], int | None] | None:
    """What writes bytes into the file of standard output, None for other streams, which may change what is written."""
    if stream is not sys.__stdout__ or os.linesep != "\n":
        return None
    buffer: Any = stream.buffer
    # PYTHONUNBUFFERED leaves the buffer out.
    write: Callable[[bytes], int | None] = getattr(buffer, "raw", buffer).write
    return write


def _flush_before_fork() -> None:
    """Leave nothing in a buffer that a forked child would write a second time."""
    for lines in list(_open_streams):
        # Another thread may wait on the stream's own poll object.
        with contextlib.suppress(OSError, ValueError):
            poll = _poll_for_room(lines.stream.fileno())
            if poll is None or poll(0):
                lines.stream.flush()


if hasattr(os, "register_at_fork"):  # pragma: no branch - there is none on Windows
    os.register_at_fork(before=_flush_before_fork)
