"""The addresses of a connection, the request as log lines show it, and answers of the server itself."""

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from uvicorn._speedups import quote_path, quote_query
from uvicorn._speedups.errors import SPEAKS_TLS

if TYPE_CHECKING:
    from uvicorn._speedups import RequestRejected


# The status of a request whose client has left before it was answered; nginx introduced it.
CLIENT_CLOSED_REQUEST = 499

_INVALID_REQUEST = "Invalid HTTP request received."

# A union of types is made anew each time.
_SEQUENCES = (list, tuple)


class ClientDisconnected(OSError):
    """Raised by `send` once the client has gone (ASGI specification): of WebSockets, of HTTP from version 2.4 on."""


def stems_from_disconnect(exc: BaseException) -> bool:
    """Whether an exception is `ClientDisconnected`, was raised while one was handled, or is a group of such."""
    # Of an ExceptionGroup, which Python 3.10 has from a package.
    parts = getattr(exc, "exceptions", None)
    if type(parts) is tuple and parts:
        return all(isinstance(part, BaseException) and stems_from_disconnect(part) for part in parts)
    seen: set[int] = set()
    link: BaseException | None = exc
    # The contexts of exceptions may form a circle.
    while link is not None and id(link) not in seen:
        if isinstance(link, ClientDisconnected):
            return True
        seen.add(id(link))
        link = link.__context__ if link.__cause__ is None else link.__cause__
    return False


def address_of(info: Any) -> tuple[str, int] | None:
    """(host, port) of an internet address, whatever its flow and scope fields."""
    if isinstance(info, _SEQUENCES) and len(info) >= 2:
        return (str(info[0]), int(info[1]))
    return None


def server_address_of(info: Any) -> tuple[str, int | None] | None:
    """As `address_of`, and (path, None) of a unix socket."""
    if isinstance(info, str) and info:
        return (info, None)
    return address_of(info)


def _get_info(transport: asyncio.BaseTransport, name: str, ask: str) -> Any:
    """An address that the transport knows; else that of its socket, which is slow to get with uvloop."""
    info = transport.get_extra_info(name)
    if info is None:
        sock = transport.get_extra_info("socket")
        # The peer may have left already.
        with contextlib.suppress(OSError):
            info = None if sock is None else getattr(sock, ask)()
    return info


def get_remote_addr(transport: asyncio.BaseTransport) -> tuple[str, int] | None:
    """The peer's (host, port), or None on a unix socket or if it is unknown."""
    return address_of(_get_info(transport, "peername", "getpeername"))


def get_local_addr(transport: asyncio.BaseTransport) -> tuple[str, int | None] | None:
    """Our own (host, port), or (path, None) on a unix socket, or None if it is unknown."""
    return server_address_of(_get_info(transport, "sockname", "getsockname"))


def is_ssl(transport: asyncio.BaseTransport) -> bool:
    """Whether the transport is encrypted."""
    return bool(transport.get_extra_info("sslcontext"))


def get_client_addr(scope: Mapping[str, Any]) -> str:
    """The client as `host:port`, "" if the scope has none."""
    client = scope.get("client")
    if not client:
        return ""
    host, port = client
    return f"{host}:{port}"


def get_path_with_query_string(scope: Mapping[str, Any]) -> str:
    """The path, percent-encoded again, with `?query` if there is one: printable ASCII whatever the client sent."""
    path = quote_path(scope["path"])
    query = scope["query_string"]
    return f"{path}?{quote_query(query)}" if query else path


def describe_request(scope: Mapping[str, Any]) -> str:
    """Method and path for a log line: printable ASCII, whatever the client sent and the application made of it."""
    method = "WebSocket" if scope["type"] == "websocket" else str(scope.get("method", ""))
    return f"{quote_query(method.encode('utf-8', 'replace'))} {quote_path(str(scope.get('path', '')))}"


def get_answer_text(status: int) -> bytes:
    """The body of an answer of the server itself."""
    return (_INVALID_REQUEST if status == 400 else HTTPStatus(status).phrase).encode()


def build_answer(
    status: int, text: bytes | None = None, headers: tuple[tuple[bytes, bytes], ...] = ()
) -> tuple[Any, Any]:
    """The two messages of an answer of the server itself.

    Args:
        text: the body, `get_answer_text` by default.
        headers: those beside type and length.
    """
    body = get_answer_text(status) if text is None else text
    fields = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(body)), *headers]
    return (
        {"type": "http.response.start", "status": status, "headers": fields},
        {"type": "http.response.body", "body": body},
    )


def log_invalid_request(logger: logging.Logger, client: tuple[str, int] | None, rejected: "RequestRejected") -> None:
    """Log that a request is refused; from whom and why, at level debug, since anyone can send such requests."""
    logger.warning(f"{_INVALID_REQUEST} {SPEAKS_TLS}" if rejected.reason == SPEAKS_TLS else _INVALID_REQUEST)
    if logger.isEnabledFor(logging.DEBUG):
        peer = f"{client[0]}:{client[1]} - " if client else ""
        # A parser's reason may quote the client.
        reason = rejected.reason.encode("unicode_escape").decode()
        logger.debug("%sInvalid HTTP request, answered with %d: %s", peer, rejected.status, reason)
