"""The access log: a line per response, written without `logging` where that comes to the same."""

import io
import logging
import os
from asyncio import AbstractEventLoop, _get_running_loop
from types import FunctionType
from typing import Any

from uvicorn import logging as formatters
from uvicorn._speedups import AccessLineFormat
from uvicorn.line_stream import LineStream, open_line_stream
from uvicorn.logging import ACCESS_FORMAT, AccessFormatter
from uvicorn.protocols.utils import get_client_addr, get_path_with_query_string

# Seconds until a reader that takes nothing is tried again.
FIRST_RETRY = 0.001
LAST_RETRY = 0.1

# Seconds for the last lines of a server.
CLOSE_PATIENCE = 1.0

# No pass of any loop: None is what there is outside of them.
_NONE = object()

# Other programs filter and format by the five arguments.
TEMPLATE = '%s - "%s %s HTTP/%s" %d'

# In place of each argument that differs from line to line.
_GAP = "\0"


def _behaviour() -> tuple[Any, ...]:
    """What decides, beside the state of the objects, what becomes of a record. Programs replace it."""
    logger, handler, formatter = logging.Logger, logging.StreamHandler, AccessFormatter
    return (
        logger.info,
        logger._log,
        logger.makeRecord,
        logger.handle,
        logger.callHandlers,
        handler.handle,
        handler.emit,
        handler.format,
        formatter.format,
        formatter.formatMessage,
        formatter.get_status_code,
        # No functions:
        handler.terminator,
        logging.getLogRecordFactory(),
        logging.getLevelName(logging.INFO),
    )


def _is_stock_behaviour(behaviour: tuple[Any, ...]) -> bool:
    """Whether the functions are those of their modules, and the rest the default."""
    files = {_file(logging.getLogger), _file(formatters.apply_log_config)}
    *functions, terminator, factory, name = behaviour
    return {*map(_file, functions)} == files and (terminator, factory, name) == ("\n", logging.LogRecord, "INFO")


def _file(function: Any) -> str | None:
    return function.__code__.co_filename if isinstance(function, FunctionType) else None


# None where something was replaced before this module was imported.
_STOCK_BEHAVIOUR = _behaviour() if _is_stock_behaviour(_behaviour()) else None

# Others are somebody's own.
_STOCK_ATTRIBUTES = [
    {*vars(logging.Logger("")), "manager"},
    {*vars(logging.StreamHandler(io.StringIO()))},
    {*vars(AccessFormatter(ACCESS_FORMAT, use_colors=False))},
]
# Read for each pass of the loop.
_INFO = logging.INFO

_PRINTABLE = "".join(map(chr, range(0x20, 0x7F)))


class StockLogging:
    """The access logger, its only handler and its formatter, all as they come."""

    __slots__ = ("_states", "_variables", "handler", "line", "logger", "stream")

    def __init__(self, logger: logging.Logger) -> None:
        self.logger = logger
        handlers: list[Any] = logger.handlers
        self.handler = handlers[0]
        self.stream: io.TextIOWrapper = self.handler.stream
        self._variables = _variables(logger)
        # The lists change in place.
        self._states = tuple(
            {name: value[:] if isinstance(value, list) else value for name, value in variables.items()}
            for variables in self._variables
        )
        self.line = AccessLineFormat(self._format(200)[:-1], self._format_ending, get_path_with_query_string)

    @classmethod
    def find(cls, logger: Any) -> "StockLogging | None":
        """The set-up of `logger` if it is the stock one and lets access lines pass."""
        if type(logger) is not logging.Logger or len(logger.handlers) != 1:
            return None
        handler: Any = logger.handlers[0]
        formatter = handler.formatter
        if type(handler) is not logging.StreamHandler or type(formatter) is not AccessFormatter:
            return None
        style = formatter._style
        stock = (
            logger.isEnabledFor(_INFO)
            and handler.level <= _INFO
            and not (logger.propagate or logger.filters or handler.filters)
            and type(style) is logging.PercentStyle
            and vars(style) == vars(logging.PercentStyle(ACCESS_FORMAT))
            and [*map(set, _variables(logger))] == _STOCK_ATTRIBUTES
            and _behaviour() == _STOCK_BEHAVIOUR
            and _is_plain(handler.stream)
        )
        return cls(logger) if stock else None

    def holds(self) -> bool:
        """Whether nothing has changed since, and lines still pass."""
        return self._variables == self._states and self.logger.isEnabledFor(_INFO) and _behaviour() == _STOCK_BEHAVIOUR

    def _format_ending(self, status: int) -> str:
        return self._format(status)[-1]

    def _format(self, status: int) -> list[str]:
        """What the formatter makes of a line, split at its arguments."""
        logger, handler = self.logger, self.handler
        record = logging.LogRecord(logger.name, logging.INFO, "", 0, TEMPLATE, (*(_GAP,) * 4, status), None)
        return f"{handler.format(record)}{handler.terminator}".split(_GAP)


def _variables(logger: logging.Logger) -> tuple[dict[str, Any], ...]:
    """The state of the objects that a record passes."""
    handler = logger.handlers[0]
    return vars(logger), vars(handler), vars(handler.formatter)


def _is_plain(stream: Any) -> bool:
    """Whether `stream` is a text file over a descriptor, with ASCII for ASCII."""
    if type(stream) is not io.TextIOWrapper:
        return False
    try:
        os.fstat(stream.fileno())
        return _PRINTABLE.encode(stream.encoding, stream.errors or "strict") == _PRINTABLE.encode("ascii")
    except (OSError, ValueError):
        return False


class AccessLog:
    """Writes the access lines of one server.

    A record of `logging` costs many times what its line does. Where the set-up is the stock one, the line goes into
    the handler's stream, which is flushed once per pass of the loop; elsewhere it is a record.
    """

    __slots__ = ("_delay", "_lines", "_pass", "_retry", "_stock")

    def __init__(self) -> None:
        self._stock: StockLogging | None = None
        self._lines: LineStream = None  # type: ignore[assignment]  # set with _stock
        # The loop that flushes at the end of this pass, and the one that will try once more.
        self._pass: object = _NONE
        self._retry: AbstractEventLoop | None = None
        self._delay = FIRST_RETRY

    def write(self, access_logger: Any, scope: Any, status: int) -> None:
        """Log a response to `uvicorn.access`, or what has been put in its place."""
        stock = self._stock
        if self._pass is not _get_running_loop() or stock is None or stock.logger is not access_logger:
            stock = self._begin_pass(access_logger)
        line = None if stock is None else stock.line.format(scope, status)
        if line is None:
            _write_record(access_logger, scope, status)
            return
        lines = self._lines
        buffered = lines.buffered + len(line)
        try:
            if buffered <= lines.room:
                # What LineStream.write does nearly always.
                lines.buffered = buffered
                lines.stream.write(line)
            else:
                lines.write(line)
        except Exception:
            self._fail(line)

    def close(self) -> None:
        """Write out what is left, and wait for the reader a moment."""
        self._pass = _NONE
        if self._lines is not None:
            self._leave_stream(CLOSE_PATIENCE)

    def _begin_pass(self, access_logger: Any) -> StockLogging | None:
        """See whether the set-up is the stock one, and have the lines of this pass flushed at its end."""
        loop = _get_running_loop()
        stock = self._stock
        if loop is None or stock is None or stock.logger is not access_logger or not stock.holds():
            stock = self._stock = None if loop is None else StockLogging.find(access_logger)
            lines = self._lines
            if loop is None or stock is None:
                # No record shall overtake a line.
                if lines is not None:
                    self._flush()
                return None
            if lines is None or lines.stream is not stock.stream:
                if lines is not None:
                    self._leave_stream(0.0)
                self._lines = open_line_stream(stock.stream)
        self._pass = loop
        loop.call_soon(self._flush)
        return stock

    def _leave_stream(self, patience: float) -> None:
        try:
            self._lines.close(patience)
        except Exception:
            self._fail("the last lines of the access log")
        self._tell_lost()

    def _flush(self) -> None:
        """Write the lines of a pass, or try again soon."""
        self._pass = _NONE
        try:
            written = self._lines.flush()
        except Exception:
            self._fail("lines of the access log")
            return
        if written:
            self._delay = FIRST_RETRY
            if self._lines.lost:
                self._tell_lost()
            return
        loop = _get_running_loop()
        if loop is not None and self._retry is not loop:
            self._retry = loop
            loop.call_later(self._delay, self._try_again)
            self._delay = min(2 * self._delay, LAST_RETRY)

    def _try_again(self) -> None:
        self._retry = None
        self._flush()

    def _tell_lost(self) -> None:
        lost, self._lines.lost = self._lines.lost, 0
        if lost:
            message = "%d lines of the access log were lost, because nobody read them."
            logging.getLogger("uvicorn.error").warning(message, lost)

    def _fail(self, message: str) -> None:
        """Have an error of the stream handled as that of a record, but once."""
        lines, stock = self._lines, self._stock
        if lines.sound and stock is not None:
            lines.sound = False
            stock.handler.handleError(logging.makeLogRecord({"msg": message}))


def _write_record(access_logger: Any, scope: Any, status: int) -> None:
    if type(access_logger) is logging.Logger and not access_logger.isEnabledFor(logging.INFO):
        # Nobody would see the arguments.
        return
    access_logger.info(
        TEMPLATE,
        get_client_addr(scope),
        scope["method"],
        get_path_with_query_string(scope),
        scope["http_version"],
        status,
    )
