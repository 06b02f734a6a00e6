"""The default limits: request line, fields, trailers (RFC 9110 sections 5.4, 15.5.15 and 17.5)."""

from tests.cases.case import Case, accept, reject

START = b"GET / HTTP/1.1\r\nHost: a.example\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n"


def _fields(count: int, size: int = 1) -> bytes:
    return b"".join(b"X-%d: %s\r\n" % (number, b"v" * size) for number in range(count))


CASES: list[Case] = [
    accept("LI-own-line-60k", b"GET /" + b"a" * 60000 + b" HTTP/1.1\r\nHost: a.example\r\n\r\n"),
    reject(
        "LI-own-line-66k", b"GET /" + b"a" * 66000 + b" HTTP/1.1\r\nHost: a.example\r\n\r\n", 414, rfc="9110 15.5.15"
    ),
    reject(
        "LI-own-line-query", b"GET /?" + b"a" * 66000 + b" HTTP/1.1\r\nHost: a.example\r\n\r\n", 414, rfc="9110 15.5.15"
    ),
    reject(
        "LI-own-line-open", b"GET /" + b"a" * 100000, 414, rfc="9110 15.5.15", why="Refused before its end is there."
    ),
    accept("LI-own-fields-200", START + _fields(200) + b"\r\n"),
    accept("LI-own-fields-256", START + _fields(255) + b"\r\n", why="Host is one of them."),
    reject("LI-own-fields-257", START + _fields(256) + b"\r\n", 431, rfc="6585 5"),
    accept("LI-own-head-100k", START + _fields(100, 1000) + b"\r\n"),
    reject("LI-own-head-140k", START + _fields(140, 1000) + b"\r\n", 431, rfc="6585 5"),
    reject("LI-own-head-open", START + b"X: " + b"v" * 140000, 431, rfc="6585 5"),
    reject("LI-own-name-open", START + b"X" * 140000, 431, rfc="6585 5"),
    accept("LI-own-trailers-200", CHUNKED + b"0\r\n" + _fields(200) + b"\r\n", bodies=(b"",)),
    reject("LI-own-trailers-300", CHUNKED + b"0\r\n" + _fields(300) + b"\r\n", 431, rfc="6585 5"),
    reject("LI-own-trailers-140k", CHUNKED + b"0\r\n" + _fields(140, 1000) + b"\r\n", 431, rfc="6585 5"),
    reject("LI-own-trailers-open", CHUNKED + b"0\r\nX: " + b"v" * 140000, 431, rfc="6585 5"),
    # The count starts at zero for each request.
    accept("LI-own-fields-each", (START + _fields(200) + b"\r\n") * 3, bodies=(b"",) * 3),
    accept("LI-own-head-each", (START + _fields(50, 1000) + b"\r\n") * 4, bodies=(b"",) * 4),
]
