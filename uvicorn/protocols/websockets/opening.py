"""A handshake before it is answered, and answers that are plain HTTP responses. `protocol.py` uses both."""

from typing import Any

from uvicorn._speedups.buffers import as_bytes
from uvicorn._speedups.flags import LENGTH, NO_BODY
from uvicorn.protocols.websockets.handshake import Handshake
from uvicorn.protocols.wire import Answer


class Opening:
    """A valid handshake that the application has not answered yet.

    Args:
        answer: sends the answer.
        handshake: what the client asks for.
        early: bytes of frames that came before the answer.
    """

    __slots__ = ("answer", "early", "handshake")

    def __init__(self, answer: Answer, handshake: Handshake, early: bytes) -> None:
        self.answer = answer
        self.handshake = handshake
        self.early = early


class Denial:
    """An HTTP response of the application instead of a WebSocket (ASGI extension "WebSocket Denial Response").

    Args:
        answer: sends the response.
        message: the `websocket.http.response.start` of the application.

    Raises:
        RuntimeError, TypeError: the message is not valid.

    Attributes:
        status: the status code.
    """

    __slots__ = ("_start", "answer", "status")

    def __init__(self, answer: Answer, message: Any) -> None:
        self.answer = answer
        # Only these two: a denial response cannot announce trailers.
        headers = list(message.get("headers") or ())
        self._start = {"type": "http.response.start", "status": message["status"], "headers": headers}
        answer.start(self._start)
        self.status = int(message["status"])

    def body(self, message: Any, more_body: bool) -> None:
        """Send a `websocket.http.response.body`."""
        answer = self.answer
        body = message.get("body") or b""
        if type(body) is not bytes:
            body = as_bytes(body, "response body")
        if not answer.head_sent and not more_body and answer.framing not in (LENGTH, NO_BODY):
            # The body has only this part, so its length is known. It is not added to a chunked response.
            self._start["headers"].append((b"content-length", b"%d" % len(body)))
            answer.start(self._start)
        answer.body({"type": "http.response.body", "body": body, "more_body": more_body})


def respond(answer: Answer, status: int, text: bytes, headers: tuple[tuple[bytes, bytes], ...]) -> None:
    """Send a response of the server itself.

    Args:
        answer: sends the response.
        status: the status code.
        text: the body; may be empty.
        headers: fields besides Content-Type and Content-Length.
    """
    fields = [*headers, (b"content-length", b"%d" % len(text))]
    if text:
        fields.append((b"content-type", b"text/plain; charset=utf-8"))
    if any(name == b"upgrade" for name, _ in headers):
        # A sender of Upgrade must send this too (RFC 9110 section 7.8).
        fields.append((b"connection", b"upgrade"))
    answer.start({"type": "http.response.start", "status": status, "headers": fields})
    answer.body({"type": "http.response.body", "body": text})
