"""A clean copy of the sources, and the archives that are built from it."""

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.processes import ROOT

BUILD_PATIENCE = 240.0


def run(*command: object, cwd: Path, env: dict[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end. The output includes standard error."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("UVICORN_", "PYTHON"))}
    return subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env={**environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=BUILD_PATIENCE,
    )


def copy_sources(folder: Path) -> list[str]:
    """Copy the files that git tracks or would add. Returns their names."""
    listed = run("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=ROOT)
    if listed.returncode:
        pytest.skip("this is not a git checkout")
    names = [name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]
    for name in names:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)
    return names


def build(source: Path, out: Path, kind: str, mode: str) -> Path:
    """Build `kind` ("sdist" or "wheel") with UVICORN_BUILD_SPEEDUPS=`mode`."""
    answer = run(
        *(sys.executable, "-m", "build", "--no-isolation", f"--{kind}", "--outdir", out, source),
        cwd=out,
        env={"UVICORN_BUILD_SPEEDUPS": mode},
    )
    assert answer.returncode == 0, answer.stdout
    (archive,) = out.glob("*.tar.gz" if kind == "sdist" else "*.whl")
    return archive


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A folder with only the sources, and their names."""
    folder = tmp_path_factory.mktemp("sources")
    return folder, copy_sources(folder)


@pytest.fixture(scope="session")
def sdist(sources: tuple[Path, list[str]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("build")
    return build(sources[0], tmp_path_factory.mktemp("sdist"), "sdist", "auto")


@pytest.fixture(scope="session")
def unpacked(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked source distribution, from which wheels are built."""
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (inner,) = folder.iterdir()
    return inner


@pytest.fixture(scope="session")
def wheel(unpacked: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(unpacked, tmp_path_factory.mktemp("wheel"), "wheel", "require")


@pytest.fixture(scope="session")
def pure_wheel(unpacked: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(unpacked, tmp_path_factory.mktemp("pure"), "wheel", "no")
