"""What docs/threat-model.md names as a proof is there."""

import ast
import re

import pytest

from tests.processes import ROOT

pytestmark = pytest.mark.once

PAGE = (ROOT / "docs" / "threat-model.md").read_text()
ATTACKS = {
    node.name
    for path in (ROOT / "benchmarks").glob("attacks_*.py")
    for node in ast.parse(path.read_text()).body
    if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
}
DEFINED = {
    node.name
    for path in (ROOT / "uvicorn").rglob("*.py")
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
}


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`((?:tests|benchmarks)/[\w/.]+)`", PAGE))))
def test_files(name: str) -> None:
    assert (ROOT / name).exists()


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`([a-z]+(?:_[a-z]+)+|slowloris|fragments|quadratic)`", PAGE))))
def test_attacks(name: str) -> None:
    assert name in ATTACKS


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(_\w+)`", PAGE))))
def test_names_of_the_code(name: str) -> None:
    assert name in DEFINED


def test_options() -> None:
    """Every limit and timeout of a client is in it, and none that is not an option."""
    settings = (ROOT / "docs" / "settings.md").read_text()
    named = set(re.findall(r"`(--[a-z-]+)`", PAGE)) | set(re.findall(r"`(--[a-z-]+) ", PAGE))
    assert all(f"`{option}" in settings for option in named)
    bounds = set(re.findall(r"`(--(?:limit-request|timeout-(?:request|send|ssl|keep))[a-z-]*)`", settings))
    assert bounds <= named
