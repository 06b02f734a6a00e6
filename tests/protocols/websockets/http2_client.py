"""A client for WebSockets over HTTP/2: the library `h2`, with frames made by hand."""

import socket
import ssl
from typing import Any

import h2.config
import h2.connection
import h2.events
import h2.settings

from tests.http2 import HEAD
from tests.processes import PATIENCE, ServerProcess
from tests.protocols.websockets.frames import BINARY, TEXT, ServerFrame, close, frame, take_frame
from uvicorn._speedups import http2_codes as codes

VERSION = (b"sec-websocket-version", b"13")


class Stream:
    """What the client has received on a stream.

    Attributes:
        headers: the headers of the response; None before they arrive.
        body: the bytes that were not taken yet.
        reset: the error code of RST_STREAM, or None.
    """

    def __init__(self) -> None:
        self.headers: dict[bytes, bytes] | None = None
        self.body = bytearray()
        self.ended = False
        self.reset: int | None = None


class Client:
    """One HTTP/2 connection.

    Args:
        context: the TLS context; None for clear text.
        reads: whether the client opens windows for the bytes that it receives.
    """

    def __init__(self, server: ServerProcess, context: ssl.SSLContext | None = None, reads: bool = True) -> None:
        self.socket = socket.create_connection(("127.0.0.1", server.port), PATIENCE)
        if context is not None:
            self.socket = context.wrap_socket(self.socket, server_hostname="127.0.0.1")
        self.reads = reads
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding=None))
        self.h2.initiate_connection()
        self.streams: dict[int, Stream] = {}
        self.closed = False
        self._rest = b""
        self._send()
        # Read the settings of the server.
        while not self.h2.remote_settings.enable_connect_protocol and not self.closed:
            self.read()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def request(
        self, *fields: tuple[bytes, bytes], method: bytes = b"GET", path: bytes = b"/", end: bool = True
    ) -> int:
        """Send a request and return its stream."""
        number: int = self.h2.get_next_available_stream_id()
        pseudo = [(b":method", method), (b":scheme", b"http"), (b":authority", b"localhost"), (b":path", path)]
        self.streams[number] = Stream()
        self.h2.send_headers(number, [*pseudo, *fields], end_stream=end)
        self._send()
        return number

    def ask(self, path: bytes = b"/echo", *fields: tuple[bytes, bytes]) -> int:
        """Send the request for a WebSocket and return its stream."""
        protocol = (b":protocol", b"websocket")
        return self.request(protocol, VERSION, *fields, method=b"CONNECT", path=path, end=False)

    def open(self, path: bytes = b"/echo", *fields: tuple[bytes, bytes]) -> int:
        """Open a WebSocket and return its stream."""
        number = self.ask(path, *fields)
        assert self.get_headers(number)[b":status"] == b"200"
        return number

    def get_headers(self, number: int) -> dict[bytes, bytes]:
        """Wait for the headers of the response."""
        stream = self.streams[number]
        while stream.headers is None:
            self.read()
        return stream.headers

    def get_end(self, number: int) -> Stream:
        """Wait until the server closes the stream, and return the stream."""
        stream = self.streams[number]
        while not stream.ended and stream.reset is None:
            self.read()
        return stream

    def write(self, number: int, data: bytes) -> None:
        """Send bytes on a stream, up to its window."""
        view = memoryview(data)
        while view:
            room = min(self.h2.local_flow_control_window(number), self.h2.max_outbound_frame_size)
            if not room:
                self.read()
                continue
            self.h2.send_data(number, bytes(view[:room]))
            view = view[room:]
            self._send()

    def send(self, number: int, message: str | bytes, **options: Any) -> None:
        """Send a message in one frame."""
        if isinstance(message, str):
            self.write(number, frame(TEXT, message.encode(), **options))
        else:
            self.write(number, frame(BINARY, message, **options))

    def close(self, number: int, code: int = 1000) -> None:
        """Send a close frame."""
        self.write(number, close(code))

    def receive(self, number: int) -> ServerFrame:
        """The next frame of a WebSocket."""
        stream = self.streams[number]
        while True:
            taken = take_frame(stream.body)
            if taken is not None:
                return taken
            assert not stream.ended
            assert stream.reset is None
            self.read()

    def read(self) -> None:
        """Read the available bytes and let the library answer them."""
        assert not self.closed
        data = self.socket.recv(1 << 18)
        if not data:
            self.closed = True
        for event in self.h2.receive_data(self._without_goaway(data)):
            stream = self.streams.get(getattr(event, "stream_id", None) or 0)
            if stream is None:
                continue
            if isinstance(event, h2.events.ResponseReceived):
                stream.headers = dict(event.headers)
            elif isinstance(event, h2.events.DataReceived):
                stream.body += event.data
                if self.reads:
                    self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.StreamEnded):
                stream.ended = True
            elif isinstance(event, h2.events.StreamReset):
                stream.reset = event.error_code
        self._send()

    def _without_goaway(self, data: bytes) -> bytes:
        """The complete frames among the received bytes, except GOAWAY: the library reads nothing after a GOAWAY."""
        rest = self._rest + data
        frames = b""
        while len(rest) >= HEAD and len(rest) >= (end := HEAD + int.from_bytes(rest[:3], "big")):
            if rest[3] != codes.GOAWAY:
                frames += rest[:end]
            rest = rest[end:]
        self._rest = rest
        return frames

    def reset(self, number: int) -> None:
        self.h2.reset_stream(number)
        self._send()

    def _send(self) -> None:
        self.socket.sendall(self.h2.data_to_send())
