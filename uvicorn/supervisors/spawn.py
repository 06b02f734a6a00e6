"""Makes child processes that serve.

They are spawned: a new interpreter imports everything again. If the parent process has loaded nothing but this server,
workers are forked instead, which is faster.
"""

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
from uvicorn.config.table import HTTP_PROTOCOLS, LIFESPAN, LOOP_FACTORIES, WS_PROTOCOLS
from uvicorn.importer import ImportFromStringError, import_from_string, show_users_traceback
from uvicorn.net.listeners import adopt_listening

# The default method. A forked child would inherit the locks of an application, but not its threads.
spawn = multiprocessing.get_context("spawn")

if sys.platform == "win32":
    from multiprocessing.connection import PipeConnection

    PipeEnd: TypeAlias = "PipeConnection[Any, Any]"
else:
    from multiprocessing.connection import Connection
    from multiprocessing.reduction import DupFd

    PipeEnd: TypeAlias = "Connection[Any, Any]"

# Seconds that a child whose parent has ended gets for its requests, unless `--timeout-graceful-shutdown` is set, and
# for the lifespan shutdown after them.
ORPHAN_GRACE = 10.0
ORPHAN_ALLOWANCE = 2.0

# The packages that the server itself imports, besides the standard library.
_OURS = {"uvicorn", "click", "dotenv", "h11", "httptools", "uvloop", "websockets", "wsproto", "yaml", "_yaml"}


def get_subprocess(config: Config, target: Callable[..., None], sockets: list[socket]) -> SpawnProcess:
    """Make, but do not start, a process that serves.

    Args:
        config: sets up logging in the child.
        target: the function to call in the child, with the argument `sockets`.
        sockets: bound sockets.
    """
    arguments = arguments_of_child(config, target, sockets)
    if sys.implementation.name == "pypy" and sys.platform != "win32":
        arguments["sockets"] = [_Handed(sock) for sock in sockets]
    return spawn.Process(target=subprocess_started, kwargs=arguments)


class _Handed:
    """A socket that is pickled to a child on PyPy (see `adopt_listening`)."""

    def __init__(self, sock: socket) -> None:
        self._sock = sock

    def __reduce__(self) -> tuple[Any, ...]:
        if sys.platform != "win32":
            sock = self._sock
            return _arrive, (DupFd(sock.fileno()), sock.family, sock.type, sock.proto)
        raise AssertionError("on Windows, multiprocessing pickles sockets itself")


def _arrive(fd: Any, family: int, kind: int, protocol: int) -> socket:
    return adopt_listening(fd.detach(), family, kind, protocol)


def arguments_of_child(config: Config, target: Callable[..., None], sockets: list[socket]) -> dict[str, Any]:
    """The arguments of `subprocess_started` in the child."""
    # `multiprocessing` closes standard input in a child. A debugger in the application needs it.
    try:
        stdin_fileno: int | None = sys.stdin.fileno()
    except (AttributeError, OSError, ValueError):  # There is no standard input, it was closed, or it has no descriptor.
        stdin_fileno = None
    return {"config": config, "target": target, "sockets": sockets, "stdin_fileno": stdin_fileno}


def subprocess_started(
    config: Config, target: Callable[..., None], sockets: list[socket], stdin_fileno: int | None
) -> None:
    """Serve, in the child process.

    Args:
        config, target, sockets: as for `get_subprocess`.
        stdin_fileno: the descriptor of the standard input of the parent, or None.

    Raises:
        SystemExit: the application could not be loaded.
    """
    if stdin_fileno is not None:
        with contextlib.suppress(OSError):  # A child inherits only the descriptors 0 to 2.
            sys.stdin = os.fdopen(stdin_fileno)
    config.configure_logging()
    _end_with_parent(config.timeout_graceful_shutdown)
    try:
        target(sockets=sockets)
    except KeyboardInterrupt:
        pass  # The parent logs this.
    except Exception as exc:
        if config.loaded:
            raise
        show_users_traceback(exc)
        sys.exit(STARTUP_FAILURE)


def open_pidfd(pid: int) -> int | None:
    """Open a descriptor that becomes readable when a process ends. None if the system does not support it."""
    if sys.platform == "linux":
        # OSError: an old kernel, or a sandbox. AttributeError: PyPy.
        with contextlib.suppress(OSError, AttributeError):
            return os.pidfd_open(pid)
    return None


def _end_with_parent(timeout_graceful_shutdown: float | None) -> None:
    """End this process when its parent ends. Otherwise it would keep the port in use."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        grace = ORPHAN_GRACE if timeout_graceful_shutdown is None else timeout_graceful_shutdown
        assert parent.pid is not None
        # The sentinel of multiprocessing is a pipe. Children that are forked later inherit its other end and keep it
        # open.
        pidfd = open_pidfd(parent.pid)
        sentinel = parent.sentinel if pidfd is None else pidfd
        threading.Thread(target=_watch, args=(sentinel, grace), daemon=True, name="uvicorn-parent").start()


def _watch(parent_sentinel: int, grace: float) -> None:
    wait([parent_sentinel])
    if sys.platform == "win32":
        signal.raise_signal(signal.SIGTERM)
    else:
        # A signal for the process, not for this thread: the kernel then interrupts the main thread.
        os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(grace + ORPHAN_ALLOWANCE)
    os._exit(1)  # pragma: no cover - the process ends before coverage is saved


def can_fork() -> bool:
    """Whether this process has loaded and runs only this server, as after the command `uvicorn`.

    A forked child would inherit the locks and connections of other code, and a restart would not load that code again.
    """
    pidfd = open_pidfd(os.getpid())  # A forked process needs it to notice the end of its parent.
    if pidfd is None:  # This includes macOS, where system libraries do not work after a fork.
        return False
    os.close(pidfd)
    return _runs_one_thread() and _main_module_is_ours() and not _foreign_modules()


def _runs_one_thread() -> bool:
    try:
        return len(os.listdir("/proc/self/task")) == 1  # This also counts threads that Python did not start.
    except OSError:
        return False


def _main_module_is_ours() -> bool:
    """Whether the main module only calls this package, as the script `uvicorn` and `python -m uvicorn` do."""
    allowed = (sys, re, uvicorn, uvicorn.main)
    names = vars(sys.modules["__main__"])
    return all(value in allowed for name, value in names.items() if not name.startswith("__"))


def _foreign_modules() -> set[str]:
    """The other modules that were imported, for example by a logging configuration."""
    names = list(sys.modules)
    tops = {name.partition(".")[0] for name in names[names.index("uvicorn") :]}
    # Modules without a spec were made by an extension module.
    imported = {name for name in tops if getattr(sys.modules.get(name), "__spec__", None) is not None}
    return (
        imported - _OURS - sys.stdlib_module_names - {"__mp_main__"}
    )  # the name that multiprocessing gives to the main module


def preload(config: Config) -> None:
    """Import what every worker needs, before workers are forked. The modules of the user are left to the workers."""
    choices: list[tuple[Any, Mapping[str, str | None]]] = [
        (config.loop, LOOP_FACTORIES),
        (config.http, HTTP_PROTOCOLS),
        (config.lifespan, LIFESPAN),
    ]
    if config.ws != "auto":  # `auto` is imported at the first handshake (`Config.ws_protocol_class`).
        choices.append((config.ws, WS_PROTOCOLS))
    for asked, named in choices:
        # The worker will report an error.
        with contextlib.suppress(ImportFromStringError, ImportError):
            found = import_from_string(named.get(asked) if isinstance(asked, str) else None)
            if named is LOOP_FACTORIES and found is not None:
                found(use_subprocess=True)  # This imports the library that `auto` stands for.
    if config.is_ssl and config.ssl_context_factory is None:
        from uvicorn.net.tls import create_shared_context

        with contextlib.suppress(OSError):
            config.ssl = create_shared_context(config)
    if config.proxy_headers:
        import_from_string("uvicorn.middleware.proxy_headers:ProxyHeadersMiddleware")


def get_forked(
    config: Config, target: Callable[..., None], sockets: list[socket], let_go: Callable[[], None]
) -> BaseProcess:
    """Make, but do not start, a forked process that serves. It calls `let_go` first."""
    arguments = {"let_go": let_go, "started": arguments_of_child(config, target, sockets)}
    fork: Any = multiprocessing.get_context("fork")  # Any: Windows has no such context, and mypy checks for it too
    process: BaseProcess = fork.Process(target=_run, kwargs=arguments)
    # Applications read the number of the worker from this name.
    process.name = process.name.replace("Fork", "Spawn")
    return process


def _run(let_go: Callable[[], None], started: dict[str, Any]) -> None:
    let_go()
    # The application gets the start method that it has in a spawned process.
    multiprocessing.set_start_method("spawn", force=True)
    if sys.version_info < (3, 13):
        try:
            subprocess_started(**started)
        finally:
            threading._shutdown()
            atexit._run_exitfuncs()
    else:
        # In a forked child, multiprocessing calls only exit functions that were registered after the fork.
        atexit.register(logging.shutdown)
        subprocess_started(**started)
