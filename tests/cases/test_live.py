"""Every wire case once against a real server, over TCP, whole and byte by byte."""

import asyncio
import contextlib
import json
import socket
from pathlib import Path

import pytest

from tests.cases.case import Case, Expect, shared_cases
from tests.cases.outcome import Outcome, Seen, complaint, parse_responses
from tests.cases.own import CASES
from tests.known_differences import KNOWN_DIFFERENCES
from tests.processes import PATIENCE, PATIENCE_FOR_MANY, run_async, serve

ALL_CASES = shared_cases() + CASES
# This request is served at the end of a conversation that stays open. Requests are answered in order, so an answer
# to an earlier request must come before this answer.
SENTINEL = b"GET /sentinel HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n"
AT_ONCE = 16


def _goes_on(case: Case) -> bool:
    """Whether the connection stays open, so that the sentinel can be sent on it."""
    return case.verdict is Expect.ACCEPT and not (case.close or case.half_close or case.interim)


async def _send(writer: asyncio.StreamWriter, case: Case, size: int) -> None:
    data = case.data + (SENTINEL if _goes_on(case) else b"")
    # The server may cut off a rejected client while it still sends; that is correct.
    with contextlib.suppress(ConnectionError):
        for position in range(0, len(data), size):
            writer.write(data[position : position + size])
            await writer.drain()
            # One pass of the loop, so that the pieces leave one by one.
            await asyncio.sleep(0)
        if case.half_close:
            writer.write_eof()


async def _read(reader: asyncio.StreamReader, case: Case) -> tuple[bytes, bool]:
    if case.interim:
        # The connection stays open, because the server waits for a body or frames that the client does not send.
        return await reader.readuntil(b"\r\n\r\n"), False
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := await reader.read(65536):
            received += piece
    return received, True


async def _connect(port: int, used: set[int]) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, int]:
    """Connect from a port that no case has used yet: the port tells which case a record belongs to."""
    while True:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**20)
        own_port: int = writer.get_extra_info("sockname")[1]
        if own_port not in used:
            used.add(own_port)
            writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return reader, writer, own_port
        writer.transport.abort()


async def _converse(port: int, used: set[int], case: Case, size: int) -> tuple[int, bytes, bool]:
    reader, writer, own_port = await _connect(port, used)
    sending = asyncio.ensure_future(_send(writer, case, size))
    try:
        received, ended = await asyncio.wait_for(_read(reader, case), PATIENCE / 3)
    finally:
        sending.cancel()
        writer.transport.abort()
    return own_port, received, ended


def _outcome(case: Case, received: bytes, ended: bool, seen: list[Seen]) -> Outcome:
    responses = parse_responses(received, [request.method for request in seen], ended=ended)
    if not _goes_on(case):
        return Outcome(responses, tuple(seen), ended)
    # The sentinel was served last, or the connection was closed before the sentinel.
    served = bool(seen) and seen[-1].path == "/sentinel"
    return Outcome(responses[:-1], tuple(seen[:-1]), False) if served else Outcome(responses, tuple(seen), True)


def _records(path: Path) -> dict[int, list[Seen]]:
    seen: dict[int, list[Seen]] = {}
    for line in path.read_text().splitlines():
        record = json.loads(line)
        request = Seen(record["method"], record["path"], record["body"].encode("latin-1"), record["complete"])
        seen.setdefault(record["port"], []).append(request)
    return seen


async def _run(port: int, cases: list[Case], size: int) -> list[tuple[Case, int, bytes, bool] | tuple[Case, str]]:
    limit = asyncio.Semaphore(AT_ONCE)
    used: set[int] = set()

    async def one(case: Case) -> tuple[Case, int, bytes, bool] | tuple[Case, str]:
        async with limit:
            try:
                return (case, *await _converse(port, used, case, size))
            except (TimeoutError, asyncio.TimeoutError):
                return case, "neither an answer nor an end"

    return await asyncio.gather(*map(one, cases))


@pytest.mark.parametrize("delivery", ["whole", "singly"])
def test_over_tcp(parser: str, loop: str, delivery: str, tmp_path: Path) -> None:
    record = tmp_path / "record"
    record.touch()
    cases = [case for case in ALL_CASES if (case.id, parser) not in KNOWN_DIFFERENCES]
    if delivery == "singly":
        cases = [case for case in cases if len(case.data) < 500 and not case.sweep]
    options = ["--http", parser, "--loop", loop, "--lifespan", "off", "--no-access-log", "--no-proxy-headers"]
    with serve("tests.cases.echo:app", *options, env={"RECORD": str(record)}) as server:
        results = run_async(_run(server.port, cases, 2**20 if delivery == "whole" else 1), timeout=PATIENCE_FOR_MANY)
        seen = _records(record)
    failures = []
    for case, *result in results:
        if len(result) == 1:
            failures.append(f"{case.id}: {result[0]}")
            continue
        own_port, received, ended = result
        wrong = complaint(case, _outcome(case, received, ended, seen.get(own_port, [])))
        if wrong is not None:
            failures.append(f"{case.id}: {wrong}")
    assert not failures, "\n".join(failures)
