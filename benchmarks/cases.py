"""The requests that benchmarks send: one table of cases for all of them."""

from __future__ import annotations

from dataclasses import dataclass

BROWSER_HEADERS = (
    (
        "User-Agent",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
    ),
    ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8"),
    ("Accept-Language", "en-US,en;q=0.9,de;q=0.8"),
    ("Accept-Encoding", "gzip, deflate, br, zstd"),
    ("Connection", "keep-alive"),
    ("Upgrade-Insecure-Requests", "1"),
    ("Sec-Fetch-Dest", "document"),
    ("Sec-Fetch-Mode", "navigate"),
    ("Sec-Fetch-Site", "none"),
    ("Sec-Fetch-User", "?1"),
    ("Priority", "u=0, i"),
)
JSON_BODY = b'{"id": 7, "text": "%s"}' % (b"x" * 1003)
CHUNK = b"x" * 100
LARGE_BODY = b"x" * 65536
# Parts of 64 KiB in one response.
PARTS = 32
EVENT = b'data: {"id": 7, "text": "seven"}\n\n'
EVENTS = 50
# Percent-encoded characters of one, two and three bytes in the path.
ESCAPED_PATH = "/a%20b/caf%C3%A9/%E2%82%AC"
UPLOAD = b"x" * (1 << 20)
MANY_FIELDS = tuple((f"X-Field-{number}", f"the value of field {number}") for number in range(60))
# Session, preferences and trackers: 8 KiB in four cookies.
COOKIES = (("Cookie", "; ".join(f"cookie{number}={'x' * 2036}" for number in range(4))),)
PROXY_HEADERS = (
    ("X-Forwarded-For", "203.0.113.7"),
    ("X-Forwarded-Proto", "https"),
    ("X-Forwarded-Host", "example.org"),
    ("X-Forwarded-Port", "443"),
    ("X-Real-IP", "203.0.113.7"),
)
ECHO = "websocket_app:app"


def _sized(body: bytes, kind: bytes) -> bytes:
    return (
        b"HTTP/1.1 200 OK\r\ndate: Thu, 01 Jan 2026 00:00:00 GMT\r\nserver: floor\r\n"
        b"content-type: %s\r\ncontent-length: %d\r\n\r\n" % (kind, len(body)) + body
    )


# wrk counts an end of the connection as an error unless a field announces it.
CLOSED = _sized(b"Hello, world!", b"text/plain\r\nconnection: close")
HELLO = _sized(b"Hello, world!", b"text/plain")


def _chunked(chunk: bytes, count: int, kind: bytes) -> bytes:
    return (
        b"HTTP/1.1 200 OK\r\ndate: Thu, 01 Jan 2026 00:00:00 GMT\r\nserver: floor\r\n"
        b"content-type: %b\r\ntransfer-encoding: chunked\r\n\r\n"
        % kind
        + b"%x\r\n%b\r\n" % (len(chunk), chunk) * count
        + b"0\r\n\r\n"
    )


STREAMED = _chunked(CHUNK, 10, b"text/plain")


@dataclass(frozen=True)
class Case:
    """One kind of request.

    title: the name in the tables.
    app: the ASGI application that answers it, relative to this folder.
    floor: the bytes that the floor sends without looking at the request.
    as_installed: the access log and the proxy headers keep the server's defaults. Otherwise they are off.
    access_format: the value of --access-log-format, which uvicorn 0.54 does not have.
    varying: each request has a field with a unique value. wrk cannot do this.
    message: the bytes of a WebSocket message that is echoed, in place of a request; 0 if there is no WebSocket.
    fragments: the number of frames of the message.
    chunk: the body is sent in chunks of this many bytes.
    pipelined: the number of requests that are sent at once, before the first response.
    """

    name: str
    title: str
    floor: bytes = HELLO
    method: str = "GET"
    path: str = "/"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    app: str = "app:app"
    as_installed: bool = False
    access_format: str = "default"
    varying: bool = False
    message: int = 0
    fragments: int = 1
    chunk: int = 0
    pipelined: int = 1

    @property
    def closes(self) -> bool:
        return ("Connection", "close") in self.headers

    def request(self, host: str, number: int = 0) -> bytes:
        lines = [f"{self.method} {self.path} HTTP/1.1", f"Host: {host}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        if self.varying:
            lines.append(f"X-Request-ID: {number:08}")
        body = self.body
        if self.chunk:
            lines.append("Transfer-Encoding: chunked")
            chunks = (body[start : start + self.chunk] for start in range(0, len(body), self.chunk))
            body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
        elif body:
            lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join([*lines, "", ""]).encode() + body


CASES = {
    case.name: case
    for case in (
        Case("get", "plain `GET /`"),
        Case("browser", "`GET /` with a browser's 12 headers", headers=BROWSER_HEADERS),
        Case("varying", "the same, and a 13th that is never the same", headers=BROWSER_HEADERS, varying=True),
        Case(
            "post",
            "`POST` of 1 KiB JSON, echoed",
            floor=_sized(JSON_BODY, b"application/json"),
            method="POST",
            path="/echo",
            headers=(("Content-Type", "application/json"),),
            body=JSON_BODY,
        ),
        Case("stream", "10 chunks of 100 bytes", floor=STREAMED, path="/stream"),
        Case(
            "events",
            f"{EVENTS} server-sent events, each in its own turn of the loop",
            floor=_chunked(EVENT, EVENTS, b"text/event-stream"),
            path="/events",
        ),
        Case(
            "download",
            "2 MiB in chunks of 64 KiB",
            floor=_chunked(LARGE_BODY, PARTS, b"application/octet-stream"),
            path="/download",
        ),
        Case("large", "64 KiB response", floor=_sized(LARGE_BODY, b"application/octet-stream"), path="/large"),
        Case("close", "keep-alive off", floor=CLOSED, headers=(("Connection", "close"),)),
        Case("installed", "plain `GET /`, default options", as_installed=True),
        Case(
            "installed-varying",
            "the same, with a query, a browser's 12 headers and a 13th that is never the same",
            path="/?page=2&q=seven",
            headers=BROWSER_HEADERS,
            as_installed=True,
            varying=True,
        ),
        *(
            Case(
                access_format,
                f"the same, with `--access-log-format {access_format}`",
                path="/?page=2&q=seven",
                headers=BROWSER_HEADERS,
                as_installed=True,
                access_format=access_format,
                varying=True,
            )
            for access_format in ("combined", "json")
        ),
        Case(
            "fastapi",
            "FastAPI JSON endpoint",
            floor=_sized(b'{"id":7,"name":"seven","tags":["a","b"]}', b"application/json"),
            path="/items/7?verbose=true",
            app="fastapi_app:app",
        ),
        Case(
            "starlette-stream",
            "`StreamingResponse` of Starlette: 10 chunks of 100 bytes",
            floor=STREAMED,
            path="/stream",
            app="starlette_app:app",
        ),
        Case("file", "`FileResponse` of Starlette: 10 MB", path="/file", app="starlette_app:app"),
        Case("read-file", "the same without `http.response.pathsend`", path="/read-file", app="starlette_app:app"),
        Case("fields", "60 fields", headers=MANY_FIELDS),
        Case("cookies", "cookies of 8 KiB", headers=COOKIES),
        Case("pipelined", "16 pipelined requests, each of them", pipelined=16),
        Case("escapes", "percent-encoded characters in the path", path=ESCAPED_PATH),
        Case("proxied", "the fields of a proxy, default options", headers=PROXY_HEADERS, as_installed=True),
        Case("post-large", "`POST` of 64 KiB, echoed", method="POST", path="/echo", body=LARGE_BODY),
        Case(
            "upload-16k", "upload of 1 MiB in chunks of 16 KiB", method="POST", path="/upload", body=UPLOAD, chunk=16384
        ),
        Case("upload-64", "the same in chunks of 64 bytes", method="POST", path="/upload", body=UPLOAD, chunk=64),
        Case("upload-1", "the same in chunks of 1 byte", method="POST", path="/upload", body=UPLOAD, chunk=1),
        Case("echo", "WebSocket: 32 bytes echoed", app=ECHO, message=32),
        Case("echo-large", "WebSocket: 64 KiB echoed", app=ECHO, message=1 << 16),
        Case("echo-fragments", "WebSocket: 1 MiB in 16 fragments echoed", app=ECHO, message=1 << 20, fragments=16),
    )
}
