"""Why a request is refused, or a message of the application."""

from uvicorn._speedups.flags import EXPECT_BODY, EXPECT_START, EXPECT_TRAILERS, SENDING_FILE

# The reason to refuse what begins with a TLS handshake (RFC 8446 section 5.1). No request begins with that byte.
TLS_HANDSHAKE = 22
SPEAKS_TLS = "The client speaks TLS (https) to a port without it."


class RequestRejected(Exception):
    """A request that must not reach the application.

    Args:
        status: the status code that the RFC gives for the fault.
        reason: what is wrong, for the log.

    Attributes:
        text: the body of the answer, if a hook has chosen it.
    """

    text: str | None = None

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


class UnexpectedMessage(RuntimeError):
    """A message that is neither the start of a response nor a part of its body, or is so at the wrong time.

    Args:
        state: of the response, of `flags`.
        kind: the type of the message.
    """

    def __init__(self, state: int, kind: object) -> None:
        expected = _EXPECTED.get(state)
        if expected is not None:
            super().__init__(f"Expected ASGI message '{expected}', but got '{kind}'.")
        else:
            when = "while a file is being sent" if state == SENDING_FILE else "after response already completed"
            super().__init__(f"Unexpected ASGI message '{kind}' sent, {when}.")


_EXPECTED = {
    EXPECT_START: "http.response.start",
    EXPECT_BODY: "http.response.body",
    EXPECT_TRAILERS: "http.response.trailers",
}


class HpackError(Exception):
    """A field block that cannot be decoded: a connection error COMPRESSION_ERROR (RFC 9113 section 4.3)."""


class ConnectionFault(Exception):
    """An error that ends a connection of HTTP/2 (RFC 9113 section 5.4.1).

    Args:
        code: of RFC 9113 section 7.
        reason: what is wrong: the debug data of the GOAWAY frame, and for the log.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason
