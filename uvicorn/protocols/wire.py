"""The seams of the protocols: what a connection speaks, what an exchange answers over, how a handshake is answered."""

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from uvicorn.protocols.connection import Due


class Wire(Protocol):
    """What is spoken on a connection: HTTP/1.1, HTTP/2 or a WebSocket. It is the asyncio protocol of the transport."""

    def on_due(self, due: "Due") -> None:
        """A deadline that the wire has set has passed, or that of `SEND`, for which the connection is reset next."""

    def shutdown(self) -> None:
        """The server shuts down: end, once what is being served is complete."""


class Flow(Protocol):
    """Whether an exchange has to call `want_body` when it takes a part, and to wait before it sends."""

    @property
    def read_paused(self) -> bool: ...

    @property
    def write_paused(self) -> bool: ...


class Stream(Protocol):
    """One request and the way of its answer, as an exchange sees them.

    Attributes:
        loop: the event loop, or a double of one.
        logger: `uvicorn.error`.
        flow: whether the client may be read from and written to.
        keep_alive: whether the connection may persist after the response.
        framer: frames the response, and has its state.
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
        """Return once the client takes what is sent."""

    def send(self, message: Any) -> None:
        """Send a message of the application, and set the `progress` of the exchange.

        Raises:
            RuntimeError, TypeError: the application's mistake; nothing of the message counts as sent.
            UnexpectedMessage: it is another message, or comes at another time; `protocols/extensions.py` may know it.
        """

    def send_interim(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Send an informational response (RFC 9110 section 15.2). Raises RuntimeError, TypeError as `send`."""

    async def send_file(self, file: int, offset: int, size: int) -> int:
        """Send bytes of a file as a part of the body without reading them, if that is possible.

        Returns:
            How many were sent. The others are to be read and sent as messages.
        """

    def takes_trailers(self) -> bool:
        """Whether the client keeps fields that come after a body (RFC 9110 section 6.5.1)."""

    def want_body(self) -> None:
        """The application waits for more of the body, or has room for it again."""

    def unwant_body(self) -> None:
        """The application does not wait for the body any more."""

    def break_off(self) -> None:
        """End an incomplete response so that the client cannot take it for a complete one."""

    def shutdown(self) -> None:
        """Serve no request after this one."""

    def fail(self) -> None:
        """The application has failed: send an error response, or break off the response that has begun."""


class Answer(Protocol):
    """The answer to a request for a WebSocket, in the version of HTTP that the request came over.

    Attributes:
        head_sent: whether something of it was sent.
        framing: what ends the body of a response that has started, of `uvicorn._speedups.flags`.
    """

    @property
    def head_sent(self) -> bool: ...

    @property
    def framing(self) -> int: ...

    def check(self) -> None:
        """Check what only this version of HTTP requires of a handshake. Raises HandshakeRejected."""

    def accept(self, fields: Iterable[tuple[bytes, bytes]]) -> int:
        """Send the head that opens the WebSocket; its status.

        Args:
            fields: those that every version has, the application's among them.

        Raises:
            RuntimeError, TypeError: the application's mistake; nothing was sent.
        """

    def start(self, message: Any) -> None:
        """Accept `http.response.start` of a response in place of the WebSocket, or of another one before the body.

        Raises:
            RuntimeError, TypeError: as `accept`.
        """

    def body(self, message: Any) -> None:
        """Send `http.response.body`, and the head with the first one.

        Raises:
            RuntimeError, TypeError: as `accept`.
        """
