"""A row of the table."""

import re
from dataclasses import dataclass

from platforms.command import CommandFailed


@dataclass(frozen=True)
class Outcome:
    """What came of one check on one platform.

    Attributes:
        platform: its name.
        check: what was tried.
        passed: whether it went well.
        detail: the last line of what was printed; where it failed, all of it.
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
        """Judge what `uvicorn --version` prints: the build has to be the expected one."""
        lines = [line for line in printed.splitlines() if line.startswith(("Running", "Speedups"))]
        passed = len(lines) == 2 and lines[1].startswith(f"Speedups: {build}")
        return cls(platform, "uvicorn --version", passed, " ".join(lines) if passed else printed)

    @classmethod
    def of_suite(cls, platform: str, check: str, printed: str) -> "Outcome":
        """Judge what pytest prints."""
        summaries = re.findall(r"^=* ?((?:\d+ \w+,? ?)+ in [\d.]+s.*?) ?=*$", printed, re.MULTILINE)
        passed = bool(summaries) and re.search(r"\b(failed|errors?)\b", summaries[-1]) is None
        return cls(platform, check, passed and "passed" in summaries[-1], summaries[-1] if passed else printed)

    @classmethod
    def of_request(cls, platform: str, check: str, printed: str) -> "Outcome":
        """Judge what `platforms.served_request` prints."""
        passed = "served" in printed.splitlines()[-1:]
        return cls(platform, check, passed, "200, and a WebSocket message" if passed else printed)
