"""The fenced blocks of a page."""

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

from tests.processes import ROOT

_FENCE = re.compile(
    r"(?:^<!-- not run: (?P<reason>[^\n]+) -->\n\n?)?"
    r"^(?P<indent> *)```(?P<language>\w*)(?P<options>[^\n]*)\n(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
_TITLE = re.compile(r'title="(?P<title>[^"]+)"')
# In a page without titles (README.md), the line before the block has the file's name.
_NAMED = re.compile(r"`(?P<name>[\w./-]+\.\w+)`:\n\n$")


@dataclass(frozen=True)
class Block:
    """A fenced block.

    title: the name of the file that the block shows, "" for a command or a snippet.
    line: the line of the page on which the block begins, counted from 1.
    """

    page: Path
    line: int
    language: str
    title: str
    text: str
    not_run: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def pages() -> list[Path]:
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page: Path) -> list[Block]:
    """Return every fenced block of a page, in the order of the page."""
    source = page.read_text(encoding="utf-8")
    found = []
    for match in _FENCE.finditer(source):
        title = _TITLE.search(match["options"])
        named = _NAMED.search(source, 0, match.start("indent"))
        found.append(
            Block(
                page=page,
                line=source.count("\n", 0, match.start("language")) + 1,
                language=match["language"],
                title=title["title"] if title else named["name"] if named else "",
                text=textwrap.dedent(match["text"]),
                not_run=match["reason"] or "",
            )
        )
    return found


def outside_of_blocks(page: Path) -> str:
    return _FENCE.sub("", page.read_text(encoding="utf-8"))
