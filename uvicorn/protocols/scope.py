"""Builds the scopes of applications (ASGI specification, HTTP and WebSocket)."""

from typing import TYPE_CHECKING, Any

from uvicorn.protocols.extensions import HTTP_EXTENSIONS

if TYPE_CHECKING:
    from uvicorn._speedups import RequestHead
    from uvicorn._speedups._request_py import ScopeTemplate
    from uvicorn._types import WebSocketScope
    from uvicorn.config import Config
    from uvicorn.protocols.connection import Connection
    from uvicorn.server_state import ServerState

WEBSOCKET_SPEC_VERSION = "2.4"

# The extensions of WebSocket scopes (ASGI specification, "Extensions"). Those of HTTP scopes are `HTTP_EXTENSIONS`.
WEBSOCKET_EXTENSIONS: dict[str, dict[str, Any]] = {"websocket.http.response": {}}


def get_http_template(server_state: "ServerState", config: "Config", connection: "Connection") -> "ScopeTemplate":
    """The part of an HTTP scope that is the same for a connection; `RequestReader.build_scope` adds the rest."""
    key = (connection.server, connection.secure)
    template: ScopeTemplate | None = server_state.scope_templates.get(key)
    if template is None:
        asgi: dict[str, str] = {"version": config.asgi_version, "spec_version": config.asgi_http_version}
        root_path = config.root_path
        scope: dict[str, Any] = {
            "type": "http",
            "asgi": asgi,
            "http_version": "1.1",
            "server": connection.server,
            "client": None,
            "scheme": "https" if connection.secure else "http",
            "method": "GET",
            "root_path": root_path,
            "path": "",
            "raw_path": b"",
            "query_string": b"",
            "headers": [],
            "state": {},
            "extensions": {},
        }
        extensions = get_extensions(server_state, HTTP_EXTENSIONS)
        template = server_state.scope_templates[key] = (scope, asgi, root_path, root_path.encode(), extensions)
    tls = connection.tls
    if tls is not None:
        template = (*template[:4], {**template[4], "tls": tls})
    return template


def get_extensions(server_state: "ServerState", own: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The extensions of a scope: those of its type, and those that every scope has."""
    return {**own, "uvicorn.shutdown": {"event": server_state.shutdown_event}}


def build_websocket_scope(
    config: "Config", connection: "Connection", head: "RequestHead", subprotocols: list[str], state: dict[str, Any]
) -> "WebSocketScope":
    """Build the scope of a WebSocket.

    Args:
        config: a loaded config.
        connection: the connection that becomes a WebSocket.
        head: the head of the handshake.
        subprotocols: those that the client offers.
        state: the state of the lifespan; the scope gets a copy.
    """
    root_path = config.root_path
    extensions = get_extensions(connection.server_state, WEBSOCKET_EXTENSIONS)
    tls = connection.tls
    if tls is not None:
        extensions["tls"] = tls
    return {
        "type": "websocket",
        "asgi": {"version": config.asgi_version, "spec_version": WEBSOCKET_SPEC_VERSION},
        "http_version": head.http_version,
        "scheme": "wss" if connection.secure else "ws",
        "server": connection.server,
        "client": connection.client,
        "root_path": root_path,
        "path": root_path + head.path,
        "raw_path": root_path.encode() + head.raw_path,
        "query_string": head.query_string,
        "headers": head.headers,
        "subprotocols": subprotocols,
        "state": state.copy(),
        "extensions": extensions,
    }
