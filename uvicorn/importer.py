"""From what the user names as APP to the application that is served."""

import functools
import importlib
import inspect
import logging
import sys
import types
from typing import Any, Literal

logger = logging.getLogger("uvicorn.error")


class ImportFromStringError(Exception):
    """An import string is malformed, or names a module or an attribute that does not exist."""


def import_from_string(import_str: Any) -> Any:
    """Import what a string names.

    Args:
        import_str: `module:attribute[.attribute]`; anything but a string is returned as it is.

    Raises:
        ImportFromStringError: the string is malformed, or its module or attribute does not exist.
        Exception: whatever the module raises.
    """
    if not isinstance(import_str, str):
        return import_str

    module_name, _, attributes = import_str.partition(":")
    # There is no package that a name could be relative to.
    if not module_name or not attributes or module_name.startswith("."):
        raise ImportFromStringError(f'Import string "{import_str}" must be in format "<module>:<attribute>".')

    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as exc:
        # A module that misses one of its own imports is the user's error.
        if exc.name is None or not f"{module_name}.".startswith(f"{exc.name}."):
            raise
        raise ImportFromStringError(f'Could not import module "{module_name}".') from None

    try:
        for attribute in attributes.split("."):
            found = getattr(found, attribute)
    except AttributeError:
        raise ImportFromStringError(f'Attribute "{attributes}" not found in module "{module_name}".') from None
    return found


class AppLoadingError(Exception):
    """The application cannot be loaded."""


def load_app(app: Any, factory: bool) -> Any:
    """Import the application and call it if it is a factory: one that is named so, or takes no arguments.

    Raises:
        AppLoadingError: there is no such application, or the factory raises a TypeError.
        Exception: whatever else the user's module or factory raises.
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
            # Where it was entered, its own frames tell what is wrong; else it takes arguments.
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
        # A wrapper of `*args`, around an application.
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
    while isinstance(app, functools.partial):
        app = app.func
    return inspect.iscoroutinefunction(app) or (
        not isinstance(app, type) and inspect.iscoroutinefunction(getattr(app, "__call__", None))  # noqa: B004
    )


def detect_interface(app: Any) -> Literal["asgi2", "asgi3"]:
    """Tell an application of ASGI 3, a coroutine function, from one of ASGI 2, which returns one."""
    if isinstance(app, type):
        return "asgi3" if hasattr(app, "__await__") else "asgi2"
    return "asgi3" if is_coroutine_callable(app) else "asgi2"


def show_users_traceback(exc: BaseException) -> None:
    """Give `sys.excepthook` an exception of the user's module, from where the user's code begins."""
    users = exc.with_traceback(_after_import(exc.__traceback__))
    sys.excepthook(type(users), users, users.__traceback__)


def _after_import(traceback: types.TracebackType | None) -> types.TracebackType | None:
    """Leave out what is above the innermost `import_from_string`, and the machinery of import below it."""
    start = current = traceback
    while current is not None:
        if current.tb_frame.f_code is import_from_string.__code__:
            start = current.tb_next
        current = current.tb_next
    while start is not None and "importlib" in start.tb_frame.f_code.co_filename:
        start = start.tb_next
    return start
