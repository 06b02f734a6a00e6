"""A limit on the number of calls, so that a loop without progress fails a test and does not hang it."""

import contextlib
import faulthandler
import sys
from collections.abc import Iterator
from types import FrameType
from typing import Any

from tests.processes import PATIENCE

# Seconds. The calls of a compiled loop cannot be counted. After this time the process ends with a traceback.
_WATCHDOG_SECONDS = PATIENCE / 2


class TooManySteps(BaseException):
    """Raised within the loop. It is not an `Exception`, so that the code under test does not handle it."""


@contextlib.contextmanager
def bounded(limit: int, what: object) -> Iterator[None]:
    """Let the block make at most `limit` calls: calls of Python functions, and their calls of other functions.

    Raises:
        AssertionError: the block made more calls and was interrupted. `what` names the block.
    """
    calls = 0

    def count(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal calls
        if event == "call" or event == "c_call":
            calls += 1
            if calls > limit:
                raise TooManySteps

    outer = sys.getprofile()
    # PyPy has no watchdog, and needs none because no module is compiled.
    watched = hasattr(faulthandler, "dump_traceback_later")
    if watched:
        faulthandler.dump_traceback_later(_WATCHDOG_SECONDS, exit=True)
    sys.setprofile(count)
    try:
        yield
    except BaseException:
        # A library may have replaced the exception by another one.
        if calls <= limit:
            raise
    finally:
        sys.setprofile(outer)
        if watched:
            faulthandler.cancel_dump_traceback_later()
    assert calls <= limit, f"more than {limit} calls, a loop makes no progress: {what}"
