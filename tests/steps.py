"""A bound on what a piece of code does, so that a loop without progress is a failure and not a hang."""

import contextlib
import faulthandler
import sys
from collections.abc import Iterator
from types import FrameType
from typing import Any

from tests.processes import PATIENCE

# A compiled loop makes no calls that can be counted: the process ends with a traceback instead.
_WATCHDOG_SECONDS = PATIENCE / 2


class TooManySteps(BaseException):
    """Raised within the loop; no handler of the code under test takes it for its own."""


@contextlib.contextmanager
def bounded(limit: int, what: object) -> Iterator[None]:
    """Let the block make at most `limit` calls, to Python functions and from them to others.

    Raises:
        AssertionError: the block made more calls, and was left at that point; `what` names it.
    """
    calls = 0

    def count(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal calls
        if event == "call" or event == "c_call":
            calls += 1
            if calls > limit:
                raise TooManySteps

    outer = sys.getprofile()
    # PyPy, where nothing is compiled, has no watchdog.
    watched = hasattr(faulthandler, "dump_traceback_later")
    if watched:
        faulthandler.dump_traceback_later(_WATCHDOG_SECONDS, exit=True)
    sys.setprofile(count)
    try:
        yield
    except BaseException:
        # A library may have made another exception of it.
        if calls <= limit:
            raise
    finally:
        sys.setprofile(outer)
        if watched:
            faulthandler.cancel_dump_traceback_later()
    assert calls <= limit, f"more than {limit} calls, a loop makes no progress: {what}"
