"""Writes lines to a text stream without ever waiting for its reader.

The access log uses it: a reader that has stopped must not stop the server. A line first goes into the buffer of the
stream, so that it keeps its place among other output. A write consists of whole lines. If the file descriptor accepts
nothing, such as a full pipe, lines are kept up to a limit. Further lines are lost, and counted.
"""

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

# The most bytes of one write. For a pipe: the number that the system writes in one piece, not mixed with the output of
# other processes (POSIX, write()). For other files: the number that a text stream buffers before it writes by itself.
_PIPE_LIMIT: int = getattr(select, "PIPE_BUF", 512)
_LIMIT = 8192

# The most characters that are kept while the reader has stopped. Further lines are lost.
HELD_LIMIT = 1 << 20

_open_streams: "weakref.WeakSet[LineStream]" = weakref.WeakSet()


class LineStream:
    """Writes lines of ASCII to a text stream with a file descriptor.

    Every method can raise the OSError or ValueError of the stream. The lines that it should have written are then lost.

    Args:
        stream: the text stream.

    Attributes:
        unbuffered: whether the stream itself writes each line at once: at a terminal, and with PYTHONUNBUFFERED.
        buffered, room: the number of characters in the buffer of the stream, and the most that it may have.
        lost: the number of lines that were lost.
        sound: whether the last write succeeded. A caller that catches an error sets it to False.
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
        # If a write can block, a line is buffered only when there is room to write it. At its exit, the interpreter
        # writes the buffer, and would wait for the reader.
        self._empty_room = self._limit if self._poll is None else 0
        self.room = self._empty_room
        self.buffered = 0
        self._held: deque[str] = deque()
        self._held_size = 0
        self.lost = 0
        self.sound = True
        _open_streams.add(self)

    def write(self, line: str) -> None:
        """Buffer a line for the next flush. Not for an unbuffered stream."""
        buffered = self.buffered + len(line)
        if buffered > self.room:
            buffered = len(line)
            # The buffer may be used only if writing it cannot block.
            if not self.flush() or (self._poll is not None and (buffered > self._limit or not self._poll(0))):
                self._hold(line)
                return
            self.room = self._limit
        self.buffered = buffered
        self.stream.write(line)

    def write_at_once(self, line: str) -> bool:
        """Write a line and all lines before it, as far as possible without waiting.

        Returns whether all were written.
        """
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
            # First write what other code has left in the buffer of the stream. Then write the line directly, because
            # the buffer would cost 2,000 more instructions.
            self.stream.flush()
            written = self._write(line.encode())
            if written != len(line):
                self._hold(line[written:])
                return False
        self.sound = True
        return True

    def flush(self) -> bool:
        """Write as much as possible without waiting. Returns whether everything was written."""
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
        """Write everything, and wait up to `patience` seconds for the reader. The rest is lost."""
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
        """Take the lines for one write, or a part of a line that is too long for a pipe."""
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
    """Make a function that waits until a write does not block.

    Its argument is the longest time to wait, in milliseconds. None if a write to this descriptor never blocks.
    """
    if sys.platform == "win32":  # pragma: no cover - this system has no poll()
        return None
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode) or (stat.S_ISCHR(mode) and not os.isatty(descriptor)):
        return None
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return poll.poll


def _get_raw_write(stream: io.TextIOWrapper) -> Callable[[bytes], int | None] | None:
    """The function that writes to the file of standard output without a buffer.

    None for other streams, because they may change the text.
    """
    if stream is not sys.__stdout__ or os.linesep != "\n":
        return None
    buffer: Any = stream.buffer
    # With PYTHONUNBUFFERED, there is no buffer between the stream and the file.
    write: Callable[[bytes], int | None] = getattr(buffer, "raw", buffer).write
    return write


def _flush_before_fork() -> None:
    """Write the buffers before a fork. Otherwise the child would write them a second time."""
    for lines in list(_open_streams):
        # A new poll object is needed, because another thread may be using that of the stream.
        with contextlib.suppress(OSError, ValueError):
            poll = _poll_for_room(lines.stream.fileno())
            if poll is None or poll(0):
                lines.stream.flush()


if hasattr(os, "register_at_fork"):  # pragma: no branch - Windows does not have it
    os.register_at_fork(before=_flush_before_fork)
