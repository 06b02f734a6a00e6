"""Run the suite on a compiled build with the address and the undefined-behaviour sanitizer (gcc, Linux).

python tests/sanitize.py [pytest options]

A copy of the checkout is built in build/sanitize, so that the usual build stays unchanged. Every allocation uses
malloc, so that the sanitizer sees a read past the end of a bytes object. A finding ends the process with a report and
fails the test.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COPY = ROOT / "build" / "sanitize"
COPIED = ("uvicorn", "tests", "examples", "benchmarks", "docs", "pyproject.toml", "setup.py", "README.md", "mkdocs.yml")
FLAGS = "-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -O1 -g"


def _copy() -> None:
    shutil.rmtree(COPY, ignore_errors=True)
    COPY.mkdir(parents=True)
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, COPY / name, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
        else:
            shutil.copy(source, COPY / name)
    # The wire cases in a folder beside the checkout.
    beside, link = ROOT.parent / "shared", COPY.parent / "shared"
    if beside.exists() and not link.exists():
        link.symlink_to(beside)


def _library(name: str) -> str:
    found = subprocess.run(["gcc", f"-print-file-name={name}"], check=True, capture_output=True, text=True)
    return found.stdout.strip()


def main() -> int:
    _copy()
    build = {**os.environ, "CFLAGS": FLAGS, "LDFLAGS": FLAGS, "UVICORN_BUILD_SPEEDUPS": "require"}
    command = [sys.executable, "setup.py", "--quiet", "build_ext", "--inplace"]
    subprocess.run(command, cwd=COPY, env=build, check=True, stderr=subprocess.DEVNULL)
    environ = {
        **os.environ,
        "LD_PRELOAD": f"{_library('libasan.so')} {_library('libubsan.so')}",
        # The interpreter keeps memory until it exits, so leaks cannot be distinguished. Freed memory stays in
        # quarantine only briefly, because some tests measure the memory of a server.
        "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1:quarantine_size_mb=1",
        "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
        "PYTHONMALLOC": "malloc",
        "PYTHONPATH": str(COPY),
        "UVICORN_SPEEDUPS": "require",
        "TEST_PATIENCE": "10",
    }
    # The tests that run compiled code. The sanitizers find nothing in the pure build, the pages and the archives.
    options = ["-q", "-p", "no:cacheprovider", "--timeout", "600", "-k", "not pure"]
    options += ["--ignore=tests/docs", "--ignore=tests/packaging", *sys.argv[1:]]
    return subprocess.run([sys.executable, "-m", "pytest", *options], cwd=COPY, env=environ, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
