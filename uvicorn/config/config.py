"""The configuration of a server.

The command, `uvicorn.run` and other programs make a `Config`. `Server` and the supervisors read it. `Config(...)`
checks the options and sets up logging. `load` imports the application, chooses the protocol classes and sets `loaded`.
In a server with several processes, only the processes that serve call `load`.
"""

import contextlib
import logging
import os
import socket
import ssl
import sys
from asyncio import AbstractEventLoop
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Literal, NoReturn, cast

from uvicorn.config.reload_patterns import resolve_watched
from uvicorn.config.schema import Group
from uvicorn.config.table import (
    HTTP_PROTOCOLS,
    LIFESPAN,
    LOG_LEVELS,
    LOOP_FACTORIES,
    OPTIONS,
    WS_PROTOCOLS,
    Options,
)
from uvicorn.importer import (
    AppLoadingError,
    ImportFromStringError,
    check_interface,
    detect_interface,
    import_from_string,
    load_app,
)
from uvicorn.logging import TRACE_LOG_LEVEL, apply_log_config, format_access_log, format_log
from uvicorn.net.bind import Bind, binds_of, open_all

if TYPE_CHECKING:
    from pathlib import Path

    from uvicorn.logging import LogConfig
    from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
    from uvicorn.net.tls import Certificates

SSL_PROTOCOL_VERSION = OPTIONS["ssl_version"].default


class UvicornDeprecationWarning(UserWarning):
    """Other programs filter warnings by this class. The server itself does not issue such warnings."""


# The exit code if the server cannot start.
STARTUP_FAILURE = 3

# The loggers whose level --log-level sets.
LEVELLED_LOGGERS = ("uvicorn.error", "uvicorn.access", "uvicorn.asgi")
# Options that have no effect without another one.
COMPANIONS = {
    ("ssl_keyfile_password", "ssl_ca_certs", "ssl_ciphers", "ssl_cert_reqs", "ssl_min_version"): "ssl_certfile",
    ("limit_max_requests_jitter",): "limit_max_requests",
    ("worker_max_lifetime_jitter",): "worker_max_lifetime",
}
DEFAULT_WORKERS = 1
DEFAULT_FORWARDED_ALLOW_IPS = "127.0.0.1,::1"

logger = logging.getLogger("uvicorn.error")


def name_by_flag(message: str) -> str:
    """If a message begins with the name of an option, replace the name by the flag of the command line."""
    name, space, rest = message.partition(" ")
    if name not in OPTIONS or OPTIONS[name].group is Group.API:
        return message
    return f"{OPTIONS[name].flag_shown}{space}{rest}"


def exit_with_startup_failure(message: object) -> NoReturn:
    """Log why the server cannot start, and exit. The name of an option is replaced by its flag."""
    logger.error(name_by_flag(str(message)))
    sys.exit(STARTUP_FAILURE)


@contextlib.contextmanager
def _exit_with_loading_error() -> Iterator[None]:
    try:
        yield
    except AppLoadingError as exc:
        logger.error(exc, exc_info=exc.__cause__)
        sys.exit(STARTUP_FAILURE)


class Config(Options):
    """The configuration of a server.

    Args:
        app: the application, or its import string. It may be None until `load`.
        host, ...: the options of `uvicorn.config.table.Options`.

    Raises:
        OptionError: a value is not valid. It is a ValueError; for a wrong type it is also a TypeError.
        OSError: the file `log_config` cannot be read.
        ImportError: the library that reads this file is not installed.
    """

    # The types of options after the checks.
    host: str
    port: int
    uds: str | None
    bind: list[str]
    env_file: str | None
    log_config: "LogConfig | None"
    reload_dirs: "list[Path]"
    reload_dirs_excludes: "list[Path]"
    reload_includes: list[str]
    reload_excludes: list[str]
    workers: int
    forwarded_allow_ips: list[str] | str
    root_path: str
    timeout_keep_alive: float
    ssl_keyfile: str | list[str] | None
    ssl_certfile: str | list[str] | None
    ssl_ca_certs: str | None
    pid_file: str | None
    headers: list[tuple[str, str]]
    app_dir: str | None
    access_log_file: str | None
    metrics_buckets: tuple[float, ...]

    # Set by `load`.
    loaded_app: Any
    http_protocol_class: Any
    _ws_protocol_class: Any
    lifespan_class: Any

    def __post_init__(self) -> None:
        super().__post_init__()
        self.loaded = False
        self.ssl: ssl.SSLContext | None = None
        self.certificates: Certificates | None = None
        self.encoded_headers: list[tuple[bytes, bytes]] = []
        self.proxy_headers_middleware: ProxyHeadersMiddleware | None = None
        self.headers = self.headers or []
        self.configure_logging()
        if self.env_file is not None:
            _load_environment(self.env_file)
        # The environment file was loaded above, because it may set the following variables.
        if self.workers is None:
            # An empty variable counts as unset.
            self.workers = _from_environment("workers", "WEB_CONCURRENCY") or DEFAULT_WORKERS
        self.workers = self.workers or DEFAULT_WORKERS
        if self.forwarded_allow_ips is None:
            # An empty variable trusts no proxy.
            trusted = _from_environment("forwarded_allow_ips", "FORWARDED_ALLOW_IPS")
            self.forwarded_allow_ips = DEFAULT_FORWARDED_ALLOW_IPS if trusted is None else trusted
        self._check_addresses()
        self._check_companions()
        if self.app_dir is not None:
            sys.path.insert(0, self.app_dir)
        self._watch()

    @property
    def asgi_version(self) -> Literal["2.0", "3.0"]:
        """The version of ASGI that the application supports; known after `load`."""
        return "2.0" if self.interface == "asgi2" else "3.0"

    @property
    def is_ssl(self) -> bool:
        """Whether the server uses TLS."""
        return bool(self.ssl_keyfile or self.ssl_certfile or self.ssl_context_factory)

    @property
    def should_reload(self) -> bool:
        """Whether the server reloads when a file changes."""
        return isinstance(self.app, str) and self.reload

    @property
    def use_subprocess(self) -> bool:
        """Whether the application runs in child processes."""
        return bool(self.reload or self.workers > 1 or self.worker_max_lifetime or self.worker_max_rss)

    def configure_logging(self) -> None:
        """Set up logging by the options. Each child process calls this again."""
        logging.addLevelName(TRACE_LOG_LEVEL, "TRACE")
        if self.log_config is not None:
            apply_log_config(self.log_config, self.use_colors)
        if self.log_level is not None:
            level = LOG_LEVELS[self.log_level] if isinstance(self.log_level, str) else self.log_level
            for name in LEVELLED_LOGGERS:
                logging.getLogger(name).setLevel(level)
        if self.log_format != "default":
            format_log(self.log_format, self.use_colors)
        if self.access_log_file is not None or self.access_log_format != "default":
            format_access_log(self.access_log_format, self.access_log_file, self.use_colors)
        if not self.access_log:
            access_logger = logging.getLogger("uvicorn.access")
            access_logger.handlers = []
            access_logger.propagate = False

    def _check_addresses(self) -> None:
        self.bind = self.bind or []
        single = {name: getattr(self, name) for name in ("host", "port", "uds", "fd")}
        given = {name for name, value in single.items() if value != OPTIONS[name].default}
        if self.bind:
            if given:
                logger.warning("--host, --port, --uds and --fd have no effect beside --bind.")
        elif self.uds is not None:
            if given > {"uds"}:
                logger.warning("--host, --port and --fd have no effect beside --uds.")
        elif given > {"fd"}:
            logger.warning("--host and --port have no effect beside --fd.")

    def _check_companions(self) -> None:
        """Warn about options that have no effect, because an option that they need is not set."""
        for names, needed in COMPANIONS.items():
            given = [name for name in names if getattr(self, name) != OPTIONS[name].default]
            if given and not getattr(self, needed) and not (needed == "ssl_certfile" and self.is_ssl):
                flags = " and ".join(OPTIONS[name].flag_shown for name in given)
                verb = "has" if len(given) == 1 else "have"
                logger.warning("%s %s no effect without %s.", flags, verb, OPTIONS[needed].flag_shown)
        if self.limit_concurrency == 0:
            logger.warning("--limit-concurrency 0 answers each request with 503. Leave the option out for no limit.")
        if self.ssl_certfile and self.ssl_cert_reqs != ssl.CERT_NONE and not self.ssl_ca_certs:
            logger.warning("Each client certificate is refused without --ssl-ca-certs, which names the authorities.")

    def _watch(self) -> None:
        asked = (self.reload_dirs, self.reload_includes, self.reload_excludes)
        if not self.should_reload and any(asked):
            logger.warning("The options for reloading have no effect, since reloading is off.")
        watched = resolve_watched(*asked) if self.should_reload else ([], [], [], [])
        self.reload_dirs, self.reload_dirs_excludes, self.reload_includes, self.reload_excludes = watched

    @property
    def ws_protocol_class(self) -> Any:
        """The class of WebSocket connections, after `load`. None if WebSockets are refused.

        The class of `auto` is imported at the first handshake. The import would take a quarter of the time of a start,
        and most servers have no WebSockets.
        """
        if isinstance(self._ws_protocol_class, str):
            self._ws_protocol_class = import_from_string(self._ws_protocol_class)
        return self._ws_protocol_class

    @ws_protocol_class.setter
    def ws_protocol_class(self, value: Any) -> None:
        self._ws_protocol_class = value

    @property
    def has_http2_websockets(self) -> bool:
        """Whether the class of WebSocket connections supports HTTP/2. The class is not imported to find out."""
        ws_protocol_class = self._ws_protocol_class
        return isinstance(ws_protocol_class, str) or hasattr(ws_protocol_class, "handle_upgrade")

    def load(self) -> None:
        """Make the TLS context, pick the classes and load the application.

        Raises:
            SystemExit: something cannot be loaded; the reason was logged.
            OptionTypeError: `ssl_context_factory` does not return a context.
            Exception: any exception of the module or the factory of the user.
        """
        if self.is_ssl:
            try:
                self._load_certificates()
            except OSError as exc:
                exit_with_startup_failure(exc)
        encoded = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in self.headers]
        if self.server_header and b"server" not in dict(encoded):
            encoded.insert(0, (b"server", b"uvicorn"))
        self.encoded_headers = encoded
        self.http_protocol_class = self._import("http", HTTP_PROTOCOLS)
        if self.http2:
            self._warn_of_hooks()
        self.ws_protocol_class = WS_PROTOCOLS["auto"] if self.ws == "auto" else self._import("ws", WS_PROTOCOLS)
        self.lifespan_class = import_from_string(LIFESPAN[self.lifespan])
        self.loaded_app = self.load_app()
        if self.interface == "auto":
            self.interface = detect_interface(self.loaded_app)
        with _exit_with_loading_error():
            check_interface(self.loaded_app, self.interface)
        self._wrap_app()
        self.loaded = True

    def _load_certificates(self) -> None:
        from uvicorn.net.tls import Certificates, load_ssl_context

        if self.ssl_context_factory is None:
            # The supervisor of several workers may have made the context already.
            self.certificates = Certificates(self, self.ssl)
            self.ssl = self.certificates.context
        else:
            self.ssl = load_ssl_context(self)

    def __getstate__(self) -> dict[str, Any]:
        """The state to pickle for a child process. The child loads its certificates itself."""
        return {**self.__dict__, "ssl": None, "certificates": None}

    def _warn_of_hooks(self) -> None:
        """Warn if a class has hooks, because requests over HTTP/2 do not call them. A hook may be a security check."""
        from uvicorn.protocols.http.hooks import find_overridden

        names = find_overridden(self.http_protocol_class)
        if names:
            message = "Requests over HTTP/2 do not call %s of %s; only those over HTTP/1.1 do."
            logger.warning(message, ", ".join(names), self.http_protocol_class.__name__)

    def load_app(self) -> Any:
        """Import the application, and call it if it is a factory.

        Raises:
            SystemExit, Exception: as for `load`.
        """
        with _exit_with_loading_error():
            return load_app(self.app, self.factory)

    def get_loop_factory(self) -> Callable[[], AbstractEventLoop] | None:
        """Return the callable that makes the event loop; None if asyncio should make it.

        Raises:
            SystemExit: the callable cannot be imported; the reason was logged.
        """
        factory = self._import("loop", LOOP_FACTORIES)
        if factory is not None and not callable(factory):
            exit_with_startup_failure(f"Error loading --loop {self.loop}. It cannot be called to make an event loop.")
        if isinstance(self.loop, str) and self.loop in LOOP_FACTORIES and factory is not None:
            factory = factory(use_subprocess=self.use_subprocess)
        return cast("Callable[[], AbstractEventLoop] | None", factory)

    def bind_socket(self) -> socket.socket:
        """Bind to one address: the first of `--bind`, and the first address of a host name.

        Returns:
            The socket. Child processes may inherit it.

        Raises:
            SystemExit: the address cannot be bound; the reason was logged.
        """
        bind = binds_of(self)[0]
        try:
            sock = bind.open_first()
        except OSError as exc:
            exit_with_startup_failure(exc)
        bind.log_running(self.is_ssl)
        sock.set_inheritable(True)
        return sock

    def open_binds(self) -> list[Bind]:
        """Bind to all addresses: all of `--bind`, and all addresses of a host name. The caller has to close them.

        Raises:
            SystemExit: an address cannot be bound; the reason was logged.
        """
        first, *others = binds = binds_of(self)
        first.adopt(self.bind_socket())
        try:
            open_all(binds)
        except OSError as exc:
            exit_with_startup_failure(exc)
        for bind in others:
            bind.log_running(self.is_ssl)
        for bind in binds:
            for sock in bind.sockets:
                sock.set_inheritable(True)
        return binds

    def _import(self, name: Literal["http", "ws", "loop"], choices: dict[str, Any]) -> Any:
        asked = getattr(self, name)
        try:
            return import_from_string(choices.get(asked, asked) if isinstance(asked, str) else asked)
        except ImportFromStringError as exc:
            kind = OPTIONS[name].kind
            reason = (
                f"{exc} {exc.hint}".rstrip()
                if ":" in asked
                else f"It must be {kind.expected}. {kind.hint(asked)}".rstrip()
            )
            exit_with_startup_failure(f"Error loading --{name} {asked}. {reason}")
        except ImportError as exc:
            if asked not in choices:  # The error is in a module of the user, and is shown with its traceback.
                raise
            library = (exc.name or asked).partition(".")[0]
            exit_with_startup_failure(f"Error loading --{name} {asked}. {exc}. To install it: pip install {library}")

    def _wrap_app(self) -> None:
        if self.interface == "wsgi":
            from uvicorn.middleware.wsgi import WSGIMiddleware

            self.loaded_app = WSGIMiddleware(self.loaded_app)
            self.ws_protocol_class = None
        elif self.interface == "asgi2":
            from uvicorn.middleware.asgi2 import ASGI2Middleware

            self.loaded_app = ASGI2Middleware(self.loaded_app)
        if logger.getEffectiveLevel() <= TRACE_LOG_LEVEL:
            from uvicorn.middleware.message_logger import MessageLoggerMiddleware

            self.loaded_app = MessageLoggerMiddleware(self.loaded_app)
        if self.proxy_headers and self.forwarded_header != "none":
            from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

            middleware = ProxyHeadersMiddleware(self.loaded_app, self.forwarded_allow_ips, self.forwarded_header)
            self.loaded_app = middleware
            if self.forwarded_header is None:
                # Connections call the middleware only for requests that have one of its two header fields.
                self.proxy_headers_middleware = middleware


def _load_environment(path: str) -> None:
    try:
        from dotenv import load_dotenv
    except ImportError:
        raise ImportError("env_file needs python-dotenv: pip install python-dotenv") from None
    logger.info("Loading environment from '%s'", path)
    if not os.path.isfile(path):
        logger.warning("The environment file '%s' does not exist, and nothing is loaded from it.", path)
    load_dotenv(dotenv_path=path)


def _from_environment(name: str, variable: str) -> Any:
    """The value of an option in an environment variable. None if the variable is not set, "" if it is empty."""
    text = os.environ.get(variable)
    return OPTIONS[name].check(text, f"${variable}") if text else text
