"""The kept inputs of the coverage-guided targets: one for each rule, and the inputs that once found a fault."""

from pathlib import Path

import pytest

from tests.fuzz.coverage_guided import HERE, TARGETS

KEPT = sorted((HERE / "corpus").glob("*/*"))


@pytest.mark.parametrize("path", KEPT, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_kept_input_passes(path: Path) -> None:
    """The target itself asserts that both builds, the parsers and the codecs agree."""
    TARGETS[path.parent.name](path.read_bytes())


def test_every_target_keeps_something() -> None:
    assert {path.parent.name for path in KEPT} == TARGETS.keys()
