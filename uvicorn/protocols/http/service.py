"""What the connections of one protocol class share. It is made for the first connection of the class."""

import contextvars
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.exchange import raising
from uvicorn.protocols.http.hooks import is_overridden
from uvicorn.protocols.tasks import get_scheduler, is_coroutine_function

if TYPE_CHECKING:
    from asyncio import Task

    from uvicorn.config import Config

# The longest time, in seconds, that one connection may be served before it is the turn of the others.
PASS_SECONDS = 0.002


def request_limits(config: "Config") -> tuple[int, int, int, int]:
    """The limits for `RequestReader`.

    Returns:
        The bytes of a request line, the number of fields, the bytes of a head, and the bytes of a body (-1: no limit).
    """
    limit_body = config.limit_request_body
    return (
        config.limit_request_line,
        config.limit_request_fields,
        config.limit_request_head,
        -1 if limit_body is None else limit_body,
    )


class Service:
    """What the connections of one class share, on one server and one event loop.

    Args:
        http: the first connection.
        cycle_class: the class of the exchanges.

    Attributes:
        scheduler: the scheduler of the loop.
        new_cycle: makes an exchange.
        observers: the functions that are called at the end of each exchange; None without observers.
        make_task: makes the task of an application.
        middleware: the middleware for the header fields of proxies, or None.
        app: the application without that middleware.
        is_eager: whether `app` is called directly, in a task that begins at once.
        context: the context in which applications of waiting requests are started.
        limits: the limits of requests, as `request_limits` returns them.
        timeout_keep_alive: seconds.
    """

    def __init__(self, http: Any, cycle_class: Any) -> None:
        config: Config = http.config
        self.config = config
        if config.asgi_http_version == "2.4":
            cycle_class = raising(cycle_class)
        self.new_cycle: Callable[[], Any] = cycle_class
        self.observers = http.server_state.observers or None
        self.scheduler = get_scheduler(http.server_state, http.loop)
        self._calls_run_asgi = is_overridden(cycle_class, "run_asgi")
        if self._calls_run_asgi and not config.reset_contextvars:
            self.make_task: Callable[[Any], Task[Any]] = self.scheduler.loop.create_task
        else:
            self.make_task = self.scheduler.get_task_maker(config.reset_contextvars)
        self.middleware = config.proxy_headers_middleware
        self.app: Any = config.loaded_app
        if self.middleware is not None and self.app is self.middleware:
            self.app = self.middleware.app
        self.is_eager = self.starts_at_once(self.app)
        # A waiting request must not be started in the context of the request before it.
        self.context = contextvars.copy_context()
        self.limits = request_limits(config)
        self.timeout_keep_alive = float(config.timeout_keep_alive)

    def starts_at_once(self, app: Any) -> bool:
        """Whether an application can be called outside of its task."""
        return not self._calls_run_asgi and self.scheduler.is_eager(self.make_task) and is_coroutine_function(app)


def get_service(http: Any, make: Callable[[Any], Any]) -> Any:
    """Get the service for a connection.

    Args:
        http: the connection.
        make: makes the service, if this is the first connection of its class.
    """
    services = http.server_state.services
    key = (type(http), http.loop)
    service = services.get(key)
    if service is None or service.config is not http.config:
        service = services[key] = make(http)
    return service
