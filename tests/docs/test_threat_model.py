"""docs/threat-model.md names a proof for each bound, and each limit. test_names.py checks that its names are there."""

import re

import pytest

from tests.docs.test_names import ATTACKS
from tests.processes import ROOT

pytestmark = pytest.mark.once

PAGE = (ROOT / "docs" / "threat-model.md").read_text()
SETTINGS = (ROOT / "docs" / "settings.md").read_text()


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


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`([^`]+)`", find_proofs()))))
def test_proofs(name: str) -> None:
    """A test, a benchmark, an attack or a command, and no other word of the code."""
    assert name in ATTACKS or name.startswith(("tests/", "benchmarks/", "make "))


def test_every_limit_is_on_the_page() -> None:
    bounds = set(re.findall(r"`(--(?:limit-request|timeout-(?:request|send|ssl|keep))[a-z-]*)`", SETTINGS))
    assert bounds <= set(re.findall(r"`([^`]+)`", PAGE))
