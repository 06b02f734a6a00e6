"""The compiled build: which modules it has, and when it is built. Everything else is in pyproject.toml.

``UVICORN_BUILD_SPEEDUPS=auto|no|require``: ``auto`` (the default) makes a pure build if the compilation fails. It
says so in one line, and leaves the reason in the package for ``uvicorn --version``, because pip hides that line.
``require`` fails instead; ``no`` never compiles. PyPy never compiles.
"""

import gzip
import os
import platform
import sys
import tarfile
from pathlib import Path
from subprocess import CalledProcessError
from textwrap import shorten

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext
from setuptools.command.sdist import sdist

# Each _x_py.py that has C types in _x_c.pxd is compiled, under that module name.
COMPILED = sorted(path.name.removesuffix("_c.pxd") for path in Path("uvicorn/_speedups").glob("*_c.pxd"))
# The annotations are for type checkers; the C types stand in the .pxd alone.
# binding=False: the interpreter calls methods of this kind fastest.
DIRECTIVES = {"language_level": 3, "annotation_typing": False, "binding": False}
# Debug information would be three quarters of a wheel. If CFLAGS is set, it decides alone.
FLAGS = [] if sys.platform == "win32" or "CFLAGS" in os.environ else ["-g0"]

MODE = os.environ.get("UVICORN_BUILD_SPEEDUPS", "auto")
if MODE not in ("auto", "no", "require"):
    sys.exit(f"UVICORN_BUILD_SPEEDUPS must be auto, no or require, not {MODE!r}.")


def extensions() -> list[Extension]:
    compiles = platform.python_implementation() == "CPython"
    if MODE == "require" and not compiles:
        sys.exit("uvicorn: UVICORN_BUILD_SPEEDUPS=require, but the speedups are compiled for CPython only.")
    if MODE == "no" or not compiles:
        return []
    return [extension(f"uvicorn/_speedups/{name}") for name in COMPILED]


def extension(path: str) -> Extension:
    name = path.replace("/", ".") + "_c"
    return Extension(name, [f"{path}_py.py"], depends=[f"{path}_c.pxd"], extra_compile_args=FLAGS)


def directives() -> dict[str, object]:
    """The module-level state is safe without the GIL (docs/design.md), which Cython can declare since 3.1."""
    from Cython.Compiler.Options import get_directive_defaults

    name = "freethreading_compatible"
    return DIRECTIVES | ({name: True} if name in get_directive_defaults() else {})


def reason_in_a_line(error: BaseException) -> str:
    """Why a build failed. Of a failed command, the dozens of arguments are left out."""
    failed = next((argument for argument in error.args if isinstance(argument, CalledProcessError)), None)
    if failed is not None:
        return f"{failed.cmd[0]} failed with exit code {failed.returncode}"
    return shorten(str(error) or type(error).__name__, width=160, placeholder=" ...")


class BuildSpeedups(build_ext):
    """All the compiled modules, or none of them."""

    def run(self) -> None:
        # Where `uvicorn --version` finds the reason of a build that failed.
        note = Path(self.get_ext_fullpath("uvicorn._speedups.x")).with_name("not_compiled.txt")
        note.unlink(missing_ok=True)
        try:
            self.translate()
            super().run()
        except (Exception, SystemExit) as error:
            reason = reason_in_a_line(error)
            if MODE == "require":
                sys.exit(f"uvicorn: the speedups could not be compiled: {reason}")
            print(f"uvicorn: no speedups, the pure Python build is installed: {reason}", file=sys.stderr)
            self.discard()
            note.parent.mkdir(parents=True, exist_ok=True)
            note.write_text(reason + "\n", encoding="utf-8")

    def translate(self) -> None:
        from Cython.Build import cythonize

        for extension in self.extensions:
            # force: Cython looks for a .pxd by the name of the source, and would miss a change of <name>_c.pxd.
            translated = cythonize(
                [extension], build_dir="build/cython", compiler_directives=directives(), force=True, quiet=True
            )
            extension.sources = translated[0].sources

    def discard(self) -> None:
        """Some of the modules would be a broken build."""
        for extension in self.extensions:
            Path(self.get_ext_fullpath(extension.name)).unlink(missing_ok=True)
        self.extensions[:] = []


class Wheel(bdist_wheel):
    """A wheel is for one platform only if something was compiled for it."""

    def run(self) -> None:
        self.run_command("build_ext")
        self.root_is_pure = not self.distribution.has_ext_modules()
        super().run()


class SourceDistribution(sdist):
    """The same bytes for the same sources if SOURCE_DATE_EPOCH is set; wheels are so without our help."""

    def make_archive(self, base_name: str, *args: object, **options: object) -> str:
        epoch = os.environ.get("SOURCE_DATE_EPOCH")
        if epoch is None:
            return super().make_archive(base_name, *args, **options)
        folder = Path(options["base_dir"])
        archive = Path(base_name + ".tar.gz")
        archive.parent.mkdir(parents=True, exist_ok=True)

        def normalize(member: tarfile.TarInfo) -> tarfile.TarInfo:
            member.mtime = int(epoch)
            member.uid = member.gid = 0
            member.uname = member.gname = ""
            member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            return member

        with (
            archive.open("wb") as raw,
            gzip.GzipFile("", "wb", fileobj=raw, mtime=int(epoch)) as packed,
            tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
        ):
            for path in (folder, *sorted(folder.rglob("*"))):
                tar.add(path, recursive=False, filter=normalize)
        return str(archive)


setup(
    ext_modules=extensions(), cmdclass={"build_ext": BuildSpeedups, "bdist_wheel": Wheel, "sdist": SourceDistribution}
)
