"""A connection of the class under test, and the access log."""

import functools
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.protocols.http.connection import Http1Connection, Records, connections_of
from tests.protocols.http.http2 import Http2Connection


@pytest.fixture
def connect(http_protocol_cls: Any) -> Iterator[Callable[..., Http1Connection]]:
    """Make connections of the class under test."""
    yield from connections_of(functools.partial(Http1Connection, http_protocol_cls))


@pytest.fixture
def connect_http2(build: str) -> Iterator[Callable[..., Http2Connection]]:
    """Make HTTP/2 connections on one build."""
    yield from connections_of(functools.partial(Http2Connection, build))


@pytest.fixture
def access() -> Iterator[Records]:
    """The lines of the access log."""
    handler = Records()
    logger = logging.getLogger("uvicorn.access")
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)
