"""HTTP/2 sessions of both builds, with another implementation of HTTP/2 (h2) as the client.

Requests and responses have any size and order, and windows, settings and resets occur at any time. Both builds return
the same events and send the same bytes, the client finds no fault in them, and all data arrives.
"""

import dataclasses
from typing import Any

import h2.config
import h2.connection
import h2.events
import h2.settings
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.fuzz.parsing import BUILDS, UNLIMITED
from tests.fuzz.run import QUIET
from uvicorn import _speedups
from uvicorn._speedups.flags import COMPLETE
from uvicorn._speedups.http2_codes import BODY, CANCEL, REQUEST, RESET, STREAM_ERROR

MAX_STREAMS = 8
DEFAULTS = [(b"date", b"Thu, 01 Jan 2026 00:00:00 GMT"), (b"server", b"uvicorn")]
START = [(b":scheme", b"https"), (b":authority", b"a.example"), (b":path", b"/a?b=c")]

sizes = st.sampled_from([0, 1, 10, 16384, 16385, 30_000, 65_535, 65_536, 140_000])
fields = st.lists(
    st.tuples(st.sampled_from([b"x-a", b"x-b", b"cookie", b"accept"]), st.sampled_from([b"1", b"2", b"y" * 300])),
    max_size=4,
)


@dataclasses.dataclass
class Exchange:
    """A request and its response, as the client and the applications know them.

    Attributes:
        streams: the stream in each build, once the session has returned the request.
        sent: the sent part of the request body, and whether the body is complete.
        taken: the part of the request body that the applications have received.
        answered: the sent part of the response body, and whether the body is complete.
        received: the part of the response body that the client has received.
        reset: whether either side has reset the stream.
    """

    number: int
    streams: list[Any] = dataclasses.field(default_factory=list)
    sent: bytearray = dataclasses.field(default_factory=bytearray)
    sent_all: bool = False
    taken: bytearray = dataclasses.field(default_factory=bytearray)
    taken_all: bool = False
    started: bool = False
    answered: bytearray = dataclasses.field(default_factory=bytearray)
    answered_all: bool = False
    received: bytearray = dataclasses.field(default_factory=bytearray)
    received_all: bool = False
    reset: bool = False
    released: bool = False


class Peer(RuleBasedStateMachine):
    """One connection between h2 and the sessions of both builds."""

    def __init__(self) -> None:
        super().__init__()
        config = h2.config.H2Configuration(client_side=True, header_encoding=None)
        self.client = h2.connection.H2Connection(config)
        self.sessions = [_speedups.load(build).Session(UNLIMITED, MAX_STREAMS) for build in BUILDS]
        self.exchanges: dict[int, Exchange] = {}
        self.bytes_out = b""
        self.client.initiate_connection()
        self.deliver()

    # Transfer of bytes between the client and the sessions

    def deliver(self) -> None:
        """Move all bytes until neither side has bytes to send."""
        while True:
            data = self.client.data_to_send()
            for session in self.sessions:
                session.feed(data, 0.0)
            self.take_events()
            outputs = [session.take_output() for session in self.sessions]
            assert all(output == outputs[0] for output in outputs)
            for session in self.sessions:
                session.output.take_drained()
            if not data and not outputs[0]:
                return
            self.take_client_events(self.client.receive_data(outputs[0]))

    def take_events(self) -> None:
        """The events of the sessions, which must be equal."""
        while True:
            events = [session.next() for session in self.sessions]
            assert len({None if event is None else event[0] for event in events}) == 1
            if events[0] is None:
                return
            kind, stream, content = events[0]
            if stream is None:
                assert kind == STREAM_ERROR
                continue
            assert all(event[1].number == stream.number for event in events)
            exchange = self.exchanges[stream.number]
            if kind == REQUEST:
                exchange.streams = [event[1] for event in events]
                heads = [event[2] for event in events]
                assert all(head.headers == heads[0].headers and head.flags == heads[0].flags for head in heads)
                exchange.taken_all = not stream.more_body
            elif kind == BODY:
                assert all(event[2] == content for event in events)
                exchange.taken += content
                exchange.taken_all = not stream.more_body
            else:
                assert kind in (RESET, STREAM_ERROR)
                exchange.reset = True

    def take_client_events(self, events: list[Any]) -> None:
        for event in events:
            exchange = self.exchanges.get(getattr(event, "stream_id", 0))
            if isinstance(event, h2.events.ConnectionTerminated):
                raise AssertionError(f"GOAWAY: {event}")
            if exchange is None:
                continue
            if isinstance(event, h2.events.DataReceived):
                exchange.received += event.data
                self.client.acknowledge_received_data(event.flow_controlled_length, exchange.number)
            elif isinstance(event, h2.events.StreamEnded):
                exchange.received_all = True
            elif isinstance(event, h2.events.StreamReset):
                exchange.reset = True
            elif isinstance(event, h2.events.ResponseReceived):
                assert event.headers is not None
                names = [bytes(name) for name, _ in event.headers]
                assert names[:3] == [b":status", b"date", b"server"]

    def pick(self, number: int, wanted: Any) -> Exchange | None:
        """Choose one of the exchanges for which the action is possible."""
        found = [exchange for exchange in self.exchanges.values() if not exchange.reset and wanted(exchange)]
        return found[number % len(found)] if found else None

    # The client

    @initialize(count=st.integers(1, 4), window=st.sampled_from([None, 1000, 200_000]))
    def begin(self, count: int, window: int | None) -> None:
        """Start with some requests that wait for their answers."""
        if window is not None:
            self.change_window(window)
        for number in range(count):
            self.request(b"POST", [], number > 0, True)

    @rule(method=st.sampled_from([b"GET", b"POST", b"HEAD"]), more=fields, body=st.booleans(), now=st.booleans())
    def request(self, method: bytes, more: list[tuple[bytes, bytes]], body: bool, now: bool) -> None:
        if self.client.open_outbound_streams >= MAX_STREAMS:
            return
        number = self.client.get_next_available_stream_id()
        exchange = self.exchanges[number] = Exchange(number, sent_all=not body)
        self.client.send_headers(number, [(b":method", method), *START, *more], end_stream=not body)
        if now:
            self.deliver()
            assert exchange.streams or exchange.reset

    @rule(number=st.integers(0, 50), size=sizes, end=st.sampled_from(["no", "yes", "trailers"]), padding=st.booleans())
    def send_body(self, number: int, size: int, end: str, padding: bool) -> None:
        exchange = self.pick(number, lambda exchange: not exchange.sent_all and not exchange.received_all)
        if exchange is None:
            return
        pad = 10 if padding else None
        room = self.client.local_flow_control_window(exchange.number) - (11 if padding else 0)
        size = max(0, min(size, room, self.client.max_outbound_frame_size - 11))
        data = bytes([exchange.number & 255]) * size
        if room >= 0:
            self.client.send_data(exchange.number, data, end_stream=end == "yes", pad_length=pad)
            exchange.sent += data
            exchange.sent_all = end == "yes"
        if end == "trailers":
            self.client.send_headers(exchange.number, [(b"x-checksum", b"1")], end_stream=True)
            exchange.sent_all = True

    @rule(number=st.integers(0, 50))
    def reset_by_client(self, number: int) -> None:
        exchange = self.pick(number, lambda exchange: not exchange.received_all)
        if exchange is not None:
            self.client.reset_stream(exchange.number, CANCEL)
            exchange.reset = True

    @rule(window=st.sampled_from([0, 1, 1000, 65_535, 200_000]))
    def change_window(self, window: int) -> None:
        self.client.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window})

    @rule(size=st.sampled_from([0, 60, 1000, 4096, 65_536]))
    def change_table(self, size: int) -> None:
        self.client.update_settings({h2.settings.SettingCodes.HEADER_TABLE_SIZE: size})

    @rule(number=st.integers(0, 50), size=st.sampled_from([1, 1000, 100_000]))
    def open_window(self, number: int, size: int) -> None:
        exchange = self.pick(number, lambda exchange: not exchange.received_all)
        if exchange is not None:
            self.client.increment_flow_control_window(size, exchange.number)

    @rule()
    def ping(self) -> None:
        self.client.ping(b"12345678")

    @rule()
    def exchange_bytes(self) -> None:
        self.deliver()

    # The applications

    @rule(
        number=st.integers(0, 50),
        status=st.sampled_from([200, 404, 503, 204]),
        more=fields,
        parts=st.lists(sizes, max_size=3),
        end=st.booleans(),
        now=st.booleans(),
    )
    def answer(
        self, number: int, status: int, more: list[tuple[bytes, bytes]], parts: list[int], end: bool, now: bool
    ) -> None:
        """Start a response if it has not started, and send more of it."""
        exchange = self.pick(number, lambda exchange: exchange.streams and not exchange.answered_all)
        if exchange is None:
            return
        if not exchange.started:
            self.start(exchange, status, more)
        for size in parts:
            self.send_part(exchange, size, True)
        if end:
            self.send_part(exchange, 10, False)
        if now:
            self.deliver()

    def start(self, exchange: Exchange, status: int, more: list[tuple[bytes, bytes]]) -> None:
        exchange.started = True
        message = {"type": "http.response.start", "status": status, "headers": more}
        for session, stream in zip(self.sessions, exchange.streams, strict=True):
            session.start(stream, message, DEFAULTS)
            if len(more) & 1:
                session.send_head(stream)

    def send_part(self, exchange: Exchange, size: int, more_body: bool) -> None:
        data = bytes([exchange.number & 255]) * size
        message = {"type": "http.response.body", "body": data, "more_body": more_body}
        for session, stream in zip(self.sessions, exchange.streams, strict=True):
            state = session.send(stream, message)
            assert (state == COMPLETE) is not more_body
        if exchange.streams[0].framer.framing:
            exchange.answered += data
        exchange.answered_all = not more_body

    @rule(number=st.integers(0, 50))
    def take_body(self, number: int) -> None:
        """The application receives the available body, or waits for more."""
        exchange = self.pick(number, lambda exchange: exchange.streams and not exchange.released)
        if exchange is not None:
            for session, stream in zip(self.sessions, exchange.streams, strict=True):
                session.credit(stream)

    @rule(number=st.integers(0, 50))
    def reset_by_application(self, number: int) -> None:
        exchange = self.pick(number, lambda exchange: exchange.streams and not exchange.answered_all)
        if exchange is not None:
            for session, stream in zip(self.sessions, exchange.streams, strict=True):
                session.reset(stream, CANCEL)
            exchange.reset = True

    @rule()
    @precondition(lambda self: any(exchange.reset or exchange.answered_all for exchange in self.exchanges.values()))
    def release(self) -> None:
        """The applications that have nothing more to do return."""
        for exchange in self.exchanges.values():
            if (exchange.reset or exchange.answered_all) and exchange.streams and not exchange.released:
                exchange.released = True
                for session, stream in zip(self.sessions, exchange.streams, strict=True):
                    session.release(stream)

    # The end

    def teardown(self) -> None:
        """Complete all exchanges and check the data that arrived."""
        self.client.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 1 << 24})
        self.client.increment_flow_control_window(1 << 24)
        self.deliver()
        for exchange in list(self.exchanges.values()):
            if exchange.reset or exchange.answered_all:
                continue
            assert exchange.streams
            if not exchange.started:
                self.start(exchange, 200, [])
            self.send_part(exchange, 100_000, False)
        self.deliver()
        self.release()
        for exchange in self.exchanges.values():
            if not exchange.reset or exchange.received_all:
                assert exchange.received_all
                assert exchange.received == exchange.answered
            assert exchange.sent.startswith(exchange.taken)
            if exchange.sent_all and not exchange.reset and exchange.taken_all:
                assert exchange.taken == exchange.sent
        for session in self.sessions:
            assert not session.streams
            assert session.active == 0


TestPeer = Peer.TestCase
TestPeer.settings = settings(max_examples=60, stateful_step_count=30, **QUIET)
