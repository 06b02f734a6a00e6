"""What a release asks: `check-tag TAG` compares a tag with the version, `notes` prints the newest part of CHANGELOG.md.

It needs nothing but Python, because it runs before anything is installed.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def read_version(root: Path) -> str:
    match = re.search(r'^__version__ = "(.+)"$', (root / "uvicorn" / "__init__.py").read_text(), re.MULTILINE)
    if match is None:
        sys.exit("uvicorn/__init__.py has no __version__")
    return match[1]


def check_tag(root: Path, tag: str) -> None:
    version = read_version(root)
    if tag != version:
        sys.exit(f"the tag {tag} is not the version {version} of uvicorn/__init__.py")
    if (
        "unreleased"
        in (root / "CHANGELOG.md").read_text(encoding="utf-8").partition(f"## {version}")[2].partition("\n")[0]
    ):
        sys.exit(f"CHANGELOG.md calls {version} unreleased: write its date")


def notes(root: Path) -> str:
    """The text below the first heading of CHANGELOG.md, which has to be that of this version."""
    version = read_version(root)
    heading, _, text = (root / "CHANGELOG.md").read_text(encoding="utf-8").partition("\n## ")[2].partition("\n")
    if heading.split()[0] != version:
        sys.exit(f"CHANGELOG.md begins with {heading}, not with {version}")
    return text.partition("\n## ")[0].strip()


if __name__ == "__main__":
    if sys.argv[1] == "check-tag":
        check_tag(ROOT, sys.argv[2])
    elif sys.argv[1] == "notes":
        print(notes(ROOT))
    else:
        sys.exit(f"unknown command {sys.argv[1]}")
