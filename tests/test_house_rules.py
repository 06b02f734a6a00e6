"""The rules of docs/contributing.md that a test can check and that no linter checks."""

import ast
from pathlib import Path

import pytest

from tests.processes import ROOT

pytestmark = pytest.mark.once

FILES = sorted((ROOT / "uvicorn").rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_has_a_docstring(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert not source.strip() or ast.get_docstring(ast.parse(source)) is not None
