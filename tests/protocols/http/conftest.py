"""A connection of the class under test."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.doubles import MockLoop
from tests.protocols.http.connection import Connection


@pytest.fixture
def connect(http_protocol_cls: Any) -> Iterator[Callable[..., Connection]]:
    """Make connections of the class under test; they are lost at the end of the test."""
    connections: list[Connection] = []

    def make(app: Any, **options: Any) -> Connection:
        connections.append(Connection(http_protocol_cls, app, **options))
        return connections[-1]

    yield make
    for connection in connections:
        if isinstance(connection.loop, MockLoop):
            connection.loop.discard()
