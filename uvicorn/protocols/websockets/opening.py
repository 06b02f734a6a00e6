"""A handshake until it is answered, and the answers to it that are plain HTTP."""

from typing import Any

from uvicorn._speedups import ResponseFramer
from uvicorn._speedups.buffers import as_bytes
from uvicorn._speedups.flags import CHUNKED
from uvicorn.protocols.websockets.handshake import Handshake


class Opening:
    """A valid handshake that the application has not answered.

    Args:
        handshake: what the client asks for.
        early: frames that came before the answer.
    """

    __slots__ = ("early", "handshake")

    def __init__(self, handshake: Handshake, early: bytes) -> None:
        self.handshake = handshake
        self.early = early


class Denial:
    """A response of the application's own (ASGI specification, WebSocket denial response).

    Args:
        message: the application's `websocket.http.response.start`. Raises what `ResponseFramer.start` does.
        default_block: the default headers in their wire form.

    Attributes:
        status: the status code.
    """

    __slots__ = ("_framer", "_start", "status")

    def __init__(self, message: Any, default_block: bytes) -> None:
        self._start = {**message, "type": "http.response.start", "headers": list(message.get("headers") or ())}
        self._framer = ResponseFramer(0)
        self._framer.start(self._start, default_block)
        self.status = self._framer.status

    @property
    def sent(self) -> bool:
        """Whether a part of it was sent."""
        return self._framer.head_sent

    def body(self, message: Any, more_body: bool, default_block: bytes) -> bytes:
        """What a `websocket.http.response.body` puts on the wire."""
        framer = self._framer
        body = message.get("body") or b""
        if type(body) is not bytes:
            body = as_bytes(body, "response body")
        if not framer.head_sent and not more_body and framer.framing == CHUNKED:
            # A response in one part has its length, unless the application wants it chunked.
            self._start["headers"].append((b"content-length", b"%d" % len(body)))
            framer.start(self._start, default_block)
        data: bytes = framer.body({"type": "http.response.body", "body": body, "more_body": more_body})
        return data


def build_response(
    status: int, text: bytes, headers: tuple[tuple[bytes, bytes], ...], default_block: bytes, flags: int = 0
) -> bytes:
    """An answer of the server's own; `flags` are those of the request."""
    fields = [*headers, (b"content-length", b"%d" % len(text))]
    if text:
        fields.append((b"content-type", b"text/plain; charset=utf-8"))
    if any(name == b"upgrade" for name, _ in headers):
        # RFC 9110 section 7.8.
        fields.append((b"connection", b"upgrade"))
    framer = ResponseFramer(flags)
    framer.start({"type": "http.response.start", "status": status, "headers": fields}, default_block)
    response: bytes = framer.body({"type": "http.response.body", "body": text})
    return response
