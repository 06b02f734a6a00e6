"""Child processes that serve."""

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from socket import socket
from typing import Any, TypeAlias

from uvicorn.app_loading import show_users_traceback
from uvicorn.config import STARTUP_FAILURE, Config
from uvicorn.listeners import adopt_listening

# A forked child would inherit the locks and threads of an application that the parent has imported.
spawn = multiprocessing.get_context("spawn")

# One end of what `spawn.Pipe` makes.
if sys.platform == "win32":  # pragma: no cover - coverage is measured on Linux
    from multiprocessing.connection import PipeConnection

    PipeEnd: TypeAlias = "PipeConnection[Any, Any]"
else:
    from multiprocessing.connection import Connection
    from multiprocessing.reduction import DupFd

    PipeEnd: TypeAlias = "Connection[Any, Any]"

# What a child whose parent has died gets to finish its requests, in seconds, unless the user has set a time for that.
ORPHAN_GRACE = 10.0
# How long past that the application's own shutdown may take.
ORPHAN_ALLOWANCE = 2.0


def get_subprocess(config: Config, target: Callable[..., None], sockets: list[socket]) -> SpawnProcess:
    """Make, but do not start, a process that serves.

    Args:
        config: what `subprocess_started` sets up in the child.
        target: what it then calls, as `target(sockets=sockets)`.
        sockets: the bound sockets that the child listens on.
    """
    arguments = arguments_of_child(config, target, sockets)
    if sys.implementation.name == "pypy" and sys.platform != "win32":
        arguments["sockets"] = [_Handed(sock) for sock in sockets]
    return spawn.Process(target=subprocess_started, kwargs=arguments)


class _Handed:
    """A socket on its way to a child of PyPy, where it arrives as a socket that does not block.

    As `multiprocessing` hands it over, it would block for all processes that share it: one that serves already and
    comes too late for a connection would wait in accept() for the next one.
    """

    def __init__(self, sock: socket) -> None:
        self._sock = sock

    def __reduce__(self) -> tuple[Any, ...]:
        if sys.platform != "win32":
            sock = self._sock
            return _arrive, (DupFd(sock.fileno()), sock.family, sock.type, sock.proto)
        raise AssertionError("Windows hands sockets over in another way")


def _arrive(fd: Any, family: int, kind: int, protocol: int) -> socket:
    return adopt_listening(fd.detach(), family, kind, protocol)


def arguments_of_child(config: Config, target: Callable[..., None], sockets: list[socket]) -> dict[str, Any]:
    """The arguments for `subprocess_started`; these are `get_subprocess`'s."""
    # The child reads from the parent's terminal (for a debugger, say), which multiprocessing would close.
    try:
        stdin_fileno: int | None = sys.stdin.fileno()
    except (AttributeError, OSError, ValueError):  # none, replaced by an object without a descriptor, or closed
        stdin_fileno = None
    return {"config": config, "target": target, "sockets": sockets, "stdin_fileno": stdin_fileno}


def subprocess_started(
    config: Config, target: Callable[..., None], sockets: list[socket], stdin_fileno: int | None
) -> None:
    """Serve, in the child process.

    Args:
        config, target, sockets: as for `get_subprocess`.
        stdin_fileno: the descriptor of the parent's standard input.

    Raises:
        SystemExit: with STARTUP_FAILURE, if the application could not be loaded.
    """
    if stdin_fileno is not None:
        with contextlib.suppress(OSError):  # only the descriptors 0 to 2 have come along
            sys.stdin = os.fdopen(stdin_fileno)
    config.configure_logging()
    _end_with_parent(config.timeout_graceful_shutdown)
    try:
        target(sockets=sockets)
    except KeyboardInterrupt:
        # The parent has logged what there is to say; a traceback of each child would bury it.
        pass
    except Exception as exc:
        if config.loaded:
            raise
        show_users_traceback(exc)
        sys.exit(STARTUP_FAILURE)


def open_pidfd(pid: int) -> int | None:
    """A descriptor that becomes readable when a process ends; None where such are not to be had.

    Args:
        pid: its id.
    """
    if sys.platform == "linux":
        # An old kernel, or a sandbox, has none, and PyPy no name for it.
        with contextlib.suppress(OSError, AttributeError):
            return os.pidfd_open(pid)
    return None


def _end_with_parent(timeout_graceful_shutdown: float | None) -> None:
    """See to it that no orphan is left: nobody could stop it, and it would keep the port."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        grace = ORPHAN_GRACE if timeout_graceful_shutdown is None else timeout_graceful_shutdown
        assert parent.pid is not None
        # multiprocessing's sentinel is a pipe, whose other end is inherited by those who are forked after us.
        pidfd = open_pidfd(parent.pid)
        sentinel = parent.sentinel if pidfd is None else pidfd
        threading.Thread(target=_watch, args=(sentinel, grace), daemon=True, name="uvicorn-parent").start()


def _watch(parent_sentinel: int, grace: float) -> None:
    wait([parent_sentinel])
    if sys.platform == "win32":  # pragma: no cover - coverage is measured on Linux
        signal.raise_signal(signal.SIGTERM)
    else:
        # To the process, so that the kernel interrupts the main thread.
        os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(grace + ORPHAN_ALLOWANCE)
    os._exit(1)  # pragma: no cover - it ends before what was covered is saved
