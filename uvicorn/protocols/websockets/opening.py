"""A handshake until it is answered, and the answers to it that are plain HTTP."""

from typing import Any

from uvicorn._speedups.buffers import as_bytes
from uvicorn._speedups.flags import LENGTH, NO_BODY
from uvicorn.protocols.websockets.handshake import Handshake
from uvicorn.protocols.wire import Answer


class Opening:
    """A valid handshake that has no complete answer.

    Args:
        answer: the way of it.
        handshake: what the client asks for.
        early: frames that came before the answer.
    """

    __slots__ = ("answer", "early", "handshake")

    def __init__(self, answer: Answer, handshake: Handshake, early: bytes) -> None:
        self.answer = answer
        self.handshake = handshake
        self.early = early


class Denial:
    """A response of the application's own (ASGI specification, WebSocket denial response).

    Args:
        answer: the way of it.
        message: the application's `websocket.http.response.start`. Raises what `Answer.start` does.

    Attributes:
        status: the status code.
    """

    __slots__ = ("_start", "answer", "status")

    def __init__(self, answer: Answer, message: Any) -> None:
        self.answer = answer
        # Trailers are no part of a denial.
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
            # A response in one part has its length, unless the application wants it chunked.
            self._start["headers"].append((b"content-length", b"%d" % len(body)))
            answer.start(self._start)
        answer.body({"type": "http.response.body", "body": body, "more_body": more_body})


def respond(answer: Answer, status: int, text: bytes, headers: tuple[tuple[bytes, bytes], ...]) -> None:
    """Answer for the server itself."""
    fields = [*headers, (b"content-length", b"%d" % len(text))]
    if text:
        fields.append((b"content-type", b"text/plain; charset=utf-8"))
    if any(name == b"upgrade" for name, _ in headers):
        # RFC 9110 section 7.8.
        fields.append((b"connection", b"upgrade"))
    answer.start({"type": "http.response.start", "status": status, "headers": fields})
    answer.body({"type": "http.response.body", "body": text})
