"""The platforms that releases are built for, as cibuildwheel reads its configuration."""

import sys

import pytest

from tests.packaging.conftest import run
from tests.processes import ROOT

pytestmark = pytest.mark.once
pytest.importorskip("cibuildwheel")

PYTHONS = ["cp310", "cp311", "cp312", "cp313", "cp314", "cp314t", "cp315", "cp315t"]
PLATFORMS = {
    ("linux", "x86_64"): ["manylinux_x86_64", "musllinux_x86_64"],
    ("linux", "aarch64"): ["manylinux_aarch64", "musllinux_aarch64"],
    ("macos", "x86_64"): ["macosx_x86_64"],
    ("macos", "arm64"): ["macosx_arm64"],
    ("windows", "AMD64"): ["win_amd64"],
    ("windows", "ARM64"): ["win_arm64"],
}


@pytest.mark.parametrize(("platform", "architecture"), PLATFORMS)
def test_build_identifiers(platform: str, architecture: str) -> None:
    options = ["--platform", platform, "--archs", architecture, "--print-build-identifiers"]
    answer = run(sys.executable, "-m", "cibuildwheel", *options, cwd=ROOT)
    assert answer.returncode == 0, answer.stdout
    expected = {f"{python}-{tag}" for python in PYTHONS for tag in PLATFORMS[platform, architecture]}
    assert expected == {line for line in answer.stdout.splitlines() if line.startswith("cp")}
