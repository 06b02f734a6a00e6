"""Newer releases of CPython: the source distribution, compiled on Debian, and the whole suite."""

from collections.abc import Iterator
from pathlib import Path

from platforms.chroot import Chroot
from platforms.outcome import Outcome
from platforms.packages import Packages
from platforms.suite import installed_suite

# The Debian release after trixie has all of these interpreters.
RELEASE = "forky"


def outcomes(version: str, folder: Path, packages: Packages) -> Iterator[Outcome]:
    python = f"python{version}"
    include = [python, f"{python}-venv", f"{python}-dev", "ca-certificates", "gcc", "libc6-dev"]
    chroot = Chroot(folder, RELEASE, include)
    yield from installed_suite(f"cpython-{version}", chroot, packages, packages.sdist, python, "compiled")
