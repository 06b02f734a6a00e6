"""PyPy 3.11 of Debian trixie: the pure wheel and the whole suite."""

from collections.abc import Iterator
from pathlib import Path

from platforms.chroot import Chroot
from platforms.outcome import Outcome
from platforms.packages import Packages
from platforms.suite import installed_suite

NAME = "pypy-3.11"


def outcomes(folder: Path, packages: Packages) -> Iterator[Outcome]:
    include = ["pypy3", "pypy3-venv", "pypy3-dev", "ca-certificates", "gcc", "g++", "libc6-dev", "make"]
    chroot = Chroot(folder, "trixie", include)
    yield from installed_suite(NAME, chroot, packages, packages.pure, "pypy3", "pure")
