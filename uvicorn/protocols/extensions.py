"""What an application may send besides the start of a response and the parts of its body (ASGI extensions).

Each message is a row of a table, by the state of the response and the type of the message. The rows are the same for
every version of HTTP; what differs is behind `uvicorn.protocols.wire.Stream`. An exchange looks here only for a message
that is not one of the two of every response.

    state            message                   what it does                             next
    EXPECT_START     http.response.early_hint  sends 103 with `link` fields (RFC 8297)  EXPECT_START
    EXPECT_BODY      http.response.pathsend    sends a file as the rest of the body     as after the last part
    EXPECT_BODY      http.response.zerocopysend  sends a part of an open file           as after a part
    EXPECT_TRAILERS  http.response.trailers    sends fields after the body              COMPLETE, after the last ones
"""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from uvicorn._speedups.flags import EXPECT_BODY, EXPECT_START, EXPECT_TRAILERS
from uvicorn.protocols.files import send_descriptor, send_path

if TYPE_CHECKING:
    from uvicorn.protocols.exchange import RequestResponseCycle

Row = Callable[["RequestResponseCycle", Any], Awaitable[None]]


async def send_early_hint(exchange: "RequestResponseCycle", message: Any) -> None:
    """Send the client links that it will need, before there is a response."""
    links = [(b"link", link) for link in message["links"]]
    if links:
        exchange.stream.send_interim(103, links)


async def send_trailers(exchange: "RequestResponseCycle", message: Any) -> None:
    """Send fields after the body, whose last part comes with them."""
    stream = exchange.stream
    fields = dict(message)
    stream.framer.add_trailers(fields.get("headers", ()), stream.takes_trailers())
    if not fields.get("more_trailers", False):
        stream.framer.end_trailers()
        stream.send(_END)


# The last part of a body of which all was sent.
_END = {"type": "http.response.body"}

_ROWS: dict[tuple[int, Any], Row] = {
    (EXPECT_START, "http.response.early_hint"): send_early_hint,
    (EXPECT_BODY, "http.response.pathsend"): send_path,
    (EXPECT_BODY, "http.response.zerocopysend"): send_descriptor,
    (EXPECT_TRAILERS, "http.response.trailers"): send_trailers,
}

# As scopes announce them.
HTTP_EXTENSIONS: dict[str, dict[str, Any]] = {kind: {} for _, kind in _ROWS}


def find_row(exchange: "RequestResponseCycle", message: Any) -> Row | None:
    """The function that sends a message, None if the message is not expected now."""
    kind = message["type"]
    return _ROWS.get((exchange.stream.framer.state, kind)) if isinstance(kind, str) else None
