"""Names of `uvicorn.supervisors.spawn` that other programs import from here."""

from uvicorn.supervisors.spawn import get_subprocess, subprocess_started

__all__ = ["get_subprocess", "subprocess_started"]
