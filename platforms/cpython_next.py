"""CPython 3.14, of the Debian release after trixie: the source distribution, compiled there, and the whole suite."""

from collections.abc import Iterator
from pathlib import Path

from platforms.chroot import Chroot
from platforms.outcome import Outcome
from platforms.packages import Packages
from platforms.suite import installed_suite

NAME = "cpython-3.14"


def outcomes(folder: Path, packages: Packages) -> Iterator[Outcome]:
    include = ["python3.14", "python3.14-venv", "python3.14-dev", "ca-certificates", "gcc", "libc6-dev"]
    chroot = Chroot(folder, "forky", include)
    yield from installed_suite(NAME, chroot, packages, packages.sdist, "python3.14", "compiled")
