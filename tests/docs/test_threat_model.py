"""docs/threat-model.md names a proof for each bound, and it names each limit. test_names.py checks those names."""

import re

import pytest

from tests.docs.test_names import ATTACKS
from tests.processes import ROOT

pytestmark = pytest.mark.once

PAGE = (ROOT / "docs" / "threat-model.md").read_text()
SETTINGS = (ROOT / "docs" / "settings.md").read_text()


def find_proofs() -> str:
    """Return the last cells of the tables whose last column is "Shown by"."""
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
def test_every_proof_is_a_test_or_a_command(name: str) -> None:
    """A proof is a test, a benchmark, an attack or a command, and no other word in code style."""
    assert name in ATTACKS or name.startswith(("tests/", "benchmarks/", "make "))


def test_every_limit_is_on_the_page() -> None:
    bounds = set(re.findall(r"`(--(?:limit-request|timeout-(?:request|send|ssl|keep))[a-z-]*)`", SETTINGS))
    assert bounds <= set(re.findall(r"`([^`]+)`", PAGE))
