"""Run the checks of every platform that this machine can run, and print a table.

python -m platforms [--folder FOLDER] [NAME ...]
"""

import argparse
import functools
import os
import re
import shutil
import signal
import sys
from pathlib import Path

from platforms import aarch64, cpython_next, packages, pypy, windows

PLATFORMS = {
    "pypy-3.11": pypy.outcomes,
    "cpython-3.14": functools.partial(cpython_next.outcomes, "3.14"),
    "cpython-3.15": functools.partial(cpython_next.outcomes, "3.15"),
    "aarch64": aarch64.outcomes,
    "windows": windows.outcomes,
}
NEEDED = {"debootstrap": "debootstrap", "qemu-aarch64-static": "qemu-user-static"}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m platforms", description=__doc__)
    folder = packages.ROOT / ".platforms"
    parser.add_argument("--folder", type=Path, default=folder, help="where the systems are kept (some GB)")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(PLATFORMS))
    arguments = parser.parse_args()
    names = arguments.names or list(PLATFORMS)
    if unknown := set(names) - set(PLATFORMS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    if os.geteuid() != 0:
        sys.exit("Root is needed: debootstrap, mount and chroot are used.")
    if missing := [package for program, package in NEEDED.items() if shutil.which(program) is None]:
        sys.exit(f"Missing Debian packages: {', '.join(missing)}.")
    # SIGTERM must raise an exception, so that all file systems are unmounted.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    base = arguments.folder.resolve()
    built = packages.build(base / "packages")
    failed = False
    print(f"{'platform':16} {'check':20} {'':6} detail", flush=True)
    for name in names:
        for outcome in PLATFORMS[name](base / name, built):
            verdict = "ok" if outcome.passed else "FAILED"
            detail = outcome.detail
            if not outcome.passed:
                # Printed at once, because the other platforms may take an hour.
                report = base / re.sub(r"[^\w.]+", "-", f"{name} {outcome.check}.log")
                report.write_text(outcome.detail, encoding="utf-8")
                detail = f"see {report}"
            print(f"{outcome.platform:16} {outcome.check:20} {verdict:6} {detail}", flush=True)
            failed = failed or not outcome.passed
    sys.exit(failed)


if __name__ == "__main__":
    main()
