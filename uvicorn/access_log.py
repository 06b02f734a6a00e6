"""The access log: a line per response, written without `logging` if the result is the same.

Wires call `ServerState.log_access`, which is `AccessLog.write`; with a format that has durations or bytes, the end of
the exchange calls it (`ServerState.observers`). As long as the set-up of `uvicorn.access` is the stock one, the
line goes straight into the handler's stream; else it is a record of `logging`. The choice is checked again in each
pass of the event loop.
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

# Seconds until the next write to a reader that takes nothing.
FIRST_RETRY = 0.001
LAST_RETRY = 0.1

# Seconds for the last lines of a server.
CLOSE_PATIENCE = 1.0

# How many lines are written at once before the next look at whether a pass of the loop has several.
MAX_AT_ONCE = 31

# Stands for "no pass of a loop". None cannot: it is the running loop if there is no loop.
_NONE = object()

# Other programs filter and format by the five arguments.
TEMPLATE = '%s - "%s %s HTTP/%s" %d'

# Appended to a complete message: formats the five arguments to nothing.
_NO_ARGUMENTS = "%.0s" * 5

# Stands for each argument that differs from line to line.
_GAP = "\0"


def _is_defined_by_logging(function: Any) -> bool:
    # Not isinstance(): the wrappers of wrapt pretend to be functions, with the code of what they wrap.
    return type(function) is FunctionType and function.__code__.co_filename == logging.getLogger.__code__.co_filename


# What error trackers replace to see each record (Sentry, New Relic); None if they have done so already.
_CALL_HANDLERS = logging.Logger.callHandlers if _is_defined_by_logging(logging.Logger.callHandlers) else None

# A global, because it is read for each line.
_INFO = logging.INFO

# The formatter and its format: for a format of the user's, and for the default.
_STOCK_FORMATTERS: tuple[tuple[Any, str], ...] = (
    (AccessLineFormatter, "%(message)s"),
    (AccessFormatter, ACCESS_FORMAT),
)

_PRINTABLE = "".join(map(chr, range(0x20, 0x7F)))


class StockLogging:
    """The access logger, its only handler and its formatter, as `LOGGING_CONFIG` has them."""

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
        """The set-up of `logger` if it is the stock one and lets access lines pass."""
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
        if handler.stream is None:  # of a file that is opened with the first record
            return None
        stock = cls(logger, handler, access_format)
        return stock if stock.holds() and _is_plain(handler.stream) else None

    def holds(self) -> bool:
        """Whether the set-up still is the stock one: a record would take the same way, and nothing else would see it.

        This compares what programs are known to change, and nothing else.
        """
        logger, handler = self.logger, self.handler
        # An `if` costs half of what the same conditions cost as a value. isEnabledFor() answers from the cache, which
        # each change of a level clears. Sentry replaces `callHandlers`, OpenTelemetry sets a record factory.
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
        """What the formatter makes of a line, split at its arguments."""
        logger, handler = self.logger, self.handler
        record = logging.LogRecord(logger.name, logging.INFO, "", 0, TEMPLATE, (*(_GAP,) * 4, status), None)
        return f"{handler.format(record)}{handler.terminator}".split(_GAP)


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

    A record of `logging` costs many times what its line does. With the stock set-up the line goes into the handler's
    stream; otherwise it is a record.

    The lines of a pass of the loop share one look at the set-up and one write, for which the loop calls back at the end
    of the pass. That call costs as much as a line. So while passes have one line each, it is left out, and lines are
    written at once: one after the first such pass, then 3, 7, 15, and up to `MAX_AT_ONCE` before the next look.

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
        # Makes the message of a record; None for the default, whose message is made of its arguments.
        self._record_line = None if access_format == "default" else _compile(access_format)
        self._stock: StockLogging | None = None
        self._lines: LineStream = None  # type: ignore[assignment]  # set with _stock
        # The loop at the end of whose present pass the lines are written, and whether there are several.
        self._pass: object = _NONE
        self._shared = False
        # How many lines are still to be written at once, and how many that was after the last single line.
        self._at_once = 0.0
        self._single = 0
        # The loop that will try once more.
        self._retry: AbstractEventLoop | None = None
        self._delay = FIRST_RETRY

    def write(self, access_logger: Any, scope: Any, response: Any) -> None:
        """Log a response to `uvicorn.access`, or to the logger that a program uses instead.

        Args:
            access_logger: the logger.
            scope: of the request.
            response: its status; at the end of a response, what the client was given (`uvicorn._speedups.Outcome`).
        """
        stock = self._stock
        if stock is None or access_logger is not stock.logger or (self._pass is _NONE and not stock.holds()):
            stock = self._find_stock(access_logger)
        line = None if stock is None else stock.line.format(scope, response)
        if line is None:
            self._write_record(access_logger, scope, response)
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
        """Write out what is left, and wait for the reader a moment."""
        self._pass = _NONE
        if self._lines is not None:
            self._leave_stream(CLOSE_PATIENCE)

    def _find_stock(self, access_logger: Any) -> StockLogging | None:
        self._pass = _NONE
        stock = self._stock = StockLogging.find(access_logger, self._format)
        lines = self._lines
        if stock is None:
            # The lines that wait go out before the record.
            if lines is not None:
                self._flush()
        elif lines is None or lines.stream is not stock.stream:
            if lines is not None:
                self._leave_stream(0.0)
            self._lines = LineStream(stock.stream)
            self._at_once = math.inf if self._lines.unbuffered else 0
        return stock

    def _add(self, line: str) -> None:
        """Have a line written at the end of this pass; without a loop, at once."""
        loop = _get_running_loop()
        if self._pass is loop:
            self._shared = True
        elif loop is None:
            # Without a loop nothing can try again later: what a reader does not take now goes with the next line.
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
            # The usual case of LineStream.write, without the call.
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
        self._tell_lost()

    def _flush(self) -> None:
        """Write out the lines that wait, or try again soon."""
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
            self._tell_lost()

    def _retry_soon(self) -> None:
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
            message = "%d lines of the access log were lost, because their reader has stopped."
            logging.getLogger("uvicorn.error").warning(message, lost)

    def _fail(self, message: str) -> None:
        """Report an error of the stream as `logging` would report it, but only once."""
        lines, stock = self._lines, self._stock
        if lines.sound and stock is not None:
            lines.sound = False
            stock.handler.handleError(logging.makeLogRecord({"msg": message}))

    def _write_record(self, access_logger: Any, scope: Any, response: Any) -> None:
        if type(access_logger) is logging.Logger and not access_logger.isEnabledFor(logging.INFO):
            # The record would be dropped: do not compute its arguments.
            return
        message = TEMPLATE
        if self._record_line is not None:
            message = self._record_line.format(scope, response).replace("%", "%%") + _NO_ARGUMENTS
        access_logger.info(
            message,
            get_client_addr(scope),
            scope.get("method", "GET"),
            get_path_with_query_string(scope),
            scope["http_version"],
            response if isinstance(response, int) else response.status,
        )


def set_up(server_state: "ServerState", access_format: str) -> None:
    """Write the access lines of a server in a format of the user's."""
    access_log = server_state.access_log = AccessLog(access_format)
    line = _compile(access_format)
    if line.at_end:
        server_state.log_access = _log_nothing
        server_state.observers.append(functools.partial(_log_outcome, access_log, logging.getLogger("uvicorn.access")))
    else:
        server_state.log_access = access_log.write


def _log_outcome(access_log: AccessLog, access_logger: Any, outcome: Any) -> None:
    access_log.write(access_logger, outcome.scope, outcome)


def _log_nothing(access_logger: Any, scope: Any, status: int) -> None:
    """The response has only started."""


def _compile(access_format: str, ending: str = "") -> "LineOfParts":
    from uvicorn.access_format import compile_format  # most servers have the default

    return compile_format(access_format, ending)
