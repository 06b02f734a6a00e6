"""Running a command to its end."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

PATIENCE = 3600.0  # seconds; an emulated processor is about thirty times slower


class CommandFailed(Exception):
    """A command failed unexpectedly. The message is its output."""


def run(*command: object, cwd: Path | None = None, env: Mapping[str, str] | None = None, check: bool = True) -> str:
    """Run a command. Returns its output.

    Args:
        command: the program and its arguments.
        cwd: the working directory.
        env: variables to add to the environment. The variables of Python and of the server are left out.
        check: whether an exit code other than 0 is an error.

    Raises:
        CommandFailed: the exit code was an error.
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
