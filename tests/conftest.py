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

# Where the suite runs in the background of a shell, servers would inherit that it is ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How long the suite fuzzes: enough that every rule is met. `make fuzz` goes on for as long as it is told.
# That a machine is slow is no failure.
settings.register_profile("suite", max_examples=100, stateful_step_count=25, **QUIET)
settings.load_profile("suite")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test that is a coroutine function in a loop of its own."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    run_async(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True


@pytest.fixture(autouse=True)
def _logging_restored() -> Iterator[None]:
    """Give every test the logging of a fresh interpreter: a `Config` configures the process' loggers."""
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
    """The HTTP protocol with that parser, running on that build."""
    return protocol_class(parser, build)
