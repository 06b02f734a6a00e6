"""From what the user names as APP to the ASGI 3 application that is served."""

import functools
import inspect
import logging
import sys
import types
from typing import Any, Literal

from uvicorn.importer import ImportFromStringError, import_from_string

logger = logging.getLogger("uvicorn.error")


class AppLoadingError(Exception):
    """The application cannot be loaded; the message says why."""


def load_app(app: Any, factory: bool) -> Any:
    """Import the application and call it if it is a factory.

    Args:
        app: an import string or the object itself.
        factory: whether it is known to be a factory; otherwise whatever can be called without arguments is one.

    Raises:
        AppLoadingError: there is no such application, or the factory cannot be called or raises a TypeError.
        Exception: whatever the user's module or factory raises.
    """
    try:
        loaded = import_from_string(app)
    except ImportFromStringError as exc:
        raise AppLoadingError(f"Error loading ASGI app. {exc}") from None
    if not callable(loaded):
        raise AppLoadingError(f"Error loading ASGI app. {app!r} is not callable.")
    if factory:
        try:
            return loaded()
        except TypeError as exc:
            # Where the factory was entered, its own frames tell what is wrong; else it only takes arguments.
            own_frames = exc.__traceback__.tb_next if exc.__traceback__ is not None else None
            cause = exc.with_traceback(own_frames) if own_frames is not None else None
            raise AppLoadingError(f"Error loading ASGI app factory: {exc}") from cause
    if not _takes_no_arguments(loaded):
        return loaded
    try:
        made = loaded()
    except TypeError:
        if not _takes_anything(loaded):
            raise
        # A wrapper of `*args`, around an application that misses its arguments.
        return loaded
    logger.warning("ASGI app factory detected. Using it, but please consider setting the --factory flag explicitly.")
    return made


def _takes_no_arguments(app: Any) -> bool:
    if is_coroutine_callable(app):
        return False
    try:
        inspect.signature(app).bind()
    except (TypeError, ValueError):  # ValueError: a builtin without a signature
        return False
    return True


def _takes_anything(app: Any) -> bool:
    parameters = inspect.signature(app).parameters.values()
    return any(parameter.kind is inspect.Parameter.VAR_POSITIONAL for parameter in parameters)


def is_coroutine_callable(app: Any) -> bool:
    """Whether calling `app`, a function or an object, gives a coroutine."""
    while isinstance(app, functools.partial):
        app = app.func
    return inspect.iscoroutinefunction(app) or (
        not isinstance(app, type) and inspect.iscoroutinefunction(getattr(app, "__call__", None))  # noqa: B004
    )


def detect_interface(app: Any) -> Literal["asgi2", "asgi3"]:
    """Tell an application of ASGI 3, a coroutine function of three arguments, from one of ASGI 2, which returns one."""
    if isinstance(app, type):
        return "asgi3" if hasattr(app, "__await__") else "asgi2"
    return "asgi3" if is_coroutine_callable(app) else "asgi2"


def show_users_traceback(exc: BaseException) -> None:
    """Show an exception of the user's module, from the frame on in which the user's code begins.

    Args:
        exc: the exception; sys.excepthook gets it, so that whatever the user has installed there works.
    """
    users = exc.with_traceback(_after_import(exc.__traceback__))
    sys.excepthook(type(users), users, users.__traceback__)


def _after_import(traceback: types.TracebackType | None) -> types.TracebackType | None:
    """Leave out everything down to the innermost `import_from_string`, and the machinery of import below it."""
    start = current = traceback
    while current is not None:
        if current.tb_frame.f_code is import_from_string.__code__:
            start = current.tb_next
        current = current.tb_next
    while start is not None and "importlib" in start.tb_frame.f_code.co_filename:
        start = start.tb_next
    return start
