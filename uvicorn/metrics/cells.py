"""The memory in which a process counts. The numbers are doubles, at the indices of `metric_cells`."""

import mmap
import os
import sys
from typing import IO, Any

from uvicorn._speedups.metric_cells import CELLS

SIZE = 8 * CELLS


class SharedCells:
    """The cells of a worker, in the supervisor. A spawned worker gets them by pickling, a forked one inherits them."""

    def __init__(self) -> None:
        if sys.platform == "win32":
            import secrets

            self._name = f"uvicorn-{os.getpid()}-{secrets.token_hex(8)}"
            self.cells = memoryview(mmap.mmap(-1, SIZE, tagname=self._name)).cast("d")
        else:
            from uvicorn.supervisors.fair_listeners import open_unnamed_file

            self._file: IO[bytes] = open_unnamed_file("uvicorn-metrics")
            self._file.truncate(SIZE)
            self.cells = _map(self._file.fileno())

    def __reduce__(self) -> tuple[Any, ...]:
        if sys.platform == "win32":
            return _open_named, (self._name,)
        else:  # without `else`, mypy would check the import for Windows too
            from multiprocessing.reduction import DupFd

            return _open_descriptor, (DupFd(self._file.fileno()),)

    def close(self) -> None:
        """Free the memory in this process. The worker keeps it."""
        self.cells.release()
        if sys.platform != "win32":
            self._file.close()


class ReceivedCells:
    """The cells of a worker, in the worker."""

    def __init__(self, cells: "memoryview[float]") -> None:
        self.cells = cells


def _map(fd: int) -> "memoryview[float]":
    return memoryview(mmap.mmap(fd, SIZE)).cast("d")


def _open_named(name: str) -> ReceivedCells:
    if sys.platform == "win32":
        return ReceivedCells(memoryview(mmap.mmap(-1, SIZE, tagname=name)).cast("d"))
    raise AssertionError("only Windows has named memory")


def _open_descriptor(fd: Any) -> ReceivedCells:
    descriptor = fd.detach()
    try:
        return ReceivedCells(_map(descriptor))
    finally:
        os.close(descriptor)


def new_cells() -> "memoryview[float]":
    """Make the cells of a process without a supervisor."""
    return memoryview(bytearray(SIZE)).cast("d")
