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
        """The server is going down: end, once what is being served is complete."""


class Flow(Protocol):
    """Whether an exchange has to tell of what it takes, and to wait before it sends."""

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
        framer: of the response; it has the state.
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
        """Send a message of the application, and tell the exchange how far the response is.

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
        """End a response that is not complete, so that the client can tell."""

    def shutdown(self) -> None:
        """Serve no request after this one."""

    def fail(self) -> None:
        """The application has failed: an error response if nothing was sent, else the client must be able to tell."""


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
        """Look at what this version alone asks of a handshake. Raises HandshakeRejected."""

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
