"""Call by call, the two halves are one: results, attributes, and exceptions by type and text."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from tests.fuzz.grammar import heads, mutated, requests
from tests.fuzz.parsing import HALVES
from tests.fuzz.run import QUIET
from tests.fuzz.test_responses import conversations, facts_of, text_of
from uvicorn import _speedups
from uvicorn._speedups._request_py import BODY, FIELDS, TRAILERS

pytestmark = pytest.mark.skipif(len(HALVES) < 2, reason="the compiled half is not there")

LIMITS = (100, 6, 300, 50)
OF_A_BUILDER = ("phase", "hold", "position", "content_length", "chunked", "chunks", "remaining")
OF_A_FRAMER = ("state", "status", "keep_alive", "head_sent", "framing")
OF_A_HEAD = ("method", "target", "path", "raw_path", "query_string", "http_version", "headers", "upgrade")
TEMPLATE = {"type": "http", "asgi": {"version": "3.0"}, "root_path": "", "raw_path": b"", "path": "", "state": {}}


def outcome(call: Any, *arguments: Any) -> Any:
    """What a call returns, or raises."""
    try:
        return call(*arguments)
    except Exception as exc:
        return type(exc), text_of(exc), getattr(exc, "status", None)


class Sink:
    """Records the calls of a builder."""

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def on_request(self, head: Any, facts: int) -> None:
        templates = [({**TEMPLATE, "root_path": path}, TEMPLATE["asgi"], path, path.encode()) for path in ("", "/r")]
        scopes = [head.build_scope(template, ("a", 1), {"b": 2}) for template in templates]
        self.calls.append(([getattr(head, name) for name in OF_A_HEAD], facts, scopes))

    def on_content(self, data: bytes, more_body: bool) -> None:
        self.calls.append((data, more_body))


class Trusting:
    """A builder with a parser that believes everything: what libraries refuse comes through to the builder here."""

    def __init__(self, half: str) -> None:
        self.sink = Sink()
        self.builder = _speedups.load(half).RequestBuilder(self.sink, LIMITS)
        self.builder.parse = self.parse
        self.seen = b""

    def parse(self, data: bytes) -> None:
        builder = self.builder
        if builder.phase == FIELDS:
            self.seen += data
            if not self.seen.endswith(b"\r\n\r\n"):
                return
            self.seen = b""
            builder.on_headers_complete()
        elif builder.phase == BODY and data:
            builder.on_body(data)
        builder.on_message_complete()

    def state(self) -> list[Any]:
        builder = self.builder
        attributes = [getattr(builder, name) for name in OF_A_BUILDER]
        return [*attributes, builder.in_head(), builder.in_message(), self.sink.calls]


class Builders(RuleBasedStateMachine):
    """Both halves are fed the same, until one rejects."""

    def __init__(self) -> None:
        super().__init__()
        self.both = [Trusting(half) for half in HALVES]
        self.rejected = False

    def check(self, name: str, *arguments: Any) -> Any:
        if self.rejected:
            return
        pure, compiled = (outcome(getattr(one.builder, name), *arguments) for one in self.both)
        assert pure == compiled
        assert self.both[0].state() == self.both[1].state()
        self.rejected = isinstance(pure, tuple)

    @rule(data=mutated(st.one_of(requests(), heads())), start=st.integers(0, 3), cut=st.integers(1, 100))
    def feed(self, data: bytes, start: int, cut: int) -> None:
        piece = data[:cut] if cut < 50 else data
        self.check("feed", piece, min(start, len(piece)))

    @rule(data=st.sampled_from([b"\r\n", b"\n", b"\r", b" ", b"X: y\r\n", b":\r\n", b"a", b"\r\n\r\n", b""]))
    def feed_little(self, data: bytes) -> None:
        self.check("feed", data, 0)

    @rule(hold=st.booleans())
    def hold(self, hold: bool) -> None:
        for one in self.both:
            one.builder.hold = hold

    @rule(name=st.sampled_from(["on_chunk_header", "on_headers_complete"]))
    def call(self, name: str) -> None:
        if self.both[0].builder.phase in (BODY, TRAILERS):
            self.check(name)

    @rule(data=st.sampled_from([b"X: y\r\n\r\n", b"Host: a\r\n\r\n", b"\r\n", b"X", b": y\r\n\r\n"]))
    def trailers(self, data: bytes) -> None:
        builder = self.both[0].builder
        if builder.phase in (BODY, TRAILERS) and builder.chunked and not self.rejected:
            if builder.phase == BODY:
                self.check("begin_trailers")
            self.check("take_trailers", data, 0)


TestBuilders = Builders.TestCase
TestBuilders.settings = settings(max_examples=100, stateful_step_count=12, **QUIET)


@settings(max_examples=200, **QUIET)
@given(st.sampled_from(["1.1", "1.0"]), st.sampled_from(["GET", "HEAD"]), st.booleans(), conversations, st.booleans())
def test_framers(version: str, method: str, keep_alive: bool, messages: list[Any], separately: bool) -> None:
    """Sent in order by `send`, or to the method that takes the message."""
    both = [_speedups.load(half).ResponseFramer(facts_of(version, method, keep_alive)) for half in HALVES]
    for message in messages:
        if separately and isinstance(message.get("type"), str) and message["type"].endswith("body"):
            if both[0].state == 0:
                continue
            calls = [(framer.body, message) for framer in both]
        else:
            calls = [(framer.send, message, b"server: s\r\n") for framer in both]
        pure, compiled = (outcome(*call) for call in calls)
        assert pure == compiled
        for name in OF_A_FRAMER:
            assert getattr(both[0], name) == getattr(both[1], name)
        assert both[0].end() == both[1].end()
