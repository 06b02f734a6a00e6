"""Both builds send the same bytes whatever the application sends, and never a wrong byte."""

import contextlib
import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.parsing import BUILDS
from tests.fuzz.reading import read_one_with_httptools, read_with_h11
from uvicorn import _speedups
from uvicorn._speedups._response_py import CHUNKED, CLOSE, COMPLETE, LENGTH, NO_BODY
from uvicorn._speedups.flags import HEAD_REQUEST, KEEP_ALIVE, OLD_VERSION

DEFAULT_BLOCK = b"date: Thu, 01 Jan 2026 00:00:00 GMT\r\nserver: uvicorn\r\n"

_names = st.one_of(
    st.sampled_from([b"content-type", b"X-A", b"content-length", b"Transfer-Encoding", b"connection", b"Date", b"te"]),
    st.sampled_from(
        [b"", b"a b", b"a:", b"a\r\nb", b"\xe9", "content-type", None, 1, bytearray(b"x-b"), memoryview(b"x")]
    ),
    st.binary(max_size=5),
)
_values = st.one_of(
    st.sampled_from(
        [b"5", b" 5 ", b"05", b"close", b"a, Close,b", b"chunked", b" chunked ", b"identity", b"gzip", b"keep-alive"]
    ),
    st.sampled_from(
        [b"a\r\nb: c", b"a\n", b"\x00", b"\x7f", b"a\tb", "5", 5, None, bytearray(b"5"), memoryview(b"5"), b"-1"]
    ),
    st.binary(max_size=5),
)
_pairs = st.one_of(
    st.tuples(_names, _values),
    st.tuples(_names, _values).map(list),
    st.sampled_from([(), (b"a",), (b"a", b"b", b"c"), None]),
)
_headers = st.one_of(
    st.lists(
        st.tuples(st.sampled_from([b"content-type", b"x-a", b"connection"]), st.sampled_from([b"a", b"close"])),
        max_size=3,
    ),
    st.lists(_pairs, max_size=3),
    st.sampled_from([(), None, 5, {b"a": b"b"}, ((b"content-length", b"5"),), [(b"transfer-encoding", b"chunked")]]),
)
_statuses = st.one_of(
    st.sampled_from([200, 204, 304, 404, 299, 999]),
    st.sampled_from([0, 99, 100, 101, 199, 1000, -1, True, 200.0, "200", b"200", None, [], 10**30]),
    st.integers(90, 1010),
)
_bodies = st.one_of(
    st.sampled_from([b"", b"hello", b"hell"]),
    st.sampled_from([None, "hello", bytearray(b"hello"), memoryview(b"hello"), 5, b"x" * 300]),
)


def _message(kind: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"type": st.just(kind)}, optional=fields)


_starts = st.one_of(
    st.fixed_dictionaries({"type": st.just("http.response.start"), "status": _statuses, "headers": _headers}),
    _message("http.response.start", status=_statuses, headers=_headers, trailers=st.booleans()),
)
_parts = _message("http.response.body", body=_bodies, more_body=st.sampled_from([True, False, 1, None, "", b"x"]))
_messages = st.one_of(_starts, _parts, st.sampled_from([{}, {"type": "http.response.push"}, {"type": None}]))
conversations = st.one_of(
    st.tuples(_starts, st.lists(_parts, max_size=4)).map(lambda pair: [pair[0], *pair[1]]),
    st.lists(_messages, max_size=5),
)


def text_of(exc: Exception) -> str:
    """The text of an exception; Cython has another text than CPython if a value cannot be unpacked."""
    text = str(exc)
    return "cannot unpack" if re.search(r"unpack|is not iterable", text) else text


def flags_of(version: str, method: str, keep_alive: bool) -> int:
    """What a framer needs to know about a request."""
    return (
        (KEEP_ALIVE if keep_alive else 0)
        | (OLD_VERSION if version == "1.0" else 0)
        | (HEAD_REQUEST if method == "HEAD" else 0)
    )


def _converse(build: str, version: str, method: str, keep_alive: bool, messages: list[Any]) -> tuple[Any, ...]:
    """Send the messages to a framer and return everything observable; exceptions by type and text."""
    framer = _speedups.load(build).ResponseFramer(flags_of(version, method, keep_alive))
    trace: list[Any] = []
    wire = b""
    for message in messages:
        try:
            data = framer.send(message, DEFAULT_BLOCK)
        except Exception as exc:
            trace.append((type(exc), text_of(exc)))
        else:
            trace.append(data)
            wire += data or b""
        trace.append((framer.state, framer.status, framer.keep_alive, framer.head_sent, framer.framing, framer.end()))
    return trace, wire, framer


@given(st.sampled_from(["1.1", "1.0"]), st.sampled_from(["GET", "HEAD", "POST"]), st.booleans(), conversations)
def test_responses(version: str, method: str, keep_alive: bool, messages: list[Any]) -> None:
    check_conversation(version, method, keep_alive, messages)


def check_conversation(version: str, method: str, keep_alive: bool, messages: list[Any]) -> None:
    """Compare the builds of the framer, and read the wire with two clients."""
    (pure, wire, framer), *others = (_converse(build, version, method, keep_alive, messages) for build in BUILDS)
    for other, _, _ in others:
        assert other == pure
    if not wire:
        return
    complete = framer.state == COMPLETE
    [answer] = read_with_h11(wire, [method], ended=complete)
    assert answer.status == framer.status
    # If a length or the status gives the end, the client may know it before the application sends the last part.
    assert answer.whole == complete or (answer.whole and framer.framing in (NO_BODY, LENGTH))
    if method == "HEAD":
        assert wire.endswith(b"\r\n\r\n")
        return
    statuses, body, ended = read_one_with_httptools(wire)
    assert statuses == [framer.status]
    assert body == answer.body
    assert ended == (answer.whole and framer.framing != CLOSE)
    # RFC 9112 section 9.3: the connection can only persist if the response ends before the connection does.
    assert framer.keep_alive <= keep_alive
    if framer.framing == CLOSE:
        assert not framer.keep_alive
        assert version == "1.0"
    if framer.framing == CHUNKED:
        assert version == "1.1"


@given(conversations)
def test_clients_receive_the_sent_response(messages: list[Any]) -> None:
    """The body on the wire equals the accepted body, byte by byte."""
    framer = _speedups.ResponseFramer(KEEP_ALIVE)
    wire = accepted = b""
    for message in messages:
        with contextlib.suppress(Exception):
            data = framer.send(message, DEFAULT_BLOCK)
            if data is not None:
                wire += data
                if framer.framing != NO_BODY:
                    accepted += bytes(message.get("body") or b"")
    if wire:
        [answer] = read_with_h11(wire, ["GET"], ended=framer.state == COMPLETE)
        assert answer.body == accepted
