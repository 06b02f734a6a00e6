"""aarch64 Linux, emulated by qemu: CPython 3.13 of Debian trixie, and a wheel that is compiled here."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from platforms import foreign
from platforms.chroot import Chroot
from platforms.command import CommandFailed, run
from platforms.outcome import Outcome
from platforms.packages import Packages, Target, cross_wheel

NAME = "aarch64"
PYTHON = "/usr/bin/python3.13"
SITE = "usr/local/lib/python3.13/dist-packages"
REGISTRY = Path("/proc/sys/fs/binfmt_misc")
# The first bytes of an aarch64 program, and a mask of the bits that count. The flag F below opens the emulator at
# registration, so that it also works in a chroot.
MAGIC = r"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00"
MASK = r"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff"
EMULATOR = "/usr/bin/qemu-aarch64-static"


@contextlib.contextmanager
def emulated() -> Iterator[None]:
    """Make the kernel start aarch64 programs under qemu while the block runs, unless it already does."""
    if not (REGISTRY / "register").exists():
        run("mount", "-t", "binfmt_misc", "binfmt_misc", REGISTRY)
    if any((REGISTRY / name).exists() for name in ("qemu-aarch64", "uvicorn-aarch64")):
        yield
        return
    (REGISTRY / "register").write_text(f":uvicorn-aarch64:M::{MAGIC}:{MASK}:{EMULATOR}:F")
    try:
        yield
    finally:
        (REGISTRY / "uvicorn-aarch64").write_text("-1")


def outcomes(folder: Path, packages: Packages) -> Iterator[Outcome]:
    chroot = Chroot(folder, "trixie", ["python3", "libpython3.13-dev"], "arm64")
    check = "cross-compile"
    try:
        chroot.create()
        include = folder / "usr" / "include"
        # This folder is last, and only for Python's headers. The headers of the C library come from the compiler.
        headers = (f"-I{include / 'python3.13'}", "-idirafter", str(include))
        suffix = ".cpython-313-aarch64-linux-gnu.so"
        tag = "cp313-cp313-manylinux_2_28_aarch64"
        wheel = cross_wheel(packages, Target("aarch64-linux-gnu.2.28", suffix, tag, headers))
        check = "install"
        packages.copy_suite(chroot.fresh("suite"))
        tags = ["manylinux_2_28_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64"]
        site = folder / SITE
        shutil.rmtree(site, ignore_errors=True)
        foreign.install(wheel, packages, site, tags, {})
        env = {"PYTHONPATH": "/opt/suite", "UVICORN_SPEEDUPS": "require"}
        with emulated(), chroot.mounted():
            yield Outcome.of_version(NAME, chroot.run(PYTHON, "-m", "uvicorn", "--version", env=env), "compiled")
            for loop in ("asyncio", "uvloop"):
                check = f"request on {loop}"
                copy_script(chroot)
                printed = chroot.run(PYTHON, "served_request.py", loop, cwd="/opt/suite", env=env, check=False)
                yield Outcome.of_request(NAME, check, printed)
            check = "speedups' tests"
            pytest = [PYTHON, "-m", "pytest", "-q", "tests/speedups", "-p", "no:cacheprovider", "-o", "timeout=1200"]
            yield Outcome.of_suite(NAME, check, chroot.run(*pytest, cwd="/opt/suite", env=env, check=False))
    except CommandFailed as error:
        yield Outcome.of_failure(NAME, check, error)


def copy_script(chroot: Chroot) -> None:
    """Copy the script that runs on the platform beside the tests."""
    script = Path(__file__).with_name("served_request.py")
    (chroot.folder / "opt" / "suite" / script.name).write_bytes(script.read_bytes())
