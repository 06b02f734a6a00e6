"""The WebSocket classes under test: each codec, combined with each class that can take the request."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.protocols.http.classes import protocol_class
from tests.protocols.http.connection import connections_of
from tests.protocols.websockets.connection import WebSocketConnection


@pytest.fixture(params=["itself", "h11", "httptools"])
def entry(request: pytest.FixtureRequest, ws_protocol_cls: Any) -> Any:
    """The class that takes the request: the WebSocket class itself, or the HTTP protocol with one of the parsers."""
    if request.param == "itself":
        return ws_protocol_cls
    pytest.importorskip(request.param)
    return protocol_class(request.param, "pure")


@pytest.fixture
def connect(ws_protocol_cls: Any) -> Iterator[Callable[..., WebSocketConnection]]:
    """Make connections of the class under test."""

    def make(protocol_class: Any = None, **options: Any) -> WebSocketConnection:
        return WebSocketConnection(protocol_class or ws_protocol_cls, ws=ws_protocol_cls, **options)

    yield from connections_of(make)
