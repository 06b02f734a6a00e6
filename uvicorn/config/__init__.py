"""`Config`, the table of options that it is made from, and what programs import along with it."""

from typing import TYPE_CHECKING, Any

from uvicorn.config.config import (
    SSL_PROTOCOL_VERSION,
    STARTUP_FAILURE,
    Config,
    UvicornDeprecationWarning,
    logger,
)
from uvicorn.config.reload_patterns import is_dir, resolve_reload_patterns
from uvicorn.config.table import (
    HTTP_PROTOCOLS,
    INTERFACES,
    LIFESPAN,
    LOG_LEVELS,
    LOOP_FACTORIES,
    WS_PROTOCOLS,
    HTTPProtocolType,
    InterfaceType,
    LifespanType,
    LoopFactoryType,
    WSProtocolType,
)
from uvicorn.logging import LOGGING_CONFIG

if TYPE_CHECKING:
    from uvicorn.net.tls import create_ssl_context

__all__ = [
    "HTTP_PROTOCOLS",
    "INTERFACES",
    "LIFESPAN",
    "LOGGING_CONFIG",
    "LOG_LEVELS",
    "LOOP_FACTORIES",
    "SSL_PROTOCOL_VERSION",
    "STARTUP_FAILURE",
    "WS_PROTOCOLS",
    "Config",
    "HTTPProtocolType",
    "InterfaceType",
    "LifespanType",
    "LoopFactoryType",
    "UvicornDeprecationWarning",
    "WSProtocolType",
    "create_ssl_context",
    "is_dir",
    "logger",
    "resolve_reload_patterns",
]


def __getattr__(name: str) -> Any:
    if name == "create_ssl_context":  # Imported when it is used: most servers have no TLS.
        from uvicorn.net.tls import create_ssl_context

        return create_ssl_context
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
