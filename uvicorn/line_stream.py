"""Writes lines to a text stream and never waits for its reader.

The access log uses it: a reader that has stopped, such as a full pipe, must not stop the server. A line first goes into
the stream's own buffer, so that it keeps its place among what others write there. A write sends whole lines. If the
file descriptor takes nothing, lines are held back, up to a limit; what comes after that is lost and counted."""

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

# Bytes of one write. Into a pipe: what the system writes in one piece, unmixed with other processes (POSIX, write()).
# Elsewhere: what a text stream keeps without writing it by itself.
_PIPE_LIMIT: int = getattr(select, "PIPE_BUF", 512)
_LIMIT = 8192

# Characters that are held back if the reader has stopped; further lines are lost.
HELD_LIMIT = 1 << 20

_open_streams: "weakref.WeakSet[LineStream]" = weakref.WeakSet()


class LineStream:
    """Lines of ASCII on their way into a text stream over a file descriptor.

    A line stands in the stream's own buffer at once, so in its place among all that others write. A write ends where a
    line does. Lines are held back while the descriptor takes none.

    Attributes:
        unbuffered: whether the stream writes each line by itself: that of a terminal, or any with PYTHONUNBUFFERED.
        buffered, room: characters in the stream's buffer, and those that it may hold.
        lost: number of lines for which there was no room.
        sound: whether the last write succeeded; the caller that catches its error sets it to False.

    Every method raises the stream's OSError or ValueError; the lines that it should have written are lost then.
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
        # If a write could block, nothing is buffered before there is room for it: at its exit, the interpreter waits
        # until the buffer is written.
        self._empty_room = self._limit if self._poll is None else 0
        self.room = self._empty_room
        self.buffered = 0
        self._held: deque[str] = deque()
        self._held_size = 0
        self.lost = 0
        self.sound = True
        _open_streams.add(self)

    def write(self, line: str) -> None:
        """Keep a line for the next flush. Not for an unbuffered stream."""
        buffered = self.buffered + len(line)
        if buffered > self.room:
            buffered = len(line)
            # Writing the buffer must not block.
            if not self.flush() or (self._poll is not None and (buffered > self._limit or not self._poll(0))):
                self._hold(line)
                return
            self.room = self._limit
        self.buffered = buffered
        self.stream.write(line)

    def write_at_once(self, line: str) -> bool:
        """Write a line and all lines before it, as far as possible without waiting; return whether all were written."""
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
            # First what others have left in the stream's buffers. Writing our lines through them would cost 2,000
            # instructions more for each.
            self.stream.flush()
            written = self._write(line.encode())
            if written != len(line):
                self._hold(line[written:])
                return False
        self.sound = True
        return True

    def flush(self) -> bool:
        """Write what is possible without waiting; return whether all was written."""
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
        """Write everything. What the reader has not taken after `patience` seconds is lost."""
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
        """The lines that fit one write, or a part of a line that is too long for a pipe."""
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
    """A function that waits until a write would not block, for at most as many milliseconds as it is given; None if no
    write blocks."""
    if sys.platform == "win32":  # pragma: no cover - this system has no poll()
        return None
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode) or (stat.S_ISCHR(mode) and not os.isatty(descriptor)):
        return None
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return poll.poll


def _get_raw_write(stream: io.TextIOWrapper) -> Callable[[bytes], int | None] | None:
    """The raw writer below a standard text stream. None for other streams: they may change what is written."""
    if stream is not sys.__stdout__ or os.linesep != "\n":
        return None
    buffer: Any = stream.buffer
    # With PYTHONUNBUFFERED, the buffer is missing.
    write: Callable[[bytes], int | None] = getattr(buffer, "raw", buffer).write
    return write


def _flush_before_fork() -> None:
    """Empty the buffers before a fork: a child would write their content a second time."""
    for lines in list(_open_streams):
        # Another thread may be using the stream's own poll object.
        with contextlib.suppress(OSError, ValueError):
            poll = _poll_for_room(lines.stream.fileno())
            if poll is None or poll(0):
                lines.stream.flush()


if hasattr(os, "register_at_fork"):  # pragma: no branch - there is none on Windows
    os.register_at_fork(before=_flush_before_fork)
