"""The messages that were received and that the application has not read."""

import asyncio
from collections import deque

from uvicorn.protocols.websockets.codec import Message


class Inbox:
    """A queue with a high and a low water mark.

    Args:
        max_messages, max_bytes: so many of either (of text: characters) fill it.

    Attributes:
        messages: what is unread; to be looked at only.
    """

    __slots__ = ("_max_bytes", "_max_messages", "_size", "_waiters", "messages")

    def __init__(self, max_messages: int, max_bytes: int) -> None:
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self.messages: deque[Message] = deque()
        self._size = 0
        self._waiters: list[asyncio.Future[None]] = []

    def put(self, message: Message) -> None:
        self.messages.append(message)
        self._size += len(message)
        if self._waiters:
            self.wake()

    def get(self) -> Message:
        message = self.messages.popleft()
        self._size -= len(message)
        return message

    def clear(self) -> None:
        self.messages.clear()
        self._size = 0

    @property
    def full(self) -> bool:
        """Whether reading should pause."""
        return len(self.messages) >= self._max_messages or self._size >= self._max_bytes

    @property
    def drained(self) -> bool:
        """Whether reading should go on: a quarter is left, so that it does not flap."""
        return len(self.messages) * 4 <= self._max_messages and self._size * 4 <= self._max_bytes

    def wake(self) -> None:
        """Wake all who wait: there is a message, or there will never be one."""
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    def waiter(self) -> "asyncio.Future[None]":
        """Done at the next `wake`; messages stay where they are, so that a cancelled reader loses nothing."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._waiters:
            self._waiters = [other for other in self._waiters if not other.done()]
        self._waiters.append(waiter)
        return waiter
