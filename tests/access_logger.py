"""An access logger with the set-up of a server that was told nothing, writing to a file."""

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from uvicorn.config import Config

# One that pytest does not know: to others it adds handlers of its own.
LOGGER = logging.Manager(logging.RootLogger(logging.WARNING)).getLogger("uvicorn.access")


@contextlib.contextmanager
def stock_handler(path: Path) -> Iterator[Any]:
    """The handler of `LOGGER`, as `Config` makes it.

    Args:
        path: of the file that it writes to.
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
