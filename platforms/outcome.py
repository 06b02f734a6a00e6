"""A row of the table."""

import re
from dataclasses import dataclass

from platforms.command import CommandFailed


@dataclass(frozen=True)
class Outcome:
    """The result of one check on one platform.

    Attributes:
        platform: the name of the platform.
        check: the name of the check.
        passed: whether the check passed.
        detail: the last line of the output, or all of the output if the check failed.
    """

    platform: str
    check: str
    passed: bool
    detail: str

    @classmethod
    def of_failure(cls, platform: str, check: str, error: CommandFailed) -> "Outcome":
        return cls(platform, check, False, str(error))

    @classmethod
    def of_version(cls, platform: str, printed: str, build: str) -> "Outcome":
        """Judge the output of `uvicorn --version`, which must name the expected build."""
        lines = [line for line in printed.splitlines() if line.startswith(("Running", "Speedups"))]
        passed = len(lines) == 2 and lines[1].startswith(f"Speedups: {build}")
        return cls(platform, "uvicorn --version", passed, " ".join(lines) if passed else printed)

    @classmethod
    def of_suite(cls, platform: str, check: str, printed: str) -> "Outcome":
        """Judge the output of pytest."""
        summaries = re.findall(r"^=* ?((?:\d+ \w+,? ?)+ in [\d.]+s.*?) ?=*$", printed, re.MULTILINE)
        passed = bool(summaries) and re.search(r"\b(failed|errors?)\b", summaries[-1]) is None
        return cls(platform, check, passed and "passed" in summaries[-1], summaries[-1] if passed else printed)

    @classmethod
    def of_request(cls, platform: str, check: str, printed: str) -> "Outcome":
        """Judge the output of `platforms.served_request`."""
        passed = "served" in printed.splitlines()[-1:]
        return cls(platform, check, passed, "200, and a WebSocket message" if passed else printed)
