"""What the coverage-guided targets keep: every rule once, and what they have found."""

from pathlib import Path

import pytest

from tests.fuzz.coverage_guided import HERE, TARGETS

KEPT = sorted((HERE / "corpus").glob("*/*"))


@pytest.mark.parametrize("path", KEPT, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_kept(path: Path) -> None:
    """The target asserts: both builds, parsers and codecs agree."""
    TARGETS[path.parent.name](path.read_bytes())


def test_every_target_keeps_something() -> None:
    assert {path.parent.name for path in KEPT} == TARGETS.keys()
