"""Workers that are forked, where the supervisor has loaded nothing but this server: they need not load it again."""

import atexit
import contextlib
import logging
import multiprocessing
import os
import re
import sys
import threading
from collections.abc import Callable, Mapping
from multiprocessing.process import BaseProcess
from socket import socket
from typing import Any

import uvicorn
from uvicorn._subprocess import arguments_of_child, open_pidfd, subprocess_started
from uvicorn.config import Config
from uvicorn.importer import ImportFromStringError, import_from_string
from uvicorn.options import HTTP_PROTOCOLS, LIFESPAN, LOOP_FACTORIES, WS_PROTOCOLS

# What the server itself may have imported, beside the standard library, which calls the main module by another name.
_LIBRARIES = {"uvicorn", "click", "dotenv", "h11", "httptools", "uvloop", "websockets", "wsproto", "yaml", "_yaml"}
_OURS = _LIBRARIES | {"__mp_main__"}


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
