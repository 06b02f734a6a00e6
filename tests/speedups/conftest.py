"""The names of one build of the speedups."""

from typing import Any

import pytest

from uvicorn import _speedups


@pytest.fixture
def speedups(build: str) -> Any:
    """The names of the build."""
    return _speedups.load(build)
