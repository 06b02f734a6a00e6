"""The PROXY protocol, versions 1 and 2: a proxy sends the address of the client before the bytes of the client.

The specification is proxy-protocol.txt of HAProxy. The header comes before all other bytes, also before TLS. No byte
after the header is read here, because the event loop has to read it, perhaps as TLS.
"""

import asyncio
import ipaddress
import re
import socket
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from uvicorn.middleware.proxy_headers import _TrustedHosts
from uvicorn.protocols.utils import address_of, server_address_of

if TYPE_CHECKING:
    from uvicorn.config import Config

_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_V2_HEAD = 16
# The most bytes after the head. Addresses take at most 216. The rest are extensions (section 2.2), which are skipped.
# One of them is a checksum, CRC32C, which a receiver need not verify (section 2.2.3).
_V2_MAX = 4096
_LOCAL, _PROXY = 0x20, 0x21
# Family and transport -> the layout of addresses and ports.
_V2_ADDRESSES = {0x11: (socket.AF_INET, struct.Struct("!4s4sHH")), 0x21: (socket.AF_INET6, struct.Struct("!16s16sHH"))}

_V1_MAX = 107
_PORT = rb"(0|[1-9][0-9]{0,4})"
_V1_LINE = re.compile(rb"PROXY (TCP4|TCP6) ([0-9a-fA-F.:]+) ([0-9a-fA-F.:]+) " + _PORT + b" " + _PORT + rb"\r\n")
_V1_UNKNOWN = re.compile(rb"PROXY UNKNOWN(?: [^\r\n]*)?\r\n")
# The beginning of a line -> the length of the shortest line with this beginning.
_V1_SHORTEST = {
    b"PROXY UNKNO": len(b"PROXY UNKNOWN\r\n"),
    b"PROXY TCP4 ": len(b"PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n"),
    b"PROXY TCP6 ": len(b"PROXY TCP6 :: :: 0 0\r\n"),
}
# The size of the first read. No header is shorter than this.
_FIRST = len(_SIGNATURE)

Address = tuple[str, int]


class InvalidHeader(ValueError):
    """The bytes are not a header of the PROXY protocol."""


class Header:
    """Reads a header in parts.

    Attributes:
        wanted: how many more bytes the header has at least; 0 when it is complete.
        source: the address of the client. None if the proxy has connected for itself, or does not know it.
        destination: the address to which the client has connected, or None.
    """

    def __init__(self) -> None:
        self._data = b""
        self.wanted = _FIRST
        self.source: Address | None = None
        self.destination: Address | None = None

    def feed(self, data: bytes) -> None:
        """Read bytes, at most `wanted`.

        Raises:
            InvalidHeader: the bytes are not the beginning of a header.
        """
        self._data += data
        self.wanted -= len(data)
        if self.wanted > 0:
            # The first bytes show that it is another protocol, such as TLS or HTTP.
            if not (_SIGNATURE.startswith(self._data[:_FIRST]) or b"PROXY ".startswith(self._data[:6])):
                raise InvalidHeader
        elif self._data.startswith(_SIGNATURE):
            self._read_v2()
        else:
            self._read_v1()

    def _read_v1(self) -> None:
        data = self._data
        if data.endswith(b"\r\n"):
            found = _V1_LINE.fullmatch(data)
            if found is not None:
                family, source, destination, source_port, destination_port = (part.decode() for part in found.groups())
                version = 4 if family == "TCP4" else 6
                self.source = _address(version, source, int(source_port))
                self.destination = _address(version, destination, int(destination_port))
            elif _V1_UNKNOWN.fullmatch(data) is None:
                raise InvalidHeader
            return
        shortest = next((size for start, size in _V1_SHORTEST.items() if data.startswith(start)), 0)
        # The line ends with CRLF. The CR may have been read already.
        self.wanted = max(shortest - len(data), 1 if data.endswith(b"\r") else 2)
        if not shortest or b"\n" in data or len(data) + self.wanted > _V1_MAX:
            raise InvalidHeader

    def _read_v2(self) -> None:
        data = self._data
        if len(data) < _V2_HEAD:
            self.wanted = _V2_HEAD - len(data)
            return
        command, kind, length = struct.unpack_from("!BBH", data, len(_SIGNATURE))
        if command not in (_LOCAL, _PROXY) or length > _V2_MAX:
            raise InvalidHeader
        self.wanted = _V2_HEAD + length - len(data)
        if self.wanted or command == _LOCAL or kind not in _V2_ADDRESSES:
            return
        family, layout = _V2_ADDRESSES[kind]
        if length < layout.size:
            raise InvalidHeader
        source, destination, source_port, destination_port = layout.unpack_from(data, _V2_HEAD)
        self.source = socket.inet_ntop(family, source), source_port
        self.destination = socket.inet_ntop(family, destination), destination_port


def _address(version: int, host: str, port: int) -> Address:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raise InvalidHeader from None
    if address.version != version or port > 0xFFFF:
        raise InvalidHeader
    return str(address), port


async def read_header(sock: socket.socket) -> Header:
    """Read a header, and no byte after it, from a non-blocking socket.

    Raises:
        InvalidHeader: the header is not valid, or the connection has ended within it.
        OSError: the connection was lost.
    """
    loop = asyncio.get_running_loop()
    header = Header()
    while header.wanted:
        data = await loop.sock_recv(sock, header.wanted)
        if not data:
            raise InvalidHeader
        header.feed(data)
    return header


class ProxiedTransport(asyncio.Transport):
    """Wraps a transport, and has the addresses that a proxy has sent.

    Args:
        transport: the transport to wrap.
        header: a header with addresses.
    """

    def __init__(self, transport: Any, header: Header) -> None:
        super().__init__({"peername": header.source, "sockname": header.destination})
        self._transport = transport
        # The methods of the wrapped transport are attributes of this object, so they need no additional call.
        for name in ("abort", "can_write_eof", "close", "get_protocol", "get_write_buffer_size", "is_closing"):
            setattr(self, name, getattr(transport, name))
        for name in ("get_write_buffer_limits", "is_reading", "pause_reading", "resume_reading", "set_protocol"):
            setattr(self, name, getattr(transport, name))
        for name in ("set_write_buffer_limits", "write", "write_eof", "writelines"):
            setattr(self, name, getattr(transport, name))

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """The value of the wrapped transport, except for the addresses."""
        known = super().get_extra_info(name)
        return self._transport.get_extra_info(name, default) if known is None else known


class Announced(asyncio.Protocol):
    """The first protocol of a connection. It makes the actual protocol, and gives it the addresses of the header.

    Args:
        create_protocol: makes the actual protocol.
        header: a header with addresses.
    """

    def __init__(self, create_protocol: Callable[[], asyncio.Protocol], header: Header) -> None:
        self._create_protocol = create_protocol
        self._header = header

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Give the connection to the protocol."""
        protocol = self._create_protocol()
        transport.set_protocol(protocol)
        protocol.connection_made(ProxiedTransport(transport, self._header))


class ProxyProtocol:
    """Reads the headers of connections from trusted peers.

    Args:
        config: has the trusted peers.
        create_protocol: makes the protocol of a connection.
    """

    def __init__(self, config: "Config", create_protocol: Callable[[], asyncio.Protocol]) -> None:
        self._trusted = _TrustedHosts(config.forwarded_allow_ips)
        self._timeout = config.timeout_request_head
        self._create_protocol = create_protocol

    async def announce(self, sock: socket.socket) -> Callable[[], asyncio.Protocol]:
        """Read the header, if the peer is trusted.

        Returns:
            The function that makes the protocol of the connection.

        Raises:
            OSError: there was no valid header in time.
        """
        if not self._trusted.has_peer(address_of(sock.getpeername()), server_address_of(sock.getsockname())):
            return self._create_protocol
        try:
            header = await asyncio.wait_for(read_header(sock), self._timeout)
        except InvalidHeader:
            raise ConnectionAbortedError("no header of the PROXY protocol") from None
        except asyncio.TimeoutError:
            raise ConnectionAbortedError("no header of the PROXY protocol in time") from None
        if header.source is None:
            return self._create_protocol
        return lambda: Announced(self._create_protocol, header)
