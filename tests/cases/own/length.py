"""Content-Length: one decimal number, once (RFC 9110 section 8.6, RFC 9112 section 6.3)."""

from tests.cases.case import CANARY, Case, Expect, accept, agree, decline, reject

START = b"POST / HTTP/1.1\r\nHost: a.example\r\n"
BAD = (
    b"+5", b"0x5", b"5.0", b"5 ,", b",5", b"5, 6", b"5,6", b"5\xa0", b"\xa05", b"5\x0b", b"\x0b5", b"5\x0c", b"\x0c5",
    b"5L", b"five", b"--5", b"5-", b"'5'", b'"5"', b"5;q=1", b"5\t5", b"\xc2\xb2", b"\xef\xbb\xbf5", b"5\x1f",
    b"5\x7f", b"0b101", b"0o5", b"5e0", b"1,000", b"#5", b"5%", b"NaN", b"inf", b"%35",
)  # fmt: skip


def _post(value: bytes, body: bytes = b"hello", *more: bytes) -> bytes:
    fields = b"".join(line + b"\r\n" for line in more)
    return START + b"Content-Length: " + value + b"\r\n" + fields + b"\r\n" + body


CASES: list[Case] = [
    accept("CL-own-plain", _post(b"5"), bodies=(b"hello",)),
    accept("CL-own-zero", _post(b"0", b""), bodies=(b"",)),
    accept("CL-own-double-zero", _post(b"00", b""), bodies=(b"",)),
    accept("CL-own-ows", _post(b" \t5\t "), bodies=(b"hello",), rfc="9112 5.1"),
    accept("CL-own-no-space", START + b"Content-Length:5\r\n\r\nhello", bodies=(b"hello",)),
    accept("CL-own-name-case", START + b"CONTENT-length: 5\r\n\r\nhello", bodies=(b"hello",), rfc="9110 5.1"),
    accept("CL-own-get", _post(b"5").replace(b"POST", b"GET", 1), bodies=(b"hello",), rfc="9110 9.3.1"),
    accept("CL-own-delete", _post(b"5").replace(b"POST", b"DELETE", 1), bodies=(b"hello",)),
    accept("CL-own-options", _post(b"5").replace(b"POST", b"OPTIONS", 1), bodies=(b"hello",)),
    accept("CL-own-http10", _post(b"5").replace(b"HTTP/1.1", b"HTTP/1.0", 1), bodies=(b"hello",), close=True),
    accept("CL-own-none", START + b"\r\n", bodies=(b"",), rfc="9112 6.3 item 7", why="No length, no body."),
    accept("CL-own-body-is-request", _post(b"%d" % len(CANARY), CANARY), bodies=(CANARY,)),
    accept("CL-own-body-crlf", _post(b"4", b"\r\n\r\n"), bodies=(b"\r\n\r\n",)),
    accept("CL-own-body-binary", _post(b"256", bytes(range(256))), bodies=(bytes(range(256)),)),
    accept("CL-own-two-posts", _post(b"5") + _post(b"3", b"abc"), bodies=(b"hello", b"abc")),
    accept("CL-own-large", _post(b"200000", b"x" * 200000), bodies=(b"x" * 200000,)),
    *(
        reject(f"CL-own-bad-{number}", _post(value), rfc="9110 8.6", why=f"{value!r} is not 1*DIGIT.")
        for number, value in enumerate(BAD)
    ),
    reject("CL-own-bad-empty", START + b"Content-Length:\r\n\r\n", rfc="9110 8.6"),
    reject("CL-own-two-case", _post(b"5", b"hello", b"content-length: 6"), rfc="9112 6.3 item 5"),
    reject("CL-own-two-apart", _post(b"5", b"hello", b"X: y", b"Content-Length: 0"), rfc="9112 6.3 item 5"),
    reject("CL-own-two-second-bad", _post(b"5", b"hello", b"Content-Length: x"), rfc="9112 6.3 item 5"),
    reject("CL-own-two-first-bad", _post(b"x", b"hello", b"Content-Length: 5"), rfc="9112 6.3 item 5"),
    decline("CL-own-two-zeros", _post(b"5", b"hello", b"Content-Length: 05"), rfc="9112 6.3 item 5"),
    decline(
        "CL-own-two-same",
        _post(b"5", b"hello", b"Content-Length: 5"),
        rfc="9110 8.6",
        why="Repeated and equal: refused, as merged lists are.",
    ),
    decline("CL-own-list-same", _post(b"5, 5"), rfc="9110 8.6"),
    decline("CL-own-list-same-tight", _post(b"5,5"), rfc="9110 8.6"),
    reject("CL-own-2^63", _post(b"9223372036854775808"), 400, 413, rfc="9110 8.6"),
    reject("CL-own-2^64+5", _post(b"18446744073709551621"), 400, 413, rfc="9110 8.6", why="Not five."),
    reject("CL-own-1e40", _post(b"1" + b"0" * 40), 400, 413, 431, rfc="9110 8.6"),
    agree("CL-own-zeros-100", _post(b"0" * 100 + b"5"), rfc="9110 8.6"),
    accept("CL-own-zeros-19", _post(b"0" * 19 + b"5"), bodies=(b"hello",), rfc="9110 8.6"),
    # The client leaves in the middle of the body, so the request is never complete.
    *(
        Case(
            f"CL-own-short-{length}",
            _post(b"10", b"x" * length),
            Expect.ACCEPT,
            requests=0,
            half_close=True,
            rfc="9112 8",
        )
        for length in (0, 1, 9)
    ),
]
