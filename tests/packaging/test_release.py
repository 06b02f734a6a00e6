"""The checks and the notes before a release is published."""

import gzip
import os
import shutil
import sys
from pathlib import Path

import pytest

import uvicorn
from tests.packaging.conftest import build, run
from tests.processes import ROOT

SCRIPT = ROOT / ".github" / "release.py"
pytestmark = [
    pytest.mark.once,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not SCRIPT.exists(), reason="the tests run away from the checkout"),
]


def write_checkout(folder: Path, changelog: str) -> Path:
    """Write a checkout of version 1.2.3. Returns its release.py."""
    (folder / ".github").mkdir()
    (folder / "uvicorn").mkdir()
    (folder / "uvicorn" / "__init__.py").write_text('__version__ = "1.2.3"\n')
    (folder / "CHANGELOG.md").write_text(changelog)
    return Path(shutil.copy(SCRIPT, folder / ".github"))


@pytest.mark.parametrize(
    ("tag", "heading", "code", "message"),
    [
        ("1.2.3", "1.2.3 (2027-01-31)", 0, ""),
        ("1.2.4", "1.2.3 (2027-01-31)", 1, "the tag 1.2.4 is not the version 1.2.3 of uvicorn/__init__.py"),
        ("1.2.3", "1.2.3 (unreleased)", 1, "CHANGELOG.md calls 1.2.3 unreleased: write its date"),
    ],
)
def test_the_tag_is_the_version(tag: str, heading: str, code: int, message: str, tmp_path: Path) -> None:
    script = write_checkout(tmp_path, f"# Release notes\n\n## {heading}\n\nNew.\n")
    answer = run(sys.executable, script, "check-tag", tag, cwd=tmp_path)
    assert (answer.returncode, answer.stdout.strip()) == (code, message)


def test_the_notes_are_the_newest_part_of_the_changelog(tmp_path: Path) -> None:
    script = write_checkout(
        tmp_path, "# Release notes\n\n## 1.2.3 (2027-01-31)\n\nNew.\n\n- One.\n\n## 1.2.2\n\nOld.\n"
    )
    assert run(sys.executable, script, "notes", cwd=tmp_path).stdout == "New.\n\n- One.\n"
    script.parent.parent.joinpath("uvicorn", "__init__.py").write_text('__version__ = "1.2.4"\n')
    assert run(sys.executable, script, "notes", cwd=tmp_path).returncode == 1


def test_this_checkout_can_be_released() -> None:
    assert run(sys.executable, SCRIPT, "notes", cwd=ROOT).stdout
    assert run(sys.executable, SCRIPT, "check-tag", f"{uvicorn.__version__}.1", cwd=ROOT).returncode == 1


@pytest.mark.parametrize("kind", ["sdist", "wheel"])
def test_the_same_sources_make_the_same_archive(
    kind: str, sources: tuple[Path, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("build")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    archives = []
    for name in ("first", "second"):
        copied = Path(shutil.copytree(sources[0], tmp_path / name / "sources"))
        # The files of another checkout have other times and, with another umask, other modes. Wheels are built from
        # the source distribution, whose modes are always the same.
        os.utime(copied / "README.md", (1, len(archives) + 1))
        (copied / "LICENSE.md").chmod(0o600 if archives and kind == "sdist" else 0o644)
        (tmp_path / name / "out").mkdir()
        archives.append(build(copied, tmp_path / name / "out", kind, "no"))
    contents = [path.read_bytes() if kind == "wheel" else gzip.decompress(path.read_bytes()) for path in archives]
    assert contents[0] == contents[1]
    assert archives[0].read_bytes() == archives[1].read_bytes()


@pytest.mark.parametrize("program", ["twine", "check_wheel_contents"])
def test_the_archives_pass_the_checks_before_publishing(
    program: str, sdist: Path, pure_wheel: Path, tmp_path: Path
) -> None:
    pytest.importorskip(program)
    if program == "twine":
        answer = run(sys.executable, "-m", "twine", "check", "--strict", sdist, pure_wheel, cwd=tmp_path)
    else:
        answer = run(sys.executable, "-m", "check_wheel_contents", pure_wheel, cwd=tmp_path)
    assert answer.returncode == 0, answer.stdout
