"""Every command and code block in README.md and docs/ does what its page says."""

import re
from pathlib import Path

import pytest
import yaml

from tests.docs.blocks import Block, blocks, pages
from tests.docs.reader import Reader
from tests.processes import ROOT

pytestmark = pytest.mark.once

_LINK = re.compile(r"\]\((?P<target>[^)#\s]+)(?P<anchor>#[^)\s]+)?\)")


def follow(found: list[Block], folder: Path) -> None:
    reader = Reader(folder)
    try:
        for block in found:
            if not block.not_run:
                reader.follow(block)
        reader.close()
    finally:
        if reader.server is not None:
            reader.server.kill()


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_blocks_run(page: Path, tmp_path: Path) -> None:
    follow(blocks(page), tmp_path)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("shell", "uvicorn main:app --no-such-option"),
        ("shell", "uvicorn main:no_such_app"),
        ("shell", "curl http://127.0.0.1:8000/"),  # the block starts no server
        ("shell", "make no-such-target"),
        ("shell", "pip install no-such-package"),
        ("shell", "python benchmarks/startup.py --no-such-option"),
        ("shell", "no-such-program"),
        ("console", "$ uvicorn --no-such-option"),
        ("python", "import no_such_module"),
        ("yaml", "a: b: c"),
        ("no-such-language", ""),
    ],
)
@pytest.mark.parametrize("title", ["", "named.py"])
def test_a_wrong_block_fails(language: str, text: str, title: str, tmp_path: Path) -> None:
    with pytest.raises((AssertionError, yaml.YAMLError)):
        follow([Block(tmp_path, 1, language, title, text, "")], tmp_path)


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_local_links_lead_to_files(page: Path) -> None:
    dead = [
        match["target"]
        for match in _LINK.finditer(page.read_text(encoding="utf-8"))
        if "://" not in match["target"] and not (page.parent / match["target"]).exists()
    ]
    assert dead == []
