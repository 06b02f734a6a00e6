"""The lifespan conversation: what the application receives, what is logged, and the effect of failures."""

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.waiting import until
from uvicorn.config import Config
from uvicorn.lifespan import on as lifespan_on
from uvicorn.lifespan.off import LifespanOff
from uvicorn.lifespan.on import LifespanOn

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]

BOTH_MODES = pytest.mark.parametrize("mode", ["auto", "on"])
STARTED = ["Waiting for application startup.", "Application startup complete."]
STOPPED = ["Waiting for application shutdown.", "Application shutdown complete."]
UNSUPPORTED = "ASGI 'lifespan' protocol appears unsupported."
EXCEPTION = "Exception in 'lifespan' protocol"
STARTUP_FAILED = "Application startup failed. Exiting."
SHUTDOWN_FAILED = "Application shutdown failed. Exiting."


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """Return the messages that have been logged."""
    # `configure_logging` turns propagation off, but caplog needs propagation.
    monkeypatch.setattr(Config, "configure_logging", lambda self: None)
    caplog.set_level(logging.DEBUG, logger="uvicorn.error")
    return lambda: [record.getMessage() for record in caplog.records if record.name == "uvicorn.error"]


RECEIVE = "receive"


def script(*steps: str | BaseException) -> Any:
    """Make an application that does these steps: receive, send `lifespan.<step>`, or raise."""

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        for step in steps:
            if isinstance(step, BaseException):
                raise step
            await (receive() if step == RECEIVE else send({"type": f"lifespan.{step}"}))

    return app


def config_of(app: Any, mode: str) -> Config:
    # No test makes a connection, so any protocol class will do.
    return Config(app=app, lifespan=mode, http=asyncio.Protocol, ws="none")  # type: ignore[arg-type]  # a literal


def lifespan_of(app: Any, mode: str) -> LifespanOn:
    return LifespanOn(config_of(app, mode))


async def live(app: Any, mode: str) -> LifespanOn:
    """Run a lifespan from its startup to its shutdown."""
    lifespan = lifespan_of(app, mode)
    await lifespan.startup()
    await lifespan.shutdown()
    return lifespan


async def well_behaved(scope: Any, receive: Receive, send: Send) -> None:
    assert await receive() == {"type": "lifespan.startup"}
    await send({"type": "lifespan.startup.complete"})
    assert await receive() == {"type": "lifespan.shutdown"}
    await send({"type": "lifespan.shutdown.complete"})


@BOTH_MODES
async def test_start_and_stop(mode: str, lines: Callable[[], list[str]]) -> None:
    lifespan = lifespan_of(well_behaved, mode)
    await lifespan.startup()
    assert lines() == STARTED
    assert not lifespan.should_exit
    await lifespan.shutdown()
    assert lines() == STARTED + STOPPED
    assert not lifespan.should_exit
    assert not lifespan.error_occurred


async def test_scope_and_state() -> None:
    scopes: list[Any] = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        scopes.append({**scope, "state": dict(scope["state"])})
        scope["state"]["answer"] = 42
        await well_behaved(scope, receive, send)

    lifespan = lifespan_of(app, "on")
    await lifespan.startup()
    assert lifespan.state == {"answer": 42}
    await lifespan.shutdown()
    assert scopes == [{"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}]


async def test_scope_of_an_asgi2_application() -> None:
    scopes: list[Any] = []

    class App:
        def __init__(self, scope: Any) -> None:
            scopes.append(scope)

        async def __call__(self, receive: Receive, send: Send) -> None:
            await well_behaved(None, receive, send)

    lifespan = await live(App, "on")
    assert scopes == [{"type": "lifespan", "asgi": {"version": "2.0", "spec_version": "2.0"}, "state": {}}]
    assert not lifespan.error_occurred


def test_the_application_is_loaded_once() -> None:
    config = config_of(well_behaved, "on")
    LifespanOn(config)
    assert config.loaded
    loaded_app = config.loaded_app
    LifespanOn(config)
    assert config.loaded_app is loaded_app


async def test_auto_treats_an_exception_before_the_answer_as_unsupported(lines: Callable[[], list[str]]) -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"

    lifespan = await live(app, "auto")
    assert lines() == [STARTED[0], UNSUPPORTED, STARTED[1]]
    assert lifespan.error_occurred
    assert not lifespan.should_exit


async def test_auto_shows_the_exception_of_an_application_that_has_received(
    lines: Callable[[], list[str]], caplog: pytest.LogCaptureFixture
) -> None:
    lifespan = await live(script(RECEIVE, RuntimeError("the database is gone")), "auto")
    begun, warned, complete = lines()
    assert [begun, complete] == STARTED
    assert warned.startswith(
        "ASGI 'lifespan' protocol appears unsupported, or the startup of the application is broken."
    )
    assert "RuntimeError: the database is gone" in caplog.text
    assert [record.levelname for record in caplog.records if record.exc_info] == ["WARNING"]
    assert lifespan.error_occurred
    assert not lifespan.should_exit


async def test_on_treats_an_exception_before_the_answer_as_failure(
    lines: Callable[[], list[str]], caplog: pytest.LogCaptureFixture
) -> None:
    lifespan = await live(script(RuntimeError("no lifespan here")), "on")
    assert lines() == [STARTED[0], EXCEPTION, STARTUP_FAILED]
    assert "RuntimeError: no lifespan here" in caplog.text
    assert lifespan.error_occurred
    assert lifespan.should_exit


@BOTH_MODES
async def test_sys_exit_in_startup_is_a_failure(mode: str, lines: Callable[[], list[str]]) -> None:
    lifespan = await live(script(SystemExit(1)), mode)
    assert lines() == [STARTED[0], EXCEPTION, STARTUP_FAILED]
    assert lifespan.should_exit


@BOTH_MODES
@pytest.mark.parametrize("raises", [False, True])
@pytest.mark.parametrize("reason", ["the database is gone", ""])
async def test_startup_failed(mode: str, raises: bool, reason: str, lines: Callable[[], list[str]]) -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": reason})
        if raises:
            raise RuntimeError("reported already")

    lifespan = await live(app, mode)
    assert lifespan.startup_failed
    assert lifespan.should_exit
    assert lifespan.error_occurred is raises
    assert lines() == [STARTED[0], *filter(None, [reason]), STARTUP_FAILED]


@BOTH_MODES
@pytest.mark.parametrize("raises", [False, True])
async def test_shutdown_failed(mode: str, raises: bool, lines: Callable[[], list[str]]) -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.failed", "message": "100 % stuck"})
        if raises:
            raise RuntimeError("reported already")

    lifespan = await live(app, mode)
    assert lines() == [*STARTED, STOPPED[0], "100 % stuck", SHUTDOWN_FAILED]
    assert lifespan.shutdown_failed
    assert lifespan.should_exit
    assert lifespan.error_occurred is raises


@BOTH_MODES
async def test_an_exception_during_shutdown_is_a_failure(mode: str, lines: Callable[[], list[str]]) -> None:
    lifespan = await live(script(RECEIVE, "startup.complete", RECEIVE, RuntimeError("cannot stop")), mode)
    assert lines() == [*STARTED, STOPPED[0], EXCEPTION, SHUTDOWN_FAILED]
    assert lifespan.should_exit
    assert lifespan.error_occurred


@BOTH_MODES
async def test_an_exception_while_serving_is_logged_and_there_is_no_shutdown_event(
    mode: str, lines: Callable[[], list[str]]
) -> None:
    lifespan = lifespan_of(script(RECEIVE, "startup.complete", RuntimeError("died")), mode)
    await lifespan.startup()
    await lifespan.shutdown_event.wait()
    assert lifespan.error_occurred
    await lifespan.shutdown()
    assert not lifespan.should_exit
    assert sorted(lines()) == sorted([*STARTED, EXCEPTION])


@BOTH_MODES
async def test_an_application_that_returns_without_an_answer_is_served(
    mode: str, lines: Callable[[], list[str]]
) -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        return None

    lifespan = await live(app, mode)
    assert lines() == STARTED + STOPPED
    assert not lifespan.should_exit


@pytest.mark.parametrize(
    ("messages", "complaint"),
    [
        (
            ["lifespan.shutdown.complete"],
            "Expected ASGI message 'lifespan.startup.complete' or 'lifespan.startup.failed', "
            "but got 'lifespan.shutdown.complete'.",
        ),
        (
            ["lifespan.startup.complete", "lifespan.startup.complete"],
            "Expected ASGI message 'lifespan.shutdown.complete' or 'lifespan.shutdown.failed', "
            "but got 'lifespan.startup.complete'.",
        ),
        (
            ["lifespan.startup.complete", "lifespan.shutdown.complete", "lifespan.shutdown.failed"],
            "Unexpected ASGI message 'lifespan.shutdown.failed' sent, after the lifespan has ended.",
        ),
        (
            ["lifespan.startup.failed", "lifespan.startup.complete"],
            "Unexpected ASGI message 'lifespan.startup.complete' sent, after the lifespan has ended.",
        ),
    ],
)
async def test_a_message_out_of_turn_is_an_error_of_the_application(messages: list[str], complaint: str) -> None:
    complaints: list[str] = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        for message in messages[:-1]:
            await send({"type": message})
        with pytest.raises(RuntimeError) as raised:
            await send({"type": messages[-1]})
        complaints.append(str(raised.value))

    await live(app, "on")
    assert complaints == [complaint]


@pytest.mark.parametrize("started", [False, True])
async def test_a_lifespan_that_is_cancelled_ends_quietly(started: bool, lines: Callable[[], list[str]]) -> None:
    tasks: asyncio.Queue[Any] = asyncio.Queue()

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await receive()
        if started:
            await send({"type": "lifespan.startup.complete"})
        tasks.put_nowait(asyncio.current_task())
        await receive()

    lifespan = lifespan_of(app, "auto")
    starting = asyncio.ensure_future(lifespan.startup())
    task = await tasks.get()
    task.cancel()
    await asyncio.wait([task, starting])
    assert task.cancelled()
    await lifespan.shutdown()
    assert lifespan.error_occurred
    assert lifespan.should_exit is not started
    assert lines() == (STARTED if started else [STARTED[0], STARTUP_FAILED])


async def test_off_does_not_call_the_application(lines: Callable[[], list[str]]) -> None:
    lifespan = LifespanOff(config_of(well_behaved, "off"))
    await lifespan.startup()
    await lifespan.shutdown()
    assert not lifespan.should_exit
    assert not lifespan.error_occurred
    assert lifespan.state == {}
    assert lines() == []


@pytest.mark.parametrize("what", ["startup", "shutdown"])
async def test_an_application_that_takes_long(
    what: str, lines: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the server waits for the application, the log says so at intervals."""
    clock = itertools.count(100, 10)
    monkeypatch.setattr(lifespan_on, "REPORT_INTERVAL", 0.001)
    monkeypatch.setattr(lifespan_on, "monotonic", lambda: next(clock))
    report = f"Waiting for application {what} ({{}} s)."

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        for phase in ("startup", "shutdown"):
            await receive()
            if phase == what:
                await until(lambda: report.format(30) in lines())
            await send({"type": f"lifespan.{phase}.complete"})

    await live(app, "on")
    logged = lines()
    first = logged.index(report.format(10))
    assert logged[first : first + 3] == [report.format(10), report.format(20), report.format(30)]
    assert logged[first - 1] == f"Waiting for application {what}."
    assert f"Application {what} complete." in logged[first + 3 :]


def test_the_time_between_two_lines() -> None:
    assert lifespan_on.REPORT_INTERVAL == 10.0
