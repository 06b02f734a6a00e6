"""The names of one half of the speedups."""

from typing import Any

import pytest

from uvicorn import _speedups


@pytest.fixture
def leaves(half: str) -> Any:
    """ChunkedDecoder, RequestBuilder, RequestHead and ResponseFramer of the half."""
    return _speedups.load(half)
