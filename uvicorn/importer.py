"""Imports the application APP, calls it if it is a factory, and detects its interface: asgi3, asgi2 or wsgi.

`Config.load_app` calls it. An error in the name or the arguments of the application is an `AppLoadingError`, which is
logged in one line. An error inside the module of the user is shown with its traceback, without our own frames.
"""

import functools
import importlib
import inspect
import logging
import os
import re
import sys
import types
from typing import Any, Literal

logger = logging.getLogger("uvicorn.error")


class ImportFromStringError(Exception):
    """An import string is malformed, or names a module or an attribute that does not exist.

    Args:
        message: what is wrong.
        hint: a sentence that says what to do, or an empty string.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def import_from_string(import_str: Any) -> Any:
    """Import the object that a string names.

    Args:
        import_str: `module:attribute[.attribute]`. An object that is not a string is returned unchanged.

    Raises:
        ImportFromStringError: the string is malformed, or its module or attribute does not exist.
        Exception: any exception of the module.
    """
    if not isinstance(import_str, str):
        return import_str

    module_name, _, attributes = import_str.partition(":")
    # A relative name is not possible, because there is no package.
    if not module_name or not attributes or module_name.startswith("."):
        raise ImportFromStringError(
            f'Import string "{import_str}" must be in format "<module>:<attribute>".', _hint_of_format(import_str)
        )

    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as exc:
        # The module was found, but a module that it imports is missing. This error belongs to the user.
        if exc.name is None or not f"{module_name}.".startswith(f"{exc.name}."):
            raise
        hint = _hint_of_format(import_str) or _hint_of_module(module_name)
        raise ImportFromStringError(f'Could not import module "{module_name}".', hint) from None

    for attribute in attributes.split("."):
        try:
            found = getattr(found, attribute)
        except AttributeError:
            message = f'Attribute "{attributes}" not found in module "{module_name}".'
            raise ImportFromStringError(message, _hint_of_attribute(found, attribute, import_str)) from None
    return found


def _hint_of_format(import_str: str) -> str:
    """Suggest an import string if the text looks like a path: main.py:app, main/app or main.py."""
    path, _, attribute = import_str.partition(":")
    parts = [part for part in re.split(r"[./\\]", path.removesuffix(".py")) if part]
    if not parts:
        return ""
    if not attribute:
        attribute = parts.pop() if len(parts) > 1 and not path.endswith(".py") else "app"
    meant = f"{'.'.join(parts)}:{attribute}"
    return f'Did you mean "{meant}"?' if meant != import_str else ""


def _hint_of_module(name: str) -> str:
    import difflib
    import pkgutil

    first, dot, rest = name.partition(".")
    directory = os.path.abspath(next(iter(sys.path), ""))
    here = [module.name for module in pkgutil.iter_modules([directory])]
    close = difflib.get_close_matches(first, here, 1)
    if close and close[0] != first:
        return f'Did you mean "{close[0]}{dot}{rest}"?'
    return f"It was looked for in {directory} first; --app-dir names another directory."


def _hint_of_attribute(owner: Any, attribute: str, import_str: str) -> str:
    called = attribute.removesuffix("()")
    if called != attribute and hasattr(owner, called):
        return f'Did you mean "{import_str.removesuffix("()")}" with --factory?'
    import difflib

    names = [name for name in dir(owner) if not name.startswith("_")]
    longer = [name for name in names if called and name.startswith(called)]
    close = difflib.get_close_matches(called, names, 1) or longer[:3]
    return f"Did you mean {' or '.join(map(repr, close))}?" if close else ""


class AppLoadingError(Exception):
    """The application cannot be loaded."""


def load_app(app: Any, factory: bool) -> Any:
    """Import the application, and call it if it is a factory: with --factory, or if it takes no arguments.

    Raises:
        AppLoadingError: there is no such application, or the factory raises a TypeError.
        Exception: any other exception of the module or the factory.
    """
    try:
        loaded = import_from_string(app)
    except ImportFromStringError as exc:
        raise AppLoadingError(f"Error loading ASGI app. {exc} {exc.hint}".rstrip()) from None
    if not callable(loaded):
        raise AppLoadingError(f"Error loading ASGI app. {app!r} is not callable.")
    if factory:
        try:
            return loaded()
        except TypeError as exc:
            # If the error happened inside the factory, its frames are shown. Otherwise the factory needs arguments.
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
        # It is an application in a wrapper with `*args`.
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
    """Detect the version of ASGI. An ASGI 3 application is a coroutine function; an ASGI 2 application returns one."""
    if isinstance(app, type):
        return "asgi3" if hasattr(app, "__await__") else "asgi2"
    return "asgi3" if is_coroutine_callable(app) else "asgi2"


# The number of positional arguments with which an application is called.
_ARGUMENTS = {"asgi3": 3, "wsgi": 2, "asgi2": 1}


def check_interface(app: Any, interface: str) -> None:
    """Check that the arguments of an application fit its interface. If not, every call would fail.

    Raises:
        AppLoadingError: the application has another interface, which the message names.
    """
    # A coroutine function is always an ASGI 3 application.
    possible = ["asgi3"] if is_coroutine_callable(app) else [interface, *_ARGUMENTS]
    fitting = next((name for name in possible if _takes(app, _ARGUMENTS[name])), interface)
    if fitting != interface:
        kind = "a WSGI application (environ, start_response)" if fitting == "wsgi" else f"one of {fitting.upper()}"
        raise AppLoadingError(
            f"Error loading ASGI app. {_name(app)} takes the arguments of {kind}. Use --interface {fitting}."
        )


def _takes(app: Any, count: int) -> bool:
    """Whether an application can be called with this many positional arguments, as far as its signature tells."""
    try:
        inspect.signature(app, follow_wrapped=False).bind(*[None] * count)
    except ValueError:  # a builtin without a signature
        return True
    except TypeError:
        return False
    return True


def _name(app: Any) -> str:
    return getattr(app, "__qualname__", type(app).__qualname__)


def show_users_traceback(exc: BaseException) -> None:
    """Show an exception of the module of the user with `sys.excepthook`.

    The traceback begins with the code of the user.
    """
    users = exc.with_traceback(_after_import(exc.__traceback__))
    sys.excepthook(type(users), users, users.__traceback__)


def _after_import(traceback: types.TracebackType | None) -> types.TracebackType | None:
    """Remove the frames before the module or the factory of the user, including those of the import system."""
    start = current = traceback
    while current is not None:
        if current.tb_frame.f_code in (import_from_string.__code__, load_app.__code__):
            start = current.tb_next
        current = current.tb_next
    while start is not None and "importlib" in start.tb_frame.f_code.co_filename:
        start = start.tb_next
    return start
