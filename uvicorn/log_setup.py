"""Applying a logging configuration in any of its forms."""

import logging
import logging.config
import os
from collections.abc import Mapping
from typing import IO, TYPE_CHECKING, Any, TypeAlias

from uvicorn.accepts import OptionError
from uvicorn.logging import ColourizedFormatter

if TYPE_CHECKING:
    from configparser import RawConfigParser

    LogConfig: TypeAlias = dict[str, Any] | str | RawConfigParser | IO[Any]


def apply_log_config(log_config: "LogConfig", use_colors: bool | None = None) -> None:
    """Configure logging.

    Args:
        log_config: a dict; the path of a .json, .yaml or .yml file that holds one; or for `logging.config.fileConfig`
            the path of any other file, a `RawConfigParser` or an open file.
        use_colors: where it is not None and the configuration is a dict of Python, it is handed to the formatters
            "default" and "access" if they know colours.

    Raises:
        OptionError: the file is malformed, or describes something that cannot be set up.
        OSError: the file cannot be read.
        ImportError: it is of YAML, and PyYAML is not installed.
    """
    if isinstance(log_config, dict):
        logging.config.dictConfig(log_config if use_colors is None else _with_colors(log_config, use_colors))
    elif isinstance(log_config, str):
        try:
            _apply_file(log_config)
        except (OSError, ImportError):
            raise
        except Exception as exc:
            # What went wrong is told by the cause where logging.config wraps it.
            cause = f" ({exc.__cause__})" if exc.__cause__ is not None else ""
            raise OptionError(f"log_config {log_config!r} is not a logging configuration: {exc}{cause}") from exc
    else:
        logging.config.fileConfig(log_config, disable_existing_loggers=False)


def _apply_file(path: str) -> None:
    extension = os.path.splitext(path)[1]
    if extension not in (".json", ".yaml", ".yml"):
        if not os.path.isfile(path):  # Python before 3.12 says of a missing file that it lacks a section
            raise FileNotFoundError(f"log_config {path!r} does not exist")
        logging.config.fileConfig(path, disable_existing_loggers=False)
        return
    with open(path, encoding="utf-8") as file:
        loaded = _load_json(file) if extension == ".json" else _load_yaml(file)
    logging.config.dictConfig(loaded)


def _load_json(file: IO[str]) -> Any:
    import json

    return json.load(file)


def _load_yaml(file: IO[str]) -> Any:
    try:
        import yaml
    except ImportError:
        raise ImportError("log_config needs PyYAML to read YAML: pip install PyYAML") from None
    return yaml.safe_load(file)


def _with_colors(log_config: dict[str, Any], use_colors: bool) -> dict[str, Any]:
    # The dict may be LOGGING_CONFIG itself, which stays as the application left it.
    formatters = dict(log_config.get("formatters", {}))
    for name in ("default", "access"):
        formatter = formatters.get(name)
        if isinstance(formatter, Mapping) and _knows_colors(formatter.get("()")):
            formatters[name] = {**formatter, "use_colors": use_colors}
    return {**log_config, "formatters": formatters}


def _knows_colors(factory: Any) -> bool:
    if isinstance(factory, str):
        factory = logging.config.BaseConfigurator({}).resolve(factory)
    return isinstance(factory, type) and issubclass(factory, ColourizedFormatter)
