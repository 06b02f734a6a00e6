"""Import strings: `module:attribute`, as users write them."""

import importlib
from typing import Any


class ImportFromStringError(Exception):
    """An import string is malformed, or names a module or an attribute that does not exist."""


def import_from_string(import_str: Any) -> Any:
    """Import what a string names.

    Args:
        import_str: `module:attribute[.attribute]`; anything but a string is returned as it is.

    Raises:
        ImportFromStringError: the string is malformed, or its module or attribute does not exist.
        Exception: whatever the module itself raises while it is imported.
    """
    if not isinstance(import_str, str):
        return import_str

    module_name, _, attributes = import_str.partition(":")
    # A relative name has no package here that it could be relative to.
    if not module_name or not attributes or module_name.startswith("."):
        raise ImportFromStringError(f'Import string "{import_str}" must be in format "<module>:<attribute>".')

    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as exc:
        # A module that is there and misses one of its own imports is the user's error, shown as it is.
        if exc.name is None or not f"{module_name}.".startswith(f"{exc.name}."):
            raise
        raise ImportFromStringError(f'Could not import module "{module_name}".') from None

    try:
        for attribute in attributes.split("."):
            found = getattr(found, attribute)
    except AttributeError:
        raise ImportFromStringError(f'Attribute "{attributes}" not found in module "{module_name}".') from None
    return found
