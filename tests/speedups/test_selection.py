"""Which half is chosen, and why (UVICORN_SPEEDUPS)."""

import importlib
import sys
import types
import warnings
from typing import Any

import pytest

from uvicorn import _speedups


@pytest.fixture
def choose(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Choose a half anew; the halves that were loaded stay as they are."""

    def choose(choice: str | None) -> tuple[str, str, Any]:
        if choice is None:
            monkeypatch.delenv("UVICORN_SPEEDUPS", raising=False)
        else:
            monkeypatch.setenv("UVICORN_SPEEDUPS", choice)
        return _speedups._select()

    return choose


@pytest.fixture
def without_compiled(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Have the import of the compiled half raise."""

    def break_it(error: ImportError) -> None:
        def load(half: str, modules: dict[str, str]) -> Any:
            if half == "compiled":
                raise error
            return types.SimpleNamespace(half=half)

        monkeypatch.setattr(_speedups, "load", load)
        monkeypatch.setattr(sys.implementation, "name", "cpython")

    return break_it


def test_off(choose: Any) -> None:
    half, reason, names = choose("off")
    assert (half, reason) == ("pure", "UVICORN_SPEEDUPS=off")
    assert names.RequestReader is _speedups.load("pure").RequestReader


@pytest.mark.parametrize("choice", ["", "on", "OFF", "0"])
def test_unknown_choice(choose: Any, choice: str) -> None:
    with pytest.raises(ImportError, match=f"UVICORN_SPEEDUPS is '{choice}'; it can be auto, off or require"):
        choose(choice)


@pytest.mark.parametrize("choice", [None, "auto", "require"])
def test_compiled(choose: Any, choice: str | None) -> None:
    try:
        compiled = _speedups.load("compiled")
    except ImportError as error:
        pytest.skip(str(error))
    half, reason, names = choose(choice)
    assert (half, reason) == ("compiled", f"UVICORN_SPEEDUPS={choice or 'auto'}")
    assert names.ResponseFramer is compiled.ResponseFramer


def test_not_installed(choose: Any, without_compiled: Any) -> None:
    without_compiled(ModuleNotFoundError("no such module"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert choose("auto")[:2] == ("pure", "the compiled half is not installed")
    with pytest.raises(ImportError, match="UVICORN_SPEEDUPS=require, but the compiled half is not installed"):
        choose("require")


def test_broken(choose: Any, without_compiled: Any) -> None:
    without_compiled(ImportError("undefined symbol: x"))
    with pytest.warns(RuntimeWarning, match="without its speedups: the compiled half is broken: undefined symbol: x"):
        assert choose("auto")[0] == "pure"
    with pytest.raises(ImportError, match="require, but the compiled half is broken: undefined symbol: x"):
        choose("require")


def test_pypy(choose: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.implementation, "name", "pypy")
    assert choose("auto")[:2] == ("pure", "PyPy compiles the pure half itself")
    with pytest.raises(ImportError, match="UVICORN_SPEEDUPS=require, but PyPy"):
        choose("require")


def test_the_half_that_runs(half: str) -> None:
    names = vars(_speedups.load(half))
    suffix = "_c" if half == "compiled" else "_py"
    assert names.keys() == {
        "AccessLineFormat",
        "ChunkedBody",
        "Decoder",
        "Encoder",
        "FieldsReader",
        "Http2Framer",
        "RequestReader",
        "RequestHead",
        "ResponseFramer",
        "Session",
        "WebSocketCodec",
        "quote_path",
        "quote_query",
    }
    assert all(value.__module__.endswith(suffix) for value in names.values())
    if half == _speedups.HALF:
        assert all(getattr(_speedups, name) is value for name, value in names.items())


def test_modules_of_both_halves_share_their_facts(half: str) -> None:
    """Whoever compares with a constant may take it from either half."""
    for name in ("_chunked", "_hpack", "_http2_fields", "_request", "_response", "_websocket"):
        pure = importlib.import_module(f"uvicorn._speedups.{name}_py")
        module = sys.modules[f"uvicorn._speedups.{name}{'_c' if half == 'compiled' else '_py'}"]
        constants = {key for key, value in vars(pure).items() if key.isupper() and isinstance(value, int)}
        assert {"COMPILED"} >= {
            key for key in constants if getattr(module, key, getattr(pure, key)) != getattr(pure, key)
        }
