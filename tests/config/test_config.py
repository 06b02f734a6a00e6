import asyncio
import logging
import os
import pickle
import sys
from pathlib import Path
from typing import Any

import pytest

import uvicorn.config
from tests.apps import asgi2_app, asgi3_app, create_app, wsgi_app
from uvicorn.config import (
    HTTP_PROTOCOLS,
    INTERFACES,
    LIFESPAN,
    LOG_LEVELS,
    LOOP_FACTORIES,
    SSL_PROTOCOL_VERSION,
    STARTUP_FAILURE,
    WS_PROTOCOLS,
    Config,
    UvicornDeprecationWarning,
)
from uvicorn.config.config import exit_with_startup_failure, name_by_flag
from uvicorn.config.kinds import OptionError
from uvicorn.importer import import_from_string
from uvicorn.lifespan.off import LifespanOff
from uvicorn.lifespan.on import LifespanOn
from uvicorn.logging import TRACE_LOG_LEVEL
from uvicorn.middleware.asgi2 import ASGI2Middleware
from uvicorn.middleware.message_logger import MessageLoggerMiddleware
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.middleware.wsgi import WSGIMiddleware
from uvicorn.protocols.http.h11_impl import H11Protocol


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WEB_CONCURRENCY", "FORWARDED_ALLOW_IPS"):
        monkeypatch.delenv(name, raising=False)


def loaded(app: Any = asgi3_app, **options: Any) -> Config:
    config = Config(app, **options)
    assert not config.loaded
    config.load()
    assert config.loaded
    return config


def unwrapped(config: Config) -> list[type]:
    """List the classes of the wrappers around the application, outermost first."""
    classes, app = [], config.loaded_app
    while hasattr(app, "app"):
        classes.append(type(app))
        app = app.app
    return classes


def test_the_names_that_programs_use() -> None:
    assert STARTUP_FAILURE == 3
    assert SSL_PROTOCOL_VERSION == 17
    assert LOG_LEVELS == {"critical": 50, "error": 40, "warning": 30, "info": 20, "debug": 10, "trace": 5}
    assert list(HTTP_PROTOCOLS) == ["auto", "h11", "httptools"]
    assert list(WS_PROTOCOLS) == ["auto", "none", "builtin", "websockets", "websockets-sansio", "wsproto"]
    assert list(LIFESPAN) == ["auto", "on", "off"]
    assert list(LOOP_FACTORIES) == ["none", "auto", "asyncio", "uvloop"]
    assert INTERFACES == ["auto", "asgi3", "asgi2", "wsgi"]


def test_unknown_names_of_the_module_are_refused() -> None:
    with pytest.raises(AttributeError, match=r"module 'uvicorn\.config' has no attribute 'no'"):
        uvicorn.config.no  # type: ignore[attr-defined]  # noqa: B018 - the error under test


def test_options_are_attributes() -> None:
    config = Config(asgi3_app, "::1", "8080", "server.sock", 0, headers=[("X-A", "b")], ws_ping_interval=None)  # type: ignore[arg-type]  # programs pass text
    assert (config.app, config.host, config.port, config.uds, config.fd) == (asgi3_app, "::1", 8080, "server.sock", 0)
    assert config.headers == [("X-A", "b")]
    assert config.ws_ping_interval is None
    assert Config(None).headers == []
    assert config.ssl is None


def test_the_application_can_be_set_after_the_constructor() -> None:
    config = Config(app=None)
    config.app = "tests.apps:asgi3_app"
    config.load()
    assert config.loaded_app.app is asgi3_app


def test_unknown_options_are_refused() -> None:
    with pytest.raises(TypeError, match="prot"):
        Config(None, prot=8000)  # type: ignore[call-arg]  # the error under test


def test_wrong_values_are_refused() -> None:
    with pytest.raises(ValueError, match="port must be an integer from 0 to 65535, not 70000"):
        Config(None, port=70000)


def test_a_config_can_be_sent_to_a_child() -> None:
    config = pickle.loads(pickle.dumps(Config("tests.apps:asgi3_app", port=1, workers=2)))
    assert (config.app, config.port, config.workers, config.use_subprocess) == ("tests.apps:asgi3_app", 1, 2, True)


def test_a_subclass_may_have_its_own_constructor() -> None:
    class Mine(Config):
        def __init__(self, app: Any, **options: Any) -> None:
            super().__init__(app, port=1, **options)

    assert Mine(asgi3_app, workers=2).port == 1


# --- The environment --------------------------------------------------------------------------------------------------


def test_workers_by_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Config(None).workers == 1
    monkeypatch.setenv("WEB_CONCURRENCY", "3")
    assert Config(None).workers == 3
    assert Config(None, workers=2).workers == 2
    assert Config(None, workers=0).workers == 1
    for one in ("", "0"):
        monkeypatch.setenv("WEB_CONCURRENCY", one)
        assert Config(None).workers == 1


def test_trusted_proxies_by_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Config(None).forwarded_allow_ips == "127.0.0.1,::1"
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "10.0.0.0/8")
    assert Config(None).forwarded_allow_ips == "10.0.0.0/8"
    assert Config(None, forwarded_allow_ips=["*"]).forwarded_allow_ips == ["*"]
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "")  # An empty value trusts no proxy.
    assert Config(None).forwarded_allow_ips == ""


@pytest.mark.parametrize(
    ("variable", "value"),
    [("WEB_CONCURRENCY", "many"), ("WEB_CONCURRENCY", "-1"), ("FORWARDED_ALLOW_IPS", "10.0.0.1/8")],
)
def test_a_wrong_value_in_the_environment(variable: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(OptionError, match=rf"^\${variable} must be .*, not '{value}'"):
        Config(None)


def test_an_environment_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("dotenv")
    monkeypatch.setattr(os, "environ", dict(os.environ))
    path = tmp_path / "settings.env"
    path.write_text("WEB_CONCURRENCY=4\nFORWARDED_ALLOW_IPS=10.1.2.3\n")
    config = Config(None, env_file=path)
    assert config.workers == 4
    assert config.forwarded_allow_ips == "10.1.2.3"
    assert capsys.readouterr().err == f"INFO:     Loading environment from '{path}'\n"


def test_a_missing_environment_file(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("dotenv")
    Config(None, env_file="no/such/file")
    assert capsys.readouterr().err == (
        "INFO:     Loading environment from 'no/such/file'\n"
        "WARNING:  The environment file 'no/such/file' does not exist, and nothing is loaded from it.\n"
    )


def test_an_environment_file_without_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dotenv", None)
    with pytest.raises(ImportError, match="env_file needs python-dotenv: pip install python-dotenv"):
        Config(None, env_file=__file__)


def test_an_application_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.delitem(sys.modules, "lonely_app", raising=False)
    (tmp_path / "lonely_app.py").write_text("from tests.apps import asgi3_app as app\n")
    config = Config("lonely_app:app", app_dir=tmp_path)
    assert sys.path[0] == str(tmp_path)
    config.load()
    assert config.loaded_app.app is asgi3_app


# --- Properties -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("app", "options", "should_reload", "use_subprocess"),
    [
        ("a:b", {}, False, False),
        ("a:b", {"reload": True}, True, True),
        (asgi3_app, {"reload": True}, False, True),
        ("a:b", {"workers": 2}, False, True),
    ],
)
def test_child_processes(app: Any, options: dict[str, Any], should_reload: bool, use_subprocess: bool) -> None:
    config = Config(app, **options)
    assert config.should_reload is should_reload
    assert config.use_subprocess is use_subprocess


@pytest.mark.parametrize(
    ("options", "is_ssl"),
    [({}, False), ({"ssl_keyfile": "k"}, True), ({"ssl_certfile": "c"}, True), ({"ssl_ca_certs": "a"}, False)],
)
def test_whether_clients_speak_tls(options: dict[str, Any], is_ssl: bool) -> None:
    assert Config(None, **options).is_ssl is is_ssl


# --- Loading ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("app", "options", "interface", "version"),
    [
        (asgi3_app, {}, "asgi3", "3.0"),
        (asgi2_app, {}, "asgi2", "2.0"),
        (asgi2_app, {"interface": "asgi2"}, "asgi2", "2.0"),
        (asgi3_app, {"interface": "asgi3"}, "asgi3", "3.0"),
    ],
)
def test_interfaces(app: Any, options: dict[str, Any], interface: str, version: str) -> None:
    config = loaded(app, proxy_headers=False, **options)
    assert config.interface == interface
    assert config.asgi_version == version
    assert unwrapped(config) == ([ASGI2Middleware] if interface == "asgi2" else [])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_wsgi() -> None:
    config = loaded(wsgi_app, interface="wsgi", proxy_headers=False)
    assert isinstance(config.loaded_app, WSGIMiddleware)
    assert config.ws_protocol_class is None
    assert config.asgi_version == "3.0"


def test_an_application_of_another_interface(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exited:
        Config(wsgi_app).load()
    assert exited.value.code == STARTUP_FAILURE
    assert capsys.readouterr().err == (
        "ERROR:    Error loading ASGI app. wsgi_app takes the arguments of a WSGI application "
        "(environ, start_response). Use --interface wsgi.\n"
    )


def test_the_version_before_loading() -> None:
    assert Config(None).asgi_version == "3.0"


def test_the_wrappers_are_in_order() -> None:
    config = loaded(asgi2_app, log_level="trace")
    assert unwrapped(config)[:2] == [ProxyHeadersMiddleware, MessageLoggerMiddleware]
    assert unwrapped(config)[2] is ASGI2Middleware
    assert logging.getLogger("uvicorn.error").level == TRACE_LOG_LEVEL
    assert unwrapped(loaded(log_level="debug")) == [ProxyHeadersMiddleware]
    assert unwrapped(loaded(proxy_headers=False)) == []


async def test_the_trusted_hosts_reach_the_middleware() -> None:
    schemes = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        schemes.append(scope["scheme"])

    config = loaded(app, forwarded_allow_ips="10.9.8.7")
    for address in ("10.9.8.7", "127.0.0.1"):
        headers = [(b"x-forwarded-proto", b"https")]
        scope = {"type": "http", "scheme": "http", "client": (address, 1), "headers": headers}
        await config.loaded_app(scope, None, None)
    assert schemes == ["https", "http"]


def test_factories(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("uvicorn").propagate = True
    config = Config(create_app, factory=True, proxy_headers=False, log_config=None)
    assert config.load_app() is asgi3_app
    assert caplog.messages == []
    assert loaded("tests.apps:create_app", proxy_headers=False, log_config=None).loaded_app is asgi3_app
    assert caplog.messages == [
        "ASGI app factory detected. Using it, but please consider setting the --factory flag explicitly."
    ]


@pytest.mark.parametrize(
    ("app", "factory", "line"),
    [
        ("no_such_module:app", False, 'Error loading ASGI app. Could not import module "no_such_module".'),
        ("tests.apps:no", False, 'Error loading ASGI app. Attribute "no" not found in module "tests.apps".'),
        ("nothing", False, 'Error loading ASGI app. Import string "nothing" must be in format "<module>:<attribute>".'),
        ("tests.apps:asgi3_app", True, "Error loading ASGI app factory: asgi3_app() missing 3 required"),
    ],
)
def test_an_application_that_cannot_be_loaded(
    app: str, factory: bool, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exited:
        Config(app, factory=factory).load()
    assert exited.value.code == STARTUP_FAILURE
    assert capsys.readouterr().err.splitlines()[0].startswith(f"ERROR:    {line}")


@pytest.mark.parametrize(("lifespan", "expected"), [("auto", LifespanOn), ("on", LifespanOn), ("off", LifespanOff)])
def test_lifespan(lifespan: Any, expected: type) -> None:
    assert loaded(lifespan=lifespan).lifespan_class is expected


class Protocol:
    """Stands for a protocol class of another package."""


@pytest.mark.parametrize("given", [Protocol, "tests.config.test_config:Protocol"], ids=["class", "string"])
def test_protocol_classes_of_other_packages(given: Any) -> None:
    config = loaded(http=given, ws=given)
    assert config.http_protocol_class is Protocol
    assert config.ws_protocol_class is Protocol


@pytest.mark.parametrize(("option", "choices"), [("http", HTTP_PROTOCOLS), ("ws", WS_PROTOCOLS)])
def test_protocols_by_name(option: str, choices: dict[str, str | None]) -> None:
    for name, import_string in choices.items():
        config = loaded(**{option: name})
        found = getattr(config, f"{option}_protocol_class")
        if import_string is None:
            assert found is None
        else:
            assert isinstance(found, type)
            assert found is import_from_string(import_string)


def test_a_protocol_without_its_library(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for module in [name for name in sys.modules if name.startswith("uvicorn.protocols.http.httptools")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "httptools", None)
    with pytest.raises(SystemExit) as exited:
        Config(asgi3_app, http="httptools").load()
    assert exited.value.code == STARTUP_FAILURE
    assert capsys.readouterr().err == (
        "ERROR:    Error loading --http httptools. import of httptools halted; None in sys.modules. "
        "To install it: pip install httptools\n"
    )


def test_a_custom_protocol_that_lacks_an_attribute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "protocol_of_mine.py").write_text("import no_such_dependency\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="no_such_dependency"):
        Config(asgi3_app, http="protocol_of_mine:Protocol").load()


@pytest.mark.parametrize("loop", [object(), asyncio.AbstractEventLoop()], ids=["object", "loop"])
def test_a_loop_object_is_refused(loop: Any, capsys: pytest.CaptureFixture[str]) -> None:
    config = loaded(loop=loop)
    assert config.loop is loop
    with pytest.raises(SystemExit) as exited:
        config.get_loop_factory()
    assert exited.value.code == STARTUP_FAILURE
    assert (
        capsys.readouterr().err
        == f"ERROR:    Error loading --loop {loop}. It cannot be called to make an event loop.\n"
    )


@pytest.mark.parametrize(
    ("loop", "line"),
    [
        ("nope", "Error loading --loop nope. It must be one of auto, asyncio, uvloop or module:factory.\n"),
        ("no.such:loop", 'Error loading --loop no.such:loop. Could not import module "no.such".'),
        (
            "uvlop",
            "Error loading --loop uvlop. It must be one of auto, asyncio, uvloop or module:factory. Did you mean 'uv",
        ),
        (
            "zuvloop",
            "Error loading --loop zuvloop. It must be one of auto, asyncio, uvloop or module:factory. zuvloop is",
        ),
    ],
)
def test_a_loop_that_cannot_be_loaded(loop: str, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    config = loaded(loop=loop)
    with pytest.raises(SystemExit) as exited:
        config.get_loop_factory()
    assert exited.value.code == STARTUP_FAILURE
    assert capsys.readouterr().err.startswith(f"ERROR:    {line}")


def test_a_warning_category_that_programs_filter_by() -> None:
    assert issubclass(UvicornDeprecationWarning, UserWarning)


@pytest.mark.parametrize(
    ("options", "encoded"),
    [
        ({}, [(b"server", b"uvicorn")]),
        ({"server_header": False}, []),
        ({"headers": [("X-A", "\xe4"), ("x-a", "2")]}, [(b"server", b"uvicorn"), (b"x-a", b"\xe4"), (b"x-a", b"2")]),
        ({"headers": [("Server", "mine")]}, [(b"server", b"mine")]),
        ({"headers": [("Server", "mine")], "server_header": False}, [(b"server", b"mine")]),
    ],
)
def test_default_headers(options: dict[str, Any], encoded: list[tuple[bytes, bytes]]) -> None:
    assert loaded(**options).encoded_headers == encoded


def test_warns_of_hooks_that_http_2_does_not_call(caplog: pytest.LogCaptureFixture) -> None:
    class Hooked(H11Protocol):
        def on_url(self, url: bytes) -> None:
            """Look at the path."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        """Unused."""

    for http in (H11Protocol, Hooked):
        Config(app, http=http, http2=True, log_config=None).load()
    assert [record.getMessage() for record in caplog.records] == [
        "Requests over HTTP/2 do not call on_url of Hooked; only those over HTTP/1.1 do."
    ]


@pytest.mark.parametrize(
    ("message", "named"),
    [
        ("env_file needs python-dotenv", "--env-file needs python-dotenv"),
        ("reload_dirs is wrong", "--reload-dir is wrong"),
        ("access_log is wrong", "--access-log is wrong"),
        ("callback_notify is for Python only", "callback_notify is for Python only"),
        ("port", "--port"),
        ("cannot resolve host 'x'", "cannot resolve host 'x'"),
    ],
)
def test_a_log_line_names_an_option_by_its_flag(message: str, named: str, caplog: pytest.LogCaptureFixture) -> None:
    assert name_by_flag(message) == named
    with pytest.raises(SystemExit):
        exit_with_startup_failure(OSError(message))
    assert caplog.messages == [named]


@pytest.mark.parametrize(
    ("options", "warnings"),
    [
        ({"ssl_keyfile_password": "secret"}, ["--ssl-keyfile-password has no effect without --ssl-certfile."]),
        (
            {"ssl_min_version": "1.2", "ssl_cert_reqs": 2},
            ["--ssl-cert-reqs and --ssl-min-version have no effect without --ssl-certfile."],
        ),
        (
            {"limit_max_requests_jitter": 5, "worker_max_lifetime_jitter": 5},
            [
                "--limit-max-requests-jitter has no effect without --limit-max-requests.",
                "--worker-max-lifetime-jitter has no effect without --worker-max-lifetime.",
            ],
        ),
        (
            {"ssl_certfile": __file__, "ssl_cert_reqs": 1},
            ["Each client certificate is refused without --ssl-ca-certs, which names the authorities."],
        ),
        (
            {"limit_concurrency": 0},
            ["--limit-concurrency 0 answers each request with 503. Leave the option out for no limit."],
        ),
        # Complete combinations log nothing.
        ({"ssl_certfile": __file__, "ssl_cert_reqs": 2, "ssl_ca_certs": __file__, "ssl_min_version": "1.3"}, []),
        ({"ssl_context_factory": lambda config, default: default(), "ssl_cert_reqs": 2}, []),
        ({"limit_max_requests_jitter": 5, "limit_max_requests": 5}, []),
    ],
)
def test_options_that_need_another_one(
    options: dict[str, Any], warnings: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    Config(None, **options)
    assert capsys.readouterr().err.splitlines() == [f"WARNING:  {warning}" for warning in warnings]


def test_a_log_file_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError, match=f"--access-log-file {tmp_path} cannot be opened: Is a directory"):
        Config(None, access_log_file=tmp_path)
