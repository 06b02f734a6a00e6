import json
import logging
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from tests.processes import ServerProcess, serve
from uvicorn.config.schema import Group
from uvicorn.config.table import OPTIONS
from uvicorn.main import main

APP = "tests.apps:asgi3_app"
MODULE = sys.modules["uvicorn.main"]


@pytest.fixture
def handed_over(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Collect the arguments that the command passes to `run()`, which is replaced by a stub."""
    arguments: dict[str, Any] = {}
    monkeypatch.setattr(MODULE, "run", lambda app, **options: arguments.update(options, app=app))
    return arguments


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    if sys.version_info < (3, 11):
        pytest.importorskip("tomli")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def invoke(*arguments: str, env: dict[str, str] | None = None) -> tuple[int, str]:
    result = CliRunner().invoke(main, list(arguments), env=env)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def write(text: str, name: str = "uvicorn.toml") -> str:
    Path(name).write_text(text, encoding="utf-8")
    return name


def test_values_of_each_type(handed_over: dict[str, Any]) -> None:
    Path("watched").mkdir()
    write(
        """
        app = "a.b:c"
        port = 9000
        timeout_keep_alive = 2.5
        ws_ping_interval = 0
        http2 = true
        access_log = false
        log_level = "DEBUG"
        headers = ["x-a:1", "x-b: 2"]
        reload_dirs = "watched"
        forwarded_allow_ips = ["10.0.0.1", "10.1.0.0/16"]
        limit_concurrency = "7"
        """
    )
    assert invoke("--config", "uvicorn.toml") == (0, "")
    expected = {
        "app": "a.b:c",
        "port": 9000,
        "timeout_keep_alive": 2.5,
        "ws_ping_interval": 0,
        "http2": True,
        "access_log": False,
        "log_level": "debug",
        "headers": [("x-a", "1"), ("x-b", "2")],
        "reload_dirs": ["watched"],
        "forwarded_allow_ips": ["10.0.0.1", "10.1.0.0/16"],
        "limit_concurrency": 7,
    }
    assert {name: handed_over[name] for name in expected} == expected


def test_the_order_of_the_sources(handed_over: dict[str, Any]) -> None:
    write("app = 'a:a'\nport = 1\nbacklog = 1\nfd = 1\nheaders = ['a:1']\nreload = true")
    environment = {"UVICORN_PORT": "2", "UVICORN_BACKLOG": "2", "UVICORN_CONFIG": "uvicorn.toml"}
    assert invoke("b:b", "--port", "3", "--header", "b:2", env=environment) == (0, "")
    names = ("app", "port", "backlog", "fd", "headers", "reload", "workers")
    assert [handed_over[name] for name in names] == ["b:b", 3, 2, 1, [("b", "2")], True, None]


def test_a_byte_order_mark(handed_over: dict[str, Any]) -> None:
    """Editors on Windows write one."""
    Path("uvicorn.toml").write_text("port = 1\n", encoding="utf-8-sig")
    assert invoke(APP, "--config", "uvicorn.toml") == (0, "")
    assert handed_over["port"] == 1


def test_the_table_of_a_pyproject_file(handed_over: dict[str, Any]) -> None:
    write("[project]\nname = 'x'\n[tool.uvicorn]\napp = 'a:a'\nport = 9\n[tool.other]\nport = 1", "pyproject.toml")
    assert invoke("--config", "pyproject.toml") == (0, "")
    assert (handed_over["app"], handed_over["port"]) == ("a:a", 9)


def test_the_default_map_of_a_program_is_kept(handed_over: dict[str, Any]) -> None:
    write("port = 9")
    main.main(["a:a", "--config", "uvicorn.toml"], standalone_mode=False, default_map={"port": 1, "backlog": 5})
    assert (handed_over["port"], handed_over["backlog"]) == (9, 5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("port = 1\n\n# x\nprt = 2", "uvicorn.toml:4: 'prt' is not an option. Did you mean 'port'?"),
        ("log-level = 'info'", "uvicorn.toml:1: 'log-level' is not an option. Did you mean 'log_level'?"),
        ("xyzzy = 1", "uvicorn.toml:1: 'xyzzy' is not an option"),
        ("app = 5", "uvicorn.toml:1: app must be an import string, not int"),
        ("\nport = 70000", "uvicorn.toml:2: port must be an integer from 0 to 65535, not 70000"),
        ("port = [1]", "uvicorn.toml:1: port must be an integer from 0 to 65535, not list"),
        ("port = true", "uvicorn.toml:1: port must be an integer from 0 to 65535, not bool"),
        ("host = 5", "uvicorn.toml:1: host must be a host name or an IP address, not int"),
        ("lifespan = 'of'", "uvicorn.toml:1: lifespan must be one of auto, on, off, not 'of'. Did you mean 'off'?"),
        ("env_file = 'none'", "uvicorn.toml:1: env_file must be a file that exists, not 'none'"),
        (
            'root_path = """\n[\nport = 1\n"""\nreload_includes = [\n"[",\n5,\n]',
            "uvicorn.toml:5: reload_includes must be a glob pattern, not int",
        ),
        ("[log_config]\nversion = 1", "uvicorn.toml:1: log_config must be a file that exists, not dict"),
        ("callback_notify = 'a:b'", "uvicorn.toml:1: callback_notify is for Python only"),
        (
            "[tool.uvicorn]\nport = 1",
            "uvicorn.toml:1: [tool] is a table. Options are at the top of the file; "
            "only pyproject.toml has [tool.uvicorn]",
        ),
        ("port = 1\nport = 2", "uvicorn.toml is not TOML: "),
        ("a b", "uvicorn.toml is not TOML: "),
    ],
)
def test_a_mistake_is_reported_with_its_line(text: str, message: str, handed_over: dict[str, Any]) -> None:
    write(text)
    code, output = invoke(APP, "--config", "uvicorn.toml")
    assert code == 2
    assert f"Error: {message}" in output
    assert handed_over == {}


def test_a_file_that_cannot_be_read(handed_over: dict[str, Any]) -> None:
    code, output = invoke(APP, "--config", "none.toml")
    assert code == 2
    assert "none.toml" in output
    assert "does not exist" in output
    Path("uvicorn.toml").write_bytes(b"root_path = '\xff'")
    code, output = invoke(APP, "--config", "uvicorn.toml")
    assert code == 2
    assert "uvicorn.toml is not TOML: 'utf-8' codec" in output


@pytest.mark.parametrize("text", ["", "[project]\nname = 'x'", "tool = 5", "[tool]\nuvicorn = 5"])
def test_a_pyproject_file_without_the_table(text: str) -> None:
    code, output = invoke(APP, "--config", write(text, "pyproject.toml"))
    assert code == 2
    assert "Error: pyproject.toml has no table [tool.uvicorn]" in output


def test_no_file_is_read_for_completion() -> None:
    context = main.make_context("uvicorn", ["--config", write("a b")], resilient_parsing=True)
    assert context.default_map is None


# --- --print-config ---------------------------------------------------------------------------------------------------

HAS_SOURCES = pytest.mark.skipif(
    not hasattr(click.Context, "get_parameter_source"), reason="click 7 does not tell where a value comes from"
)


@HAS_SOURCES
def test_the_origin_of_each_value(handed_over: dict[str, Any]) -> None:
    write("app = 'a:a'\nheaders = [\n'x-a:1',\n]\nport = 5\nssl_keyfile_password = 'secret'")
    code, output = invoke("--config", "uvicorn.toml", "--backlog", "7", "--print-config", env={"UVICORN_FD": "3"})
    assert code == 0
    assert handed_over == {}
    lines = output.splitlines()
    for line in (
        'app = "a:a"  # uvicorn.toml:1',
        'headers = ["x-a:1"]  # uvicorn.toml:2',
        "port = 5  # uvicorn.toml:5",
        "# ssl_keyfile_password: not shown  # uvicorn.toml:6",
        "backlog = 7  # command line",
        "fd = 3  # UVICORN_FD",
        "http2 = false  # default",
        "# uds: not set  # default",
        "# workers: $WEB_CONCURRENCY, else 1  # default",
    ):
        assert line in lines
    assert len(lines) == 1 + len([option for option in OPTIONS.values() if option.group is not Group.API])


@HAS_SOURCES
def test_the_printed_configuration_can_be_read_again(handed_over: dict[str, Any]) -> None:
    arguments = ["a:a", "--root-path", '/\x7f"\\\u2028', "--header", "a:1", "--header", "b:2", "--timeout-send", "2.5"]
    assert invoke(*arguments) == (0, "")
    expected = dict(handed_over)
    write(invoke(*arguments, "--print-config")[1])
    handed_over.clear()
    assert invoke("--config", "uvicorn.toml") == (0, "")
    assert handed_over == expected


def test_print_config_fails_with_an_old_click(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MODULE, "source_of", lambda ctx, name: None)
    code, output = invoke(APP, "--print-config")
    assert code == 2
    assert "--print-config needs click 8 or newer." in output


# --- --check-config ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        (f"app = '{APP}'", 0, "The configuration is valid."),
        ("app = 'tests.apps:nope'", 3, 'Attribute "nope" not found'),
        ("app = 'broken:app'", 3, "ZeroDivisionError"),
        (f"app = '{APP}'\nloop = 'no:loop'", 3, "Error loading --loop no:loop"),
        (f"app = '{APP}'\nssl_certfile = 'uvicorn.toml'", 3, "uvicorn.toml"),
        (
            f"app = '{APP}'\nlog_config = 'uvicorn.toml'",
            2,
            "--log-config 'uvicorn.toml' is not a logging configuration",
        ),
    ],
)
def test_check_config_loads_everything(text: str, code: int, message: str, tmp_path: Path) -> None:
    Path("broken.py").write_text("1 / 0")
    arguments = ("--config", write(text), "--check-config", "--app-dir", str(tmp_path))
    with ServerProcess(*arguments, cwd=tmp_path, ready=False) as process:
        assert process.wait() == code
        assert message in process.stdout + process.stderr
        assert "Started server process" not in process.stderr


@HAS_SOURCES
def test_checking_and_printing() -> None:
    root = logging.getLogger("uvicorn")
    before = root.handlers[:], root.level
    try:
        code, output = invoke(APP, "--check-config", "--print-config")
    finally:
        root.handlers[:], root.level = before
    assert code == 0
    assert output.splitlines()[0] == f"app = {json.dumps(APP)}  # command line"
    assert output.endswith("The configuration is valid.\n")


def test_workers_of_a_file(tmp_path: Path) -> None:
    write(f"app = '{APP}'\nworkers = 2")
    with serve("--config", "uvicorn.toml", cwd=tmp_path) as server:
        server.wait_stderr("Application startup complete", count=2)
        assert len(server.workers) == 2
