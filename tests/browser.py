"""A real browser without a window, on a page of a server under test."""

import contextlib
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import run_program

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_browser = pytest.mark.skipif(BROWSER is None, reason="neither chromium nor google-chrome is installed")

# These turn off the browser's own network traffic.
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
    "--ignore-certificate-errors",
)
# Seconds for a page. On a loaded machine a browser starts slowly.
BROWSER_PATIENCE = 90.0


@contextlib.contextmanager
def browse(url: str, directory: Path) -> Iterator[None]:
    """Open a page in a browser for the time of the block. The browser's profile is in `directory`."""
    command = [str(BROWSER), *_FLAGS, f"--user-data-dir={directory / 'profile'}", url]
    with run_program(command, number=signal.SIGKILL, stdout=subprocess.DEVNULL):
        yield
