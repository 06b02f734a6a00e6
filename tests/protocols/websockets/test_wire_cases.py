"""The shared WebSocket cases on each codec: whole, byte by byte, and split."""

import base64
import dataclasses
import json
import zlib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cases.case import SHARED
from tests.protocols.websockets.connection import DEFLATE, request, settle
from tests.protocols.websockets.frames import CLOSE, PONG, ServerFrame, read_frames

FILE = SHARED / "websocket.jsonl"
# A small case is split at every position. A large case, or one with a large inflated size, is split at a few
# evenly spread positions.
SMALL = 300


@dataclasses.dataclass(frozen=True)
class Case:
    """One line of the file; the README beside the file describes its format."""

    id: str
    deflate: bool
    data: bytes
    expect: str
    codes: tuple[int, ...]
    echo: bytes | None

    def complaint(self, frames: list[ServerFrame], ended: bool) -> str | None:
        """What is wrong with the server's answer, or None."""
        messages = [item for item in frames if item.opcode < CLOSE]
        closes = [item for item in frames if item.opcode == CLOSE]
        others = [item for item in frames if item.opcode > CLOSE and item.opcode != PONG]
        echoed = [content(item) for item in messages[:1]] == [self.echo]
        refused = (bool(closes) or ended) and not (self.codes and closes and closes[0].code not in self.codes)
        if others or len(closes) > 1:
            return "frames without a request"
        if self.expect == "echo":
            return None if echoed else "not echoed"
        if self.expect == "close":
            return None if refused and not messages else "not refused"
        return None if echoed or refused else "neither echoed nor refused"


def content(item: ServerFrame) -> bytes:
    return zlib.decompressobj(wbits=-12).decompress(item.payload) if item.rsv else item.payload


def read_cases() -> Iterator[Case]:
    if not FILE.exists():
        return
    with FILE.open() as lines:
        for line in lines:
            case = json.loads(line)
            echo = None if case["echo_b64"] is None else base64.b64decode(case["echo_b64"])
            data = base64.b64decode(case["bytes_b64"])
            yield Case(case["id"], case["deflate"], data, case["expect"], tuple(case["codes"]), echo)


async def echo(scope: Any, receive: Any, send: Any) -> None:
    assert (await receive())["type"] == "websocket.connect"
    await send({"type": "websocket.accept"})
    while (event := await receive())["type"] == "websocket.receive":
        await send({**event, "type": "websocket.send"})


async def converse(connect: Any, case: Case, pieces: list[bytes]) -> tuple[list[ServerFrame], bool]:
    connection = connect(app=echo).feed(request(DEFLATE) if case.deflate else request())
    task = connection.loop.start_one()
    await settle()
    connection.transport.clear_buffer()
    for piece in pieces:
        if not connection.transport.closed:
            connection.feed(piece)
    await settle()
    frames, ended = read_frames(connection.wire), connection.transport.closed
    connection.lose()
    await task
    return frames, ended


@pytest.mark.skipif(not FILE.exists(), reason="the shared cases are missing")
@pytest.mark.parametrize("case", list(read_cases()), ids=lambda case: case.id)
async def test_case(connect: Any, case: Case) -> None:
    data = case.data
    whole = await converse(connect, case, [data])
    assert case.complaint(*whole) is None, whole
    small = len(data) <= SMALL
    size = 1 if small else len(data) // 1000
    single = await converse(connect, case, [data[place : place + size] for place in range(0, len(data), size)])
    assert case.complaint(*single) is None, single
    for place in range(1, len(data), 1 if small else len(data) // 3):
        split = await converse(connect, case, [data[:place], data[place:]])
        assert case.complaint(*split) is None, (place, split)


def test_the_cases_are_read() -> None:
    assert len(list(read_cases())) in range(37, 100) or not FILE.exists()
