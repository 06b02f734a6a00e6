"""The configuration file of the command: TOML whose keys are the names of options."""

import json
import os
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

from uvicorn.config.kinds import OptionError, Password
from uvicorn.config.schema import Group, close_match
from uvicorn.config.table import OPTIONS

# In a file of this name, the options are in a table, because other tools use the same file.
PYPROJECT = "pyproject.toml"
TABLE = ("tool", "uvicorn")


class ConfigFile(NamedTuple):
    """A configuration file that was read.

    Attributes:
        path: the path of the file.
        text: its text.
        values: the name of an option -> its value.
    """

    path: str
    text: str
    values: dict[str, Any]

    def where(self, name: str) -> str:
        """The path and the line number of a key."""
        return f"{self.path}:{dict(_find_lines(self.path, self.text))[name]}"


def read_config_file(path: str) -> ConfigFile:
    """Read a file and check its values.

    Raises:
        OptionError: the file is not TOML, or has an unknown key or an invalid value. The message has the line number.
        OSError: the file cannot be read.
        ImportError: the library that reads TOML is not installed.
    """
    loads, decode_error = _toml_reader()
    try:
        with open(path, encoding="utf-8-sig") as file:
            text = file.read()
        values = _find_table(path, loads(text))
    except (UnicodeDecodeError, decode_error) as exc:
        raise OptionError(f"{path} is not TOML: {exc}") from None
    if values is None:
        raise OptionError(f"{path} has no table [{'.'.join(TABLE)}]")
    config_file = ConfigFile(path, text, values)
    for name, value in values.items():
        try:
            _check(name, value)
        except OptionError as exc:
            raise OptionError(f"{config_file.where(name)}: {exc}") from None
    return config_file


def _toml_reader() -> tuple[Any, type[ValueError]]:
    if sys.version_info < (3, 11):
        try:
            import tomli
        except ImportError:
            raise ImportError("a configuration file needs tomli on Python 3.10: pip install tomli") from None
        return tomli.loads, tomli.TOMLDecodeError
    import tomllib  # the import takes 10 milliseconds, and most servers have no file

    return tomllib.loads, tomllib.TOMLDecodeError


def _find_table(path: str, document: dict[str, Any]) -> dict[str, Any] | None:
    found: Any = document
    if os.path.basename(path) == PYPROJECT:
        for name in TABLE:
            found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else None


def _find_lines(path: str, text: str) -> Iterator[tuple[str, int]]:
    """Find each key of the table and its line number.

    TOML libraries do not return line numbers. But the lines up to the end of a value are valid TOML, and the lines up
    to a position inside of a value are not.
    """
    loads, decode_error = _toml_reader()
    lines = text.split("\n")
    known: set[str] = set()
    start = 1
    for end in range(1, len(lines) + 1):
        try:
            values = _find_table(path, loads("\n".join(lines[:end])))
        except decode_error:
            continue
        for name in values or ():
            if name not in known:
                known.add(name)
                yield name, start
        start = end + 1


def _check(name: str, value: Any) -> None:
    """Check a value as the command line does. Raises OptionError."""
    if name == "app":
        if not isinstance(value, str):
            raise OptionError(f"app must be an import string, not {type(value).__name__}")
        return
    option = OPTIONS.get(name)
    if option is None and isinstance(value, dict):
        table = ".".join(TABLE)
        raise OptionError(f"[{name}] is a table. Options are at the top of the file; only {PYPROJECT} has [{table}]")
    if option is None:
        names = ["app", *(option.name for option in OPTIONS.values() if option.group is not Group.API)]
        raise OptionError(f"{name!r} is not an option{close_match(name, names)}")
    if option.group is Group.API:
        raise OptionError(f"{name} is for Python only")
    many = option.is_repeatable and isinstance(value, list)
    for item in value if many else [value]:
        option.check_one(item, read=option.kind.read)


def format_setting(name: str, value: Any, origin: str) -> str:
    """Format the line of a configuration file that sets an option.

    The line is a comment if a file cannot set this value, or if it is a password.

    Args:
        name: the option.
        value: its value.
        origin: where the value comes from, for a comment at the end of the line.
    """
    option = OPTIONS.get(name)
    if option is not None and isinstance(option.kind, Password) and value is not None:
        return f"# {name}: not shown  # {origin}"
    if option is not None and (value is None or value == ()):
        return f"# {name}: {option.default_text or 'not set'}  # {origin}"
    return f"{name} = {_format_value(value)}  # {origin}"


def _format_value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return (
            "[" + ", ".join(_format_value(":".join(item) if isinstance(item, tuple) else item) for item in value) + "]"
        )
    # JSON and TOML have the same escapes, except that TOML also escapes DEL.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
