import inspect
import typing
from collections.abc import Iterable

import pytest

from uvicorn import config
from uvicorn.config import Config
from uvicorn.config.kinds import OptionError, OptionTypeError
from uvicorn.config.schema import Form, Group
from uvicorn.config.table import OPTIONS, Options
from uvicorn.logging import LOGGING_CONFIG
from uvicorn.main import main, run

# The defaults that programs rely on. A change of one of them changes every program.
DEFAULTS = {
    "host": "127.0.0.1",
    "port": 8000,
    "uds": None,
    "fd": None,
    "loop": "auto",
    "http": "auto",
    "http2": False,
    "ws": "auto",
    "ws_max_size": 16777216,
    "ws_max_queue": 32,
    "ws_ping_interval": 20.0,
    "ws_ping_timeout": 20.0,
    "ws_per_message_deflate": True,
    "lifespan": "auto",
    "env_file": None,
    "log_config": LOGGING_CONFIG,
    "log_level": None,
    "access_log": True,
    "use_colors": None,
    "interface": "auto",
    "reload": False,
    "reload_dirs": None,
    "reload_delay": 0.25,
    "reload_includes": None,
    "reload_excludes": None,
    "workers": None,
    "proxy_headers": True,
    "server_header": True,
    "date_header": True,
    "forwarded_allow_ips": None,
    "root_path": "",
    "limit_concurrency": None,
    "limit_max_requests": None,
    "limit_max_requests_jitter": 0,
    "backlog": 2048,
    "timeout_keep_alive": 5,
    "timeout_notify": 30,
    "timeout_graceful_shutdown": None,
    "timeout_worker_healthcheck": 5,
    "callback_notify": None,
    "ssl_keyfile": None,
    "ssl_certfile": None,
    "ssl_keyfile_password": None,
    "ssl_version": 17,
    "ssl_cert_reqs": 0,
    "ssl_ca_certs": None,
    "ssl_ciphers": None,
    "ssl_context_factory": None,
    "headers": None,
    "factory": False,
    "h11_max_incomplete_event_size": None,
    "reset_contextvars": False,
    "app_dir": None,
    "limit_request_line": 65536,
    "limit_request_fields": 256,
    "limit_request_head": 131072,
    "limit_request_body": None,
    "timeout_request_head": 30.0,
    "timeout_request_body": 60.0,
    "timeout_send": 60.0,
    "timeout_ssl_handshake": 10.0,
    "http2_max_concurrent_streams": 100,
    "worker_max_lifetime": None,
    "worker_max_lifetime_jitter": 0.0,
    "worker_max_rss": None,
    "timeout_worker_loop": None,
    "shutdown_delay": 0.0,
    "ssl_min_version": None,
    "proxy_protocol": False,
    "forwarded_header": None,
    "bind": None,
    "uds_mode": None,
    "pid_file": None,
    "timeout_stream_shutdown": None,
    "access_log_format": "default",
    "access_log_file": None,
    "log_format": "default",
    "asgi_http_version": "2.3",
    "metrics": None,
    "metrics_buckets": "0.005,0.01,0.025,0.05,0.1,0.25,0.5,1,2.5,5,10",
}


def test_the_defaults() -> None:
    assert {name: option.default for name, option in OPTIONS.items()} == DEFAULTS
    # The order of the positional arguments.
    assert list(OPTIONS) == list(DEFAULTS)


def test_the_table_has_every_field_except_the_application() -> None:
    assert list(Options.__annotations__) == ["app", *OPTIONS]


@pytest.mark.parametrize("function", [run, Config, Options], ids=["run", "Config", "Options"])
def test_python_functions_accept_every_option(function: typing.Callable[..., object]) -> None:
    parameters = inspect.signature(function).parameters
    assert list(parameters) == ["app", *OPTIONS]
    for name, option in OPTIONS.items():
        assert parameters[name].default == option.default


def test_the_signature_of_the_constructor() -> None:
    parameters = inspect.signature(Config.__init__).parameters
    assert list(parameters) == ["self", "app", *OPTIONS]
    given = {"host": "::1", "port": 1, "no_such_option": 3}
    config = Config("a:b", **{name: value for name, value in given.items() if name in parameters})  # type: ignore[arg-type]  # as programs do
    assert (config.host, config.port) == ("::1", 1)


def test_a_subclass_has_the_signature_of_its_own_constructor() -> None:
    class Mine(Config):
        def __init__(self, where: str) -> None:
            super().__init__(None, host=where)

    assert list(inspect.signature(Mine).parameters) == ["where"]
    assert Mine("::1").host == "::1"


@pytest.mark.parametrize(
    ("args", "options", "message"),
    [
        ((), {}, r"^Config\.__init__\(\) missing 1 required positional argument: 'app'"),
        ((None, "127.0.0.1"), {"host": "::1"}, "got multiple values for argument 'host'"),
        ((None,), {"app": None}, "got multiple values for argument 'app'"),
        ((None,), {"hots": "::1"}, r"got an unexpected keyword argument 'hots'. Did you mean 'host'\?$"),
        ((None,), {"qqq": "::1"}, r"got an unexpected keyword argument 'qqq'$"),
        ([None] * 99, {}, "arguments but 99 were given"),
    ],
)
def test_wrong_arguments_raise_as_in_python(args: typing.Any, options: typing.Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        Config(*args, **options)


def test_the_application_can_be_a_keyword_argument() -> None:
    assert Config(app=None, host="::1").host == "::1"


def test_the_annotations_can_be_read_at_run_time() -> None:
    assert typing.get_type_hints(Config.__init__).keys() == {"app", *OPTIONS, "return"}


def test_the_command_line_accepts_every_option() -> None:
    names = {parameter.name for parameter in main.params}
    about_options = {"version", "config", "check_config", "print_config"}
    assert names == {
        "app",
        *about_options,
        *(name for name, option in OPTIONS.items() if option.group is not Group.API),
    }


def test_the_command_line_has_the_defaults() -> None:
    for parameter in main.params:
        if parameter.name in OPTIONS:
            option = OPTIONS[parameter.name]
            assert parameter.default == option.command_line_default, parameter.name
            if option.name not in ("log_config", "app_dir"):
                assert option.command_line_default == option.default


def test_an_option_is_printed_in_its_form() -> None:
    assert OPTIONS["host"].declaration == "--host"
    assert OPTIONS["reload"].declaration == "--reload"
    assert OPTIONS["reload_dirs"].declaration == "--reload-dir"
    assert OPTIONS["access_log"].declaration == "--access-log/--no-access-log"
    assert {option.form for option in OPTIONS.values()} == set(Form)


def test_the_default_is_described() -> None:
    assert OPTIONS["log_config"].default_text == "built in"
    assert OPTIONS["access_log"].default_text == "on"
    assert OPTIONS["reload"].default_text == ""
    assert OPTIONS["uds"].default_text == ""
    assert OPTIONS["port"].default_text == "8000"


def test_each_literal_type_lists_the_choices() -> None:
    pairs: list[tuple[object, Iterable[str]]] = [
        (config.HTTPProtocolType, config.HTTP_PROTOCOLS),
        (config.WSProtocolType, config.WS_PROTOCOLS),
        (config.LifespanType, config.LIFESPAN),
        (config.LoopFactoryType, config.LOOP_FACTORIES),
        (config.InterfaceType, config.INTERFACES),
    ]
    for literal, names in pairs:
        assert set(typing.get_args(literal)) == set(names)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("port", 65536, "port must be an integer from 0 to 65535, not 65536"),
        ("port", "http", "port must be an integer from 0 to 65535, not 'http'"),
        ("lifespan", "maybe", "lifespan must be one of auto, on, off, not 'maybe'"),
        ("log_level", "loud", "log_level must be one of critical, error, warning, info, debug, trace, not 'loud'"),
        ("ws", "socketio", "not 'socketio'"),
        ("headers", [("x", "a\nb")], r"not ('x', 'a\nb')"),
        ("workers", -1, "workers must be an integer, at least 0, not -1"),
        (
            "http2_max_concurrent_streams",
            0,
            "http2_max_concurrent_streams must be an integer from 1 to 2147483647, not 0",
        ),
        (
            "http",
            "zttp",
            "or module:Class, not 'zttp'. zttp is a choice of uvicorn 0.54 that is not here; 'auto' picks",
        ),
        ("http", "httptool", "or module:Class, not 'httptool'. Did you mean 'httptools'?"),
        ("log_level", "warn", "debug, trace, not 'warn'. Did you mean 'warning'?"),
        ("timeout_keep_alive", -1, "timeout_keep_alive must be a number of seconds, at least 0, not -1"),
    ],
)
def test_a_wrong_value(name: str, value: object, message: str) -> None:
    with pytest.raises(OptionError) as caught:
        OPTIONS[name].check(value)
    assert message in str(caught.value)
    assert isinstance(caught.value, ValueError)
    assert not isinstance(caught.value, TypeError)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("port", b"80", "port must be an integer from 0 to 65535, not bytes"),
        ("http2", b"", "http2 must be a boolean: true or false, yes or no, on or off, 1 or 0, not bytes"),
        ("reload_dirs", 3, "reload_dirs must be a list, not int"),
        ("reload_dirs", [3], "reload_dirs must be a directory that exists, not int"),
        ("headers", ["x: y"], "headers must be a header NAME:VALUE"),
        ("callback_notify", "soon", "callback_notify must be an async function without arguments, not str"),
    ],
)
def test_a_wrong_type(name: str, value: object, message: str) -> None:
    with pytest.raises(OptionTypeError) as caught:
        OPTIONS[name].check(value)
    assert str(caught.value).startswith(message)
    assert isinstance(caught.value, TypeError)


def test_the_source_of_a_wrong_value_is_named() -> None:
    with pytest.raises(OptionError, match=r"^\$WEB_CONCURRENCY must be an integer, at least 0, not '-1'$"):
        OPTIONS["workers"].check("-1", "$WEB_CONCURRENCY")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        # No limit.
        ("ws_max_size", None, None),
        ("ws_max_size", 0, None),
        ("ws_max_queue", None, None),
        ("ws_max_queue", 0, None),
        ("limit_max_requests", 0, None),
        # None.
        ("ws", None, "none"),
        ("loop", None, "none"),
        ("http2", None, False),
        ("http2", False, False),
        ("http2", "no", False),
        ("reload", None, False),
        # The default.
        ("port", None, 8000),
        ("root_path", None, ""),
        ("timeout_keep_alive", None, 5),
        ("timeout_notify", None, 30),
        ("backlog", None, 2048),
        ("http", None, "auto"),
        ("lifespan", None, "auto"),
        ("interface", None, "auto"),
        ("ssl_version", None, 17),
        ("ssl_cert_reqs", None, 0),
        ("reload_dirs", None, None),
        # All interfaces.
        ("host", None, ""),
        # Whole floats.
        ("port", 8000.0, 8000),
        ("workers", 2.0, 2),
        ("limit_max_requests", 0.0, None),
        ("ssl_version", 17.0, 17),
        # OpenSSL's.
        ("ssl_ciphers", "", ""),
        ("ssl_keyfile_password", b"secret", b"secret"),
        ("ssl_keyfile_password", str, str),
    ],
)
def test_accepts_values_that_programs_pass(name: str, value: object, expected: object) -> None:
    checked = OPTIONS[name].check(value)
    assert checked == expected
    assert type(checked) is type(expected)


def test_every_option_accepts_none() -> None:
    config = Config(None, **dict.fromkeys(OPTIONS))  # type: ignore[arg-type]  # programs pass None for an unset option
    assert (config.port, config.workers, config.timeout_keep_alive) == (8000, 1, 5)


def test_a_single_path_is_a_list_of_one() -> None:
    assert OPTIONS["reload_dirs"].check("src") == ["src"]
    assert OPTIONS["reload_dirs"].check(("a", "b")) == ["a", "b"]


@pytest.mark.parametrize("value", [5, [True], ["0.5"]])
def test_buckets_are_a_list_of_numbers(value: object) -> None:
    with pytest.raises(OptionTypeError, match=r"^metrics_buckets must be "):
        Config("tests.apps:asgi3_app", metrics_buckets=value)  # type: ignore[arg-type]  # the wrong value under test
