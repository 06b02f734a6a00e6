"""An access logger with the set-up of a server without options, which writes to a file."""

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from uvicorn.config import Config

# pytest does not know this logger. It adds its own handlers to the loggers that it knows.
LOGGER = logging.Manager(logging.RootLogger(logging.WARNING)).getLogger("uvicorn.access")


@contextlib.contextmanager
def stock_handler(path: Path) -> Iterator[Any]:
    """The handler of `LOGGER`, as `Config` makes it.

    Args:
        path: the file that it writes to.
    """
    Config(None, use_colors=False)
    made = logging.getLogger("uvicorn.access")
    handler: Any = made.handlers[0]
    LOGGER.handlers[:] = [handler]
    LOGGER.filters[:] = made.filters
    LOGGER.propagate = made.propagate
    LOGGER.setLevel(made.level)
    with open(path, "w", encoding="utf-8") as stream:
        handler.setStream(stream)
        yield handler
