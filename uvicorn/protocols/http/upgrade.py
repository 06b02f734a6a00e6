"""Turns an HTTP/1.1 connection into a WebSocket (RFC 9110 section 7.8). `Http1` and its hooks call it."""

import logging
from typing import TYPE_CHECKING, Any

from uvicorn._speedups import RequestHead, RequestRejected

if TYPE_CHECKING:
    from uvicorn.protocols.http.http1 import Http1


def is_accepted(head: RequestHead, has_body: bool, ws_protocol_class: Any, logger: logging.Logger) -> bool:
    """Whether the connection becomes a WebSocket. Requests for other upgrades are served as plain HTTP, with a warning.

    Raises:
        RequestRejected: a WebSocket handshake has a body.
    """
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


def switch(http: "Http1") -> None:
    """Give the connection, the handshake and the bytes after it to the WebSocket class."""
    head, http.upgrade = http.upgrade, None
    if head is None or http.is_closed or http.transport.is_closing():
        return
    http.connection.trace("Upgrading to WebSocket")
    rest = http.leave()
    connection = http.connection
    transport = http.transport
    protocol_class: Any = http.ws_protocol_class
    arguments: dict[str, Any] = {
        "config": http.config,
        "server_state": http.server_state,
        "app_state": http.app_state,
    }
    if hasattr(protocol_class, "handle_upgrade"):
        protocol = protocol_class(**arguments, _loop=http.loop)
        connection.switch(protocol)
        protocol.connection_made(transport)
        protocol.handle_upgrade(head, rest)
    else:
        # A class of another package does not know our `Connection`. It gets the request as bytes, and reads it itself.
        connection.lost()
        protocol = protocol_class(**arguments)
        protocol.connection_made(transport)
        request_line = b"GET %b HTTP/%b\r\n" % (head.target, head.http_version.encode())
        fields = [b"%b: %b\r\n" % field for field in head.headers]
        protocol.data_received(b"".join([request_line, *fields, b"\r\n", rest]))
        transport.set_protocol(protocol)
    connection.flow.resume_reading()
