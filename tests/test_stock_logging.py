"""Which set-up of the access log counts as stock, and whether its lines equal those of its formatter."""

import io
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.access_logger import LOGGER, stock_handler
from tests.processes import PATIENCE, ROOT
from uvicorn import _speedups, access_log
from uvicorn.access_log import TEMPLATE, StockLogging
from uvicorn.logging import ACCESS_FORMAT, AccessFormatter
from uvicorn.protocols.utils import get_client_addr, get_path_with_query_string


@pytest.fixture
def handler(tmp_path: Path) -> Iterator[Any]:
    with stock_handler(tmp_path / "log") as handler:
        yield handler


def test_the_set_up_of_a_server_without_options(handler: Any) -> None:
    stock = StockLogging.find(LOGGER)
    assert stock is not None
    assert stock.holds()
    assert (stock.logger, stock.handler, stock.stream) == (LOGGER, handler, handler.stream)


@pytest.mark.parametrize("level", [5, logging.DEBUG, logging.INFO])
def test_a_level_that_lets_access_lines_pass(handler: Any, level: int) -> None:
    LOGGER.setLevel(level)
    assert StockLogging.find(LOGGER) is not None


class Formatter(AccessFormatter):
    """A formatter that the user has defined."""


class Handler(logging.StreamHandler):  # type: ignore[type-arg]  # takes none on Python 3.10
    """A handler that the user has defined."""


def wrap_call_handlers(handler: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wrap `callHandlers`, as error trackers do."""
    original = logging.Logger.callHandlers
    monkeypatch.setattr(logging.Logger, "callHandlers", lambda *args: original(*args))


def disable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do what `logging.disable` does, for the manager of this logger."""
    monkeypatch.setattr(LOGGER.manager, "disable", logging.INFO)
    LOGGER.setLevel(LOGGER.level)


def disable_logger(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do what `logging.config` does to loggers that a configuration does not name. It also sets levels."""
    monkeypatch.setattr(LOGGER, "disabled", True)
    LOGGER.setLevel(LOGGER.level)


def use_handler(handler: Any) -> None:
    handler.setFormatter(LOGGER.handlers[0].formatter)
    handler.setStream(LOGGER.handlers[0].stream)  # type: ignore[attr-defined]  # a StreamHandler
    LOGGER.handlers[0] = handler


# Each function takes the handler and `monkeypatch`.
CHANGES: dict[str, Callable[[Any, pytest.MonkeyPatch], Any]] = {
    "level": lambda handler, _: LOGGER.setLevel(logging.WARNING),
    "level of the handler": lambda handler, _: handler.setLevel(logging.WARNING),
    "disabled by a configuration": lambda handler, patch: disable_logger(patch),
    "logging.disable": lambda handler, patch: disable(patch),
    "propagate": lambda handler, _: setattr(LOGGER, "propagate", True),
    "filter": lambda handler, _: LOGGER.addFilter(lambda record: True),
    "filter of the handler": lambda handler, _: handler.addFilter(lambda record: True),
    "second handler": lambda handler, _: LOGGER.addHandler(logging.NullHandler()),
    "no handler": lambda handler, _: LOGGER.removeHandler(handler),
    "other handler": lambda handler, _: use_handler(Handler()),
    "handler without formatter": lambda handler, _: handler.setFormatter(None),
    "other formatter": lambda handler, _: handler.setFormatter(logging.Formatter()),
    "formatter of a subclass": lambda handler, _: handler.setFormatter(Formatter(ACCESS_FORMAT)),
    "other format": lambda handler, _: handler.setFormatter(AccessFormatter("%(asctime)s " + ACCESS_FORMAT)),
    "other style": lambda handler, _: handler.setFormatter(AccessFormatter("{message}", style="{")),
    "record factory": lambda handler, patch: patch.setattr(logging, "_logRecordFactory", lambda *a, **k: None),
    "Logger.callHandlers": wrap_call_handlers,
    "stream that is no file": lambda handler, _: handler.setStream(io.StringIO()),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_is_noticed(handler: Any, change: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    stock = StockLogging.find(LOGGER)
    assert stock is not None
    with monkeypatch.context() as patch:
        change(handler, patch)
        assert not stock.holds()
        assert StockLogging.find(LOGGER) is None


def test_another_file_is_stock_again(handler: Any) -> None:
    stock = StockLogging.find(LOGGER)
    assert stock is not None
    with open(os.devnull, "w", encoding="utf-8") as stream:
        handler.setStream(stream)
        assert not stock.holds()
        assert StockLogging.find(LOGGER) is not None


def test_a_logger_of_a_class_of_its_own(handler: Any) -> None:
    class Logger(logging.Logger):
        pass

    logger = Logger("uvicorn.access", logging.INFO)
    logger.propagate = False
    logger.addHandler(handler)
    assert StockLogging.find(logger) is None


def utf_16(folder: Path) -> Any:
    return open(folder / "wide", "w", encoding="utf-16")


def closed(folder: Path) -> Any:
    with open(folder / "closed", "w", encoding="utf-8") as stream:
        return stream


def closed_below(folder: Path) -> Any:
    stream = open(folder / "below", "w", encoding="utf-8")  # noqa: SIM115 - it is
    os.close(stream.fileno())
    return stream


def in_memory(folder: Path) -> Any:
    return io.TextIOWrapper(io.BytesIO())


@pytest.mark.parametrize("make", [utf_16, closed, closed_below, in_memory])
def test_streams_that_are_left_to_logging(handler: Any, make: Any, tmp_path: Path) -> None:
    stream = make(tmp_path)
    former = handler.setStream(stream)
    assert StockLogging.find(LOGGER) is None
    handler.stream = former
    if make is closed_below:
        # No other file has been opened since.
        os.dup2(former.fileno(), stream.fileno())
    stream.close()


class Wrapper:
    """A wrapper that pretends to be the wrapped function, as the wrappers of wrapt do."""

    def __init__(self, wrapped: Any) -> None:
        self.__dict__["wrapped"] = wrapped

    @property  # type: ignore[misc]  # that is the point
    def __class__(self) -> Any:
        return type(self.wrapped)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["wrapped"], name)


def test_a_wrapper_that_pretends_to_be_the_function() -> None:
    assert access_log._is_defined_by_logging(logging.Logger.callHandlers)
    assert isinstance(Wrapper(logging.Logger.callHandlers), FunctionType)
    assert not access_log._is_defined_by_logging(Wrapper(logging.Logger.callHandlers))
    assert not access_log._is_defined_by_logging(wrap_call_handlers)


def run(code: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    answer = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=PATIENCE
    )
    assert (answer.returncode, answer.stderr) == (0, "")


# `seen` collects the records that a tracker gets. The lines go to standard output.
WRITE = """
import asyncio, logging
from uvicorn.config import Config
from uvicorn.access_log import AccessLog

Config(None)
log = AccessLog()
seen = []

async def write(path):
    scope = {"client": None, "method": "GET", "path": path, "query_string": b"", "http_version": "1.1"}
    log.write(logging.getLogger("uvicorn.access"), scope, 200)
"""

SENTRY = """
import sentry_sdk
from sentry_sdk.integrations.logging import LoggingIntegration

def set_up():
    def keep(crumb, hint):
        seen.append(hint["log_record"].args[2])
        return crumb

    sentry_sdk.init(before_breadcrumb=keep, default_integrations=False, integrations=[LoggingIntegration()])
"""

OPEN_TELEMETRY = """
from opentelemetry.instrumentation.logging import LoggingInstrumentor

def set_up():
    def hook(span, record):
        seen.append(record.args[2])

    provider = TracerProvider()
    LoggingInstrumentor().instrument(tracer_provider=provider, log_hook=hook)
    context.attach(trace.set_span_in_context(provider.get_tracer("test").start_span("test")))

from opentelemetry import context, trace
from opentelemetry.sdk.trace import TracerProvider
"""


@pytest.mark.parametrize(
    ("packages", "code"),
    [(["sentry_sdk"], SENTRY), (["opentelemetry.instrumentation.logging", "opentelemetry.sdk"], OPEN_TELEMETRY)],
    ids=["Sentry", "OpenTelemetry"],
)
@pytest.mark.parametrize("early", [True, False])
def test_a_tracker_gets_its_records(packages: list[str], code: str, early: bool) -> None:
    for package in packages:
        pytest.importorskip(package)
    if early:
        # Before the access log is imported.
        run(
            f"{code}\nseen = []\nset_up()\n{WRITE}\nset_up.__globals__['seen'] = seen\n"
            + ("asyncio.run(write('/1'))\nassert seen == ['/1'], seen\n")
        )
    else:
        run(
            f"{WRITE}\n{code}\nasyncio.run(write('/1'))\nset_up()\nasyncio.run(write('/2'))\n"
            "assert seen == ['/2'], seen\nlog.close()\n"
        )


def test_a_replacement_before_the_import_is_noticed() -> None:
    run("""
import logging
original = logging.Logger.callHandlers
logging.Logger.callHandlers = lambda *args: original(*args)
from uvicorn import access_log
assert access_log._CALL_HANDLERS is None
""")


clients = st.one_of(
    st.none(), st.tuples(st.sampled_from(["127.0.0.1", "::1", "fe80::1%eth0", "proxy"]), st.integers(0, 65535))
)
scopes = st.fixed_dictionaries(
    {
        "client": clients,
        "method": st.sampled_from(["GET", "POST", "PATCH", "M-SEARCH", "%s"]),
        "path": st.one_of(st.text(), st.text(st.sampled_from("/ab~._-%20\x00\x1b\x7f\x9b\u2028é\ud800")), st.just("/")),
        "query_string": st.one_of(st.just(b""), st.binary(), st.sampled_from([b"q=1&r=%20", b"\x1b[31m", b"\xff"])),
        "http_version": st.sampled_from(["1.0", "1.1"]),
    }
)


@given(scope=scopes, status=st.integers(100, 999), colours=st.booleans(), name=st.sampled_from(["pure", "compiled"]))
def test_the_line_is_that_of_the_formatter(scope: Any, status: int, colours: bool, name: str) -> None:
    try:
        build = _speedups.load(name)
    except ImportError:
        build = _speedups.load("pure")
    stream: Any = io.StringIO()
    handler: Any = logging.StreamHandler(stream)
    handler.setFormatter(AccessFormatter(ACCESS_FORMAT, use_colors=colours))
    logger = logging.Logger("uvicorn.access", logging.INFO)
    logger.addHandler(handler)
    stock = StockLogging(logger, handler)
    stock.line = build.AccessLineFormat(stock._format(200)[:-1], stock._format_ending)
    line = stock.line.format(scope, status)
    logger.info(
        TEMPLATE,
        get_client_addr(scope),
        scope["method"],
        get_path_with_query_string(scope),
        scope["http_version"],
        status,
    )
    assert line == stream.getvalue()
    # The second line uses the cache.
    assert stock.line.format(scope, status) == line


def test_a_line_that_is_not_ascii_is_left_to_logging(handler: Any, build: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_log, "AccessLineFormat", _speedups.load(build).AccessLineFormat)
    stock = StockLogging.find(LOGGER)
    assert stock is not None
    scope = {"client": ("ä", 1), "method": "GET", "path": "/", "query_string": b"", "http_version": "1.1"}
    assert stock.line.format(scope, 200) is None
