"""Parsers that are handed on from idle connections carry nothing from one to the other."""

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.parsing import HALVES, PARSERS, Recorder, make_parser
from tests.fuzz.run import QUIET
from tests.protocols.http.classes import PUBLIC, protocol_class
from tests.protocols.http.connection import GET, Connection
from uvicorn.server import ServerState


async def repeat(scope: Any, receive: Any, send: Any) -> None:
    """Answers with what was asked."""
    message = await receive()
    said = repr((scope["method"], scope["path"], scope["headers"], message["body"])).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(said))]})
    await send({"type": "http.response.body", "body": said})


def connect(http_protocol_cls: Any, count: int) -> list[Connection]:
    """Connections of one server."""
    state = ServerState()
    made = [Connection(http_protocol_cls, repeat, server_state=state) for _ in range(count)]
    for connection in made:
        # Those of one configuration have one pool.
        connection.protocol._parsers = made[0].protocol._parsers
    return made


async def ask(connection: Connection, path: bytes) -> None:
    response = await connection.ask(b"GET %b HTTP/1.1\r\nHost: a\r\nX-Path: %b\r\n\r\n" % (path, path))
    expected = ("GET", path.decode(), [(b"host", b"a"), (b"x-path", path)], b"")
    assert response.body == repr(expected).encode()


def has_parser(connection: Connection) -> bool:
    return connection.protocol._parser is not None


async def test_who_got_it_first_hands_it_on(http_protocol_cls: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("uvicorn.protocols.http.parser.RESTING_MAX", 2)
    first, second, third, silent = connect(http_protocol_cls, 4)
    for connection in (first, second):
        await ask(connection, b"/1")
    assert has_parser(first)
    assert first.protocol.scope["path"] == "/1"
    await ask(third, b"/2")
    assert [has_parser(connection) for connection in (first, second, third, silent)] == [False, True, True, False]
    assert first.protocol.scope is None
    assert first.protocol.headers == []
    # And gets another when it has something to parse.
    await ask(first, b"/3")
    assert [has_parser(connection) for connection in (first, second, third, silent)] == [True, False, True, False]
    for connection in (silent, third, second, first):
        await ask(connection, b"/4")
    silent.lose()
    for connection in (third, second, first):
        await ask(connection, b"/5")


async def test_what_has_begun_is_not_interrupted(http_protocol_cls: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("uvicorn.protocols.http.parser.RESTING_MAX", 1)
    in_line, in_head, in_body, in_app, other = connect(http_protocol_cls, 5)
    in_line.feed(GET[:3])
    in_head.feed(GET[:-2])
    in_body.feed(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab")
    in_app.feed(GET)
    await ask(other, b"/")
    assert all(map(has_parser, (in_line, in_head, in_body, in_app)))
    in_line.feed(GET[3:])
    in_head.feed(GET[-2:])
    in_body.feed(b"c")
    for connection in (in_app, in_body, in_head, in_line):
        await connection.run()
        assert connection.statuses == [200]
    assert b"b'abc'" in in_body.responses()[0].body


async def test_empty_lines_are_a_beginning(http_protocol_cls: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """They count for the connection that they came on, and for no other."""
    monkeypatch.setattr("uvicorn.protocols.http.parser.RESTING_MAX", 1)
    state = ServerState()
    first, second = (
        Connection(http_protocol_cls, repeat, server_state=state, limit_request_line=100, limit_request_head=100)
        for _ in range(2)
    )
    second.protocol._parsers = first.protocol._parsers
    first.feed(b"\r\n" * 40)
    second.feed(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 50 + b"\r\n\r\n")
    await second.run()
    assert second.statuses == [200]
    first.feed(b"\r\n" * 11)
    assert first.statuses == [400]


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("library", PARSERS)
def test_a_request_that_is_held_back_is_a_beginning(library: str, half: str) -> None:
    parser = make_parser(library, half, Recorder())
    assert parser.is_fresh()
    parser.builder.hold = True
    parser.feed(GET)
    parser.builder.hold = False
    assert not parser.is_fresh()
    parser.feed(b"")
    assert parser.is_fresh()


async def test_an_idle_connection_ends_without_one(http_protocol_cls: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("uvicorn.protocols.http.parser.RESTING_MAX", 1)
    first, second, third = connect(http_protocol_cls, 3)
    await ask(first, b"/")
    await ask(second, b"/")
    assert not has_parser(first)
    assert not first.protocol.eof_received()
    assert first.statuses == []
    for connection in (first, third):
        connection.protocol.shutdown()
        assert connection.transport.is_closing()


streams = st.lists(
    st.sampled_from(
        [
            b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n",
            b"GET /b HTTP/1.1\r\nHost: a\r\nX-Own: b\r\n\r\n",
            b"POST /c HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
            b"POST /d HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n",
            b"\r\nHEAD /e HTTP/1.1\r\nHost: a\r\n\r\n",
            b"GET /f HTTP/1.0\r\n\r\n",
            b"GET /g HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            b"GET /h HTTP/1.1\r\n\r\n",
        ]
    ),
    min_size=1,
    max_size=4,
)


async def feed(connection: Connection, piece: bytes, running: "list[asyncio.Task[None]]") -> None:
    """Feed, and let the applications run as far as they can."""
    if not connection.transport.is_closing():
        connection.feed(piece)
    # A receive that waits, the next of a pipeline, and the turns of the loop that it takes to get there.
    for _ in range(10):
        if connection.loop.waiting:
            running.append(connection.loop.start_one())
        await asyncio.sleep(0)


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("parser", sorted(PUBLIC))
def test_each_connection_says_what_it_would_say_alone(parser: str, half: str) -> None:
    http_protocol_cls = protocol_class(parser, half)

    @settings(max_examples=60, **QUIET)
    @given(st.lists(streams, min_size=2, max_size=4), st.randoms(use_true_random=False))
    def check(conversations: list[list[bytes]], random: Any) -> None:
        asyncio.run(converse(conversations, random))

    async def converse(conversations: list[list[bytes]], random: Any) -> None:
        together = connect(http_protocol_cls, len(conversations))
        left = [b"".join(stream) for stream in conversations]
        pieces: list[list[bytes]] = [[] for _ in conversations]
        running: list[asyncio.Task[None]] = []
        try:
            while any(left):
                number = random.choice([number for number, rest in enumerate(left) if rest])
                size = random.randint(1, len(left[number]))
                piece, left[number] = left[number][:size], left[number][size:]
                pieces[number].append(piece)
                await feed(together[number], piece, running)
            for connection, fed in zip(together, pieces, strict=True):
                [alone] = connect(http_protocol_cls, 1)
                for piece in fed:
                    await feed(alone, piece, running)
                assert connection.wire == alone.wire
                assert connection.ended == alone.ended
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("uvicorn.protocols.http.parser.RESTING_MAX", 1)
        check()
