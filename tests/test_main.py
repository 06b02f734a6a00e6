import inspect
import os
import re
import signal
import socket
import ssl
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

import uvicorn
from tests.processes import ServerProcess, exchange, run_async, serve
from uvicorn.config import LOGGING_CONFIG, Config
from uvicorn.config.kinds import Kind, Loop, OptionError, Text
from uvicorn.config.schema import Form, Group, Option
from uvicorn.config.table import OPTIONS
from uvicorn.main import GroupedCommand, main, run
from uvicorn.net.bind import TcpBind
from uvicorn.server import Server

APP = "tests.apps:asgi3_app"
MODULE = sys.modules["uvicorn.main"]
COMMAND_LINE = [option for option in OPTIONS.values() if option.group is not Group.API]
# These options accept any text. The server resolves a host and creates or matches a path only when it starts.
TAKES_ANY_TEXT = {
    "host", "uds", "pid_file", "root_path", "ssl_keyfile_password", "reload_includes", "reload_excludes", "loop",
    "access_log_file",
}  # fmt: skip


@pytest.fixture
def handed_over(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Collect the arguments that the command passes to `run()`, which is replaced by a stub."""
    arguments: dict[str, Any] = {}
    monkeypatch.setattr(MODULE, "run", lambda app, **options: arguments.update(options, app=app))
    return arguments


def invoke(*arguments: str, env: dict[str, str] | None = None) -> tuple[int, str]:
    result = CliRunner().invoke(main, list(arguments), env=env)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def test_the_command_is_exported() -> None:
    assert isinstance(uvicorn.main, click.Command)
    assert uvicorn.main is main
    assert uvicorn.run is run
    assert MODULE.STARTUP_FAILURE == 3
    assert MODULE.Server is Server


def test_the_names_that_programs_import() -> None:
    from uvicorn.main import LEVEL_CHOICES, ChangeReload, Multiprocess, ServerState, print_version
    from uvicorn.supervisors.basereload import BaseReload

    assert MODULE.LOGGING_CONFIG is LOGGING_CONFIG
    assert list(LEVEL_CHOICES.choices) == ["critical", "error", "warning", "info", "debug", "trace"]
    assert issubclass(ChangeReload, BaseReload)
    assert [class_.__name__ for class_ in (Multiprocess, ServerState)] == ["Multiprocess", "ServerState"]
    assert list(inspect.signature(print_version).parameters) == ["ctx", "param", "value"]
    with pytest.raises(AttributeError, match=r"module 'uvicorn\.main' has no attribute 'no'"):
        MODULE.no  # noqa: B018 - the access is the test


def test_the_parameters_are_of_clicks_own_types() -> None:
    types = {parameter.name: parameter.type for parameter in main.params}
    assert {type(found).__module__ for found in types.values()} == {"click.types"}
    for name, expected in {
        "app": click.STRING, "host": click.STRING, "port": click.INT, "fd": click.INT, "loop": click.STRING,
        "reload": click.BOOL, "reload_includes": click.STRING, "reload_delay": click.FLOAT, "headers": click.STRING,
        "ws_ping_interval": click.FLOAT, "ws_per_message_deflate": click.BOOL, "ssl_version": click.INT,
        "access_log": click.BOOL, "http2": click.BOOL, "forwarded_allow_ips": click.STRING,
    }.items():  # fmt: skip
        assert type(types[name]) is type(expected), name
    for name in ("log_level", "lifespan", "interface"):
        assert isinstance(types[name], click.Choice)
    for name in ("env_file", "log_config", "reload_dirs", "ssl_certfile"):
        assert isinstance(types[name], click.Path)


# --- --help and --version ---------------------------------------------------------------------------------------------


def test_help_is_complete_and_fits_the_terminal() -> None:
    code, text = invoke("--help")
    assert code == 0
    assert max(map(len, text.splitlines())) <= 80
    for option in COMMAND_LINE:
        assert f" {option.declaration.partition('/')[0]} " in text
    flowing = " ".join(text.split())
    for option in COMMAND_LINE:
        # The help text breaks lines at hyphens, too.
        assert option.help.replace(" ", "") in flowing.replace(" ", "")
    assert [line[:-1] for line in text.splitlines() if re.fullmatch(r"\w.*:", line)] == [
        *(group.value for group in Group if group is not Group.API),
        "Other",
    ]


def test_help_names_the_variable_that_cannot_be_guessed() -> None:
    _, text = invoke("--help")
    flowing = " ".join(text.split())
    assert "[env var: UVICORN_HEADERS]" in flowing
    assert "[env var: UVICORN_RELOAD_DIRS; default: the current directory]" in flowing
    assert "[default: $WEB_CONCURRENCY, else 1]" in flowing
    assert "UVICORN_PORT" not in flowing


def test_hidden_choices_are_not_shown() -> None:
    _, text = invoke("--help")
    assert "[auto|asyncio|uvloop|module:factory]" in text
    assert "[auto|builtin|websockets|websockets-sansio|wsproto|module:Class]" in text


def test_a_group_without_options_has_no_heading() -> None:
    assert "Application:" not in GroupedCommand("empty", params=[]).get_help(click.Context(click.Command("empty")))


def test_the_version() -> None:
    code, text = invoke("--version")
    assert code == 0
    assert text.startswith(f"Running uvicorn {uvicorn.__version__} with ")
    assert text.count("\n") == 2


def test_the_version_with_a_wrong_choice_of_speedups() -> None:
    command = [sys.executable, "-m", "uvicorn", "--version"]
    with ServerProcess(command=command, ready=False, env={"UVICORN_SPEEDUPS": "perhaps"}) as process:
        assert process.wait() == 2
        assert "Error: UVICORN_SPEEDUPS is 'perhaps'; it can be auto, off or require." in process.stderr


def test_the_version_is_not_shown_while_completing() -> None:
    context = main.make_context("uvicorn", ["--version"], resilient_parsing=True)
    assert context.params["app"] is None


# --- From the command line to run() -----------------------------------------------------------------------------------


def test_the_defaults_are_passed_to_run(handed_over: dict[str, Any]) -> None:
    assert invoke(APP) == (0, "")
    expected = {option.name: option.command_line_default for option in COMMAND_LINE}
    del expected["log_config"]
    assert handed_over == {"app": APP, **expected}


def text_for(option: Option) -> tuple[str, Any]:
    """Return a text that the option accepts, and its value, which differs from the default if possible."""
    samples: dict[str, tuple[str, Any]] = {
        "host": ("::1", "::1"),
        "fd": ("0", 0),
        "http": ("h11", "h11"),
        "loop": ("a.b:c", "a.b:c"),
        "ws": ("none", "none"),
        "lifespan": ("OFF", "off"),
        "interface": ("wsgi", "wsgi"),
        "log_level": ("DEBUG", "debug"),
        "ws_per_message_deflate": ("false", False),
        "ws_ping_interval": ("0", 0),
        "env_file": (__file__, __file__),
        "log_config": (__file__, __file__),
        "access_log_format": ("JSON", "json"),
        "log_format": ("JSON", "json"),
        "metrics": ("unix:m", "unix:m"),
        "metrics_buckets": ("0.5,1", "0.5,1"),
        "access_log_file": ("access.log", "access.log"),
        "reload_dirs": ("tests", ["tests"]),
        "reload_includes": ("*.html", ["*.html"]),
        "reload_excludes": ("*.tmp", ["*.tmp"]),
        "forwarded_allow_ips": ("*", "*"),
        "root_path": ("/api", "/api"),
        "uds": ("server.sock", "server.sock"),
        "forwarded_header": ("FORWARDED", "forwarded"),
        "worker_max_rss": ("77M", 77 * 2**20),
        "bind": ("unix:server.sock", ["unix:server.sock"]),
        "uds_mode": ("660", 0o660),
        "pid_file": ("server.pid", "server.pid"),
        "headers": ("x-a:b:c", [("x-a", "b:c")]),
        "app_dir": ("tests", "tests"),
        "ssl_keyfile_password": ("secret", "secret"),
        "ssl_version": ("2", 2),
        "ssl_cert_reqs": ("1", 1),
        "ssl_ciphers": ("ALL", "ALL"),
        "ssl_keyfile": (__file__, [__file__]),
        "ssl_certfile": (__file__, [__file__]),
        "asgi_http_version": ("2.4", "2.4"),
        "ssl_min_version": ("TLSv1.3", ssl.TLSVersion.TLSv1_3),
        "ssl_ca_certs": (__file__, __file__),
    }
    if option.form in (Form.ON, Form.ON_OFF):
        return ("1", True) if option.default is False else ("0", False)
    return samples.get(option.name, ("77", 77))


@pytest.mark.parametrize("option", COMMAND_LINE, ids=lambda option: option.name)
def test_an_option_is_passed_to_run(option: Option, handed_over: dict[str, Any]) -> None:
    text, value = text_for(option)
    assert value != option.default
    on, _, off = option.declaration.partition("/")
    arguments = [on, text] if option.form not in (Form.ON, Form.ON_OFF) else [on if value else off]
    assert invoke(APP, *arguments) == (0, "")
    assert handed_over[option.name] == value


@pytest.mark.parametrize("option", COMMAND_LINE, ids=lambda option: option.name)
def test_an_option_from_the_environment_is_passed_to_run(option: Option, handed_over: dict[str, Any]) -> None:
    text, value = text_for(option)
    assert invoke(APP, env={option.environment_variable: text}) == (0, "")
    assert handed_over[option.name] == value


def test_the_application_from_the_environment_is_passed_to_run(handed_over: dict[str, Any]) -> None:
    assert invoke(env={"UVICORN_APP": APP}) == (0, "")
    assert handed_over["app"] == APP


def test_lists_in_the_environment(handed_over: dict[str, Any]) -> None:
    directories = os.pathsep.join(["tests", "docs"])
    assert invoke(APP, env={"UVICORN_RELOAD_INCLUDES": "*.html *.css"}) == (0, "")
    assert handed_over["reload_includes"] == ["*.html", "*.css"]
    assert invoke(APP, env={"UVICORN_RELOAD_DIRS": directories, "UVICORN_HEADERS": "a:1 b:2"}) == (0, "")
    assert handed_over["reload_dirs"] == ["tests", "docs"]
    assert handed_over["headers"] == [("a", "1"), ("b", "2")]


def test_the_callback_may_be_called(handed_over: dict[str, Any]) -> None:
    assert main.callback is not None
    main.callback(app=APP, port=1, log_config=LOGGING_CONFIG)
    assert handed_over["app"] == APP
    assert handed_over["port"] == 1
    assert handed_over["log_config"] is LOGGING_CONFIG


# --- Wrong values -----------------------------------------------------------------------------------------------------


def wrong(option: Option) -> str:
    kind: Kind = option.kind
    for text in ("-1", "no such thing", "10.0.0.1/8"):
        try:
            kind.parse(text)
        except ValueError:
            return text
    raise LookupError(option.name)


def test_the_list_of_options_that_take_any_text() -> None:
    for name in TAKES_ANY_TEXT:
        with pytest.raises(LookupError):
            wrong(OPTIONS[name])
        assert isinstance(OPTIONS[name].kind, Text | Loop) or "exists" not in OPTIONS[name].kind.expected


REFUSING = [option for option in COMMAND_LINE if option.name not in TAKES_ANY_TEXT]


@pytest.mark.parametrize("option", REFUSING, ids=lambda option: option.name)
def test_a_wrong_value_is_a_usage_error(option: Option, handed_over: dict[str, Any]) -> None:
    text = wrong(option)
    ways = {option.environment_variable: invoke(APP, env={option.environment_variable: text})}
    if option.form not in (Form.ON, Form.ON_OFF):
        ways[option.declaration] = invoke(APP, option.declaration, text)
    for name, (code, output) in ways.items():
        assert code == 2
        message = " ".join(output.split())
        # The error names what the user wrote. click 7 does not report where a value comes from.
        assert f"Invalid value for '{name}': " in message or not hasattr(click.Context, "get_parameter_source")
    message = " ".join(output.split())
    assert f"{text!r} is not {option.kind.expected}. {option.kind.hint(text)}".strip() in message
    assert handed_over == {}


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["-b", "0.0.0.0:80"], "Error: No such option: -b. Use --bind."),
        (["-w", "4"], "Error: No such option: -w. Use --workers."),
        (["-h"], "Error: No such option: -h. Use --help for the list of options, or --host for the address."),
        (["--max-requests=9"], "Error: No such option: --max-requests. Use --limit-max-requests."),
    ],
)
def test_an_option_of_another_server(arguments: list[str], line: str) -> None:
    code, output = invoke(APP, *arguments)
    assert code == 2
    assert line in output.splitlines()


def test_hints_for_other_servers_name_options_that_exist() -> None:
    ours = {name for parameter in main.params for name in (*parameter.opts, *parameter.secondary_opts)}
    assert not ours & set(MODULE.ELSEWHERE)
    for text in MODULE.ELSEWHERE.values():
        assert set(re.findall(r"--[a-z0-9-]+", text)) <= ours | {"--help", "--timeout"}


def test_an_unknown_option() -> None:
    code, output = invoke(APP, "--no-such-thing")
    assert code == 2
    assert "No such option" in output


def test_a_choice_of_uvicorn_0_54_that_is_missing_here() -> None:
    code, output = invoke(APP, "--http", "zttp")
    assert code == 2
    flowing = " ".join(output.split())
    assert "Invalid value for '--http'" in flowing
    assert "zttp is a choice of uvicorn 0.54 that is not here" in flowing


@pytest.mark.parametrize(
    ("variable", "named"), [("UVICORN_PORT", "--port"), ("UVICORN_HEADERS", "--header"), ("UVICORN_CONFIG", "--config")]
)
def test_an_error_names_what_was_given(variable: str, named: str) -> None:
    for code, output in (invoke(APP, env={variable: "wrong"}), invoke(APP, named, "wrong")):
        assert code == 2
        assert f"Invalid value for '{variable}': " in output or f"Invalid value for '{named}': " in output
    assert f"'{named}'" not in invoke(APP, env={variable: "wrong"})[1]


def test_without_an_application() -> None:
    code, output = invoke()
    assert code == 2
    assert "Missing argument 'APP': the application, as module:attribute, such as main:app." in output


def test_errors_of_config_are_usage_errors() -> None:
    code, output = invoke(APP, env={"WEB_CONCURRENCY": "many"})
    assert code == 2
    assert output.endswith("Error: $WEB_CONCURRENCY must be an integer, at least 0, not 'many'\n")


# --- run() ------------------------------------------------------------------------------------------------------------


class Supervisor:
    """Stands for the supervisors, which have their own tests."""

    calls: list[tuple[str, Config, dict[str, Any]]]
    error: type[BaseException] | None = None

    def __init__(self, config: Config, **options: Any) -> None:
        self.calls.append((type(self).__name__, config, options))

    def run(self) -> None:
        if self.error is not None:
            raise self.error


@pytest.fixture
def supervisors(monkeypatch: pytest.MonkeyPatch) -> type[Supervisor]:
    import uvicorn.supervisors

    class Recording(Supervisor):
        calls: list[tuple[str, Config, dict[str, Any]]] = []  # noqa: RUF012 - one for each test

    monkeypatch.setattr(uvicorn.supervisors, "ChangeReload", type("ChangeReload", (Recording,), {}))
    monkeypatch.setattr(uvicorn.supervisors, "Multiprocess", type("Multiprocess", (Recording,), {}))
    return Recording


@pytest.mark.parametrize(
    ("options", "supervisor", "warned"),
    [
        ({"workers": 2}, "Multiprocess", False),
        ({"reload": True}, "ChangeReload", False),
        ({"reload": True, "workers": 2}, "ChangeReload", True),
    ],
)
def test_child_processes(
    options: dict[str, Any],
    supervisor: str,
    warned: bool,
    supervisors: type[Supervisor],
    capsys: pytest.CaptureFixture[str],
) -> None:
    run(APP, port=0, **options)
    ((name, config, arguments),) = supervisors.calls
    assert name == supervisor
    assert config.app == APP
    (sock,) = arguments.pop("sockets")
    assert sock.fileno() == -1
    if supervisor == "ChangeReload":
        assert arguments.pop("target").__func__ is Server.run
    assert arguments == {}
    assert ('WARNING:  "workers" flag is ignored when reloading is enabled.\n' in capsys.readouterr().err) is warned


@pytest.mark.parametrize("error", [None, KeyboardInterrupt])
def test_the_unix_socket_of_child_processes_is_removed(
    error: type[BaseException] | None, supervisors: type[Supervisor], tmp_path: Path
) -> None:
    supervisors.error = error
    path = tmp_path / "server.sock"
    run(APP, uds=path, workers=2)
    assert len(supervisors.calls) == 1
    assert not path.exists()


def test_the_unix_socket_of_another_server_is_not_removed(tmp_path: Path, supervisors: type[Supervisor]) -> None:
    path = tmp_path / "server.sock"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        with pytest.raises(SystemExit) as exited:
            run(APP, uds=path, workers=2)
        assert exited.value.code == 3
        assert path.exists()
    assert supervisors.calls == []


def test_an_error_in_a_supervisor_is_shown(supervisors: type[Supervisor]) -> None:
    supervisors.error = RuntimeError
    with pytest.raises(RuntimeError):
        run(APP, port=0, workers=2)


@pytest.mark.parametrize("options", [{"workers": 2}, {"reload": True}])
def test_child_processes_need_an_import_string(options: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        """Never run."""

    with pytest.raises(SystemExit) as exited:
        run(app, **options)
    assert exited.value.code == 3
    assert capsys.readouterr().err == (
        "WARNING:  You must pass the application as an import string to enable 'reload' or 'workers'.\n"
    )


def test_wrong_values_are_the_callers_error() -> None:
    with pytest.raises(OptionError):
        run(APP, port=70000)


def test_a_missing_file_is_reported_in_one_line(capfd: pytest.CaptureFixture[str], caplog: Any) -> None:
    with pytest.raises(SystemExit) as exited:
        run(APP, log_config="no/such/file")
    assert exited.value.code == 3
    assert "--log-config 'no/such/file' does not exist" in capfd.readouterr().err + caplog.text


def patched_server(monkeypatch: pytest.MonkeyPatch, outcome: Any, asked_to_exit: bool = False) -> None:
    def serve_nothing(self: Server, sockets: Any = None) -> None:
        if isinstance(outcome, BaseException):
            raise outcome
        self.started = outcome
        self.should_exit = asked_to_exit

    monkeypatch.setattr(Server, "run", serve_nothing)


@pytest.mark.parametrize(
    ("outcome", "asked_to_exit"),
    [(True, False), (False, True), (KeyboardInterrupt(), False)],
    ids=["served", "asked to exit before it started", "Ctrl-C"],
)
def test_run_returns_after_an_ordinary_end(monkeypatch: pytest.MonkeyPatch, outcome: Any, asked_to_exit: bool) -> None:
    patched_server(monkeypatch, outcome, asked_to_exit)
    assert run(APP) is None  # `run()` returns and does not exit


@pytest.mark.parametrize("outcome", [False, SystemExit(3)])
def test_a_server_that_could_not_start(monkeypatch: pytest.MonkeyPatch, outcome: Any) -> None:
    patched_server(monkeypatch, outcome)
    with pytest.raises(SystemExit) as exited:
        run(APP)
    assert exited.value.code == 3


def test_an_error_before_the_application_is_loaded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    patched_server(monkeypatch, ImportError("of the user's module"))
    with pytest.raises(SystemExit) as exited:
        run(APP)
    assert exited.value.code == 3
    assert isinstance(exited.value.__cause__, ImportError)
    assert capsys.readouterr().err.endswith("ImportError: of the user's module\n")


def test_an_error_while_serving(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Server, sockets: Any = None) -> None:
        self.config.loaded = True
        raise RuntimeError("while serving")

    monkeypatch.setattr(Server, "run", fail)
    with pytest.raises(RuntimeError, match="while serving"):
        run(APP)


# --- As a process -----------------------------------------------------------------------------------------------------


def outcome(*arguments: str, **options: Any) -> tuple[int, str]:
    """Return the exit code and the standard error of a server that fails to start."""
    with ServerProcess(*arguments, ready=False, **options) as server:
        return server.wait(), server.stderr


def test_a_server_from_the_command_line() -> None:
    with serve(APP, "--header", "X-Mine: yes", "--no-server-header") as server:
        answer = exchange((server.host, server.port), b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"x-mine: yes\r\n" in answer
        assert b"server:" not in answer
        assert server.stop(signal.SIGINT) == 0


def test_a_unix_socket_is_served_and_removed(tmp_path: Path) -> None:
    path = tmp_path / "server.sock"
    with serve(APP, "--uds", str(path)) as server:
        assert exchange(str(path), b"GET / HTTP/1.0\r\n\r\n").endswith(b"ok")
        assert server.stop(signal.SIGINT) == 0
    assert not path.exists()


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (["no_such_module:app"], 3, 'ERROR:    Error loading ASGI app. Could not import module "no_such_module".'),
        (["tests.apps:no"], 3, 'ERROR:    Error loading ASGI app. Attribute "no" not found in module "tests.apps".'),
        ([APP, "--loop", "no.such:loop"], 3, "ERROR:    Error loading --loop no.such:loop. Could not import module"),
        ([APP, "--http", "no.such:Http"], 3, "ERROR:    Error loading --http no.such:Http. Could not import module"),
        ([APP, "--fd", "99"], 3, "ERROR:    [Errno 9] cannot serve file descriptor 99: Bad file descriptor"),
        ([APP, "--uds", "/no/such/x"], 3, "ERROR:    [Errno 2] error while attempting to bind on address '/no/such/x'"),
        ([APP, "--ssl-certfile", __file__], 3, f"ERROR:    --ssl-certfile {__file__}: there is no certificate"),
        ([APP, "--log-config", __file__], 2, "Error: --log-config "),
        (
            [APP, "--loop", "zuvloop"],
            3,
            "ERROR:    Error loading --loop zuvloop. It must be one of auto, asyncio, uvloop",
        ),
        ([f"{APP}x"], 3, 'ERROR:    Error loading ASGI app. Attribute "asgi3_appx" not found in module "tests.apps"'),
        (["tests.apps:wsgi_app"], 3, "ERROR:    Error loading ASGI app. wsgi_app takes the arguments of a WSGI"),
        ([APP, "--env-file", "no/such/file"], 2, "Error: Invalid value for '--env-file': 'no/such/file' is not a file"),
    ],
)
def test_a_startup_failure_is_reported_in_one_line(arguments: list[str], code: int, line: str) -> None:
    actual, errors = outcome(*arguments)
    assert actual == code
    assert "Traceback" not in errors
    lines = [text for text in errors.splitlines() if text.startswith(("ERROR", "Error"))]
    assert len(lines) == 1
    assert lines[0].startswith(line)


def test_an_occupied_port_is_reported_in_one_line() -> None:
    with socket.socket() as occupied:
        occupied.bind(("127.0.0.1", 0))
        occupied.listen()
        code, errors = outcome(APP, "--port", str(occupied.getsockname()[1]))
    assert code == 3
    [line] = errors.splitlines()
    assert "address already in use" in line


def test_an_error_inside_the_users_module_is_shown_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "failing_app.py").write_text("import no_such_dependency\n")
    code, errors = outcome("failing_app:app", "--app-dir", str(tmp_path))
    assert code == 3
    assert errors == (
        "Traceback (most recent call last):\n"
        f'  File "{tmp_path / "failing_app.py"}", line 1, in <module>\n'
        "    import no_such_dependency\n"
        "ModuleNotFoundError: No module named 'no_such_dependency'\n"
    )


@pytest.mark.filterwarnings("ignore:coroutine 'Server.serve' was never awaited")
def test_run_raises_inside_a_running_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs catch this error, for example in a notebook, and await `Server.serve` instead."""
    bound: list[socket.socket] = []
    bind_socket = TcpBind._bind

    def bind(address: TcpBind) -> socket.socket:
        bound.append(bind_socket(address))
        return bound[-1]

    async def call() -> None:
        with pytest.raises(RuntimeError, match="cannot be called from a running event loop"):
            run("examples.hello:app", port=0, log_config=None)

    monkeypatch.setattr(TcpBind, "_bind", bind)
    run_async(call())
    assert [sock.fileno() for sock in bound] == [-1]


def test_the_module_can_be_run(tmp_path: Path) -> None:
    with ServerProcess(command=[sys.executable, "-m", "uvicorn", "--version"], ready=False) as process:
        assert process.wait() == 0
        assert process.stdout.startswith("Running uvicorn ")
    with ServerProcess(command=[sys.executable, "-m", "uvicorn.main", "--help"], ready=False) as process:
        assert process.wait() == 0
