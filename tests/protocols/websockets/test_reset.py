"""A client that resets the connection while the server closes it."""

import errno
from typing import Any

import pytest

from tests.protocols.websockets.frames import TEXT, frame


async def test_does_not_half_close_after_a_reset(connect: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = await connect(full=True).open()

    def write_eof() -> None:
        raise OSError(errno.ENOTCONN, "Transport endpoint is not connected")

    monkeypatch.setattr(connection.transport, "write_eof", write_eof)
    connection.feed(frame(TEXT, b"\xff"))
    assert [item.code for item in connection.frames()] == [1007]
    assert connection.transport.closed
    assert await connection.disconnect() == (1007, "invalid frame payload data")
    await connection.finish()
