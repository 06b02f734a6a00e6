"""Fuzz each target for some time and print the number of executions.

python -m tests.fuzz.run [--seconds 60] [TARGET ...]

If a target fails, the smallest example of the first fault is printed. With atheris installed, the targets of
`coverage_guided` run too.
"""

import argparse
import contextlib
import importlib
import importlib.util
import logging
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

QUIET: dict[str, Any] = {"deadline": None, "suppress_health_check": list(HealthCheck)}
# The number of examples between two checks of the clock.
BATCH = 200

# Target -> (module, name of the test).
TARGETS = {
    "requests": ("test_requests", "test_requests"),
    "noise": ("test_requests", "test_noise"),
    "chunks": ("test_requests", "test_chunks"),
    "responses": ("test_responses", "test_responses"),
    "arrival": ("test_responses", "test_clients_receive_the_sent_response"),
    "blocks": ("test_hpack", "test_blocks"),
    "block_noise": ("test_hpack", "test_block_noise"),
    "sections": ("test_hpack", "test_sections"),
    "sessions": ("test_http2", "test_sessions"),
    "session_noise": ("test_http2", "test_session_noise"),
    "peer": ("test_http2_peer", "Peer"),
    "connection": ("test_connection", "test_connection"),
    "machine": ("test_connection", "Machine"),
    "codecs": ("test_websocket", "test_codecs"),
    "conversation": ("test_websocket", "test_conversation"),
}
COVERAGE_GUIDED = ("requests", "chunks", "responses", "hpack", "websocket")


class Counter:
    """Counts the executions of one target."""

    def __init__(self) -> None:
        self.executions = 0

    def counting(self, test: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap `test` so that the counter counts each example."""

        def counted(*arguments: Any, **options: Any) -> Any:
            self.executions += 1
            return test(*arguments, **options)

        return counted


def _runner(module: str, name: str, counter: Counter) -> Callable[[], None]:
    target: Any = getattr(importlib.import_module(f"tests.fuzz.{module}"), name)
    effort = settings(max_examples=BATCH, stateful_step_count=40, database=None, **QUIET)
    if isinstance(target, type):
        target.__init__ = counter.counting(target.__init__)
        return lambda: run_state_machine_as_test(target, settings=effort)
    target.hypothesis.inner_test = counter.counting(target.hypothesis.inner_test)
    test = effort(target)
    return lambda: test()


def fuzz(name: str, seconds: float) -> int:
    """Fuzz one target and return the number of executions. Raises the exceptions of the target."""
    counter = Counter()
    run = _runner(*TARGETS[name], counter)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        run()
    return counter.executions


def _guided(name: str, seconds: float) -> None:
    command = [sys.executable, "-m", "tests.fuzz.coverage_guided", name, f"-max_total_time={max(1, round(seconds))}"]
    print(f"{name:>12} with atheris", flush=True)
    subprocess.run(command, check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="for each target")
    parser.add_argument("--in-all", type=float, help="for all the targets together, instead")
    parser.add_argument("target", nargs="*", choices=[[], *TARGETS], help="all targets if none is given")
    options = parser.parse_args()
    logging.getLogger("uvicorn.error").addHandler(logging.NullHandler())
    logging.getLogger("uvicorn.error").propagate = False
    names = options.target or list(TARGETS)
    seconds = options.seconds if options.in_all is None else options.in_all / len(names)
    for name in names:
        print(f"{name:>12} {fuzz(name, seconds):>10,} executions", flush=True)
    if importlib.util.find_spec("atheris") is not None and not options.target and options.in_all is None:
        for name in COVERAGE_GUIDED:
            _guided(name, seconds)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
