"""Sends a file over a socket with sendfile(2): the bytes do not pass through this process.

While a transfer runs, writing to the transport is paused. Other messages of the application wait, and the client has
`timeout_send` seconds to take a part of the file. The transfer waits for the socket with a duplicate of its descriptor,
because an event loop refuses to watch the descriptor of a transport a second time.
"""

import asyncio
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from uvicorn.protocols.connection import Connection

# Untyped, because `os` has no `sendfile` on Windows; `can_transfer` is false there.
_system: Any = os

# The most bytes to send in one call, so that other connections are served in between.
TURN = 1 << 20


def can_transfer(connection: "Connection") -> bool:
    """Whether the kernel can send a file over this connection: it is not encrypted, and the transport has a socket."""
    transport: Any = connection.transport
    return (
        hasattr(os, "sendfile")
        and not connection.secure
        and hasattr(transport, "set_write_buffer_limits")
        and transport.get_extra_info("socket") is not None
    )


class Transfer:
    """Sends a part of a file to a client.

    Args:
        connection: a connection for which `can_transfer` is true.
        resume: called at the end of the transfer; writing to the connection is no longer paused.
        file: the descriptor of a regular file.
        offset: the position of the part in the file, in bytes.
        size: the length of the part in bytes, at least one.

    Attributes:
        left: the number of bytes that were not sent yet.
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
        """Send the part.

        Returns when everything was sent, the connection was lost, or `sendfile` failed. In the last two cases `left` is
        not 0.
        """
        connection = self._connection
        transport = connection.transport
        if connection.unsent():
            # Earlier bytes are still in the buffer of the transport, and have to go out first. With a limit of 0, the
            # transport calls `resume_writing` when its buffer is empty.
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
        """Send as much as the socket takes, each time that it is writable."""
        connection = self._connection
        self._socket = os.dup(self._socket)
        connection.transfer = self
        connection.pause_writing()
        self._loop.add_writer(self._socket, self._on_writable)
        try:
            # Returns at the end of the transfer, and also when the connection is lost.
            await connection.flow.drain()
        finally:
            self._loop.remove_writer(self._socket)
            os.close(self._socket)
            connection.transfer = None
            if connection.flow.write_paused:
                # The task was cancelled during the transfer.
                self._resume()

    def _on_writable(self) -> None:
        if not self._step():
            self._loop.remove_writer(self._socket)
            self._resume()

    def _step(self) -> bool:
        """Send as much as the socket takes now. Returns whether there is more to send."""
        try:
            sent = _system.sendfile(self._socket, self._file, self._offset, min(self.left, TURN))
        except BlockingIOError:
            return True
        except ConnectionError:
            # While reading is paused, the loop does not notice that the client has gone.
            self._connection.reset()
            return False
        except OSError:
            # Some file systems do not support it. The caller reads the file instead; if the file is bad, that raises.
            return False
        self._offset += sent
        self.left -= sent
        # 0 bytes are sent if the file has become shorter.
        return sent > 0 and self.left > 0
