"""The compiled half: which modules it has, and when it is built. Everything else is in pyproject.toml.

``UVICORN_BUILD_SPEEDUPS=auto|no|require``: ``auto`` (the default) installs the pure half where the compiled
one cannot be built and says so in one line; ``require`` fails instead; ``no`` never compiles. PyPy never compiles.
"""

import os
import platform
import sys
from pathlib import Path
from subprocess import CalledProcessError
from textwrap import shorten

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

# Each is compiled from its pure twin, with the types of <name>_c.pxd, under a module name of its own.
COMPILED = [
    "_access_line",
    "_chunked",
    "_hpack",
    "_http2",
    "_http2_fields",
    "_payload",
    "_request",
    "_response",
    "_scan",
    "_websocket",
]
# The annotations are for type checkers; the C types stand in the .pxd alone.
# Without binding, methods are of the kind that the interpreter calls fastest.
DIRECTIVES = {"language_level": 3, "annotation_typing": False, "binding": False}
# Information for debuggers would be three quarters of a wheel. Whoever sets CFLAGS decides alone.
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


def reason_in_a_line(error: BaseException) -> str:
    """Of a command that has failed without its dozens of arguments."""
    failed = next((argument for argument in error.args if isinstance(argument, CalledProcessError)), None)
    if failed is not None:
        return f"{failed.cmd[0]} failed with exit code {failed.returncode}"
    return shorten(str(error) or type(error).__name__, width=160, placeholder=" ...")


class BuildSpeedups(build_ext):
    """All the compiled modules, or none of them."""

    def run(self) -> None:
        try:
            self.translate()
            super().run()
        except (Exception, SystemExit) as error:
            reason = reason_in_a_line(error)
            if MODE == "require":
                sys.exit(f"uvicorn: the speedups could not be compiled: {reason}")
            print(f"uvicorn: no speedups, the pure Python half is installed: {reason}", file=sys.stderr)
            self.discard()

    def translate(self) -> None:
        from Cython.Build import cythonize

        for extension in self.extensions:
            # force: Cython looks for a .pxd by the name of the source, and would miss a change of <name>_c.pxd.
            translated = cythonize(
                [extension], build_dir="build/cython", compiler_directives=DIRECTIVES, force=True, quiet=True
            )
            extension.sources = translated[0].sources

    def discard(self) -> None:
        """A part of the modules would be a broken build."""
        for extension in self.extensions:
            Path(self.get_ext_fullpath(extension.name)).unlink(missing_ok=True)
        self.extensions[:] = []


setup(ext_modules=extensions(), cmdclass={"build_ext": BuildSpeedups})
