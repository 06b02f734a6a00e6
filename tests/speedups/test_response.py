"""The framing of responses: the allowed values of each field that decides about the message (RFC 9112 section 6)."""

import itertools
from http import HTTPStatus
from typing import Any

import pytest

from uvicorn._speedups import _response_py
from uvicorn._speedups.flags import CLOSES, HEAD_REQUEST, KEEP_ALIVE, OLD_VERSION, PERSISTS
from uvicorn._speedups.tables import KNOWN_FIELDS


def start(speedups: Any, *headers: tuple[Any, Any], status: Any = 200) -> Any:
    framer = speedups.ResponseFramer(KEEP_ALIVE)
    framer.send({"type": "http.response.start", "status": status, "headers": headers}, b"server: s\r\n")
    return framer


@pytest.mark.parametrize("value", [b"0", b"5", b"000000000000000005", b"9" * 18])
def test_lengths(speedups: Any, value: bytes) -> None:
    framer = start(speedups, (b"content-length", value))
    data = framer.send({"type": "http.response.body", "body": b"", "more_body": True}, b"")
    assert b"\r\ncontent-length: %b\r\n" % value in data


@pytest.mark.parametrize("value", [b"5", b" 5 ", b"\t5", b" " * 20 + b"5", b" 0 "])
def test_white_space_around_a_length(speedups: Any, value: bytes) -> None:
    framer = start(speedups, (b"content-length", value))
    data = framer.send({"type": "http.response.body", "body": b"x" * int(value)}, b"")
    assert b"\r\ncontent-length: %d\r\n" % int(value) in data


@pytest.mark.parametrize(
    "value", [b"", b" ", b"-1", b"+1", b"1 1", b"0x1", b"1,1", b"9" * 19, b"0" * 18 + b"5", b"\xb2", b"5/", b"5:"]
)
def test_refuses_lengths_that_some_clients_would_not_accept(speedups: Any, value: bytes) -> None:
    with pytest.raises(RuntimeError, match="Invalid HTTP header value"):
        start(speedups, (b"content-length", value))


LAST = {"type": "http.response.body"}
OPTIONS = {None: [], b"close": [b"close"], b"a, Close": [b"a", b"close"], b"keep-alive": [b"keep-alive"]}


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("head", [False, True])
@pytest.mark.parametrize("keep_alive", [False, True])
def test_every_framing(speedups: Any, old: bool, head: bool, keep_alive: bool) -> None:
    """All combinations of what decides where a message ends, compared with a formula of RFC 9112 section 6.3."""
    flags = old * OLD_VERSION | head * HEAD_REQUEST | keep_alive * KEEP_ALIVE
    for status, length, coded, connection in itertools.product(
        [200, 203, 204, 205, 304, 305], [None, 0, 5], [False, True], OPTIONS
    ):
        bodiless = status in (204, 304)
        written_length = None if status == 204 or (coded and status != 204) else length
        chunked = not old and not bodiless and (coded or (length is None and not head))
        ends_by_close = not bodiless and not head and not chunked and written_length is None
        persists = keep_alive and connection in (None, b"keep-alive") and not ends_by_close
        options = [option for option in OPTIONS[connection] if option != b"close"]
        if not persists:
            options = [*(option for option in options if option != b"keep-alive"), b"close"]
        lines = [b"HTTP/1.1 %d %b" % (status, HTTPStatus(status).phrase.encode()), b"server: s"]
        lines += [b"content-length: %d" % length] if written_length is not None and length is not None else []
        lines += [b"transfer-encoding: chunked"] if chunked else []
        lines += [b"connection: " + b", ".join(options)] if options else []
        fields = [(b"content-length", b"%d" % length)] if length is not None else []
        fields += [(b"transfer-encoding", b"chunked")] if coded else []
        fields += [(b"connection", connection)] if connection is not None else []
        expected = b"\r\n".join([*lines, b"", b""])
        silent = bodiless or head
        if not silent:
            expected += b"5\r\nhello\r\n0\r\n\r\n" if chunked else b"hello"
        framer = speedups.ResponseFramer(flags)
        framer.send({"type": "http.response.start", "status": status, "headers": fields}, b"server: s\r\n")
        if written_length == 0 and not silent:
            with pytest.raises(RuntimeError, match="longer than Content-Length"):
                framer.send({**LAST, "body": b"hello"}, b"")
            continue
        assert framer.send({**LAST, "body": b"hello"}, b"") == expected, fields
        assert framer.end() == (PERSISTS if persists else CLOSES), fields


def test_a_refused_part_does_not_count(speedups: Any) -> None:
    framer = start(speedups, (b"content-length", b"5"))
    for _ in range(2):
        with pytest.raises(RuntimeError, match="shorter than Content-Length"):
            framer.send({**LAST, "body": b"hell"}, b"")
        with pytest.raises(RuntimeError, match="longer than Content-Length"):
            framer.send({**LAST, "body": b"hello!"}, b"")
    assert framer.send({**LAST, "body": b"hello"}, b"").endswith(b"\r\n\r\nhello")


def test_the_memory_for_new_names_is_bounded() -> None:
    """Only the pure build is tested, because the table of the compiled build is a C variable."""
    for number in range(3000):
        start(_response_py, (b"x-%d" % number, b"a"))
    assert len(_response_py._good_names) <= 1024 + len(KNOWN_FIELDS)


@pytest.mark.parametrize("length", [b"0", b"5"])
def test_a_length_given_twice(speedups: Any, length: bytes) -> None:
    framer = start(speedups, (b"content-length", length), (b"Content-Length", length))
    assert framer.send({**LAST, "body": b"x" * int(length)}, b"").count(b"content-length") == 1
    with pytest.raises(RuntimeError, match="two different"):
        start(speedups, (b"content-length", length), (b"content-length", b"4"))


def test_uses_the_current_default_headers(speedups: Any) -> None:
    for block in (b"date: 1\r\n", b"date: 2\r\n", b"date: 2\r\nserver: s\r\n", b"date: 1\r\n"):
        for status in (200, 204, 200):
            framer = speedups.ResponseFramer(KEEP_ALIVE)
            framer.send({"type": "http.response.start", "status": status}, block)
            assert framer.send(LAST, b"").startswith(
                b"HTTP/1.1 %d %b\r\n%b" % (status, HTTPStatus(status).phrase.encode(), block)
            )


@pytest.mark.parametrize("message", [LAST, {**LAST, "body": None}, {**LAST, "body": b""}])
def test_a_missing_body_is_an_empty_body(speedups: Any, message: dict[str, Any]) -> None:
    framer = start(speedups, (b"content-length", b"0"))
    assert framer.send(message, b"").endswith(b"\r\ncontent-length: 0\r\n\r\n")


@pytest.mark.parametrize("status", [-1, 0, 99, 100, 101, 199, 1000])
def test_refuses_a_status_that_is_not_final(speedups: Any, status: int) -> None:
    with pytest.raises(RuntimeError, match="Invalid HTTP status"):
        start(speedups, status=status)


@pytest.mark.parametrize("status", [209, 299, 600, 999])
def test_a_status_without_a_phrase(speedups: Any, status: int) -> None:
    assert start(speedups, status=status).send(LAST, b"").startswith(b"HTTP/1.1 %d \r\n" % status)


@pytest.mark.parametrize("flags", [0, KEEP_ALIVE, OLD_VERSION, HEAD_REQUEST | KEEP_ALIVE])
def test_begins_another_response_like_a_new_framer(speedups: Any, flags: int) -> None:
    names = ("state", "status", "keep_alive", "begun", "head_sent", "framing")
    for last in (LAST, {**LAST, "body": b"x", "more_body": True}, None):
        used, new = start(speedups, (b"connection", b"close, a"), status=404), speedups.ResponseFramer(flags)
        if last is not None:
            used.send(last, b"")
        used.begin(flags, None)
        for message in (None, {"type": "http.response.start", "status": 200}, {**LAST, "body": b"hello"}):
            if message is not None:
                assert used.send(message, b"server: s\r\n") == new.send(message, b"server: s\r\n")
            assert [getattr(used, name) for name in names] == [getattr(new, name) for name in names]
            assert used.end() == new.end()
        assert new.begun


def test_which_call_sends_the_head(speedups: Any) -> None:
    """The head is sent alone or with the first part of the body; `begun` is true after the call that sends both."""
    for alone in (True, False):
        framer = start(speedups, (b"connection", b"a"))
        assert (framer.begun, framer.head_sent) == (False, False)
        head = framer.head() if alone else b""
        assert (framer.begun, framer.head_sent) == (False, alone)
        head += framer.send({**LAST, "more_body": True}, b"")
        assert head.endswith(b"server: s\r\ntransfer-encoding: chunked\r\nconnection: a\r\n\r\n")
        assert (framer.begun, framer.head_sent) == (not alone, True)
        assert framer.send(LAST, b"") == b"0\r\n\r\n"
        assert (framer.begun, framer.head_sent) == (False, True)


@pytest.mark.parametrize("name", [b"host", b"upgrade", b"expect", b"x-forwarded-for", b"x-own"])
def test_fields_that_only_matter_in_requests(speedups: Any, name: bytes) -> None:
    assert b"\r\n%b: A, b\r\n" % name in start(speedups, (name, b"A, b")).send(LAST, b"")


def test_an_error_names_the_value_that_is_not_bytes(speedups: Any) -> None:
    with pytest.raises(TypeError, match="header name"):
        start(speedups, (5, b"a"))
    with pytest.raises(TypeError, match="header value"):
        start(speedups, (b"a", 5))
    with pytest.raises(TypeError, match=r"^status must be an int, got str: '200'$"):
        start(speedups, status="200")
    with pytest.raises(TypeError, match="response body"):
        start(speedups).send({**LAST, "body": 5}, b"")


@pytest.mark.parametrize("name", [b"", b"a b", b"a:", b"\xe9", bytearray(b"a\n")])
def test_invalid_header_names_are_refused(speedups: Any, name: Any) -> None:
    with pytest.raises(RuntimeError, match="Invalid HTTP header name"):
        start(speedups, (name, b"a"))


def test_names_and_values_are_any_bytes(speedups: Any) -> None:
    for kind in (bytes, bytearray, memoryview):
        framer = start(speedups, (kind(b"X-A"), kind(b"b")), (kind(b"Content-Length"), kind(b"1")))
        assert framer.send({**LAST, "body": kind(b"c")}, b"").endswith(b"\r\nx-a: b\r\ncontent-length: 1\r\n\r\nc")


def test_values_without_control_characters(speedups: Any) -> None:
    for byte in range(256):
        value = b"a%cb" % byte
        if byte == 9 or 32 <= byte != 127:
            assert b"\r\nx-a: %b\r\n" % value in start(speedups, (b"x-a", value)).send(LAST, b"")
        else:
            with pytest.raises(RuntimeError, match="Invalid HTTP header value"):
                start(speedups, (b"x-a", value))


def test_refuses_messages_out_of_order(speedups: Any) -> None:
    with pytest.raises(
        RuntimeError, match=r"^Expected ASGI message 'http.response.start', but got 'http.response.body'.$"
    ):
        speedups.ResponseFramer(KEEP_ALIVE).send(LAST, b"")
    framer = start(speedups)
    with pytest.raises(RuntimeError, match=r"^Expected ASGI message 'http.response.body', but got 'x'.$"):
        framer.send({"type": "x"}, b"")
    framer.send(LAST, b"")
    with pytest.raises(RuntimeError, match=r"^Unexpected ASGI message 'x' sent, after response already completed.$"):
        framer.send({"type": "x"}, b"")


def test_a_coding_overrides_only_the_length(speedups: Any) -> None:
    fields = [(b"x-a", b"b"), (b"content-length", b"5"), (b"transfer-encoding", b"chunked"), (b"x-c", b"d")]
    lines = b"server: s\r\nx-a: b\r\nx-c: d\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
    assert start(speedups, *fields).send(LAST, b"").endswith(lines)


def test_codings(speedups: Any) -> None:
    for value in (b"identity", b"Chunked", b"identity, chunked", b""):
        assert start(speedups, (b"transfer-encoding", value)).send(LAST, b"").endswith(b"chunked\r\n\r\n0\r\n\r\n")
    for value in (b"gzip", b"gzip, chunked", b"chunked, x"):
        with pytest.raises(RuntimeError, match="Unsupported transfer-encoding: only 'chunked' can be sent"):
            start(speedups, (b"transfer-encoding", value))


def test_each_part(speedups: Any) -> None:
    """A part is sent as a chunk, unchanged, or not at all. An empty list of connection options is not written."""
    parts = [{**LAST, "body": body, "more_body": more} for body, more in ((b"a", 1), (b"bc", 1), (b"", 1), (b"d", 0))]
    for flags, fields, sent in (
        (KEEP_ALIVE, [], [b"1\r\na\r\n", b"2\r\nbc\r\n", b"", b"1\r\nd\r\n0\r\n\r\n"]),
        (KEEP_ALIVE, [(b"content-length", b"4")], [b"a", b"bc", b"", b"d"]),
        (HEAD_REQUEST | KEEP_ALIVE, [], [b"", b"", b"", b""]),
    ):
        framer = speedups.ResponseFramer(flags)
        fields = [*fields, (b"connection", b" , ")]
        framer.send({"type": "http.response.start", "status": 200, "headers": fields}, b"server: s\r\n")
        head, _, first = framer.send(parts[0], b"").partition(b"\r\n\r\n")
        assert b"connection" not in head
        assert [first, *(framer.send(part, b"") for part in parts[1:])] == sent
