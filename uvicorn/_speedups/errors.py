"""Exceptions for requests of clients and messages of applications that are refused."""

from uvicorn._speedups.flags import EXPECT_BODY, EXPECT_START, EXPECT_TRAILERS, SENDING_FILE

# The first byte of a TLS handshake (RFC 8446 section 5.1), with which no request begins, and the reason to refuse it.
TLS_HANDSHAKE = 22
SPEAKS_TLS = "The client speaks TLS (https) to a port without it."


class RequestRejected(Exception):
    """A request is not valid, or exceeds a limit.

    Args:
        status: the status code of the answer.
        reason: what is wrong, for the log.

    Attributes:
        text: the body of the answer, if a hook has set it.
    """

    text: str | None = None

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


class UnexpectedMessage(RuntimeError):
    """A message is neither `http.response.start` nor `http.response.body`, or is not allowed now.

    Args:
        state: the state of the response (`uvicorn._speedups.flags`).
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
    """A field block cannot be decoded. The connection ends with COMPRESSION_ERROR (RFC 9113 section 4.3)."""


class ConnectionFault(Exception):
    """An error that ends an HTTP/2 connection (RFC 9113 section 5.4.1).

    Args:
        code: the error code (RFC 9113 section 7).
        reason: what is wrong, for the log and for the debug data of the GOAWAY frame.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason
