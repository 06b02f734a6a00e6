"""A connection of the class under test, and the access log."""

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.doubles import MockLoop
from tests.protocols.http.connection import Http1Connection, Records
from tests.protocols.http.http2 import Http2Connection


@pytest.fixture
def connect(http_protocol_cls: Any) -> Iterator[Callable[..., Http1Connection]]:
    """Make connections of the class under test; they are lost at the end of the test."""
    connections: list[Http1Connection] = []

    def make(app: Any, **options: Any) -> Http1Connection:
        connections.append(Http1Connection(http_protocol_cls, app, **options))
        return connections[-1]

    yield make
    for connection in connections:
        if isinstance(connection.loop, MockLoop):
            connection.loop.discard()


@pytest.fixture
def connect_http2(build: str) -> Iterator[Callable[..., Http2Connection]]:
    """Make HTTP/2 connections on one build; they are lost at the end of the test."""
    connections: list[Http2Connection] = []

    def make(app: Any, **options: Any) -> Http2Connection:
        connections.append(Http2Connection(build, app, **options))
        return connections[-1]

    yield make
    for connection in connections:
        if isinstance(connection.loop, MockLoop):
            connection.loop.discard()


@pytest.fixture
def access() -> Iterator[Records]:
    """What the access log gets."""
    handler = Records()
    logger = logging.getLogger("uvicorn.access")
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)
