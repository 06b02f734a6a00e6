"""The configuration of logging: formatters, the level TRACE, and functions that `Config` calls."""

import functools
import http
import logging
import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import IO, TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from uvicorn._ansi import style
from uvicorn.config.kinds import OptionError

if TYPE_CHECKING:
    from configparser import RawConfigParser

    LogConfig: TypeAlias = dict[str, Any] | str | RawConfigParser | IO[Any]

TRACE_LOG_LEVEL = 5

ACCESS_FORMAT = '%(levelprefix)s %(client_addr)s - "%(request_line)s" %(status_code)s'

# The default of `log_config`. Applications copy it, or change it in place.
LOGGING_CONFIG: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "default": {
            "()": "uvicorn.logging.DefaultFormatter",
            "fmt": "%(levelprefix)s %(message)s",
            "use_colors": None,
        },
        "access": {
            "()": "uvicorn.logging.AccessFormatter",
            "fmt": ACCESS_FORMAT,
        },
    },
    "handlers": {
        "default": {"class": "logging.StreamHandler", "formatter": "default", "stream": "ext://sys.stderr"},
        "access": {"class": "logging.StreamHandler", "formatter": "access", "stream": "ext://sys.stdout"},
    },
    "loggers": {
        "uvicorn": {"handlers": ["default"], "level": "INFO", "propagate": False},
        "uvicorn.error": {"level": "INFO"},
        "uvicorn.access": {"handlers": ["access"], "level": "INFO", "propagate": False},
    },
}

_LEVEL_NAME_WIDTH = len("CRITICAL")

# A traceback may contain bytes of a client, so control characters are escaped. Newlines and tabs stay.
_CONTROL_CHARACTERS = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if code not in b"\t\n"}


def _in(colour: str) -> Callable[[object], str]:
    return functools.partial(style, fg=colour)


def _shows_colors(stream: IO[str] | None) -> bool:
    """Whether a stream is a terminal, and its user has not declined colours (https://no-color.org)."""
    try:
        # There is no stream under pythonw, and it may have been closed.
        return stream is not None and stream.isatty() and not os.environ.get("NO_COLOR")
    except ValueError:
        return False


def _copy(record: logging.LogRecord) -> logging.LogRecord:
    """Copy a record that will be changed, because other handlers get the same one.

    `copy.copy` takes three times as long.
    """
    clone = record.__class__.__new__(record.__class__)
    clone.__dict__.update(record.__dict__)
    return clone


class ColourizedFormatter(logging.Formatter):
    """A formatter with the placeholder `%(levelprefix)s`. If colours are on, it uses `color_message` of the record.

    Args:
        fmt, datefmt, style: as for `logging.Formatter`.
        use_colors: whether to use colours; None means `should_use_colors()`.
    """

    level_name_colors: ClassVar[dict[int, Callable[[str], str]]] = {
        TRACE_LOG_LEVEL: _in("blue"),
        logging.DEBUG: _in("cyan"),
        logging.INFO: _in("green"),
        logging.WARNING: _in("yellow"),
        logging.ERROR: _in("red"),
        logging.CRITICAL: _in("bright_red"),
    }

    def __init__(
        self,
        fmt: str | None = None,
        datefmt: str | None = None,
        style: Literal["%", "{", "$"] = "%",
        use_colors: bool | None = None,
    ) -> None:
        self.use_colors = self.should_use_colors() if use_colors is None else use_colors
        super().__init__(fmt=fmt, datefmt=datefmt, style=style)

    def should_use_colors(self) -> bool:
        """Whether standard output is a terminal for colours."""
        return _shows_colors(sys.stdout)

    def color_level_name(self, level_name: str, level_no: int) -> str:
        """The name of a level in its colour."""
        return self.level_name_colors.get(level_no, str)(level_name)

    def formatMessage(self, record: logging.LogRecord) -> str:
        return self._format_copy(_copy(record))

    def _format_copy(self, record: logging.LogRecord) -> str:
        name = record.levelname
        padding = " " * (_LEVEL_NAME_WIDTH - len(name))
        if self.use_colors:
            name = self.color_level_name(name, record.levelno)
            if "color_message" in record.__dict__:
                record.msg = record.__dict__["color_message"]
                record.message = record.getMessage()
        record.__dict__["levelprefix"] = f"{name}:{padding}"
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:
        return super().formatException(ei).translate(_CONTROL_CHARACTERS)


class DefaultFormatter(ColourizedFormatter):
    """The formatter of the loggers `uvicorn` and `uvicorn.error`, whose handler writes to standard error."""

    def should_use_colors(self) -> bool:
        """Whether standard error is a terminal for colours."""
        return _shows_colors(sys.stderr)


class AccessFormatter(ColourizedFormatter):
    """The formatter of the logger `uvicorn.access`.

    It has the placeholders `%(client_addr)s`, `%(request_line)s` and `%(status_code)s`. Their values come from
    `record.args`, the tuple (client_addr, method, full_path, http_version, status_code). For a record with other
    arguments, its message is shown instead of the request line.
    """

    status_code_colours: ClassVar[dict[int, Callable[[str], str]]] = {
        1: _in("bright_white"),
        2: _in("green"),
        3: _in("yellow"),
        4: _in("red"),
        5: _in("bright_red"),
    }

    def get_status_code(self, status_code: int) -> str:
        """The status code with its phrase, coloured by its class."""
        try:
            phrase = http.HTTPStatus(status_code).phrase
        except ValueError:
            phrase = ""
        text = f"{status_code} {phrase}"
        if self.use_colors:
            return self.status_code_colours.get(status_code // 100, str)(text)
        return text

    def formatMessage(self, record: logging.LogRecord) -> str:
        record = _copy(record)
        arguments = record.args
        if isinstance(arguments, tuple) and len(arguments) == 5:
            client_addr, method, full_path, http_version, status = arguments
            request_line = f"{method} {full_path} HTTP/{http_version}"
            status_code = self.get_status_code(status) if isinstance(status, int) else str(status)
        else:
            client_addr, request_line, status_code = "-", record.getMessage(), "-"
        record.__dict__.update(
            client_addr=client_addr,
            request_line=style(request_line, bold=True) if self.use_colors else request_line,
            status_code=status_code,
        )
        return self._format_copy(record)


# In a worker, its number, from 1 on. A replacement has the number of the worker that it replaces.
_worker: int | None = None


def set_worker(number: int) -> None:
    """Set the number of the worker in the log lines of this process."""
    global _worker
    _worker = number


class LineFormatter(DefaultFormatter):
    """The formatter of the logger `uvicorn` with `--log-format`. It also has the placeholder `%(worker)s`."""

    def _format_copy(self, record: logging.LogRecord) -> str:
        record.__dict__["worker"] = "-" if _worker is None else _worker
        return super()._format_copy(record)


class JSONFormatter(logging.Formatter):
    """Formats each record as a JSON object on one line."""

    def format(self, record: logging.LogRecord) -> str:
        import json

        line: dict[str, Any] = {
            "time": f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(record.created))}.{int(record.msecs):03d}Z",
            "level": record.levelname,
            "logger": record.name,
            "pid": record.process,
            "worker": _worker,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            line["stack"] = record.stack_info
        return json.dumps(line)


# The placeholders that are useful in a format of a server. Errors list them.
_PLACES = (
    *("asctime", "created", "levelname", "levelprefix", "message", "msecs", "name", "process", "processName"),
    *("thread", "threadName", "worker"),
)


def check_log_format(log_format: str) -> None:
    """Check a value of `--log-format`. Raises ValueError that says what is wrong."""
    record = logging.makeLogRecord({"name": "uvicorn.error", "levelname": "INFO", "msg": ""})
    try:
        LineFormatter(log_format, use_colors=False).format(record)
    except (ValueError, TypeError) as exc:
        places = ", ".join(f"%({name})s" for name in _PLACES)
        raise ValueError(f"It cannot be used: {exc}. The placeholders are {places}") from None


def format_log(log_format: str, use_colors: bool | None) -> None:
    """Give the handlers of the logger `uvicorn` the formatter for a value of `--log-format`."""
    handlers = [handler for name in ("uvicorn", "uvicorn.error") for handler in logging.getLogger(name).handlers]
    for handler in handlers:
        handler.setFormatter(
            JSONFormatter() if log_format == "json" else LineFormatter(log_format, use_colors=use_colors)
        )
    if not handlers:
        logging.getLogger("uvicorn.error").warning(
            "--log-format has no effect: the logging configuration gives the server no handlers."
        )


class AccessLineFormatter(logging.Formatter):
    """The formatter of the logger `uvicorn.access` with `--access-log-format`: the message is the whole line."""


def format_access_log(access_format: str, path: str | None, use_colors: bool | None) -> None:
    """Set up the handlers of the logger `uvicorn.access`.

    Args:
        access_format: the value of `--access-log-format`.
        path: the path of the log file, or None.
        use_colors: whether lines of the default format have colours in the file.

    Raises:
        OSError: the file cannot be opened.
    """
    access_logger = logging.getLogger("uvicorn.access")
    if path is not None:
        try:
            handler = logging.FileHandler(path, encoding="utf-8", errors="backslashreplace")
        except OSError as exc:
            raise OSError(exc.errno, f"--access-log-file {path} cannot be opened: {exc.strerror}") from None
        handler.setFormatter(AccessFormatter(ACCESS_FORMAT, use_colors=bool(use_colors)))
        for former in access_logger.handlers:
            if isinstance(former, logging.FileHandler):
                former.close()
        access_logger.handlers = [handler]
    if access_format != "default":
        for present in access_logger.handlers:
            # A formatter of the user stays: it shows the message too.
            if isinstance(present.formatter, AccessFormatter):
                present.setFormatter(AccessLineFormatter())


def reopen_logs() -> None:
    """Reopen the files of all handlers, after a program such as logrotate has renamed them.

    The descriptors stay the same, so other threads may write at the same time. May be called from a signal handler and
    from any thread.
    """
    loggers = [logging.getLogger(), *logging.Logger.manager.loggerDict.values()]
    handlers = {handler for logger in loggers for handler in getattr(logger, "handlers", ())}
    for handler in handlers:
        stream = handler.stream if isinstance(handler, logging.FileHandler) else None
        if stream is not None:  # Otherwise the file is opened with the next record.
            _reopen(handler.baseFilename, stream.fileno())


def _reopen(path: str, descriptor: int) -> None:
    try:
        opened = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    except OSError as exc:
        logging.getLogger("uvicorn.error").error("The log file %s cannot be reopened: %s", path, exc.strerror)
        return
    os.dup2(opened, descriptor, inheritable=False)
    os.close(opened)


def apply_log_config(log_config: "LogConfig", use_colors: bool | None = None) -> None:
    """Configure logging.

    Args:
        log_config: a dict, the path of a .json, .yaml or .yml file with a dict, or an argument of `fileConfig`.
        use_colors: is given to the formatters "default" and "access" if `log_config` is a dict and they have colours.

    Raises:
        OptionError: the file is not a valid logging configuration.
        OSError: the file cannot be read.
        ImportError: the file is YAML, and PyYAML is not installed.
    """
    import logging.config  # the import takes a tenth of the time of `uvicorn --version`

    if isinstance(log_config, dict):
        logging.config.dictConfig(log_config if use_colors is None else _with_colors(log_config, use_colors))
    elif isinstance(log_config, str):
        try:
            _apply_file(log_config)
        except (OSError, ImportError):
            raise
        except Exception as exc:
            # logging.config raises its own exception from the actual one.
            cause = f" ({exc.__cause__})" if exc.__cause__ is not None else ""
            raise OptionError(f"log_config {log_config!r} is not a logging configuration: {exc}{cause}") from exc
    else:
        logging.config.fileConfig(log_config, disable_existing_loggers=False)


def _apply_file(path: str) -> None:
    import logging.config

    extension = os.path.splitext(path)[1]
    if extension not in (".json", ".yaml", ".yml"):
        if not os.path.isfile(path):  # Before Python 3.12, the error for a missing file is about a section.
            raise FileNotFoundError(f"log_config {path!r} does not exist")
        logging.config.fileConfig(path, disable_existing_loggers=False)
        return
    with open(path, encoding="utf-8") as file:
        if extension == ".json":
            import json

            loaded = json.load(file)
        else:
            try:
                import yaml
            except ImportError:
                raise ImportError("log_config needs PyYAML to read YAML: pip install PyYAML") from None
            loaded = yaml.safe_load(file)
    logging.config.dictConfig(loaded)


def _with_colors(log_config: dict[str, Any], use_colors: bool) -> dict[str, Any]:
    import logging.config

    # The dict may be LOGGING_CONFIG, which must not be changed.
    formatters = dict(log_config.get("formatters", {}))
    for name in ("default", "access"):
        formatter = formatters.get(name)
        if isinstance(formatter, Mapping):
            factory = formatter.get("()")
            if isinstance(factory, str):
                factory = logging.config.BaseConfigurator({}).resolve(factory)
            if isinstance(factory, type) and issubclass(factory, ColourizedFormatter):
                formatters[name] = {**formatter, "use_colors": use_colors}
    return {**log_config, "formatters": formatters}
