"""A figure has the same value everywhere: in README.md, on the pages, in the picture and in CI's bounds."""

import json
import subprocess
import sys

import pytest

from benchmarks.cases import CASES
from tests.processes import ROOT

pytestmark = pytest.mark.once


def read_rows(page: str, first_cell: str) -> dict[str, dict[str, str]]:
    """Read the table that begins with this cell, as title -> column -> cell."""
    text = (ROOT / page).read_text(encoding="utf-8").partition(f"| {first_cell} |")[2]
    head, _, *rows = [
        [cell.strip() for cell in line.split("|")[:-1]] for line in text.partition("\n\n")[0].splitlines()
    ]
    return {row[1].partition(" (access")[0]: dict(zip(head, row[2:], strict=True)) for row in rows}


INSTRUCTIONS = read_rows("docs/benchmarks.md", "thousand instructions per request")


def test_the_readme_has_the_figures_of_the_benchmarks() -> None:
    claimed = read_rows("README.md", "thousand instructions per request")
    assert claimed
    for title, row in claimed.items():
        ours, theirs = INSTRUCTIONS[title]["ours"], INSTRUCTIONS[title]["uvicorn-0.54"]
        assert (row["this server"], row["uvicorn 0.54"]) == (ours, theirs), title
        assert row["ratio"] == f"{float(ours) / float(theirs):.2f}", title


def test_the_benchmarks_have_the_figures_that_ci_compares_with() -> None:
    bounds = json.loads((ROOT / "benchmarks" / "instructions.json").read_text(encoding="utf-8"))["3.13"]
    measured = {name: f"{count / 1000:.1f}" for name, count in bounds.items()}
    for name in measured.keys() & CASES.keys():
        row = INSTRUCTIONS.get(CASES[name].title)
        assert row is None or row["ours"] == measured[name], name
    # The names of two cases in the table of missed targets.
    names = {"a browser's 12 headers": "browser", "the access line": "access-line"}
    names |= {case.title: name for name, case in CASES.items()}
    missed = read_rows("docs/benchmarks.md", "case")
    counted = missed.keys() & names.keys()
    assert len(counted) >= 8
    assert {title: missed[title]["now"] for title in counted} == {title: measured[names[title]] for title in counted}


def test_the_comparison_has_the_figures_of_the_benchmarks() -> None:
    measured = read_rows("docs/benchmarks.md", "CPU microseconds per request")
    text = (ROOT / "docs" / "comparison.md").read_text(encoding="utf-8").partition("## Figures")[2]
    head = "| | this server | uvicorn | Granian | Hypercorn | Gunicorn | Daphne |"
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.partition(head)[2].splitlines()[2:7]]
    for title, *cells in rows:
        columns = ("ours", "uvicorn-0.54", "granian", "hypercorn", "gunicorn", "daphne")
        assert cells == [measured[title][column] for column in columns], title


def test_the_picture_shows_the_figures_of_the_benchmarks() -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "chart.py"), "--check"]
    answer = subprocess.run(command, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
