"""The access log: a line per response, written without `logging` where that comes to the same."""

import logging
from asyncio import AbstractEventLoop, _get_running_loop
from typing import Any

from uvicorn.line_stream import LineStream, open_line_stream
from uvicorn.protocols.utils import get_client_addr, get_path_with_query_string
from uvicorn.stock_logging import TEMPLATE, StockLogging

# Seconds until a reader that takes nothing is tried again: at first, and at most.
FIRST_RETRY = 0.001
LAST_RETRY = 0.1

# Seconds that the last lines of a server may take.
CLOSE_PATIENCE = 1.0

# Stands for no pass of any loop: None is what there is outside of them.
_NONE = object()

logger = logging.getLogger("uvicorn.error")


class AccessLog:
    """Writes the access lines of one server.

    A record of `logging` costs many times what its line does. Where the set-up is the stock one (`StockLogging`), the
    line is put together here and goes into the handler's stream at once, and the stream is flushed once per pass of
    the loop; everywhere else each line is a record.
    """

    __slots__ = ("_delay", "_lines", "_pass", "_retry", "_stock")

    def __init__(self) -> None:
        self._stock: StockLogging | None = None
        self._lines: LineStream = None  # type: ignore[assignment]  # there with the first stock set-up
        # The loop that flushes at the end of this pass, and the one with a timer to try once more.
        self._pass: object = _NONE
        self._retry: AbstractEventLoop | None = None
        self._delay = FIRST_RETRY

    def write(self, access_logger: Any, scope: Any, status: int) -> None:
        """Log a response.

        Args:
            access_logger: `uvicorn.access`, or what has been put in its place.
            scope: of the request.
            status: of the response.
        """
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
        """Write out what is left, and wait for the reader for a moment."""
        self._pass = _NONE
        if self._lines is not None:
            self._leave_stream(CLOSE_PATIENCE)

    def _begin_pass(self, access_logger: Any) -> StockLogging | None:
        """See whether the set-up is the stock one, and have the lines of this pass of the loop flushed at its end."""
        loop = _get_running_loop()
        if loop is None:
            self._leave_to_logging()
            return None
        stock = self._stock
        if stock is None or stock.logger is not access_logger or not stock.holds():
            stock = StockLogging.find(access_logger)
            if stock is None:
                self._leave_to_logging()
                return None
            self._stock = stock
            if self._lines is None:
                self._lines = open_line_stream(stock.stream)
            elif self._lines.stream is not stock.stream:
                self._leave_stream(0.0)
                self._lines = open_line_stream(stock.stream)
        self._pass = loop
        loop.call_soon(self._flush)
        return stock

    def _leave_to_logging(self) -> None:
        """Before a record, which shall not overtake a line."""
        self._stock = None
        if self._lines is not None:
            self._flush()

    def _leave_stream(self, patience: float) -> None:
        try:
            self._lines.close(patience)
        except Exception:
            self._fail("the last lines of the access log")
        self._tell_lost()

    def _flush(self) -> None:
        """Write the lines of a pass, or try again soon where the reader takes none."""
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
            logger.warning("%d lines of the access log were lost, because nobody read them.", lost)

    def _fail(self, message: str) -> None:
        """Have an error of the stream handled as that of a record, but once, and not with each line."""
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
