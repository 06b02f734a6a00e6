"""Sends a file over a socket without reading it into this process (sendfile of the operating system).

While a transfer runs, the transport counts as full: what else the application sends waits, and the client has
`timeout_send` to take some of the file. The socket is watched by a descriptor of our own, because a loop refuses to
watch that of a transport twice.
"""

import asyncio
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from uvicorn.protocols.connection import Connection

# On Windows it has no `sendfile`, and nothing is transferred.
_system: Any = os

# Bytes that one connection is sent before the others have their turn.
TURN = 1 << 20


def can_transfer(connection: "Connection") -> bool:
    """Whether the bytes of a file can go from the kernel straight into the connection."""
    transport: Any = connection.transport
    return (
        hasattr(os, "sendfile")
        and not connection.secure
        and hasattr(transport, "set_write_buffer_limits")
        and transport.get_extra_info("socket") is not None
    )


class Transfer:
    """A part of a file on its way to a client.

    Args:
        connection: for which `can_transfer` is true.
        resume: called when the client may be sent something else.
        file: the descriptor of a regular file.
        offset: where the part begins.
        size: bytes of the part, at least one.

    Attributes:
        left: bytes that were not sent.
    """

    __slots__ = ("_connection", "_file", "_loop", "_offset", "_resume", "_socket", "left")

    def __init__(self, connection: "Connection", resume: Callable[[], None], file: int, offset: int, size: int) -> None:
        self._connection = connection
        self._resume = resume
        self._file = file
        self._offset = offset
        self._loop = asyncio.get_running_loop()
        self._socket = -1
        self.left = size

    async def run(self) -> None:
        """Return when all is sent, the connection is lost, or `sendfile` gives up: then `left` is not 0."""
        connection = self._connection
        transport = connection.transport
        if connection.unsent():
            # What was written before has to go out first: the transport is to tell when it has nothing left.
            transport.set_write_buffer_limits(high=0)
            try:
                await connection.flow.drain()
            finally:
                transport.set_write_buffer_limits()
        if transport.is_closing():
            return
        self._socket = transport.get_extra_info("socket").fileno()
        if self._step():
            await self._run_on()

    async def _run_on(self) -> None:
        """Send what the socket takes whenever it takes something."""
        connection = self._connection
        self._socket = os.dup(self._socket)
        connection.transfer = self
        connection.pause_writing()
        self._loop.add_writer(self._socket, self._on_writable)
        try:
            # It ends when the connection is lost, too.
            await connection.flow.drain()
        finally:
            self._loop.remove_writer(self._socket)
            os.close(self._socket)
            connection.transfer = None
            if connection.flow.write_paused:
                # The application was cancelled.
                self._resume()

    def _on_writable(self) -> None:
        if not self._step():
            self._loop.remove_writer(self._socket)
            self._resume()

    def _step(self) -> bool:
        """Send what the socket takes now; whether there is more to do."""
        try:
            sent = _system.sendfile(self._socket, self._file, self._offset, min(self.left, TURN))
        except BlockingIOError:
            return True
        except ConnectionError:
            # The loop may not know yet, if it does not read.
            self._connection.reset()
            return False
        except OSError:
            # Not from this file system. To read it says what is wrong, if anything is.
            return False
        self._offset += sent
        self.left -= sent
        # It sends nothing if the file has become shorter.
        return sent > 0 and self.left > 0
