"""Chunked bodies: sizes, extensions, data, trailers (RFC 9112 section 7.1)."""

from tests.cases.case import Case, Expect, accept, agree, decline, refuse, reject

START = b"POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n"
SIZES = (
    b"", b" ", b"g", b"-5", b" 5", b"5 5", b"0x", b"5.", b"5_0", b"\xd9\xa5", b"5\x00", b"\x005", b"5\x0b", b"5\x0c",
    b"5\x7f", b"5\xa0", b"#5", b"0X5", b"5L", b"+0", b"-0", b"5:", b"5\t5", b"h", b"{5}", b"5\x85",
)  # fmt: skip
# `;` and a chunk-ext by the grammar of section 7.1.1, with the bad white space that a recipient must accept.
EXTENSIONS = (
    b";a", b";a=b", b';a="b c"', b';a="b;c"', b';a="b\\"c"', b";a;b;c=d", b";a=b;a=b", b";\ta\t=\tb", b';a=""',
    b";!#$%&'*+-.^_`|~=1",
)  # fmt: skip
BAD_EXTENSIONS = (b";a=\x01", b";a=b\x7f", b";a\rb", b";a=b\x00", b";a\nb", b";\x0b", b";a\x08")
POLICY_EXTENSIONS = (b";;", b";=b", b";a=", b";a b", b';a="b', b";a@b", b";a=b=c", b";,")
TRAILERS = (b"X: y", b"X:", b"X: \t", b"X: caf\xe9", b"X: y\r\nX: z", b"x_y: z", b"X-Checksum: abc=")
DECIDING_TRAILERS = {
    "cl": b"Content-Length: 5",
    "te": b"Transfer-Encoding: chunked",
    "host": b"Host: b.example",
    "same-host": b"X: y\r\nhost: a.example",
    "connection": b"Connection: close",
    "upgrade": b"Upgrade: h2c",
    "expect": b"Expect: 100-continue",
}
BAD_TRAILERS = (
    b"X\t: y", b": y", b"X", b"X Y: z", b"X\x00: y", b"X(: y", b" X: y", b"X: y\r\n\tz", b"\tX: y", b"X\x80: y",
    b"X: y\rY: z",
)  # fmt: skip


def _chunked(body: bytes) -> bytes:
    return START + body


CASES: list[Case] = [
    accept("CK-own-upper-hex", _chunked(b"A\r\n0123456789\r\n0\r\n\r\n"), bodies=(b"0123456789",)),
    accept("CK-own-lower-hex", _chunked(b"a\r\n0123456789\r\n0\r\n\r\n"), bodies=(b"0123456789",)),
    accept("CK-own-two-digits", _chunked(b"1f\r\n" + b"x" * 31 + b"\r\n0\r\n\r\n"), bodies=(b"x" * 31,)),
    accept("CK-own-many", _chunked(b"1\r\nx\r\n" * 50 + b"0\r\n\r\n"), bodies=(b"x" * 50,)),
    accept("CK-own-empty", _chunked(b"0\r\n\r\n"), bodies=(b"",)),
    accept("CK-own-data-crlf", _chunked(b"4\r\n\r\n\r\n\r\n0\r\n\r\n"), bodies=(b"\r\n\r\n",)),
    accept("CK-own-data-like-end", _chunked(b"5\r\n0\r\n\r\n\r\n0\r\n\r\n"), bodies=(b"0\r\n\r\n",)),
    accept("CK-own-big", _chunked(b"20000\r\n" + b"x" * 131072 + b"\r\n0\r\n\r\n"), bodies=(b"x" * 131072,)),
    accept("CK-own-last-ext", _chunked(b"5\r\nhello\r\n0;a=b\r\n\r\n"), bodies=(b"hello",), rfc="9112 7.1"),
    accept("CK-own-all-zeros", _chunked(b"00000000\r\n\r\n"), bodies=(b"",), rfc="9112 7.1"),
    accept("CK-own-next-crlf", _chunked(b"5\r\nhello\r\n0\r\n\r\n\r\n"), bodies=(b"hello",), rfc="9112 2.2"),
    agree("CK-own-zeros-16", _chunked(b"0000000000000005\r\nhello\r\n0\r\n\r\n"), rfc="9112 7.1"),
    agree("CK-own-zeros-40", _chunked(b"0" * 39 + b"5\r\nhello\r\n0\r\n\r\n"), rfc="9112 7.1"),
    *(
        refuse(f"CK-own-size-{number}", _chunked(size + b"\r\nhello\r\n0\r\n\r\n"), rfc="9112 7.1")
        for number, size in enumerate(SIZES)
    ),
    *(
        accept(
            f"CK-own-ext-{number}",
            _chunked(b"5" + extension + b"\r\nhello\r\n0\r\n\r\n"),
            bodies=(b"hello",),
            rfc="9112 7.1.1",
        )
        for number, extension in enumerate(EXTENSIONS)
    ),
    *(
        refuse(f"CK-own-ext-bad-{number}", _chunked(b"5" + extension + b"\r\nhello\r\n0\r\n\r\n"), rfc="9112 7.1.1")
        for number, extension in enumerate(BAD_EXTENSIONS)
    ),
    *(
        decline(
            f"CK-own-ext-policy-{number}",
            _chunked(b"5" + extension + b"\r\nhello\r\n0\r\n\r\n"),
            rfc="9112 7.1.1",
            why=f"{extension!r} is outside the grammar.",
        )
        for number, extension in enumerate(POLICY_EXTENSIONS)
    ),
    reject(
        "CK-own-ext-sum",
        _chunked((b"1;a=" + b"b" * 200 + b"\r\nx\r\n") * 100 + b"0\r\n\r\n"),
        400,
        413,
        431,
        rfc="9112 7.1.1",
        why="16 KiB of extensions in all.",
    ),
    accept(
        "CK-own-ext-within", _chunked((b"1;a=" + b"b" * 200 + b"\r\nx\r\n") * 50 + b"0\r\n\r\n"), bodies=(b"x" * 50,)
    ),
    reject(
        "CK-own-2^60", _chunked(b"1" + b"0" * 17 + b"\r\nhello\r\n"), 400, 413, 431, rfc="9112 7.1", why="Over 64 bits."
    ),
    refuse("CK-own-data-lfcr", _chunked(b"5\r\nhello\n\r0\r\n\r\n"), rfc="9112 7.1"),
    refuse("CK-own-data-cr", _chunked(b"5\r\nhello\r0\r\n\r\n"), rfc="9112 7.1"),
    refuse("CK-own-second-bad", _chunked(b"5\r\nhello\r\nzz\r\n\r\n"), rfc="9112 7.1"),
    refuse("CK-own-negative-second", _chunked(b"5\r\nhello\r\n-1\r\n\r\n"), rfc="9112 7.1"),
    *(
        accept(
            f"CK-own-trailer-{number}",
            _chunked(b"5\r\nhello\r\n0\r\n" + trailer + b"\r\n\r\n"),
            bodies=(b"hello",),
            rfc="9112 7.1.2",
        )
        for number, trailer in enumerate(TRAILERS)
    ),
    *(
        refuse(f"CK-own-trailer-bad-{number}", _chunked(b"0\r\n" + trailer + b"\r\n\r\n"), rfc="9112 7.1.2")
        for number, trailer in enumerate(BAD_TRAILERS)
    ),
    *(
        decline(
            f"CK-own-trailer-value-{byte:02x}", _chunked(b"0\r\nX: a%cb\r\n\r\n" % byte), rfc="9110 5.5", sweep=True
        )
        for byte in (*(byte for byte in range(0x20) if byte != 0x09), 0x7F)
    ),
    *(
        decline(
            f"CK-own-trailer-{name}",
            _chunked(b"5\r\nhello\r\n0\r\n" + field + b"\r\n\r\n"),
            rfc="9110 6.5.1",
            why="It would frame or route the message.",
        )
        for name, field in DECIDING_TRAILERS.items()
    ),
    decline("CK-own-trailer-lf-end", _chunked(b"0\r\nX: y\r\n\n"), rfc="9112 2.2"),
    # The client leaves before the last chunk is complete, so the request is never complete.
    *(
        Case(f"CK-own-short-{number}", _chunked(body), Expect.ACCEPT, requests=0, half_close=True, rfc="9112 8")
        for number, body in enumerate(
            (b"", b"5", b"5\r\n", b"5\r\nhel", b"5\r\nhello", b"5\r\nhello\r\n", b"5\r\nhello\r\n0", b"0\r\nX: y\r\n")
        )
    ),
]
