"""Tables of figures, and the page of the documentation that holds them: docs/benchmarks.md."""

from __future__ import annotations

import os
import platform
import re
import shlex
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from servers import Server

PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"
OURS = ("uvloop", "httptools", "h11", "fastapi")


class Table:
    """A Markdown table that prints each row when it is added."""

    def __init__(self, *titles: str) -> None:
        self.lines: list[str] = []
        self._add("| " + " | ".join(titles) + " |")
        self._add("|---|" + "---:|" * (len(titles) - 1))

    def _add(self, line: str) -> None:
        print(line, flush=True)
        self.lines.append(line)

    def add(self, *cells: str) -> None:
        self._add("| " + " | ".join(cells) + " |")


def machine() -> str:
    """The processor, its cores and the system."""
    info = Path("/proc/cpuinfo")
    model = re.search(r"^model name\s*: (.+)$", info.read_text(), re.MULTILINE) if info.exists() else None
    name = model[1].strip() if model else platform.processor() or platform.machine()
    return f"{name}, {os.cpu_count()} cores, {platform.system()} {platform.release()}"


def versions(servers: list[Server]) -> str:
    found = [f"{platform.python_implementation()} {platform.python_version()}"]
    for name in OURS:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    named = dict.fromkeys(server.versions for server in servers if server.versions)
    return ", ".join([*found, *named])


def report(section: str, table: Table | list[Table], servers: list[Server], note: str = "") -> None:
    """Replace one section of the page: its tables, and the command and the versions to repeat them."""
    tables = table if isinstance(table, list) else [table]
    script = Path(sys.argv[0]).name
    command = shlex.join(["python", f"benchmarks/{script}", *sys.argv[1:]])
    footer = [f"`{command}`", f"Machine: {machine()}.", f"Versions: {versions(servers)}."]
    body = "\n\n".join([*("\n".join(each.lines) for each in tables), *([note] if note else []), "  \n".join(footer)])
    begin, end = f"<!-- {section}: begin -->", f"<!-- {section}: end -->"
    text = PAGE.read_text()
    if begin not in text:
        raise RuntimeError(f"{PAGE.name} has no section {section}")
    before, after = text.split(begin)[0], text.split(end)[1]
    PAGE.write_text(f"{before}{begin}\n{body}\n{end}{after}")
    print(f"{PAGE.name}: section {section} written")
