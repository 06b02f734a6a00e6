"""Both builds behave alike, call by call: results, attributes, and exceptions by type and text."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from tests.fuzz.grammar import heads, mutated, requests
from tests.fuzz.parsing import BUILDS
from tests.fuzz.run import QUIET
from tests.fuzz.test_responses import conversations, flags_of, text_of
from uvicorn import _speedups

pytestmark = pytest.mark.skipif(len(BUILDS) < 2, reason="the compiled build is missing")

LIMITS = (100, 6, 300, 50)
OF_A_READER = ("state", "more_body", "remaining")
OF_A_FRAMER = ("state", "status", "keep_alive", "head_sent", "framing")
OF_A_HEAD = ("method", "target", "path", "raw_path", "query_string", "http_version", "headers", "upgrade", "flags")
TEMPLATE = {"type": "http", "asgi": {"version": "3.0"}, "root_path": "", "raw_path": b"", "path": "", "state": {}}


def outcome(call: Any, *arguments: Any) -> Any:
    """The result of a call, or its exception."""
    try:
        return call(*arguments)
    except Exception as exc:
        return type(exc), text_of(exc), getattr(exc, "status", None)


class Reading:
    """A reader whose judge accepts everything, so that the reader gets lines that the libraries would refuse."""

    def __init__(self, build: str, root_path: str = "/r") -> None:
        self.reader = _speedups.load(build).RequestReader(lambda lines: None, LIMITS)
        template = {**TEMPLATE, "root_path": root_path}, TEMPLATE["asgi"], root_path, root_path.encode(), {"e": {}}
        self.reader.set_template(template, ("a", 1), {"b": 2})
        self.events: list[Any] = []

    def read(self, data: bytes) -> None:
        self.reader.feed(data)
        while self.next():
            pass

    def next(self) -> bool:
        event = self.reader.next()
        if event is None:
            return False
        if type(event) is not bytes:
            event = [getattr(event, name) for name in OF_A_HEAD], self.reader.build_scope()
        self.events.append(event)
        return True

    def state(self) -> list[Any]:
        reader = self.reader
        attributes = [getattr(reader, name) for name in OF_A_READER]
        return [*attributes, reader.in_head(), reader.in_message(), reader.has_unread(), self.events]


class Readers(RuleBasedStateMachine):
    """Both builds read the same bytes until one of them rejects the request."""

    def __init__(self) -> None:
        super().__init__()
        self.both = [Reading(build) for build in BUILDS]
        self.rejected = False

    def check(self, call: Any) -> None:
        if self.rejected:
            return
        pure, compiled = (outcome(call, one) for one in self.both)
        assert pure == compiled
        assert self.both[0].state() == self.both[1].state()
        self.rejected = isinstance(pure, tuple)

    @rule(data=mutated(st.one_of(requests(), heads())), cut=st.integers(1, 100))
    def feed(self, data: bytes, cut: int) -> None:
        piece = data[:cut] if cut < 50 else data
        self.check(lambda one: one.reader.feed(piece))

    @rule(
        data=st.sampled_from(
            [b"\r\n", b"\n", b"\r", b" ", b"X: y\r\n", b":\r\n", b"a", b"\r\n\r\n", b"", b"Host: a\r\n\r\n", b"0\r\n"]
        )
    )
    def feed_little(self, data: bytes) -> None:
        self.check(lambda one: one.reader.feed(data))

    @rule()
    def next(self) -> None:
        self.check(lambda one: one.next() or None)

    @rule()
    def read_all(self) -> None:
        self.check(lambda one: one.read(b""))

    @rule()
    def take_rest(self) -> None:
        if self.both[0].events:
            self.check(lambda one: one.events.append(one.reader.take_rest()))


TestReaders = Readers.TestCase
TestReaders.settings = settings(max_examples=100, stateful_step_count=20, **QUIET)


@settings(max_examples=200, **QUIET)
@given(st.sampled_from(["1.1", "1.0"]), st.sampled_from(["GET", "HEAD"]), st.booleans(), conversations, st.booleans())
def test_framers(version: str, method: str, keep_alive: bool, messages: list[Any], separately: bool) -> None:
    """Messages are passed in order to `send`, or to the method for their type."""
    both = [_speedups.load(build).ResponseFramer(flags_of(version, method, keep_alive)) for build in BUILDS]
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
