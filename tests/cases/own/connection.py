"""Persistence, pipelining and Expect (RFC 9112 section 9, RFC 9110 sections 7.6.1 and 10.1.1)."""

from tests.cases.case import CANARY, Case, Expect, accept, agree, head, reject

EXPECT = head(b"POST / HTTP/1.1", b"Expect: 100-continue", b"Content-Length: 5")
# Values of Connection, and whether `close` is one of their options.
CONNECTION = {
    b"close": True,
    b"Close": True,
    b" close ": True,
    b"foo, close": True,
    b"close, foo": True,
    b"foo,close,bar": True,
    b",close": True,
    b"close,": True,
    b"foo\t,\tclose": True,
    b"keep-alive, close": True,
    b"close, keep-alive": True,
    b"keep-alive": False,
    b"Keep-Alive": False,
    b"": False,
    b",": False,
    b"clos": False,
    b"closed": False,
    b"not-close": False,
    b"close-not": False,
    b"close=1": False,
    b"clo se": False,
    b'"close"': False,
    b"foo; close": False,
    b"x, Transfer-Encoding": False,
}

CASES: list[Case] = [
    *(
        accept(
            f"CO-own-option-{number}",
            head(b"GET / HTTP/1.1", b"Connection: " + value),
            close=closes,
            rfc="9110 7.6.1",
            why=f"close {'is' if closes else 'is not'} among {value!r}.",
        )
        for number, (value, closes) in enumerate(CONNECTION.items())
    ),
    accept(
        "CO-own-lines",
        head(b"GET / HTTP/1.1", b"Connection: foo", b"Connection: bar", b"Connection: close"),
        close=True,
    ),
    accept("CO-own-10", head(b"GET / HTTP/1.0", host=None), close=True, rfc="9112 9.3"),
    accept("CO-own-10-keep-alive", head(b"GET / HTTP/1.0", b"Connection: Keep-Alive"), close=True, why="1.0 closes."),
    accept("CO-own-10-close", head(b"GET / HTTP/1.0", b"Connection: close"), close=True),
    accept(
        "CO-own-close-body",
        head(b"POST / HTTP/1.1", b"Connection: close", b"Content-Length: 5") + b"hello",
        bodies=(b"hello",),
        close=True,
    ),
    accept("CO-own-pipeline-20", head() * 20, bodies=(b"",) * 20, rfc="9112 9.3.2", why="More than are parsed ahead."),
    accept(
        "CO-own-pipeline-mixed",
        head() + head(b"POST / HTTP/1.1", b"Content-Length: 3") + b"abc" + head(b"HEAD / HTTP/1.1"),
        bodies=(b"", b"abc", b""),
        rfc="9112 9.3.2",
    ),
    accept(
        "CO-own-pipeline-chunked",
        (head(b"POST / HTTP/1.1", b"Transfer-Encoding: chunked") + b"3\r\nabc\r\n0\r\n\r\n") * 3,
        bodies=(b"abc",) * 3,
        rfc="9112 9.3.2",
    ),
    accept(
        "CO-own-pipeline-close",
        head() + head(b"GET / HTTP/1.1", b"Connection: close"),
        bodies=(b"", b""),
        close=True,
        rfc="9112 9.6",
        why="What follows close is not processed.",
    ),
    accept(
        "CO-own-then-garbage",
        head() + b"\x00\x01\r\n\r\n",
        canary=False,
        close=True,
        answers=(200, 400),
        rfc="9112 9.3.2",
    ),
    accept(
        "CO-own-two-then-no-host",
        head() * 2 + head(host=None) + CANARY,
        canary=False,
        bodies=(b"", b""),
        close=True,
        answers=(200, 200, 400),
    ),
    accept(
        "CO-own-post-then-bad-length",
        head(b"POST / HTTP/1.1", b"Content-Length: 3")
        + b"abc"
        + head(b"POST / HTTP/1.1", b"Content-Length: x")
        + CANARY,
        canary=False,
        bodies=(b"abc",),
        close=True,
        answers=(200, 400),
    ),
    accept("CO-own-then-505", head() + head(b"GET / HTTP/3.0") + CANARY, canary=False, close=True, answers=(200, 505)),
    accept("CO-own-crlf-between", head() + b"\r\n" + head(), bodies=(b"", b""), rfc="9112 2.2"),
    accept(
        "CO-own-fin-after", head(), canary=False, close=True, half_close=True, why="Half-closed, and still answered."
    ),
    accept(
        "CO-own-fin-after-post",
        head(b"POST / HTTP/1.1", b"Content-Length: 5") + b"hello",
        bodies=(b"hello",),
        canary=False,
        close=True,
        half_close=True,
    ),
    accept("CO-own-fin-after-pipeline", head() * 3, bodies=(b"",) * 3, canary=False, close=True, half_close=True),
    Case("CO-own-fin-alone", b"", Expect.ACCEPT, requests=0, half_close=True, answers=()),
    Case("CO-own-fin-crlf", b"\r\n", Expect.ACCEPT, requests=0, half_close=True),
    Case("CO-own-fin-in-head", b"GET / HTTP/1.1\r\nHost: a.exa", Expect.ACCEPT, requests=0, half_close=True),
    # Expect.
    accept("EX-own-body-there", EXPECT + b"hello", bodies=(b"hello",), rfc="9110 10.1.1"),
    accept(
        "EX-own-chunked",
        head(b"POST / HTTP/1.1", b"Expect: 100-continue", b"Transfer-Encoding: chunked") + b"5\r\nhello\r\n0\r\n\r\n",
        bodies=(b"hello",),
    ),
    accept(
        "EX-own-no-body", head(b"GET / HTTP/1.1", b"Expect: 100-continue"), no_interim=True, why="Nothing to wait for."
    ),
    accept("EX-own-length-0", head(b"POST / HTTP/1.1", b"Expect: 100-continue", b"Content-Length: 0"), no_interim=True),
    accept(
        "EX-own-10",
        head(b"POST / HTTP/1.0", b"Expect: 100-continue", b"Content-Length: 5") + b"hello",
        bodies=(b"hello",),
        close=True,
        no_interim=True,
        rfc="9110 10.1.1",
    ),
    Case(
        "EX-own-waiting-chunked",
        head(b"POST / HTTP/1.1", b"Expect: 100-continue", b"Transfer-Encoding: chunked"),
        Expect.ACCEPT,
        status=(100,),
        requests=0,
    ),
    agree("EX-own-unknown", head(b"GET / HTTP/1.1", b"Expect: tea"), status=(400, 417), rfc="9110 10.1.1"),
    reject(
        "EX-own-bad-length", head(b"POST / HTTP/1.1", b"Expect: 100-continue", b"Content-Length: x"), no_interim=True
    ),
]
