"""The addresses of a connection, and the description of a request in a log line."""

import logging
import socket
from typing import Any

import pytest

from tests.doubles import MockTransport
from uvicorn._speedups import RequestRejected
from uvicorn.protocols.utils import (
    ClientDisconnected,
    describe_request,
    get_client_addr,
    get_local_addr,
    get_path_with_query_string,
    get_remote_addr,
    is_ssl,
    log_invalid_request,
)


class _Socket:
    """The object that a transport returns as its socket."""

    def __init__(self, sockname: Any = None, peername: Any = None) -> None:
        self._sockname = sockname
        self._peername = peername

    def getsockname(self) -> Any:
        return self._sockname

    def getpeername(self) -> Any:
        if isinstance(self._peername, OSError):
            raise self._peername
        return self._peername


class _SocketTransport(MockTransport):
    """A transport that knows its socket, but has not recorded the addresses."""

    def __init__(self, sock: Any) -> None:
        super().__init__()
        self._extra = {"socket": sock}


def test_client_disconnected_is_an_oserror() -> None:
    assert issubclass(ClientDisconnected, OSError)


@pytest.mark.parametrize(
    ("peername", "expected"),
    [
        (("123.45.6.7", 123), ("123.45.6.7", 123)),
        (["123.45.6.7", 123], ("123.45.6.7", 123)),
        (("::1", 123, 0, 0), ("::1", 123)),
        ((), None),
        (("123.45.6.7",), None),
        (None, None),
        ("", None),
        ("/run/client.sock", None),
        (b"\x00abstract", None),
    ],
)
def test_remote_address(peername: Any, expected: tuple[str, int] | None) -> None:
    assert get_remote_addr(MockTransport(peername=peername)) == expected  # type: ignore[arg-type]  # a double
    assert get_remote_addr(_SocketTransport(_Socket(peername=peername))) == expected  # type: ignore[arg-type]  # a double


def test_remote_address_of_a_socket_already_disconnected_is_unknown() -> None:
    transport: Any = _SocketTransport(_Socket(peername=OSError("not connected")))
    assert get_remote_addr(transport) is None


def test_does_not_ask_the_socket_for_addresses_of_the_transport() -> None:
    transport: Any = _SocketTransport(_Socket(sockname=("10.0.0.2", 81), peername=("10.0.0.2", 6)))
    transport._extra |= {"sockname": ("10.0.0.1", 80), "peername": ("10.0.0.1", 5)}
    assert (get_local_addr(transport), get_remote_addr(transport)) == (("10.0.0.1", 80), ("10.0.0.1", 5))


@pytest.mark.parametrize(
    ("sockname", "expected"),
    [
        (("123.45.6.7", 123), ("123.45.6.7", 123)),
        (("::1", 123, 0, 0), ("::1", 123)),
        ("/run/server.sock", ("/run/server.sock", None)),
        ("", None),
        (None, None),
    ],
)
def test_local_address(sockname: Any, expected: tuple[str, int | None] | None) -> None:
    assert get_local_addr(MockTransport(sockname=sockname)) == expected  # type: ignore[arg-type]  # a double
    assert get_local_addr(_SocketTransport(_Socket(sockname=sockname))) == expected  # type: ignore[arg-type]  # a double


def test_addresses_of_real_sockets() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        with socket.create_connection(listener.getsockname()) as client:
            server, _ = listener.accept()
            with server:
                transport: Any = _SocketTransport(server)
                assert get_remote_addr(transport) == client.getsockname()
                assert get_local_addr(transport) == listener.getsockname()


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ({"type": "http", "method": "GET", "path": "/a b", "query_string": b"secret"}, "GET /a%20b"),
        (
            {"type": "http", "method": "M-SEARCH!", "path": "/\x1b[31m\n\u20ac\udc80"},
            "M-SEARCH! /%1B%5B31m%0A%E2%82%AC%3F",
        ),
        ({"type": "http", "method": "GET\n", "path": 7}, "GET%0A 7"),
        ({"type": "http", "method": "GET\udc80", "path": "/"}, "GET? /"),
        ({"type": "http"}, " "),
        ({"type": "websocket", "path": "/ws"}, "WebSocket /ws"),
    ],
)
def test_the_description_of_a_request_in_a_log_line(scope: Any, expected: str) -> None:
    assert describe_request(scope) == expected


def test_escapes_control_characters_in_a_reason_that_quotes_the_client(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="uvicorn.error")
    log_invalid_request(logging.getLogger("uvicorn.error"), None, RequestRejected(400, "bad: \x1b[31m\n"))
    assert caplog.messages[-1] == "Invalid HTTP request, answered with 400: bad: \\x1b[31m\\n"


@pytest.mark.parametrize("encrypted", [True, False])
def test_is_ssl(encrypted: bool) -> None:
    assert is_ssl(MockTransport(sslcontext=encrypted)) is encrypted  # type: ignore[arg-type]  # a double


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ({}, ""),
        ({"client": None}, ""),
        ({"client": ("127.0.0.1", 1234)}, "127.0.0.1:1234"),
        ({"client": ["::1", 1234]}, "::1:1234"),
    ],
)
def test_client_address(scope: dict[str, Any], expected: str) -> None:
    assert get_client_addr(scope) == expected


@pytest.mark.parametrize(
    ("path", "query_string", "expected"),
    [
        ("/", b"", "/"),
        ("/one two", b"", "/one%20two"),
        ("/ä/\x1b[31m\r\n\x7f\x85", b"", "/%C3%A4/%1B%5B31m%0D%0A%7F%C2%85"),
        ("/\udcff", b"", "/%3F"),
        ("/", b"q=1&r=%20+/?:@!$'()*,;", "/?q=1&r=%20+/?:@!$'()*,;"),
        ("/", b"a\x1b[31m\r\n\x00\x7f", "/?a%1B[31m%0D%0A%00%7F"),
        ("/", b"\xc3\xa4\x9b\xff=%41", "/?%C3%A4%9B%FF=%41"),
    ],
)
def test_path_with_query_string(path: str, query_string: bytes, expected: str) -> None:
    assert get_path_with_query_string({"path": path, "query_string": query_string}) == expected


def test_a_log_line_has_only_printable_ascii_from_a_client() -> None:
    everything = bytes(range(256))
    line = get_path_with_query_string({"path": "/" + everything.decode("latin-1"), "query_string": everything})
    assert line.isascii()
    assert line.isprintable()
