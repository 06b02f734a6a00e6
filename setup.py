"""Compiles the speedups, and makes the archives. All other settings are in pyproject.toml.

``UVICORN_BUILD_SPEEDUPS=auto|no|require``: with ``auto`` (the default), the result is a pure build if the compilation
fails. A line of output says so. Because pip hides this line, the reason is also stored in the package for ``uvicorn
--version``. With ``require``, the whole build fails instead. With ``no``, and on PyPy, nothing is compiled.
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

# For each _x_c.pxd, the source _x_py.py is compiled as the module _x_c.
COMPILED = sorted(path.name.removesuffix("_c.pxd") for path in Path("uvicorn/_speedups").glob("*_c.pxd"))
# annotation_typing=False: annotations are for type checkers; C types are only in the .pxd.
# binding=False: the interpreter calls this kind of method fastest.
DIRECTIVES = {"language_level": 3, "annotation_typing": False, "binding": False}
# Debug information would be three quarters of a wheel. If CFLAGS is set, no flag is added.
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
    """The Cython directives.

    Since Cython 3.1, modules can declare that they are safe without the GIL (docs/design.md).
    """
    from Cython.Compiler.Options import get_directive_defaults

    name = "freethreading_compatible"
    return DIRECTIVES | ({name: True} if name in get_directive_defaults() else {})


def reason_in_a_line(error: BaseException) -> str:
    """The reason of a failed build in one line. The arguments of a failed command are left out."""
    failed = next((argument for argument in error.args if isinstance(argument, CalledProcessError)), None)
    if failed is not None:
        return f"{failed.cmd[0]} failed with exit code {failed.returncode}"
    return shorten(str(error) or type(error).__name__, width=160, placeholder=" ...")


class BuildSpeedups(build_ext):
    """Builds all compiled modules, or none."""

    def finalize_options(self) -> None:
        super().finalize_options()
        # One C compiler runs on each processor, unless `--parallel` says how many.
        self.parallel = self.parallel or os.cpu_count()

    def run(self) -> None:
        # `uvicorn --version` reads the reason of a failed build from this file.
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
            # force=True: Cython compares the source only with a .pxd of the same name, and would miss changes of
            # _x_c.pxd.
            translated = cythonize(
                [extension], build_dir="build/cython", compiler_directives=directives(), force=True, quiet=True
            )
            extension.sources = translated[0].sources

    def discard(self) -> None:
        """Remove modules that were built: a build with only some of them would be broken."""
        for extension in self.extensions:
            Path(self.get_ext_fullpath(extension.name)).unlink(missing_ok=True)
        self.extensions[:] = []


class Wheel(bdist_wheel):
    """Makes a wheel for one platform if something was compiled, otherwise a pure wheel."""

    def run(self) -> None:
        self.run_command("build_ext")
        self.root_is_pure = not self.distribution.has_ext_modules()
        super().run()


class SourceDistribution(sdist):
    """Makes a reproducible archive if SOURCE_DATE_EPOCH is set. Wheels are reproducible already."""

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
