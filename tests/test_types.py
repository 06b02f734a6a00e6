"""The ASGI types match the specification."""

import sys
import typing
from typing import Any

import pytest

from uvicorn import _types

if sys.version_info >= (3, 11):
    from typing import get_type_hints
else:
    from typing_extensions import get_type_hints

SCOPE = {"type", "asgi", "http_version", "scheme", "path", "raw_path", "query_string", "root_path", "headers"}
SCOPE |= {"client", "server"}


@pytest.mark.parametrize(
    ("scope", "required", "optional"),
    [
        (_types.HTTPScope, SCOPE | {"method"}, {"state", "extensions"}),
        (_types.WebSocketScope, SCOPE | {"subprotocols"}, {"state", "extensions"}),
        (_types.LifespanScope, {"type", "asgi"}, {"state"}),
    ],
)
def test_keys_of_the_scopes(scope: Any, required: set[str], optional: set[str]) -> None:
    assert scope.__required_keys__ == required
    assert scope.__optional_keys__ == optional


@pytest.mark.parametrize(
    ("union", "prefixes"),
    [
        (_types.ASGIReceiveEvent, {"http", "websocket", "lifespan"}),
        (_types.ASGISendEvent, {"http", "websocket", "lifespan"}),
        (_types.LifespanReceiveMessage, {"lifespan"}),
        (_types.LifespanSendMessage, {"lifespan"}),
    ],
)
def test_events_are_distinguished_by_their_type(union: Any, prefixes: set[str]) -> None:
    kinds: dict[str, list[Any]] = {}
    for event in typing.get_args(union):
        (kind,) = typing.get_args(get_type_hints(event)["type"])
        kinds.setdefault(kind, []).append(event)
    assert {kind.partition(".")[0] for kind in kinds} == prefixes
    # Text and bytes are two forms of the same event.
    two_shapes = {kind for kind, events in kinds.items() if len(events) > 1}
    assert two_shapes <= {"websocket.receive", "websocket.send"}
