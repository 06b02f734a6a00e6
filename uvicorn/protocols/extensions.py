"""The messages that an application may send besides `http.response.start` and `http.response.body` (ASGI extensions).

A table has a function for each state of the response and type of message. It is the same for every version of HTTP: the
functions call `uvicorn.protocols.wire.Stream`. An exchange looks here only if a message is not one of the usual two.

    state            message                     what it does                             next state
    EXPECT_START     http.response.early_hint    sends 103 with `link` fields (RFC 8297)  EXPECT_START
    EXPECT_BODY      http.response.pathsend      sends a file as the rest of the body     as after the last part
    EXPECT_BODY      http.response.zerocopysend  sends a part of an open file             as after a part
    EXPECT_TRAILERS  http.response.trailers      sends fields after the body              COMPLETE after the last one
"""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from uvicorn._speedups.flags import EXPECT_BODY, EXPECT_START, EXPECT_TRAILERS
from uvicorn.protocols.files import send_descriptor, send_path

if TYPE_CHECKING:
    from uvicorn.protocols.exchange import RequestResponseCycle

Row = Callable[["RequestResponseCycle", Any], Awaitable[None]]


async def send_early_hint(exchange: "RequestResponseCycle", message: Any) -> None:
    """Send links that the client will need, before the response."""
    links = [(b"link", link) for link in message["links"]]
    if links:
        exchange.stream.send_interim(103, links)


async def send_trailers(exchange: "RequestResponseCycle", message: Any) -> None:
    """Send fields after the body. The last part of the body is sent with them."""
    stream = exchange.stream
    fields = dict(message)
    stream.framer.add_trailers(fields.get("headers", ()), stream.takes_trailers())
    if not fields.get("more_trailers", False):
        stream.framer.end_trailers()
        stream.send(_END)


# An empty last part: all bytes of the body were sent.
_END = {"type": "http.response.body"}

_ROWS: dict[tuple[int, Any], Row] = {
    (EXPECT_START, "http.response.early_hint"): send_early_hint,
    (EXPECT_BODY, "http.response.pathsend"): send_path,
    (EXPECT_BODY, "http.response.zerocopysend"): send_descriptor,
    (EXPECT_TRAILERS, "http.response.trailers"): send_trailers,
}

# The extensions that HTTP scopes announce.
HTTP_EXTENSIONS: dict[str, dict[str, Any]] = {kind: {} for _, kind in _ROWS}


def find_row(exchange: "RequestResponseCycle", message: Any) -> Row | None:
    """The function for a message; None if the message is unknown or not allowed now."""
    kind = message["type"]
    return _ROWS.get((exchange.stream.framer.state, kind)) if isinstance(kind, str) else None
