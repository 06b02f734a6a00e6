"""Finds out whether a client speaks HTTP/1.1 or HTTP/2, if the server offers both.

With TLS, ALPN says it (RFC 7301). Without TLS, the first bytes of the client say it (RFC 9113 section 3.3).
"""

import asyncio
import re
from typing import TYPE_CHECKING, Any

from uvicorn._speedups.http2_codes import PREFACE
from uvicorn.protocols.connection import Connection, Due
from uvicorn.protocols.http.http2 import Http2
from uvicorn.protocols.tasks import get_scheduler

if TYPE_CHECKING:
    from uvicorn.config import Config
    from uvicorn.server_state import ServerState

# A first line of three words whose last word is not a version of HTTP. It can only be a wrong preface of HTTP/2.
_NO_VERSION = re.compile(rb"[!-~]+ [!-~]+ (?!HTTP/)[!-~]+\r\n")


class Negotiation(asyncio.Protocol):
    """The first protocol of a connection. It gives the transport to a protocol for the version that the client speaks.

    Args:
        config, server_state, app_state: the arguments of the protocol classes.
    """

    http2_class: Any = Http2

    def __init__(self, config: "Config", server_state: "ServerState", app_state: dict[str, Any]) -> None:
        self.arguments: dict[str, Any] = {"config": config, "server_state": server_state, "app_state": app_state}
        self.config = config
        scheduler = get_scheduler(server_state, asyncio.get_running_loop())
        self.connection = Connection(self, config, server_state, scheduler.timers)
        self._read = b""

    @property
    def transport(self) -> asyncio.Transport:
        return self.connection.transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.connection.made(transport)
        tls = transport.get_extra_info("ssl_object")
        if tls is not None:
            self._give_to(self.http2_class if tls.selected_alpn_protocol() == "h2" else self.config.http_protocol_class)
        else:
            self.connection.deadline.set(Due.HEAD, self.config.timeout_request_head)

    def data_received(self, data: bytes) -> None:
        read = self._read = self._read + data
        if read.startswith(PREFACE) or _NO_VERSION.match(read):
            self._give_to(self.http2_class)
        elif not PREFACE.startswith(read):
            self._give_to(self.config.http_protocol_class)

    def eof_received(self) -> bool | None:
        """Let HTTP/1.1 answer an incomplete request."""
        protocol = self._give_to(self.config.http_protocol_class)
        kept: bool | None = protocol.eof_received()
        return kept

    def _give_to(self, protocol_class: Any) -> Any:
        """Make a protocol of this class, and give it the transport and the bytes that were read."""
        connection = self.connection
        transport = connection.transport
        read, self._read = self._read, b""
        connection.lost()
        protocol = protocol_class(**self.arguments)
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        if read:
            protocol.data_received(read)
        return protocol

    def pause_writing(self) -> None:
        """Do nothing: this protocol does not write."""

    resume_writing = pause_writing

    def connection_lost(self, exc: Exception | None) -> None:
        self.connection.lost()

    def on_due(self, due: Due) -> None:
        """Called when the client was too slow: it has sent nothing, or only a part of the preface."""
        self._give_to(self.config.http_protocol_class).on_due(due)

    def shutdown(self) -> None:
        self.connection.close()
