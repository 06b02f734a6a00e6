"""Sockets to listen on: bound to an address or a path, or inherited."""

import errno
import logging
import os
import socket
import stat
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from uvicorn.config import Config

# Of a new unix socket: everybody may connect.
UNIX_SOCKET_MODE = 0o666

logger = logging.getLogger("uvicorn.error")


def bind_socket(config: "Config") -> socket.socket:
    """Bind the one socket that a config names, for several processes to listen on.

    Args:
        config: names an inherited socket, a path, or a host and port.

    Raises:
        OSError: the place is taken, or not to be had.
    """
    if config.fd is not None:
        return adopt_inherited_socket(config.fd)
    if config.uds is not None:
        return bind_unix_socket(config.uds)
    return bind_tcp_socket(config.host, config.port)


def bind_tcp_socket(host: str, port: int) -> socket.socket:
    """Bind to the first address that `host` stands for.

    Args:
        host: a name or an address, "" for all of IPv4.
        port: 0 for any free one.

    Raises:
        OSError: there is no such host, or the address is taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_UNSPEC
    found = socket.getaddrinfo(host or "0.0.0.0", port, family, socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, _, _, _, address = found[0]
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # On Windows the option would let two servers have one port.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
    except OSError as exc:
        sock.close()
        raise _explained(exc, f"address {address!r}") from None
    return sock


def bind_unix_socket(path: str) -> socket.socket:
    """Bind to a path. A socket that is left there is replaced, and its mode taken over.

    Args:
        path: in the file system, or beginning with NUL for Linux's abstract name space.

    Raises:
        OSError: something else than a socket is there, or the directory is not writable.
    """
    mode = UNIX_SOCKET_MODE
    abstract = path.startswith("\0")
    if not abstract and os.path.exists(path):
        status = os.stat(path)
        mode = stat.S_IMODE(status.st_mode)
        if stat.S_ISSOCK(status.st_mode):
            os.unlink(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.bind(path)
        if not abstract:
            os.chmod(path, mode)
    except OSError as exc:
        sock.close()
        raise _explained(exc, f"unix socket {path!r}") from None
    return sock


def adopt_inherited_socket(fd: int) -> socket.socket:
    """Make a socket of a file descriptor that somebody has opened for us.

    Args:
        fd: stays open, and his.

    Raises:
        OSError: it is no socket.
    """
    try:
        inherited = socket.socket(fileno=fd)
    except OSError as exc:
        raise _explained(exc, f"file descriptor {fd}") from None
    try:
        return inherited.dup()
    finally:
        inherited.detach()


def _explained(exc: OSError, place: str) -> OSError:
    reason = os.strerror(exc.errno) if exc.errno in errno.errorcode else str(exc)
    return OSError(exc.errno, f"Cannot listen on {place}: {reason}")


def log_running(config: "Config", sock: socket.socket) -> None:
    """Say where the server can be reached.

    Args:
        config: what was asked for.
        sock: what was bound, which knows the real port.
    """
    if config.fd is not None:
        place, arguments = "socket %s", (sock.getsockname(),)
    elif config.uds is not None:
        place, arguments = "unix socket %s", (config.uds,)
    else:
        host = f"[{config.host}]" if ":" in config.host else config.host
        scheme = "https" if config.is_ssl else "http"
        place, arguments = "%s://%s:%d", (scheme, host, sock.getsockname()[1])
    logger.info(
        f"Uvicorn running on {place} (Press CTRL+C to quit)",
        *arguments,
        extra={"color_message": f"Uvicorn running on {click.style(place, bold=True)} (Press CTRL+C to quit)"},
    )
