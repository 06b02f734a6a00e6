"""Packages for a system on which pip is not run: chosen and unpacked by this machine's."""

import sys
from pathlib import Path

import tomllib
from packaging.requirements import Requirement

from platforms.command import run
from platforms.packages import ROOT, Packages

TOOLS = ["pytest", "pytest-timeout", "hypothesis<6.156", "httpx", "wsproto"]


def install(wheel: Path, packages: Packages, target: Path, tags: list[str], markers: dict[str, str]) -> None:
    """Unpack `wheel`, the extra `standard` and what the tests need, into the folder `target`.

    Args:
        wheel: ours.
        packages: where it was built; nothing else is called `uvicorn`.
        target: the folder.
        tags: the system's platform tags.
        markers: where the system's environment markers differ from this machine's (pip evaluates these for itself).
    """
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    wanted = map(Requirement, [*project["dependencies"], *project["optional-dependencies"]["standard"]])
    needed = [
        f"{one.name}{one.specifier}"
        for one in wanted
        if one.marker is None or one.marker.evaluate({"python_version": "3.13", **markers})
    ]
    if markers.get("sys_platform") == "win32":
        needed += ["colorama", "tzdata"]
    platform = [option for tag in tags for option in ("--platform", tag)]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", target]
    python = ["--python-version", "3.13", "--implementation", "cp", "--abi", "cp313", "--abi", "abi3", "--abi", "none"]
    run(*pip, *platform, *python, "--only-binary=:all:", *needed, *TOOLS)
    run(*pip, "--no-deps", *platform, *python, "--only-binary=:all:", wheel)
