"""Why there is no compiled build, or none that can be used, and what to do about it. Imported only to find that out."""

from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

FOLDER = Path(__file__).parent
# setup.py writes it if the compilation failed.
BUILD_FAILURE = "not_compiled.txt"

BUILD_AGAIN = (
    "Install a C compiler and the headers of Python (Debian, Ubuntu: apt-get install gcc python3-dev), then install "
    "the source distribution of uvicorn again, with UVICORN_BUILD_SPEEDUPS=require."
)
REBUILD = "Rebuild it: python setup.py build_ext --inplace"


def explain_absence(folder: Path = FOLDER) -> str:
    """Why the compiled build is not there."""
    note = folder / BUILD_FAILURE
    if note.exists():
        return f"the compilation failed: {note.read_text(encoding='utf-8').strip()}"
    return "the compiled build is not installed"


def find_newer_source(folder: Path = FOLDER) -> str:
    """In a checkout, the name of a source that was not compiled or has changed since; an empty string without one."""
    for declarations in folder.glob("*_c.pxd"):
        binary = folder / (declarations.stem + EXTENSION_SUFFIXES[0])
        compiled = binary.stat().st_mtime if binary.exists() else 0.0
        source = folder / (declarations.stem.removesuffix("_c") + "_py.py")
        newer = next((path for path in (source, declarations) if path.stat().st_mtime > compiled), None)
        if newer is not None:
            return newer.name
    return ""
