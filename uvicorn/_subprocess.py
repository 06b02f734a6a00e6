"""The names of `uvicorn.supervisors.spawn` that programs import from here."""

from uvicorn.supervisors.spawn import get_subprocess, subprocess_started

__all__ = ["get_subprocess", "subprocess_started"]
