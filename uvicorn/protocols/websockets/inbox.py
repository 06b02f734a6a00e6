"""The messages that the application has not received."""

from collections import deque

from uvicorn.protocols.websockets.codec import Message
from uvicorn.waiters import Waiters


class Inbox:
    """A queue with a high and a low water mark. A cancelled reader loses nothing: messages stay until `get`.

    Args:
        max_messages, max_bytes: that many of either (of text: characters) fill it.

    Attributes:
        messages: what is unread; to be looked at only.
        waiters: woken when there is a message.
    """

    __slots__ = ("_max_bytes", "_max_messages", "_size", "messages", "waiters")

    def __init__(self, max_messages: int, max_bytes: int) -> None:
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._size = 0
        self.messages: deque[Message] = deque()
        self.waiters = Waiters()

    def put(self, message: Message) -> bool:
        """Whether it is full now."""
        messages = self.messages
        messages.append(message)
        self._size = size = self._size + len(message)
        self.waiters.wake()
        return size >= self._max_bytes or len(messages) >= self._max_messages

    def get(self) -> Message:
        message = self.messages.popleft()
        self._size -= len(message)
        return message

    @property
    def drained(self) -> bool:
        """Whether reading should go on: a quarter is left, so that it does not flap."""
        return len(self.messages) * 4 <= self._max_messages and self._size * 4 <= self._max_bytes
