"""The `uvicorn` command, and `run()`."""

import functools
import logging
import sys
from collections.abc import Callable
from typing import Any, ParamSpec

from uvicorn.accepts import OptionError
from uvicorn.app_loading import show_users_traceback
from uvicorn.command_line import command, usage_error
from uvicorn.config import STARTUP_FAILURE, Config, exit_with_startup_failure
from uvicorn.listeners import remove_unix_socket
from uvicorn.server import Server

__all__ = ["STARTUP_FAILURE", "Config", "Server", "logger", "main", "run"]

P = ParamSpec("P")

logger = logging.getLogger("uvicorn.error")


@command
def main(**options: Any) -> None:
    """Serve APP, an ASGI or WSGI application named as module:attribute."""
    for name in ("reload_dirs", "reload_includes", "reload_excludes", "headers"):
        # click has a tuple for what was never given, too
        options[name] = list(options.get(name) or ()) or None
    if options.get("log_config") is None:
        # None would mean: leave logging alone. The command line has no way to ask for that.
        options.pop("log_config", None)
    try:
        run(**options)
    except OptionError as exc:
        raise usage_error(exc) from None


def _takes_what_config_takes(_: Callable[P, Config]) -> Callable[[Callable[..., None]], Callable[P, None]]:
    """Give a function the signature of `Config`, for type checkers as well as for `inspect`."""

    def decorate(function: Callable[..., None]) -> Callable[P, None]:
        return functools.update_wrapper(function, Config, assigned=(), updated=())

    return decorate


@_takes_what_config_takes(Config)
def run(*args: Any, **options: Any) -> None:
    """Serve an application until asked to exit.

    Args:
        app: the application, or its import string `module:attribute`, which reloading and several workers need.
        host, ...: the options of `Config`.

    Raises:
        OptionError: an option has a value that it does not accept.
        SystemExit: the server could not start (3, the reason has been logged).
    """
    try:
        config = Config(*args, **options)
    except (OSError, ImportError) as exc:
        exit_with_startup_failure(exc)
    if (config.reload or config.workers > 1) and not isinstance(config.app, str):
        logger.warning("You must pass the application as an import string to enable 'reload' or 'workers'.")
        sys.exit(STARTUP_FAILURE)
    if config.reload and config.workers > 1:
        logger.warning('"workers" flag is ignored when reloading is enabled.')
    server = Server(config)
    try:
        if config.use_subprocess:
            _supervise(config, server)
        else:
            server.run()
    except KeyboardInterrupt:
        return
    except Exception as exc:
        if config.loaded or config.use_subprocess:
            raise
        show_users_traceback(exc)
        raise SystemExit(STARTUP_FAILURE) from exc
    if not server.started and not config.use_subprocess:
        sys.exit(STARTUP_FAILURE)


def _supervise(config: Config, server: Server) -> None:
    """Serve in child processes; the parent holds the socket."""
    from uvicorn import supervisors

    sock = config.bind_socket()
    try:
        if config.should_reload:
            supervisors.ChangeReload(config, target=server.run, sockets=[sock]).run()
        else:
            supervisors.Multiprocess(config, sockets=[sock]).run()
    finally:
        sock.close()
        if config.uds is not None:
            remove_unix_socket(config.uds)


if __name__ == "__main__":
    main()
