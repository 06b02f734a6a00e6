"""The access log: one line for each response.

The wires call `ServerState.log_access`, which is `AccessLog.write`, when a response starts. If the format has values
that are known only at the end of a response, `AccessLog.write` is an observer of exchanges instead.

A record of `logging` costs many times as much as its line. So while the logger `uvicorn.access` has its original
configuration, the line is written directly to the stream of its handler. Otherwise it becomes a record. This is checked
in each turn of the event loop.
"""

import functools
import io
import logging
import math
import os
from asyncio import AbstractEventLoop, _get_running_loop
from types import FunctionType
from typing import TYPE_CHECKING, Any

from uvicorn._speedups import AccessLineFormat
from uvicorn.line_stream import LineStream
from uvicorn.logging import ACCESS_FORMAT, AccessFormatter, AccessLineFormatter
from uvicorn.protocols.utils import get_client_addr, get_path_with_query_string

if TYPE_CHECKING:
    from uvicorn._speedups import LineOfParts
    from uvicorn.server_state import ServerState

# Seconds until the next attempt to write, if the reader of the log accepts nothing. The delay is doubled each time.
FIRST_RETRY = 0.001
LAST_RETRY = 0.1

# Seconds to wait for the reader at the end of the server.
CLOSE_PATIENCE = 1.0

# The most lines that are written at once before we check again whether a turn of the loop has several lines.
MAX_AT_ONCE = 31

# The value for "no turn of a loop". None is not possible: it means that no loop runs.
_NONE = object()

# The message of a record. Other programs filter and format by its five arguments.
TEMPLATE = '%s - "%s %s HTTP/%s" %d'

# Appended to a message that is complete already: it formats the five arguments as nothing.
_NO_ARGUMENTS = "%.0s" * 5

# A placeholder for each argument that differs between lines.
_GAP = "\0"


def _is_defined_by_logging(function: Any) -> bool:
    # isinstance() is not enough: a wrapper of the package wrapt claims to be a function, and has the code of the
    # wrapped one.
    return type(function) is FunctionType and function.__code__.co_filename == logging.getLogger.__code__.co_filename


# Error trackers such as Sentry and New Relic replace this method to see each record. None if one has done so already.
_CALL_HANDLERS = logging.Logger.callHandlers if _is_defined_by_logging(logging.Logger.callHandlers) else None

# A global is faster than an attribute of the module, and it is needed for each line.
_INFO = logging.INFO

# The original formatters with their formats: for a custom format, and for the default.
_STOCK_FORMATTERS: tuple[tuple[Any, str], ...] = (
    (AccessLineFormatter, "%(message)s"),
    (AccessFormatter, ACCESS_FORMAT),
)

_PRINTABLE = "".join(map(chr, range(0x20, 0x7F)))


class StockLogging:
    """The access logger, its handler and its formatter, as `LOGGING_CONFIG` configures them."""

    __slots__ = ("_handlers", "formatter", "handler", "line", "logger", "stream")

    def __init__(self, logger: logging.Logger, handler: Any, access_format: str = "default") -> None:
        self.logger = logger
        self.handler = handler
        self.formatter: Any = handler.formatter
        self._handlers = [handler]
        self.stream: io.TextIOWrapper = handler.stream
        self.line: AccessLineFormat | LineOfParts
        if access_format == "default":
            self.line = AccessLineFormat(self._format(200)[:-1], self._format_ending)
        else:
            self.line = _compile(access_format, handler.terminator)

    @classmethod
    def find(cls, logger: Any, access_format: str = "default") -> "StockLogging | None":
        """Return the configuration of `logger` if it is the original one and shows access lines; otherwise None."""
        if type(logger) is not logging.Logger or len(logger.handlers) != 1 or not logger.isEnabledFor(_INFO):
            return None
        handler: Any = logger.handlers[0]
        formatter: Any = handler.formatter
        kind, template = _STOCK_FORMATTERS[access_format == "default"]
        if type(handler) not in (logging.StreamHandler, logging.FileHandler) or type(formatter) is not kind:
            return None
        style = formatter._style
        if type(style) is not logging.PercentStyle or vars(style) != vars(logging.PercentStyle(template)):
            return None
        if handler.stream is None:  # its file is opened with the first record
            return None
        stock = cls(logger, handler, access_format)
        return stock if stock.holds() and _is_plain(handler.stream) else None

    def holds(self) -> bool:
        """Whether the configuration still is the original one, so that a record would only be written to the stream.

        Only those attributes are compared that programs are known to change.
        """
        logger, handler = self.logger, self.handler
        # The conditions cost half as much in an `if` as in a `return`. The cache is that of isEnabledFor(); each change
        # of a level clears it. Sentry replaces `callHandlers`, and OpenTelemetry sets a record factory.
        if (  # noqa: SIM103
            logger.handlers != self._handlers
            or logger.propagate
            or logger.filters
            or handler.filters
            or not logger._cache.get(_INFO)  # type: ignore[attr-defined]
            or handler.level > _INFO
            or handler.formatter is not self.formatter
            or handler.stream is not self.stream
            or logging.Logger.callHandlers is not _CALL_HANDLERS
            or logging._logRecordFactory is not logging.LogRecord  # type: ignore[attr-defined]
        ):
            return False
        return True

    def _format_ending(self, status: int) -> str:
        return self._format(status)[-1]

    def _format(self, status: int) -> list[str]:
        """Format a line with the formatter, and split it at its arguments."""
        logger, handler = self.logger, self.handler
        record = logging.LogRecord(logger.name, logging.INFO, "", 0, TEMPLATE, (*(_GAP,) * 4, status), None)
        return f"{handler.format(record)}{handler.terminator}".split(_GAP)


def _is_plain(stream: Any) -> bool:
    """Whether `stream` is a text file with a descriptor, in an encoding that contains ASCII."""
    if type(stream) is not io.TextIOWrapper:
        return False
    try:
        os.fstat(stream.fileno())
        return _PRINTABLE.encode(stream.encoding, stream.errors or "strict") == _PRINTABLE.encode("ascii")
    except (OSError, ValueError):
        return False


class AccessLog:
    """Writes the access lines of one server.

    The lines of one turn of the loop share one check of the configuration and one write. For this, the loop calls back
    at the end of the turn, which costs as much as a line. So if a turn had only one line, the next lines are written at
    once, without a callback: first 1, then 3, 7, 15, and at most `MAX_AT_ONCE`, before the next turn is tried again.

    Args:
        access_format: the value of `--access-log-format`.
    """

    __slots__ = (
        "_at_once",
        "_delay",
        "_format",
        "_lines",
        "_pass",
        "_record_line",
        "_retry",
        "_shared",
        "_single",
        "_stock",
    )

    def __init__(self, access_format: str = "default") -> None:
        self._format = access_format
        # Makes the message of a record. None for the default format, because its message is made from the arguments.
        self._record_line = None if access_format == "default" else _compile(access_format)
        self._stock: StockLogging | None = None
        self._lines: LineStream = None  # type: ignore[assignment]  # set with _stock
        # The loop that will call back at the end of this turn, and whether the turn has several lines.
        self._pass: object = _NONE
        self._shared = False
        # How many more lines are written at once, and the number with which this began.
        self._at_once = 0.0
        self._single = 0
        # The loop that will try to write again.
        self._retry: AbstractEventLoop | None = None
        self._delay = FIRST_RETRY

    def write(self, access_logger: Any, exchange: Any, status: int = 0) -> None:
        """Log a response to `uvicorn.access`, or to the logger that a program uses instead.

        Args:
            access_logger: the logger.
            exchange: the scope of the request; with a format that is written at the end, the
                `uvicorn._speedups.Outcome`, which has the scope.
            status: the status code of a response that starts.
        """
        stock = self._stock
        if stock is None or access_logger is not stock.logger or (self._pass is _NONE and not stock.holds()):
            stock = self._find_stock(access_logger)
        line = None if stock is None else stock.line.format(exchange, status)
        if line is None:
            self._write_record(access_logger, exchange, status)
            return
        try:
            if self._at_once:
                self._at_once -= 1
                if not self._lines.write_at_once(line):
                    self._retry_soon()
            else:
                self._add(line)
        except Exception:
            self._fail(line)

    def close(self) -> None:
        """Write the remaining lines. Wait for the reader up to CLOSE_PATIENCE seconds."""
        self._pass = _NONE
        if self._lines is not None:
            self._leave_stream(CLOSE_PATIENCE)

    def _find_stock(self, access_logger: Any) -> StockLogging | None:
        self._pass = _NONE
        stock = self._stock = StockLogging.find(access_logger, self._format)
        lines = self._lines
        if stock is None:
            # The waiting lines are written before the record.
            if lines is not None:
                self._flush()
        elif lines is None or lines.stream is not stock.stream:
            if lines is not None:
                self._leave_stream(0.0)
            self._lines = LineStream(stock.stream)
            self._at_once = math.inf if self._lines.unbuffered else 0
        return stock

    def _add(self, line: str) -> None:
        """Write a line at the end of this turn of the loop. Without a loop, write it at once."""
        loop = _get_running_loop()
        if self._pass is loop:
            self._shared = True
        elif loop is None:
            # Without a loop, there is no later attempt. Lines that cannot be written now are written with the next
            # line.
            self._pass = _NONE
            self._lines.write_at_once(line)
            return
        else:
            self._pass = loop
            self._shared = False
            loop.call_soon(self._end_pass)
        lines = self._lines
        buffered = lines.buffered + len(line)
        if buffered <= lines.room:
            # This is the common case of LineStream.write, inlined.
            lines.buffered = buffered
            lines.stream.write(line)
        else:
            lines.write(line)

    def _end_pass(self) -> None:
        self._pass = _NONE
        self._at_once = self._single = 0 if self._shared else min(2 * self._single + 1, MAX_AT_ONCE)
        self._flush()

    def _leave_stream(self, patience: float) -> None:
        try:
            self._lines.close(patience)
        except Exception:
            self._fail("the last lines of the access log")
        self._report_lost()

    def _flush(self) -> None:
        """Write the waiting lines, or try again later."""
        try:
            written = self._lines.flush()
        except Exception:
            self._fail("lines of the access log")
            return
        if not written:
            self._retry_soon()
            return
        self._delay = FIRST_RETRY
        if self._lines.lost:
            self._report_lost()

    def _retry_soon(self) -> None:
        loop = _get_running_loop()
        if loop is not None and self._retry is not loop:
            self._retry = loop
            loop.call_later(self._delay, self._try_again)
            self._delay = min(2 * self._delay, LAST_RETRY)

    def _try_again(self) -> None:
        self._retry = None
        self._flush()

    def _report_lost(self) -> None:
        lost, self._lines.lost = self._lines.lost, 0
        if lost:
            message = "%d lines of the access log were lost, because their reader has stopped."
            logging.getLogger("uvicorn.error").warning(message, lost)

    def _fail(self, message: str) -> None:
        """Report an error of the stream as `logging` does, but only once."""
        lines, stock = self._lines, self._stock
        if lines.sound and stock is not None:
            lines.sound = False
            stock.handler.handleError(logging.makeLogRecord({"msg": message}))

    def _write_record(self, access_logger: Any, exchange: Any, status: int) -> None:
        if type(access_logger) is logging.Logger and not access_logger.isEnabledFor(logging.INFO):
            # The record would be dropped, so its arguments are not computed.
            return
        message, scope = TEMPLATE, exchange
        if self._record_line is not None:
            message = self._record_line.format(exchange, status).replace("%", "%%") + _NO_ARGUMENTS
            if self._record_line.at_end:
                scope, status = exchange.scope, exchange.status
        access_logger.info(
            message,
            get_client_addr(scope),
            scope.get("method", "GET"),
            get_path_with_query_string(scope),
            scope["http_version"],
            status,
        )


def set_up(server_state: "ServerState", access_format: str) -> None:
    """Set up the access log of a server for a format other than the default."""
    access_log = server_state.access_log = AccessLog(access_format)
    line = _compile(access_format)
    if line.at_end:
        server_state.log_access = _log_nothing
        server_state.observers.append(functools.partial(access_log.write, logging.getLogger("uvicorn.access")))
    else:
        server_state.log_access = access_log.write


def _log_nothing(access_logger: Any, scope: Any, status: int) -> None:
    """Do nothing at the start of a response: the line is written at its end."""


def _compile(access_format: str, ending: str = "") -> "LineOfParts":
    from uvicorn.access_format import compile_format  # imported here, because most servers use the default

    return compile_format(access_format, ending)
