"""Reading request heads, framing responses, decoding chunks, formatting access lines, WebSocket frames."""

import itertools

import hpack
import pytest
from cases import BROWSER_HEADERS, CASES
from websocket_bytes import message_of

from uvicorn._speedups.flags import KEEP_ALIVE
from uvicorn.protocols.http.httptools_impl import judge

LIMITS = (65536, 256, 131072, -1)
DEFAULT_BLOCK = b"date: Thu, 01 Jan 2026 00:00:00 GMT\r\nserver: uvicorn\r\n"
START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"text/plain"), (b"content-length", b"13")],
}
TYPICAL_START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-length", b"13"),
        (b"cache-control", b"max-age=0, private, must-revalidate"),
        (b"etag", b'"0123456789abcdef"'),
        (b"vary", b"Accept-Encoding, Cookie"),
        (b"x-request-id", b"9f8e7d6c5b4a"),
        (b"set-cookie", b"session=0123456789abcdef; HttpOnly; Path=/; SameSite=Lax"),
        (b"x-frame-options", b"DENY"),
    ],
}
BODY = {"type": "http.response.body", "body": b"Hello, world!"}
CHUNKED_START = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]}
PART = {"type": "http.response.body", "body": b"x" * 100, "more_body": True}
CHUNKED_BODY = b"64\r\n" + b"x" * 100 + b"\r\n"


def read(reader, data):
    """Read a request. Returns its head."""
    reader.feed(data)
    head = reader.next()
    assert reader.next() is None
    return head


@pytest.mark.parametrize("name", ["get", "browser", "varying"])
def test_request_head(benchmark, speedups, name, request):
    benchmark.group = f"request head, httptools included: {name}"
    benchmark.param = request.node.callspec.params["speedups"]
    reader, case = speedups.RequestReader(judge, LIMITS), CASES[name]
    requests = itertools.cycle([case.request("127.0.0.1:8000", number) for number in range(100)])
    assert benchmark(lambda: read(reader, next(requests))).path == case.path


def test_chunked_request_body(benchmark, speedups, request):
    benchmark.group = "one chunk of a request body"
    benchmark.param = request.node.callspec.params["speedups"]
    chunks = speedups.ChunkedBody()

    def decode():
        assert chunks.decode(CHUNKED_BODY, 0) == len(CHUNKED_BODY)
        return chunks.take()

    assert len(benchmark(decode)) == 100


@pytest.mark.parametrize(("name", "start"), [("2 headers", START), ("8 headers", TYPICAL_START)])
def test_response(benchmark, speedups, name, start, request):
    benchmark.group = f"response head and body: {name}"
    benchmark.param = request.node.callspec.params["speedups"]

    def frame():
        framer = speedups.ResponseFramer(KEEP_ALIVE)
        framer.start(start, DEFAULT_BLOCK)
        return framer.body(BODY)

    assert benchmark(frame).endswith(b"\r\n\r\nHello, world!")


def test_response_chunk(benchmark, speedups, request):
    benchmark.group = "one chunk of a response"
    benchmark.param = request.node.callspec.params["speedups"]
    framer = speedups.ResponseFramer(KEEP_ALIVE)
    framer.start(CHUNKED_START, DEFAULT_BLOCK)
    framer.body(PART)
    assert benchmark(framer.body, PART) == b"64\r\n" + b"x" * 100 + b"\r\n"


@pytest.mark.parametrize("name", ["repeated", "a path that is never the same"])
def test_http2_request(benchmark, speedups, name, request):
    benchmark.group = f"HTTP/2 request head: {name}"
    benchmark.param = request.node.callspec.params["speedups"]
    reader, encoder = speedups.FieldsReader(LIMITS), hpack.Encoder()
    fields = [(":method", "GET"), (":scheme", "https"), (":authority", "a.example")]
    fields += [(header.lower(), value) for header, value in BROWSER_HEADERS if header != "Connection"]

    def encode(number):
        path = "/items" if name == "repeated" else f"/items/{number}"
        return encoder.encode([*fields[:3], hpack.NeverIndexedHeaderTuple(":path", path), *fields[3:]])

    reader.read_request(encode(0), False)
    blocks = itertools.cycle([encode(number) for number in range(100)])
    assert benchmark(lambda: reader.read_request(next(blocks), False)).method == "GET"


@pytest.mark.parametrize(("name", "start"), [("2 headers", START), ("8 headers", TYPICAL_START)])
def test_http2_response(benchmark, speedups, name, start, request):
    benchmark.group = f"HTTP/2 response head and body: {name}"
    benchmark.param = request.node.callspec.params["speedups"]
    encoder = speedups.Encoder()
    defaults = [(b"date", b"Thu, 01 Jan 2026 00:00:00 GMT"), (b"server", b"uvicorn")]

    def frame():
        framer = speedups.Http2Framer(encoder, KEEP_ALIVE)
        framer.start(start, defaults)
        return framer.body(BODY), framer.head()

    assert benchmark(frame)[0] == b"Hello, world!"


@pytest.mark.parametrize("path", ["/", "/items/0123456789/parts/by-name"])
def test_access_line(benchmark, speedups, path, request):
    benchmark.group = f"access line: {path}"
    benchmark.param = request.node.callspec.params["speedups"]
    parts = ["INFO:     ", ' - "', " ", " HTTP/"]
    line = speedups.AccessLineFormat(parts, lambda status: f'" {status} OK\n')
    scope = {"client": ("127.0.0.1", 54321), "method": "GET", "path": path, "query_string": b"", "http_version": "1.1"}
    assert benchmark(line.format, scope, 200) == f'INFO:     127.0.0.1:54321 - "GET {path} HTTP/1.1" 200 OK\n'


@pytest.mark.parametrize("size", [32, 1024, 65536])
def test_websocket_message(benchmark, speedups, size, request):
    benchmark.group = f"WebSocket message in: {size} bytes"
    benchmark.param = request.node.callspec.params["speedups"]
    codec, data = speedups.WebSocketCodec(1 << 20, None), message_of(size)
    assert benchmark(codec.feed, data) == ["x" * size]


@pytest.mark.parametrize("size", [32, 1024, 65536])
def test_websocket_frame(benchmark, speedups, size, request):
    benchmark.group = f"WebSocket frame out: {size} bytes"
    benchmark.param = request.node.callspec.params["speedups"]
    codec, message = speedups.WebSocketCodec(1 << 20, None), "x" * size
    assert benchmark(codec.text, message).endswith(b"x" * 32)
