"""From HTTP to WebSocket (RFC 9110 section 7.8)."""

import logging
from typing import TYPE_CHECKING, Any

from uvicorn._speedups import RequestHead, RequestRejected
from uvicorn.logging import TRACE_LOG_LEVEL

if TYPE_CHECKING:
    from uvicorn.protocols.http.protocol import HTTPProtocol


def is_accepted(head: RequestHead, has_body: bool, ws_protocol_class: Any, logger: logging.Logger) -> bool:
    """Whether the connection becomes a WebSocket; any other upgrade is served as plain HTTP."""
    if head.upgrade == b"websocket" and ws_protocol_class is not None:
        if has_body:
            raise RequestRejected(400, "a WebSocket handshake has no body")
        return True
    logger.warning("Unsupported upgrade request.")
    if head.upgrade == b"websocket":
        logger.warning(
            "No supported WebSocket library detected. Please use \"pip install 'uvicorn[standard]'\", "
            "or install 'websockets' or 'wsproto' manually."
        )
    return False


def begin(connection: "HTTPProtocol") -> None:
    """Call `handle_websocket_upgrade`."""
    head = connection._upgrade
    assert head is not None
    connection._call_upgrade_hook(head)
    if connection._upgrade is not None and connection._rejected is None and not connection.transport.is_closing():
        connection._on_rejected(RequestRejected(400, "handle_websocket_upgrade has not called super()"))


def hand_over(connection: "HTTPProtocol") -> None:
    """Give the transport, the handshake and the bytes after it to a WebSocket."""
    head, connection._upgrade = connection._upgrade, None
    if head is None or connection._rejected is not None or connection.transport.is_closing():
        return
    if connection.logger.isEnabledFor(TRACE_LOG_LEVEL):
        connection._trace("Upgrading to WebSocket")
    rest = connection._parser.take_rest()
    connection._leave()
    _replace(connection, head, rest)
    connection.flow.resume_reading()


def _replace(connection: "HTTPProtocol", head: RequestHead, rest: bytes) -> None:
    transport = connection.transport
    protocol_class: Any = connection.ws_protocol_class
    arguments: dict[str, Any] = {
        "config": connection.config,
        "server_state": connection.server_state,
        "app_state": connection.app_state,
    }
    if hasattr(protocol_class, "handle_upgrade"):
        protocol = protocol_class(**arguments, _loop=connection.loop)
        protocol.connection_made(transport)
        protocol.handle_upgrade(head, rest)
    else:
        # A foreign class reads the request itself.
        protocol = protocol_class(**arguments)
        protocol.connection_made(transport)
        request_line = b"GET %b HTTP/%b\r\n" % (head.target, head.http_version.encode())
        fields = [b"%b: %b\r\n" % field for field in head.headers]
        protocol.data_received(b"".join([request_line, *fields, b"\r\n", rest]))
    transport.set_protocol(protocol)
