"""The whole suite, in a chroot that can install packages itself."""

from collections.abc import Iterator
from pathlib import Path

from platforms.chroot import Chroot
from platforms.command import CommandFailed
from platforms.outcome import Outcome
from platforms.packages import Packages

# The variables that select the build, for the build and for the tests.
SPEEDUPS = {
    "compiled": {"UVICORN_BUILD_SPEEDUPS": "require", "UVICORN_SPEEDUPS": "require"},
    "pure": {"UVICORN_BUILD_SPEEDUPS": "no", "UVICORN_SPEEDUPS": "auto"},
}


def installed_suite(
    name: str, chroot: Chroot, packages: Packages, archive: Path, python: str, build: str
) -> Iterator[Outcome]:
    """Install `archive` for the interpreter `python` of the chroot and run the suite against it.

    Args:
        name: the name of the platform.
        chroot: the chroot in which the suite runs.
        packages: the archives, with the tests.
        archive: the wheel or the source distribution.
        python: the interpreter.
        build: the build that has to run, "compiled" or "pure".
    """
    env = SPEEDUPS[build]
    check = "install"
    try:
        chroot.create()
        with chroot.mounted():
            work = chroot.fresh("suite")
            packages.copy_suite(work)
            (work / archive.name).write_bytes(archive.read_bytes())
            chroot.run(python, "-m", "venv", "--clear", "/opt/venv")
            pip = ["/opt/venv/bin/python", "-m", "pip", "--disable-pip-version-check", "--quiet"]
            chroot.run(*pip, "install", "--upgrade", "pip>=25.1")
            # PyPy includes cffi, which requires pycparser, but PyPy does not include pycparser.
            requirements = [f"/opt/suite/{archive.name}[standard]", "--group", "test", "pycparser"]
            chroot.run(*pip, "install", *requirements, cwd="/opt/suite", env=env)
            yield Outcome.of_version(name, chroot.run("/opt/venv/bin/uvicorn", "--version", env=env), build)
            printed = chroot.run("/opt/venv/bin/python", "-m", "pip", "check", check=False)
            yield Outcome(name, "pip check", "No broken requirements" in printed, printed.strip())
            check = "suite"
            pytest = ["/opt/venv/bin/python", "-m", "pytest", "-q", "-n", "auto", "--dist", "loadgroup"]
            options = ["-m", "not once", "-o", "timeout=600"]
            printed = chroot.run(*pytest, *options, cwd="/opt/suite", env=env, check=False)
            yield Outcome.of_suite(name, check, printed)
    except CommandFailed as error:
        yield Outcome.of_failure(name, check, error)
