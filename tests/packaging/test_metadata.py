"""The metadata of the project."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import uvicorn
from tests.processes import ROOT
from uvicorn import _speedups

tomllib = pytest.importorskip("tomllib", reason="Python 3.10 has no reader for pyproject.toml")

OPTIONAL = {"httptools", "dotenv", "yaml", "uvloop", "watchfiles", "websockets", "wsproto", "a2wsgi", "gunicorn"}


@pytest.fixture(scope="module")
def metadata() -> dict[str, Any]:
    path = ROOT / "pyproject.toml"
    return dict(tomllib.loads(path.read_text(encoding="utf-8")))


def names(requirements: list[str]) -> list[str]:
    return [re.split(r"[\s\[<>=;~!]", requirement, maxsplit=1)[0] for requirement in requirements]


def test_dependencies_and_the_standard_extra(metadata: dict[str, Any]) -> None:
    project = metadata["project"]
    assert project["requires-python"] == ">=3.10"
    assert project["license"] == "BSD-3-Clause"
    assert names(project["dependencies"]) == ["click", "h11", "typing_extensions"]
    assert list(project["optional-dependencies"]) == ["standard"]
    standard = project["optional-dependencies"]["standard"]
    assert names(standard) == ["httptools", "python-dotenv", "PyYAML", "tomli", "uvloop", "watchfiles", "websockets"]
    assert project["scripts"] == {"uvicorn": "uvicorn.main:main"}


def test_public_names() -> None:
    assert uvicorn.__all__ == ["main", "run", "Config", "Server"]
    assert Path(uvicorn.__file__).with_name("py.typed").exists()


def test_the_release_notes_begin_with_this_version() -> None:
    changelog = ROOT / "CHANGELOG.md"
    if not changelog.exists():
        pytest.skip("the tests run away from the checkout")
    first = re.search(r"^## (\S+)", changelog.read_text(encoding="utf-8"), re.MULTILINE)
    assert first is not None
    assert first[1] == uvicorn.__version__


def test_every_compiled_module_has_a_source_and_is_used() -> None:
    folder = ROOT / "uvicorn" / "_speedups"
    declared = {path.name.removesuffix("_c.pxd") for path in folder.glob("*_c.pxd")}
    if not declared:
        pytest.skip("the tests run away from the checkout")
    assert declared == {path.name.removesuffix("_py.py") for path in folder.glob("*_py.py")}
    used = {*_speedups._MODULES.values(), *_speedups._OPTIONAL_MODULES.values()}
    sources = "".join((folder / f"{name}_py.py").read_text(encoding="utf-8") for name in declared)
    assert {name for name in declared - used if f"_speedups.{name}_py import" not in sources} == set()


def test_importing_uvicorn_imports_nothing_optional() -> None:
    code = "import sys, uvicorn, uvicorn.main; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert OPTIONAL.isdisjoint(answer.stdout.split())
