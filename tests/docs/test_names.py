"""Every name in README.md and docs/ exists: options, variables, files, commands and names of the code."""

import ast
import contextlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.blocks import outside_of_blocks, pages
from tests.processes import ROOT
from uvicorn.main import main

pytestmark = pytest.mark.once

FLAGS = {"--help", *(flag for parameter in main.params for flag in (*parameter.opts, *parameter.secondary_opts))}
PARAMETERS = {parameter.name for parameter in main.params}
FILES = {
    path.name for folder in ("uvicorn", "tests", "benchmarks", "examples") for path in (ROOT / folder).rglob("*.*")
}
# On pages that are not listed here, a plain word may be a name of a framework, a proxy or a client.
ALL_NAMES = ("docs/design.md", "docs/threat-model.md")
OURS = re.compile(
    r"--[a-z][\w-]*( .*)?|UVICORN_\w+(=.*)?|uvicorn(\.\w+)+(\(.*\))?|make [a-z].*|_\w+(\(\))?"
    r"|(tests|benchmarks|examples|docs|uvicorn)/\S+|\w+_(py|impl)(\.\w+)*"
)
FOREIGN = {
    *(
        "--keep-alive",
        "--max-requests",
        "--timeout",
        "--http-protocols",
        "--http2-cleartext prior-knowledge",
    ),  # Gunicorn
    *("--extra-index-url", "--no-isolation", "--tests tests/speedups/test_chunked.py"),  # pip, build, make mutants
    *("freethreading_compatible", "hpack"),  # Cython, a library
}


def find_words(tree: ast.Module) -> Iterator[str]:
    """Find the names that the code defines, and its strings: an event, a field name, an environment variable."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
            yield node.value if isinstance(node.value, str) else node.value.decode("latin-1")
        elif isinstance(node, ast.Name):
            yield node.id


def words_of(pattern: str) -> set[str]:
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in ROOT.glob(pattern))
    return {word for tree in trees for word in find_words(tree)}


ATTACKS = {word for word in words_of("tests/abuse/attacks_*.py") if not word.startswith("_")}
WORDS = words_of("uvicorn/**/*.py") | words_of("setup.py")


def is_there(name: str) -> bool:
    if name.startswith("--"):
        return name.split()[0].partition("=")[0] in FLAGS
    if name.startswith("make "):
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        return all(re.search(rf"^{goal}:", makefile, re.MULTILINE) for goal in re.findall(r" ([a-z]\w*)\b(?!=)", name))
    word = re.split(r"[=(]", name)[0]
    if word.startswith("uvicorn."):  # or a name that looks like a module but is a logger or an extension
        with contextlib.suppress(ImportError, AttributeError):
            return pkgutil.resolve_name(word) is not None
        return word in WORDS
    return (
        any((folder / name.split()[0]).exists() for folder in (ROOT, ROOT / "uvicorn"))
        or any(file in FILES for file in (name, f"{name}.py", f"{name}.pxd"))
        or not {word, word.lower(), word.rpartition(".")[2]}.isdisjoint(ATTACKS | WORDS)
        or word.removeprefix("UVICORN_").lower() in PARAMETERS
    )


def names_of(page: Path) -> list[str]:
    text = outside_of_blocks(page)
    if page.name in ("moving.md", "comparison.md"):  # the first cell of a row is a name of another server
        text = re.sub(r"^\|[^|]*\|", "|", text, flags=re.MULTILINE)
    names = set(re.findall(r"`([^`\n]+)`", text)) - FOREIGN
    everything = str(page.relative_to(ROOT)) in ALL_NAMES
    return sorted(name for name in names if everything or OURS.fullmatch(name))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # a name in one of the modules that pages name
@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_name_exists(page: Path) -> None:
    assert [name for name in names_of(page) if not is_there(name)] == []


@pytest.mark.parametrize(
    "name",
    ["_recall_fields", "recall_fields", "tests/test_nothing.py", "--limit", "make it", "uvicorn.Nothing", "UVICORN_NO"],
)
def test_reports_a_name_that_does_not_exist(name: str) -> None:
    assert not is_there(name)
