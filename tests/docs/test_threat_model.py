"""What docs/threat-model.md names is there: proofs, files, options, commands and names of the code."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import ROOT

pytestmark = pytest.mark.once

PAGE = (ROOT / "docs" / "threat-model.md").read_text()
SETTINGS = (ROOT / "docs" / "settings.md").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def find_words(tree: ast.Module) -> Iterator[str]:
    """What is defined, and what is written as a string: an event, a field name, an environment variable."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
            yield node.value if isinstance(node.value, str) else node.value.decode("latin-1")
        elif isinstance(node, ast.Name):
            yield node.id


def find_names(text: str) -> list[str]:
    return sorted(set(re.findall(r"`([^`]+)`", text)))


def find_proofs() -> str:
    """The last cells of the tables whose last column is "Shown by"."""
    cells, shown = [], False
    for line in PAGE.splitlines():
        if line.startswith("|"):
            last = line.rstrip("| ").rpartition("|")[2].strip()
            shown = shown or last == "Shown by"
            cells.append(last if shown else "")
        else:
            shown = False
    return " ".join(cells)


ATTACKS = {
    node.name
    for path in (ROOT / "tests" / "abuse").glob("attacks_*.py")
    for node in parse(path).body
    if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
}
WORDS = {word for path in (ROOT / "uvicorn").rglob("*.py") for word in find_words(parse(path))}


def is_there(name: str) -> bool:
    if "/" in name:
        return (ROOT / name).exists() or (ROOT / "uvicorn" / name).exists()
    if name.startswith("--"):
        return re.search(rf"`{name.split()[0]}[` ]", SETTINGS) is not None
    if name.startswith("make "):
        return re.search(rf"^{name[5:]}:", MAKEFILE, re.MULTILINE) is not None
    word = name.partition("=")[0].removesuffix("()")
    return word in ATTACKS or word in WORDS or word.lower() in WORDS


@pytest.mark.parametrize("name", find_names(PAGE))
def test_names(name: str) -> None:
    assert is_there(name)


@pytest.mark.parametrize("name", find_names(find_proofs()))
def test_proofs(name: str) -> None:
    """A test, a benchmark, an attack or a command, and no other word of the code."""
    assert name in ATTACKS or name.startswith(("tests/", "benchmarks/", "make "))


@pytest.mark.parametrize("name", ["_recall_fields", "recall_fields", "tests/test_nothing.py", "--limit", "make it"])
def test_a_name_that_is_not_there(name: str) -> None:
    assert not is_there(name)


def test_every_limit_is_on_the_page() -> None:
    bounds = set(re.findall(r"`(--(?:limit-request|timeout-(?:request|send|ssl|keep))[a-z-]*)`", SETTINGS))
    assert bounds <= set(find_names(PAGE))
