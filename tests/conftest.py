"""Fixtures for the whole suite."""

import inspect
import logging
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings

from tests.fuzz.run import QUIET
from tests.processes import run_async
from tests.protocols.http.classes import protocol_class
from uvicorn import _speedups

# A shell starts background jobs with SIGINT ignored, and the servers under test would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The number of examples in the suite is enough to meet every rule. `make fuzz` sets how long it runs.
# A slow machine is not a failure.
settings.register_profile("suite", max_examples=100, stateful_step_count=25, **QUIET)
settings.load_profile("suite")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test that is a coroutine function in a new event loop."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    run_async(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True


@pytest.fixture(autouse=True)
def _logging_restored() -> Iterator[None]:
    """Give every test the logging state of a fresh interpreter, because a `Config` configures the process's loggers."""
    names = ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi")
    saved = [
        (logger, logger.handlers[:], logger.level, logger.propagate, logger.disabled, logger.filters[:])
        for logger in map(logging.getLogger, names)
    ]
    yield
    for logger, handlers, level, propagate, disabled, filters in saved:
        logger.handlers[:] = handlers
        logger.setLevel(level)
        logger.propagate = propagate
        logger.disabled = disabled
        logger.filters[:] = filters


@pytest.fixture(params=["h11", "httptools"])
def parser(request: pytest.FixtureRequest) -> str:
    """The name of the HTTP parser."""
    name: str = request.param
    if name == "httptools":
        pytest.importorskip("httptools")
    return name


@pytest.fixture(params=["asyncio", "uvloop"])
def loop(request: pytest.FixtureRequest) -> str:
    """The name of the event loop."""
    name: str = request.param
    pytest.importorskip(name)
    return name


@pytest.fixture(params=["pure", "compiled"])
def build(request: pytest.FixtureRequest) -> str:
    """The name of the build of the speedups."""
    name: str = request.param
    try:
        _speedups.load(name)
    except ImportError as error:
        pytest.skip(f"the {name} build is not there: {error}")
    return name


@pytest.fixture
def http_protocol_cls(parser: str, build: str) -> Any:
    """The HTTP protocol class with the parser and the build of the test."""
    return protocol_class(parser, build)
