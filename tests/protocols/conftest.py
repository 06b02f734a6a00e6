"""The WebSocket classes under test."""

from typing import Any

import pytest

from tests.protocols.websockets.classes import CODECS, codec_protocol


@pytest.fixture(params=list(CODECS))
def ws_protocol_cls(request: pytest.FixtureRequest) -> Any:
    """The public class that uses the codec."""
    try:
        return codec_protocol(request.param)
    except ImportError as error:
        pytest.skip(f"{request.param} is not there: {error}")
