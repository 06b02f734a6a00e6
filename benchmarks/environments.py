"""Virtual environments for the other servers in the comparison. Each environment has one server only.

python benchmarks/environments.py [NAME ...]     creates those that are missing; all of them without a name
"""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

# Outside of the checkout, so that no tool treats the environments as a part of it.
FOLDER = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "uvicorn-benchmarks"

# Besides each server: the packages that its documentation recommends for speed, and FastAPI for the case that needs it.
REQUIREMENTS = {
    "uvicorn-0.54": ["uvicorn[standard]==0.54.*", "wsproto", "fastapi"],
    "granian": ["granian[uvloop]", "fastapi"],
    "hypercorn": ["hypercorn[uvloop]", "fastapi"],
    "daphne": ["daphne", "fastapi"],
    "picows": ["picows", "uvloop"],
    "gunicorn": ["gunicorn>=24", "uvloop", "httptools", "fastapi"],
}


def folder_of(name: str) -> Path:
    """Return the folder of an environment. Each interpreter has its own folders."""
    return FOLDER / f"{name}-{sys.implementation.cache_tag}"


def python_of(name: str) -> Path:
    return folder_of(name) / "bin" / "python"


def installed(name: str) -> bool:
    return (folder_of(name) / "installed").exists()


def create(name: str) -> None:
    print(f"==> {name}: {' '.join(REQUIREMENTS[name])}", flush=True)
    venv.create(folder_of(name), with_pip=True, clear=True)
    subprocess.run([python_of(name), "-m", "pip", "install", "--quiet", *REQUIREMENTS[name]], check=True)
    (folder_of(name) / "installed").touch()


def version(name: str, distribution: str) -> str:
    """Return the installed version of a distribution, or "" if it is not installed."""
    code = f"import importlib.metadata as m; print(m.version({distribution!r}))"
    answer = subprocess.run([python_of(name), "-I", "-c", code], capture_output=True, text=True)
    return answer.stdout.strip()


def main() -> None:
    for name in sys.argv[1:] or REQUIREMENTS:
        if name not in REQUIREMENTS:
            sys.exit(f"no such environment: {name}; there are {', '.join(REQUIREMENTS)}")
        if not installed(name):
            create(name)


if __name__ == "__main__":
    main()
