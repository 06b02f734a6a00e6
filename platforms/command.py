"""Running a command to its end."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

PATIENCE = 3600.0  # seconds; an emulated processor is thirty times slower


class CommandFailed(Exception):
    """A command that was not expected to fail has; the message is what it printed."""


def run(*command: object, cwd: Path | None = None, env: Mapping[str, str] | None = None, check: bool = True) -> str:
    """Run a command; what it printed.

    Args:
        command: the program and its arguments.
        cwd: the working directory.
        env: variables added to the environment, in which those of Python and of the server are left out.
        check: whether an exit code other than 0 is an error.

    Raises:
        CommandFailed: it was.
    """
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("UVICORN_", "PYTHON"))}
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env={**environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=PATIENCE,
    )
    if check and done.returncode:
        raise CommandFailed(f"{' '.join(map(str, command))}: exit code {done.returncode}\n{done.stdout}")
    return done.stdout
