"""Which build is selected, and why (UVICORN_SPEEDUPS)."""

import importlib
import os
import re
import sys
import types
import warnings
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any

import pytest

from uvicorn import _speedups
from uvicorn._speedups import build_state


@pytest.fixture
def choose(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Select a build again; the builds that were already loaded do not change."""

    def choose(choice: str | None) -> tuple[str, str, str, Any]:
        if choice is None:
            monkeypatch.delenv("UVICORN_SPEEDUPS", raising=False)
        else:
            monkeypatch.setenv("UVICORN_SPEEDUPS", choice)
        return _speedups._select()

    return choose


@pytest.fixture
def without_compiled(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make the import of the compiled build raise the error."""

    def break_it(error: Exception) -> None:
        def load(build: str, modules: dict[str, str]) -> Any:
            if build == "compiled":
                raise error
            return types.SimpleNamespace(build=build)

        monkeypatch.setattr(_speedups, "load", load)
        monkeypatch.setattr(build_state, "find_newer_source", lambda: "")
        monkeypatch.setattr(sys.implementation, "name", "cpython")

    return break_it


def test_off(choose: Any) -> None:
    build, reason, remedy, names = choose("off")
    assert (build, reason, remedy) == ("pure", "UVICORN_SPEEDUPS=off", "")
    assert names.RequestReader is _speedups.load("pure").RequestReader


@pytest.mark.parametrize("choice", ["", "on", "OFF", "0"])
def test_refuses_an_unknown_choice(choose: Any, choice: str) -> None:
    with pytest.raises(ImportError, match=f"UVICORN_SPEEDUPS is '{choice}'; it can be auto, off or require"):
        choose(choice)


@pytest.mark.parametrize("choice", [None, "auto", "require"])
def test_compiled(choose: Any, choice: str | None) -> None:
    try:
        compiled = _speedups.load("compiled")
    except ImportError as error:
        pytest.skip(str(error))
    build, reason, remedy, names = choose(choice)
    assert (build, reason, remedy) == ("compiled", f"UVICORN_SPEEDUPS={choice or 'auto'}", "")
    assert names.ResponseFramer is compiled.ResponseFramer


def test_explains_a_build_that_is_not_installed(
    choose: Any, without_compiled: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_compiled(ModuleNotFoundError("no such module"))
    monkeypatch.setattr(build_state, "explain_absence", lambda: "the compilation failed: no gcc")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert choose("auto")[:3] == ("pure", "the compilation failed: no gcc", build_state.BUILD_AGAIN)
    with pytest.raises(
        ImportError, match=r"^UVICORN_SPEEDUPS=require, but the compilation failed: no gcc\. Install a C"
    ):
        choose("require")


def test_warns_about_a_broken_build(choose: Any, without_compiled: Any) -> None:
    without_compiled(ImportError("undefined symbol: x"))
    with pytest.warns(RuntimeWarning, match="without its speedups: the compiled build is broken: undefined symbol: x"):
        assert choose("auto")[0] == "pure"
    with pytest.raises(ImportError, match="require, but the compiled build is broken: undefined symbol: x"):
        choose("require")


@pytest.mark.parametrize("error", [None, AttributeError("module has no attribute 'RequestReader'")])
def test_warns_about_a_build_that_is_older_than_its_sources(
    error: Exception | None, choose: Any, without_compiled: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if error is None:
        monkeypatch.setattr(_speedups, "load", lambda build, modules: types.SimpleNamespace(build=build))
        monkeypatch.setattr(sys.implementation, "name", "cpython")
    else:
        without_compiled(error)
    monkeypatch.setattr(_speedups, "_SETUP", __file__)  # a file that only a checkout has
    monkeypatch.setattr(build_state, "find_newer_source", lambda: "_scan_py.py")
    message = re.escape("the compiled build is older than _scan_py.py. Rebuild it: python setup.py build_ext --inplace")
    with pytest.warns(RuntimeWarning, match=f"^uvicorn runs without its speedups: {message}$"):
        build, reason, remedy, names = choose("auto")
    assert (build, names.build) == ("pure", "pure")
    assert f"{reason}. {remedy}" == re.sub(r"\\(.)", r"\1", message)
    with pytest.raises(ImportError, match=f"^UVICORN_SPEEDUPS=require, but {message}$"):
        choose("require")


def test_an_installation_is_not_compared_with_sources(choose: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_speedups, "load", lambda build, modules: types.SimpleNamespace(build=build))
    monkeypatch.setattr(sys.implementation, "name", "cpython")
    monkeypatch.setattr(_speedups, "_SETUP", "/no/such/setup.py")
    monkeypatch.setattr(build_state, "find_newer_source", lambda: pytest.fail("looked for sources"))
    assert choose("auto")[0] == "compiled"


@pytest.mark.parametrize(
    ("changed", "found"),
    [(None, ""), ("_scan_c.pxd", "_scan_c.pxd"), ("_scan_py.py", "_scan_py.py"), ("binary", "_scan_py.py")],
)
def test_a_newer_source_is_found(changed: str | None, found: str, tmp_path: Path) -> None:
    binary = tmp_path / f"_scan_c{EXTENSION_SUFFIXES[0]}"
    for path in (tmp_path / "_scan_py.py", tmp_path / "_scan_c.pxd", binary):
        path.touch()
        os.utime(path, (1000, 1000))
    if changed == "binary":
        binary.unlink()
    elif changed is not None:
        os.utime(tmp_path / changed, (2000, 2000))
    assert build_state.find_newer_source(tmp_path) == found


def test_the_reason_of_a_failed_compilation_is_read(tmp_path: Path) -> None:
    assert build_state.explain_absence(tmp_path) == "the compiled build is not installed"
    (tmp_path / build_state.BUILD_FAILURE).write_text("gcc failed with exit code 1\n")
    assert build_state.explain_absence(tmp_path) == "the compilation failed: gcc failed with exit code 1"


def test_no_variable_that_is_assigned_again_is_a_c_global() -> None:
    """Without the GIL, one thread can free the object of a C global while another reads it."""
    folder = Path(build_state.__file__).parent
    for source in folder.glob("*_py.py"):
        assigned = set(re.findall(r"^ +global (\w+)", source.read_text(encoding="utf-8"), re.MULTILINE))
        declarations = folder / source.name.replace("_py.py", "_c.pxd")
        text = declarations.read_text(encoding="utf-8") if declarations.exists() else ""
        declared = {
            name for line in re.findall(r"^cdef ([^(:]+)$", text, re.MULTILINE) for name in re.findall(r"\w+", line)
        }
        assert assigned.isdisjoint(declared)


def test_pypy(choose: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.implementation, "name", "pypy")
    assert choose("auto")[:3] == ("pure", "PyPy compiles the pure build itself", "")
    with pytest.raises(ImportError, match="UVICORN_SPEEDUPS=require, but PyPy"):
        choose("require")


def test_each_build_provides_all_names(build: str) -> None:
    names = vars(_speedups.load(build))
    suffix = "_c" if build == "compiled" else "_py"
    assert names.keys() == {
        "AccessLineFormat",
        "ChunkedBody",
        "Decoder",
        "Encoder",
        "FieldsReader",
        "Http2Framer",
        "LineOfParts",
        "Part",
        "Outcome",
        "Recorder",
        "RequestReader",
        "RequestHead",
        "ResponseFramer",
        "Session",
        "WebSocketCodec",
        "quote_path",
        "quote_query",
        "quote_text",
    }
    assert all(value.__module__.endswith(suffix) for value in names.values())
    if build == _speedups.HALF:
        assert all(getattr(_speedups, name) is value for name, value in names.items())


def test_modules_of_both_builds_share_their_constants(build: str) -> None:
    """The code may compare with a constant of either build."""
    for name in ("_chunked", "_hpack", "_http2_fields", "_request", "_response", "_websocket"):
        pure = importlib.import_module(f"uvicorn._speedups.{name}_py")
        module = sys.modules[f"uvicorn._speedups.{name}{'_c' if build == 'compiled' else '_py'}"]
        constants = {key for key, value in vars(pure).items() if key.isupper() and isinstance(value, int)}
        assert {"COMPILED"} >= {
            key for key in constants if getattr(module, key, getattr(pure, key)) != getattr(pure, key)
        }
