"""Child processes that serve: spawned, or forked where nothing but this server is loaded."""

import atexit
import contextlib
import logging
import multiprocessing
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from multiprocessing.process import BaseProcess
from socket import socket
from typing import Any, TypeAlias

import uvicorn
from uvicorn.config import STARTUP_FAILURE, Config
from uvicorn.importer import ImportFromStringError, import_from_string, show_users_traceback
from uvicorn.listeners import adopt_listening
from uvicorn.options import HTTP_PROTOCOLS, LIFESPAN, LOOP_FACTORIES, WS_PROTOCOLS

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

# What the server itself may have imported, beside the standard library, which calls the main module by another name.
_LIBRARIES = {"uvicorn", "click", "dotenv", "h11", "httptools", "uvloop", "websockets", "wsproto", "yaml", "_yaml"}
_OURS = _LIBRARIES | {"__mp_main__"}


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


def can_fork() -> bool:
    """Whether this process may be forked: nothing runs in it, and nothing is loaded into it, but the server.

    Of anything else a fork would inherit locks, threads and connections, and a restart would not load it anew. It is
    so where the `uvicorn` command has been called; where a program calls `run()`, workers are spawned.
    """
    pidfd = open_pidfd(os.getpid())  # Only by such a one a forked process learns of its parent's end.
    if pidfd is None:  # Also on macOS, where what the system loads into a process does not bear a fork.
        return False
    os.close(pidfd)
    return _runs_one_thread() and _main_module_is_ours() and not _foreign_modules()


def _runs_one_thread() -> bool:
    try:
        return len(os.listdir("/proc/self/task")) == 1  # Those that are not Python's count too.
    except OSError:
        return False


def _main_module_is_ours() -> bool:
    """Whether it does no more than to call us, as the `uvicorn` script and `python -m uvicorn` do."""
    allowed = (sys, re, uvicorn, uvicorn.main)
    names = vars(sys.modules["__main__"])
    return all(value in allowed for name, value in names.items() if not name.startswith("__"))


def _foreign_modules() -> set[str]:
    """What has been imported since the server was, and is not of its own: by a logging configuration, say."""
    names = list(sys.modules)
    tops = {name.partition(".")[0] for name in names[names.index("uvicorn") :]}
    # Modules without a spec have not been imported, but made by an extension module.
    imported = {name for name in tops if getattr(sys.modules.get(name), "__spec__", None) is not None}
    return imported - _OURS - sys.stdlib_module_names


def preload(config: Config) -> None:
    """Import what every worker needs, so that none has to.

    Args:
        config: names it. What is of the user's own is left to the workers.
    """
    choices: list[tuple[Any, Mapping[str, str | None]]] = [
        (config.loop, LOOP_FACTORIES),
        (config.http, HTTP_PROTOCOLS),
        (config.lifespan, LIFESPAN),
    ]
    if config.ws != "auto":  # Else it waits for the first handshake (`Config.ws_protocol_class`).
        choices.append((config.ws, WS_PROTOCOLS))
    for asked, named in choices:
        # What cannot be imported the worker will complain of.
        with contextlib.suppress(ImportFromStringError, ImportError):
            found = import_from_string(named.get(asked) if isinstance(asked, str) else None)
            if named is LOOP_FACTORIES and found is not None:
                found(use_subprocess=True)  # What `auto` stands for is imported only now.
    if config.proxy_headers:
        import_from_string("uvicorn.middleware.proxy_headers:ProxyHeadersMiddleware")


def get_forked(
    config: Config, target: Callable[..., None], sockets: list[socket], let_go: Callable[[], None]
) -> BaseProcess:
    """Make, but do not start, a process that serves, as `uvicorn._subprocess.get_subprocess` does.

    Args:
        config, target, sockets: as there.
        let_go: is called first of all in the child, and closes what belongs to the supervisor.
    """
    arguments = {"let_go": let_go, "started": arguments_of_child(config, target, sockets)}
    fork: Any = multiprocessing.get_context("fork")  # of another type on Windows, where there is none
    process: BaseProcess = fork.Process(target=_run, kwargs=arguments)
    # By this name applications find out which worker they are in, and it shall not depend on who has called us.
    process.name = process.name.replace("Fork", "Spawn")
    return process


def _run(let_go: Callable[[], None], started: dict[str, Any]) -> None:
    let_go()
    # As in a process that was spawned: for the application, one that serves several requests must not be forked.
    multiprocessing.set_start_method("spawn", force=True)
    if sys.version_info >= (3, 13):
        # `multiprocessing` calls what is registered from here on, but has forgotten what the standard library had.
        atexit.register(logging.shutdown)
        subprocess_started(**started)
    else:  # pragma: no cover - coverage is measured on a newer Python
        try:
            subprocess_started(**started)
        finally:
            threading._shutdown()
            atexit._run_exitfuncs()
