"""The framing of responses: what each field that decides about the message may say (RFC 9112 section 6)."""

import itertools
from http import HTTPStatus
from typing import Any

import pytest

from uvicorn._speedups import _response_py
from uvicorn._speedups.flags import CLOSES, HEAD_REQUEST, KEEP_ALIVE, OLD_VERSION, PERSISTS
from uvicorn._speedups.tables import KNOWN_FIELDS


def start(leaves: Any, *headers: tuple[bytes, bytes], status: int = 200) -> Any:
    framer = leaves.ResponseFramer(KEEP_ALIVE)
    framer.send({"type": "http.response.start", "status": status, "headers": headers}, b"server: s\r\n")
    return framer


@pytest.mark.parametrize("value", [b"0", b"5", b"000000000000000005", b"9" * 18])
def test_lengths(leaves: Any, value: bytes) -> None:
    framer = start(leaves, (b"content-length", value))
    data = framer.send({"type": "http.response.body", "body": b"", "more_body": True}, b"")
    assert b"\r\ncontent-length: %b\r\n" % value in data


@pytest.mark.parametrize("value", [b"5", b" 5 ", b"\t5", b" " * 20 + b"5", b" 0 "])
def test_white_space_around_a_length(leaves: Any, value: bytes) -> None:
    framer = start(leaves, (b"content-length", value))
    data = framer.send({"type": "http.response.body", "body": b"x" * int(value)}, b"")
    assert b"\r\ncontent-length: %d\r\n" % int(value) in data


@pytest.mark.parametrize(
    "value", [b"", b" ", b"-1", b"+1", b"1 1", b"0x1", b"1,1", b"9" * 19, b"0" * 18 + b"5", b"\xb2", b"5/", b"5:"]
)
def test_lengths_that_not_every_client_would_take(leaves: Any, value: bytes) -> None:
    with pytest.raises(RuntimeError, match="Invalid HTTP header value"):
        start(leaves, (b"content-length", value))


LAST = {"type": "http.response.body"}
OPTIONS = {None: [], b"close": [b"close"], b"a, Close": [b"a", b"close"], b"keep-alive": [b"keep-alive"]}


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("head", [False, True])
@pytest.mark.parametrize("keep_alive", [False, True])
def test_every_framing(leaves: Any, old: bool, head: bool, keep_alive: bool) -> None:
    """All combinations of what decides about the end of a message, against RFC 9112 section 6.3 as a formula."""
    facts = old * OLD_VERSION | head * HEAD_REQUEST | keep_alive * KEEP_ALIVE
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
        framer = leaves.ResponseFramer(facts)
        framer.send({"type": "http.response.start", "status": status, "headers": fields}, b"server: s\r\n")
        if written_length == 0 and not silent:
            with pytest.raises(RuntimeError, match="longer than Content-Length"):
                framer.send({**LAST, "body": b"hello"}, b"")
            continue
        assert framer.send({**LAST, "body": b"hello"}, b"") == expected, fields
        assert framer.end() == (PERSISTS if persists else CLOSES), fields


def test_a_part_that_is_refused_does_not_count(leaves: Any) -> None:
    framer = start(leaves, (b"content-length", b"5"))
    for _ in range(2):
        with pytest.raises(RuntimeError, match="shorter than Content-Length"):
            framer.send({**LAST, "body": b"hell"}, b"")
        with pytest.raises(RuntimeError, match="longer than Content-Length"):
            framer.send({**LAST, "body": b"hello!"}, b"")
    assert framer.send({**LAST, "body": b"hello"}, b"").endswith(b"\r\n\r\nhello")


def test_new_names_take_a_bounded_memory() -> None:
    """On the pure half; the table of the compiled one is a variable of C."""
    for number in range(3000):
        start(_response_py, (b"x-%d" % number, b"a"))
    assert len(_response_py._good_names) <= 1024 + len(KNOWN_FIELDS)


@pytest.mark.parametrize("length", [b"0", b"5"])
def test_a_length_given_twice(leaves: Any, length: bytes) -> None:
    framer = start(leaves, (b"content-length", length), (b"Content-Length", length))
    assert framer.send({**LAST, "body": b"x" * int(length)}, b"").count(b"content-length") == 1
    with pytest.raises(RuntimeError, match="two different"):
        start(leaves, (b"content-length", length), (b"content-length", b"4"))


def test_default_headers_are_those_of_the_moment(leaves: Any) -> None:
    for block in (b"date: 1\r\n", b"date: 2\r\n", b"date: 2\r\nserver: s\r\n", b"date: 1\r\n"):
        for status in (200, 204, 200):
            framer = leaves.ResponseFramer(KEEP_ALIVE)
            framer.send({"type": "http.response.start", "status": status}, block)
            assert framer.send(LAST, b"").startswith(
                b"HTTP/1.1 %d %b\r\n%b" % (status, HTTPStatus(status).phrase.encode(), block)
            )


@pytest.mark.parametrize("message", [LAST, {**LAST, "body": None}, {**LAST, "body": b""}])
def test_no_body_is_an_empty_one(leaves: Any, message: dict[str, Any]) -> None:
    framer = start(leaves, (b"content-length", b"0"))
    assert framer.send(message, b"").endswith(b"\r\ncontent-length: 0\r\n\r\n")


@pytest.mark.parametrize("status", [-1, 0, 99, 100, 101, 199, 1000])
def test_no_final_status(leaves: Any, status: int) -> None:
    with pytest.raises(RuntimeError, match="Invalid HTTP status"):
        start(leaves, status=status)


@pytest.mark.parametrize("status", [209, 299, 600, 999])
def test_a_status_without_a_phrase(leaves: Any, status: int) -> None:
    assert start(leaves, status=status).send(LAST, b"").startswith(b"HTTP/1.1 %d \r\n" % status)
