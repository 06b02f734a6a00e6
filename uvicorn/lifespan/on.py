"""The server side of the ASGI lifespan protocol.

`Server.startup` and `Server.shutdown` call it, and wait for the application. The application runs in a task of its own.

    phase    the application has to send                          next phase
    STARTUP  lifespan.startup.complete or .startup.failed         RUNNING, ENDED
    RUNNING  after it has received lifespan.shutdown:             ENDED
             lifespan.shutdown.complete or .shutdown.failed
    ENDED    nothing: a message raises RuntimeError
"""

from __future__ import annotations

import asyncio
import enum
import logging
from time import monotonic
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from uvicorn._types import ASGI3Application, ASGISendEvent, LifespanReceiveMessage, LifespanScope
    from uvicorn.config import Config


# Seconds between log lines that say that we still wait for the application.
REPORT_INTERVAL = 10.0


class _Phase(enum.Enum):
    STARTUP = enum.auto()
    RUNNING = enum.auto()
    ENDED = enum.auto()


# For each phase: the messages that the application may send, also before it has received the event, and the next phase.
_ANSWERS = {
    _Phase.STARTUP: {
        "lifespan.startup.complete": _Phase.RUNNING,
        "lifespan.startup.failed": _Phase.ENDED,
    },
    _Phase.RUNNING: {
        "lifespan.shutdown.complete": _Phase.ENDED,
        "lifespan.shutdown.failed": _Phase.ENDED,
    },
    _Phase.ENDED: {},
}


class LifespanOn:
    """The lifespan of an application.

    With `--lifespan auto`, an exception before `lifespan.startup.complete` means that the application does not support
    the protocol (ASGI lifespan specification, "Startup"). With `--lifespan on`, the exception is an error.

    Args:
        config: the config; it is loaded if it was not.

    Attributes:
        state: the state that the application fills; each scope gets a shallow copy.
        should_exit: whether startup or shutdown has failed.
        error_occurred: whether the application has raised an exception.
    """

    def __init__(self, config: Config) -> None:
        if not config.loaded:
            config.load()
        self.config = config
        self.logger = logging.getLogger("uvicorn.error")
        self.startup_event = asyncio.Event()
        self.shutdown_event = asyncio.Event()
        self.receive_queue: asyncio.Queue[LifespanReceiveMessage] = asyncio.Queue()
        self.error_occurred = False
        self.startup_failed = False
        self.shutdown_failed = False
        self.should_exit = False
        self.state: dict[str, Any] = {}
        self._received = False
        self._phase = _Phase.STARTUP
        # A reference is needed, because the event loop has only weak references to tasks.
        self._task: asyncio.Task[None] | None = None

    async def startup(self) -> None:
        """Send the application `lifespan.startup`, and wait for its answer."""
        self.logger.info("Waiting for application startup.")
        self._task = asyncio.get_running_loop().create_task(self.main())
        self.receive_queue.put_nowait({"type": "lifespan.startup"})
        await self._wait(self.startup_event, "startup")
        if self.startup_failed:
            self.logger.error("Application startup failed. Exiting.")
            self.should_exit = True
        else:
            self.logger.info("Application startup complete.")

    async def shutdown(self) -> None:
        """Send `lifespan.shutdown`, and wait for the answer. Nothing is done if the application has failed."""
        if self.error_occurred or self.startup_failed:
            return
        self.logger.info("Waiting for application shutdown.")
        self.receive_queue.put_nowait({"type": "lifespan.shutdown"})
        await self._wait(self.shutdown_event, "shutdown")
        if self.shutdown_failed:
            self.logger.error("Application shutdown failed. Exiting.")
            self.should_exit = True
        else:
            self.logger.info("Application shutdown complete.")

    async def _wait(self, event: asyncio.Event, what: str) -> None:
        """Wait for the application. Log every 10 seconds that it has not answered."""
        began = monotonic()
        answer = asyncio.ensure_future(event.wait())
        try:
            while not (await asyncio.wait({answer}, timeout=REPORT_INTERVAL))[0]:
                self.logger.info("Waiting for application %s (%d s).", what, monotonic() - began)
        finally:
            answer.cancel()

    async def main(self) -> None:
        """Run the application to its end."""
        scope: LifespanScope = {
            "type": "lifespan",
            "asgi": {"version": self.config.asgi_version, "spec_version": "2.0"},
            "state": self.state,
        }
        app: ASGI3Application = self.config.loaded_app
        try:
            await app(scope, self.receive, self.send)
        except asyncio.CancelledError:
            self._fail()  # The server does not wait for the application.
            raise
        except BaseException as exc:
            self._on_exception(exc)
        finally:
            self._phase = _Phase.ENDED
            self.startup_event.set()
            self.shutdown_event.set()

    def _on_exception(self, exc: BaseException) -> None:
        if self.startup_failed or self.shutdown_failed:
            # The application has sent its reason already; frameworks raise the exception again after that.
            self.error_occurred = True
        elif self._phase is _Phase.STARTUP and self.config.lifespan == "auto" and isinstance(exc, Exception):
            self.error_occurred = True
            if not self._received:
                self.logger.info("ASGI 'lifespan' protocol appears unsupported.")
            else:  # An application that does not support the protocol would not have received an event.
                self.logger.warning(
                    "ASGI 'lifespan' protocol appears unsupported, or the startup of the application is broken. It is "
                    "served without lifespan events; with --lifespan on, the server would not start.",
                    exc_info=exc,
                )
        else:
            # SystemExit also comes here: it never means that the protocol is not supported.
            self._fail()
            self.logger.error("Exception in 'lifespan' protocol", exc_info=exc)

    def _fail(self) -> None:
        self.error_occurred = True
        if self._phase is _Phase.STARTUP:
            self.startup_failed = True
        else:
            self.shutdown_failed = True

    async def receive(self) -> LifespanReceiveMessage:
        """The ASGI callable `receive`."""
        self._received = True
        return await self.receive_queue.get()

    async def send(self, message: ASGISendEvent) -> None:
        """The ASGI callable `send`. Raises RuntimeError for a message that is not allowed now."""
        kind = message["type"]
        answers = _ANSWERS[self._phase]
        if kind not in answers:
            raise RuntimeError(self._unexpected(kind))
        self._phase = answers[kind]
        reason = message.get("message")
        if reason:
            self.logger.error(reason)
        failed = kind.endswith("failed")
        if kind.startswith("lifespan.startup"):
            self.startup_failed = failed
            self.startup_event.set()
        else:
            self.shutdown_failed = failed
            self.shutdown_event.set()

    def _unexpected(self, kind: str) -> str:
        if self._phase is _Phase.ENDED:
            return f"Unexpected ASGI message '{kind}' sent, after the lifespan has ended."
        expected = " or ".join(f"'{answer}'" for answer in _ANSWERS[self._phase])
        return f"Expected ASGI message {expected}, but got '{kind}'."
