"""README.md and the picture say what docs/benchmarks.md says."""

import subprocess
import sys

import pytest

from tests.processes import ROOT

pytestmark = pytest.mark.once


def read_rows(name: str) -> dict[str, dict[str, str]]:
    """Title -> column -> cell, of the table of instructions."""
    text = (ROOT / name).read_text(encoding="utf-8").partition("| thousand instructions per request |")[2]
    head, _, *rows = [
        [cell.strip() for cell in line.split("|")[:-1]] for line in text.partition("\n\n")[0].splitlines()
    ]
    return {row[1].partition(" (access")[0]: dict(zip(head, row[2:], strict=True)) for row in rows}


def test_the_readme_has_the_figures_of_the_benchmarks() -> None:
    measured = read_rows("docs/benchmarks.md")
    claimed = read_rows("README.md")
    assert claimed
    for title, row in claimed.items():
        ours, theirs = measured[title]["ours"], measured[title]["uvicorn-0.54"]
        assert (row["this server"], row["uvicorn 0.54"]) == (ours, theirs), title
        assert row["ratio"] == f"{float(ours) / float(theirs):.2f}", title


def test_the_picture_shows_the_figures_of_the_benchmarks() -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "chart.py"), "--check"]
    answer = subprocess.run(command, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
