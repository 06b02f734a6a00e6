"""Requests by the grammar of RFC 9112, and the same requests with one or two faults."""

from hypothesis import strategies as st

from uvicorn._speedups.tables import KNOWN_FIELDS

# Good and bad texts for each rule of the grammar; a request mostly uses good ones.
_METHODS = [
    b"GET",
    b"POST",
    b"HEAD",
    b"OPTIONS",
    b"CONNECT",
    b"DELETE",
    b"M-SEARCH",
    b"PURGE",
    b"X",
    b"get",
    b"",
    b"G T",
]
_TARGETS = [
    *(b"/", b"/a?b=c", b"/%41%ff", b"/a//b/../c", b"*", b"a.example:80", b"a.example", b"/?", b"/%", b"/a#b", b"/\xe9"),
    *(b"http://a.example/", b"https://a.example?q", b"http://a.example", b"http://b.example/x", b"ftp://a.example/"),
    *(b"http:///", b"http://u@a.example/", b"/a b", b"", b"//a", b"/\x7f", b"http://[::1]:80/"),
]
_VERSIONS = [
    b"HTTP/1.1",
    b"HTTP/1.0",
    b"HTTP/1.2",
    b"HTTP/2.0",
    b"http/1.1",
    b"HTTP/1.1 ",
    b"HTTP/01.1",
    b"",
    b"HTTP/0.9",
]
_HOSTS = [
    *(b"a.example", b"a.example:80", b"[::1]", b"[::1]:8000", b"A.EXAMPLE", b"a.example:", b"", b"%41", b"u@a", b"a b"),
    *(b"a.example, b", b"[::1", b"a:b", b"%4", b"[v1.x]", b"a/b", b"\xe9"),
]
_FIELDS = [
    *(b"Connection: close", b"Connection: keep-alive", b"Connection: Upgrade", b"Connection: a,\tclose ,b"),
    *(b"Upgrade: websocket", b"Upgrade: h2c", b"Upgrade:", b"Expect: 100-continue", b"Expect: x"),
    *(b"Transfer-Encoding: chunked", b"Transfer-Encoding: Chunked", b"Transfer-Encoding: gzip, chunked"),
    *(b"Transfer-Encoding: gzip", b"Transfer-Encoding:", b"transfer-encoding: chunked, chunked"),
    *(b"Transfer-Encoding: chunked\x0b", b"Transfer_Encoding: chunked"),
    *(
        b"Content-Length: 0",
        b"Content-Length: 5",
        b"Content-Length: 05",
        b"Content-Length: 5, 5",
        b"Content-Length: -1",
    ),
    *(b"Content-Length: +5", b"Content-Length: 0x5", b"Content-Length:", b"Content-Length: 9223372036854775807"),
    *(b"Content-Length: 9223372036854775808", b"Content-Length: 99999999999999999999999", b"Content-Length: 1 1"),
    *(b"Accept: */*", b"X-Y: z", b"x_y: \t z \t", b"X:", b"X: \xff\x80", b"X: a\tb", b"Cookie: a=b; c"),
    *(
        b"X : a",
        b" X: a",
        b"X",
        b": a",
        b"X: a\x00b",
        b"X: a\x7f",
        b"X\x80: a",
        b"X: a\rb",
        b"X: a\nb",
        b"\tfold",
        b"X y: z",
    ),
]
_LINE_ENDS = [b"\r\n"] * 30 + [b"\n", b"\r", b"\r\r\n", b""]
_SIZES = [
    b"0",
    b"5",
    b"05",
    b"A",
    b"a;x=y",
    b'5;x="y;z"',
    b"5 ;x",
    b"5;",
    b"5;\n",
    b"",
    b"-5",
    b"0x5",
    b"5 ",
    b"7fffffffffffffff",
    b"8000000000000000",
    b"fffffffffffffffff",
    b'5;x="',
    b"5;x=",
    b"5\t;\tx\t=\ty",
]


def _mostly(values: list[bytes], good: int) -> st.SearchStrategy[bytes]:
    """One of the first few texts in four of five cases, else any text."""
    likely = st.sampled_from(values[:good])
    return st.one_of(likely, likely, likely, likely, st.sampled_from(values))


_token = st.binary(max_size=6)
line_ends = st.sampled_from(_LINE_ENDS)
_NAMES = sorted({field[0] for field in KNOWN_FIELDS.values()})


@st.composite
def names(draw: st.DrawFn) -> bytes:
    """A name that the server knows, or a similar name: one byte is changed, removed or added."""
    name: bytes = draw(st.sampled_from(_NAMES))
    if draw(st.booleans()):
        return name.title()
    place = draw(st.integers(0, len(name)))
    return name[:place] + draw(st.binary(max_size=1)) + name[place + draw(st.integers(0, 1)) :]


field_lines = st.one_of(
    st.sampled_from(_FIELDS[:22]),
    st.sampled_from(_FIELDS),
    st.builds(lambda a, b: a + b":" + b, _token, _token),
    st.builds(lambda a, b: a + b":" + b, names(), st.one_of(_token, st.binary(max_size=40))),
)


@st.composite
def heads(draw: st.DrawFn) -> bytes:
    """A request line and fields."""
    data = draw(st.sampled_from([b""] * 8 + [b"\r\n", b"\n", b"\r", b" "]))
    words = (draw(_mostly(_METHODS, 4)), draw(_mostly(_TARGETS, 4)), draw(_mostly(_VERSIONS, 2)))
    data += b" ".join(words) + draw(line_ends)
    fields = draw(st.lists(field_lines, max_size=4))
    if draw(st.integers(0, 9)):
        fields.insert(draw(st.integers(0, len(fields))), b"Host: " + draw(_mostly(_HOSTS, 4)))
    for field in fields:
        data += field + draw(line_ends)
    return data + draw(line_ends)


@st.composite
def chunked_bodies(draw: st.DrawFn) -> bytes:
    """Chunks, the last one, trailers."""
    data = b""
    for piece in draw(st.lists(st.binary(min_size=1, max_size=20), max_size=3)):
        size = b"%x" % len(piece)
        size += draw(st.sampled_from([b""] * 6 + [b";x=y", b' ; x = "\\"" ', b" ", b";", b";\x01"]))
        data += size + draw(line_ends) + piece + draw(line_ends)
    data += draw(_mostly(_SIZES, 1)) + draw(line_ends)
    for field in draw(st.lists(field_lines, max_size=2)):
        data += field + draw(line_ends)
    return data + draw(line_ends)


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """A request with or without a body; the framing mostly matches the head."""
    head = draw(heads())
    kind = draw(st.integers(0, 3))
    if kind == 0:
        return head
    if kind == 1:
        return head + draw(st.binary(max_size=12))
    body = draw(chunked_bodies()) if kind == 2 else draw(st.binary(max_size=40))
    framing = b"Transfer-Encoding: chunked\r\n" if kind == 2 else b"Content-Length: %d\r\n" % len(body)
    line, end, rest = head.partition(b"\r\n")
    return line + end + framing + rest + body


# The parts that decide together where the message ends and whether the connection ends.
_OPTIONS = [b"upgrade", b"close", b"upgrade, close", b"keep-alive", b"Upgrade,x"]
_UPGRADES = [b"t", b"h2c", b"websocket", b""]
_FRAMINGS = [
    (b"", b""),
    (b"Content-Length: 0\r\n", b""),
    (b"Content-Length: 5\r\n", b"hello"),
    (b"Content-Length: 5\r\n", b"he"),
    (b"Transfer-Encoding: chunked\r\n", b"5\r\nhello\r\n0\r\n\r\n"),
    (b"Transfer-Encoding: chunked\r\n", b"0\r\nX: y\r\n\r\n"),
]
_FOLLOWING = [b"", b"G", b"\n", b"\r\n", b"\x00", b"\x88\x80\0\0\0\0"]


@st.composite
def ends(draw: st.DrawFn) -> bytes:
    """A good request with a mix of upgrade, Connection, Expect and body, and some bytes after it."""
    line = b"POST / HTTP/" + draw(st.sampled_from([b"1.1", b"1.1", b"1.1", b"1.0"])) + b"\r\nHost: a\r\n"
    fields = [b"Connection: " + option for option in draw(st.lists(st.sampled_from(_OPTIONS), max_size=2))]
    fields += [b"Upgrade: " + protocol for protocol in draw(st.lists(st.sampled_from(_UPGRADES), max_size=1))]
    fields += draw(st.sampled_from([[], [], [b"Proxy-Connection: close"], [b"Expect: 100-continue"]]))
    framing, body = draw(st.sampled_from(_FRAMINGS))
    head = line + b"".join(field + b"\r\n" for field in draw(st.permutations(fields)))
    return head + framing + b"\r\n" + body + draw(st.sampled_from(_FOLLOWING))


_SPLICES = [b"", b"\r", b"\n", b"\r\n", b"\r\n\r\n", b" ", b"\t", b"\x00", b":", b",", b";", b'"', b"0", b"\xff", b"%"]


@st.composite
def mutated(draw: st.DrawFn, sources: st.SearchStrategy[bytes]) -> bytes:
    """Bytes in which up to three places were removed, doubled or overwritten."""
    data = draw(sources)
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 1, 2, 3]))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 4)))
        middle = draw(st.one_of(st.sampled_from(_SPLICES), st.binary(max_size=3), st.just(data[start:end] * 2)))
        data = data[:start] + middle + data[end:]
    return data


# Several requests in a row, mostly valid.
messages = st.one_of(requests(), ends())
streams = mutated(st.lists(messages, min_size=1, max_size=3).map(b"".join))
positions = st.one_of(st.just(range(3000)), st.lists(st.integers(0, 400), max_size=6))
