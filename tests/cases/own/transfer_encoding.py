"""Transfer-Encoding: `chunked`, once, not in HTTP/1.0 nor beside Content-Length (RFC 9112 sections 6.1 and 6.3)."""

from tests.cases.case import Case, accept, decline, refuse, reject

START = b"POST / HTTP/1.1\r\nHost: a.example\r\n"
HELLO = b"5\r\nhello\r\n0\r\n\r\n"
BAD = (
    b"", b"chunked,", b"chunked, ", b"chunked;", b'"chunked"', b"chunked\x0b", b"\x0bchunked", b"chunked chunked",
    b"chunked, identity", b"gzip, chunked", b"gzip,chunked", b"deflate", b"compress, chunked", b"br", b"chunke",
    b"chunkedd", b"chunked\xa0", b"\xff", b"chunked\x00", b"chunk\x00ed", b"chunked\x7f", b"chunked/1", b"chunked=1",
    b"c h u n k e d", b"[chunked]", b"chunked,chunked", b"chunked\t,", b"identity, identity", b"trailers", b"none",
    b"CHUNKED, CHUNKED", b"\xefchunked", b"chunked\xc2\xa0", b"chunked,,", b",", b",,chunked", b"chun\tked",
)  # fmt: skip


def _post(*fields: bytes, body: bytes = HELLO) -> bytes:
    return START + b"".join(field + b"\r\n" for field in fields) + b"\r\n" + body


CASES: list[Case] = [
    accept("TE-own-plain", _post(b"Transfer-Encoding: chunked"), bodies=(b"hello",)),
    accept("TE-own-upper", _post(b"TRANSFER-ENCODING: CHUNKED"), bodies=(b"hello",), rfc="9112 7"),
    accept("TE-own-ows", _post(b"Transfer-Encoding: \t chunked  "), bodies=(b"hello",), rfc="9112 5.1"),
    accept("TE-own-tab-behind", _post(b"Transfer-Encoding: chunked\t"), bodies=(b"hello",), rfc="9112 5.1"),
    accept("TE-own-no-space", _post(b"Transfer-Encoding:chunked"), bodies=(b"hello",), rfc="9112 5.1"),
    accept(
        "TE-own-te-field",
        _post(b"TE: trailers, chunked", b"Connection: TE", body=b""),
        bodies=(b"",),
        rfc="9110 10.1.4",
    ),
    accept(
        "TE-own-te-beside", _post(b"TE: gzip", b"Transfer-Encoding: chunked"), bodies=(b"hello",), rfc="9110 10.1.4"
    ),
    accept("TE-own-version-1.2", _post(b"Transfer-Encoding: chunked").replace(b"1.1", b"1.2", 1), bodies=(b"hello",)),
    accept("TE-own-two-posts", _post(b"Transfer-Encoding: chunked") * 2, bodies=(b"hello", b"hello")),
    accept(
        "TE-own-other-names",
        _post(b"X-Transfer-Encoding: chunked", b"Transfer-Encodin: chunked", body=b""),
        bodies=(b"",),
    ),
    *(
        refuse(
            f"TE-own-bad-{number}",
            _post(b"Transfer-Encoding: " + value),
            400,
            501,
            rfc="9112 6.1",
            why=f"{value!r} is not chunked, once.",
        )
        for number, value in enumerate(BAD)
    ),
    reject(
        "TE-own-two-identity",
        _post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity"),
        400,
        501,
        rfc="9112 6.1",
    ),
    reject("TE-own-two-empty", _post(b"Transfer-Encoding:", b"Transfer-Encoding: chunked"), 400, 501, rfc="9112 6.1"),
    reject(
        "TE-own-two-case", _post(b"transfer-encoding: chunked", b"Transfer-Encoding: Chunked"), 400, 501, rfc="9112 6.1"
    ),
    reject(
        "TE-own-fold-comma",
        START + b"Transfer-Encoding: chunked\r\n , identity\r\n\r\n" + HELLO,
        400,
        501,
        rfc="9112 5.2",
    ),
    *(
        decline(f"TE-own-cl-{name}", _post(*fields), rfc="9112 6.3 item 3", why="Both: the way smuggling begins.")
        for name, fields in {
            "first": (b"Content-Length: 15", b"Transfer-Encoding: chunked"),
            "last": (b"Transfer-Encoding: chunked", b"Content-Length: 15"),
            "zero": (b"Content-Length: 0", b"Transfer-Encoding: chunked"),
            "case": (b"content-length: 15", b"TRANSFER-ENCODING: chunked"),
            "apart": (b"Content-Length: 15", b"X: y", b"Transfer-Encoding: chunked"),
            "two": (b"Content-Length: 15", b"Content-Length: 15", b"Transfer-Encoding: chunked"),
            "identity": (b"Content-Length: 15", b"Transfer-Encoding: identity"),
            "empty": (b"Content-Length: 15", b"Transfer-Encoding:"),
        }.items()
    ),
    decline("TE-own-http10", _post(b"Transfer-Encoding: chunked").replace(b"1.1", b"1.0", 1), 400, 501, rfc="9112 6.1"),
    decline(
        "TE-own-http10-identity",
        _post(b"Transfer-Encoding: identity").replace(b"1.1", b"1.0", 1),
        400,
        501,
        rfc="9112 6.1",
    ),
    decline(
        "TE-own-http10-keep-alive",
        _post(b"Connection: keep-alive", b"Transfer-Encoding: chunked").replace(b"1.1", b"1.0", 1),
        400,
        501,
        rfc="9112 6.1",
    ),
]
