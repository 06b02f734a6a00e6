"""Request lines: method, target form, version, white space and line ends (RFC 9112 sections 2.2, 2.3 and 3)."""

from tests.cases.case import Case, accept, agree, decline, head, refuse, reject

TCHAR = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
NOT_TCHAR = bytes(set(range(256)) - set(TCHAR))
# The methods of the IANA registry that applications are likely to receive.
METHODS = (
    b"ACL BASELINE-CONTROL BIND CHECKIN CHECKOUT COPY DELETE GET HEAD LABEL LINK LOCK MERGE MKACTIVITY "
    b"MKCALENDAR MKCOL MKREDIRECTREF MKWORKSPACE MOVE OPTIONS ORDERPATCH PATCH POST PROPFIND PROPPATCH PUT "
    b"QUERY REBIND REPORT SEARCH TRACE UNBIND UNCHECKOUT UNLINK UNLOCK UPDATE UPDATEREDIRECTREF "
    b"VERSION-CONTROL"
).split()
BAD_VERSIONS = (
    b"http/1.1", b"Http/1.1", b"HTTP/11", b"HTTP/1.1.1", b"HTTP/-1.1", b"HTTP/+1.1", b"HTTP/1.-1", b"HTTP/1. 1",
    b"HTTP/ 1.1", b"HTTP /1.1", b"HTTP/a.b", b"HTTP/1.x", b"HTTP/x.1", b"HTTP//1.1", b"HTTP/1/1", b"HTTP\\1.1",
    b"HTTP", b"HTTP/", b"HTTP/1", b"HTTP/.1", b"HTTP/1:1", b"HTTP/001.1", b"HTTP/1.01", b"HTTP/1.1;", b"HTTP/1.1#",
    b"XHTTP/1.1", b"RTSP/1.0", b"TTP/1.1", b"HTTP/1.\xb9", b"HTTP/\x001.1", b"HTTP/1.1\x0b", b"HTTP/1.1\x0c",
    b"HTTP/1.1\r", b"HTTP/1.1\x85", b"HTTP/\xef\xbc\x91.1",
)  # fmt: skip

CASES: list[Case] = [
    accept("RL-own-plain", head()),
    accept("RL-own-leading-crlf", b"\r\n" + head(), rfc="9112 2.2", why="An empty line before the request is ignored."),
    accept("RL-own-leading-crlf-second", head() + b"\r\n", bodies=(b"",), rfc="9112 2.2"),
    agree("RL-own-leading-crlf-many", b"\r\n" * 40 + head(), rfc="9112 2.2"),
    reject("RL-own-leading-crlf-flood", b"\r\n" * 40000, 400, 414, rfc="9112 2.2", why="There is a limit."),
    reject("RL-own-leading-cr", b"\rGET / HTTP/1.1\r\nHost: a.example\r\n\r\n", rfc="9112 2.2"),
    reject("RL-own-leading-tab", b"\t" + head(), rfc="9112 3"),
    reject("RL-own-leading-crlf-sp", b"\r\n " + head(), rfc="9112 3"),
    reject("RL-own-empty-method", b" / HTTP/1.1\r\nHost: a.example\r\n\r\n", rfc="9112 3"),
    reject("RL-own-method-alone", b"GET\r\n\r\n", 400, 505, rfc="9112 3"),
    reject("RL-own-method-sp", b"GET \r\n\r\n", 400, 505, rfc="9112 3"),
    reject("RL-own-no-target-sp", head(b"GET  HTTP/1.1"), rfc="9112 3"),
    reject("RL-own-two-sp-version", head(b"GET /  HTTP/1.1"), rfc="9112 3", why="Exactly one SP."),
    reject("RL-own-tab-version", head(b"GET /\tHTTP/1.1"), rfc="9112 3"),
    reject("RL-own-trailing-tab", head(b"GET / HTTP/1.1\t"), rfc="9112 3"),
    reject("RL-own-trailing-word", head(b"GET / HTTP/1.1 x"), rfc="9112 3"),
    reject("RL-own-cr-in-target", head(b"GET /a\rb HTTP/1.1"), rfc="9112 2.2", why="A bare CR is invalid."),
    reject("RL-own-lf-in-target", head(b"GET /a\nb HTTP/1.1"), rfc="9112 2.2"),
    reject("RL-own-tab-in-target", head(b"GET /a\tb HTTP/1.1"), rfc="9112 3.2"),
    reject(
        "RL-own-lf-line", b"GET / HTTP/1.1\nHost: a.example\r\n\r\n", rfc="9112 2.2", why="LF alone ends no line here."
    ),
    reject("RL-own-all-lf", b"GET / HTTP/1.1\nHost: a.example\n\n", rfc="9112 2.2"),
    reject("RL-own-crcrlf", b"GET / HTTP/1.1\r\r\nHost: a.example\r\n\r\n", rfc="9112 2.2"),
    reject("RL-own-vt-sep", head(b"GET\x0b/\x0bHTTP/1.1"), rfc="9112 3"),
    reject("RL-own-nbsp-sep", head(b"GET\xa0/\xa0HTTP/1.1"), rfc="9112 3"),
    reject("RL-own-target-utf8", head("GET /caf\u00e9 HTTP/1.1".encode()), rfc="3986 2", why="URIs are ASCII."),
    reject("RL-own-query-utf8", head("GET /?q=\u00e9 HTTP/1.1".encode()), rfc="3986 2"),
    reject("RL-own-query-nul", head(b"GET /?a\x00b HTTP/1.1"), rfc="3986 2"),
    reject("RL-own-tls-hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", why="TLS on a plain port."),
    reject("RL-own-binary", bytes(range(256)) + b"\r\n\r\n"),
    accept("RL-own-empty-query", head(b"GET /? HTTP/1.1"), rfc="3986 3.4"),
    accept("RL-own-query-twice", head(b"GET /a?b?c=/d HTTP/1.1"), rfc="3986 3.4"),
    accept("RL-own-dot-segments", head(b"GET /../../etc/passwd HTTP/1.1"), why="The application decides."),
    accept("RL-own-pct", head(b"GET /caf%C3%A9%2F%ff HTTP/1.1"), rfc="3986 2.1"),
    accept("RL-own-sub-delims", head(b"GET /!$&'()*+,;=:@-._~ HTTP/1.1"), rfc="3986 3.3"),
    accept("RL-own-empty-segments", head(b"GET /// HTTP/1.1"), rfc="3986 3.3"),
    agree("RL-own-fragment", head(b"GET /a#b HTTP/1.1"), rfc="9112 3.2"),
    accept("RL-own-version-1.9", head(b"GET / HTTP/1.9"), rfc="9110 2.5", why="A higher minor is served as 1.1."),
    reject("RL-own-version-1.2-no-host", head(b"GET / HTTP/1.2", host=None), rfc="9112 3.2"),
    reject("RL-own-version-1.2-canary", head(b"GET / HTTP/2.1"), 505, 400, rfc="9110 15.6.6"),
    reject("RL-own-version-0.0", head(b"GET / HTTP/0.0"), 505, 400, rfc="9110 15.6.6"),
    # The forms of the target (section 3.2), combined with methods.
    accept("RL-own-absolute-no-path", head(b"GET http://a.example HTTP/1.1"), rfc="9112 3.2.2"),
    accept("RL-own-absolute-query", head(b"GET http://a.example?x HTTP/1.1"), rfc="9112 3.2.2"),
    accept("RL-own-absolute-scheme-case", head(b"GET HTTP://a.example/x HTTP/1.1"), rfc="3986 3.1"),
    accept("RL-own-absolute-host-case", head(b"GET http://A.Example/x HTTP/1.1"), rfc="3986 3.2.2"),
    accept("RL-own-absolute-port", head(b"GET http://a.example:81/x HTTP/1.1", host=b"a.example:81"), rfc="9112 3.2.2"),
    accept("RL-own-absolute-ipv6", head(b"GET http://[::1]/x HTTP/1.1", host=b"[::1]"), rfc="3986 3.2.2"),
    accept("RL-own-absolute-10", head(b"GET http://a.example/x HTTP/1.0"), close=True, rfc="9112 3.2.2"),
    accept(
        "RL-own-absolute-post", head(b"POST http://a.example/x HTTP/1.1", b"Content-Length: 2") + b"hi", bodies=(b"hi",)
    ),
    agree("RL-own-absolute-https", head(b"GET https://a.example/x HTTP/1.1"), rfc="9110 7.4"),
    accept("RL-own-absolute-default-port", head(b"GET http://a.example:80/x HTTP/1.1"), rfc="9110 4.2.3"),
    accept(
        "RL-own-absolute-other-host",
        head(b"GET http://b.example/x HTTP/1.1"),
        rfc="9112 3.2.2",
        why="Host is ignored beside the authority of the target.",
    ),
    accept("RL-own-absolute-empty-host-field", head(b"GET http://a.example/x HTTP/1.1", host=b""), rfc="9112 3.2.2"),
    reject("RL-own-absolute-bad-host-field", head(b"GET http://a.example/ HTTP/1.1", host=b"a b"), rfc="9112 3.2"),
    reject("RL-own-absolute-no-host-field", head(b"GET http://a.example/ HTTP/1.1", host=None), rfc="9112 3.2"),
    reject("RL-own-absolute-two-hosts", head(b"GET http://a.example/ HTTP/1.1", b"Host: a.example"), rfc="9112 3.2"),
    accept(
        "RL-own-absolute-10-no-host", head(b"GET http://a.example/x HTTP/1.0", host=None), close=True, rfc="9112 3.2.2"
    ),
    agree("RL-own-absolute-bad-port", head(b"GET http://a.example:99999/x HTTP/1.1")),
    reject("RL-own-absolute-port-alpha", head(b"GET http://a.example:8x/ HTTP/1.1"), rfc="3986 3.2.3"),
    reject("RL-own-absolute-one-slash", head(b"GET http:/a.example/ HTTP/1.1"), rfc="9110 4.2.1"),
    reject("RL-own-absolute-no-slash", head(b"GET http:a.example HTTP/1.1"), rfc="9110 4.2.1"),
    reject("RL-own-absolute-bare", head(b"GET http:// HTTP/1.1"), rfc="9110 4.2.1"),
    reject("RL-own-absolute-empty-port", head(b"GET http://:80/ HTTP/1.1"), rfc="9110 4.2.1", why="An empty host."),
    reject("RL-own-absolute-bad-host", head(b"GET http://a<b/ HTTP/1.1"), rfc="3986 3.2.2"),
    reject("RL-own-absolute-open-ipv6", head(b"GET http://[::1/ HTTP/1.1"), rfc="3986 3.2.2"),
    reject("RL-own-absolute-userinfo-post", head(b"POST http://u@a.example/ HTTP/1.1"), rfc="9110 4.2.4"),
    reject("RL-own-path-rootless", head(b"GET index.html HTTP/1.1"), rfc="9112 3.2.1"),
    reject("RL-own-path-dot", head(b"GET ./x HTTP/1.1"), rfc="9112 3.2.1"),
    reject("RL-own-backslash", head(b"GET \\x HTTP/1.1"), rfc="9112 3.2.1"),
    reject("RL-own-fragment-only", head(b"GET #x HTTP/1.1"), rfc="9112 3.2.1"),
    accept("RL-own-options-star", head(b"OPTIONS * HTTP/1.1"), rfc="9112 3.2.4"),
    accept("RL-own-options-path", head(b"OPTIONS /x HTTP/1.1"), rfc="9112 3.2.4"),
    reject("RL-own-options-starstar", head(b"OPTIONS ** HTTP/1.1"), rfc="9112 3.2.4"),
    reject("RL-own-options-star-path", head(b"OPTIONS */x HTTP/1.1"), rfc="9112 3.2.4"),
    reject("RL-own-options-star-query", head(b"OPTIONS *?x HTTP/1.1"), rfc="9112 3.2.4"),
    reject("RL-own-post-star", head(b"POST * HTTP/1.1"), rfc="9112 3.2.4"),
    reject("RL-own-head-star", head(b"HEAD * HTTP/1.1"), rfc="9112 3.2.4"),
    accept(
        "RL-own-connect",
        head(b"CONNECT a.example:443 HTTP/1.1", host=b"a.example:443"),
        canary=False,
        close=None,
        rfc="9112 3.2.3",
    ),
    reject("RL-own-connect-origin", head(b"CONNECT /x HTTP/1.1"), rfc="9112 3.2.3"),
    reject("RL-own-connect-star", head(b"CONNECT * HTTP/1.1"), rfc="9112 3.2.3"),
    reject("RL-own-connect-absolute", head(b"CONNECT http://a.example/ HTTP/1.1"), rfc="9112 3.2.3"),
    reject("RL-own-connect-no-port", head(b"CONNECT a.example HTTP/1.1"), rfc="9110 9.3.6"),
    reject("RL-own-connect-empty-port", head(b"CONNECT a.example: HTTP/1.1"), rfc="9110 9.3.6"),
    reject("RL-own-connect-userinfo", head(b"CONNECT u@a.example:443 HTTP/1.1"), rfc="9112 3.2.3"),
    reject("RL-own-post-authority", head(b"POST a.example:80 HTTP/1.1"), rfc="9112 3.2.3"),
    # Bytes that look like the start of another protocol: the server must not hang.
    refuse("RL-own-h2-preface-head", b"PRI * HTTP/2.0\r\n\r\n", 400, 405, 505, rfc="9113 3.4"),
    *(
        reject(
            f"RL-own-method-byte-{byte:02x}",
            head(b"GE%cT / HTTP/1.1" % byte),
            rfc="9110 5.6.2",
            sweep=True,
            why="A byte outside tchar in the method.",
        )
        for byte in NOT_TCHAR
        if byte != 0x20
    ),
    *(
        accept(f"RL-own-method-{method.decode().lower()}", head(method + b" / HTTP/1.1"), rfc="9110 9.1", sweep=True)
        for method in METHODS
    ),
    *(
        accept(
            f"RL-own-method-tchar-{byte:02x}",
            head(b"X%cY / HTTP/1.1" % byte),
            rfc="9110 9.1",
            sweep=True,
            why="Any token is a method; the application decides.",
        )
        for byte in b"!#$%&'*+-.^_`|~09AZ"
    ),
    *(
        decline(
            f"RL-own-method-lower-{method.decode()}",
            head(method + b" / HTTP/1.1"),
            400,
            405,
            501,
            rfc="9110 9.1",
            why="Not a known method in another case.",
        )
        for method in (b"post", b"Get", b"gET", b"Post", b"delete")
    ),
    *(
        reject(f"RL-own-version-{number}", head(b"GET / " + version), 400, 505, rfc="9112 2.3", sweep=True)
        for number, version in enumerate(BAD_VERSIONS)
    ),
    *(
        reject(
            f"RL-own-target-byte-{byte:02x}",
            head(b"GET /a%cb HTTP/1.1" % byte),
            rfc="3986 2",
            sweep=True,
            why="Control bytes and bytes above 0x7F are no URI characters.",
        )
        for byte in (*range(0x20), *range(0x7F, 0x100))
    ),
    *(
        agree(f"RL-own-target-delim-{byte:02x}", head(b"GET /a%cb HTTP/1.1" % byte), rfc="3986 2", sweep=True)
        for byte in b'"<>\\^`{|}[]'
    ),
]
