"""The names of one half of the speedups."""

from typing import Any

import pytest

from uvicorn import _speedups


@pytest.fixture
def leaves(half: str) -> Any:
    """The names of the half."""
    return _speedups.load(half)
