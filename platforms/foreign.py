"""Packages for a system on which pip cannot run: the pip of this machine chooses and unpacks them."""

import sys
from pathlib import Path

import tomllib
from packaging.requirements import Requirement

from platforms.command import run
from platforms.packages import ROOT, Packages

TOOLS = ["pytest", "pytest-timeout", "hypothesis<6.156", "httpx", "wsproto"]


def install(wheel: Path, packages: Packages, target: Path, tags: list[str], markers: dict[str, str]) -> None:
    """Unpack `wheel`, the extra `standard` and the requirements of the tests into the folder `target`.

    Args:
        wheel: the wheel of the server.
        packages: the archives among which the wheel was built, so that pip finds no other `uvicorn`.
        target: the folder to unpack into.
        tags: the system's platform tags.
        markers: the environment markers of the system that differ from this machine's. pip evaluates the markers for
            this machine.
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
