"""The table of options, from which the command line, `run()`, `Config` and docs/settings.md are made.

A row has the default, the kind of value, the group and the help. To add an option, add a row. A new kind of value goes
to `uvicorn.config.kinds`.
"""

import logging
import ssl
from asyncio import AbstractEventLoop, Protocol
from collections.abc import Callable, MutableMapping, Sequence
from typing import IO, Any, Literal

from uvicorn.config.kinds import (
    INT_MAX,
    AccessLogFormat,
    Address,
    Buckets,
    Bytes,
    Callback,
    Choice,
    ChoiceOrImport,
    ExistingDirectory,
    ExistingFile,
    FileMode,
    Flag,
    Header,
    Host,
    Integer,
    LogConfig,
    LogFormat,
    LogLevel,
    Loop,
    Password,
    Path,
    Pattern,
    Seconds,
    SSLCertReqs,
    SSLCiphers,
    SSLMinVersion,
    SSLVersion,
    Text,
    TrustedHosts,
    Version,
)
from uvicorn.config.reload_patterns import DEFAULT_EXCLUDES, DEFAULT_INCLUDES, FilePath
from uvicorn.config.schema import Form, Group, OptionTable, declare, declare_options
from uvicorn.logging import LOGGING_CONFIG, TRACE_LOG_LEVEL

HTTPProtocolType = Literal["auto", "h11", "httptools"]
WSProtocolType = Literal["auto", "none", "builtin", "websockets", "websockets-sansio", "wsproto"]
LifespanType = Literal["auto", "on", "off"]
LoopFactoryType = Literal["none", "auto", "asyncio", "uvloop"]
InterfaceType = Literal["auto", "asgi3", "asgi2", "wsgi"]
HTTPSpecVersion = Literal["2.3", "2.4"]
ForwardedHeaderType = Literal["x-forwarded", "forwarded", "none"]

HTTP_PROTOCOLS: dict[str, str] = {
    "auto": "uvicorn.protocols.http.auto:AutoHTTPProtocol",
    "h11": "uvicorn.protocols.http.h11_impl:H11Protocol",
    "httptools": "uvicorn.protocols.http.httptools_impl:HttpToolsProtocol",
}
WS_PROTOCOLS: dict[str, str | None] = {
    "auto": "uvicorn.protocols.websockets.auto:AutoWebSocketsProtocol",
    "none": None,
    "builtin": "uvicorn.protocols.websockets.builtin_impl:BuiltinWebSocketProtocol",
    "websockets": "uvicorn.protocols.websockets.websockets_impl:WebSocketProtocol",
    "websockets-sansio": "uvicorn.protocols.websockets.websockets_sansio_impl:WebSocketsSansIOProtocol",
    "wsproto": "uvicorn.protocols.websockets.wsproto_impl:WSProtocol",
}
LIFESPAN: dict[str, str] = {
    "auto": "uvicorn.lifespan.on:LifespanOn",
    "on": "uvicorn.lifespan.on:LifespanOn",
    "off": "uvicorn.lifespan.off:LifespanOff",
}
LOOP_FACTORIES: dict[str, str | None] = {
    "none": None,
    "auto": "uvicorn.loops.auto:auto_loop_factory",
    "asyncio": "uvicorn.loops.asyncio:asyncio_loop_factory",
    "uvloop": "uvicorn.loops.uvloop:uvloop_loop_factory",
}
INTERFACES: list[InterfaceType] = ["auto", "asgi3", "asgi2", "wsgi"]

HTTP_SPEC_VERSIONS: list[HTTPSpecVersion] = ["2.3", "2.4"]
FORWARDED_HEADERS: list[ForwardedHeaderType] = ["x-forwarded", "forwarded", "none"]

LOG_LEVELS: dict[str, int] = {
    "critical": logging.CRITICAL,
    "error": logging.ERROR,
    "warning": logging.WARNING,
    "info": logging.INFO,
    "debug": logging.DEBUG,
    "trace": TRACE_LOG_LEVEL,
}

# Choices of uvicorn 0.54 that this server does not have, and what to use instead.
NO_ZTTP = "zttp is a choice of uvicorn 0.54 that is not here; 'auto' picks the fastest parser that is installed."
NO_ZUVLOOP = "zuvloop is a choice of uvicorn 0.54 that is not here; 'auto' picks uvloop if it is installed."


@declare_options
class Options(OptionTable):
    """Every option, in the order of `Config`'s positional arguments."""

    app: Any
    host: str | None = declare(
        "127.0.0.1", Host(), Group.ADDRESS, "Bind to this host; an empty one means all interfaces."
    )
    port: int | None = declare(8000, Integer(0, 65535), Group.ADDRESS, "Bind to this port; 0 means any free port.")
    uds: FilePath | None = declare(None, Path(), Group.ADDRESS, "Bind to a unix socket, which is removed at exit.")
    fd: int | None = declare(
        None, Integer(0, INT_MAX), Group.ADDRESS, "Serve the inherited listening socket with this descriptor."
    )
    loop: LoopFactoryType | str | Callable[[], AbstractEventLoop] | Any = declare(
        "auto",
        Loop(LOOP_FACTORIES, "factory", ["none"], {"zuvloop": NO_ZUVLOOP}),
        Group.IMPLEMENTATION,
        "The event loop.",
    )
    http: HTTPProtocolType | str | type[Protocol] = declare(
        "auto",
        ChoiceOrImport(HTTP_PROTOCOLS, "Class", absent={"zttp": NO_ZTTP}),
        Group.IMPLEMENTATION,
        "The HTTP protocol.",
    )
    http2: bool = declare(
        False, Flag(), Group.IMPLEMENTATION, "Also speak HTTP/2 with clients that ask for it.", Form.ON_OFF
    )
    ws: WSProtocolType | str | type[Protocol] | None = declare(
        "auto", ChoiceOrImport(WS_PROTOCOLS, "Class", ["none"]), Group.IMPLEMENTATION, "The WebSocket protocol."
    )
    ws_max_size: int | None = declare(
        16 * 1024 * 1024,
        Integer(0, unit="bytes", zero="no limit"),
        Group.WEBSOCKET,
        "Largest message in bytes; a longer one is refused.",
    )
    ws_max_queue: int | None = declare(
        32,
        Integer(0, zero="no limit"),
        Group.WEBSOCKET,
        "Stop reading while this many messages wait for APP.",
    )
    ws_ping_interval: float | None = declare(
        20.0, Seconds(zero_is_off=True), Group.WEBSOCKET, "Seconds between pings; 0 turns them off."
    )
    ws_ping_timeout: float | None = declare(
        20.0, Seconds(zero_is_off=True), Group.WEBSOCKET, "Seconds to wait for the answer to a ping; 0 means no limit."
    )
    ws_per_message_deflate: bool = declare(True, Flag(), Group.WEBSOCKET, "Whether compression may be negotiated.")
    lifespan: LifespanType = declare(
        "auto", Choice(LIFESPAN), Group.APPLICATION, "Whether APP handles lifespan events; auto tries it."
    )
    env_file: FilePath | None = declare(
        None, ExistingFile(), Group.APPLICATION, "Load the environment from this file (needs python-dotenv)."
    )
    log_config: MutableMapping[str, Any] | FilePath | IO[Any] | None = declare(
        LOGGING_CONFIG,
        LogConfig(),
        Group.LOGGING,
        "Logging configuration: a .json or .yaml file, or one in the format of Python's fileConfig.",
        shown="built in",
    )
    log_level: str | int | None = declare(
        None, LogLevel(LOG_LEVELS), Group.LOGGING, "Log messages of this level and above.", shown="info"
    )
    access_log: bool = declare(True, Flag(), Group.LOGGING, "Log each request.", Form.ON_OFF)
    use_colors: bool | None = declare(
        None,
        Flag(),
        Group.LOGGING,
        "Write the log in colours.",
        Form.ON_OFF,
        shown="on a terminal, unless NO_COLOR is set",
    )
    interface: InterfaceType = declare(
        "auto", Choice(INTERFACES), Group.APPLICATION, "The interface that APP is written for; auto looks at APP."
    )
    reload: bool = declare(False, Flag(), Group.RELOAD, "Restart when a file changes.", Form.ON)
    reload_dirs: Sequence[FilePath] | FilePath | None = declare(
        None,
        ExistingDirectory(),
        Group.RELOAD,
        "Watch this directory. Can be repeated.",
        Form.MANY,
        flag="--reload-dir",
        shown="the current directory",
    )
    reload_delay: float = declare(0.25, Seconds(), Group.RELOAD, "Seconds between checks of the files.")
    reload_includes: Sequence[FilePath] | FilePath | None = declare(
        None,
        Pattern(),
        Group.RELOAD,
        "Also watch files that match this pattern (needs watchfiles). Can be repeated.",
        Form.MANY,
        flag="--reload-include",
        shown=", ".join(DEFAULT_INCLUDES),
    )
    reload_excludes: Sequence[FilePath] | FilePath | None = declare(
        None,
        Pattern(),
        Group.RELOAD,
        "Do not watch files that match this pattern (needs watchfiles). Can be repeated.",
        Form.MANY,
        flag="--reload-exclude",
        shown=", ".join(DEFAULT_EXCLUDES),
    )
    workers: int | None = declare(
        None,
        Integer(0),
        Group.PROCESSES,
        "Number of worker processes; 0 means 1. Ignored with --reload.",
        shown="$WEB_CONCURRENCY, else 1",
    )
    proxy_headers: bool = declare(
        True,
        Flag(),
        Group.PROXY,
        "Take the scheme and the client's address from X-Forwarded-Proto and X-Forwarded-For.",
        Form.ON_OFF,
    )
    server_header: bool = declare(True, Flag(), Group.HTTP, "Send the Server header.", Form.ON_OFF)
    date_header: bool = declare(True, Flag(), Group.HTTP, "Send the Date header.", Form.ON_OFF)
    forwarded_allow_ips: list[str] | str | None = declare(
        None,
        TrustedHosts(),
        Group.PROXY,
        "Comma-separated addresses, CIDR networks and literals of the proxies that are trusted; unix trusts the peers "
        "of unix sockets, * trusts all.",
        shown="$FORWARDED_ALLOW_IPS, else 127.0.0.1,::1",
    )
    root_path: str | None = declare("", Text(), Group.APPLICATION, "The path under which a proxy has mounted APP.")
    limit_concurrency: int | None = declare(
        None, Integer(0), Group.LIMITS, "Answer 503 while this many connections are open or requests are running."
    )
    limit_max_requests: int | None = declare(
        None,
        Integer(0, zero="no limit"),
        Group.LIMITS,
        "End the process after this many requests; the supervisor replaces a worker.",
    )
    limit_max_requests_jitter: int = declare(
        0, Integer(0), Group.LIMITS, "Add a random number of requests, up to this one, to --limit-max-requests."
    )
    backlog: int = declare(2048, Integer(0, INT_MAX), Group.LIMITS, "Connections that may wait to be accepted.")
    timeout_keep_alive: float | None = declare(
        5, Seconds(), Group.TIMEOUTS, "Seconds after which an idle connection is closed."
    )
    timeout_notify: float = declare(30, Seconds(zero=False), Group.API, "Seconds between calls of callback_notify.")
    timeout_graceful_shutdown: float | None = declare(
        None, Seconds(), Group.TIMEOUTS, "Seconds that running requests may take at shutdown; no limit by default."
    )
    timeout_worker_healthcheck: float = declare(
        5, Seconds(zero=False), Group.TIMEOUTS, "Seconds after which a worker that does not answer is replaced."
    )
    callback_notify: Callable[..., Any] | None = declare(
        None, Callback("an async function without arguments"), Group.API, "Called regularly while the server runs."
    )
    ssl_keyfile: FilePath | Sequence[FilePath] | None = declare(
        None,
        ExistingFile(),
        Group.TLS,
        "The private key, in PEM format. Can be repeated, once for each certificate.",
        Form.ONE_OR_MANY,
    )
    ssl_certfile: FilePath | Sequence[FilePath] | None = declare(
        None,
        ExistingFile(),
        Group.TLS,
        "The certificate chain, in PEM format; it may hold the key too. Can be repeated, for several names.",
        Form.ONE_OR_MANY,
    )
    ssl_keyfile_password: Any = declare(None, Password(), Group.TLS, "The password of the private key.")
    ssl_version: int = declare(
        int(ssl.PROTOCOL_TLS_SERVER), SSLVersion(), Group.TLS, "The protocol, a number of Python's ssl.PROTOCOL_*."
    )
    ssl_cert_reqs: int = declare(
        int(ssl.CERT_NONE), SSLCertReqs(), Group.TLS, "Client certificates: 0 none, 1 optional, 2 required."
    )
    ssl_ca_certs: FilePath | None = declare(
        None, ExistingFile(), Group.TLS, "The authorities that client certificates are verified against, in PEM format."
    )
    ssl_ciphers: str | None = declare(None, SSLCiphers(), Group.TLS, "The ciphers to use.", shown="OpenSSL's")
    ssl_context_factory: Callable[[Any, Callable[[], ssl.SSLContext]], ssl.SSLContext] | None = declare(
        None,
        Callback("a callable of (config, default_factory) that returns an ssl.SSLContext"),
        Group.API,
        "Returns the TLS context; default_factory() returns the one that the other options describe.",
    )
    headers: list[tuple[str, str]] | None = declare(
        None, Header(), Group.HTTP, "Send this header with every response. Can be repeated.", Form.MANY,
        flag="--header",
    )  # fmt: skip
    factory: bool = declare(
        False, Flag(), Group.APPLICATION, "APP is a callable without arguments that returns the application.", Form.ON
    )
    h11_max_incomplete_event_size: int | None = declare(
        None,
        Integer(1, unit="bytes"),
        Group.LIMITS,
        "Bytes of the head of a request with --http h11.",
        shown="--limit-request-head",
    )
    reset_contextvars: bool = declare(
        False, Flag(), Group.APPLICATION, "Run each request in an empty contextvars.Context.", Form.ON
    )
    app_dir: FilePath | None = declare(
        None,
        ExistingDirectory(),
        Group.APPLICATION,
        "Import APP from this directory first: it becomes the first entry of Python's module path.",
        shown="the current directory",
        command_line_default="",
    )
    limit_request_line: int = declare(
        65536, Integer(1, unit="bytes"), Group.LIMITS, "Bytes of a request line; a longer one is answered with 414."
    )
    limit_request_fields: int = declare(
        256, Integer(1), Group.LIMITS, "Header fields of a request; more are answered with 431."
    )
    limit_request_head: int = declare(
        131072,
        Integer(1, unit="bytes"),
        Group.LIMITS,
        "Bytes of the head of a request; a longer one is answered with 431.",
    )
    limit_request_body: int | None = declare(
        None,
        Integer(0, unit="bytes"),
        Group.LIMITS,
        "Bytes of the body of a request; a longer one is answered with 413.",
    )
    timeout_request_head: float = declare(
        30.0,
        Seconds(zero=False),
        Group.TIMEOUTS,
        "Seconds in which the head of a request must arrive; otherwise the answer is 408.",
    )
    timeout_request_body: float = declare(
        60.0,
        Seconds(zero=False),
        Group.TIMEOUTS,
        "Seconds that APP waits for the next byte of a body; then the answer is 408.",
    )
    timeout_send: float = declare(
        60.0,
        Seconds(zero=False),
        Group.TIMEOUTS,
        "Seconds that a client may take no byte of a response; then the connection is closed.",
    )
    timeout_ssl_handshake: float = declare(
        10.0, Seconds(zero=False), Group.TIMEOUTS, "Seconds in which the TLS handshake must be complete."
    )
    http2_max_concurrent_streams: int = declare(
        100, Integer(1, INT_MAX), Group.LIMITS, "Requests that one HTTP/2 connection may have running at once."
    )
    worker_max_lifetime: float | None = declare(
        None, Seconds(zero_is_off=True), Group.PROCESSES, "Seconds after which a worker is replaced."
    )
    worker_max_lifetime_jitter: float = declare(
        0.0, Seconds(), Group.PROCESSES, "Add a random number of seconds, up to this one, to --worker-max-lifetime."
    )
    worker_max_rss: int | None = declare(
        None, Bytes(zero="no limit"), Group.PROCESSES, "Replace a worker that uses this much resident memory (Linux)."
    )
    timeout_worker_loop: float | None = declare(
        None,
        Seconds(zero_is_off=True),
        Group.TIMEOUTS,
        "Seconds after which a worker whose event loop is blocked is killed and replaced.",
    )
    shutdown_delay: float = declare(
        0.0,
        Seconds(),
        Group.TIMEOUTS,
        "Seconds to continue serving after the signal to stop, while /readyz answers 503.",
    )
    ssl_min_version: ssl.TLSVersion | str | None = declare(
        None, SSLMinVersion(), Group.TLS, "The oldest version of TLS to speak.", shown="1.2"
    )
    proxy_protocol: bool = declare(
        False, Flag(), Group.PROXY, "Take the client's address from the PROXY protocol of trusted peers.", Form.ON
    )
    forwarded_header: ForwardedHeaderType | None = declare(
        None,
        Choice(FORWARDED_HEADERS),
        Group.PROXY,
        "The fields that trusted peers set: all X-Forwarded fields, Forwarded (RFC 7239), or none.",
        shown="only X-Forwarded-For and X-Forwarded-Proto",
    )
    bind: Sequence[str] | str | None = declare(
        None,
        Address(),
        Group.ADDRESS,
        "Listen here, instead of --host, --port, --uds and --fd. Can be repeated.",
        Form.MANY,
    )
    uds_mode: int | None = declare(
        None,
        FileMode(),
        Group.ADDRESS,
        "The permissions of unix sockets.",
        shown="666, or those of the replaced socket",
    )
    pid_file: FilePath | None = declare(
        None, Path(), Group.PROCESSES, "Write the id of the process here; of the supervisor, if there are several."
    )
    timeout_stream_shutdown: float | None = declare(
        None,
        Seconds(),
        Group.TIMEOUTS,
        "Seconds that responses may be streamed at shutdown; then APP receives http.disconnect.",
        shown="half of --timeout-graceful-shutdown, else no limit",
    )
    access_log_format: str = declare(
        "default",
        AccessLogFormat(["default", "combined", "json"], "%(h)s"),
        Group.LOGGING,
        "The format of the lines of the access log.",
    )
    access_log_file: FilePath | None = declare(
        None, Path(), Group.LOGGING, "Write the access log to this file; SIGUSR1 reopens it.", shown="standard output"
    )
    log_format: str = declare(
        "default",
        LogFormat(["default", "json"], "%(message)s"),
        Group.LOGGING,
        "The format of all other log lines.",
    )
    asgi_http_version: HTTPSpecVersion = declare(
        "2.3",
        Version(HTTP_SPEC_VERSIONS),
        Group.APPLICATION,
        "The version of ASGI for HTTP; since 2.4, send raises an OSError after the client has gone.",
    )
    metrics: str | None = declare(
        None, Address(), Group.METRICS, "Serve metrics for Prometheus, and answers for probes, at this address."
    )
    metrics_buckets: Sequence[float] | str = declare(
        "0.005,0.01,0.025,0.05,0.1,0.25,0.5,1,2.5,5,10",
        Buckets(),
        Group.METRICS,
        "Upper bounds of the buckets of the histogram of durations, in seconds.",
    )


OPTIONS = Options.options
