"""Lines that are written to a stream: where a write ends, and what happens to lines that are not read."""

import contextlib
import io
import os
import select
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.processes import PATIENCE, ROOT
from uvicorn import line_stream
from uvicorn.line_stream import LineStream

pytestmark = pytest.mark.skipif(not hasattr(os, "pipe2"), reason="only Linux has pipes that keep writes separate")

LINE = "x" * 99 + "\n"


class Pipe:
    """A pipe in which each read returns the bytes of one write (pipe(7), O_DIRECT)."""

    def __init__(self, buffering: int = -1, write_through: bool = False) -> None:
        self.reader, writer = os.pipe2(os.O_DIRECT)  # type: ignore[attr-defined,unused-ignore]  # only Linux has it
        os.set_blocking(self.reader, False)
        binary: Any = os.fdopen(writer, "wb", buffering)
        self.stream: Any = io.TextIOWrapper(binary, encoding="utf-8", write_through=write_through)

    def read(self) -> str | None:
        """Read the text of one write. Returns None if the pipe is empty."""
        try:
            return os.read(self.reader, 65536).decode()
        except BlockingIOError:
            return None

    def read_all(self) -> str:
        return "".join(iter(self.read, None))

    def fill(self) -> None:
        """Fill the pipe, as if its reader had stopped."""
        descriptor = self.stream.fileno()
        os.set_blocking(descriptor, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(descriptor, b"\n")
        os.set_blocking(descriptor, True)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            os.close(self.reader)
        with contextlib.suppress(OSError, ValueError):
            self.stream.close()


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    made.close()


@pytest.fixture
def unbuffered() -> Iterator[Pipe]:
    made = Pipe(0, write_through=True)
    yield made
    made.close()


def way_to_write(kind: str, lines: LineStream) -> Callable[[str], Any]:
    return lines.write if kind == "pipe" else lines.write_at_once


def test_the_lines_of_a_pass_are_one_write(pipe: Pipe) -> None:
    lines = LineStream(pipe.stream)
    assert not lines.unbuffered
    lines.write("a\n")
    lines.write("b\n")
    assert pipe.read() is None
    assert lines.flush()
    assert pipe.read() == "a\nb\n"
    assert pipe.read() is None
    assert lines.flush()
    assert pipe.read() is None


def test_lines_keep_their_order_with_other_writers(pipe: Pipe) -> None:
    lines = LineStream(pipe.stream)
    lines.write("1\n")
    print("2", file=pipe.stream)
    lines.write("3\n")
    print("4", file=pipe.stream, flush=True)
    lines.write("5\n")
    lines.flush()
    assert pipe.read_all() == "1\n2\n3\n4\n5\n"


def test_each_write_into_a_pipe_is_atomic_and_ends_with_a_line(pipe: Pipe) -> None:
    lines = LineStream(pipe.stream)
    for number in range(200):
        lines.write(f"{number:0{number % 90 + 3}}\n")
    lines.flush()
    writes = list(iter(pipe.read, None))
    assert all(write.endswith("\n") and len(write) <= select.PIPE_BUF for write in writes)
    assert len(writes) < 5
    assert [int(line) for line in "".join(writes).split()] == [*range(200)]


def test_a_write_into_a_file_may_be_larger_and_ends_with_a_line(tmp_path: Path) -> None:
    with open(tmp_path / "log", "w", encoding="utf-8") as stream, open(tmp_path / "log", encoding="utf-8") as reader:
        lines = LineStream(stream)
        for _ in range(81):
            lines.write(LINE)
        assert reader.read() == ""
        lines.write(LINE)
        assert reader.read() == LINE * 81
        lines.write("y" * 20_000 + "\n")
        lines.flush()
        assert reader.read() == LINE + "y" * 20_000 + "\n"


def test_a_line_longer_than_an_atomic_write(pipe: Pipe) -> None:
    lines = LineStream(pipe.stream)
    long = "y" * (2 * select.PIPE_BUF) + "\n"
    lines.write("a\n")
    lines.write(long)
    lines.write("b\n")
    assert lines.flush()
    writes = list(iter(pipe.read, None))
    assert "".join(writes) == "a\n" + long + "b\n"
    assert max(map(len, writes)) == select.PIPE_BUF


@pytest.mark.parametrize("kind", ["pipe", "at once", "unbuffered"])
def test_does_not_wait_for_a_reader_that_has_stopped(kind: str, request: pytest.FixtureRequest) -> None:
    pipe: Pipe = request.getfixturevalue("unbuffered" if kind == "unbuffered" else "pipe")
    lines = LineStream(pipe.stream)
    write = way_to_write(kind, lines)
    pipe.fill()
    expected = [f"{number}\n" for number in range(2000)]
    for line in expected:
        write(line)
    assert not lines.flush()
    read = ""
    for _ in range(PATIENCE_STEPS):
        read += pipe.read_all()
        if lines.flush():
            break
    read += pipe.read_all()
    assert read.lstrip("\n") == "".join(expected)
    # The pipe has room again, so lines are written at once again.
    write("again\n")
    assert lines.flush()
    assert pipe.read_all() == "again\n"
    assert lines.lost == 0


PATIENCE_STEPS = 100


@pytest.mark.parametrize("kind", ["pipe", "at once", "unbuffered"])
def test_a_line_longer_than_an_atomic_write_waits_for_room(kind: str, request: pytest.FixtureRequest) -> None:
    """If the system reports room in a pipe, the room may suffice for one atomic write only."""
    pipe: Pipe = request.getfixturevalue("unbuffered" if kind == "unbuffered" else "pipe")
    lines = LineStream(pipe.stream)
    write = way_to_write(kind, lines)
    pipe.fill()
    # With this setting, a write that would wait raises, or its line is lost.
    os.set_blocking(pipe.stream.fileno(), False)
    read = pipe.read() or ""
    long = "y" * (2 * select.PIPE_BUF) + "\n"
    write(long)
    while not lines.flush():
        read += pipe.read() or ""
    read += pipe.read_all()
    assert read.lstrip("\n") == long


@pytest.mark.parametrize("kind", ["pipe", "at once", "unbuffered"])
def test_the_buffer_is_bounded_and_lost_lines_are_counted(
    kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe: Pipe = request.getfixturevalue("unbuffered" if kind == "unbuffered" else "pipe")
    monkeypatch.setattr(line_stream, "HELD_LIMIT", 250)
    lines = LineStream(pipe.stream)
    write = way_to_write(kind, lines)
    pipe.fill()
    write(LINE)
    lines.flush()
    before = lines.lost
    for _ in range(60):
        write(LINE)
    written = 61 - lines.lost
    assert before == 0
    assert 2 <= written < 60
    pipe.read_all()
    assert lines.flush()
    assert pipe.read_all() == LINE * written


def test_closing_waits_for_a_slow_reader(pipe: Pipe) -> None:
    lines = LineStream(pipe.stream)
    pipe.fill()
    for _ in range(100):
        lines.write(LINE)
    read: list[str] = []
    waiting = threading.Event()
    poll: Any = lines._poll

    def wait(milliseconds: float) -> Any:
        if milliseconds:
            waiting.set()
        return poll(milliseconds)

    def read_late() -> None:
        assert waiting.wait(PATIENCE)
        while "".join(read) != LINE * 100 and select.select([pipe.reader], [], [], PATIENCE)[0]:
            read.append((pipe.read() or "").lstrip("\n"))

    lines._poll = wait
    thread = threading.Thread(target=read_late)
    thread.start()
    lines.close(PATIENCE)
    thread.join(PATIENCE)
    assert "".join(read) == LINE * 100
    assert lines.lost == 0


@pytest.mark.parametrize("patience", [0.0, 0.01])
def test_closing_does_not_wait_forever(pipe: Pipe, patience: float) -> None:
    lines = LineStream(pipe.stream)
    pipe.fill()
    for _ in range(100):
        lines.write(LINE)
    lines.close(patience)
    assert lines.lost == 100
    # The buffer is empty, so the interpreter does not wait at its exit.
    pipe.stream.flush()


def test_does_not_wait_for_a_pipe_that_others_fill(pipe: Pipe) -> None:
    lines = LineStream(pipe.stream)
    lines.write("a\n")
    pipe.fill()
    assert not lines.flush()
    lines.write("b\n")
    pipe.read_all()
    assert lines.flush()
    assert pipe.read_all() == "a\nb\n"


def test_a_line_written_at_once_follows_all_earlier_lines(pipe: Pipe) -> None:
    lines = LineStream(pipe.stream)
    lines.write("1\n")
    print("2", file=pipe.stream)
    assert lines.write_at_once("3\n")
    assert pipe.read_all() == "1\n2\n3\n"
    lines.write("4\n")
    pipe.fill()
    assert not lines.write_at_once("5\n")
    assert not lines.write_at_once("6\n")
    pipe.read_all()
    assert lines.write_at_once("7\n")
    assert pipe.read_all() == "4\n5\n6\n7\n"


def test_a_stream_without_a_buffer_is_written_at_once(unbuffered: Pipe) -> None:
    lines = LineStream(unbuffered.stream)
    assert lines.unbuffered
    lines.write_at_once("a\n")
    assert unbuffered.read() == "a\n"
    lines.write_at_once("y" * 5000 + "\n")
    assert lines.flush()
    assert unbuffered.read_all() == "y" * 5000 + "\n"


def test_a_stream_that_is_given_a_buffer_is_flushed(unbuffered: Pipe) -> None:
    lines = LineStream(unbuffered.stream)
    unbuffered.stream.reconfigure(write_through=False)
    lines.write_at_once("a\n")
    assert lines.flush()
    assert unbuffered.read() == "a\n"


def test_does_not_wait_for_a_stopped_terminal() -> None:
    import termios

    controller, terminal = os.openpty()
    try:
        with open(terminal, "w", encoding="utf-8", buffering=1) as stream:
            lines = LineStream(stream)
            assert lines.unbuffered
            lines.write_at_once("a\n")
            assert os.read(controller, 100) == b"a\r\n"
            termios.tcflow(terminal, termios.TCOOFF)
            lines.write_at_once("b\n")
            assert not lines.flush()
            termios.tcflow(terminal, termios.TCOON)
            assert lines.flush()
            assert os.read(controller, 100) == b"b\r\n"
    finally:
        os.close(controller)


@pytest.mark.parametrize("buffering", [-1, 1])
def test_writes_to_a_file_do_not_wait(buffering: int) -> None:
    with open(os.devnull, "w", encoding="utf-8", buffering=buffering) as stream:
        lines = LineStream(stream)
        if buffering != 1:
            lines.write(LINE)
        assert lines.write_at_once(LINE)
        assert lines.flush()
        lines.close(0.0)
        assert lines.lost == 0


@pytest.mark.parametrize("buffering", [-1, 0])
def test_standard_output_that_is_a_file(buffering: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines bypass the buffers of the stream, but text that is already in the buffers is written first."""
    binary: Any = open(tmp_path / "log", "wb", buffering)  # noqa: SIM115 - the stream closes it
    with io.TextIOWrapper(binary, encoding="utf-8", write_through=not buffering) as stream:
        monkeypatch.setattr(sys, "__stdout__", stream)
        lines = LineStream(stream)
        print("é", file=stream)
        assert lines.write_at_once("1\n")
        print("2", file=stream)
        assert lines.write_at_once("3\n")
        assert (tmp_path / "log").read_text("utf-8") == "é\n1\n2\n3\n"


def test_standard_output_that_accepts_a_part_of_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open(tmp_path / "log", "w", encoding="utf-8") as stream:
        monkeypatch.setattr(sys, "__stdout__", stream)
        lines = LineStream(stream)
        write = lines._write
        assert write is not None
        lines._write = lambda data: write(data[:3])
        assert not lines.write_at_once("12345\n")
        assert not lines.write_at_once("6789\n")
        lines._write = lambda data: None
        assert not lines.write_at_once("a\n")
        assert lines.flush()
    assert (tmp_path / "log").read_text() == "12345\n6789\na\n"


def test_a_stream_that_changes_the_text(tmp_path: Path) -> None:
    with open(tmp_path / "log", "w", encoding="utf-8", newline="\r\n") as stream:
        lines = LineStream(stream)
        assert lines.write_at_once("a\n")
        lines.write("b\n")
        assert lines.flush()
    assert (tmp_path / "log").read_bytes() == b"a\r\nb\r\n"


def test_a_reader_that_has_closed_its_end(pipe: Pipe) -> None:
    lines = LineStream(pipe.stream)
    lines.write(LINE)
    os.close(pipe.reader)
    with pytest.raises(BrokenPipeError):
        lines.flush()
    assert lines.sound
    lines.sound = False
    # The stream retries the lines that it holds. Their number stays bounded.
    for _ in range(1000):
        with contextlib.suppress(BrokenPipeError):
            lines.write(LINE)
            lines.flush()
    assert not lines.sound
    assert lines.lost == 0


def test_forking_does_not_write_twice() -> None:
    code = """
import os, sys
from uvicorn.line_stream import LineStream
gone = LineStream(open(os.devnull, "w"))
gone.stream.close()
reader, writer = os.pipe()
stuck = LineStream(open(writer, "w"))
os.set_blocking(writer, False)
while True:
    try:
        os.write(writer, b"x" * 4096)
    except BlockingIOError:
        break
os.set_blocking(writer, True)
lines = LineStream(sys.stdout)
lines.write("once\\n")
child = os.fork()
if not child:
    sys.stdout.flush()
    os._exit(0)
os.waitpid(child, 0)
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": ""}
    run = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=PATIENCE
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "once\n", "")
