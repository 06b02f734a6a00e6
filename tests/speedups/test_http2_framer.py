"""HTTP/2 responses: what `Http2Framer` makes of messages, and that it accepts the same messages as HTTP/1.1."""

from collections.abc import Iterable
from typing import Any

import hpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.parsing import BUILDS
from tests.fuzz.test_responses import conversations, text_of
from uvicorn import _speedups
from uvicorn._speedups.flags import (
    COMPLETE,
    EXPECT_BODY,
    EXPECT_START,
    HEAD_REQUEST,
    KEEP_ALIVE,
    LENGTH,
    NO_BODY,
    OPEN,
    PERSISTS,
    STREAM,
)

DEFAULTS = [(b"date", b"Thu, 01 Jan 2026 00:00:00 GMT"), (b"server", b"uvicorn")]


def start(status: Any = 200, headers: Iterable[Any] = (), **more: Any) -> dict[str, Any]:
    return {"type": "http.response.start", "status": status, "headers": headers, **more}


def body(data: Any = b"", more_body: bool = False) -> dict[str, Any]:
    return {"type": "http.response.body", "body": data, "more_body": more_body}


class Conversation:
    """Responses over one connection, which another decoder reads."""

    def __init__(self, speedups: Any) -> None:
        self.speedups = speedups
        self.encoder = speedups.Encoder()
        self.decoder = hpack.Decoder()

    def begin(self, flags: int = KEEP_ALIVE) -> Any:
        return self.speedups.Http2Framer(self.encoder, flags)

    def head(self, framer: Any) -> list[tuple[bytes, bytes]]:
        return [tuple(pair) for pair in self.decoder.decode(framer.head(), raw=True)]

    def fields(self, status: int, headers: Iterable[Any], flags: int = KEEP_ALIVE) -> list[tuple[bytes, bytes]]:
        """The fields of a response after its status, without default headers."""
        framer = self.begin(flags)
        framer.start(start(status, headers), [])
        first, *fields = self.head(framer)
        assert first == (b":status", b"%d" % status)
        return fields


@pytest.fixture
def conversation(speedups: Any) -> Conversation:
    return Conversation(speedups)


def test_a_response(conversation: Conversation) -> None:
    for _ in range(3):
        framer = conversation.begin()
        assert (framer.state, framer.head_sent, framer.end()) == (EXPECT_START, False, OPEN)
        headers = [(b"Content-Type", b"text/plain"), (b"content-length", b"5")]
        framer.start(start(200, headers), DEFAULTS)
        assert (framer.state, framer.status, framer.framing, framer.head_sent) == (EXPECT_BODY, 200, LENGTH, False)
        fields = [(b":status", b"200"), *DEFAULTS, (b"content-type", b"text/plain"), (b"content-length", b"5")]
        assert conversation.head(framer) == fields
        assert framer.head_sent
        assert framer.body(body(b"he", True)) == b"he"
        assert framer.body(body(b"llo")) == b"llo"
        assert (framer.state, framer.end()) == (COMPLETE, PERSISTS)


def test_a_repeated_head_takes_one_byte_for_each_field(conversation: Conversation) -> None:
    for size in (100, 10, 6):
        framer = conversation.begin()
        framer.start(
            start(200, [(b"content-type", b"text/plain"), [b"x-a", b"b"], (b"content-length", b"5")]), DEFAULTS
        )
        assert len(framer.head()) <= size or size == 10


def test_names_are_in_lower_case(conversation: Conversation) -> None:
    for _ in range(3):
        assert conversation.fields(200, [(b"X-A", b"b"), (b"x-a", b"b")]) == [(b"x-a", b"b")] * 2


def test_indexes_names_that_are_converted_to_lower_case(conversation: Conversation) -> None:
    for _ in range(3):
        framer = conversation.begin()
        framer.start(start(200, [(b"X-A", b"b")]), [])
        block = framer.head()
    assert block == b"\x88\xbe"


def test_a_field_at_the_position_of_another(conversation: Conversation) -> None:
    """The framer compares each field with the field at the same position in the last response.

    It checks every field that is not the same.
    """
    sections = [
        [(b"x-a", b"b"), (b"content-length", b"5"), (b"x-c", b"d")],
        [(b"x-a", b"b"), (b"content-length", b"6"), (b"x-c", b"d")],
        [(b"content-length", b"5"), (b"x-a", b"b")],
        [(b"x-a", b"b"), (b"x-c", b"e"), (b"x-c", b"e")],
        [],
        [(b"x-c", b"b")],
    ]
    for section in [*sections * 3, *sections[::-1] * 3]:
        assert conversation.fields(200, section) == section
        for place in range(len(section)):
            wrong = [(name, value + b"\n" * (place == number)) for number, (name, value) in enumerate(section)]
            with pytest.raises(RuntimeError, match=r"Invalid HTTP header value\."):
                conversation.begin().start(start(200, wrong), [])


def test_subclasses_of_bytes_are_bytes(conversation: Conversation) -> None:
    class Text(bytes):
        pass

    for header in [(Text(b"x-a"), b"b"), (b"x-a", Text(b"b")), (Text(b"X-A"), Text(b"b"))]:
        for _ in range(3):
            assert conversation.fields(200, [header]) == [(b"x-a", b"b")]


@pytest.mark.parametrize("value", [b" a b\t", b"a b", b"\ta b"])
def test_values_have_no_spaces_around_them(conversation: Conversation, value: bytes) -> None:
    """A client would treat the response as malformed (RFC 9113 section 8.2.1)."""
    for _ in range(3):
        assert conversation.fields(200, [(b"x-a", value)]) == [(b"x-a", b"a b")]


@pytest.mark.parametrize("name", [b"Connection", b"keep-alive", b"Proxy-Connection", b"upgrade", b"Transfer-Encoding"])
def test_connection_specific_fields_are_dropped(conversation: Conversation, name: bytes) -> None:
    """RFC 9113 section 8.2.2 forbids these fields. The values here are valid with HTTP/1.1."""
    value = b"chunked" if name == b"Transfer-Encoding" else b"keep-alive"
    for _ in range(3):
        assert conversation.fields(200, [(b"x-a", b"b"), (name, value)]) == [(b"x-a", b"b")]
    framer = conversation.begin()
    framer.start(start(), [(name.lower(), value), *DEFAULTS])
    assert conversation.head(framer)[1:] == DEFAULTS


def test_connection_close(conversation: Conversation) -> None:
    framer = conversation.begin()
    framer.start(start(200, [(b"connection", b"a, Close")]), [])
    assert not framer.keep_alive


def test_a_coding_overrides_a_length(conversation: Conversation) -> None:
    """As with HTTP/1.1."""
    headers = [(b"content-length", b"5"), (b"x-a", b"b"), (b"transfer-encoding", b"chunked")]
    for ordered in (headers, headers[::-1]):
        framer = conversation.begin()
        framer.start(start(200, ordered), [])
        assert framer.framing == STREAM
        assert conversation.head(framer)[1:] == [(b"x-a", b"b")]
        assert framer.body(body(b"longer than five")) == b"longer than five"


@pytest.mark.parametrize(
    ("status", "flags", "headers", "framing"),
    [
        (200, 0, [], STREAM),
        (200, 0, [(b"content-length", b" 5 ")], LENGTH),
        (200, HEAD_REQUEST, [(b"content-length", b"5")], NO_BODY),
        (204, 0, [], NO_BODY),
        (304, 0, [(b"content-length", b"5")], NO_BODY),
        (304, 0, [], NO_BODY),
    ],
)
def test_what_ends_the_body(
    conversation: Conversation, status: int, flags: int, headers: list[tuple[bytes, bytes]], framing: int
) -> None:
    framer = conversation.begin(flags)
    framer.start(start(status, headers), [])
    assert framer.framing == framing
    assert conversation.head(framer)[1:] == [(name, value.strip()) for name, value in headers]
    assert framer.body(body(b"hello")) == (b"" if framing == NO_BODY else b"hello")


def test_the_length_of_a_204_is_dropped(conversation: Conversation) -> None:
    for _ in range(3):
        assert conversation.fields(204, [(b"content-length", b"5"), (b"transfer-encoding", b"gzip")]) == []
    assert conversation.fields(200, [(b"content-length", b"5")] * 2) == [(b"content-length", b"5")]


def test_lengths_of_fields_that_are_in_the_table(conversation: Conversation) -> None:
    for _ in range(4):
        framer = conversation.begin()
        framer.start(start(200, [(b"content-length", b"5")]), [])
        framer.head()
        with pytest.raises(RuntimeError, match="Response content longer than Content-Length"):
            framer.body(body(b"123456"))
        with pytest.raises(RuntimeError, match="Response content shorter than Content-Length"):
            framer.body(body(b"1234"))
        with pytest.raises(RuntimeError, match="two different content-length headers"):
            conversation.begin().start(start(200, [(b"content-length", b"5"), (b"content-length", b"6")]), [])


def test_a_refused_message_changes_nothing(conversation: Conversation) -> None:
    framer = conversation.begin()
    with pytest.raises(RuntimeError, match=r"Invalid HTTP header value\."):
        framer.start(start(200, [(b"x-a", b"b"), (b"x-c", b"\n")]), DEFAULTS)
    assert (framer.state, framer.status, framer.head_sent) == (EXPECT_START, 0, False)
    framer.start(start(500), DEFAULTS)
    assert conversation.head(framer) == [(b":status", b"500"), *DEFAULTS]


def test_refuses_a_body_before_the_start(conversation: Conversation) -> None:
    with pytest.raises(
        RuntimeError, match=r"Expected ASGI message 'http\.response\.start', but got 'http\.response\.body'"
    ):
        conversation.begin().start(body(), [])


def test_keep_alive_follows_the_request(conversation: Conversation) -> None:
    assert conversation.begin(KEEP_ALIVE).keep_alive
    assert not conversation.begin(0).keep_alive


def send(framer: Any, message: Any, defaults: Any) -> bytes | None:
    """Pass a message to the framer in the same way as the wires do."""
    if defaults == b"":
        part: bytes | None = framer.send(message, defaults)
        return part
    if framer.state == EXPECT_START:
        framer.start(message, defaults)
        return None
    data: bytes = framer.body(message)
    return data


@given(st.sampled_from([0, HEAD_REQUEST]), conversations)
def test_accepts_the_same_messages_as_http1(flags: int, messages: list[Any]) -> None:
    """Compare errors by type and text, the accepted length, and the bodies, on both builds."""
    for build in BUILDS:
        speedups = _speedups.load(build)
        http1 = speedups.ResponseFramer(KEEP_ALIVE | flags)
        conversation = Conversation(speedups)
        http2 = conversation.begin(KEEP_ALIVE | flags)
        for message in messages:
            if http2.state == COMPLETE:
                break
            outcomes = []
            for framer, defaults in ((http1, b""), (http2, [])):
                try:
                    outcomes.append(send(framer, message, defaults) is None)
                except Exception as exc:
                    outcomes.append((type(exc), text_of(exc)))
            assert outcomes[0] == outcomes[1]
            assert (http1.state, http1.status, http1.end() == OPEN) == (http2.state, http2.status, http2.end() == OPEN)
            if http2.state == EXPECT_BODY and not http2.head_sent:
                names = [name for name, _ in conversation.head(http2)]
                assert names[0] == b":status"
                assert not {b"connection", b"transfer-encoding", b"upgrade", b"keep-alive"} & {*names}
