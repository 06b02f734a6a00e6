"""Every command and code block of README.md and docs/ does what its page says."""

import re
from pathlib import Path

import pytest

from tests.docs.blocks import blocks, pages
from tests.docs.reader import Reader
from tests.processes import ROOT

pytestmark = pytest.mark.once

_LINK = re.compile(r"\]\((?P<target>[^)#\s]+)(?P<anchor>#[^)\s]+)?\)")


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_blocks_run(page: Path, tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    try:
        for block in blocks(page):
            try:
                reader.follow(block)
            except BaseException as error:
                error.add_note(f"in {block}") if hasattr(error, "add_note") else None
                raise
        reader.close()
    finally:
        reader.abandon()


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_local_links_lead_to_files(page: Path) -> None:
    dead = [
        match["target"]
        for match in _LINK.finditer(page.read_text(encoding="utf-8"))
        if "://" not in match["target"] and not (page.parent / match["target"]).exists()
    ]
    assert dead == []
