import importlib.util
import platform
import re

import pytest

import uvicorn
from uvicorn import _speedups
from uvicorn.config import Config
from uvicorn.main import auto_picks, version_text


def test_the_lines_of_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_speedups, "REMEDY", "")
    first, second = version_text().splitlines()
    assert first == (
        f"Running uvicorn {uvicorn.__version__} with {platform.python_implementation()} "
        f"{platform.python_version()} on {platform.system()}"
    )
    assert re.fullmatch(
        r"Speedups: (compiled|pure) \(.+\); auto: --http (httptools|h11), --loop (uvloop|asyncio), --ws builtin", second
    )
    assert _speedups.HALF in second
    assert _speedups.REASON in second


def test_what_to_do_about_missing_speedups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_speedups, "REMEDY", "Install a C compiler.")
    assert version_text().splitlines()[2:] == ["Install a C compiler."]


@pytest.mark.parametrize(
    ("option", "installed", "picked"),
    [
        ("http", ["httptools"], "httptools"),
        ("http", [], "h11"),
        ("loop", ["uvloop"], "uvloop"),
        ("loop", [], "asyncio"),
        ("ws", ["websockets", "wsproto"], "builtin"),
    ],
)
def test_the_choices_of_auto(option: str, installed: list[str], picked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name if name in installed else None)
    assert auto_picks(option) == picked


def test_the_choices_are_those_that_a_server_uses() -> None:
    config = Config("tests.apps:asgi3_app")
    config.load()
    assert auto_picks("http") in config.http_protocol_class.__module__
    assert auto_picks("ws") in config.ws_protocol_class.__module__
    factory = config.get_loop_factory()
    assert factory is not None
    assert factory.__module__.startswith(auto_picks("loop"))
    assert importlib.util.find_spec(factory.__module__) is not None
