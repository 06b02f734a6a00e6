"""The import paths that other packages use, and the class that `auto` selects."""

import importlib.util
import sys
from typing import Any

import pytest

from tests.protocols.websockets.connection import WebSocketConnection
from tests.protocols.websockets.frames import TEXT, frame
from uvicorn import _speedups
from uvicorn.config import Config
from uvicorn.importer import import_from_string
from uvicorn.protocols.websockets.builtin_impl import BuiltinWebSocketProtocol
from uvicorn.protocols.websockets.protocol import WebSocketProtocol
from uvicorn.server_state import ServerState

NAMES = {
    "uvicorn.protocols.websockets.builtin_impl:BuiltinWebSocketProtocol": "uvicorn",
    "uvicorn.protocols.websockets.websockets_impl:WebSocketProtocol": "websockets",
    "uvicorn.protocols.websockets.websockets_sansio_impl:WebSocketsSansIOProtocol": "websockets",
    "uvicorn.protocols.websockets.wsproto_impl:WSProtocol": "wsproto",
}


def load_again(module_name: str) -> Any:
    """The module, freshly imported in the current environment."""
    spec = importlib.util.find_spec(module_name)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("name", "library"), NAMES.items())
def test_names(name: str, library: str) -> None:
    pytest.importorskip(library)
    protocol_class = import_from_string(name)
    assert issubclass(protocol_class, WebSocketProtocol)
    assert protocol_class.__name__ == name.partition(":")[2]
    assert protocol_class.__module__ == name.partition(":")[0]


async def test_the_class_of_another_name_serves() -> None:
    pytest.importorskip("websockets")
    name = "uvicorn.protocols.websockets.websockets_sansio_impl:WebSocketsSansIOProtocol"
    connection = await WebSocketConnection(import_from_string(name)).open(then=frame(TEXT, b"x"))
    assert (await connection.receive())["text"] == "x"
    await connection.finish()


def test_auto_needs_no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    for library in ("websockets", "wsproto"):
        monkeypatch.setitem(sys.modules, library, None)
    assert load_again("uvicorn.protocols.websockets.auto").AutoWebSocketsProtocol is BuiltinWebSocketProtocol
    assert BuiltinWebSocketProtocol.codec_class is _speedups.WebSocketCodec


def test_without_the_compiled_part_of_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("websockets")
    monkeypatch.setitem(sys.modules, "websockets.speedups", None)
    codec = load_again("uvicorn.protocols.websockets.websockets_impl").WebsocketsCodec(1000, None)
    assert codec.feed(frame(TEXT, b"Hello")) == ["Hello"]


async def test_subclasses_may_override(ws_protocol_cls: Any) -> None:
    class Counting(ws_protocol_cls):  # type: ignore[misc]  # the class comes from a fixture
        received = 0

        def data_received(self, data: bytes) -> None:
            self.received += len(data)
            super().data_received(data)

    connection = await WebSocketConnection(Counting).open(then=frame(TEXT, b"x"))
    assert connection.protocol.received > 100
    assert (await connection.receive())["text"] == "x"
    for name in ("config", "app", "loop", "logger", "server", "client", "scheme", "scope", "tasks", "connections"):
        assert getattr(connection.protocol, name) is not None


async def test_attributes_are_none_before_the_request(ws_protocol_cls: Any) -> None:
    config = Config(lambda scope: None, log_config=None, lifespan="off")
    protocol = ws_protocol_cls(config=config, server_state=ServerState(), app_state={})
    assert (protocol.transport, protocol.flow, protocol.scope) == (None, None, None)
    assert (protocol.server, protocol.client, protocol.scheme) == (None, None, "ws")
