"""Addresses of connections, requests as text for logs, and responses of the server itself."""

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


_INVALID_REQUEST = "Invalid HTTP request received."

# A tuple for isinstance: the expression `list | tuple` would make a new object in each call.
_SEQUENCES = (list, tuple)


class ClientDisconnected(OSError):
    """Raised by `send` after the client has gone: for WebSockets, and for HTTP with ASGI HTTP 2.4."""


def stems_from_disconnect(exc: BaseException) -> bool:
    """Whether ClientDisconnected is the cause of an exception.

    That is so if the exception is a ClientDisconnected, was raised while one was handled, or is a group in which this
    holds for every exception.
    """
    # Not isinstance with ExceptionGroup: in Python 3.10 a package defines that class.
    parts = getattr(exc, "exceptions", None)
    if type(parts) is tuple and parts:
        return all(isinstance(part, BaseException) and stems_from_disconnect(part) for part in parts)
    seen: set[int] = set()
    link: BaseException | None = exc
    # The contexts of exceptions can form a cycle.
    while link is not None and id(link) not in seen:
        if isinstance(link, ClientDisconnected):
            return True
        seen.add(id(link))
        link = link.__context__ if link.__cause__ is None else link.__cause__
    return False


def address_of(info: Any) -> tuple[str, int] | None:
    """(host, port) of an internet address, without the further fields of IPv6; None for anything else."""
    if isinstance(info, _SEQUENCES) and len(info) >= 2:
        return (str(info[0]), int(info[1]))
    return None


def server_address_of(info: Any) -> tuple[str, int | None] | None:
    """(host, port) as `address_of`, or (path, None) for a unix socket."""
    if isinstance(info, str) and info:
        return (info, None)
    return address_of(info)


def _get_info(transport: asyncio.BaseTransport, name: str, ask: str) -> Any:
    """Get an address from the transport, or from its socket, which is slow with uvloop."""
    info = transport.get_extra_info(name)
    if info is None:
        sock = transport.get_extra_info("socket")
        # This fails if the peer has left already.
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
    """The client as `host:port`; an empty string if the scope has no client."""
    client = scope.get("client")
    if not client:
        return ""
    host, port = client
    return f"{host}:{port}"


def get_path_with_query_string(scope: Mapping[str, Any]) -> str:
    """The path, percent-encoded again, and the query string. The result is printable ASCII for every request."""
    path = quote_path(scope["path"])
    query = scope["query_string"]
    return f"{path}?{quote_query(query)}" if query else path


def describe_request(scope: Mapping[str, Any]) -> str:
    """Method and path for a log line: printable ASCII, also if a client or an application changed the scope."""
    method = "WebSocket" if scope["type"] == "websocket" else str(scope.get("method", ""))
    return f"{quote_query(method.encode('utf-8', 'replace'))} {quote_path(str(scope.get('path', '')))}"


def get_answer_text(status: int) -> bytes:
    """The body of a response that the server itself sends."""
    return (_INVALID_REQUEST if status == 400 else HTTPStatus(status).phrase).encode()


def build_answer(
    status: int, text: bytes | None = None, headers: tuple[tuple[bytes, bytes], ...] = ()
) -> tuple[Any, Any]:
    """Make the two ASGI messages of a response that the server itself sends.

    Args:
        status: the status code.
        text: the body; `get_answer_text` by default.
        headers: fields besides Content-Type and Content-Length.
    """
    body = get_answer_text(status) if text is None else text
    fields = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(body)), *headers]
    return (
        {"type": "http.response.start", "status": status, "headers": fields},
        {"type": "http.response.body", "body": body},
    )


def log_invalid_request(logger: logging.Logger, client: tuple[str, int] | None, rejected: "RequestRejected") -> None:
    """Log that a request was refused.

    The client and the reason are logged at level debug only, because anyone can send such requests.
    """
    logger.warning(f"{_INVALID_REQUEST} {SPEAKS_TLS}" if rejected.reason == SPEAKS_TLS else _INVALID_REQUEST)
    if logger.isEnabledFor(logging.DEBUG):
        peer = f"{client[0]}:{client[1]} - " if client else ""
        # The reason can come from a parser, and contain bytes of the client.
        reason = rejected.reason.encode("unicode_escape").decode()
        logger.debug("%sInvalid HTTP request, answered with %d: %s", peer, rejected.status, reason)
