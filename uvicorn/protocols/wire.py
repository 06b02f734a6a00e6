"""The interfaces between the layers of the protocols.

A `Connection` calls its `Wire`. An exchange (`RequestResponseCycle`) calls its `Stream`. The WebSocket protocol calls
an `Answer` for the handshake. Each version of HTTP implements all three.
"""

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from uvicorn.protocols.connection import Due


class Wire(Protocol):
    """The protocol on a connection: HTTP/1.1, HTTP/2 or a WebSocket. It is the asyncio protocol of the transport."""

    def on_due(self, due: "Due") -> None:
        """Called when a deadline of the connection has passed.

        Args:
            due: what the client has not done. For `SEND`, the connection is reset after this call.
        """

    def shutdown(self) -> None:
        """Called when the server shuts down: close the connection after the requests that are being served."""


class Flow(Protocol):
    """The state of flow control that an exchange looks at.

    If `read_paused`, it calls `want_body` after it has taken a part. If `write_paused`, it waits before it sends.
    """

    @property
    def read_paused(self) -> bool: ...

    @property
    def write_paused(self) -> bool: ...


class Stream(Protocol):
    """What an exchange needs from the connection: it reads the body of one request, and sends the response.

    Attributes:
        loop: the event loop, or a test double of one.
        logger: the logger `uvicorn.error`.
        flow: whether reading from and writing to the client is paused.
        keep_alive: whether the connection may persist after the response.
        framer: turns the messages of the response into bytes, and has the state of the response.
    """

    @property
    def loop(self) -> Any: ...

    @property
    def logger(self) -> logging.Logger: ...

    @property
    def flow(self) -> Flow: ...

    @property
    def keep_alive(self) -> bool: ...

    @property
    def framer(self) -> Any: ...

    async def drain(self) -> None:
        """Wait until writing is not paused."""

    def send(self, message: Any) -> None:
        """Send a message of the application, and set the `progress` of the exchange.

        Raises:
            RuntimeError, TypeError: the message is not valid; nothing of it counts as sent.
            UnexpectedMessage: the message is not `http.response.start` or `.body`, or not allowed now. The table of
                `uvicorn.protocols.extensions` may have it.
        """

    def send_interim(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Send an informational response (RFC 9110 section 15.2). Raises RuntimeError and TypeError as `send` does."""

    async def send_file(self, file: int, offset: int, size: int) -> int:
        """Let the kernel send bytes of a file as a part of the body, if the connection supports that.

        Args:
            file: the descriptor of a regular file.
            offset: the position of the first byte.
            size: the number of bytes.

        Returns:
            The number of bytes that were sent. The caller has to read the others, and send them as messages.
        """

    def takes_trailers(self) -> bool:
        """Whether the client wants trailers, the fields after a body (RFC 9110 section 6.5.1)."""

    def want_body(self) -> None:
        """Called when the application waits for more of the body, or has taken what was buffered."""

    def unwant_body(self) -> None:
        """Called when the application does not wait for the body any longer."""

    def break_off(self) -> None:
        """End an incomplete response in a way that shows the client that it is incomplete."""

    def shutdown(self) -> None:
        """Close the connection after this request."""

    def fail(self) -> None:
        """Called when the application has failed: send an error response, or break off a response that has begun."""


class Answer(Protocol):
    """The answer to a request for a WebSocket, in the version of HTTP that the request came over.

    Attributes:
        head_sent: whether a part of the answer was sent.
        framing: how the end of the body is marked: a constant of `uvicorn._speedups.flags`.
    """

    @property
    def head_sent(self) -> bool: ...

    @property
    def framing(self) -> int: ...

    def check(self) -> None:
        """Check the rules for handshakes that only this version of HTTP has. Raises HandshakeRejected."""

    def accept(self, fields: Iterable[tuple[bytes, bytes]]) -> int:
        """Send the head that opens the WebSocket.

        Args:
            fields: the header fields that do not depend on the version of HTTP, also those of the application.

        Returns:
            The status code.

        Raises:
            RuntimeError, TypeError: a field is not valid; nothing was sent.
        """

    def start(self, message: Any) -> None:
        """Start a response in place of the WebSocket. A second call before the body replaces the first.

        Args:
            message: an `http.response.start`.

        Raises:
            RuntimeError, TypeError: the message is not valid; nothing was sent.
        """

    def body(self, message: Any) -> None:
        """Send a part of that response; the head is sent with the first part.

        Args:
            message: an `http.response.body`.

        Raises:
            RuntimeError, TypeError: the message is not valid; nothing of it was sent.
        """
