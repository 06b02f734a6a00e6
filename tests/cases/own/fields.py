"""Field lines: names, values, white space, folding and line ends (RFC 9112 section 5, RFC 9110 section 5)."""

from tests.cases.case import Case, accept, reject
from tests.cases.own.request_line import NOT_TCHAR, TCHAR

START = b"GET / HTTP/1.1\r\nHost: a.example\r\n"
# A control byte in a value: RFC 9110 section 5.5 allows a recipient to reject it, and this server does.
BAD_VALUE_BYTES = (*(byte for byte in range(0x20) if byte != 0x09), 0x7F)

CASES: list[Case] = [
    reject("HD-own-first-line-sp", b"GET / HTTP/1.1\r\n Host: a.example\r\n\r\n", rfc="9112 2.2"),
    reject("HD-own-first-line-tab", b"GET / HTTP/1.1\r\n\tX: y\r\nHost: a.example\r\n\r\n", rfc="9112 2.2"),
    reject("HD-own-tab-colon", START + b"X\t: y\r\n\r\n", rfc="9112 5.1"),
    reject("HD-own-empty-name", START + b": y\r\n\r\n", rfc="9112 5"),
    reject("HD-own-name-only-sp", START + b" : y\r\n\r\n", rfc="9112 5"),
    reject("HD-own-fold-sp", START + b"X: a\r\n b\r\n\r\n", rfc="9112 5.2"),
    reject("HD-own-fold-tab", START + b"X: a\r\n\tb\r\n\r\n", rfc="9112 5.2"),
    reject("HD-own-fold-twice", START + b"X: a\r\n b\r\n c\r\n\r\n", rfc="9112 5.2"),
    reject("HD-own-fold-last", START + b"X: a\r\n \r\n\r\n", rfc="9112 5.2"),
    reject("HD-own-lf-line", START + b"X: y\n\r\n", rfc="9112 2.2"),
    reject("HD-own-lf-end", START + b"X: y\r\n\n", rfc="9112 2.2"),
    reject("HD-own-lf-both", START + b"X: y\n\n", rfc="9112 2.2"),
    reject("HD-own-lf-only-end", b"GET / HTTP/1.1\r\nHost: a.example\n\n", rfc="9112 2.2"),
    reject("HD-own-cr-end", START + b"X: y\r\n\rX", rfc="9112 2.2"),
    reject("HD-own-cr-line", START + b"X: y\rY: z\r\n\r\n", rfc="9112 2.2"),
    reject("HD-own-crcrlf-end", START + b"\r\r\n", rfc="9112 2.2"),
    reject("HD-own-lfcr", START + b"X: y\n\rY: z\r\n\r\n", rfc="9112 2.2"),
    reject(
        "HD-own-lf-smuggle-cl",
        b"POST / HTTP/1.1\r\nHost: a.example\r\nX: y\nContent-Length: 5\r\n\r\nhello",
        rfc="9112 2.2",
    ),
    reject("HD-own-te-sp-colon", START + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", rfc="9112 5.1"),
    reject("HD-own-te-tab-colon", START + b"Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n", rfc="9112 5.1"),
    reject("HD-own-te-vt-colon", START + b"Transfer-Encoding\x0b: chunked\r\n\r\n0\r\n\r\n", rfc="9112 5.1"),
    reject("HD-own-value-nul-start", START + b"X:\x00\r\n\r\n", rfc="9110 5.5"),
    reject("HD-own-value-nul-end", START + b"X: y\x00\r\n\r\n", rfc="9110 5.5"),
    reject("HD-own-unfinished", START + b"X: y", half_close=True, rfc="9112 8"),
    accept("HD-own-empty-value", START + b"X:\r\n\r\n", rfc="9110 5.5"),
    accept("HD-own-ows-value", START + b"X: \t \r\n\r\n", rfc="9112 5.1"),
    accept("HD-own-colons", START + b"X: :y::\r\n\r\n", rfc="9112 5"),
    accept("HD-own-tab-inside", START + b"X: a\tb\r\n\r\n", rfc="9110 5.5"),
    accept("HD-own-repeated", START + b"X: 1\r\nx: 2\r\nX: 3\r\n\r\n", rfc="9110 5.3"),
    accept("HD-own-underscore", START + b"X_Y: z\r\n\r\n"),
    accept("HD-own-cl-underscore", b"POST / HTTP/1.1\r\nHost: a.example\r\nContent_Length: 5\r\n\r\n", rfc="9110 5.1"),
    accept("HD-own-long-name", START + b"X" * 1000 + b": y\r\n\r\n"),
    accept("HD-own-quoted", START + b'X: "a, \\" b"; c=d\r\n\r\n', rfc="9110 5.6.4"),
    accept("HD-own-all-tchar", START + TCHAR + b": y\r\n\r\n", rfc="9110 5.6.2"),
    accept("HD-own-all-value", START + b"X: " + bytes(range(0x21, 0x7F)) + bytes(range(0x80, 0x100)) + b"\r\n\r\n"),
    accept("HD-own-looks-like-request", START + b"GET: /evil HTTP/1.1\r\n\r\n"),
    *(
        reject(f"HD-own-name-byte-{byte:02x}", START + b"X%cY: z\r\n\r\n" % byte, rfc="9110 5.6.2", sweep=True)
        for byte in NOT_TCHAR
        if byte != 0x3A
    ),
    *(
        reject(f"HD-own-name-first-byte-{byte:02x}", START + b"%cY: z\r\n\r\n" % byte, rfc="9110 5.6.2", sweep=True)
        for byte in NOT_TCHAR
        if byte not in b"\r\n:"
    ),
    *(
        reject(f"HD-own-value-byte-{byte:02x}", START + b"X: a%cb\r\n\r\n" % byte, rfc="9110 5.5", sweep=True)
        for byte in BAD_VALUE_BYTES
    ),
    *(
        reject(f"HD-own-value-first-byte-{byte:02x}", START + b"X: %cb\r\n\r\n" % byte, rfc="9110 5.5", sweep=True)
        for byte in BAD_VALUE_BYTES
    ),
    *(
        reject(f"HD-own-value-last-byte-{byte:02x}", START + b"X: a%c\r\n\r\n" % byte, rfc="9110 5.5", sweep=True)
        for byte in BAD_VALUE_BYTES
        if byte != 0x0A
    ),
]
