"""What `uvicorn --version` says."""

import platform
from importlib.util import find_spec
from typing import Final

# For each option, the libraries that `auto` tries in turn, and what it takes without any of them.
AUTO: Final = {
    "http": (("httptools",), "h11"),
    "loop": (("uvloop",), "asyncio"),
    "ws": (("websockets", "wsproto"), "none"),
}


def auto_picks(option: str) -> str:
    """Return what `auto` picks here for the option http, loop or ws. Nothing is imported to find out."""
    libraries, otherwise = AUTO[option]
    return next((library for library in libraries if find_spec(library) is not None), otherwise)


def version_text() -> str:
    """Return two lines: what is running on what, and which of its parts."""
    from uvicorn import __version__, _speedups

    python = f"{platform.python_implementation()} {platform.python_version()}"
    picks = ", ".join(map(auto_picks, AUTO))
    return (
        f"Running uvicorn {__version__} with {python} on {platform.system()}\n"
        f"Speedups: {_speedups.HALF} ({_speedups.REASON}); auto: {picks}"
    )
